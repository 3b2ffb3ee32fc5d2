package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/retained"
)

// flushAt is how many bytes of results are written at once.
const flushAt = 256 << 10

type retainedClearOptions struct {
	retainedOptions
	selection

	dryRun bool
	yes    bool
}

func newRetainedClear(e *env) *cobra.Command {
	o := &retainedClearOptions{}
	cmd := &cobra.Command{
		Use:   "clear FILTER...",
		Short: "Clear retained messages",
		Long: "Clear retained messages, look whether they are gone, and print the topics of those that are. It asks first; where\n" +
			"nobody can be asked --yes is needed. MQTT clears by topic: a message that was retained after the listing is cleared\n" +
			"in the place of the one that was listed. # does not mean $SYS.\n\n" +
			"When it is interrupted, it prints the topics whose deletion the broker has confirmed so far, in JSON with\n" +
			"\"verified\":false. In a guarded context (see mqx context) it is a dry run unless --yes is given.\n\n" +
			"Status 0: all cleared, or there was nothing; 9: some were not, each is listed; 4: none was; 1: not confirmed;\n" +
			"2: a context is guarded, --yes was not given, and there is something to clear.",
		Example: "  mqx retained clear 'acme/old/#' --dry-run\n" +
			"  mqx retained clear 'acme/#' --exclude 'acme/+/+/desired' --older-than 720h --yes\n" +
			"  mqx retained clear '#' --where 'payload.state == \"gone\" || size > 100000'",
		Annotations: readWrite(),
	}
	o.addFilterFlag(cmd)
	o.selection.addFlags(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&o.dryRun, "dry-run", false, "print the topics and clear nothing")
	fs.BoolVar(&o.yes, "yes", false, "do not ask")
	e.addJSONFlag(cmd, "print each topic as a JSON object")
	o.retainedOptions.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedClearOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if err := o.addFilters(args); err != nil {
		return err
	}
	for _, f := range o.filters {
		if strings.HasPrefix(f.Bare(), "$SYS") {
			return exit.New(exit.Usage, "filter", fmt.Sprintf("%q", f), "what is below $SYS belongs to the broker")
		}
	}
	guarded := o.connection.Guard && !o.yes && !o.dryRun
	if !o.dryRun && !o.yes && !guarded && !e.streams.InTTY {
		return usageError(cmd, "nobody can be asked here: pass --yes, or --dry-run to see what would be cleared")
	}
	selector, err := o.selector(time.Now())
	if err != nil {
		return err
	}
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if len(o.filters) == 0 {
		return usageError(cmd, "what to clear? a Topic Filter is needed")
	}
	lines := &topicLines{Lines: output.NewLines(e.streams), json: e.json}
	defer e.reportWhere(selector.Where)
	if !o.dryRun && !guarded {
		return o.clear(ctx, s, selector, lines)
	}
	n, err := o.preview(ctx, s, selector, lines)
	if guarded && err == nil && n > 0 {
		return exit.New(exit.Usage, "clear", "", "context "+o.connection.Context+" is guarded: this was a dry run, nothing was cleared").
			Hint("--yes clears")
	}
	return err
}

// preview prints what would be cleared and counts it.
func (o *retainedClearOptions) preview(ctx context.Context, s *store, selector retained.Selector, lines *topicLines) (n int, err error) {
	ctx, cancel := output.UntilClosed(ctx, s.env.streams.Out)
	defer cancel()
	_, err = s.list(ctx, &dryRun{lines: lines, selects: func(m message.Message) bool {
		picked := selector.Selects(m)
		if picked {
			n++
		}
		return picked
	}}, 0)
	if err == nil {
		s.env.note("%s would be cleared", messages(n))
	}
	return n, err
}

// dryRun prints the topics of the messages that something would be done to.
type dryRun struct {
	lines   *topicLines
	selects func(m message.Message) bool
}

// Message prints the topic of m.
func (d *dryRun) Message(m message.Message) (bool, error) {
	if !d.selects(m) {
		return false, nil
	}
	return false, d.lines.add(m.Topic, `,"cleared":false}`)
}

