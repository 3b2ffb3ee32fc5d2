package wire

import (
	"encoding/binary"
	"fmt"
)

// decoder reads fields off the front of a packet's body. The first failure sticks: what is read after it is zero, so
// callers look at the result once, at the end.
type decoder struct {
	rest   []byte
	err    *Error
	packet Type
	prop   PropertyID // the property that is being read, 0 outside of properties
	v      Version
}

func (d *decoder) fail(code ReasonCode, msg, ref string) {
	if d.err == nil {
		d.err = &Error{Code: code, Packet: d.packet, Msg: msg, Ref: ref}
		d.rest = nil
	}
}

func (d *decoder) malformed(msg, ref string) { d.fail(MalformedPacket, msg, ref) }

// pick returns the statement that belongs to the packet's version.
func pick(v Version, ref5, ref311 string) string {
	if v >= V5 {
		return ref5
	}
	return ref311
}

// field is name, or the property that is being read.
func (d *decoder) field(name string) string {
	if d.prop != 0 {
		return d.prop.String()
	}
	return name
}

func (d *decoder) truncated(name string) {
	d.malformed("it ends within "+d.field(name), pick(d.v, "section 4.13", "section 4.8"))
}

// result is the first failure.
func (d *decoder) result() error {
	if d.err != nil {
		return d.err
	}
	return nil
}

// end is for when the packet must be over.
func (d *decoder) end() {
	if n := len(d.rest); n > 0 {
		d.malformed(fmt.Sprintf("bytes too many: %d", n), pick(d.v, "section 2.1.4", "section 2.2.3"))
	}
}

// finish ends the decoding of a packet of which the rules beyond its form found fault, nil for none.
func (d *decoder) finish(fault *Error) error {
	d.end()
	if d.err == nil {
		d.err = fault
	}
	return d.result()
}

// flags requires the low four bits of the fixed header to be want. In MQTT 3.1 what is sent again has DUP, not only PUBLISH
// (MQTT 3.1, section 2.1): all packets of QoS 1, which want says.
func (d *decoder) flags(first, want byte) {
	const dup, qos1 = 0x08, 0x02
	if d.v == V31 && want == qos1 {
		first &^= dup
	}
	if got := first & 0x0F; got != want {
		d.malformed(fmt.Sprintf("fixed header flags %04b instead of %04b", got, want), flagsRef(d.packet, d.v))
	}
}

func flagsRef(t Type, v Version) string {
	switch t {
	case PUBREL:
		return "MQTT-3.6.1-1"
	case SUBSCRIBE:
		return "MQTT-3.8.1-1"
	case UNSUBSCRIBE:
		return "MQTT-3.10.1-1"
	case DISCONNECT:
		return "MQTT-3.14.1-1"
	case AUTH:
		return "MQTT-3.15.1-1"
	default:
		return pick(v, "MQTT-2.1.3-1", "MQTT-2.2.2-2")
	}
}

