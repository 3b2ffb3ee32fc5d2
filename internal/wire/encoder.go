package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// AppendHeader appends the fixed header of a packet with n bytes after it. n must not exceed [MaxRemainingLength].
func AppendHeader(dst []byte, first byte, n int) []byte {
	return appendVarint(append(dst, first), n)
}

func appendVarint(dst []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

// varintSize is the number of bytes that n takes as a Variable Byte Integer.
func varintSize(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14:
		return 2
	case n < 1<<21:
		return 3
	default:
		return 4
	}
}

// encoder builds one packet behind dst. The first failure sticks.
type encoder struct {
	dst    []byte // what the caller gave
	buf    []byte // dst, room for the fixed header, the body
	err    error
	packet Type
	v      Version
}

// headerRoom is the size of the largest fixed header.
const headerRoom = 5

// newEncoder starts a packet in which the packet's own check found fault, nil for none.
func newEncoder(dst []byte, packet Type, v Version, fault *Error) encoder {
	e := encoder{dst: dst, buf: append(dst, make([]byte, headerRoom)...), packet: packet, v: v}
	e.check(fault)
	return e
}

func (e *encoder) fail(code ReasonCode, msg, ref string) {
	if e.err == nil {
		e.err = &Error{Code: code, Packet: e.packet, Msg: msg, Ref: ref}
	}
}

func (e *encoder) unsupported(what string) {
	if e.err == nil {
		e.err = &UnsupportedError{Version: e.v, Packet: e.packet, What: what}
	}
}

// check adopts what a packet's own check found.
func (e *encoder) check(fault *Error) {
	if fault != nil && e.err == nil {
		e.err = fault
	}
}

// finish puts the fixed header in front of the body, now that its length is known.
func (e *encoder) finish(flags byte) ([]byte, error) {
	body := e.buf[len(e.dst)+headerRoom:]
	if len(body) > MaxRemainingLength {
		e.check(tooLarge(e.packet, len(body)))
	}
	if e.err != nil {
		return e.dst, e.err
	}
	packet := AppendHeader(e.buf[:len(e.dst)], byte(e.packet)<<4|flags, len(body))
	return append(packet, body...), nil
}

func (e *encoder) byte(b byte)     { e.buf = append(e.buf, b) }
func (e *encoder) uint16(n uint16) { e.buf = binary.BigEndian.AppendUint16(e.buf, n) }
func (e *encoder) text(name, s string) {
	if fault := encodeTextFault(name, s); fault != nil {
		fault.Packet = e.packet
		e.check(fault)
	}
	e.buf = appendString(e.buf, s)
}

func (e *encoder) binary(name string, b []byte) {
	if len(b) > MaxString {
		e.fail(MalformedPacket, tooLong(name, len(b)), "section 1.5.6")
	}
	e.buf = appendBinary(e.buf, b)
}

// properties appends the Property Length and the Properties of owner.
func (e *encoder) properties(p *Properties, owner Type) {
	if e.v < V5 {
		if !p.Empty() {
			e.unsupported(p.first().String())
		}
		return
	}
	size, err := p.measure(e.packet, owner)
	if err != nil {
		e.check(err)
		return
	}
	e.buf = p.append(appendVarint(e.buf, size))
}

func tooLong(name string, n int) string {
	return fmt.Sprintf("%s is %d bytes, the most is %d", name, n, MaxString)
}

// encodeTextFault returns why s cannot be a UTF-8 Encoded String, nil when it can.
func encodeTextFault(name, s string) *Error {
	if len(s) > MaxString {
		return &Error{Code: MalformedPacket, Msg: tooLong(name, len(s)), Ref: "section 1.5.4"}
	}
	if !validText(s) {
		msg, ref, _ := textFault(s)
		return &Error{Code: MalformedPacket, Msg: name + " holds " + msg, Ref: ref}
	}
	return nil
}

func appendString(dst []byte, s string) []byte {
	return append(append(dst, byte(len(s)>>8), byte(len(s))), s...)
}

func appendBinary(dst, b []byte) []byte {
	return append(append(dst, byte(len(b)>>8), byte(len(b))), b...)
}

// all returns the identifiers of all properties that are present, bit n for identifier n.
func (p *Properties) all() uint64 {
	if p == nil {
		return 0
	}
	set := p.present
	if len(p.SubscriptionIdentifiers) > 0 {
		set |= 1 << PropSubscriptionIdentifier
	}
	if len(p.UserProperties) > 0 {
		set |= 1 << PropUserProperty
	}
	return set
}

// first returns the present property with the lowest identifier.
func (p *Properties) first() PropertyID { return lowest(p.all()) }

