// Package wire is the packet codec for MQTT 5.0, 3.1.1 and 3.1.
//
// Encoding appends to a caller's slice ([Publish.Append], [Append]); decoding makes views: a decoded packet refers to
// the bytes it was decoded from, so those must not be changed as long as the packet is in use ([Decode],
// [Publish.Decode]). [Reader] splits a byte stream into packets and bounds their size before it allocates.
//
// Decoding is strict: each malformed form is refused with an [*Error] that carries the Reason Code a peer must be told
// and the normative statement that was broken. Nothing here does I/O but Reader, and nothing keeps session state.
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
