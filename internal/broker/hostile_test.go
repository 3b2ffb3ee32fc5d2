package broker_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMalformedPacketsEndTheirConnectionOnly(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	healthy := connected(t, s, wire.V5, "healthy")
	for _, tt := range []struct {
		name string
		send string
		want wire.ReasonCode
	}{
		{"SUBSCRIBE without options", "\x82\x06\x00\x01\x00\x00\x01a", wire.MalformedPacket},
		{"SUBSCRIBE without filter", "\x82\x03\x00\x01\x00", wire.ProtocolError},
		{"SUBSCRIBE with wrong flags", "\x80\x07\x00\x01\x00\x00\x01a\x00", wire.MalformedPacket},
		{"SUBSCRIBE with identifier 0", "\x82\x07\x00\x00\x00\x00\x01a\x00", wire.ProtocolError},
		{"SUBSCRIBE with reserved options", "\x82\x07\x00\x01\x00\x00\x01a\xC0", wire.MalformedPacket},
		{"SUBSCRIBE with Subscription Identifier 0", "\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", wire.ProtocolError},
		{"SUBSCRIBE with No Local on a Shared Subscription", "\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04", wire.ProtocolError},
		{"PUBLISH with QoS 3", "\x36\x06\x00\x01a\x00\x01\x00", wire.MalformedPacket},
		{"PUBLISH with DUP at QoS 0", "\x38\x04\x00\x01a\x00", wire.MalformedPacket},
		{"PUBLISH with identifier 0", "\x32\x06\x00\x01a\x00\x00\x00", wire.ProtocolError},
		{"PUBLISH with a wildcard", "\x30\x04\x00\x01+\x00", wire.TopicNameInvalid},
		{"PUBLISH without topic", "\x30\x03\x00\x00\x00", wire.ProtocolError},
		{"PUBLISH to what is not UTF-8", "\x30\x04\x00\x01\xff\x00", wire.MalformedPacket},
		{"PUBLISH to U+0000", "\x30\x04\x00\x01\x00\x00", wire.MalformedPacket},
		{"PUBLISH with a Subscription Identifier", "\x30\x06\x00\x01a\x02\x0b\x01", wire.ProtocolError},
		{"PUBLISH with Topic Alias 0", "\x30\x07\x00\x01a\x03\x23\x00\x00", wire.TopicAliasInvalid},
		{"PUBLISH with a Topic Alias that was not announced", "\x30\x07\x00\x01a\x03\x23\x00\x41", wire.TopicAliasInvalid},
		{"PUBLISH with an unknown Topic Alias", "\x30\x06\x00\x00\x03\x23\x00\x01", wire.ProtocolError},
		{"PUBLISH with a Response Topic with a wildcard", "\x30\x08\x00\x01a\x04\x08\x00\x01#", wire.ProtocolError},
		{"PUBLISH with a property twice", "\x30\x08\x00\x01a\x04\x01\x00\x01\x00", wire.ProtocolError},
		{"a property that does not belong", "\x30\x07\x00\x01a\x03\x21\x00\x01", wire.MalformedPacket},
		{"PUBREL with wrong flags", "\x60\x02\x00\x01", wire.MalformedPacket},
		{"PINGREQ with a body", "\xC0\x01\x00", wire.MalformedPacket},
		{"PINGREQ with wrong flags", "\xC1\x00", wire.MalformedPacket},
		{"an overlong Remaining Length", "\xC0\x80\x00", wire.MalformedPacket},
		{"five bytes of Remaining Length", "\x30\xFF\xFF\xFF\xFF\x01", wire.MalformedPacket},
		{"type 0", "\x00\x00", wire.MalformedPacket},
		{"AUTH", "\xF0\x00", wire.ProtocolError},
		{"CONNACK", "\x20\x03\x00\x00\x00", wire.ProtocolError},
		{"SUBACK", "\x90\x04\x00\x01\x00\x00", wire.ProtocolError},
		{"PINGRESP", "\xD0\x00", wire.ProtocolError},
		{"a second CONNECT", "\x10\x0e\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x01c", wire.ProtocolError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := connected(t, s, wire.V5, "c")
			c.sendBytes([]byte(tt.send)...)
			d := expect[*wire.Disconnect](c)
			if d.Code != tt.want {
				t.Fatalf("DISCONNECT 0x%02X, want 0x%02X", byte(d.Code), byte(tt.want))
			}
			if d.Properties.ReasonString == "" {
				t.Error("no Reason String")
			}
			c.expectClosed()
			old := connected(t, s, wire.V311, "old")
			old.sendBytes('\x36', 0x05, 0, 1, 'a', 0, 1)
			old.expectClosed() // without a DISCONNECT, which Servers of MQTT 3.1.1 do not have
		})
	}
	healthy.ping()
}

