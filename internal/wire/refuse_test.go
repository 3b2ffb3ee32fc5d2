package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/wire"
)

// refusal is a packet that must not be decoded.
type refusal struct {
	name  string
	bytes string
	code  wire.ReasonCode
}

const (
	malformed = wire.MalformedPacket
	protocol  = wire.ProtocolError
)

// connect5 and connect4 are the starts of a CONNECT up to the Connect Flags; what follows them is Keep Alive 0.
const (
	connect5 = "0004 4D515454 05 "
	connect4 = "0004 4D515454 04 "
)

func refusedConnects5() []refusal {
	return []refusal{
		{"reserved header flags", "11 0D" + connect5 + "02 0000 00 0000", malformed},
		{"no body", "10 00", malformed},
		{"reserved flag", "10 0D" + connect5 + "03 0000 00 0000", malformed},
		{"Will QoS without a Will", "10 0D" + connect5 + "0A 0000 00 0000", malformed},
		{"Will Retain without a Will", "10 0D" + connect5 + "22 0000 00 0000", malformed},
		{"Will QoS 3", "10 13" + connect5 + "1E 0000 00 0000 00 0001 77 0000", malformed},
		{"Will Topic with a wildcard", "10 13" + connect5 + "06 0000 00 0000 00 0001 23 0000", wire.TopicNameInvalid},
		{"empty Will Topic", "10 12" + connect5 + "06 0000 00 0000 00 0000 0000", wire.TopicNameInvalid},
		{"Will missing", "10 0D" + connect5 + "06 0000 00 0000", malformed},
		{"User Name missing", "10 0D" + connect5 + "82 0000 00 0000", malformed},
		{"Password missing", "10 0D" + connect5 + "42 0000 00 0000", malformed},
		{"User Name without its flag", "10 10" + connect5 + "02 0000 00 0000 0001 75", malformed},
		{"Client Identifier missing", "10 0B" + connect5 + "02 0000 00", malformed},
		{"Properties missing", "10 0A" + connect5 + "02 0000", malformed},
		{"Client Identifier with U+0000", "10 0E" + connect5 + "02 0000 00 0001 00", malformed},
		{"User Name not UTF-8", "10 10" + connect5 + "82 0000 00 0000 0001 FF", malformed},
		{"level 6", "10 0D 0004 4D515454 06 02 0000 00 0000", wire.UnsupportedProtocolVersion},
		{"level 3 with the name of 3.1.1", "10 0C 0004 4D515454 03 02 0000 0000", wire.UnsupportedProtocolVersion},
		{"level 4 with the name of 3.1", "10 0E 0006 4D5149736470 04 02 0000 0000", wire.UnsupportedProtocolVersion},
		{"level of a bridge", "10 0C 0004 4D515454 84 02 0000 0000", wire.UnsupportedProtocolVersion},
		{"another protocol", "10 0C 0004 48545450 05 02 0000 0000", wire.UnsupportedProtocolVersion},
		{"protocol name in small letters", "10 0D 0004 6D717474 05 02 0000 00 0000", wire.UnsupportedProtocolVersion},
		{"Receive Maximum 0", "10 10" + connect5 + "02 0000 03 21 0000 0000", protocol},
		{"Maximum Packet Size 0", "10 12" + connect5 + "02 0000 05 27 00000000 0000", protocol},
		{"Request Problem Information 2", "10 0F" + connect5 + "02 0000 02 17 02 0000", protocol},
		{"Request Response Information 2", "10 0F" + connect5 + "02 0000 02 19 02 0000", protocol},
		{"Authentication Data without a method", "10 10" + connect5 + "02 0000 03 16 0000 0000", protocol},
		{"Session Expiry Interval twice", "10 17" + connect5 + "02 0000 0A 11 00000001 11 00000001 0000", protocol},
		{"a property of CONNACK", "10 0F" + connect5 + "02 0000 02 24 01 0000", malformed},
		{"a property of the Will", "10 12" + connect5 + "02 0000 05 18 00000001 0000", malformed},
		{"a property of CONNECT in the Will", "10 16" + connect5 + "06 0000 00 0000 03 21 0001 0001 77 0000", malformed},
	}
}

