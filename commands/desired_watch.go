package commands

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/words"
)

type desiredWatchOptions struct {
	desiredOptions

	count int
	skew  time.Duration
}

func newDesiredWatch(e *env) *cobra.Command {
	o := &desiredWatchOptions{skew: defaultSkew}
	o.keeps = watching
	cmd := &cobra.Command{
		Use:   "watch DEVICE...",
		Short: "Follow what is desired of devices, and what becomes of it",
		Long: "Print how devices are, and then a line for each change: desired, cleared, seen (answered, and not all applied),\n" +
			"applied, rejected, drift (applied before, and different now), bad (a document that cannot be read).\n\n" +
			"It ends with -C, with --timeout (status 0), or on Ctrl-C.",
		Example:     "  mqx desired watch 'acme/lyon/+'",
		Args:        cobra.ArbitraryArgs,
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many lines")
	fs.Var(durationFlag{&o.skew}, "skew", "how far clocks may be apart")
	e.addJSONFlag(cmd, "print each change as a JSON object")
	o.addToleranceFlag(cmd)
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

// Why a watch ends well.
var (
	errEnoughLines = errors.New("enough lines")
	errWatchOver   = errors.New("the time is over")
)

func (o *desiredWatchOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if o.count < 0 {
		return usageError(cmd, "--count cannot be negative")
	}
	timeout := o.timeout
	f, err := o.connect(ctx, e, cmd, args)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	if err := f.read(ctx, twin.Needs{Reported: true}); err != nil {
		return err
	}
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, timeout, errWatchOver)
		defer stop()
	}
	p, shown := e.twinPrinter(), 0
	err = f.Watch(ctx, o.skew, func(event twin.Event) error {
		if err := p.event(event); err != nil {
			return err
		}
		if err := p.Flush(); err != nil {
			return err
		}
		if shown++; o.count > 0 && shown >= o.count {
			return errEnoughLines
		}
		return nil
	})
	if errors.Is(err, errEnoughLines) || errors.Is(err, errWatchOver) {
		return nil
	}
	if errors.Is(err, exit.ErrOutputClosed) {
		return err
	}
	return f.failure(ctx, "watch", err, strconv.Itoa(shown)+" lines shown")
}

// eventJSON is the JSON form of a twin.Event.
type eventJSON struct {
	Time     time.Time      `json:"time"`
	Device   string         `json:"device"`
	Event    twin.EventKind `json:"event"`
	Rev      uint64         `json:"rev,omitempty"`
	ID       string         `json:"id,omitempty"`
	By       string         `json:"by,omitempty"`
	Evidence twin.Evidence  `json:"evidence,omitempty"`
	Why      string         `json:"why,omitempty"`
	Differs  []leafJSON     `json:"differs,omitempty"`
}

func (p *twinPrinter) event(ev twin.Event) error {
	if p.json {
		j := eventJSON{
			Time: ev.Time.UTC(), Device: ev.Device, Event: ev.Kind, Rev: ev.Rev, ID: ev.ID, By: ev.By, Evidence: ev.Evidence, Why: whyText(ev.Why),
		}
		for _, l := range ev.Leaves {
			j.Differs = append(j.Differs, newLeafJSON(l))
		}
		text, err := json.Marshal(j)
		if err != nil {
			return err
		}
		p.JSON(text)
		return nil
	}
	style := p.marks.Good
	switch ev.Kind {
	case twin.EventDesired, twin.EventSeen:
		style = p.marks.Doubtful
	case twin.EventRejected, twin.EventDrift, twin.EventBad:
		style = p.marks.Bad
	default:
	}
	cells := []string{
		mark(p.marks.Faint, ev.Time.Local().Format("15:04:05.000")), words.Printable(ev.Device), mark(style, string(ev.Kind)),
	}
	if ev.Rev > 0 {
		cells = append(cells, "rev "+strconv.FormatUint(ev.Rev, 10))
	}
	var details []string
	if ev.Kind == twin.EventDesired && ev.By != "" {
		details = append(details, "by "+ev.By)
	}
	if ev.Why != nil {
		details = append(details, ev.Why.Error())
	}
	for _, l := range ev.Leaves {
		reported := "-"
		if l.Reports {
			reported = string(payload.AppendValue(nil, l.Reported))
		}
		details = append(details, l.Pointer+" "+string(payload.AppendValue(nil, l.Desired))+" != "+reported)
	}
	if len(details) > 0 {
		cells = append(cells, words.Printable(strings.Join(details, ", ")))
	}
	p.Text(strings.Join(cells, "\t") + "\n")
	return nil
}
