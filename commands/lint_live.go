package commands

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/receive"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// lintWindow is how long lint live looks without --for.
const lintWindow = 30 * time.Second

type lintLiveOptions struct {
	lintOptions

	connection config.Connection
	filters    []topic.Filter
	window     time.Duration
	count      int
	ready      string
}

func newLintLive(e *env) *cobra.Command {
	o := &lintLiveOptions{window: lintWindow}
	cmd := &cobra.Command{
		Use:   "live [FILTER...]",
		Short: "Check the messages that come in",
		Long: "Subscribe (to # without a filter), check what comes in for a while, and print the findings by template of topics, with\n" +
			"counts. Flags and QoS are judged as they were published, which only MQTT 5 shows. Beyond 50,000 messages a second a\n" +
			"sample is checked, and the report says so.\n\n" +
			"Status 5: no message was seen, which is not the same as clean.",
		Example:     "  mqx lint live --for 5m 'acme/#'",
		Annotations: readOnly(),
	}
	addLintFlags(cmd, e, &o.lintOptions)
	o.addLookFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

// addLookFlags adds the flags that say where to look, and for how long.
func (o *lintLiveOptions) addLookFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(filtersFlag{&o.filters}, "topic", "t", "Topic Filter to subscribe to (repeatable; arguments too)")
	fs.Var(filtersFlag{&o.filters}, "filter", "the same as --topic")
	inGroup(fs, groupFilters, "topic", "filter")
	fs.VarP(durationFlag{&o.window}, "timeout", "W", "how long to look")
	fs.Var(durationFlag{&o.window}, "for", "the same as --timeout")
	inGroup(fs, groupWindow, "timeout", "for")
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many messages")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the subscription stands")
	addConnectionFlags(cmd, &o.connection, "subscribe")
}

func (o *lintLiveOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	var early error
	err := o.lintOptions.run(e, cmd, func(l *lint.Linter) error {
		sink := &liveSink{live: l.Live}
		var err error
		early, err = o.look(ctx, e, cmd, args, sink)
		l.Subscribed(o.filters)
		if err == nil && early == nil && sink.n == 0 {
			return exit.New(exit.Timeout, "lint live", "", "no message within "+o.window.String()+": nothing was checked")
		}
		return err
	})
	if early != nil && (err == nil || exit.CodeOf(err) == exit.Negative) {
		return early // the report is printed, and the window was not whole
	}
	return err
}

// connect checks the flags and connects.
func (o *lintLiveOptions) connect(ctx context.Context, e *env, cmd *cobra.Command, args []string) (*client.Session, link.Target, error) {
	for _, arg := range args {
		if err := (filtersFlag{&o.filters}).Set(arg); err != nil {
			return nil, link.Target{}, exit.Wrap(exit.Usage, "filter", "", err)
		}
	}
	if o.count < 0 || o.window <= 0 {
		return nil, link.Target{}, usageError(cmd, "--count cannot be negative, and --for must be more than 0")
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return nil, link.Target{}, err
	}
	if len(o.filters) == 0 {
		filter := r.Topic
		if filter == "" {
			filter = "#"
		}
		if err := (filtersFlag{&o.filters}).Set(filter); err != nil {
			return nil, link.Target{}, exit.Wrap(exit.Usage, "the topic in the URL", "", err)
		}
	}
	s, err := e.openWatch(ctx, r.Options)
	return s, r.Options.Target, err
}

// look gives messages to a sink until the end of the window. early is why it ended before: what was seen till then counts.
func (o *lintLiveOptions) look(ctx context.Context, e *env, cmd *cobra.Command, args []string, sink *liveSink) (early, err error) {
	s, target, err := o.connect(ctx, e, cmd, args)
	if err != nil {
		return nil, err
	}
	defer closeSession(ctx, s)
	sink.published = s.Caps().Version == wire.V5
	if err := o.subscribe(ctx, s, sink.published); err != nil {
		return nil, err
	}
	_, err = receive.Run(ctx, s, sink, receive.Options{Count: o.count, Deadline: time.Now().Add(o.window)})
	var stopped *exit.Error
	switch {
	case err == nil:
		return nil, nil
	case errors.As(context.Cause(ctx), &stopped):
		return exit.New(stopped.Code, stopped.What, "", messages(sink.n)+" checked"), nil
	case errors.Is(err, client.ErrConnectionLost):
		return lostError("receive from", target, err, messages(sink.n)+" checked"), nil
	default:
		return err, nil
	}
}

func (o *lintLiveOptions) subscribe(ctx context.Context, s *client.Session, published bool) error {
	subs := make([]wire.Subscription, len(o.filters))
	for i, f := range o.filters {
		// QoS 2, so that the QoS of a delivery is that of the publisher.
		subs[i] = wire.Subscription{Filter: f.String(), QoS: 2, RetainAsPublished: published}
	}
	if err := subscribe(ctx, s, o.connection.Properties.Subscribe, subs); err != nil {
		return err
	}
	return readyFile(o.ready, "")
}

// liveSink gives messages to a linter, with the news whether their flags are as they were published.
type liveSink struct {
	live      func(m message.Message, published bool)
	published bool
	n         int
}

// Message checks m.
func (s *liveSink) Message(m message.Message) (bool, error) {
	s.n++
	s.live(m, s.published)
	return true, nil
}

// Flush has nothing to write: the report comes at the end.
func (*liveSink) Flush() error { return nil }

// Buffered is 0: nothing waits.
func (*liveSink) Buffered() int { return 0 }
