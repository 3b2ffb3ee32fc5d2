package commands

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/manifest"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/profile"
)

type manifestOptions struct {
	job      manifest.Job
	contract string
	startAt  string
	length   time.Duration
}

func newSimulateManifest(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Write a job that plays a fleet on many machines",
		Long: "Write the job with which a scheduler plays the parts of a fleet: the profile and the files that it names are in it. It is\n" +
			"printed; no cluster is talked to.",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd, subcommand{"k8s", newManifestKubernetes}, subcommand{"nomad", newManifestNomad})
	return cmd
}

func newManifestKubernetes(e *env) *cobra.Command {
	o := &manifestOptions{}
	cmd := o.command(e, manifest.Kubernetes, &cobra.Command{
		Use:   "k8s FILE --shards N --image IMAGE [-- FLEET-FLAGS...]",
		Short: "Write a Kubernetes Indexed Job",
		Long: "Write a Kubernetes Indexed Job with a ConfigMap that holds the profile. Each pod plays the part that its completion index\n" +
			"says, is started again with the same index when it fails, and writes a summary to a volume claim. What stands after --\n" +
			"are further flags of simulate fleet.",
		Example: "  mqx simulate manifest k8s cold-rooms.sim.yaml --shards 20 --image registry.example/mqx:1 | kubectl apply -f -\n" +
			"  mqx simulate manifest k8s cold-rooms.sim.yaml --shards 5 --image mqx:dev -- -L mqtt://broker.iot:1883 --duration 10m",
	})
	cmd.Flags().StringVar(&o.job.Claim, "claim", "mqx-results", "the PersistentVolumeClaim that summaries are written to")
	cmd.Flags().StringVar(&o.job.Secret, "secret", "", "the Secret whose keys are the passwords of the devices (default: the name of the job, where the profile has password_env)")
	return cmd
}

func newManifestNomad(e *env) *cobra.Command {
	o := &manifestOptions{}
	cmd := o.command(e, manifest.Nomad, &cobra.Command{
		Use:   "nomad FILE --shards N --image IMAGE [-- FLEET-FLAGS...]",
		Short: "Write a Nomad batch job",
		Long: "Write a Nomad batch job with the profile as a template. Each allocation plays the part that its index says, and writes a\n" +
			"summary to its own folder. What stands after -- are further flags of simulate fleet.",
		Example: "  mqx simulate manifest nomad cold-rooms.sim.yaml --shards 20 --image registry.example/mqx:1 | nomad job run -\n" +
			"  mqx simulate manifest nomad cold-rooms.sim.yaml --shards 20 --driver exec",
	})
	o.job.Driver = "docker"
	cmd.Flags().Var(wordFlag[string]{&o.job.Driver, manifest.Drivers()}, "driver", "how Nomad starts a part: docker or podman with an image, exec or raw_exec with the mqx of the machine")
	return cmd
}

// command adds what all schedulers have.
func (o *manifestOptions) command(e *env, write func(*manifest.Job) (string, error), cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = readOnly()
	fs := cmd.Flags()
	fs.IntVar(&o.job.Shards, "shards", 0, "how many parts the fleet is played in")
	fs.StringVar(&o.job.Image, "image", "", "the container image, whose entry point is mqx")
	fs.StringVar(&o.job.Name, "name", "", "the name of the job (default: that of the profile)")
	fs.StringVar(&o.job.Namespace, "namespace", "", "the namespace of the job")
	fs.StringVar(&o.startAt, "start-at", "", "when all parts begin: a time like 2026-01-05T06:00:00Z (default: each when it is started)")
	fs.Var(durationFlag{&o.length}, "duration", "how long the run is, in simulated time (default: the profile's)")
	fs.StringVar(&o.contract, "contract", "", "the contract that topics follow (default: looked for upwards)")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		switch {
		case len(args) == 0:
			return usageError(cmd, "a profile is expected")
		case cmd.ArgsLenAtDash() < 0 && len(args) > 1 || cmd.ArgsLenAtDash() > 1:
			return usageError(cmd, "one profile is expected; flags of simulate fleet stand after --")
		case o.job.Shards < 1:
			return usageError(cmd, "--shards says how many parts there are")
		case o.job.Image == "" && !slices.Contains([]string{"exec", "raw_exec"}, o.job.Driver):
			return usageError(cmd, "--image is needed: a container image with mqx in it")
		}
		o.job.Args = args[1:]
		text, err := o.write(e, args[0], write)
		if err != nil {
			return err
		}
		out := output.NewLines(e.streams)
		out.Text(text)
		return out.Flush()
	})
	return cmd
}

