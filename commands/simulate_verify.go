package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/simulate"
)

type verifyOptions struct {
	ledgers   []string
	observed  []string
	lateAfter time.Duration
	examples  int
	injected  bool
}

func newSimulateVerify(e *env) *cobra.Command {
	o := &verifyOptions{lateAfter: simulate.LateAfter, examples: 3}
	cmd := &cobra.Command{
		Use:   "verify --ledger FILE --observed CAPTURE",
		Short: "Compare what was sent with what came in",
		Long: "Compare a ledger, which holds every message that a simulation sent, with a capture of what came in: what was lost,\n" +
			"duplicated, reordered, late, altered, or arrived at another topic, for each QoS and around each fault. What the\n" +
			"simulation did on purpose is told apart from what happened on the way. - is standard input.\n\n" +
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
	e.addJSONFlag(cmd, "print one JSON object")
	cmd.RunE = e.run(func(context.Context, []string) error {
		if len(o.ledgers) == 0 || len(o.observed) == 0 {
			return usageError(cmd, "both --ledger and --observed are needed")
		}
		return o.run(e)
	})
	return cmd
}

func (o *verifyOptions) run(e *env) error {
	v := simulate.NewVerification(o.lateAfter, o.examples)
	for _, name := range o.ledgers {
		if err := e.readFile("--ledger", name, func(r io.Reader) error { return simulate.ReadLedger(r, v.Sent) }); err != nil {
			return err
		}
	}
	for _, name := range o.observed {
		if err := e.readFile("--observed", name, func(r io.Reader) error { return readObserved(r, v) }); err != nil {
			return err
		}
	}
	verdict := v.Verdict()
	if err := e.printVerdict(&verdict); err != nil {
		return err
	}
	if verdict.Sent == 0 {
		return exit.New(exit.BadData, "simulate verify", "", "the ledger is empty: nothing is proven")
	}
	counts := &verdict.Counts
	if o.injected {
		counts = &verdict.Unexplained
	}
	if counts.Damage() > 0 {
		return &exit.SilentError{Code: exit.Negative}
	}
	return nil
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
	if err := read(in); err != nil {
		return exit.Wrap(exit.BadData, flag, name, err)
	}
	return nil
}

// readObserved reads a capture. A line that is no message loses nothing but itself, and is counted.
func readObserved(r io.Reader, v *simulate.Verification) error {
	const longest = 1 << 30
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), longest)
	for lines.Scan() {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := message.ParseJSON(line)
		if err != nil {
			v.BadLine()
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, gjson.GetBytes(line, "time").Str); err == nil {
			m.Time = at
		}
		v.Received(m)
	}
	return lines.Err()
}

func (e *env) printVerdict(v *simulate.Verdict) error {
	out := output.NewLines(e.streams)
	if e.json {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		out.JSON(text)
		return out.Flush()
	}
	out.Text(fmt.Sprintf("%-32s %9s %9s %9s %9s %9s %9s %9s %9s\n",
		"", "sent", "received", "lost", "duplicate", "reordered", "late", "altered", "misplaced"))
	row := func(title string, c *simulate.Counts) {
		out.Text(fmt.Sprintf("%-32s %9d %9d %9d %9d %9d %9d %9d %9d\n",
			title, c.Sent, c.Received, c.Lost, c.Duplicated, c.Reordered, c.Late, c.Altered, c.Misplaced))
	}
	row("all", &v.Counts)
	for i := range v.QoS {
		row(fmt.Sprintf("QoS %d", v.QoS[i].QoS), &v.QoS[i].Counts)
	}
	for i := range v.Faults {
		f := &v.Faults[i]
		row(fmt.Sprintf("fault %.24s", string(output.AppendEscaped(nil, []byte(f.Fault)))), &f.Counts)
	}
	if len(v.Faults) > 0 {
		row("outside of faults", &v.Outside)
		row("not done on purpose", &v.Unexplained)
	}
	for i := range v.Examples {
		x := &v.Examples[i]
		during := ""
		if len(x.Faults) > 0 {
			during = " during " + strings.Join(x.Faults, ", ")
		}
		out.Escaped(fmt.Sprintf("%s: %s, QoS %d, due %s%s", x.What, x.Topic, x.QoS, x.Due.UTC().Format(time.RFC3339Nano), during))
	}
	if v.Unknown+v.Bad > 0 {
		e.note("%d messages that the ledger does not have, %d lines that are no messages", v.Unknown, v.Bad)
	}
	return out.Flush()
}
