package broker

import (
	"bytes"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// message is an Application Message on its way. It is never changed once it was routed.
type message struct {
	topic   string
	payload []byte
	props   *wire.Properties // what is passed on unaltered, apart from Message Expiry Interval; nil when there are none
	from    string           // Client Identifier of the publisher
	expires time.Time        // zero: never
	number  uint64           // tells messages apart in a Store, 0 when there is none
	weight  int64            // what the properties count in a queue
	seq     uint64           // the publish's place among those with RETAIN set, 0 for others
	qos     byte
	retain  bool
	kept    bool // shares no memory with the packet that it came in
}

const (
	// messageOverhead is about what a queued message costs besides its topic and payload.
	messageOverhead = 128
	// propertiesOverhead and userPropertyOverhead are what properties and each User Property cost besides their texts.
	propertiesOverhead   = 256
	userPropertyOverhead = 32
	// largeBody is from where a body has memory of its own: the reader's blocks are not larger than that, so keeping a view
	// of a large body wastes little, and copying it would cost more than it saves.
	largeBody = 32 << 10
)

// newMessage returns what a PUBLISH or a Will Message says. props is taken over.
func newMessage(topic string, payload []byte, props *wire.Properties) *message {
	m := &message{topic: topic, payload: payload}
	if props == nil {
		return m
	}
	props.Clear(wire.PropTopicAlias, wire.PropWillDelayInterval)
	props.SubscriptionIdentifiers = nil
	if props.Has(wire.PropMessageExpiryInterval) {
		m.expires = time.Now().Add(time.Duration(props.MessageExpiryInterval) * time.Second)
	}
	if !props.Empty() {
		m.props, m.weight = props, weight(props)
	}

	return m
}

// size is what the message counts in a queue.
func (m *message) size() int64 { return int64(len(m.topic)+len(m.payload)+messageOverhead) + m.weight }

// weight is about the memory of the properties of a message. A thousand empty User Properties take 5 kB in a packet and 32 kB
// in memory.
func weight(p *wire.Properties) int64 {
	if p == nil {
		return 0
	}
	n := propertiesOverhead + len(p.ContentType) + len(p.ResponseTopic) + len(p.CorrelationData)
	for i := range p.UserProperties {
		n += userPropertyOverhead + len(p.UserProperties[i].Key) + len(p.UserProperties[i].Value)
	}

	return int64(n)
}

// keep returns the message in memory of its own. A view of a packet would hold the block that the packet was read in.
func (m *message) keep() *message {
	if m.kept {
		return m
	}
	c := *m
	c.kept = true
	if len(m.payload) < largeBody {
		c.topic = strings.Clone(m.topic)
		c.payload = bytes.Clone(m.payload)
		c.props = m.props.Clone()
	}

	return &c
}

// expired reports whether the Message Expiry Interval has passed.
func (m *message) expired(now time.Time) bool {
	return !m.expires.IsZero() && !now.Before(m.expires)
}

// remaining is the Message Expiry Interval that is left, in seconds, at least one [MQTT-3.3.2-6].
func (m *message) remaining(now time.Time) uint32 {
	return uint32(max(1, (m.expires.Sub(now)+time.Second-1)/time.Second))
}

// delivery is a message for one Session, or at its place in the queue the Retained Messages for a new subscription.
type delivery struct {
	msg    *message
	ids    []uint32 // Subscription Identifiers
	share  *share   // the Shared Subscription it came by, nil for none
	replay *replay  // instead of msg
	seq    uint64   // in the Store, 0: not there
	qos    byte
	retain bool
	absent bool // the member of the Shared Subscription had no connection when it was chosen
}

// publish returns the PUBLISH packet of the delivery without Packet Identifier. scratch is where properties are put together.
func (d *delivery) publish(v wire.Version, scratch *wire.Properties) wire.Publish {
	p := wire.Publish{Retain: d.retain, QoS: d.qos, Topic: d.msg.topic, Payload: d.msg.payload}
	if v < wire.V5 {
		return p
	}
	p.Properties = d.msg.props
	if len(d.ids) == 0 && d.msg.expires.IsZero() {
		return p
	}
	*scratch = wire.Properties{}
	if d.msg.props != nil {
		*scratch = *d.msg.props
	}
	if !d.msg.expires.IsZero() {
		scratch.MessageExpiryInterval = d.msg.remaining(time.Now())
	}
	scratch.SubscriptionIdentifiers = d.ids
	p.Properties = scratch

	return p
}
