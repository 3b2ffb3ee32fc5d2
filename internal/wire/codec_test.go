package wire_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/wire"
)

func Example() {
	packet := &wire.Publish{Topic: "plant/temp", QoS: 1, PacketID: 7, Payload: []byte("21.7")}
	stream, err := packet.Append(nil, wire.V5)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	reader := wire.NewReader(bytes.NewReader(stream), 1<<20)
	first, body, err := reader.Next()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	var got wire.Publish
	if err := got.Decode(wire.V5, first, body); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Printf("%v %s %s\n", got.Type(), got.Topic, got.Payload)
	// Output: PUBLISH plant/temp 21.7
}

func ExampleDecode_refused() {
	_, err := wire.Decode(wire.V5, 0x36, []byte{0, 1, 'a', 0, 1, 0})
	fmt.Println(err)
	// Output: malformed PUBLISH: QoS 3 [MQTT-3.3.1-4]
}

func TestDecodingMakesViewsThatCannotBeAppendedInto(t *testing.T) {
	body := []byte("\x00\x01a\x03\x09\x00\x00payload")
	body = append(body, "next"...)
	var p wire.Publish
	if err := p.Decode(wire.V5, 0x30, body[:len(body)-4]); err != nil {
		t.Fatal(err)
	}
	_ = append(p.Payload, "XXXX"...)
	_ = append(p.Properties.CorrelationData, "YYYY"...)
	if want := "\x00\x01a\x03\x09\x00\x00payloadnext"; string(body) != want {
		t.Fatalf("appending to a view changed what follows it: %q", body)
	}
	body[2] = 'b'
	if p.Topic != "b" {
		t.Fatal("the Topic Name is not a view")
	}
}

func TestWildcardsAreFoundAtEachPlaceOfATopicName(t *testing.T) {
	for n := 1; n <= 20; n++ {
		for i := range n {
			for _, c := range []byte("#+*,\"$\x22\x24\x2A\x2C\x7F\x01") {
				name := bytes.Repeat([]byte("a"), n)
				name[i] = c
				_, err := (&wire.Publish{Topic: string(name)}).Append(nil, wire.V5)
				if wildcard := c == '#' || c == '+'; (err != nil) != wildcard {
					t.Fatalf("%q: got %v", name, err)
				}
				name[i] = 0
				if _, err := (&wire.Publish{Topic: string(name)}).Append(nil, wire.V5); err == nil {
					t.Fatalf("%q was encoded", name)
				}
				name[i] = 0xA3 // '#' with its top bit set, not UTF-8
				_, err = (&wire.Publish{Topic: string(name)}).Append(nil, wire.V5)
				checkCode(t, err, malformed)
			}
		}
	}
}

func TestDecodeForgetsWhatThePacketHeld(t *testing.T) {
	p := wire.Publish{Dup: true, Retain: true, QoS: 2, PacketID: 9, Topic: "old", Payload: []byte("old"), Properties: &wire.Properties{}}
	if err := p.Decode(wire.V311, 0x30, []byte("\x00\x01a")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wire.Publish{Topic: "a"}, p, cmp.AllowUnexported(wire.Properties{})); diff != "" {
		t.Fatal(diff)
	}
	a := wire.Ack{Kind: wire.PUBREL, PacketID: 1, Code: 1, Properties: &wire.Properties{}}
	if err := a.Decode(wire.V5, 0x40, []byte{0, 7}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wire.Ack{Kind: wire.PUBACK, PacketID: 7}, a, cmp.AllowUnexported(wire.Properties{})); diff != "" {
		t.Fatal(diff)
	}
}

func TestPublishAndAckRefuseOtherPackets(t *testing.T) {
	var p wire.Publish
	checkCode(t, p.Decode(wire.V5, 0x40, []byte{0, 1, 'a', 0}), malformed)
	var a wire.Ack
	checkCode(t, a.Decode(wire.V5, 0x30, []byte{0, 1}), malformed)
	checkCode(t, a.Decode(wire.V5, 0x90, []byte{0, 1}), malformed)
}

