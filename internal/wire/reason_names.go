package wire

import "fmt"

// String returns the specification's name of the code, for example "Not authorized". Use [ReasonCode.NameIn] where the
// packet is known: 0x00 has three names.
func (c ReasonCode) String() string {
	if c >= UnspecifiedError {
		return c.failureName()
	}
	switch c {
	case Success:
		return "Success"
	case GrantedQoS1:
		return "Granted QoS 1"
	case GrantedQoS2:
		return "Granted QoS 2"
	case DisconnectWithWill:
		return "Disconnect with Will Message"
	case NoMatchingSubscribers:
		return "No matching subscribers"
	case NoSubscriptionExisted:
		return "No subscription existed"
	case ContinueAuthentication:
		return "Continue authentication"
	case ReAuthenticate:
		return "Re-authenticate"
	default:
		return fmt.Sprintf("Reason Code 0x%02X", byte(c))
	}
}

// NameIn returns the specification's name of the code in a packet of type t: 0x00 is "Normal disconnection" in
// DISCONNECT and "Granted QoS 0" in SUBACK.
func (c ReasonCode) NameIn(t Type) string {
	switch {
	case c == Success && t == DISCONNECT:
		return "Normal disconnection"
	case c == Success && t == SUBACK:
		return "Granted QoS 0"
	default:
		return c.String()
	}
}

func (c ReasonCode) failureName() string {
	names := [...]string{
		"Unspecified error", "Malformed Packet", "Protocol Error", "Implementation specific error",
		"Unsupported Protocol Version", "Client Identifier not valid", "Bad User Name or Password", "Not authorized",
		"Server unavailable", "Server busy", "Banned", "Server shutting down",
		"Bad authentication method", "Keep Alive timeout", "Session taken over", "Topic Filter invalid",
		"Topic Name invalid", "Packet Identifier in use", "Packet Identifier not found", "Receive Maximum exceeded",
		"Topic Alias invalid", "Packet too large", "Message rate too high", "Quota exceeded",
		"Administrative action", "Payload format invalid", "Retain not supported", "QoS not supported",
		"Use another server", "Server moved", "Shared Subscriptions not supported", "Connection rate exceeded",
		"Maximum connect time", "Subscription Identifiers not supported", "Wildcard Subscriptions not supported",
	}
	if i := int(c - UnspecifiedError); i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("Reason Code 0x%02X", byte(c))
}

// ValidIn reports whether MQTT 5.0 lets a packet of type t carry the code (section 2.4, table 2-6).
func (c ReasonCode) ValidIn(t Type) bool { return c.packets()>>t&1 != 0 }

// packets returns the packet types that may carry the code, bit n for type n.
func (c ReasonCode) packets() uint16 {
	const received = 1<<PUBACK | 1<<PUBREC
	switch c {
	case Success:
		return 1<<CONNACK | received | 1<<PUBREL | 1<<PUBCOMP | 1<<SUBACK | 1<<UNSUBACK | 1<<DISCONNECT | 1<<AUTH
	case GrantedQoS1, GrantedQoS2:
		return 1 << SUBACK
	case NoMatchingSubscribers:
		return received
	case NoSubscriptionExisted:
		return 1 << UNSUBACK
	case ContinueAuthentication, ReAuthenticate:
		return 1 << AUTH
	case UnspecifiedError, ImplementationSpecificError, NotAuthorized:
		return 1<<CONNACK | received | 1<<SUBACK | 1<<UNSUBACK | 1<<DISCONNECT
	case UnsupportedProtocolVersion, ClientIdentifierNotValid, BadUserNameOrPassword, ServerUnavailable, Banned:
		return 1 << CONNACK
	case PacketTooLarge:
		return 1<<CONNACK | received | 1<<DISCONNECT // Mosquitto says so in PUBACK, where the table has no word for it
	case MalformedPacket, ProtocolError, ServerBusy, BadAuthenticationMethod, RetainNotSupported,
		QoSNotSupported, UseAnotherServer, ServerMoved, ConnectionRateExceeded:
		return 1<<CONNACK | 1<<DISCONNECT
	case DisconnectWithWill, ServerShuttingDown, KeepAliveTimeout, SessionTakenOver, ReceiveMaximumExceeded,
		TopicAliasInvalid, MessageRateTooHigh, AdministrativeAction, MaximumConnectTime:
		return 1 << DISCONNECT
	case TopicFilterInvalid:
		return 1<<SUBACK | 1<<UNSUBACK | 1<<DISCONNECT
	case TopicNameInvalid, PayloadFormatInvalid:
		return 1<<CONNACK | received | 1<<DISCONNECT
	case PacketIdentifierInUse:
		return received | 1<<SUBACK | 1<<UNSUBACK
	case PacketIdentifierNotFound:
		return 1<<PUBREL | 1<<PUBCOMP
	case QuotaExceeded:
		return 1<<CONNACK | received | 1<<SUBACK | 1<<DISCONNECT
	case SharedSubscriptionsNotSupported, SubscriptionIdentifiersNotSupported, WildcardSubscriptionsNotSupported:
		return 1<<SUBACK | 1<<DISCONNECT
	default:
		return 0
	}
}
