package broker

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Compare-and-set: a publish with RETAIN set and the User Property mqx-if-rev is carried out only if the Retained Message
// of its topic has that revision. This is ours and no part of MQTT, so that CONNACK announces it.
const (
	// ifRevProperty holds a decimal number, 0 for "nothing is retained", or none for "what is retained has no revision".
	ifRevProperty = "mqx-if-rev"
	// revProperty is where a message says its revision besides its payload.
	revProperty = "mqx-rev"
	// noRevision is the revision of a Retained Message that says none.
	noRevision = "none"
	// announcedAs is the value of ifRevProperty in CONNACK.
	announcedAs = "supported"
	// maxRevisionPayload is how long a payload may be to be looked into for a revision, in bytes.
	maxRevisionPayload = 1 << 20
)

// condition is what a publish depends on. The zero condition always holds.
type condition struct {
	given bool
	rev   string
}

// takeCondition takes the condition out of a PUBLISH. It is addressed to the Server: who receives the message, or restores
// it later, must not be asked to meet it.
func takeCondition(p *wire.Publish) condition {
	var c condition
	if !p.Retain || !p.Properties.Has(wire.PropUserProperty) {
		return c
	}
	users := p.Properties.UserProperties
	rest := slices.DeleteFunc(users, func(u wire.UserProperty) bool {
		if u.Key != ifRevProperty {
			return false
		}
		c = condition{true, u.Value}

		return true
	})
	p.Properties.UserProperties = rest

	return c
}

// conflictError says that a condition does not hold.
type conflictError struct{ current string }

// Error is the Reason String that the client is sent.
func (e *conflictError) Error() string { return "rev conflict: current " + e.current }

// check holds the condition against what is retained. The caller holds the topic's lock of Broker.publishing.
func (b *Broker) check(c condition, topic string) error {
	if !c.given {
		return nil
	}
	b.retained.mu.Lock()
	e, _ := b.retained.store.Get(topic)
	b.retained.mu.Unlock()
	current := "0"
	if e != nil && !e.expired(time.Now()) {
		current = e.revision()
	}
	if c.rev != current && normalRevision(c.rev) != current {
		return &conflictError{current}
	}

	return nil
}

// revision is what the message says about itself: its User Property, else a member of its payload, else nothing.
func (m *message) revision() string {
	if m.props.Has(wire.PropUserProperty) {
		for _, u := range m.props.UserProperties {
			if rev := normalRevision(u.Value); u.Key == revProperty && rev != "" {
				return rev
			}
		}
	}
	var members map[string]json.RawMessage
	if len(m.payload) > maxRevisionPayload || json.Unmarshal(m.payload, &members) != nil {
		return noRevision
	}
	for _, name := range []string{"rev", "_rev"} {
		if rev := normalRevision(string(members[name])); rev != "" {
			return rev
		}
	}

	return noRevision
}

// normalRevision is a revision without leading zeros, "" for what is none.
func normalRevision(text string) string {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return ""
	}

	return strconv.FormatUint(n, 10)
}

// announceCondition tells in CONNACK that conditions are understood, unless the client does not take a packet of that size
// [MQTT-3.2.2-20].
func (c *client) announceCondition(connack *wire.Properties) {
	with := *connack
	with.UserProperties = append(slices.Clone(connack.UserProperties), wire.UserProperty{Key: ifRevProperty, Value: announcedAs})
	if c.checkSize(&with) == nil {
		*connack = with
	}
}

// sendRefusal acknowledges a PUBLISH that was refused, and says why if the client wants to know [MQTT-3.1.2-29].
func (c *client) sendRefusal(ack *wire.Ack, why error) {
	if c.info.Version < wire.V5 {
		c.sendAck(ack.Kind, ack.PacketID, ack.Code)

		return
	}
	if !c.terse {
		ack.Properties = reasonString(why, c.maxPacket)
	}
	c.send(ack)
}
