package broker

import (
	"strings"
	"sync"

	"github.com/mqx-cli/mqx/internal/wire"
)

// about knows which topics the packets of a connection are about that do not name one: acknowledgements, and messages
// with a Topic Alias. There is one only while packets are looked at.
type about struct {
	mu       sync.Mutex
	received map[uint16]string // by the Packet Identifier of a message from the client
	sent     map[uint16]string // and to the client
	aliases  map[uint16]string // towards the client
	named    map[uint16]string // by the client
}

// topics returns what is known, which may be nothing yet.
func (c *client) topics() *about {
	if a := c.known.Load(); a != nil {
		return a
	}
	c.known.CompareAndSwap(nil, &about{
		received: make(map[uint16]string), sent: make(map[uint16]string),
		aliases: make(map[uint16]string), named: make(map[uint16]string),
	})

	return c.known.Load()
}

// learn completes e with its topic, and keeps that for what follows.
func (a *about) learn(c *client, e *PacketEvent, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	messages, aliases := a.received, a.named
	answer := e.Out // an answer to the client is about a message from it
	if e.Out {
		messages, aliases = a.sent, a.aliases
	}
	switch e.Type {
	case wire.PUBLISH:
		e.Topic, e.teaches = resolve(c.info.Version, e, aliases, body)
		if e.QoS > 0 {
			messages[e.PacketID] = e.Topic
		}
	case wire.PUBACK, wire.PUBREC, wire.PUBCOMP:
		of := a.sent
		if answer {
			of = a.received
		}
		e.Topic = of[e.PacketID]
		if e.Type != wire.PUBREC {
			delete(of, e.PacketID)
		}
	case wire.PUBREL:
		e.Topic = messages[e.PacketID]
	default:
	}
}

// resolve returns the topic of a PUBLISH, by its Topic Alias if it has no other, and whether it gives one.
func resolve(v wire.Version, e *PacketEvent, aliases map[uint16]string, body []byte) (name string, teaches bool) {
	var p wire.Publish
	if err := p.Decode(v, byte(wire.PUBLISH)<<4|e.QoS<<1, body); err != nil {
		return "", false
	}
	if !p.Properties.Has(wire.PropTopicAlias) {
		return strings.Clone(p.Topic), false
	}
	alias := p.Properties.TopicAlias
	if p.Topic != "" && alias <= max(topicAliasMaximum, maxOutboundAliases) {
		aliases[alias] = strings.Clone(p.Topic)
	}

	return aliases[alias], p.Topic != ""
}
