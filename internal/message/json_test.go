package message_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

func full() message.Message {
	p := &wire.Properties{
		ContentType: "application/json", MessageExpiryInterval: 60, ResponseTopic: "a/b", CorrelationData: []byte{0, 1},
		UserProperties:          []wire.UserProperty{{Key: "k", Value: "v"}, {Key: "k", Value: ""}},
		SubscriptionIdentifiers: []uint32{7, 8}, PayloadFormatIndicator: 1,
	}
	p.Set(wire.PropContentType, wire.PropMessageExpiryInterval, wire.PropResponseTopic, wire.PropCorrelationData,
		wire.PropPayloadFormatIndicator)
	return message.Message{
		Topic: "acme/s1/d42/telemetry/temp", Payload: []byte(`{"v":21.70,"v":2,"big":12345678901234567890}`), QoS: 1, Dup: true,
		PacketID: 9, Properties: p, Time: time.Date(2026, 11, 22, 12, 20, 31, 204117999, time.FixedZone("CET", 3600)),
	}
}

func TestAppendJSONPinsTheKeysAndTheirOrder(t *testing.T) {
	t.Parallel()
	const want = `{"time":"2026-11-22T11:20:31.204117Z","topic":"acme/s1/d42/telemetry/temp","qos":1,"retain":false,"dup":true,` +
		`"payload":{"v":21.70,"v":2,"big":12345678901234567890},"encoding":"json","properties":{"content_type":"application/json",` +
		`"message_expiry_interval":60,"response_topic":"a/b","correlation_data":"AAE=","user_properties":[["k","v"],["k",""]],` +
		`"subscription_identifiers":[7,8],"payload_format_indicator":1}}`
	if got := string(message.AppendJSON(nil, full())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendJSONChoosesTheEncoding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ payload, want string }{
		{"", `"payload":"","encoding":"utf8"`},
		{"1.0", `"payload":1.0,"encoding":"json"`},
		{`"a"`, `"payload":"a","encoding":"json"`},
		{"null", `"payload":null,"encoding":"json"`},
		{"{\"a\":\t1}", "\"payload\":{\"a\":\t1},\"encoding\":\"json\""},
		{"{\"a\":\n1}", `"payload":"{\"a\":\n1}","encoding":"utf8"`},
		{"{\"a\":\r1}", `"payload":"{\"a\":\r1}","encoding":"utf8"`},
		{" 1", `"payload":" 1","encoding":"utf8"`},
		{"1 ", `"payload":"1 ","encoding":"utf8"`},
		{"1 2", `"payload":"1 2","encoding":"utf8"`},
		{"01", `"payload":"01","encoding":"utf8"`},
		{"ü\x00\x1b", `"payload":"ü\u0000\u001b","encoding":"utf8"`},
		{"\"\xff\"", `"payload":"Iv8i","encoding":"base64"`},
		{"\xff", `"payload":"/w==","encoding":"base64"`},
		{strings.Repeat("[", 257) + strings.Repeat("]", 257), `"payload":"` + strings.Repeat("[", 257) + strings.Repeat("]", 257) + `","encoding":"utf8"`},
		{strings.Repeat("[", 1_000_000), `"payload":"` + strings.Repeat("[", 1_000_000) + `","encoding":"utf8"`},
	} {
		want := `{"topic":"t","qos":0,"retain":false,"dup":false,` + tt.want + `}`
		if got := string(message.AppendJSON(nil, message.Message{Topic: "t", Payload: []byte(tt.payload)})); got != want {
			t.Errorf("%.40q: got %.200s, want %.200s", tt.payload, got, want)
		}
	}
}

