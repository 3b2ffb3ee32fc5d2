// Package wire is the packet codec for MQTT 5.0, 3.1.1 and 3.1.
//
// Encoding appends to a caller's slice ([Publish.Append] and its like); decoding makes views: the strings and byte slices
// of a decoded packet share the bytes it was decoded from, so those must not be changed as long as the packet is in use
// ([Decode], [Publish.Decode]). [Reader] splits a byte stream into packets and bounds their size before it allocates; a
// view into what it returned keeps up to 64 KiB of its neighbours in memory, so [Publish.Clone] what is kept for long.
//
// Decoding is strict: each malformed form is refused with an [*Error] that carries the Reason Code a peer must be told
// and the normative statement that was broken. Encoding refuses the same, so that what was encoded can be decoded. What a
// protocol version cannot say is never dropped in silence but is an [*UnsupportedError].
//
// Left to the callers, because it needs to know more than one packet: the direction (a Client must not send a Subscription
// Identifier in PUBLISH, or a Server Reference in DISCONNECT), the session (a Topic Alias that is too high, a Packet
// Identifier in use, an AUTH out of turn), the syntax of Topic Filters (package topic; SUBACK answers each one) and
// whether a Payload is the UTF-8 that its Payload Format Indicator says. Nothing here does I/O but Reader.
package wire

import "fmt"

// Version is a protocol level as it stands in CONNECT.
type Version byte

// The protocol levels that the codec speaks.
const (
	V31  Version = 3 // MQTT 3.1 (protocol name "MQIsdp")
	V311 Version = 4 // MQTT 3.1.1
	V5   Version = 5 // MQTT 5.0
)

// String returns the version as people write it: "3.1", "3.1.1" or "5".
func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5"
	default:
		return fmt.Sprintf("level %d", byte(v))
	}
}

// Type is an MQTT Control Packet type (MQTT 5.0, section 2.1.2).
type Type byte

// The MQTT Control Packet types.
const (
	CONNECT Type = iota + 1
	CONNACK
	PUBLISH
	PUBACK
	PUBREC
	PUBREL
	PUBCOMP
	SUBSCRIBE
	SUBACK
	UNSUBSCRIBE
	UNSUBACK
	PINGREQ
	PINGRESP
	DISCONNECT
	AUTH
)

// String returns the packet's name as the specification writes it: "PUBLISH".
func (t Type) String() string {
	names := [...]string{
		CONNECT: "CONNECT", CONNACK: "CONNACK", PUBLISH: "PUBLISH", PUBACK: "PUBACK", PUBREC: "PUBREC", PUBREL: "PUBREL",
		PUBCOMP: "PUBCOMP", SUBSCRIBE: "SUBSCRIBE", SUBACK: "SUBACK", UNSUBSCRIBE: "UNSUBSCRIBE", UNSUBACK: "UNSUBACK",
		PINGREQ: "PINGREQ", PINGRESP: "PINGRESP", DISCONNECT: "DISCONNECT", AUTH: "AUTH",
	}
	if t < CONNECT || t > AUTH {
		return fmt.Sprintf("packet type %d", byte(t))
	}
	return names[t]
}

// Sizes that the protocol fixes.
const (
	// MaxRemainingLength is the largest Remaining Length, 256 MiB - 1 (section 2.1.4).
	MaxRemainingLength = 268_435_455
	// MaxString is the longest UTF-8 string or binary datum in bytes (sections 1.5.4 and 1.5.6).
	MaxString = 65_535
)

// Packet is one MQTT Control Packet.
type Packet interface {
	// Type is the packet's type; an [Ack] answers the type it stands for.
	Type() Type
	// Append appends the packet as v encodes it to dst. It fails, leaving dst's content as it was, when a field does not
	// fit the protocol (a string over 65,535 bytes, a packet over 268,435,455) or cannot be said at that level.
	Append(dst []byte, v Version) ([]byte, error)
}
