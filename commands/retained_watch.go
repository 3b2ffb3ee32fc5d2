package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/receive"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

type retainedWatchOptions struct {
	retainedOptions

	qos   byte
	count int
}

func newRetainedWatch(e *env) *cobra.Command {
	o := &retainedWatchOptions{}
	cmd := &cobra.Command{
		Use:   "watch FILTER...",
		Short: "Print retained messages and what becomes of them",
		Long: "Print retained messages, and then every change of them until Ctrl-C: set, changed or cleared. A message that repeats\n" +
			"the payload is no change. MQTT 5 tells which live messages are retained; below it every live message is shown as\n" +
			"published, because it may be.\n\n" +
			"Status 130 after Ctrl-C; 0 after --timeout or --count; 3 when the connection is lost for good.",
		Example:     "  mqx retained watch 'acme/+/+/status'\n  mqx retained watch 'acme/#' --json",
		Annotations: readOnly(),
	}
	o.addFilterFlag(cmd)
	fs := cmd.Flags()
	fs.VarP(qosFlag{&o.qos}, "qos", "q", "highest QoS")
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many lines")
	e.addJSONFlag(cmd, `print each change as a message in JSON with a first member "change"`)
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedWatchOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if o.count < 0 {
		return usageError(cmd, "--count %d: it cannot be negative", o.count)
	}
	if err := o.addFilters(args); err != nil {
		return err
	}
	s, err := o.connectFor(ctx, e, cmd, watching)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if len(o.filters) == 0 {
		return usageError(cmd, "what to watch? a Topic Filter is needed")
	}
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	v5 := s.session.Caps().Version == wire.V5
	if !v5 {
		e.note("below MQTT 5 a live message does not say whether it is retained: those are shown as published")
	}
	w := &watch{printer: output.NewChanges(e.streams, e.color, e.json), watcher: retained.NewWatcher(v5), count: o.count}
	return o.watch(ctx, s, w)
}

// watch lists what is retained and follows it.
func (o *retainedWatchOptions) watch(ctx context.Context, s *store, w *watch) error {
	early := func(err error) error {
		return s.endedEarly(ctx, "watch", err, count(w.shown, "line")+" shown")
	}
	var subs []wire.Subscription
	for _, f := range o.filters {
		subs = append(subs, wire.Subscription{Filter: f.String(), QoS: o.qos, RetainAsPublished: w.watcher.AsPublished})
	}
	evidence, err := retained.Collect(ctx, s.session, listed{w}, retained.Options{
		Subscriptions: subs, Properties: o.connection.Properties.Subscribe, NoPublish: o.noPublish, Deadline: o.deadline,
		Ready: func() error { return readyFile(o.ready, "") }, Stays: true,
	})
	switch {
	case err != nil:
		return early(err)
	case evidence == retained.Enough:
		return nil
	case evidence == retained.Incomplete:
		return s.incomplete(w.shown)
	}
	s.env.note("%s, %s; now the changes", evidence, count(w.shown, "line"))
	w.watcher.Listing = false
	options := receive.Options{Deadline: o.deadline}
	if o.count > 0 {
		options.Count = o.count - w.shown
	}
	if _, err = receive.Run(ctx, s.session, w, options); err != nil {
		return early(err)
	}
	return nil
}

// watch prints changes.
type watch struct {
	printer *output.Changes
	watcher *retained.Watcher
	shown   int
	count   int
}

// Message prints m if it changes something.
func (w *watch) Message(m message.Message) (bool, error) {
	kind, changes := w.watcher.Observe(m)
	if !changes {
		return false, nil
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	w.printer.Change(string(kind), m)
	w.shown++
	return true, nil
}

// Flush writes what was printed.
func (w *watch) Flush() error { return w.printer.Flush() }

// Buffered is how many bytes wait for Flush.
func (w *watch) Buffered() int { return w.printer.Buffered() }

// listed is a watch while it lists.
type listed struct{ *watch }

// Message prints m and reports whether --count is reached.
func (l listed) Message(m message.Message) (bool, error) {
	_, err := l.watch.Message(m)
	return l.count > 0 && l.shown >= l.count, err
}