func TestTopicAliasesBelongToTheirConnection(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	alias := func(n uint16) *wire.Properties {
		return (&wire.Properties{TopicAlias: n}).Set(wire.PropTopicAlias)
	}
	sub := connected(t, s, wire.V5, "sub")
	sub.sub("#", 0)
	c := connected(t, s, wire.V5, "c")
	c.send(&wire.Publish{Topic: "a", Properties: alias(64)}, &wire.Publish{Topic: "b", Properties: alias(1)})
	c.send(&wire.Publish{Properties: alias(64)}, &wire.Publish{Topic: "c", Properties: alias(64)}, &wire.Publish{Properties: alias(64)})
	for _, want := range []string{"a", "b", "a", "c", "c"} {
		if p := sub.receive(); p.Topic != want || !p.Properties.Empty() {
			t.Fatalf("got %+v, want %s", p, want)
		}
	}
	again := connected(t, s, wire.V5, "c")
	again.send(&wire.Publish{Properties: alias(1)})
	again.expectDisconnect(wire.ProtocolError)
}

func TestPublishAcknowledgementsEchoNothing(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	p := &wire.Properties{UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}}}
	c.send(&wire.Publish{Topic: "a", QoS: 1, PacketID: 1, Properties: p})
	if ack := c.expectAck(wire.PUBACK, 1); !ack.Properties.Empty() {
		t.Fatalf("got %+v", ack.Properties)
	}
}

func TestAnAnnouncedLengthIsNotAllocated(t *testing.T) {
	s := brokertest.Start(t)
	before, after := runtime.MemStats{}, runtime.MemStats{}
	runtime.ReadMemStats(&before)
	huge := []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 'a'}
	var early, late []*raw
	for i := range 20 {
		c := dial(t, s, wire.V5)
		c.sendBytes(append([]byte{0x10}, huge[1:]...)...)
		early = append(early, c)
		c = connected(t, s, wire.V5, fmt.Sprint("c", i))
		c.sendBytes(huge...)
		late = append(late, c)
	}
	for _, c := range early {
		c.expectClosed() // too large for a packet before CONNECT
	}
	other := connected(t, s, wire.V5, "other")
	other.ping()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 32<<20 {
		t.Fatalf("%d MiB were allocated", got>>20)
	}
	for _, c := range late {
		c.drop()
	}
}

func TestTheMaximumPacketSizeIsEnforced(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxPacketSize: 200})
	c := connected(t, s, wire.V5, "c")
	c.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: make([]byte, 180)})
	c.send(&wire.Publish{Topic: "a", QoS: 1, PacketID: 1, Payload: make([]byte, 200)})
	c.expectDisconnect(wire.PacketTooLarge)
	early := dial(t, s, wire.V5)
	early.send(&wire.Connect{Version: wire.V5, ClientID: string(bytes.Repeat([]byte("x"), 200))})
	early.expectClosed()
}

func TestAClientThatDoesNotReadItsAnswersIsNotReadFrom(t *testing.T) {
	t.Parallel()
	for _, request := range []string{
		"\xC0\x00",         // PINGREQ
		"\x50\x02\x00\x07", // PUBREC for nothing, which is answered by PUBREL
		"\x62\x02\x00\x07", // PUBREL for nothing, which is answered by PUBCOMP
	} {
		s := brokertest.Start(t)
		c := connected(t, s, wire.V5, "c")
		flood := bytes.Repeat([]byte(request), 1<<15)
		sent := 0
		for {
			if err := c.conn.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, err := c.conn.Write(flood)
			sent += n
			if err != nil {
				break
			}
			if sent > 64<<20 {
				t.Fatalf("the broker takes any number of % x", request)
			}
		}
		other := connected(t, s, wire.V5, "other")
		other.ping()
	}
}

