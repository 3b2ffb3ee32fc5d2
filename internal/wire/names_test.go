package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/wire"
)

func TestReasonCodesHaveTheSpecificationsNames(t *testing.T) {
	tests := []struct {
		code wire.ReasonCode
		in   wire.Type
		want string
	}{
		{wire.Success, wire.CONNACK, "Success"},
		{wire.Success, wire.DISCONNECT, "Normal disconnection"},
		{wire.Success, wire.SUBACK, "Granted QoS 0"},
		{wire.Success, wire.UNSUBACK, "Success"},
		{wire.GrantedQoS2, wire.SUBACK, "Granted QoS 2"},
		{wire.DisconnectWithWill, wire.DISCONNECT, "Disconnect with Will Message"},
		{wire.NotAuthorized, wire.PUBACK, "Not authorized"},
		{wire.MalformedPacket, wire.DISCONNECT, "Malformed Packet"},
		{wire.ServerMoved, wire.CONNACK, "Server moved"},
		{wire.MaximumConnectTime, wire.DISCONNECT, "Maximum connect time"},
		{wire.WildcardSubscriptionsNotSupported, wire.SUBACK, "Wildcard Subscriptions not supported"},
		{0x42, wire.CONNACK, "Reason Code 0x42"},
		{0xA3, wire.CONNACK, "Reason Code 0xA3"},
	}
	for _, tt := range tests {
		if got := tt.code.NameIn(tt.in); got != tt.want {
			t.Errorf("0x%02X in %v: got %q, want %q", byte(tt.code), tt.in, got, tt.want)
		}
	}
}

func TestEachPacketTakesTheReasonCodesOfItsTable(t *testing.T) {
	// The tables of sections 3.2.2.2, 3.4.2.1 to 3.7.2.1, 3.9.3, 3.11.3, 3.14.2.1 and 3.15.2.1. 0x8C in DISCONNECT is in
	// table 2-6 alone, and 0x95 in PUBACK and PUBREC is what Mosquitto says.
	tables := map[wire.Type]string{
		wire.CONNECT: "", wire.PUBLISH: "", wire.SUBSCRIBE: "", wire.UNSUBSCRIBE: "", wire.PINGREQ: "", wire.PINGRESP: "",
		wire.CONNACK:    "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F",
		wire.PUBACK:     "00 10 80 83 87 90 91 95 97 99",
		wire.PUBREC:     "00 10 80 83 87 90 91 95 97 99",
		wire.PUBREL:     "00 92",
		wire.PUBCOMP:    "00 92",
		wire.SUBACK:     "00 01 02 80 83 87 8F 91 97 9E A1 A2",
		wire.UNSUBACK:   "00 11 80 83 87 8F 91",
		wire.DISCONNECT: "00 04 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2",
		wire.AUTH:       "00 18 19",
	}
	for typ, table := range tables {
		var got []byte
		for c := range 256 {
			if code := wire.ReasonCode(c); code.ValidIn(typ) {
				got = append(got, byte(c))
				if name := code.String(); strings.HasPrefix(name, "Reason Code") {
					t.Errorf("0x%02X of %v has no name", c, typ)
				}
			}
		}
		if want := unhex(t, table); !bytes.Equal(got, want) {
			t.Errorf("%v:\ngot  %x\nwant %x", typ, got, want)
		}
	}
}

