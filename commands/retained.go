package commands

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/sift"
	"github.com/mqx-cli/mqx/internal/topic"
)

func newRetained(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retained",
		Short: "List, check, clear, save and restore retained messages",
		Long: "List, check, clear, save and restore retained messages. MQTT has no mark where they end: each command says on\n" +
			"stderr how it knows that it has seen them all, and ends with status 5 when it does not.",
		Example:     "  mqx retained ls 'acme/#'\n  mqx retained assert acme/s1/d42/status --equals online --within 30s",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd,
		subcommand{"ls", newRetainedLs},
		subcommand{"get", newRetainedGet},
		subcommand{"watch", newRetainedWatch},
		subcommand{"clear", newRetainedClear},
		subcommand{"assert", newRetainedAssert},
		subcommand{"dump", newRetainedDump},
		subcommand{"load", newRetainedLoad},
		subcommand{"diff", newRetainedDiff},
	)
	return cmd
}

// retainedOptions are those of every `retained` command that reads.
type retainedOptions struct {
	connection config.Connection

	filters   []topic.Filter
	timeout   time.Duration
	noPublish bool
	ready     string

	deadline time.Time
}

func (o *retainedOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "longest time for it all (default: as long as messages keep coming)")
	fs.BoolVar(&o.noPublish, "no-publish", false, "publish no sentinel; wait for a barrier and a pause instead")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the subscription stands")
	addConnectionFlags(cmd, &o.connection, "subscribe")
}

func (o *retainedOptions) addFilterFlag(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(filtersFlag{&o.filters}, "topic", "t", "Topic Filter (repeatable; arguments too)")
	fs.Var(filtersFlag{&o.filters}, "filter", "the same as --topic")
	inGroup(fs, groupFilters, "topic", "filter")
}

// addFilters takes arguments as filters.
func (o *retainedOptions) addFilters(args []string) error {
	for _, arg := range args {
		if err := (filtersFlag{&o.filters}).Set(arg); err != nil {
			return exit.Wrap(exit.Usage, "filter", "", err)
		}
	}
	for _, f := range o.filters {
		if f.IsShared() {
			return exit.New(exit.Usage, "filter", fmt.Sprintf("%q", f), "a shared subscription gets no retained messages").
				Hint("use " + f.Bare())
		}
	}
	return nil
}

// leanHeap has the garbage collector run twice as often as it would: a listing makes much garbage and keeps little, and a
// million topics are to fit into 64 MB. It costs a tenth of the CPU time.
const leanHeap = 50

// store is a broker whose Retained Messages are looked at.
type store struct {
	*retainedOptions

	env     *env
	session *client.Session
	target  link.Target
	name    string // where there are two: what it is called in notes, with ": " behind
}

// connect connects. A path in the URL is the filter when there is no other.
func (o *retainedOptions) connect(ctx context.Context, e *env, cmd *cobra.Command) (*store, error) {
	return o.connectFor(ctx, e, cmd, once)
}

// connectFor is connect for a command whose connections are kept in one of the ways.
func (o *retainedOptions) connectFor(ctx context.Context, e *env, cmd *cobra.Command, keeps keeping) (*store, error) {
	if o.timeout > 0 {
		o.deadline = time.Now().Add(o.timeout)
	}
	if e.getenv("GOGC") == "" {
		debug.SetGCPercent(leanHeap)
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return nil, err
	}
	if r.Topic != "" && len(o.filters) == 0 {
		if err := o.addFilters([]string{r.Topic}); err != nil {
			return nil, err
		}
	}
	if o.timeout > 0 && o.timeout < r.Options.ConnectTimeout {
		r.Options.ConnectTimeout = o.timeout
	}
	s, err := e.openToList(ctx, keeps(r.Options), &o.noPublish)
	if err != nil {
		return nil, err
	}
	if !s.Caps().RetainAvailable {
		closeSession(ctx, s)
		return nil, exit.New(exit.Refused, "retained", r.Options.Target.String(), "the broker keeps no retained messages (Retain Available 0)")
	}
	for _, f := range o.filters {
		e.saw(f.String())
	}
	return &store{retainedOptions: o, env: e, session: s, target: r.Options.Target}, nil
}

// close says goodbye.
func (s *store) close(ctx context.Context) { closeSession(ctx, s.session) }

