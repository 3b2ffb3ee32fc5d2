package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// playedDevice is a device while it is played.
type playedDevice struct {
	env    *env
	live   *simulate.Live
	name   string // its base topic
	target link.Target
	count  int           // of measurements after which it is enough; 0 is never
	length time.Duration // after which it is enough; 0 is never

	measurements int
}

// measured takes note of a message that was sent.
func (d *playedDevice) measured(m *simulate.Made) error {
	if m.Signal == "" {
		return nil
	}
	if d.measurements++; d.measurements == d.count {
		return simulate.ErrDone
	}
	return nil
}

// play lives until the stated end, and takes leave.
func (d *playedDevice) play(ctx context.Context, o client.Options) error {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	if d.length > 0 {
		bounded, cancel = context.WithTimeout(ctx, d.length)
		defer cancel()
	}
	err := d.live.Run(bounded, o)
	d.count = 0
	leaving, stop := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer stop()
	if left := d.live.Leave(leaving); left != nil && !errors.Is(left, exit.ErrOutputClosed) {
		d.env.note("warning: the broker has not confirmed that the device is offline")
	}
	var cause *exit.Error
	switch {
	case errors.Is(err, simulate.ErrDone), errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", messages(d.measurements)+" sent")
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if _, told := errors.AsType[*exit.Error](err); told {
		return err
	}
	if errors.Is(err, client.ErrConnectionLost) || errors.Is(err, client.ErrTakenOver) {
		return lostError("simulate on", d.target, err, messages(d.measurements)+" sent")
	}
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		return requestError("simulate", err)
	}
	return err
}

// deviceLog prints what a device sends and receives.
type deviceLog struct {
	env   *env
	lines *output.Lines
	text  []byte
}

func (l *deviceLog) sent(m *simulate.Made) error {
	sent := m.Message
	sent.Time = time.Now()
	return l.print("sent", sent)
}

func (l *deviceLog) received(m message.Message) error { return l.print("received", m) }

func (l *deviceLog) print(what string, m message.Message) error {
	if l.env.json {
		l.text = fmt.Appendf(l.text[:0], `{"event":%q,`, what)
		object := message.AppendJSON(nil, m)
		l.text = append(l.text, object[1:]...)
		l.lines.JSON(l.text)
		return l.lines.Flush()
	}
	l.lines.Text(fmt.Sprintf("%s\t%s\t%s\t%s\n", timeText(m.Time), what, escaped(m.Topic), escaped(string(m.Payload))))
	return l.lines.Flush()
}
