package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/mosquitto"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/wire"
)

// publish is mosquitto_pub. A signal kills it, so that the broker publishes the Will Message.
func (d *dropIn) publish(ctx context.Context) *mosquitto.End {
	ignoreClosedPipe()
	payload, end := d.payload(ctx)
	if end != nil {
		return end
	}
	if end := d.Incomplete(readVersion().Version); end != nil {
		return end
	}
	o, end := d.options(ctx)
	if end != nil {
		return end
	}
	s, err := d.connect(ctx, o, d.TakesLines())
	if err != nil {
		return d.failure(err)
	}
	defer closeSession(ctx, s)
	switch {
	case *d.Topic == "":
		return d.end(mosquitto.End{Err: mosquitto.BadTopic})
	case d.Version != wire.V5 && !d.Publish.Empty(): // they were given before the version
		return d.end(mosquitto.End{Err: mosquitto.Lost, Status: mosquitto.StatusLost})
	}
	report := &publishReport{dropIn: d}
	var before func(context.Context) error
	if !d.TakesLines() {
		before = s.Drain // a repetition waits until the message before it was delivered
	}
	_, err = publish.Run(ctx, s, &numbered{Source: d.source(payload), before: before}, publish.Options{Topics: []string{*d.Topic}, Report: report.note})
	switch {
	case report.end != nil:
		return d.end(*report.end)
	case errors.Is(err, client.ErrConnectionLost), errors.Is(err, client.ErrNoAnswer):
		return d.failure(err)
	case err != nil:
		return d.end(mosquitto.PublishProblem(err))
	}
	return nil
}

// payload reads what is to be published, before anything is connected.
func (d *dropIn) payload(ctx context.Context) ([]byte, *mosquitto.End) {
	switch d.Mode {
	case mosquitto.Text:
		return []byte(d.Message), nil
	case mosquitto.Stdin:
		b, err := readAll(ctx, d.env.streams.In)
		if err != nil || len(b) == 0 {
			return nil, &mosquitto.End{Err: "Error: Zero length input.\nError loading input from stdin.\n", Status: 1}
		}
		return d.fitting(b, "Error loading input from stdin.\n")
	case mosquitto.File:
		failed := fmt.Sprintf("Error loading input file \"%s\".\n", d.FileName)
		b, err := readFile(ctx, d.FileName)
		if err != nil {
			return nil, &mosquitto.End{Err: fmt.Sprintf("Error: Unable to open file \"%s\".\n", d.FileName) + failed, Status: 1}
		}
		return d.fitting(b, failed)
	default:
		return nil, nil
	}
}

// fitting refuses a payload that no packet can carry.
func (d *dropIn) fitting(b []byte, failed string) ([]byte, *mosquitto.End) {
	if len(b) < wire.MaxRemainingLength {
		return b, nil
	}
	what := "File"
	if d.Mode == mosquitto.Stdin {
		what = "Message length"
	}
	return nil, &mosquitto.End{Err: fmt.Sprintf("Error: %s must be less than %d bytes.\n\n", what, wire.MaxRemainingLength) + failed, Status: 1}
}

// source is where the messages come from.
func (d *dropIn) source(payload []byte) publish.Source {
	m := message.Message{Payload: payload, QoS: d.QoS, Retain: d.Retain, Properties: d.Publish}
	if d.TakesLines() {
		return publish.NewLines(d.env.streams.In, m)
	}
	return publish.NewOnce(m, d.Repeat, d.RepeatDelay)
}

// numbered is a Source whose messages count as lines, so that reports can name them.
type numbered struct {
	publish.Source

	before func(context.Context) error // is waited for before each message but the first; nil for nothing
	n      int
}

// Next returns the next message.
func (n *numbered) Next(ctx context.Context) (message.Message, int, error) {
	if n.before != nil && n.n > 0 {
		if err := n.before(ctx); err != nil {
			return message.Message{}, n.n, err
		}
	}
	m, _, err := n.Source.Next(ctx)
	if err == nil {
		n.n++
	}
	return m, n.n, err
}

// publishReport tells of messages that were not published.
type publishReport struct {
	*dropIn

	end *mosquitto.End
}

// note takes the failure of one message: the broker's refusal is a warning, and what the connection does not allow an end.
func (r *publishReport) note(err error) {
	n := 1
	if line, ok := errors.AsType[*publish.LineError](err); ok {
		n = line.Line
	}
	refused, ok := errors.AsType[*client.RefusedError](err)
	switch {
	case !ok:
		r.complain("Error: " + err.Error() + "\n")
	case refused.Code == wire.PacketTooLarge, refused.Code == wire.QoSNotSupported, refused.Code == wire.RetainNotSupported:
		problem := mosquitto.PublishProblem(err)
		r.end = &problem
	default:
		r.complain(mosquitto.PublishWarning(n, refused.Code))
	}
}