func lowest(set uint64) PropertyID { return PropertyID(bits.TrailingZeros64(set) & 0x3F) }

// measure returns the Property Length, or why owner (in packet) cannot carry p.
func (p *Properties) measure(packet, owner Type) (int, *Error) {
	set := p.all()
	if set == 0 {
		return 0, nil
	}
	if stray := set &^ allowedProperties(owner); stray != 0 {
		return 0, &Error{
			Code: MalformedPacket, Packet: packet, Ref: "section 2.2.2.2",
			Msg: lowest(stray).String() + " does not belong in " + ownerName(owner),
		}
	}
	if owner == SUBSCRIBE && len(p.SubscriptionIdentifiers) > 1 {
		return 0, &Error{Code: ProtocolError, Packet: packet, Msg: "Subscription Identifier twice", Ref: "section 3.8.2.1.2"}
	}
	size := 0
	for ; set != 0; set &= set - 1 {
		id := lowest(set)
		if fault := p.fault(id); fault != nil {
			fault.Packet = packet
			return 0, fault
		}
		size += p.sizeOf(id)
	}
	return size, nil
}

// size is the Property Length of p.
func (p *Properties) size() int {
	size := 0
	for set := p.all(); set != 0; set &= set - 1 {
		size += p.sizeOf(lowest(set))
	}
	return size
}

// sizeOf is what the property id takes with its identifiers.
func (p *Properties) sizeOf(id PropertyID) int {
	switch id.kind() {
	case kindByte:
		return 1 + 1
	case kindUint16:
		return 1 + 2
	case kindUint32:
		return 1 + 4
	case kindText:
		return 1 + 2 + len(*p.textField(id))
	case kindBinary:
		return 1 + 2 + len(*p.binaryField(id))
	default:
	}
	size := 0
	if id == PropSubscriptionIdentifier {
		for _, n := range p.SubscriptionIdentifiers {
			size += 1 + varintSize(int(n))
		}
		return size
	}
	for _, u := range p.UserProperties {
		size += 1 + 2 + len(u.Key) + 2 + len(u.Value)
	}
	return size
}

// fault returns why the value of property id cannot be encoded, nil when it can.
func (p *Properties) fault(id PropertyID) *Error {
	switch id.kind() {
	case kindByte:
		return numberError(id, uint32(*p.byteField(id)))
	case kindUint16:
		return numberError(id, uint32(*p.uint16Field(id)))
	case kindUint32:
		return numberError(id, *p.uint32Field(id))
	case kindVarint:
		for _, n := range p.SubscriptionIdentifiers {
			if fault := numberError(id, n); fault != nil {
				return fault
			}
		}
	case kindText:
		if id == PropResponseTopic && hasWildcard(p.ResponseTopic) {
			return &Error{Code: ProtocolError, Msg: "Response Topic with a wildcard", Ref: "MQTT-3.3.2-14"}
		}
		return encodeTextFault(id.String(), *p.textField(id))
	case kindBinary:
		if b := *p.binaryField(id); len(b) > MaxString {
			return &Error{Code: MalformedPacket, Msg: tooLong(id.String(), len(b)), Ref: "section 1.5.6"}
		}
	default:
		for _, u := range p.UserProperties {
			if fault := encodeTextFault("User Property name", u.Key); fault != nil {
				return fault
			}
			if fault := encodeTextFault("User Property value", u.Value); fault != nil {
				return fault
			}
		}
	}
	return nil
}

func numberError(id PropertyID, n uint32) *Error {
	if code, msg := numberFault(id, n); code != Success {
		return &Error{Code: code, Msg: msg, Ref: numberRef(id)}
	}
	return nil
}

// append appends the properties in the order of their identifiers.
func (p *Properties) append(dst []byte) []byte {
	for set := p.all(); set != 0; set &= set - 1 {
		id := lowest(set)
		switch id.kind() {
		case kindByte:
			dst = append(dst, byte(id), *p.byteField(id))
		case kindUint16:
			dst = binary.BigEndian.AppendUint16(append(dst, byte(id)), *p.uint16Field(id))
		case kindUint32:
			dst = binary.BigEndian.AppendUint32(append(dst, byte(id)), *p.uint32Field(id))
		case kindText:
			dst = appendString(append(dst, byte(id)), *p.textField(id))
		case kindBinary:
			dst = appendBinary(append(dst, byte(id)), *p.binaryField(id))
		case kindVarint:
			for _, n := range p.SubscriptionIdentifiers {
				dst = appendVarint(append(dst, byte(id)), int(n))
			}
		default:
			for _, u := range p.UserProperties {
				dst = appendString(appendString(append(dst, byte(id)), u.Key), u.Value)
			}
		}
	}
	return dst
}
