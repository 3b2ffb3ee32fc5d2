package commands

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

type simulateDeviceOptions struct {
	connection config.Connection

	signals  []string
	profile  string
	kind     string
	contract string
	ready    string
	seed     uint64
	count    int
	length   time.Duration
	lines    bool
	noFaults bool
}

func newSimulateDevice(e *env) *cobra.Command {
	o := &simulateDeviceOptions{}
	cmd := &cobra.Command{
		Use:   "device DEVICE",
		Short: "Be one device until Ctrl-C",
		Long: "Be one device, without any file: it is born and has a Will Message, sends signals, takes every desired state and\n" +
			"reports it, answers commands once each, and comes back after a lost connection. Ctrl-C publishes offline; who kills it\n" +
			"with SIGKILL sees the Will Message.\n\n" +
			"A signal is NAME[UNIT]=GENERATOR[:VALUES][@EVERY], any number of them; without one it is temp[C]=walk:18..26@2s.\n" +
			"The unit may be left out where the name says it, such as temp and humidity; EVERY is 10s. Generators are those of\n" +
			"profiles: walk:18..26, uniform:1..6, counter:{step: 1}, pick:open,closed, season:{…}, expr:n*2, or a constant. The\n" +
			"setting interval_s of the desired state is the time between measurements, in seconds.\n\n" +
			"With --profile it is one device of a fleet, with its faults: the one that DEVICE names, or the first; or, when the fleet\n" +
			"has no such device, another one of its type (--type).\n\n" +
			"On a terminal it shows the device: what it measures and what happens to it, and with keys you take its network away,\n" +
			"crash or reboot it, turn its clock or have a second client take its client id; q ends. In a pipe, or with --lines or\n" +
			"--count, every message that is sent or received is a line: time, sent or received, topic, payload.\n\n" +
			"Status 0 after --count, --duration or q, 130 after Ctrl-C.",
		Example: "  mqx simulate device acme/site-1/device-42 --signal 'temp[C]=walk:18..26@2s'\n" +
			"  mqx simulate device acme/site-1/door-1 --signal door=pick:open,closed@30s --json\n" +
			"  mqx simulate device --profile cold-rooms.sim.yaml cr-003",
		Args:        cobra.ArbitraryArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&o.signals, "signal", nil, "a signal: NAME[UNIT]=GENERATOR[:VALUES][@EVERY]; may be repeated")
	fs.StringVar(&o.profile, "profile", "", "be a device of the fleet of this profile")
	fs.StringVar(&o.kind, "type", "", "with --profile: the device type")
	fs.BoolVar(&o.noFaults, "no-faults", false, "with --profile: let nothing go wrong by itself")
	fs.Uint64Var(&o.seed, "seed", 0, "the same seed gives the same values (default: that of --profile, else another each time)")
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many measurements")
	fs.Var(durationFlag{&o.length}, "duration", "end after so long")
	fs.BoolVar(&o.lines, "lines", false, "print lines on a terminal too")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the device is born")
	fs.StringVar(&o.contract, "contract", "", "contract file (default: "+contract.FileName+" here or in a folder above)")
	e.addJSONFlag(cmd, "print each message as a JSON object")
	addConnectionFlags(cmd, &o.connection, "subscribe")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		if err := o.check(cmd, args); err != nil {
			return err
		}
		name := ""
		if len(args) > 0 {
			name = args[0]
		}
		return o.run(ctx, e, cmd, name)
	})
	return cmd
}

func (o *simulateDeviceOptions) check(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 1, len(args) == 0 && o.profile == "":
		return usageError(cmd, "one device is expected")
	case o.profile != "" && len(o.signals) > 0:
		return usageError(cmd, "--signal: the signals are those of the profile")
	case o.profile == "" && (o.kind != "" || o.noFaults):
		return usageError(cmd, "--type and --no-faults are for --profile")
	case o.count < 0 || o.length < 0:
		return usageError(cmd, "--count and --duration cannot be negative")
	case o.connection.Properties.Publish != nil:
		return usageError(cmd, "-D publish: the device's messages have properties of their own")
	}
	for _, name := range []string{"presence", "will-topic"} {
		if cmd.Flags().Changed(name) {
			return usageError(cmd, "--%s: the device has a Will Message of its own", name)
		}
	}
	return nil
}