func TestTypesHaveTheSpecificationsNames(t *testing.T) {
	for typ, want := range map[wire.Type]string{
		wire.CONNECT: "CONNECT", wire.PUBLISH: "PUBLISH", wire.PINGRESP: "PINGRESP", wire.AUTH: "AUTH", 0: "packet type 0", 16: "packet type 16",
	} {
		if got := typ.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestVersionsAreWrittenAsPeopleWriteThem(t *testing.T) {
	for v, want := range map[wire.Version]string{wire.V31: "3.1", wire.V311: "3.1.1", wire.V5: "5", 6: "level 6"} {
		if got := v.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPropertiesAreFoundByTheirName(t *testing.T) {
	for name, want := range map[string]wire.PropertyID{
		"session-expiry-interval": wire.PropSessionExpiryInterval, "maximum-qos": wire.PropMaximumQoS,
		"user-property": wire.PropUserProperty, "payload-format-indicator": wire.PropPayloadFormatIndicator,
		"shared-subscription-available": wire.PropSharedSubscriptionAvailable,
	} {
		if got, ok := wire.PropertyByName(name); !ok || got != want {
			t.Errorf("%s: got %v and %v, want %v", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "property-0x04", "Session Expiry Interval"} {
		if got, ok := wire.PropertyByName(name); ok {
			t.Errorf("%q was found: %v", name, got)
		}
	}
	for _, id := range propertyIDs() {
		if got, ok := wire.PropertyByName(id.Name()); !ok || got != id {
			t.Errorf("%v is not found by its name %q", id, id.Name())
		}
	}
}

// propertyIDs are all identifiers that MQTT 5.0 knows.
func propertyIDs() []wire.PropertyID {
	return []wire.PropertyID{
		0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x11, 0x12, 0x13, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C, 0x1F,
		0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A,
	}
}

// value returns id alone, with a value that is good for it.
func value(id wire.PropertyID) *wire.Properties {
	var p wire.Properties
	switch id {
	case wire.PropPayloadFormatIndicator:
		p.PayloadFormatIndicator = 1
	case wire.PropMessageExpiryInterval:
		p.MessageExpiryInterval = 1
	case wire.PropContentType:
		p.ContentType = "text"
	case wire.PropResponseTopic:
		p.ResponseTopic = "r"
	case wire.PropCorrelationData:
		p.CorrelationData = []byte{1}
	case wire.PropSubscriptionIdentifier:
		p.SubscriptionIdentifiers = []uint32{9}
	case wire.PropSessionExpiryInterval:
		p.SessionExpiryInterval = 2
	case wire.PropAssignedClientIdentifier:
		p.AssignedClientIdentifier = "id"
	case wire.PropServerKeepAlive:
		p.ServerKeepAlive = 5
	case wire.PropAuthenticationMethod:
		p.AuthenticationMethod = "m"
	case wire.PropAuthenticationData:
		p.AuthenticationData = []byte{2}
	case wire.PropRequestProblemInformation:
		p.RequestProblemInformation = 1
	case wire.PropWillDelayInterval:
		p.WillDelayInterval = 3
	case wire.PropRequestResponseInformation:
		p.RequestResponseInformation = 1
	case wire.PropResponseInformation:
		p.ResponseInformation = "i"
	case wire.PropServerReference:
		p.ServerReference = "s"
	case wire.PropReasonString:
		p.ReasonString = "why"
	case wire.PropReceiveMaximum:
		p.ReceiveMaximum = 6
	case wire.PropTopicAliasMaximum:
		p.TopicAliasMaximum = 7
	case wire.PropTopicAlias:
		p.TopicAlias = 8
	case wire.PropMaximumQoS:
		p.MaximumQoS = 1
	case wire.PropRetainAvailable:
		p.RetainAvailable = 1
	case wire.PropUserProperty:
		p.UserProperties = []wire.UserProperty{{Key: "k", Value: "v"}, {Key: "k", Value: "w"}}
	case wire.PropMaximumPacketSize:
		p.MaximumPacketSize = 4
	case wire.PropWildcardSubscriptionAvailable:
		p.WildcardSubscriptionAvailable = 1
	case wire.PropSubscriptionIdentifierAvailable:
		p.SubscriptionIdentifierAvailable = 1
	case wire.PropSharedSubscriptionAvailable:
		p.SharedSubscriptionAvailable = 1
	}
	return p.Set(id)
}

// carrier returns a packet of type typ with properties p, good apart from them.
func carrier(typ wire.Type, p *wire.Properties) wire.Packet {
	switch typ {
	case wire.CONNECT:
		return &wire.Connect{Version: wire.V5, Properties: p}
	case wire.CONNACK:
		return &wire.Connack{Properties: p}
	case wire.PUBLISH:
		return &wire.Publish{Topic: "a", Properties: p}
	case wire.SUBSCRIBE:
		return &wire.Subscribe{PacketID: 1, Properties: p, Subscriptions: []wire.Subscription{{Filter: "a"}}}
	case wire.SUBACK:
		return &wire.Suback{PacketID: 1, Properties: p, Codes: []wire.ReasonCode{0}}
	case wire.UNSUBSCRIBE:
		return &wire.Unsubscribe{PacketID: 1, Properties: p, Filters: []string{"a"}}
	case wire.UNSUBACK:
		return &wire.Unsuback{PacketID: 1, Properties: p, Codes: []wire.ReasonCode{0}}
	case wire.DISCONNECT:
		return &wire.Disconnect{Properties: p}
	case wire.AUTH:
		return &wire.Auth{Properties: p}
	case 0:
		return &wire.Connect{Version: wire.V5, Will: &wire.Will{Topic: "a", Properties: p}}
	default:
		return &wire.Ack{Kind: typ, PacketID: 1, Properties: p}
	}
}

// owners are table 2-4 of MQTT 5.0: where each property may stand, 0 being the Will Properties.
func owners(id wire.PropertyID) []wire.Type {
	all := []wire.Type{
		wire.CONNECT, wire.CONNACK, wire.PUBLISH, wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP, wire.SUBSCRIBE, wire.SUBACK,
		wire.UNSUBSCRIBE, wire.UNSUBACK, wire.DISCONNECT, wire.AUTH, 0,
	}
	switch id {
	case 0x01, 0x02, 0x03, 0x08, 0x09:
		return []wire.Type{wire.PUBLISH, 0}
	case 0x0B:
		return []wire.Type{wire.PUBLISH, wire.SUBSCRIBE}
	case 0x11:
		return []wire.Type{wire.CONNECT, wire.CONNACK, wire.DISCONNECT}
	case 0x12, 0x13, 0x1A, 0x24, 0x25, 0x28, 0x29, 0x2A:
		return []wire.Type{wire.CONNACK}
	case 0x15, 0x16:
		return []wire.Type{wire.CONNECT, wire.CONNACK, wire.AUTH}
	case 0x17, 0x19:
		return []wire.Type{wire.CONNECT}
	case 0x18:
		return []wire.Type{0}
	case 0x1C:
		return []wire.Type{wire.CONNACK, wire.DISCONNECT}
	case 0x1F:
		return []wire.Type{
			wire.CONNACK, wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP, wire.SUBACK, wire.UNSUBACK, wire.DISCONNECT, wire.AUTH,
		}
	case 0x21, 0x22, 0x27:
		return []wire.Type{wire.CONNECT, wire.CONNACK}
	case 0x23:
		return []wire.Type{wire.PUBLISH}
	default:
		return all
	}
}

func TestEachPropertyStandsWhereTheSpecificationPutsIt(t *testing.T) {
	for _, id := range propertyIDs() {
		allowed := map[wire.Type]bool{}
		for _, typ := range owners(id) {
			allowed[typ] = true
		}
		for typ := range wire.Type(16) {
			if typ == wire.PINGREQ || typ == wire.PINGRESP {
				continue
			}
			p := carrier(typ, needs(typ, id))
			b, err := p.Append(nil, wire.V5)
			if (err == nil) != allowed[typ] {
				t.Errorf("%v in %v: got %v, want allowed %v", id, typ, err, allowed[typ])
			}
			if valid := id.ValidIn(typ) || typ == 0 && id.ValidInWill(); valid != allowed[typ] {
				t.Errorf("%v in %v: got valid %v, want %v", id, typ, valid, allowed[typ])
			}
			if err != nil {
				continue
			}
			first, body := split(t, b)
			got, err := wire.Decode(wire.V5, first, body)
			if err != nil {
				t.Errorf("%v in %v: %v", id, typ, err)
				continue
			}
			again, err := got.Append(nil, wire.V5)
			if err != nil || !cmp.Equal(again, b) {
				t.Errorf("%v in %v: encoded to %x, then to %x (%v)", id, typ, b, again, err)
			}
		}
	}
}

// needs returns id with the property that it, or the packet, cannot be without.
func needs(typ wire.Type, id wire.PropertyID) *wire.Properties {
	p := value(id)
	if typ == wire.AUTH || id == wire.PropAuthenticationData {
		p.Set(wire.PropAuthenticationMethod)
	}
	return p
}

func TestEachPropertyComesBackInItsOwnField(t *testing.T) {
	for _, id := range propertyIDs() {
		typ := owners(id)[0]
		want := needs(typ, id)
		if !want.Has(id) || want.Empty() {
			t.Fatalf("%v is not there", id)
		}
		b, err := carrier(typ, want).Append(nil, wire.V5)
		if err != nil {
			t.Fatalf("%v: %v", id, err)
		}
		first, body := split(t, b)
		packet, err := wire.Decode(wire.V5, first, body)
		if err != nil {
			t.Fatalf("%v: %v", id, err)
		}
		if diff := cmp.Diff(want, propertiesOf(packet), same()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", id, diff)
		}
	}
}

func TestPropertiesCanBeTakenBack(t *testing.T) {
	p := (&wire.Properties{TopicAlias: 1}).Set(wire.PropTopicAlias, wire.PropContentType)
	p.Clear(wire.PropTopicAlias)
	if p.Has(wire.PropTopicAlias) || !p.Has(wire.PropContentType) {
		t.Fatal("Clear took the wrong one")
	}
	p.Clear(wire.PropContentType)
	if !p.Empty() {
		t.Fatal("something is left")
	}
	var none *wire.Properties
	none.Clear(wire.PropContentType)
	if !none.Empty() || none.Has(wire.PropContentType) || none.Clone() != nil {
		t.Fatal("nil Properties are not empty")
	}
	if !(&wire.Properties{}).Set(wire.PropUserProperty, wire.PropSubscriptionIdentifier).Empty() {
		t.Fatal("what counts by its length was set without one")
	}
}

func TestCloneSharesNothingWithTheBodyItWasDecodedFrom(t *testing.T) {
	want := &wire.Publish{Topic: "topic", Payload: []byte("payload"), Properties: &wire.Properties{
		ContentType: "c", CorrelationData: []byte("d"), ResponseTopic: "r",
		UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}}, SubscriptionIdentifiers: []uint32{1, 2},
	}}
	want.Properties.Set(wire.PropContentType, wire.PropCorrelationData, wire.PropResponseTopic)
	b, err := want.Append(nil, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	first, body := split(t, b)
	var p wire.Publish
	if err := p.Decode(wire.V5, first, body); err != nil {
		t.Fatal(err)
	}
	clone := p.Clone()
	clear(body)
	p.Properties.SubscriptionIdentifiers[0] = 7
	if diff := cmp.Diff(want, clone, same()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func propertiesOf(p wire.Packet) *wire.Properties {
	switch p := p.(type) {
	case *wire.Connect:
		if p.Will != nil {
			return p.Will.Properties
		}
		return p.Properties
	case *wire.Connack:
		return p.Properties
	case *wire.Publish:
		return p.Properties
	case *wire.Ack:
		return p.Properties
	case *wire.Subscribe:
		return p.Properties
	case *wire.Suback:
		return p.Properties
	case *wire.Unsubscribe:
		return p.Properties
	case *wire.Unsuback:
		return p.Properties
	case *wire.Auth:
		return p.Properties
	case *wire.Disconnect:
		return p.Properties
	default:
		return nil
	}
}
