package retained

import (
	"context"
	"errors"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
)

// Probe reports whether a sentinel would come back: a message to a topic of our own does. Mosquitto hangs up on who may not
// publish and has no limit of messages in flight (max_inflight_messages 0); better now than in the middle of a listing. A
// lost connection then means no, and that another one is needed.
func Probe(ctx context.Context, s Session) (bool, error) {
	c := newCollector(s, SinkFunc(func(message.Message) error { return nil }), Options{})
	_, err := s.Subscribe(ctx, nil, c.ownSubscriptions()...)
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		return false, nil
	} else if err != nil {
		return false, err
	}
	err = s.PublishAsync(ctx, message.Message{Topic: c.topic}, func(client.Result) {})
	if err != nil {
		return false, err
	}
	if err := c.barrier(ctx); err != nil {
		return false, err
	}
	if !c.heard { // not every Server works off one thing after the other
		late := time.Now().Add(quiet)
		c.awaits = true
		if err := c.takeUntil(ctx, func() time.Time { return late }); err != nil && !errors.Is(err, errSentinel) && !errors.Is(err, errPause) {
			return false, err
		}
	}
	_, err = s.Unsubscribe(ctx, c.topic)
	return c.heard, err
}
