package commands

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/twin"
)

// askAbove is for how many devices a change needs a yes.
const askAbove = 20

type desiredSetOptions struct {
	desiredOptions
	waitFlags
	rolloutFlags

	patch, jsonPatch, replace string
	set                       twin.SetOptions
	dryRun, detailed          bool
	wait                      bool
}

func newDesiredSet(e *env) *cobra.Command {
	o := &desiredSetOptions{}
	cmd := &cobra.Command{
		Use:   "set DEVICE [key=value...]",
		Short: "Change what is desired of a device",
		Long: "Read what is desired of a device, change it, publish it, and look whether it is stored. a.b=3 and /a/b=3 name a\n" +
			"setting; the value is JSON, else text; null removes the setting; := must be JSON, == is text, =@FILE is read.\n" +
			"A set that changes nothing publishes nothing. Other settings stay, also those that another writer sets meanwhile;\n" +
			"when both set the same one, one of them is told (status 8, or a warning).\n\n" + evidenceHelp + "\n\n" +
			"Status 0: stored, and with --wait converged; 1: the value is not allowed; 4: the broker refused it, or dropped it\n" +
			"silently; 5: not converged in time; 6: offline; 7: the device rejects it; 8: conflict; 9: some of several devices;\n" +
			"10: what is there is no document.",
		Example: "  mqx desired set acme/lyon/cr-001 interval_s=30 mode=eco --wait\n" +
			"  mqx desired set acme/lyon/cr-001 --patch change.json --dry-run\n" +
			"  mqx desired set 'acme/lyon/+' mode=eco --wait --canary 1,10% --yes",
		Args:        cobra.ArbitraryArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.patch, "patch", "", "file with a merge patch (RFC 7396), - is standard input")
	fs.StringVar(&o.jsonPatch, "json-patch", "", "file with a JSON Patch (RFC 6902) for the state; a test that fails is status 8")
	fs.StringVar(&o.replace, "replace", "", "file with the whole new state")
	fs.Var(optionalNumber[uint64]{&o.set.IfRev}, "if-rev", "only if this revision is desired now")
	fs.BoolVar(&o.set.IfNone, "if-none", false, "only if nothing is desired now")
	fs.StringVar(&o.set.ID, "id", "", "id of the new document; one that is there already is left as it is")
	fs.Var(wordFlag[twin.Layout]{&o.set.Layout, []string{"wrapped", "inline", "bare"}}, "layout", "where the document keeps its revision (default: as it is, or wrapped)")
	fs.BoolVar(&o.set.NoMerge, "no-merge", false, "do not merge with what another writer sets meanwhile")
	fs.BoolVar(&o.set.Force, "force", false, "publish although nothing changes; let actions pass; with --replace, replace what is no document")
	fs.BoolVar(&o.set.AllowSecret, "allow-secret", false, "let secrets pass: whoever may read the topic can read them")
	fs.BoolVar(&o.dryRun, "dry-run", false, "print what would change and publish nothing")
	fs.BoolVar(&o.detailed, "detailed-exitcode", false, "with --dry-run: status 1 if something would change")
	fs.BoolVar(&o.wait, "wait", false, "wait until the device has applied it")
	o.waitFlags.addFlags(cmd)
	o.rolloutFlags.addFlags(cmd)
	e.addJSONFlag(cmd, "print what became of each device as a JSON object")
	o.addToleranceFlag(cmd)
	o.desiredOptions.addFlags(cmd)
	fs.Lookup("timeout").Usage = "longest time for each wave (default 30s, with --wait 60s)"
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *desiredSetOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	devices, settings := o.split(args)
	change, err := o.change(e, settings)
	if errors.Is(err, errNoChange) {
		return usageError(cmd, "%s", err)
	} else if err != nil {
		return err
	}
	o.set.DryRun = o.dryRun
	job := rolloutJob{what: "set", options: &o.desiredOptions, flags: &o.rolloutFlags, set: o.set, change: change, all: true}
	if o.wait && !o.dryRun {
		job.wait = &o.waitFlags
	}
	f, err := job.connect(ctx, e, cmd, devices)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	results, err := job.start(ctx, f)
	if err != nil {
		return err
	}
	planned := slices.ContainsFunc(results, func(r twin.Result) bool { return r.Outcome == twin.Planned })
	if planned && o.detailed {
		return &exit.SilentError{Code: exit.Negative}
	}
	return nil
}

// split tells devices from settings: the first argument is a device unless the devices are given by flags.
func (o *desiredSetOptions) split(args []string) (devices, settings []string) {
	if len(args) == 0 || len(o.filters) > 0 || o.fromFile != "" {
		return nil, args
	}
	if first, _, isSetting := strings.Cut(args[0], "="); isSetting && !strings.Contains(first, "/") {
		return nil, args
	}
	return args[:1], args[1:]
}

// change makes the change of arguments and files.
func (o *desiredSetOptions) change(e *env, settings []string) (twin.Change, error) {
	given := 0
	for _, source := range []bool{len(settings) > 0, o.patch != "", o.jsonPatch != "", o.replace != ""} {
		if source {
			given++
		}
	}
	switch {
	case given == 0:
		return twin.Change{}, errNoChange
	case given > 1:
		return twin.Change{}, exit.New(exit.Usage, "set", "", "settings, --patch, --json-patch and --replace exclude one another")
	case o.fromFile == "-" && (o.patch == "-" || o.jsonPatch == "-" || o.replace == "-"):
		return twin.Change{}, exit.New(exit.Usage, "set", "", "standard input cannot be both the devices and the change")
	case o.patch != "":
		patch, err := e.readState("--patch", o.patch)
		return twin.Merge(patch), err
	case o.replace != "":
		state, err := e.readState("--replace", o.replace)
		return twin.Replace(state), err
	case o.jsonPatch != "":
		text, err := e.readInput(o.jsonPatch)
		if err != nil {
			return twin.Change{}, exit.Wrap(exit.Usage, "--json-patch", "", err)
		}
		change, err := twin.JSONPatch(text)
		if err != nil {
			return change, exit.Wrap(exit.Usage, "--json-patch", o.jsonPatch, err)
		}
		return change, nil
	default:
		patch, err := twin.ParseAssignments(settings)
		if err != nil {
			return twin.Change{}, exit.Wrap(exit.Usage, "set", "", err)
		}
		return twin.Assign(patch), nil
	}
}

// readState reads a JSON object.
func (e *env) readState(flag, file string) (twin.State, error) {
	text, err := e.readInput(file)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, flag, "", err)
	}
	state, err := twin.ParseState(text)
	if err != nil {
		return nil, exit.Wrap(exit.BadData, flag, file, err)
	}
	return state, nil
}
