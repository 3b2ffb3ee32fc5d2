package output_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/wire"
)

func example() message.Message {
	p := &wire.Properties{
		ContentType: "text/plain", MessageExpiryInterval: 60, ResponseTopic: "re", CorrelationData: []byte("c\x00d"), PayloadFormatIndicator: 1,
		UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}, {Key: "k", Value: "w"}}, SubscriptionIdentifiers: []uint32{7, 8},
	}
	p.Set(wire.PropContentType, wire.PropMessageExpiryInterval, wire.PropResponseTopic, wire.PropCorrelationData, wire.PropPayloadFormatIndicator)
	return message.Message{
		Topic: "plant/temp", Payload: []byte("mqtt"), QoS: 1, Retain: true, PacketID: 9, Properties: p,
		Time: time.Date(2026, 1, 4, 15, 6, 7, 8_009_010, time.Local),
	}
}

func TestFormatFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ format, want string }{
		{"%t %p", "plant/temp mqtt"},
		{"%%|%q|%r|%m|%l", "%|1|1|9|4"},
		{"%x|%X", "6d717474|6D717474"},
		{"%.2:x|%.4-X|%.2 x|%.2x", "6d:71:74:74|6D71-7474|6d 71 74 74|6d717474"},
		{"[%12t][%-12t][%.5t][%3t]", "[  plant/temp][plant/temp  ][plant][plant/temp]"},
		{"[%06l][%-6l][%6l]", "[000004][4     ][     4]"},
		{"[%-06l]", "[4     ]"},
		{"[%012t]", "[  plant/temp]"},
		{"[%6p]", "[  mqtt]"},
		{"%C|%E|%F|%R|%S|%A|%P", "text/plain|60|1|re|7||k:v k:w"},
		{"%D", "c\x00d"},
		{"[%4A]", "[    ]"},
		{`a\\b\0\a\e\n\r\t\v`, "a\\b\x00\a\x1b\n\r\t\v"},
		{"@%", "%"},
		{"@@@Y-@m-@d @H:@M:@S.@N @j", "@2026-01-04 15:06:07.008009010 004"},
		{"@y @C @e @k|@l @I @p @P", "26 20  4 15| 3 03 PM pm"},
		{"@a @A @b @B @h", "Sun Sunday Jan January Jan"},
		{"@D @F @T @R @r @x @X @c", "01/04/26 2026-01-04 15:06:07 15:06 03:06:07 PM 01/04/26 15:06:07 Sun Jan  4 15:06:07 2026"},
		{"@u @w @U @W @V @G @g@n@t", "7 0 01 00 01 2026 26\n\t"},
		{"%.10I", "2026-01-04"},
		{"", ""},
		{"ü", "ü"},
	} {
		f, err := output.ParseFormat(tt.format)
		if err != nil {
			t.Errorf("%q: %v", tt.format, err)
		} else if got := string(f.Append(nil, example(), false)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.format, got, tt.want)
		}
	}
}

func TestFormatWithoutPropertiesLeavesThemEmpty(t *testing.T) {
	t.Parallel()
	f, err := output.ParseFormat("[%A%C%D%E%F%P%R%S][%3E][%m]")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(f.Append(nil, message.Message{Topic: "a"}, false)), "[][   ][0]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFormatFloats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format, want string
		payload      []byte
	}{
		{"%f", "21.500000", []byte{0, 0, 0xac, 0x41}},
		{"%.1f", "21.5", []byte{0, 0, 0xac, 0x41}},
		{"[%8.2d]", "[   21.50]", []byte{0, 0, 0, 0, 0, 0x80, 0x35, 0x40}},
		{"[%f%d]", "[]", []byte{1}},
	} {
		f, err := output.ParseFormat(tt.format)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Append(nil, message.Message{Payload: tt.payload}, false)); got != tt.want {
			t.Errorf("%q: got %q, want %q (on a little-endian machine)", tt.format, got, tt.want)
		}
	}
}

func TestParseFormatRefuses(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"%": "% without a letter", "ab%z": "unknown field %z at position 3", "%5": "% without a letter", "@": "@ without a letter",
		"@q": "unknown time field @q", `\`: `\ without a letter`, `\x`: `unknown escape \x`, "%99999t": "a width over", "%.99999999999999999999t": "a width over",
	} {
		if _, err := output.ParseFormat(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", format, err, want)
		}
	}
}

func TestFormatJSONObjectsHaveMosquittosKeys(t *testing.T) {
	t.Parallel()
	m := example()
	m.Payload = []byte(`{"n":9007199254740993,"n":1.10}`)
	stamp := m.Time.Format("2006-01-02T15:04:05.000000-0700")
	const middle = `","topic":"plant/temp","qos":1,"retain":true,"payloadlen":31,"mid":9,"properties":{"payload-format-indicator":1,` +
		`"message-expiry-interval":60,"content-type":"text/plain","response-topic":"re","correlation-data":"c\u0000d",` +
		`"subscription-identifier":7,"user-properties":[{"k":"v"},{"k":"w"}]},"payload":`
	for format, payload := range map[string]string{"%J": `{"n":9007199254740993,"n":1.10}`, "%j": `"{\"n\":9007199254740993,\"n\":1.10}"`} {
		f, err := output.ParseFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(f.Append(nil, m, false)), `{"tst":"`+stamp+middle+payload+`}`; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", format, got, want)
		}
	}
}

func TestFormatJSONObjectsAreAlwaysValid(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%j", "%J"} {
		f, err := output.ParseFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		for _, payload := range []string{"", "\x00A", "\xff\xfe", "{broken", "{\"a\":\n1}", " 1"} {
			if got := f.Append(nil, message.Message{Topic: "a", Payload: []byte(payload)}, false); !json.Valid(got) {
				t.Errorf("%s of %q: %s", format, payload, got)
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"%t %p", "%-010.3:x", "@Y@N", `\e`, "%J%j", "%", "@", "%.%x"} {
		f.Add(s, []byte("\x1b\u202e\xff"))
	}
	f.Fuzz(func(t *testing.T, format string, payload []byte) {
		if strings.ContainsAny(format, `\@`) { // what stands in the format itself is the user's own
			format = strings.NewReplacer(`\`, "", "@", "").Replace(format)
		}
		compiled, err := output.ParseFormat(format)
		if err != nil {
			return
		}
		m := example()
		m.Payload, m.Topic = payload, string(payload)
		m.Properties.ContentType, m.Properties.CorrelationData = string(payload), payload
		m.Properties.UserProperties[0].Value = string(payload)
		out := string(compiled.Append(nil, m, true))
		for _, r := range out {
			if (r < ' ' || r == 0x7f || r == 0x9b || r == 0x202e) && !strings.ContainsRune(format, r) {
				t.Fatalf("%q lets %U through: %q", format, r, out)
			}
		}
	})
}