func TestTheHotPathDoesNotAllocate(t *testing.T) {
	plain := &wire.Publish{Topic: "acme/site-1/device-42/telemetry", QoS: 1, PacketID: 7, Payload: make([]byte, 24)}
	rich := *plain
	rich.Properties = (&wire.Properties{
		ContentType: "application/json", MessageExpiryInterval: 60, CorrelationData: []byte("id"), SubscriptionIdentifiers: []uint32{1, 2},
		UserProperties: []wire.UserProperty{{Key: "a", Value: "b"}, {Key: "c", Value: "d"}, {Key: "e", Value: "f"}},
	}).Set(wire.PropContentType, wire.PropMessageExpiryInterval, wire.PropCorrelationData)
	plainFirst, plainBody := encoded(t, plain)
	richFirst, richBody := encoded(t, &rich)
	buf := make([]byte, 0, 1024)
	var p wire.Publish
	var a wire.Ack
	ackBody := []byte{0, 1, 0x10}
	tests := []struct {
		name string
		max  float64
		run  func() error
	}{
		{"encode", 0, func() error { _, err := plain.Append(buf, wire.V5); return err }},
		{"encode with properties", 0, func() error { _, err := rich.Append(buf, wire.V5); return err }},
		{"decode in place", 0, func() error { return p.Decode(wire.V5, plainFirst, plainBody) }},
		{"decode in place with properties", 1, func() error { return p.Decode(wire.V5, richFirst, richBody) }},
		{"decode", 1, func() error { _, err := wire.Decode(wire.V5, plainFirst, plainBody); return err }},
		{"encode an acknowledgement", 0, func() error {
			_, err := (&wire.Ack{Kind: wire.PUBACK, PacketID: 1}).Append(buf, wire.V5)
			return err
		}},
		{"decode an acknowledgement", 0, func() error { return a.Decode(wire.V5, 0x40, ackBody) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := testing.AllocsPerRun(100, func() {
				if err := tt.run(); err != nil {
					t.Fatal(err)
				}
			})
			if got > tt.max {
				t.Fatalf("got %v allocations, want at most %v", got, tt.max)
			}
		})
	}
}

func encoded(tb testing.TB, p wire.Packet) (first byte, body []byte) {
	tb.Helper()
	b, err := p.Append(nil, wire.V5)
	if err != nil {
		tb.Fatal(err)
	}
	return split(tb, b)
}

func FuzzDecode(f *testing.F) {
	for _, tt := range golden() {
		first, body := split(f, unhex(f, tt.bytes))
		f.Add(first, body)
	}
	for _, tt := range append(refusedPublishes5(), refusedConnects5()...) {
		first, body := split(f, unhex(f, tt.bytes))
		f.Add(first, body)
	}
	f.Fuzz(func(t *testing.T, first byte, body []byte) {
		for _, v := range []wire.Version{wire.V31, wire.V311, wire.V5} {
			before := bytes.Clone(body)
			p, err := wire.Decode(v, first, body)
			if !bytes.Equal(body, before) {
				t.Fatal("decoding changed the body")
			}
			if err != nil {
				if p != nil || strings.Contains(err.Error(), "%!") {
					t.Fatalf("got %v and %v", p, err)
				}
				continue
			}
			checkStable(t, v, p)
		}
	})
}

// checkStable encodes p, which was decoded, and wants the same packet and the same bytes back.
func checkStable(t *testing.T, v wire.Version, p wire.Packet) {
	t.Helper()
	if c, ok := p.(*wire.Connect); ok {
		v = c.Version
	}
	b, err := p.Append(nil, v)
	if err != nil {
		t.Fatalf("%+v was decoded but not encoded: %v", p, err)
	}
	first, body := split(t, b)
	again, err := wire.Decode(v, first, body)
	if err != nil {
		t.Fatalf("%+v was encoded to %x, which was not decoded: %v", p, b, err)
	}
	if diff := cmp.Diff(p, again, same()); diff != "" {
		t.Fatalf("decoding what was encoded (-want +got):\n%s", diff)
	}
	if c, err := again.Append(nil, v); err != nil || !bytes.Equal(b, c) {
		t.Fatalf("encoded to %x, then to %x (%v)", b, c, err)
	}
	if p, ok := p.(*wire.Publish); ok && p.Size(v) != len(b) {
		t.Fatalf("got Size %d for %d bytes", p.Size(v), len(b))
	}
}

// publish64 is a PUBLISH of 64 bytes.
func publish64(b *testing.B) *wire.Publish {
	b.Helper()
	p := &wire.Publish{Topic: "acme/site-1/device-42/temp", QoS: 1, PacketID: 7, Payload: bytes.Repeat([]byte("x"), 31)}
	if n := p.Size(wire.V5); n != 64 {
		b.Fatalf("it is %d bytes", n)
	}
	return p
}

func BenchmarkEncodePublish64(b *testing.B) {
	p := publish64(b)
	buf := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Append(buf, wire.V5); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePublish64(b *testing.B) {
	first, body := encoded(b, publish64(b))
	var p wire.Publish
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decode(wire.V5, first, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePublishWithProperties(b *testing.B) {
	p := publish64(b)
	p.Properties = (&wire.Properties{
		ContentType: "application/json", MessageExpiryInterval: 60, UserProperties: []wire.UserProperty{{Key: "trace", Value: "abc"}},
	}).Set(wire.PropContentType, wire.PropMessageExpiryInterval)
	first, body := encoded(b, p)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decode(wire.V5, first, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAck(b *testing.B) {
	buf := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		a := wire.Ack{Kind: wire.PUBACK, PacketID: 7}
		if _, err := a.Append(buf, wire.V5); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReaderNext(b *testing.B) {
	one, err := publish64(b).Append(nil, wire.V5)
	if err != nil {
		b.Fatal(err)
	}
	stream := bytes.Repeat(one, 1000)
	src := bytes.NewReader(stream)
	r := wire.NewReader(readerFunc(func(p []byte) (int, error) {
		if src.Len() == 0 {
			src.Reset(stream)
		}
		return src.Read(p)
	}), 0)
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
