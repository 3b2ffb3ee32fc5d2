package wire

import "fmt"

// Decode decodes one packet from the first byte of its fixed header and its body, which must be exactly Remaining Length
// bytes as [Reader.Next] returns them. The packet's strings and byte slices are views of body: body must not be changed
// as long as they are used. v is the connection's protocol version; a CONNECT says its own and v is ignored.
//
// The error is an [*Error].
func Decode(v Version, first byte, body []byte) (Packet, error) {
	d := decoder{rest: body, packet: Type(first >> 4), v: v}
	switch d.packet {
	case PUBLISH:
		p := new(Publish)
		return decoded(p, p.Decode(v, first, body))
	case PUBACK, PUBREC, PUBREL, PUBCOMP:
		p := new(Ack)
		return decoded(p, p.Decode(v, first, body))
	case CONNECT:
		return d.connect(first)
	case CONNACK:
		return d.connack(first)
	case SUBSCRIBE:
		return d.subscribe(first)
	case SUBACK:
		return d.suback(first)
	case UNSUBSCRIBE:
		return d.unsubscribe(first)
	case UNSUBACK:
		return d.unsuback(first)
	case PINGREQ:
		d.flags(first, 0)
		return decoded(&Pingreq{}, d.finish(nil))
	case PINGRESP:
		d.flags(first, 0)
		return decoded(&Pingresp{}, d.finish(nil))
	case DISCONNECT:
		return d.disconnect(first)
	case AUTH:
		return d.auth(first)
	default:
		d.malformed(fmt.Sprintf("packet type %d is reserved", first>>4), "section 2.1.2")
		return nil, d.err
	}
}

// decoded returns p, or nothing but err.
func decoded(p Packet, err error) (Packet, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// identifierFault requires a Packet Identifier that is not 0.
func identifierFault(packet Type, v Version, id uint16) *Error {
	if id != 0 {
		return nil
	}
	return &Error{ProtocolError, packet, "Packet Identifier 0", pick(v, "MQTT-2.2.1-3", "MQTT-2.3.1-1")}
}

// codeFault requires a Reason Code that the packet may carry.
func codeFault(packet Type, c ReasonCode) *Error {
	if c.ValidIn(packet) {
		return nil
	}
	return &Error{ProtocolError, packet, fmt.Sprintf("Reason Code 0x%02X does not belong here", byte(c)), codeRef(packet)}
}

func codeRef(packet Type) string {
	switch packet {
	case CONNACK:
		return "MQTT-3.2.2-8"
	case PUBACK:
		return "MQTT-3.4.2-1"
	case PUBREC:
		return "MQTT-3.5.2-1"
	case PUBREL:
		return "MQTT-3.6.2-1"
	case PUBCOMP:
		return "MQTT-3.7.2-1"
	case SUBACK:
		return "MQTT-3.9.3-2"
	case UNSUBACK:
		return "MQTT-3.11.3-2"
	case DISCONNECT:
		return "MQTT-3.14.2-1"
	default:
		return "MQTT-3.15.2-1"
	}
}
