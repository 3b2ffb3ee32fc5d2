package wire

import (
	"bytes"
	"slices"
	"strings"
)

// PropertyID identifies a property (section 2.2.2.2).
type PropertyID byte

// The properties of MQTT 5.0 with their identifiers.
const (
	PropPayloadFormatIndicator          PropertyID = 0x01
	PropMessageExpiryInterval           PropertyID = 0x02
	PropContentType                     PropertyID = 0x03
	PropResponseTopic                   PropertyID = 0x08
	PropCorrelationData                 PropertyID = 0x09
	PropSubscriptionIdentifier          PropertyID = 0x0B
	PropSessionExpiryInterval           PropertyID = 0x11
	PropAssignedClientIdentifier        PropertyID = 0x12
	PropServerKeepAlive                 PropertyID = 0x13
	PropAuthenticationMethod            PropertyID = 0x15
	PropAuthenticationData              PropertyID = 0x16
	PropRequestProblemInformation       PropertyID = 0x17
	PropWillDelayInterval               PropertyID = 0x18
	PropRequestResponseInformation      PropertyID = 0x19
	PropResponseInformation             PropertyID = 0x1A
	PropServerReference                 PropertyID = 0x1C
	PropReasonString                    PropertyID = 0x1F
	PropReceiveMaximum                  PropertyID = 0x21
	PropTopicAliasMaximum               PropertyID = 0x22
	PropTopicAlias                      PropertyID = 0x23
	PropMaximumQoS                      PropertyID = 0x24
	PropRetainAvailable                 PropertyID = 0x25
	PropUserProperty                    PropertyID = 0x26
	PropMaximumPacketSize               PropertyID = 0x27
	PropWildcardSubscriptionAvailable   PropertyID = 0x28
	PropSubscriptionIdentifierAvailable PropertyID = 0x29
	PropSharedSubscriptionAvailable     PropertyID = 0x2A
)

// UserProperty is one name-value pair; names may repeat and order matters.
type UserProperty struct{ Key, Value string }

// Properties are the properties of one packet or Will Message. A nil *Properties is an empty one. A scalar field counts
// only when its bit is set ([Properties.Has], [Properties.Set]); SubscriptionIdentifiers and UserProperties count by
// their length.
type Properties struct {
	present uint64 // bit n: the property with identifier n is present

	ContentType              string
	ResponseTopic            string
	CorrelationData          []byte
	AssignedClientIdentifier string
	AuthenticationMethod     string
	AuthenticationData       []byte
	ResponseInformation      string
	ServerReference          string
	ReasonString             string
	UserProperties           []UserProperty
	SubscriptionIdentifiers  []uint32

	MessageExpiryInterval uint32 // seconds
	SessionExpiryInterval uint32 // seconds, 0xFFFFFFFF: never
	WillDelayInterval     uint32 // seconds
	MaximumPacketSize     uint32 // bytes, not 0

	ServerKeepAlive   uint16 // seconds
	ReceiveMaximum    uint16 // not 0
	TopicAliasMaximum uint16
	TopicAlias        uint16 // not 0

	PayloadFormatIndicator          byte // 0 or 1, as all below
	RequestProblemInformation       byte
	RequestResponseInformation      byte
	MaximumQoS                      byte
	RetainAvailable                 byte
	WildcardSubscriptionAvailable   byte
	SubscriptionIdentifierAvailable byte
	SharedSubscriptionAvailable     byte
}

// Has reports whether the property is present. It is safe on nil.
func (p *Properties) Has(id PropertyID) bool {
	if p == nil {
		return false
	}
	switch id {
	case PropUserProperty:
		return len(p.UserProperties) > 0
	case PropSubscriptionIdentifier:
		return len(p.SubscriptionIdentifiers) > 0
	default:
		return p.present&(1<<id) != 0
	}
}

// Set marks properties as present (their fields are set by the caller) and returns p. It does nothing for the two that
// count by their length.
func (p *Properties) Set(ids ...PropertyID) *Properties {
	for _, id := range ids {
		p.present |= 1 << id
	}
	p.present &^= 1<<PropUserProperty | 1<<PropSubscriptionIdentifier
	return p
}

// Clear marks properties as absent. It is safe on nil.
func (p *Properties) Clear(ids ...PropertyID) {
	if p == nil {
		return
	}
	for _, id := range ids {
		p.present &^= 1 << id
	}
}

// Empty reports whether no property is present. It is safe on nil.
func (p *Properties) Empty() bool {
	return p == nil || p.present == 0 && len(p.UserProperties) == 0 && len(p.SubscriptionIdentifiers) == 0
}

// Clone returns a copy of p that shares no memory with it, nil for nil.
func (p *Properties) Clone() *Properties {
	if p == nil {
		return nil
	}
	c := *p
	for id := range PropertyID(64) {
		switch id.kind() {
		case kindText:
			*c.textField(id) = strings.Clone(*p.textField(id))
		case kindBinary:
			*c.binaryField(id) = bytes.Clone(*p.binaryField(id))
		default:
		}
	}
	c.SubscriptionIdentifiers = slices.Clone(p.SubscriptionIdentifiers)
	c.UserProperties = slices.Clone(p.UserProperties)
	for i, u := range c.UserProperties {
		c.UserProperties[i] = UserProperty{Key: strings.Clone(u.Key), Value: strings.Clone(u.Value)}
	}
	return &c
}