func (d *decoder) byte(name string) byte {
	if len(d.rest) < 1 {
		d.truncated(name)
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uint16(name string) uint16 {
	if len(d.rest) < 2 {
		d.truncated(name)
		return 0
	}
	n := binary.BigEndian.Uint16(d.rest)
	d.rest = d.rest[2:]
	return n
}

func (d *decoder) uint32(name string) uint32 {
	if len(d.rest) < 4 {
		d.truncated(name)
		return 0
	}
	n := binary.BigEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	return n
}

// varint reads a Variable Byte Integer (section 1.5.5).
func (d *decoder) varint(name string) uint32 {
	n, size := parseVarint(d.rest)
	switch size {
	case varintShort:
		d.truncated(name)
		return 0
	case varintInvalid:
		d.malformed(d.field(name)+" is not a Variable Byte Integer in its shortest form", "MQTT-1.5.5-1")
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// What parseVarint returns as the size when there is none.
const (
	varintShort   = 0  // b ends before the integer does
	varintInvalid = -1 // more than four bytes, or more bytes than needed
)

// parseVarint returns the Variable Byte Integer at the start of b and its size in bytes.
func parseVarint(b []byte) (n uint32, size int) {
	for i := range min(len(b), 4) {
		n |= uint32(b[i]&0x7F) << (7 * i)
		if b[i] < 0x80 {
			if b[i] == 0 && i > 0 {
				return 0, varintInvalid
			}
			return n, i + 1
		}
	}
	if len(b) >= 4 {
		return 0, varintInvalid
	}
	return 0, varintShort
}

// binary reads Binary Data (section 1.5.6) as a view.
func (d *decoder) binary(name string) []byte {
	if len(d.rest) < 2 {
		d.truncated(name)
		return nil
	}
	end := 2 + int(binary.BigEndian.Uint16(d.rest))
	if len(d.rest) < end {
		d.truncated(name)
		return nil
	}
	b := d.rest[2:end:end]
	d.rest = d.rest[end:]
	return b
}

// text reads a UTF-8 Encoded String (section 1.5.4) as a view.
func (d *decoder) text(name string) string {
	s := view(d.binary(name))
	if !validText(s) {
		msg, ref5, ref311 := textFault(s)
		d.malformed(d.field(name)+" holds "+msg, pick(d.v, ref5, ref311))
		return ""
	}
	return s
}

// roomyProperties are Properties with room for a few of what may repeat, so that they are one allocation.
type roomyProperties struct {
	Properties
	users [3]UserProperty
	ids   [2]uint32
}

// properties reads the Properties of owner (section 2.2.2), nil when there are none or the version has none.
func (d *decoder) properties(owner Type) *Properties {
	if d.v < V5 {
		return nil
	}
	n := int(d.varint("Property Length"))
	if n > len(d.rest) {
		d.truncated("the Properties")
		return nil
	}
	if n == 0 {
		return nil
	}
	after := d.rest[n:]
	d.rest = d.rest[:n:n]
	p := new(roomyProperties)
	for len(d.rest) > 0 {
		d.property(p, owner)
	}
	d.prop = 0
	if d.err != nil {
		return nil
	}
	d.rest = after
	return &p.Properties
}

func (d *decoder) property(p *roomyProperties, owner Type) {
	id := PropertyID(d.rest[0])
	d.rest = d.rest[1:]
	if allowedProperties(owner)>>id&1 == 0 {
		d.malformed(id.String()+" does not belong in "+ownerName(owner), "section 2.2.2.2")
		return
	}
	d.prop = id
	if p.present>>id&1 != 0 || id == PropSubscriptionIdentifier && owner == SUBSCRIBE && len(p.SubscriptionIdentifiers) > 0 {
		d.fail(ProtocolError, id.String()+" twice", "section 2.2.2.2")
		return
	}
	switch id.kind() {
	case kindByte, kindUint16, kindUint32, kindVarint:
		d.numberProperty(p, id)
		return
	case kindText:
		*p.textField(id) = d.text("")
		if id == PropResponseTopic && hasWildcard(p.ResponseTopic) {
			d.fail(ProtocolError, "Response Topic with a wildcard", "MQTT-3.3.2-14")
		}
	case kindBinary:
		*p.binaryField(id) = d.binary("")
	default:
		if p.UserProperties == nil {
			p.UserProperties = p.users[:0]
		}
		u := UserProperty{Key: d.text("")}
		u.Value = d.text("")
		p.UserProperties = append(p.UserProperties, u)
		return
	}
	p.present |= 1 << id
}

func (d *decoder) numberProperty(p *roomyProperties, id PropertyID) {
	var n uint32
	switch id.kind() {
	case kindByte:
		b := d.byte("")
		n, *p.byteField(id) = uint32(b), b
	case kindUint16:
		u := d.uint16("")
		n, *p.uint16Field(id) = uint32(u), u
	case kindUint32:
		n = d.uint32("")
		*p.uint32Field(id) = n
	default:
		if p.SubscriptionIdentifiers == nil {
			p.SubscriptionIdentifiers = p.ids[:0]
		}
		n = d.varint("")
		p.SubscriptionIdentifiers = append(p.SubscriptionIdentifiers, n)
	}
	if code, msg := numberFault(id, n); code != Success {
		d.fail(code, msg, numberRef(id))
	}
	if id != PropSubscriptionIdentifier {
		p.present |= 1 << id
	}
}
