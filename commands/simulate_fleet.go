package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

type fleetOptions struct {
	connection config.Connection
	profile    *profile.Profile

	contract string
	output   string
	ledger   string
	shard    simulate.Shard
	index    int
	count    int
	seed     uint64
	length   time.Duration
	start    string
	startAt  string
	speed    float64
	unacked  int
	noFaults bool
	cleanup  bool
	yes      bool
	ready    string
	result   resultOptions
}

func newSimulateFleet(e *env) *cobra.Command {
	o := &fleetOptions{index: -1, count: -1}
	cmd := &cobra.Command{
		Use:   "fleet FILE",
		Short: "Play the fleet of a profile",
		Long: "Be all devices of a profile until its duration is over, or until Ctrl-C: each has a connection of its own, is born and has\n" +
			"a Will Message, measures, obeys, answers, and suffers from the faults. Then all take leave with a status offline. The\n" +
			"broker is that of the profile, unless the command line, the environment or --context names another one; no other hosts\n" +
			"than those of allow_hosts are connected to.\n\n" +
			"-o jsonl plays on a virtual clock, without a broker, and prints every message as one JSON object a line: a capture, as\n" +
			"sub --json prints it. Nothing waits, an hour takes a moment, and the same seed gives the same bytes on every machine. For\n" +
			"that the run begins on 2026-01-01 where the profile and --start do not say when; faults are played as far as they need\n" +
			"no connection.\n\n" +
			"--ledger writes what was sent and what was done to it, for simulate verify. --shard 2/5 plays the second fifth of the\n" +
			"devices: together the parts are the whole, and with --start-at they begin together.\n\n" +
			"In the end it prints what was sent, acknowledged and lost, how long things took, and whether what the profile expects\n" +
			"holds (expect:). What only a subscriber can tell, such as what was lost, a connection of its own sees. The parts of a fleet\n" +
			"write a --summary each, which simulate merge adds up and judges.\n\n" +
			"Status 0: played to the end; 1: an expectation is not met, or more messages than max_rate; 2: not fit to run, or a host\n" +
			"that is not allowed; 3 and 4: the first device could not connect; 9: some devices or messages were refused; 130: Ctrl-C.",
		Example: "  mqx simulate fleet cold-rooms.sim.yaml --ledger truth.jsonl --duration 10m\n" +
			"  mqx simulate fleet cold-rooms.sim.yaml --shard 2/5 --start-at 2026-01-05T06:00:00Z\n" +
			"  mqx simulate fleet cold-rooms.sim.yaml -o jsonl --ledger truth.jsonl > data.jsonl",
		Annotations: readWrite(),
	}
	o.addFlags(cmd)
	e.addJSONFlag(cmd, "print what came of the run as one JSON object")
	addConnectionFlags(cmd, &o.connection, "subscribe")
	cmd.RunE = e.runAfter(func(cmd *cobra.Command, args []string) error { return o.fill(e, cmd, args) },
		func(ctx context.Context, _ []string) error { return o.run(ctx, e, cmd) })
	return cmd
}

func (o *fleetOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&o.output, "out", "o", "", "play without a broker and print: jsonl")
	fs.StringVar(&o.ledger, "ledger", "", "write what was sent to this file (default: output.ledger of the profile)")
	fs.Var(durationFlag{&o.length}, "duration", "how long, in simulated time (default: the profile's; with -o jsonl also 1h)")
	fs.Var(speedFlag{&o.speed}, "speed", "how fast simulated time goes by: 60x is an hour a minute (default: the profile's)")
	fs.StringVar(&o.start, "start", "", "when it begins, in simulated time: a time in RFC 3339, or now")
	fs.StringVar(&o.startAt, "start-at", "", "wait until this time before anything begins, as the other parts do")
	fs.Var(shardFlag{&o.shard}, "shard", "play a part of the fleet: 2/5")
	fs.IntVar(&o.index, "shard-index", -1, "which part of the fleet, counted from 0 (default: that of Kubernetes, Nomad, Slurm, AWS Batch or GNU parallel)")
	fs.IntVar(&o.count, "shard-count", -1, "how many parts there are (default: $MQX_SHARD_COUNT)")
	fs.Uint64Var(&o.seed, "seed", 0, "use this seed instead of the profile's")
	fs.BoolVar(&o.noFaults, "no-faults", false, "let nothing go wrong")
	fs.IntVar(&o.unacked, "max-unacked", 0, "send nothing new while more messages than these are not acknowledged (default 4 a device, at least 1000)")
	fs.BoolVar(&o.cleanup, "cleanup", false, "clear the retained messages of the run when it is over")
	fs.BoolVar(&o.yes, "yes", false, "do not ask, also in a guarded context")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when all devices have been connected")
	fs.StringVar(&o.contract, "contract", "", "the contract that topics follow (default: looked for upwards)")
	fs.StringVar(&o.result.summary, "summary", "", "write what came of the run to this file, for simulate merge (default: output.summary of the profile)")
	fs.StringVar(&o.result.junit, "junit", "", "write the verdicts to this file (default: output.junit of the profile)")
	fs.StringVar(&o.result.prometheus, "prometheus", "", "serve metrics at this address, such as 127.0.0.1:9464 (default: output.prometheus of the profile)")
}

