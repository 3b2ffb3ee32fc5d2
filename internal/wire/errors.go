package wire

import "fmt"

// Error is a packet that the specification forbids, received or about to be sent.
type Error struct {
	// Code is the Reason Code that MQTT 5.0 has for it. An MQTT 3.1.1 or 3.1 peer cannot be told: the connection is just
	// closed (3.1.1, section 4.8), except that CONNACK can say 0x84 and 0x85.
	Code ReasonCode
	// Packet is the packet's type, 0 when that is not known.
	Packet Type
	// Msg says what is wrong.
	Msg string
	// Ref is the normative statement that was broken, such as "MQTT-3.3.1-4", or a section, of the specification of the
	// packet's protocol version. MQTT 3.1 does not number its statements, so those of 3.1.1 stand in.
	Ref string
}

// Error returns for example "malformed PUBLISH: QoS 3 [MQTT-3.3.1-4]".
func (e *Error) Error() string {
	packet := "packet"
	if e.Packet != 0 {
		packet = e.Packet.String()
	}
	var text string
	switch e.Code {
	case MalformedPacket:
		text = fmt.Sprintf("malformed %s: %s", packet, e.Msg)
	case ProtocolError:
		text = fmt.Sprintf("protocol error in %s: %s", packet, e.Msg)
	default:
		text = fmt.Sprintf("%s in %s: %s", e.Code, packet, e.Msg)
	}
	if e.Ref != "" {
		text += " [" + e.Ref + "]"
	}
	return text
}

// UnsupportedError is a packet with something in it that its protocol version has no words for.
type UnsupportedError struct {
	Version Version
	Packet  Type
	// What cannot be said, such as "Session Expiry Interval" or "No Local"; empty when it is the packet as a whole.
	What string
}

// Error returns for example "MQTT 3.1.1 cannot say No Local in SUBSCRIBE".
func (e *UnsupportedError) Error() string {
	if e.What == "" {
		return fmt.Sprintf("MQTT %s has no %s", e.Version, e.Packet)
	}
	return fmt.Sprintf("MQTT %s cannot say %s in %s", e.Version, e.What, e.Packet)
}