// listOptions say what to list.
func (s *store) listOptions(qos byte) retained.ListOptions {
	return retained.ListOptions{
		Filters: s.filters, QoS: min(qos, 2), Properties: s.connection.Properties.Subscribe, NoPublish: s.noPublish, Deadline: s.deadline,
		Ready: func() error { return readyFile(s.ready, "") },
	}
}

// list gives what is retained to sink and says how it knows that this is all. counts says how far it had come when it ends
// early.
func (s *store) list(ctx context.Context, sink retained.Sink, qos byte) (retained.Listing, error) {
	listing, err := retained.List(ctx, s.session, sink, s.listOptions(qos))
	if f, ok := sink.(finisher); ok {
		if finishing := f.Finish(err == nil && listing.Evidence != retained.Incomplete); err == nil {
			err = finishing
		}
	}
	if err != nil {
		return listing, s.endedEarly(ctx, "read from", err, messages(listing.Messages)+" listed")
	}
	return listing, s.report(listing)
}

// finisher is a sink that has more to show in the end.
type finisher interface {
	Finish(complete bool) error
}

// report says how a listing ended. An incomplete one is an error.
func (s *store) report(l retained.Listing) error {
	switch l.Evidence {
	case retained.Enough:
		return nil
	case retained.Incomplete:
		return s.incomplete(l.Messages)
	case retained.Sentinel, retained.Barrier:
		s.env.note("%s%s", s.name, l.Evidence)
	}
	if l.Recovered > 0 {
		s.env.note("%swarning: %d of %s came only at QoS 0: the broker limits its queues and dropped them at first, so that their QoS "+
			"is not known", s.name, l.Recovered, messages(l.Messages))
	}
	switch {
	case l.Counted > 0:
		s.env.note("%swarning: %d came, and the broker counted %d a few seconds ago: unless they were cleared meanwhile, some are not "+
			"readable for this user, or were dropped because the broker limits its queues (max_queued_messages)", s.name, l.Messages, l.Counted)
	case l.Slow:
		s.env.note("%swarning: the output was slower than the broker; one that limits its queues (max_queued_messages) may have dropped "+
			"some: write to a file", s.name)
	}
	return nil
}

func (s *store) incomplete(seen int) error {
	s.env.note("%s%s", s.name, retained.Incomplete)
	return exit.New(exit.Timeout, "retained", s.target.String(),
		fmt.Sprintf("%s within %s (--timeout), and there may be more", messages(seen), s.timeout))
}

// endedEarly is a refusal, a signal, a closed output or a lost connection.
func (s *store) endedEarly(ctx context.Context, what string, err error, counts string) error {
	var cause *exit.Error
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case errors.Is(err, exit.ErrOutputClosed), errors.Is(context.Cause(ctx), exit.ErrOutputClosed):
		return exit.ErrOutputClosed
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", counts)
	case refused, errors.Is(err, client.ErrNoAnswer):
		return requestError("subscribe", err)
	case errors.Is(err, client.ErrConnectionLost):
		return lostError(what, s.target, err, counts)
	default:
		return err
	}
}

// selection are the flags that pick messages.
type selection struct {
	exclude   []topic.Filter
	olderThan time.Duration
	where     string
}

func (s *selection) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(filtersFlag{&s.exclude}, "exclude", "T", "Topic Filter of messages to leave out (repeatable)")
	fs.Var(durationFlag{&s.olderThan}, "older-than", `only messages whose payload says by its "ts" that it is older`)
	fs.StringVar(&s.where, "where", "", "only messages for which this expression holds, on topic, levels, payload, size and age")
}

// selector checks the flags.
func (s *selection) selector(now time.Time) (retained.Selector, error) {
	selector := retained.Selector{Exclude: s.exclude, OlderThan: s.olderThan, Now: now}
	if s.where == "" {
		return selector, nil
	}
	where, err := sift.NewWhere(s.where)
	if err != nil {
		return selector, whereError(err, whereExample)
	}
	selector.Where = where
	return selector, nil
}

// reportWhere says where the expression made no sense.
func (e *env) reportWhere(where *sift.Where) {
	if where == nil {
		return
	}
	if n, first := where.Failed(); n > 0 {
		e.note("%s left out: --where makes no sense for them, first: %s", messages(n), first)
	}
}
