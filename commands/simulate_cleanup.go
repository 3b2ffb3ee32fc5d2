package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	livefleet "github.com/mqx-cli/mqx/internal/fleet"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
)

// cleanupTimeout bounds the clean-up at the end of a run.
const cleanupTimeout = 2 * time.Minute

type cleanupOptions struct {
	connection config.Connection
	force      bool
	yes        bool
}

func newSimulateCleanup(e *env) *cobra.Command {
	o := &cleanupOptions{}
	cmd := &cobra.Command{
		Use:   "cleanup RUN",
		Short: "Clear what a run has retained",
		Long: "Clear exactly the retained messages that a run of simulate fleet has left: the topics were written down before anything\n" +
			"was published to them, so that this works after a crash too. When all of them are gone, the record is\n" +
			"forgotten. What others have retained at other topics stays.\n\n" +
			"The broker must be that of the run, unless --force says that it only has another name now.\n\n" +
			"Status 0: all gone; 2: no such run, or another broker; 9: some could not be cleared, and the record stays.",
		Example:     "  mqx simulate cleanup cold-rooms-20260105T060000Z",
		Annotations: readWrite(),
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "take a broker that the run did not connect to")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask, also in a guarded context")
	addConnectionFlags(cmd, &o.connection, "publish")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		if len(args) != 1 {
			return usageError(cmd, "which run? one name is needed, as mqx simulate fleet told it")
		}
		return o.run(ctx, e, cmd, args[0])
	})
	return cmd
}

func (o *cleanupOptions) run(ctx context.Context, e *env, cmd *cobra.Command, run string) error {
	dir, err := e.recordDir()
	if err != nil {
		return err
	}
	head, topics, err := livefleet.ReadRecord(dir, run)
	if errors.Is(err, livefleet.ErrNoRecord) {
		failure := exit.Wrap(exit.Usage, "simulate cleanup", run, err)
		if known := livefleet.Records(dir); len(known) > 0 {
			return failure.Hint("there are " + strings.Join(known, ", "))
		}
		return failure
	}
	if err != nil {
		return exit.Wrap(exit.BadData, "simulate cleanup", run, err)
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	if where := r.Options.Target.String(); where != head.Broker && !o.force {
		return exit.New(exit.Usage, "simulate cleanup", run, fmt.Sprintf("it was played at %s, and this is %s", head.Broker, where)).
			Hint("name its broker, or pass --force")
	}
	if err := e.guard(ctx, &o.connection, "clear "+count(len(topics), "retained message"), o.yes); err != nil {
		return err
	}
	return e.clearRecorded(ctx, r.Options, dir, run, topics)
}

// cleanUp clears what the run has retained, when it is over.
func (l *liveFleet) cleanUp(ctx context.Context) error {
	dir, err := l.env.recordDir()
	if err != nil {
		return err
	}
	_, topics, err := livefleet.ReadRecord(dir, l.record.Run)
	if err != nil {
		return exit.Wrap(exit.BadData, "clean up", l.record.Run, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return l.env.clearRecorded(ctx, l.resolved.Options, dir, l.record.Run, topics)
}

// clearRecorded clears topics and forgets the run if all of them are gone.
func (e *env) clearRecorded(ctx context.Context, o client.Options, dir, run string, topics []string) error {
	if len(topics) > 0 {
		s, err := e.open(ctx, o)
		if err != nil {
			return err
		}
		defer closeSession(ctx, s)
		if err := e.clearTopics(ctx, s, o.Target, run, topics); err != nil {
			return err
		}
	}
	if err := livefleet.RemoveRecord(dir, run); err != nil {
		return exit.Wrap(exit.Usage, "record of the run", run, err)
	}
	return nil
}

// clearTopics clears topics, a lot at a time, looks whether they are gone, and prints those that are.
func (e *env) clearTopics(ctx context.Context, s *client.Session, t link.Target, run string, topics []string) error {
	const lot = 500
	cleared, left := 0, 0
	for len(topics) > 0 {
		n := min(lot, len(topics))
		var o retained.ClearOptions
		for _, name := range topics[:n] {
			filter, err := topic.ParseFilter(name)
			if err != nil {
				return exit.Wrap(exit.BadData, "clean up", run, err)
			}
			o.List.Filters = append(o.List.Filters, filter)
		}
		topics = topics[n:]
		o.Confirm = func(int) error { return nil }
		o.Report = func(name string, err error) { e.note("clear %q: %s", name, err) }
		o.Cleared = func(string, bool) error { return nil }
		r, err := retained.Clear(ctx, s, o)
		if err != nil {
			return lostError("clean up "+run+" at", t, err, count(cleared, "topic")+" cleared")
		}
		cleared += r.Cleared + r.Confirmed
		left += r.Refused + r.Left + r.Unsure
	}
	e.note("%s of run %s cleared", count(cleared, "retained message"), run)
	if left > 0 {
		return exit.New(exit.Partial, "clean up", run, count(left, "retained message")+" could not be cleared").
			Hint("mqx simulate cleanup " + run + ", as a user who may")
	}
	return nil
}