func refusedConnects4() []refusal {
	return []refusal{
		{"reserved flag", "10 0C" + connect4 + "03 0000 0000", malformed},
		{"Password without a User Name", "10 0F" + connect4 + "42 0000 0000 0001 70", malformed},
		{"empty Client Identifier with Clean Session 0", "10 0C" + connect4 + "00 0000 0000", wire.ClientIdentifierNotValid},
		{"empty Client Identifier in 3.1", "10 0E 0006 4D5149736470 03 02 0000 0000", wire.ClientIdentifierNotValid},
		{"Will QoS without a Will", "10 0C" + connect4 + "0A 0000 0000", malformed},
		{"Will Retain without a Will", "10 0C" + connect4 + "22 0000 0000", malformed},
		{"Will QoS 3", "10 11" + connect4 + "1E 0000 0000 0001 77 0000", malformed},
		{"bytes too many", "10 0D" + connect4 + "02 0000 0000 00", malformed},
	}
}

func refusedPublishes5() []refusal {
	return []refusal{
		{"QoS 3", "36 06 0001 61 0001 00", malformed},
		{"DUP at QoS 0", "38 04 0001 61 00", malformed},
		{"Packet Identifier 0", "32 06 0001 61 0000 00", protocol},
		{"Packet Identifier missing", "32 03 0001 61", malformed},
		{"Packet Identifier cut", "32 04 0001 61 00", malformed},
		{"no body", "30 00", malformed},
		{"Topic Name cut", "30 03 0002 61", malformed},
		{"length of the Topic Name cut", "30 01 00", malformed},
		{"Properties missing", "30 03 0001 61", malformed},
		{"Property Length beyond the end", "30 05 0001 61 02 01", malformed},
		{"Property Length not in its shortest form", "30 05 0001 61 8000", malformed},
		{"Property Length of five bytes", "30 08 0001 61 8080808001", malformed},
		{"Property Length cut", "30 04 0001 61 80", malformed},
		{"wildcard +", "30 04 0001 2B 00", wire.TopicNameInvalid},
		{"wildcard #", "30 06 0003 612F23 00", wire.TopicNameInvalid},
		{"neither Topic Name nor Topic Alias", "30 03 0000 00", protocol},
		{"U+0000 in the Topic Name", "30 06 0003 610062 00", malformed},
		{"U+0000 in a long Topic Name", "30 0D 000A 61626364656667680062 00", malformed},
		{"surrogate in the Topic Name", "30 06 0003 EDA080 00", malformed},
		{"overlong UTF-8 in the Topic Name", "30 05 0002 C080 00", malformed},
		{"UTF-8 beyond U+10FFFF", "30 07 0004 F4908080 00", malformed},
		{"broken UTF-8 after ASCII", "30 0C 0009 6162636465666768C3 00", malformed},
		{"Topic Alias 0", "30 07 0001 61 03 23 0000", wire.TopicAliasInvalid},
		{"Topic Alias twice", "30 0A 0001 61 06 23 0001 23 0001", protocol},
		{"Topic Alias cut", "30 06 0001 61 02 23 00", malformed},
		{"unknown property", "30 06 0001 61 02 04 00", malformed},
		{"unknown property beyond 64", "30 06 0001 61 02 7E 00", malformed},
		{"property identifier of two bytes", "30 07 0001 61 03 8100 00", malformed},
		{"a property of CONNECT", "30 09 0001 61 05 11 00000000", malformed},
		{"Payload Format Indicator 2", "30 06 0001 61 02 01 02", protocol},
		{"Payload Format Indicator twice", "30 08 0001 61 04 01 00 01 00", protocol},
		{"Payload Format Indicator cut", "30 05 0001 61 01 01", malformed},
		{"Message Expiry Interval cut", "30 08 0001 61 04 02 000000", malformed},
		{"Message Expiry Interval twice", "30 0E 0001 61 0A 02 00000001 02 00000001", protocol},
		{"Content Type cut", "30 07 0001 61 03 03 0001", malformed},
		{"Content Type twice", "30 0A 0001 61 06 03 0000 03 0000", protocol},
		{"Content Type not UTF-8", "30 08 0001 61 04 03 0001 FF", malformed},
		{"Response Topic with a wildcard", "30 08 0001 61 04 08 0001 2B", protocol},
		{"Response Topic twice", "30 0C 0001 61 08 08 0001 62 08 0001 62", protocol},
		{"Correlation Data cut", "30 08 0001 61 04 09 0002 00", malformed},
		{"Correlation Data twice", "30 0A 0001 61 06 09 0000 09 0000", protocol},
		{"Subscription Identifier 0", "30 06 0001 61 02 0B 00", protocol},
		{"Subscription Identifier not in its shortest form", "30 07 0001 61 03 0B 8100", malformed},
		{"Subscription Identifier of five bytes", "30 0A 0001 61 06 0B 8080808001", malformed},
		{"User Property without a value", "30 08 0001 61 04 26 0001 6B", malformed},
		{"User Property with U+0000", "30 0A 0001 61 06 26 0001 00 0000", malformed},
		{"User Property value not UTF-8", "30 0A 0001 61 06 26 0000 0001 80", malformed},
		{"a property that runs into the Payload", "30 08 0001 61 03 03 0001 41", malformed},
	}
}

