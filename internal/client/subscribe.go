package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// answerTimeout bounds the wait for a SUBACK or UNSUBACK while nothing at all comes in.
	answerTimeout = 30 * time.Second
	// answerLimit bounds it when messages keep coming: a million of them may lie before the answer.
	answerLimit = 5 * time.Minute
)

// ErrNoAnswer says that the Server did not answer a SUBSCRIBE or UNSUBSCRIBE in time.
var ErrNoAnswer = errors.New("no answer from the server in time")

// Subscribe subscribes and returns the Reason Code of each Topic Filter in order, together with a *[RefusedError] for
// the first that was refused. props may be nil.
func (s *Session) Subscribe(ctx context.Context, props *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error) {
	var answer []wire.ReasonCode
	err := s.request(ctx, func(ctx context.Context, c *connection) (err error) {
		answer, err = s.subscribeOn(ctx, c, props, subs)
		s.remember(props, subs, answer)
		return err
	})
	return answer, err
}

// remember notes what was granted, to be asked for again of a Server that has forgotten it.
func (s *Session) remember(props *wire.Properties, subs []wire.Subscription, answer []wire.ReasonCode) {
	if !s.lane.reconnects {
		return
	}
	s.subscribing.Lock()
	defer s.subscribing.Unlock()
	g := grant{props: props}
	for i, code := range answer {
		s.forget(subs[i].Filter)
		if !code.IsError() {
			g.subs = append(g.subs, subs[i])
		}
	}
	if len(g.subs) > 0 {
		s.granted = append(s.granted, g)
	}
}

// forget drops what was granted for a Topic Filter. The lock is held.
func (s *Session) forget(filter string) {
	for i := range s.granted {
		s.granted[i].subs = slices.DeleteFunc(s.granted[i].subs, func(sub wire.Subscription) bool { return sub.Filter == filter })
	}
	s.granted = slices.DeleteFunc(s.granted, func(g grant) bool { return len(g.subs) == 0 })
}

// subscribeAgain makes on c the subscriptions that the Server has forgotten, and returns how many these are.
func (s *Session) subscribeAgain(ctx context.Context, c *connection) (n int, err error) {
	s.subscribing.Lock()
	defer s.subscribing.Unlock()
	for _, g := range s.granted {
		err := s.requestOn(ctx, c, func(ctx context.Context, c *connection) error {
			_, err := s.subscribeOn(ctx, c, g.props, g.subs)
			return err
		})
		if err != nil {
			return n, err
		}
		n += len(g.subs)
	}
	return n, nil
}

// subscribeOn subscribes on a connection.
func (s *Session) subscribeOn(ctx context.Context, c *connection, props *wire.Properties, subs []wire.Subscription) ([]wire.ReasonCode, error) {
	if err := c.checkSubscribe(props, subs); err != nil {
		return nil, err
	}
	request := &paho.Subscribe{Properties: &paho.SubscribeProperties{User: userProperties(props)}}
	if props.Has(wire.PropSubscriptionIdentifier) {
		id := int(props.SubscriptionIdentifiers[0])
		request.Properties.SubscriptionIdentifier = &id
	}
	filters := make([]string, len(subs))
	for i, sub := range subs {
		filters[i] = sub.Filter
		request.Subscriptions = append(request.Subscriptions, paho.SubscribeOptions{
			Topic: sub.Filter, QoS: sub.QoS, RetainHandling: sub.RetainHandling,
			NoLocal: sub.NoLocal, RetainAsPublished: sub.RetainAsPublished,
		})
	}
	answer, err := c.engine.Subscribe(ctx, request)
	if answer == nil {
		return nil, err
	}
	reason := ""
	if answer.Properties != nil {
		reason = answer.Properties.ReasonString
	}
	return codes(wire.SUBSCRIBE, answer.Reasons, filters, reason)
}

