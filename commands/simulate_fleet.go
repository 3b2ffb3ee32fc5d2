package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// defaultLength is how long a data set is whose profile does not say.
const defaultLength = time.Hour

type fleetOptions struct {
	contract string
	output   string
	ledger   string
	shard    simulate.Shard
	index    int
	count    int
	seed     uint64
	length   time.Duration
	start    string
	noFaults bool
}

func newSimulateFleet(e *env) *cobra.Command {
	o := &fleetOptions{index: -1, count: -1}
	cmd := &cobra.Command{
		Use:   "fleet FILE -o jsonl",
		Short: "Play the fleet of a profile into a data set",
		Long: "Play the fleet of a profile on a virtual clock, without a broker, and print every message as one JSON object a line: a\n" +
			"capture, as sub --json prints it. Nothing waits, an hour takes a moment, and the same seed gives the same bytes on every\n" +
			"machine. For that the run begins on 2026-01-01 where the profile and --start do not say when.\n\n" +
			"Faults are played as far as they need no connection. --ledger writes what was sent and what was done to it, for\n" +
			"simulate verify. --shard 2/5 plays the second fifth of the devices: together the parts are the whole.",
		Example: "  mqx simulate fleet cold-rooms.sim.yaml -o jsonl --ledger truth.jsonl > data.jsonl\n" +
			"  mqx simulate fleet cold-rooms.sim.yaml -o jsonl --duration 1h --seed 7 | mqx pub --json",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.output, "out", "o", "", "what to print: jsonl")
	fs.StringVar(&o.ledger, "ledger", "", "write what was sent to this file (default: output.ledger of the profile)")
	fs.Var(shardFlag{&o.shard}, "shard", "play a part of the fleet: 2/5")
	fs.IntVar(&o.index, "shard-index", -1, "which part of the fleet, counted from 0 (default: that of Kubernetes, Nomad, Slurm, AWS Batch or GNU parallel)")
	fs.IntVar(&o.count, "shard-count", -1, "how many parts there are (default: $MQX_SHARD_COUNT)")
	fs.Uint64Var(&o.seed, "seed", 0, "use this seed instead of the profile's")
	fs.Var(durationFlag{&o.length}, "duration", "how long, in simulated time (default: the profile's, else 1h)")
	fs.StringVar(&o.start, "start", "", "when it begins, in simulated time: a time in RFC 3339, or now")
	fs.BoolVar(&o.noFaults, "no-faults", false, "let nothing go wrong")
	fs.StringVar(&o.contract, "contract", "", "the contract that topics follow (default: looked for upwards)")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		if len(args) != 1 {
			return usageError(cmd, "one profile is expected")
		}
		if o.output != "jsonl" {
			return exit.New(exit.Usage, "-o", o.output, "jsonl is expected")
		}
		p, err := e.loadProfile(args[0], true)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("seed") {
			p.Seed = o.seed
		}
		switch given := o.shard.Count > 0; {
		case given && (o.index >= 0 || o.count >= 0):
			return usageError(cmd, "--shard says both --shard-index and --shard-count")
		case !given:
			if o.shard, err = simulate.ShardOf(o.index, o.count, e.getenv); err != nil {
				return exit.Wrap(exit.Usage, "part of the fleet", "", err)
			}
		}
		return o.run(ctx, e, p)
	})
	return cmd
}