// fill reads the profile, whose broker comes after the environment and before a context that is merely in use.
func (o *fleetOptions) fill(e *env, cmd *cobra.Command, args []string) error {
	if err := e.applyEnvironment(cmd); err != nil {
		return err
	}
	if len(args) != 1 {
		return usageError(cmd, "one profile is expected")
	}
	if o.output != "" && o.output != "jsonl" {
		return exit.New(exit.Usage, "-o", o.output, "jsonl is expected")
	}
	var err error
	if o.profile, err = e.loadProfile(args[0], true); err != nil || o.output != "" {
		return err
	}
	named := slices.ContainsFunc([]string{"context", "host", "url", "unix", "embedded"}, func(flag string) bool { return given(cmd, flag) })
	if broker := o.profile.Target.Broker; broker != "" && !named {
		if err := cmd.Flags().Set("url", broker); err != nil {
			return exit.Wrap(exit.Usage, "profile", o.profile.File, err)
		}
	}
	return e.applyContext(cmd)
}

func (o *fleetOptions) run(ctx context.Context, e *env, cmd *cobra.Command) error {
	p := o.profile
	if given(cmd, "seed") {
		p.Seed = o.seed
	}
	if o.length > 0 {
		p.Duration = o.length
	}
	if o.speed > 0 {
		p.Clock.Speed = o.speed
	}
	var err error
	switch given := o.shard.Count > 0; {
	case given && (o.index >= 0 || o.count >= 0):
		return usageError(cmd, "--shard says both --shard-index and --shard-count")
	case !given:
		if o.shard, err = simulate.ShardOf(o.index, o.count, e.getenv); err != nil {
			return exit.Wrap(exit.Usage, "part of the fleet", "", err)
		}
	}
	if most := p.Limits.MaxDevices; most > 0 && p.Count() > most {
		return exit.New(exit.Usage, "profile", p.File, fmt.Sprintf("%d devices are more than max_devices, which is %d", p.Count(), most))
	}
	if o.output == "" {
		return o.live(ctx, e, cmd)
	}
	return o.generate(ctx, e, p)
}

// prepare puts the profile under the contract. It begins at a simulated time of its own, or at begin.
func (o *fleetOptions) prepare(e *env, p *profile.Profile, begin time.Time, plays func(*profile.Fault) bool) (*simulate.Run, error) {
	c, err := e.loadContract(o.contract)
	if err != nil {
		return nil, err
	}
	layout, err := p.Layout(c)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "profile", "", err)
	}
	start := p.Clock.Start
	switch o.start {
	case "":
	case "now":
		start = begin
		if o.output != "" {
			start = time.Now()
		}
	default:
		if start, err = time.Parse(time.RFC3339Nano, o.start); err != nil {
			return nil, exit.New(exit.Usage, "--start", o.start, "now, or a time like 2026-01-05T06:00:00Z, is expected")
		}
	}
	if start.IsZero() {
		start = begin
	}
	if o.noFaults {
		return simulate.NewRun(p, layout, start, nil), nil
	}
	return simulate.NewRun(p, layout, start, plays), nil
}

// shardFlag takes a part of a fleet.
type shardFlag struct{ shard *simulate.Shard }

// Set parses i/n.
func (f shardFlag) Set(s string) error {
	shard, err := simulate.ParseShard(s)
	*f.shard = shard
	return err
}

// String returns the part, or nothing for the whole.
func (f shardFlag) String() string {
	if f.shard == nil || f.shard.Count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", f.shard.Index+1, f.shard.Count)
}

// Type names the value in help.
func (shardFlag) Type() string { return "i/n" }

// speedFlag takes how fast simulated time goes by.
type speedFlag struct{ speed *float64 }

// Set parses 60x, or 60.
func (f speedFlag) Set(s string) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || n <= 0 || n > 1e6 {
		return fmt.Errorf("%q is not a speed like 60x", s)
	}
	*f.speed = n
	return nil
}

// String returns the speed, or nothing for the profile's.
func (f speedFlag) String() string {
	if f.speed == nil || *f.speed == 0 {
		return ""
	}
	return strconv.FormatFloat(*f.speed, 'g', -1, 64) + "x"
}

// Type names the value in help.
func (speedFlag) Type() string { return "speed" }
