// Package client is the Session of mqx: one connection to a Server, with the same surface for every command.
//
// Start with [Open], which returns after CONNACK. Publish with [Session.Publish] or [Session.PublishAsync], receive with
// [Session.Subscribe] and [Session.Recv], and end with [Session.Close] (DISCONNECT, no Will Message) or
// [Session.Abandon] (the Server publishes the Will Message).
//
// The package does not reconnect, and it keeps no state beyond the connection.
package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// answerTimeout bounds the wait for a SUBACK or UNSUBACK.
const answerTimeout = 30 * time.Second

// ErrNoAnswer says that the Server did not answer a SUBSCRIBE or UNSUBSCRIBE in time.
var ErrNoAnswer = errors.New("no answer from the server in time")

// Session is one connection to a Server. Its methods may be called from any goroutine, but Recv, Ready and AckReceived
// belong to one consumer at a time.
type Session struct {
	lane   *lane
	conn   *link.Conn
	engine *paho.Client
	ending sync.Once
}

// Result is how a publish ended.
type Result struct {
	// Code is the Reason Code of PUBACK, PUBREC or PUBCOMP; Success at QoS 0.
	Code wire.ReasonCode
	// Err is nil when the message was delivered as its QoS promises, a *[RefusedError] when the Server refused it, and an
	// error that wraps [ErrConnectionLost] when that is not known.
	Err error
}

// Caps returns what CONNACK allowed.
func (s *Session) Caps() Caps { return s.lane.caps }

// Publish sends m and returns when the handshake of its QoS is complete; at QoS 0, when it was handed to the kernel.
func (s *Session) Publish(ctx context.Context, m message.Message) error {
	s.lane.awaits.add(1)
	defer s.lane.awaits.add(-1)
	result := make(chan Result, 1)
	if err := s.lane.publish(ctx, m, func(r Result) { result <- r }); err != nil {
		return err
	}
	if m.QoS == 0 {
		return s.lane.flush(ctx)
	}
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PublishAsync sends m. It waits while the in-flight window or the outbound buffer is full, and returns an error when m
// was not sent: done is not called then. Otherwise done, which may be nil, is called exactly once with the outcome. At
// QoS 0 that is before PublishAsync returns, for a message on its way to the kernel (see Drain); at QoS 1 and 2 it is on
// the goroutine that reads, which done must not block, and m's payload and properties must not be changed before.
func (s *Session) PublishAsync(ctx context.Context, m message.Message, done func(Result)) error {
	return s.lane.publish(ctx, m, done)
}

// Subscribe subscribes and returns the Reason Code of each Topic Filter in order, together with a *[RefusedError] for
// the first that was refused. props may be nil.
func (s *Session) Subscribe(ctx context.Context, props *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error) {
	if err := s.checkSubscribe(props, subs); err != nil {
		return nil, err
	}
	request := &paho.Subscribe{Properties: &paho.SubscribeProperties{User: userProperties(props)}}
	if props.Has(wire.PropSubscriptionIdentifier) {
		id := int(props.SubscriptionIdentifiers[0])
		request.Properties.SubscriptionIdentifier = &id
	}
	for _, sub := range subs {
		request.Subscriptions = append(request.Subscriptions, paho.SubscribeOptions{
			Topic: sub.Filter, QoS: sub.QoS, RetainHandling: sub.RetainHandling,
			NoLocal: sub.NoLocal, RetainAsPublished: sub.RetainAsPublished,
		})
	}
	var answer *paho.Suback
	err := s.request(ctx, func(ctx context.Context) (err error) {
		answer, err = s.engine.Subscribe(ctx, request)
		return err
	})
	if answer == nil {
		return nil, err
	}
	reason := ""
	if answer.Properties != nil {
		reason = answer.Properties.ReasonString
	}
	filters := make([]string, len(subs))
	for i := range subs {
		filters[i] = subs[i].Filter
	}
	return codes(wire.SUBSCRIBE, answer.Reasons, filters, reason)
}

// Unsubscribe removes subscriptions. Below MQTT 5 all codes are Success.
func (s *Session) Unsubscribe(ctx context.Context, filters ...string) ([]wire.ReasonCode, error) {
	// The engine would cut a Topic Filter that is too long instead of refusing it.
	if _, err := (&wire.Unsubscribe{PacketID: 1, Filters: filters}).Append(nil, s.Caps().Version); err != nil {
		return nil, err
	}
	var answer *paho.Unsuback
	err := s.request(ctx, func(ctx context.Context) (err error) {
		answer, err = s.engine.Unsubscribe(ctx, &paho.Unsubscribe{Topics: filters})
		return err
	})
	if answer == nil {
		return nil, err
	}
	reason := ""
	if answer.Properties != nil {
		reason = answer.Properties.ReasonString
	}
	return codes(wire.UNSUBSCRIBE, answer.Reasons, filters, reason)
}

// checkSubscribe holds the request against the protocol level and what CONNACK allows.
func (s *Session) checkSubscribe(props *wire.Properties, subs []wire.Subscription) error {
	caps := s.Caps()
	if _, err := (&wire.Subscribe{PacketID: 1, Properties: props, Subscriptions: subs}).Append(nil, caps.Version); err != nil {
		return err
	}
	if props.Has(wire.PropSubscriptionIdentifier) && !caps.SubIDAvailable {
		return &RefusedError{Packet: wire.SUBSCRIBE, Code: wire.SubscriptionIdentifiersNotSupported, Topic: subs[0].Filter}
	}
	for _, sub := range subs {
		switch {
		case strings.HasPrefix(sub.Filter, "$share/") && !caps.SharedAvailable:
			return &RefusedError{Packet: wire.SUBSCRIBE, Code: wire.SharedSubscriptionsNotSupported, Topic: sub.Filter}
		case strings.ContainsAny(sub.Filter, "+#") && !caps.WildcardAvailable:
			return &RefusedError{Packet: wire.SUBSCRIBE, Code: wire.WildcardSubscriptionsNotSupported, Topic: sub.Filter}
		}
	}
	return nil
}

// request runs one exchange of the engine, bounded in time, with errors in our words.
func (s *Session) request(ctx context.Context, exchange func(context.Context) error) error {
	s.lane.awaits.add(1)
	defer s.lane.awaits.add(-1)
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	go func() { // the engine would first take leave of a Server that may not listen
		select {
		case <-s.lane.done:
			cancel()
		case <-bounded.Done():
		}
	}()
	err := exchange(bounded)
	lost := s.Err()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case lost != nil:
		return lost
	case bounded.Err() != nil:
		return ErrNoAnswer
	default:
		return err
	}
}