func TestJSONRoundTrips(t *testing.T) {
	t.Parallel()
	m := full()
	got, err := message.ParseJSON(message.AppendJSON(nil, m))
	if err != nil {
		t.Fatal(err)
	}
	m.Dup, m.PacketID, m.Time = false, 0, time.Time{}
	want := *m.Properties
	want.SubscriptionIdentifiers = nil
	m.Properties = &want
	if diff := cmp.Diff(m, got, cmp.AllowUnexported(wire.Properties{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseJSONTakesWhatAPersonWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want message.Message
	}{
		{`{"topic":"a"}`, message.Message{Topic: "a"}},
		{` { "topic" : "a" , "payload" : "x\n\u00fc\ud83d\ude00\/" } ` + "\r", message.Message{Topic: "a", Payload: []byte("x\nü😀/")}},
		{`{"payload":{"a": [1,{}]},"topic":"a"}`, message.Message{Topic: "a", Payload: []byte(`{"a": [1,{}]}`)}},
		{`{"topic":"a","payload":12}`, message.Message{Topic: "a", Payload: []byte("12")}},
		{`{"topic":"a","payload":null}`, message.Message{Topic: "a", Payload: []byte("null")}},
		{`{"topic":"a","payload":"\"x\"","encoding":"utf8","qos":2,"retain":true}`, message.Message{Topic: "a", Payload: []byte(`"x"`), QoS: 2, Retain: true}},
		{`{"topic":"a","payload":"x","encoding":"json"}`, message.Message{Topic: "a", Payload: []byte(`"x"`)}},
		{`{"encoding":"base64","topic":"a","payload":"AP8="}`, message.Message{Topic: "a", Payload: []byte{0, 255}}},
		{`{"topic":"a","time":"whenever","dup":1,"vars":{"site":"s1"},"properties":{}}`, message.Message{Topic: "a"}},
		{`{"topic":"a","properties":{"subscription_identifiers":[1]}}`, message.Message{Topic: "a"}},
	} {
		got, err := message.ParseJSON([]byte(tt.line))
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
		} else if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(wire.Properties{})); diff != "" {
			t.Errorf("%s: %s", tt.line, diff)
		}
	}
}

func TestParseJSONRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ line, want string }{
		{``, "ends early"},
		{`[]`, "an object is expected"},
		{`{"topic":"a"`, "ends early"},
		{`{"topic":"a"}}`, "text after the object"},
		{`{"topic":"a",}`, "column 14: unexpected '}'"},
		{`{"topic" "a"}`, "column 10: unexpected '\"'"},
		{`{}`, `"topic" is missing`},
		{`{"topic":1}`, `"topic": a string is expected`},
		{`{"topic":"a","topic":"b"}`, `"topic": given twice`},
		{`{"topic":"\ud800"}`, "unpaired surrogate"},
		{"{\"topic\":\"\xff\"}", "not valid UTF-8"},
		{"{\"topic\":\"a\nb\"}", "raw control character"},
		{`{"topic":"\x"}`, "bad escape"},
		{`{"topic":"a","qos":3}`, `"qos": a whole number from 0 to 2`},
		{`{"topic":"a","qos":-0}`, `"qos": a whole number from 0 to 2`},
		{`{"topic":"a","retain":1}`, `"retain": true or false`},
		{`{"topic":"a","encoding":"utf8"}`, `"encoding" without "payload"`},
		{`{"topic":"a","payload":1,"encoding":"utf8"}`, `"payload": a string is expected`},
		{`{"topic":"a","payload":"!","encoding":"base64"}`, `"payload": not base64`},
		{`{"topic":"a","payload":"","encoding":"hex"}`, "none of json, utf8 and base64"},
		{`{"topic":"a","properties":[]}`, `"properties": an object is expected`},
		{`{"topic":"a","properties":{"contentType":"x"}}`, `"contentType": unknown property`},
		{`{"topic":"a","properties":{"user_properties":{"a":"b"}}}`, "pairs like"},
		{`{"topic":"a","properties":{"user_properties":[["a"]]}}`, "pairs like"},
		{`{"topic":"a","payload":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, "nested deeper than 256"},
	} {
		_, err := message.ParseJSON([]byte(tt.line))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: got %v, want %q", tt.line, err, tt.want)
		}
	}
}

func TestParseJSONOverKeepsDefaultsAndLeavesThemAlone(t *testing.T) {
	t.Parallel()
	props := &wire.Properties{ContentType: "text/plain", MessageExpiryInterval: 5}
	props.Set(wire.PropContentType, wire.PropMessageExpiryInterval)
	defaults := message.Message{Topic: "d", QoS: 1, Retain: true, Payload: []byte("p"), Properties: props}
	got, err := message.ParseJSONOver([]byte(`{"qos":0,"properties":{"content_type":"x"}}`), defaults)
	if err != nil {
		t.Fatal(err)
	}
	if got.Topic != "d" || got.QoS != 0 || !got.Retain || string(got.Payload) != "p" ||
		got.Properties.ContentType != "x" || got.Properties.MessageExpiryInterval != 5 {
		t.Errorf("got %+v", got)
	}
	if props.ContentType != "text/plain" {
		t.Error("the defaults were changed")
	}
}

func FuzzJSONRoundTrip(f *testing.F) {
	f.Add("a/b", []byte(`{"a":1}`), []byte("c"), "k", byte(1), uint32(5))
	f.Add("ü", []byte("\xff\x00"), []byte{}, "", byte(2), uint32(0))
	f.Add("t", []byte(`["\ud800", 1e-5]`), []byte(nil), "\u2028", byte(0), uint32(1))
	f.Fuzz(func(t *testing.T, topic string, payload, corr []byte, text string, qos byte, n uint32) {
		if topic == "" || !utf8.ValidString(topic) || !utf8.ValidString(text) {
			t.Skip("not a message that MQTT can carry")
		}
		p := &wire.Properties{
			ContentType: text, ResponseTopic: text, CorrelationData: corr, MessageExpiryInterval: n,
			PayloadFormatIndicator: byte(n & 1), UserProperties: []wire.UserProperty{{Key: text, Value: topic}},
		}
		p.Set(wire.PropContentType, wire.PropResponseTopic, wire.PropCorrelationData, wire.PropMessageExpiryInterval,
			wire.PropPayloadFormatIndicator)
		m := message.Message{Topic: topic, Payload: payload, QoS: qos % 3, Retain: n&1 == 1, Properties: p}
		line := message.AppendJSON(nil, m)
		if bytes.ContainsAny(line, "\n\r") || !json.Valid(line) || !utf8.Valid(line) {
			t.Fatalf("not a line of JSON: %q", line)
		}
		got, err := message.ParseJSON(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(wire.Properties{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzIsJSONAgreesWithTheStandardLibrary(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{}],"b":"\u00e9"}`, `[]`, `-0.5e+7`, `01`, `"a`, ` true `, `{"a":1,}`, `[1 2]`, `nul`, "\"\x7f\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > 200 {
			t.Skip("our bound on nesting is lower")
		}
		if got, want := message.IsJSON(b), json.Valid(b) && utf8.Valid(b); got != want {
			t.Errorf("%q: got %v, want %v", b, got, want)
		}
	})
}

func FuzzParseJSONNeverPanics(f *testing.F) {
	f.Add([]byte(`{"topic":"a","payload":"x","encoding":"utf8","properties":{"user_properties":[["a","b"]],"content_type":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := message.ParseJSON(b)
		if err == nil && !json.Valid(b) {
			t.Errorf("accepted %q as %+v", b, m)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	m := message.Message{Topic: "acme/s1/d42/telemetry/temp", Payload: []byte(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1"}`), Time: time.Now()}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = message.AppendJSON(buf[:0], m)
	}
}

func BenchmarkParseJSON(b *testing.B) {
	m := message.Message{Topic: "acme/s1/d42/telemetry/temp", Payload: []byte(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1"}`), Time: time.Now()}
	line := message.AppendJSON(nil, m)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := message.ParseJSON(line); err != nil {
			b.Fatal(err)
		}
	}
}