// Unsubscribe removes subscriptions. Below MQTT 5 all codes are Success.
func (s *Session) Unsubscribe(ctx context.Context, filters ...string) ([]wire.ReasonCode, error) {
	// The engine would cut a Topic Filter that is too long instead of refusing it.
	packet, err := (&wire.Unsubscribe{PacketID: 1, Filters: filters}).Append(nil, s.Caps().Version)
	if err != nil {
		return nil, err
	}
	var out []wire.ReasonCode
	err = s.request(ctx, func(ctx context.Context, c *connection) error {
		if err := c.checkSize(wire.UNSUBSCRIBE, len(packet), filters[0]); err != nil {
			return err
		}
		answer, err := c.engine.Unsubscribe(ctx, &paho.Unsubscribe{Topics: filters})
		if answer == nil {
			return err
		}
		reason := ""
		if answer.Properties != nil {
			reason = answer.Properties.ReasonString
		}
		out, err = codes(wire.UNSUBSCRIBE, answer.Reasons, filters, reason)
		s.subscribing.Lock()
		defer s.subscribing.Unlock()
		for i, code := range out {
			if !code.IsError() {
				s.forget(filters[i])
			}
		}
		return err
	})
	return out, err
}

// checkSubscribe holds the request against the protocol level and what CONNACK allows.
func (c *connection) checkSubscribe(props *wire.Properties, subs []wire.Subscription) error {
	caps := c.caps
	packet, err := (&wire.Subscribe{PacketID: 1, Properties: props, Subscriptions: subs}).Append(nil, caps.Version)
	if err != nil {
		return err
	}
	if err := c.checkSize(wire.SUBSCRIBE, len(packet), subs[0].Filter); err != nil {
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

// checkSize holds the size of a packet against what CONNACK allows.
func (c *connection) checkSize(packet wire.Type, size int, about string) error {
	if c.caps.MaximumPacketSize == 0 || size <= int(c.caps.MaximumPacketSize) {
		return nil
	}
	return &RefusedError{
		Packet: packet, Code: wire.PacketTooLarge, Topic: about,
		Reason: fmt.Sprintf("the packet has %d bytes, the server allows %d", size, c.caps.MaximumPacketSize),
	}
}

// request runs one exchange of the engine, with errors in our words. Where lost connections are replaced, an exchange whose
// connection did not outlast it is made again on the next, which may not know of it: a second time does no harm.
func (s *Session) request(ctx context.Context, exchange func(context.Context, *connection) error) error {
	s.lane.awaits.add(1)
	defer s.lane.awaits.add(-1)
	for {
		c, err := s.lane.up(ctx)
		if err != nil {
			return err
		}
		err = s.requestOn(ctx, c, exchange)
		if !c.isLost() || ctx.Err() != nil || err == nil && !s.lane.reconnects {
			return err
		}
	}
}

// requestOn runs one exchange on a connection, bounded in time.
func (s *Session) requestOn(ctx context.Context, c *connection, exchange func(context.Context, *connection) error) error {
	bounded, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	go c.giveUp(bounded, cancel)
	err := exchange(bounded, c)
	if errors.Is(err, link.ErrBroken) {
		_ = c.awaitLoss(ctx) // what ended the connection is told in a moment; a ctx that ends first is looked at below
	}
	_, refused := errors.AsType[*RefusedError](err)
	switch {
	case err == nil, refused:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case c.isLost():
		return c.err
	case bounded.Err() != nil:
		return ErrNoAnswer
	default:
		return err
	}
}

// giveUp cancels a request when the connection is lost (the engine would first take leave of a Server that may not
// listen) or when nothing has come in for answerTimeout.
func (c *connection) giveUp(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	for heard := time.Now(); ; {
		timer := time.NewTimer(time.Until(heard.Add(answerTimeout)))
		select {
		case <-timer.C:
		case <-c.lost:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
		last := c.conn.LastReceived()
		if !last.After(heard) {
			return
		}
		heard = last
	}
}

// codes turns the engine's answer into ours: one Reason Code for each Topic Filter.
func codes(packet wire.Type, reasons []byte, filters []string, reason string) ([]wire.ReasonCode, error) {
	if len(reasons) != len(filters) {
		return nil, &wire.Error{
			Code: wire.ProtocolError, Packet: answerTo(packet), Msg: fmt.Sprintf("%d Reason Codes for %d Topic Filters", len(reasons), len(filters)),
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

// answerTo is the type of the packet that answers a SUBSCRIBE or UNSUBSCRIBE.
func answerTo(packet wire.Type) wire.Type {
	if packet == wire.SUBSCRIBE {
		return wire.SUBACK
	}
	return wire.UNSUBACK
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
