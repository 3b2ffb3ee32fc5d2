package commands

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/mosquitto"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/receive"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// subscribe is mosquitto_sub. A signal or a closed output ends it well.
func (d *dropIn) subscribe(ctx context.Context) *mosquitto.End {
	o, end := d.options(ctx)
	if end != nil {
		return end
	}
	s, err := d.connect(ctx, o, true)
	if err != nil {
		if ctx.Err() != nil || d.late() {
			return &mosquitto.End{Status: mosquitto.StatusInterrupted}
		}
		return d.failure(err)
	}
	signals := ctx
	ctx, cancel := output.UntilClosed(ctx, d.out)
	defer cancel()
	v := &dropInSubscriber{dropIn: d, session: s}
	err = v.run(ctx)
	d.goodbye(ctx, s, signals.Err() != nil)
	return v.outcome(ctx, err)
}

// dropInSubscriber is a mosquitto_sub that is connected.
type dropInSubscriber struct {
	*dropIn

	session *client.Session
	sink    *dropInSink
}

// Why a run of mosquitto_sub ended.
var (
	errAllDenied = errors.New("the broker has granted no filter")
	errLive      = errors.New("a message that is not retained has come")
	errWaited    = errors.New("-W has passed")
)

func (v *dropInSubscriber) run(ctx context.Context) error {
	v.sink = v.newSink(ctx)
	ends := v.RetainedOnly && v.deadline.IsZero() && !v.ExitAfterSuback
	if !ends {
		if err := v.makeSubscriptions(ctx); err != nil {
			return err
		}
	}
	if err := v.unsubscribe(ctx); err != nil || v.ExitAfterSuback {
		return err
	}
	err := v.receive(ctx, ends)
	if v.RemoveRetained {
		if r, ok := v.sink.subSink.(*removingSink); ok {
			err = errors.Join(err, r.drain())
		}
	}
	return err
}

func (v *dropInSubscriber) receive(ctx context.Context, ends bool) error {
	switch {
	case ends:
		return v.collect(ctx)
	case v.MessageRate:
		return v.rate(ctx)
	default:
		result, err := receive.Run(ctx, v.session, v.sink, v.limits(v.deadline))
		switch {
		case err == nil && result.End == receive.TimedOut:
			return errWaited
		case errors.Is(err, errLive):
			v.session.AckReceived()
		}
		return err
	}
}

func (v *dropInSubscriber) limits(deadline time.Time) receive.Options {
	return receive.Options{Count: v.Count, Deadline: deadline, Exclude: v.Exclude, HideRetained: v.NoRetain}
}

// makeSubscriptions subscribes to all filters in one packet. It is enough that one is granted.
func (v *dropInSubscriber) makeSubscriptions(ctx context.Context) error {
	subs := v.subscriptions()
	if len(subs) == 0 {
		return nil
	}
	bounded, cancel := v.bounded(ctx)
	defer cancel()
	codes, err := v.session.Subscribe(bounded, v.properties(v.Subscribe), subs...)
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case refused && !slices.ContainsFunc(codes, func(c wire.ReasonCode) bool { return !c.IsError() }):
		return errAllDenied
	case refused:
		return nil
	}
	return err
}

func (v *dropInSubscriber) subscriptions() []wire.Subscription {
	subs := make([]wire.Subscription, len(v.Filters))
	for i, f := range v.Filters {
		subs[i] = v.SubscribeOptions(f)
	}
	return subs
}

// properties are those of a packet, which has none below MQTT 5.
func (d *dropIn) properties(p *wire.Properties) *wire.Properties {
	if d.Version != wire.V5 {
		return nil
	}
	return p
}

func (v *dropInSubscriber) unsubscribe(ctx context.Context) error {
	if len(v.Unsubscribes) == 0 {
		return nil
	}
	bounded, cancel := v.bounded(ctx)
	defer cancel()
	_, err := v.session.Unsubscribe(bounded, v.Unsubscribes...)
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		return nil
	}
	return err
}

