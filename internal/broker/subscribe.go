package broker

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// handleSubscribe makes the subscriptions active, answers, and then begins to send Retained Messages.
func (c *client) handleSubscribe(p *wire.Subscribe) error {
	var ids []uint32
	if p.Properties.Has(wire.PropSubscriptionIdentifier) {
		ids = []uint32{p.Properties.SubscriptionIdentifiers[0]}
	}
	codes := make([]wire.ReasonCode, len(p.Subscriptions))
	c.session.holdReplays(true)
	for i, o := range p.Subscriptions {
		codes[i] = c.subscribe(o, ids)
	}
	c.send(&wire.Suback{PacketID: p.PacketID, Codes: codes})
	if kick := c.session.holdReplays(false); kick != nil {
		c.kicks.add(kick)
	}

	return nil
}

// subscribe makes one subscription.
func (c *client) subscribe(o wire.Subscription, ids []uint32) wire.ReasonCode {
	f, err := topic.ParseFilter(strings.Clone(o.Filter))
	if err != nil || c.b.tooDeep(f.Bare()) {
		return c.failure(wire.TopicFilterInvalid)
	}
	if c.rights != nil && !c.rights.MaySubscribe(f) {
		return c.failure(wire.NotAuthorized)
	}
	if code, ok := c.refusal(PacketEvent{Type: wire.SUBSCRIBE, Filters: []string{f.String()}, QoS: o.QoS}); ok {
		return c.failure(code)
	}
	if c.b.index.full(c.session, f.String(), &c.b.cfg) {
		return c.failure(wire.QuotaExceeded)
	}
	sub := newSubscription(c.session, f, o)
	sub.ids = ids
	c.b.index.add(sub, func(existed bool) {
		// Section 3.8.3.1: Retain Handling; section 4.8.2: none for Shared Subscriptions.
		if !f.IsShared() && (o.RetainHandling == 0 || o.RetainHandling == 1 && !existed) {
			c.session.replay(c.b, c.b.retained.begin(sub))
		}
	})
	if c.session.durable {
		c.b.cfg.Store.Subscribe(c.info.ID, sub.stored())
	}
	c.b.emit(Event{Kind: Subscribed, ClientID: c.info.ID, Filter: f.String()})

	return wire.ReasonCode(o.QoS)
}

func (sub *subscription) stored() StoredSubscription {
	s := StoredSubscription{
		Filter: sub.filter.String(), QoS: sub.qos, NoLocal: sub.noLocal, RetainAsPublished: sub.retainAsPublished,
	}
	if len(sub.ids) > 0 {
		s.Identifier = sub.ids[0]
	}

	return s
}

// failure is how SUBACK says code. Below MQTT 5 there is one code for all failures.
func (c *client) failure(code wire.ReasonCode) wire.ReasonCode {
	if c.info.Version < wire.V5 {
		return wire.UnspecifiedError
	}

	return code
}

func (c *client) handleUnsubscribe(p *wire.Unsubscribe) error {
	codes := make([]wire.ReasonCode, len(p.Filters))
	for i, filter := range p.Filters {
		if !c.b.index.remove(c.session, filter) {
			codes[i] = wire.NoSubscriptionExisted

			continue
		}
		if c.session.durable {
			c.b.cfg.Store.Unsubscribe(c.info.ID, strings.Clone(filter))
		}
		c.b.emit(Event{Kind: Unsubscribed, ClientID: c.info.ID, Filter: strings.Clone(filter)})
	}
	c.sendBehind(&wire.Unsuback{PacketID: p.PacketID, Codes: codes})

	return nil
}
