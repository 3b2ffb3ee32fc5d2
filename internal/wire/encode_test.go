package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/wire"
)

func TestWhatAVersionCannotSayIsRefusedAndNotDropped(t *testing.T) {
	reason := (&wire.Properties{ReasonString: "x"}).Set(wire.PropReasonString)
	user := &wire.Properties{UserProperties: []wire.UserProperty{{Key: "k"}}}
	subs := func(s wire.Subscription) wire.Packet {
		s.Filter = "$share/g/a"
		return &wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{s}}
	}
	tests := []struct {
		v      wire.Version
		packet wire.Packet
		want   string
	}{
		{
			wire.V311, &wire.Connect{Version: wire.V311, CleanStart: true, Properties: (&wire.Properties{}).Set(wire.PropSessionExpiryInterval)},
			"MQTT 3.1.1 cannot say Session Expiry Interval in CONNECT",
		},
		{
			wire.V311, &wire.Connect{Version: wire.V31, ClientID: "c", Will: &wire.Will{Topic: "w", Properties: user}},
			"MQTT 3.1 cannot say User Property in CONNECT",
		},
		{
			wire.V5, &wire.Connect{Version: wire.V311, ClientID: "c", HasPassword: true},
			"MQTT 3.1.1 cannot say a Password without a User Name in CONNECT",
		},
		{wire.V311, &wire.Connack{Code: wire.ServerBusy}, "MQTT 3.1.1 cannot say the Reason Code Server busy in CONNACK"},
		{wire.V311, &wire.Connack{Properties: reason}, "MQTT 3.1.1 cannot say Reason String in CONNACK"},
		{
			wire.V31, &wire.Publish{Topic: "a", Properties: &wire.Properties{SubscriptionIdentifiers: []uint32{1}}},
			"MQTT 3.1 cannot say Subscription Identifier in PUBLISH",
		},
		{wire.V311, &wire.Ack{Kind: wire.PUBACK, PacketID: 1, Code: wire.NotAuthorized}, "MQTT 3.1.1 cannot say the Reason Code Not authorized in PUBACK"},
		{wire.V311, &wire.Ack{Kind: wire.PUBREC, PacketID: 1, Properties: reason}, "MQTT 3.1.1 cannot say Reason String in PUBREC"},
		{wire.V311, subs(wire.Subscription{RetainAsPublished: true}), "MQTT 3.1.1 cannot say Retain As Published in SUBSCRIBE"},
		{wire.V311, subs(wire.Subscription{RetainHandling: 1}), "MQTT 3.1.1 cannot say Retain Handling in SUBSCRIBE"},
		{
			wire.V311, &wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a", NoLocal: true}}},
			"MQTT 3.1.1 cannot say No Local in SUBSCRIBE",
		},
		{wire.V311, &wire.Subscribe{PacketID: 1, Properties: user, Subscriptions: []wire.Subscription{{Filter: "a"}}}, "MQTT 3.1.1 cannot say User Property in SUBSCRIBE"},
		{wire.V311, &wire.Unsubscribe{PacketID: 1, Filters: []string{"a"}, Properties: user}, "MQTT 3.1.1 cannot say User Property in UNSUBSCRIBE"},
		{wire.V311, &wire.Unsuback{PacketID: 1, Codes: []wire.ReasonCode{wire.NotAuthorized}}, "MQTT 3.1.1 cannot say the Reason Code Not authorized in UNSUBACK"},
		{wire.V311, &wire.Disconnect{Code: wire.DisconnectWithWill}, "MQTT 3.1.1 cannot say the Reason Code Disconnect with Will Message in DISCONNECT"},
		{wire.V311, &wire.Disconnect{Properties: reason}, "MQTT 3.1.1 cannot say Reason String in DISCONNECT"},
		{wire.V311, &wire.Auth{}, "MQTT 3.1.1 has no AUTH"},
	}
	for _, tt := range tests {
		got, err := tt.packet.Append([]byte("x"), tt.v)
		var unsupported *wire.UnsupportedError
		if !errors.As(err, &unsupported) || err.Error() != tt.want {
			t.Errorf("%T: got error %v, want %q", tt.packet, err, tt.want)
		}
		if string(got) != "x" {
			t.Errorf("%s: dst became %q", tt.want, got)
		}
	}
}