// role is the device that is played, and how it connects where the command line does not say.
type role struct {
	run    *simulate.Run
	device profile.Device
	login  login
}

// login is how a device connects.
type login struct {
	clientID string
	username string
}

func (o *simulateDeviceOptions) run(ctx context.Context, e *env, cmd *cobra.Command, name string) error {
	r, err := o.prepare(e, cmd, name)
	if err != nil {
		return err
	}
	if o.connection.ClientID == "" {
		o.connection.ClientID = r.login.clientID
	}
	if o.connection.Username == "" && r.login.username != "" {
		e.note("the contract says that this device logs in as %s (--username)", r.login.username)
	}
	resolved, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	if err := allowed(r.run.Profile, resolved.Options.Target, o.connection.Embedded); err != nil {
		return err
	}
	d := &playedDevice{
		env: e, live: simulate.NewLive(r.run, r.device), name: r.run.Layout.Base(&r.device), target: resolved.Options.Target,
		count: o.count, length: o.realLength(r.run.Profile),
	}
	d.live.Open = e.openWatch
	d.live.Properties = o.connection.Properties.Subscribe
	d.live.Born = func() error { return readyFile(o.ready, "") }
	d.live.Refused = func(topic string, err error) { e.note("warning: %s: %s", topic, err) }
	if o.wantsPanel(e) {
		return d.onPanel(ctx, watching(resolved.Options))
	}
	log := &deviceLog{env: e, lines: output.NewLines(e.streams)}
	d.live.Sent = func(m *simulate.Made) error { return errors.Join(log.sent(m), d.measured(m)) }
	d.live.Received = log.received
	return d.play(ctx, watching(resolved.Options))
}

// wantsPanel reports whether there is a terminal to show the device on, and nothing that asks for lines.
func (o *simulateDeviceOptions) wantsPanel(e *env) bool {
	_, _, terminal := e.streams.Terminal()
	return terminal && !e.json && !o.lines && o.count == 0
}

// prepare makes the run of the device.
func (o *simulateDeviceOptions) prepare(e *env, cmd *cobra.Command, name string) (role, error) {
	c, err := e.loadContract(o.contract)
	if err != nil {
		return role{}, err
	}
	if o.profile != "" {
		return o.ofFleet(e, cmd, c, name)
	}
	device, err := resolvedDevice(e, c, name)
	if err != nil {
		return role{}, err
	}
	signals := o.signals
	if len(signals) == 0 {
		signals = []string{"temp[C]=walk:18..26@2s"}
	}
	p, err := profile.Single(device.Vars, signals)
	if err != nil {
		return role{}, exit.Wrap(exit.Usage, "--signal", "", err)
	}
	layout, err := p.Layout(c)
	if err != nil {
		return role{}, exit.Wrap(exit.Usage, "device", "", err)
	}
	for _, s := range p.Types[0].Signals {
		if s.Unit == "" && s.Value.Numeric(p.Types[0]) {
			e.note("warning: %s has no unit: write %s[UNIT]=…, with [1] for a mere number", s.Name, s.Name)
		}
	}
	p.Seed = o.seed
	if !cmd.Flags().Changed("seed") {
		p.Seed = rand.Uint64() //nolint:gosec // G404: no secret, it only tells lives apart
	}
	r := role{run: simulate.NewRun(p, layout, time.Now(), nil), login: loginOf(device)}
	r.device = p.Find(layout, "", "")[0]
	return r, nil
}

// resolvedDevice is the device that a name means under the contract.
func resolvedDevice(e *env, c *contract.Contract, name string) (contract.Device, error) {
	device, err := c.Resolve(name)
	if err != nil {
		return device, exit.Wrap(exit.Usage, "", "", err)
	}
	if !c.Knows(device.Base) {
		e.note("%s is not in the inventory", device.Base)
	}
	return device, nil
}