// collect prints the retained messages and ends when all have come. A filter that is denied does not keep the others back.
func (v *dropInSubscriber) collect(ctx context.Context) error {
	subs := v.subscriptions()
	for len(subs) > 0 {
		for i := range subs {
			subs[i].RetainAsPublished, subs[i].RetainHandling = false, 0
		}
		_, err := retained.Collect(ctx, v.session, v.sink.counting(v.Count, v.Exclude), retained.Options{
			Subscriptions: subs, Properties: v.properties(v.Subscribe), NoPublish: true,
		})
		refused, ok := errors.AsType[*client.RefusedError](err)
		if !ok {
			return err
		}
		subs = slices.DeleteFunc(subs, func(s wire.Subscription) bool { return s.Filter == refused.Topic })
	}
	return errAllDenied
}

// rate prints how many messages came in each second.
func (v *dropInSubscriber) rate(ctx context.Context) error {
	for next := time.Now(); ; {
		next = next.Add(time.Second)
		deadline := next
		if !v.deadline.IsZero() && v.deadline.Before(next) {
			deadline = v.deadline
		}
		if _, err := receive.Run(ctx, v.session, v.sink, v.limits(deadline)); err != nil {
			return err
		}
		if v.late() {
			return errWaited
		}
		if err := v.sink.printer.Second(); err != nil {
			return err
		}
	}
}

// outcome is how the run ends for who called it.
func (v *dropInSubscriber) outcome(ctx context.Context, err error) *mosquitto.End {
	switch {
	case errors.Is(err, errAllDenied):
		return v.end(mosquitto.End{Err: mosquitto.Denied})
	case err == nil, errors.Is(err, errLive), errors.Is(err, exit.ErrOutputClosed):
		return nil
	case errors.Is(err, errWaited), v.late() && errors.Is(err, context.DeadlineExceeded):
		return v.end(mosquitto.End{Err: mosquitto.TimedOut, Status: mosquitto.StatusTimeout})
	case ctx.Err() != nil:
		return nil
	default:
		return v.failure(err)
	}
}

// dropInSink takes messages to the printer, and what is retained to its deletion.
type dropInSink struct {
	subSink

	printer  *output.Mosquitto
	onlyKept bool // a message that is not retained is the end
}

func (v *dropInSubscriber) newSink(ctx context.Context) *dropInSink {
	var pass func() bool
	if v.Chance > 0 {
		pass = func() bool { return rand.Float64()*100 < v.Chance } //nolint:gosec // G404: it decides nothing that matters
	}
	p := v.printer(pass)
	s := &dropInSink{subSink: &mosquittoSink{p}, printer: p, onlyKept: v.RetainedOnly}
	if v.RemoveRetained {
		s.subSink = (&subOptions{removeRetained: true}).removing(ctx, v.session, s.subSink)
		if r, ok := s.subSink.(*removingSink); ok {
			r.echoes = nil
		}
	}
	return s
}

// Message takes m.
func (s *dropInSink) Message(m message.Message) (bool, error) {
	if s.onlyKept && !m.Retain {
		return false, errors.Join(s.Flush(), errLive)
	}
	return s.subSink.Message(m)
}

// counting is the sink for a collection of retained messages, which ends when enough were shown.
func (s *dropInSink) counting(n int, exclude []topic.Filter) *countingSink {
	return &countingSink{subSink: s.subSink, most: n, exclude: exclude}
}

// countingSink is a sink of a collection.
type countingSink struct {
	subSink

	most, shown int // most is 0 for no limit
	exclude     []topic.Filter
}

// Message takes m and reports whether that was enough.
func (c *countingSink) Message(m message.Message) (bool, error) {
	if slices.ContainsFunc(c.exclude, func(f topic.Filter) bool { return f.Match(m.Topic) }) {
		return false, nil
	}
	_, err := c.subSink.Message(m)
	c.shown++
	return c.shown == c.most, err
}

// mosquittoSink prints as mosquitto does.
type mosquittoSink struct{ *output.Mosquitto }

// end has nothing to add.
func (mosquittoSink) end(_ *env, err error) error { return err }