// TestFloodsLeaveTheBrokerServing sends random bytes, and packets with random changes, on many connections.
func TestFloodsLeaveTheBrokerServing(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	healthy := connected(t, s, wire.V5, "healthy")
	healthy.sub("healthy/#", 2)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		for range 5 {
			c := dial(t, s, wire.V5)
			if random.IntN(4) > 0 {
				c.send(&wire.Connect{Version: versions()[random.IntN(3)], ClientID: "flood", CleanStart: true})
			}
			flood := mutated(t, random)
			if random.IntN(4) == 0 {
				for i := range flood {
					flood[i] = byte(random.Uint32())
				}
			}
			_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
			_, _ = c.conn.Write(flood) // the broker may close at any byte
			c.drop()
		}
		healthy.publish(&wire.Publish{Topic: "healthy/x", QoS: 0, Payload: text("%d", seed)})
		healthy.receivePayload(fmt.Sprint(seed))
	}
	healthy.sub("b", 2)
	healthy.publish(&wire.Publish{Topic: "b", QoS: 0, Payload: []byte("x")})
	healthy.receivePayload("x")
}

// mutated returns some packets of all kinds, in which a few bytes are wrong.
func mutated(t *testing.T, random *rand.Rand) []byte {
	t.Helper()
	props := (&wire.Properties{ResponseTopic: "r", MessageExpiryInterval: 1, TopicAlias: 3}).
		Set(wire.PropResponseTopic, wire.PropMessageExpiryInterval, wire.PropTopicAlias)
	packets := []wire.Packet{
		&wire.Publish{Topic: "flood/a", QoS: 1, PacketID: 7, Payload: []byte("payload"), Properties: props, Retain: true},
		&wire.Publish{Topic: "flood/b", QoS: 2, PacketID: 8, Payload: make([]byte, 3000)},
		&wire.Publish{Topic: "flood/c", Payload: []byte("x")},
		&wire.Subscribe{PacketID: 9, Subscriptions: []wire.Subscription{{Filter: "flood/+", QoS: 2}, {Filter: "$share/g/flood/#", QoS: 1}}},
		&wire.Unsubscribe{PacketID: 10, Filters: []string{"flood/+"}},
		&wire.Ack{Kind: wire.PUBREL, PacketID: 8},
		&wire.Ack{Kind: wire.PUBREC, PacketID: 1},
		&wire.Ack{Kind: wire.PUBACK, PacketID: 1},
		&wire.Pingreq{},
	}
	var out []byte
	for range 50 {
		var err error
		if out, err = packets[random.IntN(len(packets))].Append(out, wire.V5); err != nil {
			t.Fatal(err)
		}
	}
	for range random.IntN(4) {
		out[random.IntN(len(out))] = byte(random.Uint32())
	}

	return out
}

func TestAClientIsSentNothingLargerThanItTakes(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	limit := func(n uint32) *wire.Properties {
		return (&wire.Properties{MaximumPacketSize: n}).Set(wire.PropMaximumPacketSize)
	}
	c := dial(t, s, wire.V5)
	c.send(&wire.Connect{Version: wire.V5, CleanStart: true, Properties: limit(20)}) // an assigned identifier takes more
	if ack := expect[*wire.Connack](c); ack.Code != wire.PacketTooLarge || ack.Properties != nil {
		t.Errorf("got %+v", ack)
	}
	c = dial(t, s, wire.V5)
	c.send(&wire.Connect{Version: wire.V5, CleanStart: true, ClientID: "c", Properties: limit(4)})
	if p, err := c.next(patience); err == nil {
		t.Errorf("%+v is larger than 4 bytes", p)
	}
	c = dial(t, s, wire.V5)
	c.connect(&wire.Connect{ClientID: "c", CleanStart: true, Properties: limit(30)})
	subscribe := &wire.Subscribe{PacketID: 1}
	for i := range 30 {
		subscribe.Subscriptions = append(subscribe.Subscriptions, wire.Subscription{Filter: fmt.Sprint(i)})
	}
	c.send(subscribe)
	if d := expect[*wire.Disconnect](c); d.Code != wire.PacketTooLarge {
		t.Errorf("got %+v", d)
	}
}
