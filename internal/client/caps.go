package client

import "github.com/mqx-cli/mqx/internal/wire"

// Caps are what the Server allows, as CONNACK said, with the defaults of the specification filled in.
type Caps struct {
	// Version is the protocol level in use.
	Version wire.Version
	// SessionPresent says that the Server resumed a Session.
	SessionPresent bool
	// ClientID is the Client Identifier, the one that the Server assigned if it did.
	ClientID   string
	MaximumQoS byte
	// RetainAvailable and the other flags are true below MQTT 5, where a Server cannot tell.
	RetainAvailable   bool
	WildcardAvailable bool
	SharedAvailable   bool
	SubIDAvailable    bool
	// ReceiveMaximum bounds the QoS 1 and 2 messages that the Server takes at once.
	ReceiveMaximum uint16
	// MaximumPacketSize is in bytes, 0 for no limit.
	MaximumPacketSize uint32
	TopicAliasMaximum uint16
	// KeepAlive is in seconds, 0 for none: what the Server decided.
	KeepAlive uint16
	// Properties are everything that CONNACK carried, nil for none.
	Properties *wire.Properties
}

func newCaps(connect *wire.Connect, p *wire.Connack) Caps {
	c := Caps{
		Version: connect.Version, SessionPresent: p.SessionPresent, ClientID: connect.ClientID,
		MaximumQoS: 2, RetainAvailable: true, WildcardAvailable: true, SharedAvailable: true,
		SubIDAvailable: connect.Version == wire.V5,
		ReceiveMaximum: 65_535, KeepAlive: connect.KeepAlive, Properties: p.Properties,
	}
	props := p.Properties
	flag := func(id wire.PropertyID, value func() byte, to *bool) {
		if props.Has(id) {
			*to = value() == 1
		}
	}
	flag(wire.PropRetainAvailable, func() byte { return props.RetainAvailable }, &c.RetainAvailable)
	flag(wire.PropWildcardSubscriptionAvailable, func() byte { return props.WildcardSubscriptionAvailable }, &c.WildcardAvailable)
	flag(wire.PropSharedSubscriptionAvailable, func() byte { return props.SharedSubscriptionAvailable }, &c.SharedAvailable)
	flag(wire.PropSubscriptionIdentifierAvailable, func() byte { return props.SubscriptionIdentifierAvailable }, &c.SubIDAvailable)
	if props.Has(wire.PropAssignedClientIdentifier) {
		c.ClientID = props.AssignedClientIdentifier
	}
	if props.Has(wire.PropMaximumQoS) {
		c.MaximumQoS = props.MaximumQoS
	}
	if props.Has(wire.PropReceiveMaximum) {
		c.ReceiveMaximum = props.ReceiveMaximum
	}
	if props.Has(wire.PropMaximumPacketSize) {
		c.MaximumPacketSize = props.MaximumPacketSize
	}
	if props.Has(wire.PropTopicAliasMaximum) {
		c.TopicAliasMaximum = props.TopicAliasMaximum
	}
	if props.Has(wire.PropServerKeepAlive) {
		c.KeepAlive = props.ServerKeepAlive
	}
	return c
}
