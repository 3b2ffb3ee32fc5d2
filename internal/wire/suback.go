package wire

import "fmt"

// Type returns SUBACK.
func (*Suback) Type() Type { return SUBACK }

func (d *decoder) suback(first byte) (Packet, error) {
	d.flags(first, 0)
	s := &Suback{PacketID: d.uint16("the Packet Identifier"), Properties: d.properties(SUBACK), Codes: d.codes()}
	return decoded(s, d.finish(s.fault(d.v)))
}

// codes reads Reason Codes up to the end.
func (d *decoder) codes() []ReasonCode {
	codes := make([]ReasonCode, len(d.rest))
	for i, b := range d.rest {
		codes[i] = ReasonCode(b)
	}
	d.rest = nil
	return codes
}

func (s *Suback) fault(v Version) *Error {
	if fault := identifierFault(SUBACK, v, s.PacketID); fault != nil {
		return fault
	}
	if len(s.Codes) == 0 {
		return &Error{ProtocolError, SUBACK, "no Reason Code", pick(v, "MQTT-3.8.4-6", "MQTT-3.8.4-5")}
	}
	for _, c := range s.Codes {
		// Below MQTT 5 a failure is always 0x80. MQTT 3.1 has none, but its servers say 0x80 and its clients know it.
		if v < V5 && c > GrantedQoS2 && c != UnspecifiedError {
			return &Error{ProtocolError, SUBACK, fmt.Sprintf("Return Code 0x%02X", byte(c)), "MQTT-3.9.3-2"}
		}
		if fault := codeFault(SUBACK, c); fault != nil {
			return fault
		}
	}
	return nil
}

// Append appends the packet. Below MQTT 5 there is one code for all failures, 0x80, which is written for each.
func (s *Suback) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, SUBACK, v, s.fault(V5))
	e.uint16(s.PacketID)
	e.properties(s.Properties, SUBACK)
	for _, c := range s.Codes {
		switch {
		case v >= V5 || !c.IsError():
			e.byte(byte(c))
		default:
			e.byte(byte(UnspecifiedError))
		}
	}
	return e.finish(0)
}

// Type returns UNSUBACK.
func (*Unsuback) Type() Type { return UNSUBACK }

func (d *decoder) unsuback(first byte) (Packet, error) {
	d.flags(first, 0)
	u := &Unsuback{PacketID: d.uint16("the Packet Identifier"), Properties: d.properties(UNSUBACK)}
	if d.v >= V5 {
		u.Codes = d.codes()
	}
	return decoded(u, d.finish(u.fault(d.v)))
}

func (u *Unsuback) fault(v Version) *Error {
	if fault := identifierFault(UNSUBACK, v, u.PacketID); fault != nil {
		return fault
	}
	if v >= V5 && len(u.Codes) == 0 {
		return &Error{ProtocolError, UNSUBACK, "no Reason Code", "section 3.11.3"}
	}
	for _, c := range u.Codes {
		if fault := codeFault(UNSUBACK, c); fault != nil {
			return fault
		}
	}
	return nil
}

// Append appends the packet. Below MQTT 5 it has no Reason Codes: it says by itself that there is no such Subscription any
// more, so that codes which say the same are left out and a failure is an [*UnsupportedError].
func (u *Unsuback) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, UNSUBACK, v, u.fault(v))
	e.uint16(u.PacketID)
	e.properties(u.Properties, UNSUBACK)
	for _, c := range u.Codes {
		switch {
		case v >= V5:
			e.byte(byte(c))
		case c.IsError():
			e.unsupported("the Reason Code " + c.String())
		}
	}
	return e.finish(0)
}