func refusedPublishes4() []refusal {
	return []refusal{
		{"QoS 3", "36 05 0001 61 0001", malformed},
		{"DUP at QoS 0", "38 03 0001 61", malformed},
		{"Packet Identifier 0", "34 05 0001 61 0000", protocol},
		{"empty Topic Name", "30 02 0000", malformed},
		{"wildcard", "30 03 0001 23", wire.TopicNameInvalid},
		{"surrogate in the Topic Name", "30 05 0003 EDBFBF", malformed},
		{"Topic Name cut", "30 02 0001", malformed},
	}
}

func refusedAcks5() []refusal {
	return []refusal{
		{"PUBACK flags", "41 02 0001", malformed},
		{"PUBREC flags", "52 02 0001", malformed},
		{"PUBREL flags", "60 02 0001", malformed},
		{"PUBREL flags", "63 02 0001", malformed},
		{"PUBCOMP flags", "78 02 0001", malformed},
		{"PUBACK of nothing", "40 00", malformed},
		{"PUBACK cut", "40 01 00", malformed},
		{"Packet Identifier 0", "40 02 0000", protocol},
		{"PUBACK with a code of SUBACK", "40 03 0001 01", protocol},
		{"PUBREC with a code of PUBREL", "50 03 0001 92", protocol},
		{"PUBREL with a code of PUBACK", "62 03 0001 10", protocol},
		{"PUBCOMP with an unknown code", "70 03 0001 FF", protocol},
		{"Property Length beyond the end", "40 04 0001 00 01", malformed},
		{"bytes too many", "40 05 0001 00 00 00", malformed},
		{"Reason String twice", "40 0A 0001 00 06 1F 0000 1F 0000", protocol},
		{"a property of PUBLISH", "40 06 0001 00 02 01 00", malformed},
	}
}

func refusedSubscribes5() []refusal {
	return []refusal{
		{"flags", "80 07 0001 00 0001 61 00", malformed},
		{"UNSUBSCRIBE flags", "A0 06 0001 00 0001 61", malformed},
		{"Packet Identifier 0", "82 07 0000 00 0001 61 00", protocol},
		{"no Topic Filter", "82 03 0001 00", protocol},
		{"options missing", "82 06 00 01 00 00 01 61", malformed},
		{"second options missing", "82 0A 0001 00 0001 61 00 0001 62", malformed},
		{"reserved bit 6", "82 07 0001 00 0001 61 40", malformed},
		{"reserved bit 7", "82 07 0001 00 0001 61 80", malformed},
		{"QoS 3", "82 07 0001 00 0001 61 03", protocol},
		{"Retain Handling 3", "82 07 0001 00 0001 61 30", protocol},
		{"No Local on a Shared Subscription", "82 0E 0001 00 0008 2473686172652F67 04", protocol},
		{"empty filter", "82 06 0001 00 0000 00", malformed},
		{"filter not UTF-8", "82 07 0001 00 0001 C3 00", malformed},
		{"Subscription Identifier 0", "82 09 0001 02 0B00 0001 61 00", protocol},
		{"Subscription Identifier twice", "82 0B 0001 04 0B01 0B02 0001 61 00", protocol},
		{"a property of PUBLISH", "82 09 0001 02 0100 0001 61 00", malformed},
		{"UNSUBSCRIBE without a filter", "A2 03 0001 00", protocol},
		{"UNSUBSCRIBE with an empty filter", "A2 05 0001 00 0000", malformed},
		{"UNSUBSCRIBE cut", "A2 05 0001 00 0001", malformed},
		{"UNSUBSCRIBE with Packet Identifier 0", "A2 06 0000 00 0001 61", protocol},
		{"UNSUBSCRIBE with a Subscription Identifier", "A2 08 0001 02 0B01 0001 61", malformed},
		{"SUBACK flags", "91 04 0001 00 00", malformed},
		{"SUBACK with a code of CONNACK", "90 04 0001 00 85", protocol},
		{"SUBACK with QoS 3", "90 04 0001 00 03", protocol},
		{"SUBACK without codes", "90 03 0001 00", protocol},
		{"SUBACK with Packet Identifier 0", "90 04 0000 00 00", protocol},
		{"UNSUBACK with a code of SUBACK", "B0 04 0001 00 01", protocol},
		{"UNSUBACK without codes", "B0 03 0001 00", protocol},
		{"UNSUBACK with Packet Identifier 0", "B0 04 0000 00 00", protocol},
		{"UNSUBACK flags", "B2 04 0001 00 00", malformed},
	}
}