// codes turns the engine's answer into ours: one Reason Code for each Topic Filter.
func codes(packet wire.Type, reasons []byte, filters []string, reason string) ([]wire.ReasonCode, error) {
	if len(reasons) != len(filters) {
		return nil, &wire.Error{
			Code: wire.ProtocolError, Packet: packet, Msg: fmt.Sprintf("%d Reason Codes for %d Topic Filters", len(reasons), len(filters)),
		}
	}
	out := make([]wire.ReasonCode, len(reasons))
	var first error
	for i, r := range reasons {
		out[i] = wire.ReasonCode(r)
		if out[i].IsError() && first == nil {
			first = &RefusedError{Packet: packet, Code: out[i], Reason: reason, Topic: filters[i]}
		}
	}
	return out, first
}

func userProperties(p *wire.Properties) paho.UserProperties {
	if p == nil {
		return nil
	}
	out := make(paho.UserProperties, len(p.UserProperties))
	for i, u := range p.UserProperties {
		out[i] = paho.UserProperty(packets.User(u))
	}
	return out
}

// Recv returns the next message. It waits until one came, ctx ends or the connection is lost; messages received before
// the loss are all handed out first.
func (s *Session) Recv(ctx context.Context) (message.Message, error) { return s.lane.in.recv(ctx) }

// Ready is how many messages Recv can return without waiting: at 0 a consumer flushes its output and acknowledges.
func (s *Session) Ready() int { return s.lane.in.ready() }

// AckReceived acknowledges every QoS 1 and 2 message that Recv has returned so far.
func (s *Session) AckReceived() { s.lane.ackReceived() }

// Unacknowledged is the number of QoS 1 and 2 messages sent without a final answer yet. It keeps its value when the
// connection is lost.
func (s *Session) Unacknowledged() int { return s.lane.window.open() }

// Drain waits until every publish has ended and everything sent has reached the kernel.
func (s *Session) Drain(ctx context.Context) error {
	s.lane.awaits.add(1)
	defer s.lane.awaits.add(-1)
	if err := s.lane.window.drained(ctx); err != nil {
		return err
	}
	return s.lane.flush(ctx)
}

// Done is closed when the connection has ended; Err says why.
func (s *Session) Done() <-chan struct{} { return s.lane.done }

// Err is nil while the connection is up, [ErrClosed] after Close or Abandon, and else why it ended: it wraps
// [ErrConnectionLost], and is a *[DisconnectedError] when the Server said why.
func (s *Session) Err() error {
	select {
	case <-s.lane.done:
		return s.lane.lostErr
	default:
		return nil
	}
}

// Close sends DISCONNECT (the Server then discards the Will Message) and closes the connection so that nothing already
// sent is lost. It does not wait for acknowledgements, see Drain. When ctx ends first, the connection is dropped.
func (s *Session) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.conn.Fail(ErrClosed) })
	defer stop()
	s.end(func() {
		_ = s.engine.Disconnect(&paho.Disconnect{}) // an error says only that the connection is lost already
	})
	return nil
}

// Abandon drops the connection without DISCONNECT, so that the Server publishes the Will Message.
func (s *Session) Abandon() { s.end(func() { s.conn.Fail(ErrClosed) }) }

// end stops the lane, runs how, and waits until the engine's goroutines have ended.
func (s *Session) end(how func()) {
	s.ending.Do(func() {
		s.lane.stop()
		how()
		<-s.engine.Done()
	})
}
