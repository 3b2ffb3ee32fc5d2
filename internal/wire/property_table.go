package wire

import (
	"fmt"
	"strings"
)

// kind is the data type of a property (section 2.2.2.2, table 2-4).
type kind byte

const (
	kindNone kind = iota // not a property
	kindByte
	kindUint16
	kindUint32
	kindVarint
	kindText
	kindBinary
	kindPair
)

func (id PropertyID) kind() kind {
	switch id {
	case PropPayloadFormatIndicator, PropRequestProblemInformation, PropRequestResponseInformation, PropMaximumQoS,
		PropRetainAvailable, PropWildcardSubscriptionAvailable, PropSubscriptionIdentifierAvailable,
		PropSharedSubscriptionAvailable:
		return kindByte
	case PropServerKeepAlive, PropReceiveMaximum, PropTopicAliasMaximum, PropTopicAlias:
		return kindUint16
	case PropMessageExpiryInterval, PropSessionExpiryInterval, PropWillDelayInterval, PropMaximumPacketSize:
		return kindUint32
	case PropSubscriptionIdentifier:
		return kindVarint
	case PropContentType, PropResponseTopic, PropAssignedClientIdentifier, PropAuthenticationMethod,
		PropResponseInformation, PropServerReference, PropReasonString:
		return kindText
	case PropCorrelationData, PropAuthenticationData:
		return kindBinary
	case PropUserProperty:
		return kindPair
	default:
		return kindNone
	}
}

// String returns the property's name in the specification's words, for example "Session Expiry Interval".
func (id PropertyID) String() string {
	names := [...]string{
		PropPayloadFormatIndicator:          "Payload Format Indicator",
		PropMessageExpiryInterval:           "Message Expiry Interval",
		PropContentType:                     "Content Type",
		PropResponseTopic:                   "Response Topic",
		PropCorrelationData:                 "Correlation Data",
		PropSubscriptionIdentifier:          "Subscription Identifier",
		PropSessionExpiryInterval:           "Session Expiry Interval",
		PropAssignedClientIdentifier:        "Assigned Client Identifier",
		PropServerKeepAlive:                 "Server Keep Alive",
		PropAuthenticationMethod:            "Authentication Method",
		PropAuthenticationData:              "Authentication Data",
		PropRequestProblemInformation:       "Request Problem Information",
		PropWillDelayInterval:               "Will Delay Interval",
		PropRequestResponseInformation:      "Request Response Information",
		PropResponseInformation:             "Response Information",
		PropServerReference:                 "Server Reference",
		PropReasonString:                    "Reason String",
		PropReceiveMaximum:                  "Receive Maximum",
		PropTopicAliasMaximum:               "Topic Alias Maximum",
		PropTopicAlias:                      "Topic Alias",
		PropMaximumQoS:                      "Maximum QoS",
		PropRetainAvailable:                 "Retain Available",
		PropUserProperty:                    "User Property",
		PropMaximumPacketSize:               "Maximum Packet Size",
		PropWildcardSubscriptionAvailable:   "Wildcard Subscription Available",
		PropSubscriptionIdentifierAvailable: "Subscription Identifier Available",
		PropSharedSubscriptionAvailable:     "Shared Subscription Available",
	}
	if id.kind() == kindNone {
		return fmt.Sprintf("property 0x%02X", byte(id))
	}
	return names[id]
}

// Name returns the property's name as it is written on a command line, for example "session-expiry-interval".
func (id PropertyID) Name() string {
	return strings.ToLower(strings.ReplaceAll(id.String(), " ", "-"))
}

// PropertyByName finds a property by what [PropertyID.Name] returns.
func PropertyByName(name string) (PropertyID, bool) {
	for id := PropPayloadFormatIndicator; id <= PropSharedSubscriptionAvailable; id++ {
		if id.kind() != kindNone && id.Name() == name {
			return id, true
		}
	}
	return 0, false
}

// ValidIn reports whether a packet of type t may carry the property. For the Will Properties of a CONNECT see
// [PropertyID.ValidInWill].
func (id PropertyID) ValidIn(t Type) bool { return t != willOwner && allowedProperties(t)>>id&1 != 0 }

// ValidInWill reports whether the Will Properties of a CONNECT may hold the property.
func (id PropertyID) ValidInWill() bool { return allowedProperties(willOwner)>>id&1 != 0 }

// willOwner stands for the Will Properties where the owner of properties is told; 0 is no packet type.
const willOwner Type = 0

func ownerName(owner Type) string {
	if owner == willOwner {
		return "Will Message"
	}
	return owner.String()
}