func refusedSubscribes4() []refusal {
	return []refusal{
		{"No Local", "82 06 0001 0001 61 04", malformed},
		{"QoS 3", "82 06 0001 0001 61 03", malformed},
		{"no Topic Filter", "82 02 0001", protocol},
		{"options missing", "82 05 0001 0001 61", malformed},
		{"SUBACK with a code of MQTT 5", "90 03 0001 87", protocol},
		{"SUBACK with QoS 3", "90 03 0001 03", protocol},
		{"UNSUBACK with a code", "B0 03 0001 00", malformed},
		{"PUBACK with a code", "40 03 0001 00", malformed},
	}
}

func refusedOthers5() []refusal {
	return []refusal{
		{"type 0", "00 00", malformed},
		{"CONNACK header flags", "22 03 00 00 00", malformed},
		{"CONNACK Acknowledge Flags", "20 03 02 00 00", malformed},
		{"CONNACK with Session Present in a refusal", "20 03 01 87 00", protocol},
		{"CONNACK with a code of DISCONNECT", "20 03 00 8E 00", protocol},
		{"CONNACK without properties", "20 02 00 00", malformed},
		{"CONNACK cut", "20 01 00", malformed},
		{"CONNACK with Maximum QoS 2", "20 05 00 00 02 24 02", protocol},
		{"CONNACK with Retain Available 2", "20 05 00 00 02 25 02", protocol},
		{"CONNACK with Wildcard Subscription Available 2", "20 05 00 00 02 28 02", protocol},
		{"CONNACK with Subscription Identifier Available 2", "20 05 00 00 02 29 02", protocol},
		{"CONNACK with Shared Subscription Available 2", "20 05 00 00 02 2A 02", protocol},
		{"CONNACK with Receive Maximum 0", "20 06 00 00 03 21 0000", protocol},
		{"CONNACK with Server Keep Alive twice", "20 09 00 00 06 13 0001 13 0001", protocol},
		{"PINGREQ flags", "C1 00", malformed},
		{"PINGREQ with a body", "C0 01 00", malformed},
		{"PINGRESP flags", "D8 00", malformed},
		{"PINGRESP with a body", "D0 01 00", malformed},
		{"DISCONNECT flags", "E1 00", malformed},
		{"DISCONNECT with a code of SUBACK", "E0 01 01", protocol},
		{"DISCONNECT with bytes too many", "E0 03 00 00 00", malformed},
		{"DISCONNECT with a property of CONNACK", "E0 05 00 03 21 0001", malformed},
		{"AUTH flags", "F1 00", malformed},
		{"AUTH with a code of CONNACK", "F0 06 05 04 15 0001 6D", protocol},
		{"AUTH without Property Length", "F0 01 00", malformed},
		{"AUTH without a method", "F0 02 18 00", protocol},
	}
}

func refusedOthers4() []refusal {
	return []refusal{
		{"AUTH", "F0 00", protocol},
		{"type 0", "00 00", malformed},
		{"DISCONNECT with a code", "E0 01 00", malformed},
		{"CONNACK code 6", "20 02 00 06", protocol},
		{"CONNACK Acknowledge Flags", "20 02 80 00", malformed},
		{"CONNACK with Session Present in a refusal", "20 02 01 05", protocol},
		{"CONNACK with properties", "20 03 00 00 00", malformed},
		{"PINGREQ with a body", "C0 01 00", malformed},
	}
}

