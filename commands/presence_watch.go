package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/presence"
)

type presenceWatchOptions struct {
	presenceOptions

	count  int
	lines  bool
	exec   string
	atOnce int
}

func newPresenceWatch(e *env) *cobra.Command {
	o := &presenceWatchOptions{}
	cmd := &cobra.Command{
		Use:   "watch [DEVICE]...",
		Short: "Print devices and every change of their state",
		Long: "Show devices and their states, the last change first, as a table on a terminal: / finds, 1 to 7 show one state only,\n" +
			"q ends. In a pipe, or with --lines, --exec or --count: the state of each device, and then every change until Ctrl-C,\n" +
			"a line each: time, device, state, the state before, and why.\n\n" +
			"mqx also subscribes to what the devices send (at QoS 0, each such message comes to mqx too): that tells a stale offline\n" +
			"and a silent device. --no-traffic does without.\n\n" +
			"Status 130 after Ctrl-C; 0 after --timeout or --count; 3 when the connection is lost for good.",
		Example: "  mqx presence watch 'acme/lyon/+'\n" +
			"  mqx presence watch --json | jq -r 'select(.state==\"offline\").device'",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many lines")
	fs.BoolVar(&o.lines, "lines", false, "print lines on a terminal too, in place of a table")
	fs.StringVar(&o.exec, "exec", "", "run this shell command for each change after the listing, with MQX_DEVICE, MQX_STATE, MQX_PREVIOUS and\n"+
		"more in its environment and the change as JSON on its standard input")
	fs.IntVar(&o.atOnce, "exec-parallel", 4, "how many of these run at once; those of one device run in order")
	o.addFlags(cmd, e)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *presenceWatchOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if o.count < 0 || o.atOnce < 1 {
		return usageError(cmd, "--count cannot be negative, and --exec-parallel must be 1 at least")
	}
	s, err := o.look(ctx, e, cmd, args, watching)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	if err := s.begin(ctx, func() bool { return true }); err != nil {
		return err
	}
	if o.wantsTable(e) {
		err = o.table(ctx, e, s)
	} else {
		err = o.print(ctx, e, s)
	}
	s.remarks()
	return err
}

// wantsTable reports whether there is a terminal to show a table on, and nothing that asks for lines.
func (o *presenceWatchOptions) wantsTable(e *env) bool {
	_, _, terminal := e.streams.Terminal()
	return terminal && !e.json && !o.lines && o.exec == "" && o.count == 0
}

// table shows a table until the user is done with it.
func (o *presenceWatchOptions) table(ctx context.Context, e *env, s *sight) error {
	t, ctx := showTable(ctx, e, s.Fleet)
	err := s.Follow(ctx, func(now time.Time) (time.Time, bool, error) {
		t.changes(s.Fleet.Changes(), s.Fleet.NewFaults())
		return now.Add(tableEvery), false, nil
	})
	if err = t.close(err); err != nil {
		return s.ended(ctx, err)
	}
	return nil
}

// print prints lines.
func (o *presenceWatchOptions) print(ctx context.Context, e *env, s *sight) error {
	printer := &changeLines{env: e, lines: output.NewLines(e.streams), marks: output.NewPainter(e.streams, e.color), count: o.count}
	hooks := o.hooks(ctx, e)
	defer hooks.close()
	next := func() (full bool, err error) {
		changes := s.Fleet.Changes()
		if full, err = printer.print(changes); err != nil {
			return full, err
		}
		return full, hooks.run(ctx, changes)
	}
	err := s.Follow(ctx, func(time.Time) (time.Time, bool, error) {
		for _, fault := range s.Fleet.NewFaults() {
			e.note("warning: the status of %s could not be read: %s", fault.Device, fault.Why)
		}
		full, err := next()
		return time.Time{}, full, err
	})
	s.Fleet.Release(time.Now())
	if _, last := next(); err == nil {
		err = last
	}
	if err != nil {
		return s.endedEarly(ctx, "watch", err, fmt.Sprintf("%s, %s shown", devices(s.Fleet.Len()), count(printer.shown, "line")))
	}
	return nil
}

// changeLines prints changes, one a line.
type changeLines struct {
	env   *env
	lines *output.Lines
	marks *output.Painter
	shown int
	count int
}

// print prints changes and reports whether there are enough.
func (p *changeLines) print(changes []presence.Change) (full bool, err error) {
	for _, c := range changes {
		if p.count > 0 && p.shown >= p.count {
			break
		}
		if p.shown++; p.env.json {
			p.lines.JSON(changeJSON(c))
		} else {
			p.line(c)
		}
	}
	return p.count > 0 && p.shown >= p.count, p.lines.Flush()
}

// line is a change for people: times of day on a terminal, RFC 3339 and tabs in a pipe.
func (p *changeLines) line(c presence.Change) {
	d := &c.Device
	previous := string(c.Previous)
	if previous == "" {
		previous = "-"
	}
	if !p.env.streams.OutTTY {
		p.lines.Text(fmt.Sprintf("%s\t%s\t%s\t%s\t%s\n", timeText(c.Time), escaped(d.Name), d.State, previous, escaped(d.Reason)))
		return
	}
	p.lines.Text(fmt.Sprintf("%s %s %s %s\n", p.marks.Paint(output.Faint, c.Time.Local().Format("15:04:05")),
		p.marks.Paint(toneOf(d.State), fmt.Sprintf("%-9s", d.State)), escaped(d.Name),
		p.marks.Paint(output.Faint, fmt.Sprintf("(was %s) %s", previous, escaped(d.Reason)))))
}

func escaped(text string) string { return string(output.AppendEscaped(nil, []byte(text))) }
