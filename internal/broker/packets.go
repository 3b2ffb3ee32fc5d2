package broker

import (
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// PacketEvent is an MQTT Control Packet that was read from a client or is about to be written to it.
type PacketEvent struct {
	Time     time.Time
	Out      bool // to the client
	ClientID string
	Type     wire.Type
	PacketID uint16 // 0: none
	// Topic is the Topic Name of a PUBLISH, also when a Topic Alias stands for it, and of a PUBACK, PUBREC, PUBREL or
	// PUBCOMP as far as it is known. Filters are those of a SUBSCRIBE or UNSUBSCRIBE.
	Topic       string
	Filters     []string
	QoS         byte
	Dup, Retain bool
	Code        wire.ReasonCode   // of an answer, DISCONNECT or AUTH
	Codes       []wire.ReasonCode // of a SUBACK or UNSUBACK
	Size        int               // of the packet in bytes
	Payload     int               // of a PUBLISH in bytes
	teaches     bool              // a PUBLISH that gives a Topic Alias
}

// describe says what is in a packet. One that cannot be decoded has its type and size only.
func describe(v wire.Version, first byte, body []byte) PacketEvent {
	e := PacketEvent{Type: wire.Type(first >> 4), Size: len(wire.AppendHeader(nil, first, len(body))) + len(body)}
	packet, err := wire.Decode(v, first, body)
	if err != nil {
		return e
	}
	switch p := packet.(type) {
	case *wire.Connect:
		e.ClientID = p.ClientID
	case *wire.Connack:
		e.Code = p.Code
	case *wire.Publish:
		e.PacketID, e.Topic, e.QoS, e.Dup, e.Retain, e.Payload = p.PacketID, p.Topic, p.QoS, p.Dup, p.Retain, len(p.Payload)
	case *wire.Ack:
		e.PacketID, e.Code = p.PacketID, p.Code
	case *wire.Subscribe:
		e.PacketID = p.PacketID
		for _, s := range p.Subscriptions {
			e.Filters = append(e.Filters, s.Filter)
		}
	case *wire.Suback:
		e.PacketID, e.Codes = p.PacketID, p.Codes
	case *wire.Unsubscribe:
		e.PacketID, e.Filters = p.PacketID, p.Filters
	case *wire.Unsuback:
		e.PacketID, e.Codes = p.PacketID, p.Codes
	case *wire.Disconnect:
		e.Code = p.Code
	case *wire.Auth:
		e.Code = p.Code
	}

	return e
}

// cutPacket takes the first packet off whole packets that were encoded here.
func cutPacket(b []byte) (first byte, packet, body, rest []byte) {
	n, header := 0, 1
	for shift := 0; ; shift += 7 {
		n |= int(b[header]&0x7F) << shift
		header++
		if b[header-1] < 0x80 {
			break
		}
	}

	return b[0], b[:header+n], b[header : header+n], b[header+n:]
}

// watched reports whether each packet has to be looked at.
func (b *Broker) watched() bool { return b.attentive.Load() }

// observe logs a packet, and learns from it what later ones are about. It returns what is in it.
func (c *client) observe(out bool, first byte, body []byte) PacketEvent {
	e := describe(c.info.Version, first, body)
	if e.ClientID == "" {
		e.ClientID = c.info.ID
	}
	e.Time, e.Out = time.Now(), out
	c.topics().learn(c, &e, body)
	if c.b.cfg.Packets != nil {
		c.b.cfg.Packets(e)
	}

	return e
}

// observeOwn logs a packet that is written before the client is let in.
func (c *client) observeOwn(packet []byte) {
	if c.b.watched() {
		first, _, body, _ := cutPacket(packet)
		c.observe(true, first, body)
	}
}
