package wire_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqx-cli/mqx/internal/wire"
)

// same compares packets; an absent and an empty slice mean the same.
func same() cmp.Options {
	return cmp.Options{cmpopts.EquateEmpty(), cmp.AllowUnexported(wire.Properties{})}
}

// unhex reads bytes in hexadecimal; spaces may stand anywhere.
func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// split takes one packet apart with a Reader.
func split(tb testing.TB, packet []byte) (first byte, body []byte) {
	tb.Helper()
	first, body, err := wire.NewReader(bytes.NewReader(packet), 0).Next()
	if err != nil {
		tb.Fatalf("%x: %v", packet, err)
	}
	return first, body
}

// golden are packets with their bytes, put together by hand from the figures of the specifications.
func golden() []struct {
	name   string
	v      wire.Version
	bytes  string
	packet wire.Packet
} {
	props := func(p wire.Properties, ids ...wire.PropertyID) *wire.Properties { return p.Set(ids...) }
	return []struct {
		name   string
		v      wire.Version
		bytes  string
		packet wire.Packet
	}{
		{
			"CONNECT 3.1.1 as short as it gets", wire.V311, "10 0C 0004 4D515454 04 02 0000 0000",
			&wire.Connect{Version: wire.V311, CleanStart: true},
		},
		{
			"CONNECT 3.1", wire.V31, "10 0F 0006 4D5149736470 03 00 000A 0001 61",
			&wire.Connect{Version: wire.V31, KeepAlive: 10, ClientID: "a"},
		},
		{
			// Figure 3-6 of MQTT 5.0: all flags but the reserved one, Will QoS 1, Keep Alive 10, Session Expiry Interval 10.
			"CONNECT 5 of the specification's example", wire.V5,
			"10 1E 0004 4D515454 05 CE 000A 05 11 0000000A 0000 00 0001 77 0000 0001 75 0001 70",
			&wire.Connect{
				Version: wire.V5, CleanStart: true, KeepAlive: 10,
				Properties:  props(wire.Properties{SessionExpiryInterval: 10}, wire.PropSessionExpiryInterval),
				Will:        &wire.Will{Topic: "w", QoS: 1},
				HasUsername: true, Username: "u", HasPassword: true, Password: []byte("p"),
			},
		},
		{
			"CONNECT 5 with a password alone and a will with properties", wire.V5,
			"10 22 0004 4D515454 05 74 FFFF 00 0001 63 0A 02 00000009 18 00000005 0001 77 0001 FF 0001 70",
			&wire.Connect{
				Version: wire.V5, KeepAlive: 65535, ClientID: "c",
				Will: &wire.Will{
					Topic: "w", Payload: []byte{0xFF}, QoS: 2, Retain: true,
					Properties: props(wire.Properties{WillDelayInterval: 5, MessageExpiryInterval: 9},
						wire.PropWillDelayInterval, wire.PropMessageExpiryInterval),
				},
				HasPassword: true, Password: []byte("p"),
			},
		},
		{"CONNACK 3.1.1", wire.V311, "20 02 01 00", &wire.Connack{SessionPresent: true}},
		{"CONNACK 3.1.1 refused: version", wire.V311, "20 02 00 01", &wire.Connack{Code: wire.UnsupportedProtocolVersion}},
		{"CONNACK 3.1.1 refused: identifier", wire.V311, "20 02 00 02", &wire.Connack{Code: wire.ClientIdentifierNotValid}},
		{"CONNACK 3.1.1 refused: server", wire.V311, "20 02 00 03", &wire.Connack{Code: wire.ServerUnavailable}},
		{"CONNACK 3.1.1 refused: password", wire.V311, "20 02 00 04", &wire.Connack{Code: wire.BadUserNameOrPassword}},
		{"CONNACK 3.1 refused: not authorized", wire.V31, "20 02 00 05", &wire.Connack{Code: wire.NotAuthorized}},
		{
			"CONNACK 5", wire.V5, "20 08 01 00 05 21 0014 24 01",
			&wire.Connack{SessionPresent: true, Properties: props(wire.Properties{ReceiveMaximum: 20, MaximumQoS: 1},
				wire.PropReceiveMaximum, wire.PropMaximumQoS)},
		},
		{"CONNACK 5 refused", wire.V5, "20 03 00 87 00", &wire.Connack{Code: wire.NotAuthorized}},
		{
			// Figure 3-9 of MQTT 5.0: Topic Name a/b, Packet Identifier 10, no properties.
			"PUBLISH 5 of the specification's example", wire.V5, "32 08 0003 612F62 000A 00",
			&wire.Publish{QoS: 1, Topic: "a/b", PacketID: 10},
		},
		{"PUBLISH 3.1.1 QoS 0", wire.V311, "31 07 0003 612F62 6869", &wire.Publish{Retain: true, Topic: "a/b", Payload: []byte("hi")}},
		{"PUBLISH 3.1 QoS 2 again", wire.V31, "3C 06 0001 61 FFFF 00", &wire.Publish{Dup: true, QoS: 2, Topic: "a", PacketID: 65535, Payload: []byte{0}}},
		{
			"PUBLISH 5 with every property it may have", wire.V5,
			"30 2C 0000 29 01 01 02 0000003C 03 0001 74 08 0001 72 09 0002 0001 0B 07 0B 8001 23 0003 26 0001 6B 0001 76" +
				" 26 0001 6B 0000",
			&wire.Publish{Properties: props(wire.Properties{
				PayloadFormatIndicator: 1, MessageExpiryInterval: 60, ContentType: "t", ResponseTopic: "r",
				CorrelationData: []byte{0, 1}, SubscriptionIdentifiers: []uint32{7, 128}, TopicAlias: 3,
				UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}, {Key: "k"}},
			}, wire.PropPayloadFormatIndicator, wire.PropMessageExpiryInterval, wire.PropContentType, wire.PropResponseTopic,
				wire.PropCorrelationData, wire.PropTopicAlias)},
		},
		{"PUBACK", wire.V311, "40 02 0001", &wire.Ack{Kind: wire.PUBACK, PacketID: 1}},
		{"PUBACK 5", wire.V5, "40 02 0001", &wire.Ack{Kind: wire.PUBACK, PacketID: 1}},
		{"PUBREC 5 with a Reason Code", wire.V5, "50 03 0001 97", &wire.Ack{Kind: wire.PUBREC, PacketID: 1, Code: wire.QuotaExceeded}},
		{
			"PUBREL 5 with a Reason String", wire.V5, "62 09 0102 92 05 1F 0002 6E6F",
			&wire.Ack{
				Kind: wire.PUBREL, PacketID: 0x0102, Code: wire.PacketIdentifierNotFound,
				Properties: props(wire.Properties{ReasonString: "no"}, wire.PropReasonString),
			},
		},
		{"PUBREL 3.1.1", wire.V311, "62 02 0102", &wire.Ack{Kind: wire.PUBREL, PacketID: 0x0102}},
		{"PUBCOMP", wire.V5, "70 02 0102", &wire.Ack{Kind: wire.PUBCOMP, PacketID: 0x0102}},
		{
			// Figure 3-23 of MQTT 5.0: a/b with QoS 1 and c/d with QoS 2.
			"SUBSCRIBE 5 of the specification's example", wire.V5, "82 0F 000A 00 0003 612F62 01 0003 632F64 02",
			&wire.Subscribe{PacketID: 10, Subscriptions: []wire.Subscription{{Filter: "a/b", QoS: 1}, {Filter: "c/d", QoS: 2}}},
		},
		{
			"SUBSCRIBE 5 with every option", wire.V5, "82 0C 0001 05 0B FFFFFF7F 0001 23 2E",
			&wire.Subscribe{
				PacketID: 1, Properties: &wire.Properties{SubscriptionIdentifiers: []uint32{268_435_455}},
				Subscriptions: []wire.Subscription{{Filter: "#", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}},
			},
		},
		{"SUBSCRIBE 3.1.1", wire.V311, "82 06 0001 0001 23 01", &wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "#", QoS: 1}}}},
		{"SUBACK 5", wire.V5, "90 06 000A 00 01 02 87", &wire.Suback{PacketID: 10, Codes: []wire.ReasonCode{1, 2, wire.NotAuthorized}}},
		{"SUBACK 3.1.1", wire.V311, "90 04 000A 00 80", &wire.Suback{PacketID: 10, Codes: []wire.ReasonCode{0, wire.UnspecifiedError}}},
		{"SUBACK 3.1 with a failure", wire.V31, "90 03 000A 80", &wire.Suback{PacketID: 10, Codes: []wire.ReasonCode{wire.UnspecifiedError}}},
		{"PUBACK as Mosquitto says that a packet is too large", wire.V5, "40 03 000A 95", &wire.Ack{Kind: wire.PUBACK, PacketID: 10, Code: wire.PacketTooLarge}},
		{"SUBACK 3.1", wire.V31, "90 03 000A 02", &wire.Suback{PacketID: 10, Codes: []wire.ReasonCode{2}}},
		{"UNSUBSCRIBE 5", wire.V5, "A2 08 000A 00 0003 612F62", &wire.Unsubscribe{PacketID: 10, Filters: []string{"a/b"}}},
		{"UNSUBSCRIBE 3.1.1", wire.V311, "A2 08 000A 0001 61 0001 62", &wire.Unsubscribe{PacketID: 10, Filters: []string{"a", "b"}}},
		{"UNSUBACK 5", wire.V5, "B0 05 000A 00 00 11", &wire.Unsuback{PacketID: 10, Codes: []wire.ReasonCode{0, wire.NoSubscriptionExisted}}},
		{"UNSUBACK 3.1.1", wire.V311, "B0 02 000A", &wire.Unsuback{PacketID: 10}},
		{"PINGREQ", wire.V311, "C0 00", &wire.Pingreq{}},
		{"PINGRESP", wire.V5, "D0 00", &wire.Pingresp{}},
		{"DISCONNECT 3.1.1", wire.V311, "E0 00", &wire.Disconnect{}},
		{"DISCONNECT 5", wire.V5, "E0 00", &wire.Disconnect{}},
		{"DISCONNECT 5 with a Reason Code", wire.V5, "E0 01 04", &wire.Disconnect{Code: wire.DisconnectWithWill}},
		{
			"DISCONNECT 5 with properties", wire.V5, "E0 07 00 05 11 00000000",
			&wire.Disconnect{Properties: props(wire.Properties{}, wire.PropSessionExpiryInterval)},
		},
		{"AUTH of nothing", wire.V5, "F0 00", &wire.Auth{}},
		{
			"AUTH", wire.V5, "F0 0A 18 08 15 0001 6D 16 0001 64",
			&wire.Auth{Code: wire.ContinueAuthentication, Properties: props(
				wire.Properties{AuthenticationMethod: "m", AuthenticationData: []byte("d")},
				wire.PropAuthenticationMethod, wire.PropAuthenticationData)},
		},
	}
}

func TestPacketsDecodeFromTheirGoldenBytes(t *testing.T) {
	for _, tt := range golden() {
		t.Run(tt.name, func(t *testing.T) {
			first, body := split(t, unhex(t, tt.bytes))
			got, err := wire.Decode(tt.v, first, body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.packet, got, same()); diff != "" {
				t.Fatalf("wrong packet (-want +got):\n%s", diff)
			}
			if got.Type() != wire.Type(first>>4) {
				t.Fatalf("got type %v, want %v", got.Type(), wire.Type(first>>4))
			}
		})
	}
}

func TestPacketsEncodeToTheirGoldenBytes(t *testing.T) {
	for _, tt := range golden() {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.bytes)
			got, err := tt.packet.Append([]byte("before"), tt.v)
			if err != nil {
				t.Fatal(err)
			}
			if string(got[:6]) != "before" {
				t.Fatalf("what stood in dst became %q", got[:6])
			}
			if !bytes.Equal(got[6:], want) {
				t.Fatalf("got  %x\nwant %x", got[6:], want)
			}
			if p, ok := tt.packet.(*wire.Publish); ok && p.Size(tt.v) != len(want) {
				t.Fatalf("got Size %d, want %d", p.Size(tt.v), len(want))
			}
		})
	}
}
