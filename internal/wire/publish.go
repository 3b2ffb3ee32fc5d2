package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Type returns PUBLISH.
func (*Publish) Type() Type { return PUBLISH }

// Decode is [Decode] into p, which it overwrites: it allocates nothing, and one block of memory when there are
// Properties. An empty Payload is nil. After an error p's content means nothing.
func (p *Publish) Decode(v Version, first byte, body []byte) error {
	d := decoder{rest: body, packet: PUBLISH, v: v}
	*p = Publish{Dup: first&0x08 != 0, QoS: first >> 1 & 3, Retain: first&0x01 != 0}
	if Type(first>>4) != PUBLISH {
		d.malformed("it is "+Type(first>>4).String(), "section 2.1.2")
	}
	if fault := p.flagsFault(); fault != nil {
		return fault
	}
	p.Topic = d.text("the Topic Name")
	if p.QoS > 0 {
		p.PacketID = d.uint16("the Packet Identifier")
	}
	p.Properties = d.properties(PUBLISH)
	if len(d.rest) > 0 {
		p.Payload = slices.Clip(d.rest)
		d.rest = nil
	}
	return d.finish(p.fault(v))
}

func (p *Publish) flagsFault() *Error {
	if p.QoS > 2 {
		return &Error{MalformedPacket, PUBLISH, fmt.Sprintf("QoS %d", p.QoS), "MQTT-3.3.1-4"}
	}
	if p.Dup && p.QoS == 0 {
		return &Error{MalformedPacket, PUBLISH, "DUP at QoS 0", "MQTT-3.3.1-2"}
	}
	return nil
}

func (p *Publish) fault(v Version) *Error {
	if p.QoS > 0 && p.PacketID == 0 {
		return identifierFault(PUBLISH, v, 0)
	}
	if hasWildcard(p.Topic) {
		return &Error{TopicNameInvalid, PUBLISH, fmt.Sprintf("wildcard in %.64q", p.Topic), "MQTT-3.3.2-2"}
	}
	if p.Topic != "" || v >= V5 && p.Properties.Has(PropTopicAlias) {
		return nil
	}
	if v < V5 {
		return &Error{MalformedPacket, PUBLISH, "empty Topic Name", "MQTT-4.7.3-1"}
	}
	return &Error{ProtocolError, PUBLISH, "neither a Topic Name nor a Topic Alias", "section 3.3.2.1"}
}

// Size is the number of bytes that Append appends, to be compared with a peer's Maximum Packet Size.
func (p *Publish) Size(v Version) int {
	n := p.remaining(v, p.Properties.size())
	return 1 + varintSize(n) + n
}

// remaining is the Remaining Length of p, whose Property Length is properties.
func (p *Publish) remaining(v Version, properties int) int {
	n := 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		n += 2
	}
	if v >= V5 {
		n += varintSize(properties) + properties
	}
	return n
}

// Check returns the error of Append, an [*Error] or an [*UnsupportedError], and encodes nothing.
func (p *Publish) Check(v Version) error {
	_, err := p.encodable(v)
	return err
}

// Append appends the packet to dst. Apart from growing dst it allocates nothing.
func (p *Publish) Append(dst []byte, v Version) ([]byte, error) {
	packet, err := p.appendHead(dst, v, len(p.Payload))
	if err != nil {
		return dst, err
	}
	return append(packet, p.Payload...), nil
}

// AppendHead appends the packet without its Payload, for a caller who writes the Payload from where it is.
func (p *Publish) AppendHead(dst []byte, v Version) ([]byte, error) {
	return p.appendHead(dst, v, 0)
}

// appendHead makes room for as many bytes more.
func (p *Publish) appendHead(dst []byte, v Version, more int) ([]byte, error) {
	properties, err := p.encodable(v)
	if err != nil {
		return dst, err
	}
	first := byte(PUBLISH)<<4 | p.QoS<<1
	if p.Dup {
		first |= 0x08
	}
	if p.Retain {
		first |= 0x01
	}
	remaining := p.remaining(v, properties)
	dst = AppendHeader(slices.Grow(dst, headerRoom+remaining-len(p.Payload)+more), first, remaining)
	dst = appendString(dst, p.Topic)
	if p.QoS > 0 {
		dst = append(dst, byte(p.PacketID>>8), byte(p.PacketID))
	}
	if v >= V5 {
		dst = p.Properties.append(appendVarint(dst, properties))
	}
	return dst, nil
}

// encodable returns the Property Length, or why the packet cannot be encoded.
func (p *Publish) encodable(v Version) (properties int, err error) {
	if v < V5 && !p.Properties.Empty() {
		return 0, &UnsupportedError{v, PUBLISH, p.Properties.first().String()}
	}
	fault := p.flagsFault()
	if fault == nil {
		fault = p.fault(v)
	}
	if fault == nil {
		fault = encodeTextFault("the Topic Name", p.Topic)
	}
	if fault == nil {
		properties, fault = p.Properties.measure(PUBLISH, PUBLISH)
	}
	if fault != nil {
		fault.Packet = PUBLISH
		return 0, fault
	}
	if n := p.remaining(v, properties); n > MaxRemainingLength {
		return 0, tooLarge(PUBLISH, n)
	}
	return properties, nil
}

func tooLarge(packet Type, n int) *Error {
	return &Error{PacketTooLarge, packet, fmt.Sprintf("%d bytes, the most is %d", n, MaxRemainingLength), "section 2.1.4"}
}

// Clone returns a copy of p that shares no memory with it.
func (p *Publish) Clone() *Publish {
	c := *p
	c.Topic = strings.Clone(p.Topic)
	c.Payload = bytes.Clone(p.Payload)
	c.Properties = p.Properties.Clone()
	return &c
}