// write fills the job and writes it.
func (o *manifestOptions) write(e *env, file string, write func(*manifest.Job) (string, error)) (string, error) {
	p, err := e.loadProfile(file, true)
	if err != nil {
		return "", err
	}
	if o.startAt != "" {
		if o.job.StartAt, err = time.Parse(time.RFC3339Nano, o.startAt); err != nil {
			return "", exit.New(exit.Usage, "--start-at", o.startAt, "a time like 2026-01-05T06:00:00Z is expected")
		}
	}
	if o.length > 0 {
		p.Duration = o.length
		o.job.Args = append([]string{"--duration", o.length.String()}, o.job.Args...)
	}
	if o.job.Name == "" {
		o.job.Name = manifest.Name(p.Name)
	}
	o.job.Devices, o.job.Length = p.Count(), time.Duration(float64(p.Duration)/p.Clock.Speed)
	o.job.Ledger = p.Output.Ledger != ""
	credentials := &p.Target.Credentials
	if o.job.Secret == "" && credentials.PasswordEnv != "" {
		o.job.Secret = o.job.Name
	}
	if err := o.pack(e, p, file); err != nil {
		return "", err
	}
	o.warn(e, p)
	text, err := write(&o.job)
	if err != nil {
		return "", exit.Wrap(exit.Usage, "simulate manifest", file, err)
	}
	return text, nil
}

// pack takes the profile along, the files that it names and the contract.
func (o *manifestOptions) pack(e *env, p *profile.Profile, file string) error {
	o.job.Profile = filepath.Base(file)
	o.job.Files = []manifest.File{{Path: o.job.Profile, Data: []byte(p.Text())}}
	for _, name := range p.Files {
		if err := o.take(filepath.Join(filepath.Dir(file), name), filepath.ToSlash(name)); err != nil {
			return err
		}
	}
	c, err := e.loadContract(o.contract)
	if err != nil || c.File == "" {
		return err
	}
	o.job.Contract = filepath.Base(c.File)
	return o.take(c.File, o.job.Contract)
}

// take reads a file.
func (o *manifestOptions) take(name, as string) error {
	data, err := os.ReadFile(name)
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	if err != nil {
		return exit.Wrap(exit.Usage, "simulate manifest", name, err)
	}
	if slices.ContainsFunc(o.job.Files, func(f manifest.File) bool { return f.Path == as }) {
		return exit.New(exit.Usage, "simulate manifest", name, "two files are called "+as)
	}
	o.job.Files = append(o.job.Files, manifest.File{Path: as, Data: data})
	return nil
}

// warn says what the job still needs.
func (o *manifestOptions) warn(e *env, p *profile.Profile) {
	if p.Target.Credentials.Cert != "" {
		e.note("warning: certificates are not taken along: mount them where the profile looks for them, below the folder it is in")
	}
	if o.job.Secret != "" {
		e.note("the passwords of the devices are to be in the Secret %s", o.job.Secret)
	}
	addressed := slices.ContainsFunc(o.job.Args, func(a string) bool {
		return a == "-L" || a == "-h" || strings.HasPrefix(a, "--url") || strings.HasPrefix(a, "--host") || strings.HasPrefix(a, "--unix")
	})
	if addressed {
		return
	}
	host := "localhost"
	if broker := p.Target.Broker; broker != "" {
		if address, err := config.ParseURL(broker); err == nil {
			host = address.Host
		}
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		e.note("warning: the broker is %s, which is each part itself there: name another one in the profile, or after -- (-L)", host)
	}
}