// Flush writes what was printed.
func (d *dryRun) Flush() error { return d.lines.Flush() }

// Buffered is how many bytes wait for Flush.
func (d *dryRun) Buffered() int { return d.lines.Buffered() }

func (o *retainedClearOptions) clear(ctx context.Context, s *store, selector retained.Selector, lines *topicLines) error {
	e := s.env
	progress := output.NewProgress(e.streams)
	result, err := retained.Clear(ctx, s.session, retained.ClearOptions{
		List: s.listOptions(0), Selector: selector,
		Confirm:  func(n int) error { return o.confirm(ctx, e, n) },
		Progress: func(sent, all int) { progress.Update("cleared", sent, all) },
		Report: func(name string, err error) {
			progress.Done()
			if errors.Is(err, retained.ErrStillRetained) {
				e.note("clear %q: %s", name, err)
				return
			}
			e.note("%s", err)
		},
		Cleared: lines.cleared,
	})
	progress.Done()
	if flushed := lines.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return o.endedInTheMiddle(ctx, s, result, err)
	}
	return o.outcome(s, result)
}

func (o *retainedClearOptions) endedInTheMiddle(ctx context.Context, s *store, r retained.Clearing, err error) error {
	if _, ok := errors.AsType[*exit.Error](err); ok && context.Cause(ctx) == nil {
		return err
	}
	counts := "nothing was cleared"
	if r.Sent > 0 {
		counts = fmt.Sprintf("of %s %d were cleared and not verified, %d were refused, %d got no answer, %d were not tried",
			messages(r.Selected), r.Confirmed, r.Refused, r.Sent-r.Confirmed-r.Refused, r.Selected-r.Sent)
	}
	return s.endedEarly(ctx, "clear on", err, counts)
}

// outcome turns what became of the messages into the error of the command.
func (o *retainedClearOptions) outcome(s *store, r retained.Clearing) error {
	if r.Evidence == retained.Incomplete {
		s.env.note("%s", retained.Incomplete)
		done := "nothing was cleared"
		if r.Sent > 0 {
			done = fmt.Sprintf("%d deletions were confirmed, and nobody has looked whether they took effect", r.Confirmed)
		}
		return exit.New(exit.Timeout, "clear", "", fmt.Sprintf("the look at the broker was not complete within %s (--timeout): %s", o.timeout, done))
	}
	s.env.note("%s, %s cleared", r.Evidence, messages(r.Cleared))
	switch failed := r.Refused + r.Left; {
	case failed == 0:
		return nil
	case r.Cleared == 0:
		return exit.New(exit.Refused, "clear", "", fmt.Sprintf("none of %s was cleared", messages(failed)))
	default:
		return exit.New(exit.Partial, "clear", "", fmt.Sprintf("%d of %s not cleared", failed, messages(failed+r.Cleared)))
	}
}

// confirm asks whether to clear n messages.
func (o *retainedClearOptions) confirm(ctx context.Context, e *env, n int) error {
	if o.yes {
		return nil
	}
	var names []string
	for _, f := range o.filters {
		names = append(names, f.String())
	}
	return e.ask(ctx, fmt.Sprintf("clear %s at %s?", messages(n), strings.Join(names, " ")))
}

// topicLines prints topics.
type topicLines struct {
	*output.Lines

	json bool
}

// cleared prints a topic that was cleared. When it is not verified, nobody has looked whether it is gone.
func (t *topicLines) cleared(name string, verified bool) error {
	state := `,"cleared":true}`
	if !verified {
		state = `,"cleared":true,"verified":false}`
	}
	return t.add(name, state)
}

func (t *topicLines) add(name, state string) error {
	if t.json {
		t.JSON(append(message.AppendJSONString([]byte(`{"topic":`), name), state...))
	} else {
		t.Escaped(name)
	}
	if t.Buffered() < flushAt {
		return nil
	}
	return t.Flush()
}