func TestBelowMQTT5WhatIsSaidByThePacketItselfMayBeLeftOut(t *testing.T) {
	tests := []struct {
		name   string
		v      wire.Version
		packet wire.Packet
		want   string
	}{
		{"SUBACK 3.1 too", wire.V31, &wire.Suback{PacketID: 1, Codes: []wire.ReasonCode{wire.QuotaExceeded}}, "90 03 0001 80"},
		{"SUBACK has one code for all failures", wire.V311, &wire.Suback{PacketID: 1, Codes: []wire.ReasonCode{wire.NotAuthorized, 1}}, "90 04 0001 80 01"},
		{"UNSUBACK has no codes", wire.V311, &wire.Unsuback{PacketID: 1, Codes: []wire.ReasonCode{0, wire.NoSubscriptionExisted}}, "B0 02 0001"},
		{"CONNACK of 3.1 has no Session Present", wire.V31, &wire.Connack{SessionPresent: true}, "20 02 00 00"},
		{"empty Properties are none", wire.V311, &wire.Publish{Topic: "a", Properties: &wire.Properties{ContentType: "not set"}}, "30 03 0001 61"},
		{"a Packet Identifier at QoS 0 is none", wire.V311, &wire.Publish{Topic: "a", PacketID: 9}, "30 03 0001 61"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.packet.Append(nil, tt.v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(unhex(t, tt.want), got); diff != "" {
				t.Fatalf("wrong bytes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodingMQTT31IsAsLenientAsItsSpecification(t *testing.T) {
	tests := []struct {
		name, bytes string
		want        wire.Packet
	}{
		{
			"User Name and Password announced but absent", "10 0F 0006 4D5149736470 03 C2 0000 0001 61",
			&wire.Connect{Version: wire.V31, CleanStart: true, ClientID: "a"},
		},
		{
			"Password announced but absent", "10 12 0006 4D5149736470 03 C2 0000 0001 61 0001 75",
			&wire.Connect{Version: wire.V31, CleanStart: true, ClientID: "a", HasUsername: true, Username: "u"},
		},
		{
			"the bit that later versions reserve", "10 0F 0006 4D5149736470 03 03 0000 0001 61",
			&wire.Connect{Version: wire.V31, CleanStart: true, ClientID: "a"},
		},
		{
			"a Client Identifier of more than 23 bytes", "10 26 0006 4D5149736470 03 02 0000 0018" + strings.Repeat("61", 24),
			&wire.Connect{Version: wire.V31, CleanStart: true, ClientID: strings.Repeat("a", 24)},
		},
		{"CONNACK with its reserved byte set", "20 02 FF 00", &wire.Connack{}},
		{"PUBREL that is sent again", "6A 02 0007", &wire.Ack{Kind: wire.PUBREL, PacketID: 7}},
		{
			"SUBSCRIBE that is sent again", "8A 06 0007 0001 61 01",
			&wire.Subscribe{PacketID: 7, Subscriptions: []wire.Subscription{{Filter: "a", QoS: 1}}},
		},
		{"UNSUBSCRIBE that is sent again", "AA 05 0007 0001 61", &wire.Unsubscribe{PacketID: 7, Filters: []string{"a"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, body := split(t, unhex(t, tt.bytes))
			got, err := wire.Decode(wire.V31, first, body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, same()); diff != "" {
				t.Fatalf("wrong packet (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatThePeerWouldRefuseIsNotEncoded(t *testing.T) {
	long := strings.Repeat("a", wire.MaxString+1)
	set := func(p wire.Properties, id wire.PropertyID) *wire.Properties { return p.Set(id) }
	publish := func(p *wire.Properties) wire.Packet { return &wire.Publish{Topic: "a", Properties: p} }
	connect := func(c wire.Connect) wire.Packet {
		c.CleanStart = true
		if c.Version == 0 {
			c.Version = wire.V5
		}
		return &c
	}
	tests := []struct {
		name   string
		packet wire.Packet
		code   wire.ReasonCode
	}{
		{"QoS 3", &wire.Publish{Topic: "a", QoS: 3, PacketID: 1}, malformed},
		{"DUP at QoS 0", &wire.Publish{Topic: "a", Dup: true}, malformed},
		{"Packet Identifier 0", &wire.Publish{Topic: "a", QoS: 1}, protocol},
		{"empty Topic Name", &wire.Publish{}, protocol},
		{"wildcard", &wire.Publish{Topic: "a/+"}, wire.TopicNameInvalid},
		{"long Topic Name", &wire.Publish{Topic: long}, malformed},
		{"Topic Name not UTF-8", &wire.Publish{Topic: "\xFF"}, malformed},
		{"Topic Name with U+0000", &wire.Publish{Topic: "a\x00"}, malformed},
		{"Topic Alias 0", publish(set(wire.Properties{}, wire.PropTopicAlias)), wire.TopicAliasInvalid},
		{"a property of CONNECT", publish(set(wire.Properties{}, wire.PropReceiveMaximum)), malformed},
		{"an unknown property", publish(set(wire.Properties{}, 5)), malformed},
		{"Payload Format Indicator 2", publish(set(wire.Properties{PayloadFormatIndicator: 2}, wire.PropPayloadFormatIndicator)), protocol},
		{"long Content Type", publish(set(wire.Properties{ContentType: long}, wire.PropContentType)), malformed},
		{"long Correlation Data", publish(set(wire.Properties{CorrelationData: []byte(long)}, wire.PropCorrelationData)), malformed},
		{"Response Topic with a wildcard", publish(set(wire.Properties{ResponseTopic: "#"}, wire.PropResponseTopic)), protocol},
		{"long User Property name", publish(&wire.Properties{UserProperties: []wire.UserProperty{{Key: long}}}), malformed},
		{"long User Property value", publish(&wire.Properties{UserProperties: []wire.UserProperty{{Value: long}}}), malformed},
		{"Subscription Identifier 0", publish(&wire.Properties{SubscriptionIdentifiers: []uint32{1, 0}}), protocol},
		{"large Subscription Identifier", publish(&wire.Properties{SubscriptionIdentifiers: []uint32{1 << 28}}), protocol},
		{"CONNECT of level 6", connect(wire.Connect{Version: 6}), wire.UnsupportedProtocolVersion},
		{"long Client Identifier", connect(wire.Connect{ClientID: long}), malformed},
		{"long User Name", connect(wire.Connect{HasUsername: true, Username: long}), malformed},
		{"long Password", connect(wire.Connect{HasPassword: true, Password: []byte(long)}), malformed},
		{"Will QoS 3", connect(wire.Connect{Will: &wire.Will{Topic: "a", QoS: 3}}), malformed},
		{"empty Will Topic", connect(wire.Connect{Will: &wire.Will{}}), wire.TopicNameInvalid},
		{"long Will Payload", connect(wire.Connect{Will: &wire.Will{Topic: "a", Payload: []byte(long)}}), malformed},
		{"Topic Alias in a Will", connect(wire.Connect{Will: &wire.Will{Topic: "a", Properties: set(wire.Properties{TopicAlias: 1}, wire.PropTopicAlias)}}), malformed},
		{"Receive Maximum 0", connect(wire.Connect{Properties: set(wire.Properties{}, wire.PropReceiveMaximum)}), protocol},
		{"Maximum Packet Size 0", connect(wire.Connect{Properties: set(wire.Properties{}, wire.PropMaximumPacketSize)}), protocol},
		{"empty Client Identifier in 3.1", connect(wire.Connect{Version: wire.V31}), wire.ClientIdentifierNotValid},
		{"a code of PUBREL", &wire.Ack{Kind: wire.PUBACK, PacketID: 1, Code: wire.PacketIdentifierNotFound}, protocol},
		{"an Ack of another kind", &wire.Ack{Kind: wire.SUBACK, PacketID: 1}, malformed},
		{"an Ack of nothing", &wire.Ack{Kind: wire.PUBCOMP}, protocol},
		{"no subscription", &wire.Subscribe{PacketID: 1}, protocol},
		{"two Subscription Identifiers", &wire.Subscribe{
			PacketID: 1, Properties: &wire.Properties{SubscriptionIdentifiers: []uint32{1, 2}}, Subscriptions: []wire.Subscription{{Filter: "a"}},
		}, protocol},
		{"No Local on a Shared Subscription", &wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "$share/g/a", NoLocal: true}}}, protocol},
		{"a code of CONNACK in SUBACK", &wire.Suback{PacketID: 1, Codes: []wire.ReasonCode{wire.ClientIdentifierNotValid}}, protocol},
		{"no code in UNSUBACK", &wire.Unsuback{PacketID: 1}, protocol},
		{"no filter in UNSUBSCRIBE", &wire.Unsubscribe{PacketID: 1}, protocol},
		{"Session Present in a refusal", &wire.Connack{SessionPresent: true, Code: wire.Banned}, protocol},
		{"a code of SUBACK in DISCONNECT", &wire.Disconnect{Code: wire.GrantedQoS1}, protocol},
		{"AUTH without a method", &wire.Auth{Code: wire.ContinueAuthentication}, protocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.packet.Append([]byte("x"), wire.V5)
			if string(got) != "x" {
				t.Fatalf("dst became %d bytes", len(got))
			}
			checkCode(t, err, tt.code)
			if errors.As(err, new(*wire.UnsupportedError)) || !strings.Contains(err.Error(), tt.packet.Type().String()) {
				t.Fatalf("%q does not name the packet", err)
			}
		})
	}
}

func TestAPacketBeyondTheProtocolsLimitIsRefused(t *testing.T) {
	large := make([]byte, wire.MaxRemainingLength-4)
	p := &wire.Publish{Topic: "a", Payload: large}
	if _, err := p.AppendHead(nil, wire.V5); err != nil {
		t.Fatalf("got %v for the largest packet", err)
	}
	if got, want := p.Size(wire.V5), wire.MaxRemainingLength+5; got != want {
		t.Fatalf("got Size %d, want %d", got, want)
	}
	p.Topic = "ab"
	_, err := p.AppendHead(nil, wire.V5)
	checkCode(t, err, wire.PacketTooLarge)
}
