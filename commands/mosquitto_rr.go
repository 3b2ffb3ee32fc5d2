package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/mosquitto"
	"github.com/mqx-cli/mqx/internal/request"
	"github.com/mqx-cli/mqx/internal/wire"
)

// request is mosquitto_rr.
func (d *dropIn) request(ctx context.Context) *mosquitto.End {
	ignoreClosedPipe()
	payload, end := d.payload(ctx)
	if end != nil {
		return end
	}
	o, end := d.options(ctx)
	if end != nil {
		return end
	}
	s, err := d.connect(ctx, o, false)
	if err != nil {
		if d.late() {
			return d.end(mosquitto.End{Err: mosquitto.TimedOut, Status: mosquitto.StatusTimeout})
		}
		return d.failure(err)
	}
	defer closeSession(ctx, s)
	if *d.Topic == "" {
		return d.end(mosquitto.InvalidRequest())
	}
	printer := d.printer(nil)
	take := func(r request.Response) error {
		if _, err := printer.Message(r.Message); err != nil {
			return err
		}
		if d.Latency {
			printer.Print("Latency: " + latency(r.Took) + "\n")
		}
		return printer.Flush()
	}
	_, err = request.Do(ctx, s, request.Request{
		Message:       message.Message{Topic: *d.Topic, Payload: payload, QoS: d.QoS, Properties: d.properties(d.Publish)},
		ResponseTopic: *d.ResponseTopic, Replies: 1, Deadline: d.deadline, Subscribe: d.properties(d.Subscribe),
		Plain: &request.Plain{Subscription: d.SubscribeOptions(*d.ResponseTopic), SkipRetained: d.NoRetain},
	}, take)
	return d.answered(err)
}

// answered is how the program ends after its request.
func (d *dropIn) answered(err error) *mosquitto.End {
	refused, ok := errors.AsType[*client.RefusedError](err)
	switch {
	case err == nil, errors.Is(err, exit.ErrOutputClosed):
		return nil
	case errors.Is(err, request.ErrTooFew):
		return d.end(mosquitto.End{Err: mosquitto.TimedOut, Status: mosquitto.StatusTimeout})
	case ok && refused.Packet == wire.PUBLISH:
		return d.end(mosquitto.End{Err: mosquitto.PublishWarning(1, refused.Code)})
	case ok:
		return d.end(mosquitto.End{Err: refused.Code.String() + "\n"})
	default:
		return d.failure(err)
	}
}

// latency is a time as mosquitto_rr prints it.
func latency(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%fµs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.2fms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%.2fs", d.Seconds())
	}
}