func (o *fleetOptions) run(ctx context.Context, e *env, p *profile.Profile) error {
	if most := p.Limits.MaxDevices; most > 0 && p.Count() > most {
		return exit.New(exit.Usage, "profile", p.File, fmt.Sprintf("%d devices are more than max_devices, which is %d", p.Count(), most))
	}
	run, err := o.prepare(e, p)
	if err != nil {
		return err
	}
	length := p.Duration
	if o.length > 0 {
		length = o.length
	}
	if length == 0 {
		length = defaultLength
		e.note("the profile has no duration: playing %s (--duration)", length)
	}
	o.tellIdleFaults(e, p)
	ledger, err := createLedger(e, o.ledger, p.Output.Ledger)
	if err != nil {
		return err
	}
	sink := &dataSet{lines: output.NewLines(e.streams), ledger: ledger}
	err = run.Generate(ctx, o.shard, length, sink.message)
	if flushed := sink.lines.Flush(); err == nil {
		err = flushed
	}
	if closed := ledger.Close(); err == nil && closed != nil {
		err = exit.Wrap(exit.Usage, "--ledger", "", closed)
	}
	if err == nil {
		e.note("%d messages, %d of them dropped on the way", sink.made, sink.dropped)
	}
	return err
}

// prepare puts the profile under the contract.
func (o *fleetOptions) prepare(e *env, p *profile.Profile) (*simulate.Run, error) {
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
		start = time.Now()
	default:
		if start, err = time.Parse(time.RFC3339Nano, o.start); err != nil {
			return nil, exit.New(exit.Usage, "--start", o.start, "now, or a time like 2026-01-05T06:00:00Z, is expected")
		}
	}
	if start.IsZero() {
		start = simulate.DefaultStart()
	}
	if o.noFaults {
		return simulate.NewRun(p, layout, start, nil), nil
	}
	return simulate.NewRun(p, layout, start, simulate.Plays), nil
}

// tellIdleFaults names the faults that show on a connection only.
func (o *fleetOptions) tellIdleFaults(e *env, p *profile.Profile) {
	var idle []string
	for _, f := range p.Faults {
		if !o.noFaults && !simulate.Plays(f) {
			idle = append(idle, f.Name)
		}
	}
	if len(idle) > 0 {
		e.note("not played, because they need a connection: %s", strings.Join(idle, ", "))
	}
}

// dataSet prints messages and writes the ledger.
type dataSet struct {
	lines         *output.Lines
	ledger        *ledgerFile
	text          []byte
	made, dropped int
}

func (s *dataSet) message(m *simulate.Made) error {
	s.made++
	if err := s.ledger.write(m); err != nil {
		return exit.Wrap(exit.Usage, "--ledger", "", err)
	}
	if m.Is(simulate.Dropped) {
		s.dropped++
		return nil
	}
	s.text = message.AppendJSON(s.text[:0], m.Message)
	for range 1 + m.Copies {
		s.lines.JSON(s.text)
	}
	if s.lines.Buffered() < flushAt {
		return nil
	}
	return s.lines.Flush()
}

// ledgerFile is a ledger that is written; the one without a file keeps nothing.
type ledgerFile struct {
	file *os.File
	w    *bufio.Writer
	text []byte
}

// createLedger creates the file of --ledger, or the one that the profile names.
func createLedger(e *env, flag, inProfile string) (*ledgerFile, error) {
	name := flag
	var err error
	if name == "" && inProfile != "" {
		name = inProfile
		err = os.MkdirAll(filepath.Dir(name), 0o755) //nolint:gosec // G301: it is meant to be shared
	}
	if name == "" {
		return &ledgerFile{w: bufio.NewWriter(io.Discard)}, nil
	}
	var f *os.File
	if err == nil {
		f, err = os.Create(name)
	}
	if err != nil {
		if pathError, ok := errors.AsType[*os.PathError](err); ok {
			err = pathError.Err
		}
		return nil, exit.Wrap(exit.Usage, "--ledger", name, err)
	}
	if flag == "" {
		e.note("the ledger is %s", name)
	}
	return &ledgerFile{file: f, w: bufio.NewWriterSize(f, flushAt)}, nil
}

func (l *ledgerFile) write(m *simulate.Made) error {
	if l.file == nil {
		return nil
	}
	entry := m.Entry()
	l.text = entry.AppendJSON(l.text[:0])
	_, err := l.w.Write(l.text)
	return err
}

// Close writes what is left.
func (l *ledgerFile) Close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.w.Flush(), l.file.Close())
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
