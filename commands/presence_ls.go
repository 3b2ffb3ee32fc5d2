package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/presence"
)

type presenceLsOptions struct {
	presenceOptions

	window time.Duration
	states []string
}

func newPresenceLs(e *env) *cobra.Command {
	o := &presenceLsOptions{}
	cmd := &cobra.Command{
		Use:   "ls [DEVICE]...",
		Short: "List devices and whether they are alive",
		Long: "List devices, all without DEVICE: state, since when, last seen, how often it came back, whether its offline was the Will\n" +
			"Message, session, and why. What is retained is a snapshot: with --for, mqx then looks for a while at what the devices\n" +
			"send too, which tells a stale offline (late-will).\n\n" +
			"Status 0: complete, whatever the states are; 5: there may be more devices.",
		Example:     "  mqx presence ls\n  mqx presence ls 'acme/lyon/+' --for 30s\n  mqx presence ls --convention tasmota --json",
		Annotations: readOnly(),
	}
	cmd.Flags().Var(durationFlag{&o.window}, "for", "look at live messages for so long too")
	cmd.Flags().StringSliceVar(&o.states, "state", nil, "only devices in these states, separated by commas")
	o.addFlags(cmd, e)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *presenceLsOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	states, err := parseStates(o.states)
	if err != nil {
		return err
	}
	s, err := o.look(ctx, e, cmd, args, once)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	listing := s.begin(ctx, func() bool { return o.window > 0 })
	if listing == nil && o.window > 0 {
		listing = o.follow(ctx, s)
	}
	if listing != nil && s.Fleet.Len() == len(o.expected) {
		return listing // and nothing was seen
	}
	if err := o.print(s, states); err != nil {
		return err
	}
	s.remarks()
	if listing == nil && s.Fleet.Len() == 0 {
		e.note("saw no status of a device; it may be at other topics (--convention, --topic), not retained (--for looks at live ones), or " +
			"hidden from this user")
	}
	return listing
}

// follow looks at live messages.
func (o *presenceLsOptions) follow(ctx context.Context, s *sight) error {
	if end := time.Now().Add(o.window); s.Deadline.IsZero() || end.Before(s.Deadline) {
		s.Deadline = end
	}
	err := s.Follow(ctx, func(time.Time) (time.Time, bool, error) {
		s.Fleet.Changes() // only what is in the end counts
		return time.Time{}, false, nil
	})
	s.Fleet.Release(time.Now())
	if err != nil {
		return s.ended(ctx, err)
	}
	return nil
}

func (o *presenceLsOptions) print(s *sight, states map[presence.State]bool) error {
	e, now := s.env, time.Now()
	lines := output.NewLines(e.streams)
	rows := output.NewRows(e.streams, e.color, presenceColumns()...)
	for _, d := range sortedDevices(s.Fleet) {
		switch {
		case len(states) > 0 && !states[d.State]:
		case e.json:
			lines.JSON(changeJSON(presence.Change{Device: d, Time: now}))
		default:
			rows.Row(presenceCells(d, now, e.streams.OutTTY)...)
		}
	}
	if e.json {
		return lines.Flush()
	}
	return rows.Flush()
}
