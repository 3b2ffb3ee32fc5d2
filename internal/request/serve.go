package request

import (
	"context"
	"errors"
	"sync"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Why a request is not answered.
var (
	// ErrNowhere is a request that does not say where its response goes.
	ErrNowhere = errors.New("it has no Response Topic")
	// ErrBadResponseTopic is a request whose Response Topic is no Topic Name; one with wildcards is none (MQTT 5, 3.3.2.3.5).
	ErrBadResponseTopic = errors.New("its Response Topic is no topic")
)

// Service says how requests are answered.
type Service struct {
	// Filters are where requests come.
	Filters []topic.Filter
	// QoS is the highest QoS of requests; a response has that of its request.
	QoS byte
	// ResponseTopic is where responses go to requests that name none, empty for nowhere. It must match no filter.
	ResponseTopic string
	// Properties are those of every response, nil for none; Subscribe those of the SUBSCRIBE.
	Properties, Subscribe *wire.Properties
	// Answer makes the payload of the response to the nth request, counted from 1. An error becomes the User Property
	// [ErrorKey] of a response that has the payload all the same.
	Answer func(ctx context.Context, m message.Message, n int) ([]byte, error)
	// AtOnce is how many answers are made at the same time, 1 at least; with 1 they go out in the order of the requests.
	AtOnce int
	// Count ends Serve after so many responses; 0 is never.
	Count int
	// Ready, when set, is called when the subscriptions stand.
	Ready func() error
	// Report is told of every request once it has been dealt with: failed is why Answer could not make a good response, and
	// err why there is no response. It is called on one goroutine at a time; its error ends Serve.
	Report func(m message.Message, failed, err error) error
}

// Tally counts requests.
type Tally struct {
	// Answered were answered, Failed of them with an error.
	Answered, Failed int
	// Nowhere could not be answered, for they name no good Response Topic.
	Nowhere int
	// Refused are those whose response the Server refused, or was not taken before the end.
	Refused int
}

// Serve answers requests until there were enough, ctx ends or the connection is lost for good. A request is acknowledged
// after its response was confirmed, so that another connection gets it again when this one ends before.
func Serve(ctx context.Context, s Session, o Service) (Tally, error) {
	v := &server{session: s, service: o, slots: make(chan struct{}, max(1, o.AtOnce)), wake: func() {}}
	if s.Caps().Version != wire.V5 && o.ResponseTopic == "" {
		return v.tally, ErrNoResponseTopic
	}
	subs := make([]wire.Subscription, 0, len(o.Filters))
	for _, f := range o.Filters {
		sub := wire.Subscription{Filter: f.String(), QoS: o.QoS}
		if s.Caps().Version == wire.V5 {
			sub.RetainHandling, sub.NoLocal = retainNever, !f.IsShared() // MQTT 5, 3.8.3.1: not together
		}
		subs = append(subs, sub)
	}
	if _, err := s.Subscribe(ctx, o.Subscribe, subs...); err != nil {
		return v.tally, causeOf(ctx, err)
	}
	if o.Ready != nil {
		if err := o.Ready(); err != nil {
			return v.tally, err
		}
	}
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v.stop = cancel
	err := v.run(working)
	cancel(err)
	v.all.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running == 0 {
		s.AckReceived()
	}
	return v.tally, err
}

// server is a Serve that runs.
type server struct {
	session Session
	service Service
	slots   chan struct{}
	stop    context.CancelCauseFunc
	all     sync.WaitGroup

	mu      sync.Mutex
	tally   Tally
	running int    // requests without a confirmed response
	wake    func() // ends a Recv, because everything received can be acknowledged
}

func (v *server) run(ctx context.Context) error {
	for n := 1; v.service.Count == 0 || n <= v.service.Count; {
		m, err := v.next(ctx)
		if err != nil {
			return err
		}
		if m.Retain { // below MQTT 5 Servers send what is retained: a request of the past
			continue
		}
		to, err := v.destination(m)
		if err != nil {
			if err := v.report(m, nil, err); err != nil {
				return err
			}
			continue
		}
		select {
		case v.slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		v.mu.Lock()
		v.running++
		v.mu.Unlock()
		seq := n
		v.all.Go(func() { v.answer(ctx, m, to, seq) })
		n++
	}
	v.all.Wait() // the last ones are being answered
	return context.Cause(ctx)
}

// next returns the next message. It acknowledges what came before as soon as all of it has been answered.
func (v *server) next(ctx context.Context) (message.Message, error) {
	for {
		waiting, cancel := context.WithCancel(ctx)
		v.mu.Lock()
		if v.running == 0 {
			v.session.AckReceived()
		}
		v.wake = cancel
		v.mu.Unlock()
		m, err := v.session.Recv(waiting)
		woken := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case err == nil:
			return m, nil
		case ctx.Err() != nil:
			return m, context.Cause(ctx)
		case !woken:
			return m, err
		}
	}
}

// destination is where the response to m goes.
func (v *server) destination(m message.Message) (string, error) {
	to := v.service.ResponseTopic
	if m.Properties.Has(wire.PropResponseTopic) {
		to = m.Properties.ResponseTopic
		if !topic.ValidName(to) {
			return "", ErrBadResponseTopic
		}
	}
	if to == "" {
		return "", ErrNowhere
	}
	return to, nil
}

// answer makes a response, sends it, and waits until it was confirmed. The next request can be answered meanwhile.
func (v *server) answer(ctx context.Context, m message.Message, to string, n int) {
	result, failed := v.respond(ctx, m, to, n)
	select {
	case r := <-result:
		if err := v.report(m, failed, r.Err); err != nil {
			v.stop(err)
		}
		v.finished()
	case <-ctx.Done(): // the request stays without an acknowledgement
	}
}

func (v *server) respond(ctx context.Context, m message.Message, to string, n int) (result chan client.Result, failed error) {
	defer func() { <-v.slots }()
	result = make(chan client.Result, 1)
	body, failed := v.service.Answer(ctx, m, n)
	if ctx.Err() != nil {
		return result, failed
	}
	caps := v.session.Caps()
	response := message.Message{Topic: to, Payload: body, QoS: min(m.QoS, caps.MaximumQoS), Properties: v.service.Properties.Clone()}
	switch {
	case caps.Version == wire.V5:
		response.Properties = correlated(response.Properties, m.Properties, failed)
	case failed != nil && len(body) == 0: // there are no User Properties to tell it
		response.Payload = payload.AppendValue(nil, map[string]any{ErrorKey: failed.Error()})
	}
	if err := v.session.PublishAsync(ctx, response, func(r client.Result) { result <- r }); err != nil {
		result <- client.Result{Err: err}
	}
	return result, failed
}

// correlated adds to the properties of a response what belongs to its request.
func correlated(p, request *wire.Properties, failed error) *wire.Properties {
	if p == nil {
		p = &wire.Properties{}
	}
	if request.Has(wire.PropCorrelationData) {
		p.CorrelationData = request.CorrelationData
		p.Set(wire.PropCorrelationData)
	}
	if failed != nil {
		p.UserProperties = append(p.UserProperties, wire.UserProperty{Key: ErrorKey, Value: failed.Error()})
	}
	return p
}

// finished is called when the response to a request was confirmed or refused.
func (v *server) finished() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running--; v.running == 0 {
		v.wake()
	}
}

// report counts a request and tells of it.
func (v *server) report(m message.Message, failed, err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case errors.Is(err, ErrNowhere), errors.Is(err, ErrBadResponseTopic):
		v.tally.Nowhere++
	case err != nil:
		v.tally.Refused++
	default:
		v.tally.Answered++
		if failed != nil {
			v.tally.Failed++
		}
	}
	return v.service.Report(m, failed, err)
}
