package wire

// Connect is a CONNECT packet (section 3.1).
type Connect struct {
	// Version is the protocol level; encoding writes it and ignores the version argument.
	Version Version
	// CleanStart is Clean Start, or Clean Session below MQTT 5.
	CleanStart bool
	// KeepAlive is the Keep Alive in seconds, 0 for none.
	KeepAlive uint16
	ClientID  string
	// Will is nil when there is no Will Message.
	Will *Will
	// HasUsername and HasPassword tell an empty field from an absent one.
	HasUsername, HasPassword bool
	Username                 string
	Password                 []byte
	Properties               *Properties
}

// Will is the Will Message of a CONNECT.
type Will struct {
	Topic      string
	Payload    []byte
	QoS        byte
	Retain     bool
	Properties *Properties
}

// Connack is a CONNACK packet (section 3.2). Below MQTT 5 its return codes 1 to 5 are decoded as, and encoded from, the
// Reason Codes 0x84, 0x85, 0x88, 0x86 and 0x87.
type Connack struct {
	SessionPresent bool
	Code           ReasonCode
	Properties     *Properties
}

// Publish is a PUBLISH packet (section 3.3).
type Publish struct {
	Dup, Retain bool
	QoS         byte
	// PacketID is 0 at QoS 0 and not 0 otherwise.
	PacketID uint16
	// Topic is empty only in MQTT 5 with a Topic Alias.
	Topic      string
	Properties *Properties
	Payload    []byte
}

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP packet (sections 3.4 to 3.7).
type Ack struct {
	// Kind is PUBACK, PUBREC, PUBREL or PUBCOMP.
	Kind       Type
	PacketID   uint16
	Code       ReasonCode
	Properties *Properties
}

// Subscription is one Topic Filter of a SUBSCRIBE with its Subscription Options (section 3.8.3.1).
type Subscription struct {
	Filter            string
	QoS               byte
	NoLocal           bool
	RetainAsPublished bool
	// RetainHandling is 0 (send retained messages), 1 (only for a new subscription) or 2 (never).
	RetainHandling byte
}

// Subscribe is a SUBSCRIBE packet (section 3.8).
type Subscribe struct {
	PacketID      uint16
	Properties    *Properties
	Subscriptions []Subscription
}

// Suback is a SUBACK packet (section 3.9), one Reason Code for each Topic Filter.
type Suback struct {
	PacketID   uint16
	Properties *Properties
	Codes      []ReasonCode
}

// Unsubscribe is an UNSUBSCRIBE packet (section 3.10).
type Unsubscribe struct {
	PacketID   uint16
	Properties *Properties
	Filters    []string
}

// Unsuback is an UNSUBACK packet (section 3.11). Below MQTT 5 it carries no Reason Codes.
type Unsuback struct {
	PacketID   uint16
	Properties *Properties
	Codes      []ReasonCode
}

// Pingreq is a PINGREQ packet (section 3.12).
type Pingreq struct{}

// Pingresp is a PINGRESP packet (section 3.13).
type Pingresp struct{}

// Disconnect is a DISCONNECT packet (section 3.14).
type Disconnect struct {
	Code       ReasonCode
	Properties *Properties
}

// Auth is an AUTH packet (section 3.15), MQTT 5 only.
type Auth struct {
	Code       ReasonCode
	Properties *Properties
}