func TestEachForbiddenFormIsRefusedWithItsReasonCode(t *testing.T) {
	tables := []struct {
		name string
		v    wire.Version
		rows []refusal
	}{
		{"CONNECT 5", wire.V5, refusedConnects5()},
		{"CONNECT 3", wire.V311, refusedConnects4()},
		{"PUBLISH 5", wire.V5, refusedPublishes5()},
		{"PUBLISH 3.1.1", wire.V311, refusedPublishes4()},
		{"PUBLISH 3.1", wire.V31, refusedPublishes4()},
		{"acknowledgements 5", wire.V5, refusedAcks5()},
		{"subscriptions 5", wire.V5, refusedSubscribes5()},
		{"subscriptions 3.1.1", wire.V311, refusedSubscribes4()},
		{"subscriptions 3.1", wire.V31, refusedSubscribes4()},
		{"other packets 5", wire.V5, refusedOthers5()},
		{"other packets 3.1.1", wire.V311, refusedOthers4()},
	}
	for _, table := range tables {
		for _, tt := range table.rows {
			t.Run(table.name+"/"+tt.name, func(t *testing.T) {
				packet := unhex(t, tt.bytes)
				first, body := split(t, packet)
				if len(body) != len(packet)-2 {
					t.Fatalf("the row's Remaining Length is %d instead of %d", len(body), len(packet)-2)
				}
				p, err := wire.Decode(table.v, first, body)
				if err == nil {
					t.Fatalf("%s was decoded to %+v", tt.bytes, p)
				}
				if p != nil {
					t.Fatalf("got a packet together with %v", err)
				}
				checkCode(t, err, tt.code)
				if !strings.Contains(err.Error(), "[") {
					t.Fatalf("%q names no statement", err)
				}
			})
		}
	}
}

func TestEachCutPacketIsRefused(t *testing.T) {
	for _, tt := range golden() {
		first, body := split(t, unhex(t, tt.bytes))
		for n := range body {
			got, err := wire.Decode(tt.v, first, body[:n:n])
			if err != nil {
				var e *wire.Error
				if !errors.As(err, &e) || e.Packet != wire.Type(first>>4) {
					t.Fatalf("%s cut to %d bytes: got %#v", tt.name, n, err)
				}
				continue
			}
			// What can be decoded in part is a whole packet of its own.
			again, err := got.Append(nil, tt.v)
			if err != nil {
				t.Fatalf("%s cut to %d bytes: %v", tt.name, n, err)
			}
			if _, cut := split(t, again); !bytes.Equal(cut, body[:n]) && len(cut) >= n {
				t.Fatalf("%s cut to %d bytes was decoded to %+v", tt.name, n, got)
			}
		}
	}
}

func TestBytesAfterTheEndAreRefused(t *testing.T) {
	for _, tt := range golden() {
		first, body := split(t, unhex(t, tt.bytes))
		switch tt.packet.Type() {
		case wire.PUBLISH: // its Payload has no end of its own
			continue
		case wire.SUBACK: // nor have its codes
			continue
		case wire.UNSUBACK:
			if tt.v >= wire.V5 {
				continue
			}
		case wire.DISCONNECT, wire.AUTH, wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP:
			if tt.v >= wire.V5 && !strings.Contains(tt.name, "properties") {
				continue // one byte more is a Reason Code or a Property Length
			}
		default:
		}
		if p, err := wire.Decode(tt.v, first, append(bytes.Clone(body), 0)); err == nil {
			t.Errorf("%s with a byte more was decoded to %+v", tt.name, p)
		}
	}
}

func TestErrorsSayWhatIsWrongAndWhere(t *testing.T) {
	tests := []struct{ bytes, want string }{
		{"36 05 0001 61 0001", "malformed PUBLISH: QoS 3 [MQTT-3.3.1-4]"},
		{"30 03 0000 00", "protocol error in PUBLISH: neither a Topic Name nor a Topic Alias [section 3.3.2.1]"},
		{"30 06 0003 612F23 00", `Topic Name invalid in PUBLISH: wildcard in "a/#" [MQTT-3.3.2-2]`},
		{"30 07 0001 61 03 03 0001", "malformed PUBLISH: it ends within Content Type [section 4.13]"},
		{"10 02 0004", "malformed CONNECT: it ends within the Protocol Name [section 4.13]"},
		{"00 00", "malformed packet: packet type 0 is reserved [section 2.1.2]"},
	}
	for _, tt := range tests {
		first, body := split(t, unhex(t, tt.bytes))
		if _, err := wire.Decode(wire.V5, first, body); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.bytes, err, tt.want)
		}
	}
}
