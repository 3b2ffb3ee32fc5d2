package broker

import (
	"errors"
	"strings"

	"github.com/mqx-cli/mqx/internal/wire"
)

// handlePublish is for a PUBLISH from the client.
func (c *client) handlePublish(first byte, body []byte) error {
	var p wire.Publish
	if err := p.Decode(c.info.Version, first, body); err != nil {
		return err
	}
	c.took.publishes++
	c.took.payload += int64(len(p.Payload))
	name, err := c.topicOf(&p)
	if err != nil {
		return err
	}
	if p.Properties.Has(wire.PropSubscriptionIdentifier) {
		return refuse(wire.ProtocolError, "PUBLISH to a Server with a Subscription Identifier") // [MQTT-3.3.4-6]
	}
	switch p.QoS {
	case 0:
		_, _ = c.route(&p, name) // nobody can be told at QoS 0
	case 1:
		code, refused := c.route(&p, name)
		if refused != nil {
			c.sendRefusal(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID, Code: code}, refused)

			return nil
		}
		c.sendAck(wire.PUBACK, p.PacketID, code)
	default:
		return c.receiveOnce(&p, name)
	}

	return nil
}

// topicOf returns the Topic Name of a PUBLISH, in memory of its own.
func (c *client) topicOf(p *wire.Publish) (string, error) {
	if p.Properties.Has(wire.PropTopicAlias) {
		alias := p.Properties.TopicAlias
		if alias > topicAliasMaximum {
			return "", refuse(wire.TopicAliasInvalid, "Topic Alias %d above %d", alias, topicAliasMaximum) // [MQTT-3.2.2-17]
		}
		if p.Topic == "" {
			name, ok := c.aliases[alias]
			if !ok {
				return "", refuse(wire.ProtocolError, "Topic Alias %d stands for nothing", alias) // section 3.3.2.3.4
			}

			return name, nil
		}
		if c.aliases == nil {
			c.aliases = make(map[uint16]string)
		}
		c.aliases[alias] = strings.Clone(p.Topic)
	}
	if p.Topic != c.lastTopic {
		c.lastTopic = strings.Clone(p.Topic)
	}

	return c.lastTopic, nil
}

// route delivers a message and returns the Reason Code that the publisher is to be told. The error is a condition of the
// publish that does not hold.
func (c *client) route(p *wire.Publish, name string) (wire.ReasonCode, error) {
	if name == faultTopic {
		return c.controlFaults(p)
	}
	if !c.mayPublish(name) {
		return wire.NotAuthorized, nil
	}
	if c.b.watched() {
		e := PacketEvent{Type: wire.PUBLISH, Topic: name, QoS: p.QoS, PacketID: p.PacketID, Payload: len(p.Payload)}
		if code, ok := c.refusal(e); ok {
			return code, nil
		}
	}
	if c.b.tooDeep(name) {
		return wire.TopicNameInvalid, nil
	}
	depends := takeCondition(p)
	m := newMessage(name, p.Payload, p.Properties)
	m.from, m.qos, m.retain = c.info.ID, p.QoS, p.Retain
	heard, err := c.b.publishIf(m, depends, &c.kicks)
	switch {
	case err != nil:
		return c.refusedRoute(err)
	case !heard:
		return wire.NoMatchingSubscribers, nil
	default:
		return wire.Success, nil
	}
}

// refusedRoute returns the Reason Code for a message that is not delivered because of what it would retain.
func (c *client) refusedRoute(err error) (wire.ReasonCode, error) {
	if refused, ok := errors.AsType[*refusal](err); ok {
		c.b.counters.dropped.Add(1)

		return refused.code, err
	}

	return wire.ImplementationSpecificError, err
}

// receiveOnce delivers a QoS 2 message when it comes for the first time, and acknowledges it each time [MQTT-4.3.3-10].
func (c *client) receiveOnce(p *wire.Publish, name string) error {
	received := c.session.received
	if _, again := received[p.PacketID]; again {
		c.sendAck(wire.PUBREC, p.PacketID, wire.Success)

		return nil
	}
	if c.info.Version >= wire.V5 && len(received) >= int(c.b.cfg.ReceiveMaximum) {
		return refuse(wire.ReceiveMaximumExceeded, "more than %d QoS 2 messages at once", c.b.cfg.ReceiveMaximum) // [MQTT-3.3.4-7]
	}
	code, refused := c.receiveFirst(p, name)
	if refused != nil {
		c.sendRefusal(&wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID, Code: code}, refused)
	} else {
		c.sendAck(wire.PUBREC, p.PacketID, code)
	}

	return nil
}

// receiveFirst delivers a QoS 2 message and notes that it was received: in a Store, both or neither.
func (c *client) receiveFirst(p *wire.Publish, name string) (code wire.ReasonCode, refused error) {
	if c.b.cfg.Store == nil {
		return c.receiveNew(p, name)
	}
	kept := *p // so that only this one escapes
	var result struct {
		code    wire.ReasonCode
		refused error
	}
	c.b.cfg.Store.Atomic(func() { result.code, result.refused = c.receiveNew(&kept, name) })

	return result.code, result.refused
}

func (c *client) receiveNew(p *wire.Publish, name string) (wire.ReasonCode, error) {
	code, refused := c.route(p, name)
	// In MQTT 5 a refusal ends the exchange; below, the client knows of none and goes on with PUBREL.
	if !code.IsError() || c.info.Version < wire.V5 {
		c.session.receive(p.PacketID)
		if c.session.durable {
			c.b.cfg.Store.Received(c.info.ID, p.PacketID)
		}
	}

	return code, refused
}

// receive notes the Packet Identifier of a QoS 2 message until PUBREL.
func (s *session) receive(id uint16) {
	if s.received == nil {
		s.received = make(map[uint16]struct{})
	}
	s.received[id] = struct{}{}
}

func (c *client) handlePubrel(p *wire.Ack) error {
	code := wire.PacketIdentifierNotFound
	if _, ok := c.session.received[p.PacketID]; ok {
		delete(c.session.received, p.PacketID)
		code = wire.Success
		if c.session.durable {
			c.b.cfg.Store.Completed(c.info.ID, p.PacketID)
		}
	}
	c.sendAck(wire.PUBCOMP, p.PacketID, code)

	return nil
}
