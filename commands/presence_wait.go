package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/presence"
)

type presenceWaitOptions struct {
	presenceOptions

	online, offline bool
	hold            time.Duration
}

func newPresenceWait(e *env) *cobra.Command {
	o := &presenceWaitOptions{}
	cmd := &cobra.Command{
		Use:   "wait DEVICE... --online | --offline",
		Short: "Wait until a device is online, or offline",
		Long: "Wait until a device, or every one of several, is online or offline, and print its state. What is retained counts at once.\n" +
			"A device whose offline is stale is online. Without --timeout it waits for as long as a broker takes to notice a dead\n" +
			"device: 1.5 times --device-keepalive, and --slack; and for --for.\n\n" +
			"Status 0: it is; 6: it did not come online in time; 5: it did not go offline in time; 3: the connection is lost.",
		Example: "  mqx presence wait acme/lyon/cr-001 --online -W 60s\n" +
			"  mqx presence wait acme/lyon/cr-001 --offline\n" +
			"  mqx presence wait 'acme/lyon/+' --online --for 30s",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.online, "online", false, "wait until it is online")
	fs.BoolVar(&o.offline, "offline", false, "wait until it is offline")
	inGroup(fs, "wanted", "online", "offline")
	fs.Var(durationFlag{&o.hold}, "for", "and stays so for so long")
	o.addFlags(cmd, e)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *presenceWaitOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if o.online == o.offline {
		return usageError(cmd, "one of --online and --offline is expected")
	}
	if len(args)+len(o.filters) == 0 {
		return usageError(cmd, "which device? its base topic is needed, such as acme/lyon/cr-001")
	}
	if o.timeout == 0 {
		o.timeout = o.rules.Deadline() + o.hold
	}
	s, err := o.look(ctx, e, cmd, args, asAsked)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	s.quiet = true
	err = s.begin(ctx, func() bool { return o.mayNeedTraffic(s) })
	if exit.CodeOf(err) == exit.Timeout {
		return o.unmet(s)
	}
	if err != nil {
		return err
	}
	w := &waiting{met: o.met, hold: o.hold, since: map[string]time.Time{}}
	if err := s.Follow(ctx, w.step(s.Fleet)); err != nil {
		return s.ended(ctx, err)
	}
	s.remarks()
	if !w.done {
		return o.unmet(s)
	}
	return o.print(s)
}

// mayNeedTraffic reports whether what devices send can change the answer.
func (o *presenceWaitOptions) mayNeedTraffic(s *sight) bool {
	if o.hold > 0 {
		return true
	}
	for d := range s.Fleet.All() {
		if !o.met(d) {
			return true
		}
	}
	return s.Fleet.Len() == 0
}

func (o *presenceWaitOptions) met(d presence.Device) bool {
	return o.online && d.Online || o.offline && d.State == presence.Offline
}

// unmet says that the time is over.
func (o *presenceWaitOptions) unmet(s *sight) error {
	s.Fleet.Release(time.Now())
	missing, first := 0, presence.Device{}
	for _, d := range sortedDevices(s.Fleet) {
		if !o.met(d) {
			if missing == 0 {
				first = d
			}
			missing++
		}
	}
	code, want := exit.Offline, "online"
	if o.offline {
		code, want = exit.Timeout, "offline"
	}
	why := fmt.Sprintf("not %s within %s", want, o.timeout)
	switch {
	case missing == 0 && s.Fleet.Len() == 0:
		return exit.New(code, "wait", "", "no device was seen within "+o.timeout.String())
	case missing == 0 && o.hold == 0:
		return exit.New(code, "wait", "", fmt.Sprintf("%s, but not yet for the %s in which a device may be back (--debounce), within %s",
			want, o.rules.Debounce, o.timeout))
	case missing == 0:
		return exit.New(code, "wait", "", fmt.Sprintf("not %s for %s within %s", want, o.hold, o.timeout))
	case missing > 1:
		why += fmt.Sprintf(", as %d others", missing-1)
	}
	why += fmt.Sprintf(": it is %s", first.State)
	if first.Reason != "" {
		why += " (" + first.Reason + ")"
	}
	return exit.New(code, "wait", first.Name, why)
}

func (o *presenceWaitOptions) print(s *sight) error {
	e, now := s.env, time.Now()
	lines := output.NewLines(e.streams)
	rows := output.NewRows(e.streams, e.color, presenceColumns()...)
	for _, d := range sortedDevices(s.Fleet) {
		if e.json {
			lines.JSON(changeJSON(presence.Change{Device: d, Time: now}))
		} else {
			rows.Row(presenceCells(d, now, e.streams.OutTTY)...)
		}
	}
	if e.json {
		return lines.Flush()
	}
	return rows.Flush()
}

// waiting knows since when each device is as it is wanted.
type waiting struct {
	met   func(presence.Device) bool
	hold  time.Duration
	since map[string]time.Time
	done  bool
}

// step looks at the devices that have changed, and is done when all have been as wanted for long enough.
func (w *waiting) step(f *presence.Fleet) presence.Step {
	return func(now time.Time) (wake time.Time, stop bool, err error) {
		for _, c := range f.Changes() {
			name := c.Device.Name
			_, was := w.since[name]
			switch met := w.met(c.Device); {
			case !met:
				delete(w.since, name)
			case !was:
				w.since[name] = now
			}
		}
		if f.Len() == 0 || len(w.since) < f.Len() {
			return time.Time{}, false, nil
		}
		for _, since := range w.since {
			if end := since.Add(w.hold); end.After(wake) {
				wake = end
			}
		}
		w.done = !now.Before(wake)
		return wake, w.done, nil
	}
}