// allowedProperties returns the properties that owner may carry, bit n for identifier n (section 2.2.2.2, table 2-4).
func allowedProperties(owner Type) uint64 {
	const (
		message = 1<<PropPayloadFormatIndicator | 1<<PropMessageExpiryInterval | 1<<PropContentType |
			1<<PropResponseTopic | 1<<PropCorrelationData | 1<<PropUserProperty
		authentication = 1<<PropAuthenticationMethod | 1<<PropAuthenticationData | 1<<PropUserProperty
		limits         = 1<<PropSessionExpiryInterval | 1<<PropReceiveMaximum | 1<<PropTopicAliasMaximum |
			1<<PropMaximumPacketSize
		available = 1<<PropMaximumQoS | 1<<PropRetainAvailable | 1<<PropWildcardSubscriptionAvailable |
			1<<PropSubscriptionIdentifierAvailable | 1<<PropSharedSubscriptionAvailable
		reason = 1<<PropReasonString | 1<<PropUserProperty
	)
	switch owner {
	case willOwner:
		return message | 1<<PropWillDelayInterval
	case CONNECT:
		return authentication | limits | 1<<PropRequestProblemInformation | 1<<PropRequestResponseInformation
	case CONNACK:
		return authentication | limits | available | reason | 1<<PropAssignedClientIdentifier |
			1<<PropServerKeepAlive | 1<<PropResponseInformation | 1<<PropServerReference
	case PUBLISH:
		return message | 1<<PropTopicAlias | 1<<PropSubscriptionIdentifier
	case PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK:
		return reason
	case SUBSCRIBE:
		return 1<<PropSubscriptionIdentifier | 1<<PropUserProperty
	case UNSUBSCRIBE:
		return 1 << PropUserProperty
	case DISCONNECT:
		return reason | 1<<PropSessionExpiryInterval | 1<<PropServerReference
	case AUTH:
		return authentication | reason
	default:
		return 0
	}
}

// numberFault returns what is wrong with n as the value of a property and the Reason Code for it, or Success.
func numberFault(id PropertyID, n uint32) (ReasonCode, string) {
	switch {
	case id == PropTopicAlias && n == 0:
		return TopicAliasInvalid, "Topic Alias 0" // section 3.3.2.3.4
	case (id == PropReceiveMaximum || id == PropMaximumPacketSize || id == PropSubscriptionIdentifier) && n == 0:
		return ProtocolError, id.String() + " 0"
	case id == PropSubscriptionIdentifier && n > MaxRemainingLength:
		return ProtocolError, fmt.Sprintf("Subscription Identifier %d", n)
	case id.kind() == kindByte && n > 1:
		return ProtocolError, fmt.Sprintf("%s %d", id, n)
	default:
		return Success, ""
	}
}

func numberRef(id PropertyID) string {
	switch id {
	case PropTopicAlias:
		return "MQTT-3.3.2-8"
	case PropReceiveMaximum:
		return "section 3.1.2.11.3"
	case PropMaximumPacketSize:
		return "section 3.1.2.11.4"
	case PropSubscriptionIdentifier:
		return "section 3.8.2.1.2"
	default:
		return "section 2.2.2.2"
	}
}

func (p *Properties) byteField(id PropertyID) *byte {
	switch id {
	case PropPayloadFormatIndicator:
		return &p.PayloadFormatIndicator
	case PropRequestProblemInformation:
		return &p.RequestProblemInformation
	case PropRequestResponseInformation:
		return &p.RequestResponseInformation
	case PropMaximumQoS:
		return &p.MaximumQoS
	case PropRetainAvailable:
		return &p.RetainAvailable
	case PropWildcardSubscriptionAvailable:
		return &p.WildcardSubscriptionAvailable
	case PropSubscriptionIdentifierAvailable:
		return &p.SubscriptionIdentifierAvailable
	default:
		return &p.SharedSubscriptionAvailable
	}
}

func (p *Properties) uint16Field(id PropertyID) *uint16 {
	switch id {
	case PropServerKeepAlive:
		return &p.ServerKeepAlive
	case PropReceiveMaximum:
		return &p.ReceiveMaximum
	case PropTopicAliasMaximum:
		return &p.TopicAliasMaximum
	default:
		return &p.TopicAlias
	}
}

func (p *Properties) uint32Field(id PropertyID) *uint32 {
	switch id {
	case PropMessageExpiryInterval:
		return &p.MessageExpiryInterval
	case PropSessionExpiryInterval:
		return &p.SessionExpiryInterval
	case PropWillDelayInterval:
		return &p.WillDelayInterval
	default:
		return &p.MaximumPacketSize
	}
}

func (p *Properties) textField(id PropertyID) *string {
	switch id {
	case PropContentType:
		return &p.ContentType
	case PropResponseTopic:
		return &p.ResponseTopic
	case PropAssignedClientIdentifier:
		return &p.AssignedClientIdentifier
	case PropAuthenticationMethod:
		return &p.AuthenticationMethod
	case PropResponseInformation:
		return &p.ResponseInformation
	case PropServerReference:
		return &p.ServerReference
	default:
		return &p.ReasonString
	}
}

func (p *Properties) binaryField(id PropertyID) *[]byte {
	if id == PropCorrelationData {
		return &p.CorrelationData
	}
	return &p.AuthenticationData
}
