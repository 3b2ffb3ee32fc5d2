package commands

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/simulate"
)

type verifyOptions struct {
	ledgers   []string
	observed  []string
	lateAfter time.Duration
	examples  int
	injected  bool
	format    reportFormat
}

func newSimulateVerify(e *env) *cobra.Command {
	o := &verifyOptions{lateAfter: simulate.LateAfter, examples: 3, format: "text"}
	cmd := &cobra.Command{
		Use:   "verify --ledger FILE --observed CAPTURE",
		Short: "Compare what was sent with what came in",
		Long: "Compare a ledger, which holds every message that a simulation sent, with a capture of what came in: what was lost,\n" +
			"duplicated, reordered, late, altered, or arrived at another topic, for each QoS and around each fault. What the\n" +
			"simulation did on purpose is told apart from what happened on the way. - is standard input.\n\n" +
			"Messages that say the same, byte for byte, are told apart by their times; with --late-after 0 by their order.\n\n" +
			"Status 0: everything came in once, in order, in time and as it was meant; 1: not so.",
		Example: "  mqx simulate verify --ledger truth.jsonl --observed capture.jsonl\n" +
			"  mqx simulate verify --ledger truth.jsonl --observed capture.jsonl --allow-injected --json",
		Args:        noArgs,
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&o.ledgers, "ledger", nil, "what was sent (repeatable: the parts of a fleet)")
	fs.StringArrayVar(&o.observed, "observed", nil, "what came in: messages as JSON, one a line (repeatable)")
	fs.Var(durationFlag{&o.lateAfter}, "late-after", "how long after it was due a message is late; 0 is never, for data sets that are sent at another time")
	fs.IntVar(&o.examples, "max-examples", o.examples, "most examples of each kind of damage")
	fs.BoolVar(&o.injected, "allow-injected", false, "what the simulation did on purpose is no failure")
	fs.Var(&o.format, "format", "how to report; junit and tap have a case for each QoS and around each fault")
	e.addJSONFlag(cmd, "the same as --format json: one object")
	inGroup(fs, groupOutput, "format", "json")
	cmd.RunE = e.run(func(context.Context, []string) error {
		if len(o.ledgers) == 0 || len(o.observed) == 0 {
			return usageError(cmd, "both --ledger and --observed are needed")
		}
		if o.lateAfter < 0 || o.examples < 0 {
			return usageError(cmd, "--late-after and --max-examples cannot be negative")
		}
		all := slices.Concat(o.ledgers, o.observed)
		if first := slices.Index(all, "-"); first >= 0 && slices.Contains(all[first+1:], "-") {
			return usageError(cmd, "standard input (-) can be read once")
		}
		if e.json && given(cmd, "format") && o.format != "json" {
			return usageError(cmd, "--json and --format %s exclude each other", o.format)
		}
		if e.json {
			o.format = "json"
		}
		return o.run(e)
	})
	return cmd
}

func (o *verifyOptions) run(e *env) error {
	began := time.Now()
	// The memory is in a few large pieces without pointers: to look through it often costs little.
	const percent = 25
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	v := simulate.NewVerification(o.lateAfter, o.examples)
	for _, name := range o.ledgers {
		if err := e.readFile("--ledger", name, func(r io.Reader) error { return simulate.ReadLedger(r, v.Sent) }); err != nil {
			return err
		}
	}
	for _, name := range o.observed {
		if err := e.readFile("--observed", name, v.ReadCapture); err != nil {
			return err
		}
	}
	result := v.Verdict()
	if result.Unknown+result.Bad > 0 {
		e.note("%s that the ledger does not have, %s that %s", messages(result.Unknown), count(result.Bad, "line"), areNoMessages(result.Bad))
	}
	if err := o.write(e, &result, time.Since(began)); err != nil {
		return err
	}
	if result.Sent == 0 {
		return exit.New(exit.BadData, "simulate verify", "", "the ledger is empty: nothing is proven")
	}
	if o.judged(&result.Counts, &result.Unexplained).Damage() > 0 {
		return &exit.SilentError{Code: exit.Negative}
	}
	return nil
}

func areNoMessages(n int) string {
	if n == 1 {
		return "is no message"
	}
	return "are no messages"
}

// judged are the counts that decide.
func (o *verifyOptions) judged(all, unexplained *simulate.Counts) *simulate.Counts {
	if o.injected {
		return unexplained
	}
	return all
}

// readFile opens a file that a flag names; - is standard input.
func (e *env) readFile(flag, name string, read func(io.Reader) error) error {
	in := e.streams.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			if pathError, ok := errors.AsType[*os.PathError](err); ok {
				err = pathError.Err
			}
			return exit.Wrap(exit.Usage, flag, name, err)
		}
		defer f.Close()
		in = f
	}
	err := read(in)
	if pathError, ok := errors.AsType[*os.PathError](err); ok { // a folder
		return exit.Wrap(exit.Usage, flag, name, pathError.Err)
	}
	if err != nil {
		return exit.Wrap(exit.BadData, flag, name, err)
	}
	return nil
}
