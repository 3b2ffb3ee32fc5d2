package broker_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func receiveMaximum(n uint16) *wire.Properties {
	return (&wire.Properties{ReceiveMaximum: n}).Set(wire.PropReceiveMaximum)
}

func maximumPacketSize(n uint32) *wire.Properties {
	return (&wire.Properties{MaximumPacketSize: n}).Set(wire.PropMaximumPacketSize)
}

// publishMany sends n messages at QoS 1 that count from first and waits for all acknowledgements.
func publishMany(c *raw, topic string, first, n int) {
	c.t.Helper()
	for i := range n {
		c.send(&wire.Publish{Topic: topic, QoS: 1, PacketID: uint16(i + 1), Payload: text("%d", first+i)})
	}
	for i := range n {
		c.expectAck(wire.PUBACK, uint16(i+1))
	}
}

func TestReceiveMaximumIsHonouredWithoutStallOrReordering(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, tt := range []struct {
		qos    byte
		window uint16
		n      int
	}{{1, 10, 2000}, {1, 1, 200}, {2, 5, 800}, {2, 1, 200}} {
		t.Run(fmt.Sprintf("qos %d window %d", tt.qos, tt.window), func(t *testing.T) {
			sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
			sub.connect(&wire.Connect{ClientID: "sub", CleanStart: true, Properties: receiveMaximum(tt.window)})
			sub.sub("a", tt.qos)
			for i := range tt.n {
				pub.publish(&wire.Publish{Topic: "a", QoS: tt.qos, Payload: text("%d", i)})
			}
			var window []*wire.Publish
			for i := range int(tt.window) {
				p := expect[*wire.Publish](sub)
				if string(p.Payload) != fmt.Sprint(i) {
					t.Fatalf("got %q as number %d", p.Payload, i)
				}
				window = append(window, p)
			}
			sub.ping() // nothing beyond the window comes before an acknowledgement
			for _, p := range window {
				kind := wire.PUBACK
				if tt.qos == 2 {
					kind = wire.PUBREC
				}
				sub.send(&wire.Ack{Kind: kind, PacketID: p.PacketID})
			}
			if tt.qos == 2 {
				for _, p := range window {
					sub.expectAck(wire.PUBREL, p.PacketID)
				}
				sub.ping() // PUBREC gives nothing free, PUBCOMP does
				for _, p := range window {
					sub.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: p.PacketID})
				}
			}
			sub.collectInOrder(int(tt.window), tt.n-int(tt.window))
			// And later messages come, too.
			pub.publish(&wire.Publish{Topic: "a", QoS: tt.qos, Payload: text("%d", tt.n)})
			sub.collectInOrder(tt.n, 1)
		})
	}
}

func TestARefusedQoS2MessageFreesItsPlaceInTheWindow(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	sub.connect(&wire.Connect{ClientID: "sub", CleanStart: true, Properties: receiveMaximum(1)})
	sub.sub("a", 2)
	for i := range 3 {
		pub.publish(&wire.Publish{Topic: "a", QoS: 2, Payload: text("%d", i)})
	}
	for i := range 3 {
		p := expect[*wire.Publish](sub)
		if string(p.Payload) != fmt.Sprint(i) {
			t.Fatalf("got %q as number %d", p.Payload, i)
		}
		sub.send(&wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID, Code: wire.QuotaExceeded})
	}
	sub.ping()
}

func TestASlowSubscriberDelaysNeitherThePublisherNorOthers(t *testing.T) {
	t.Parallel()
	for qos := range byte(3) {
		t.Run(fmt.Sprintf("qos %d", qos), func(t *testing.T) {
			t.Parallel()
			s := brokertest.Start(t)
			slow, fast, pub := connected(t, s, wire.V5, "slow"), connected(t, s, wire.V5, "fast"), connected(t, s, wire.V5, "pub")
			slow.sub("a", qos)
			fast.sub("a", qos)
			const n = 6000 // of 4 KiB: far more than socket buffers hold
			payload := bytes.Repeat([]byte("x"), 4096)
			received := make(chan int)
			go func() {
				defer close(received) // also when collect has given up
				received <- len(fast.collect(n))
			}()
			for range n {
				pub.publish(&wire.Publish{Topic: "a", QoS: qos, Payload: payload})
			}
			if got := <-received; got != n {
				t.Fatalf("the fast subscriber got %d of %d", got, n)
			}
		})
	}
}

func TestBeyondTheQueueLimitAConnectedClientIsToldAndLosesNothingElse(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxQueuedMessages: 100})
	slow, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	props := receiveMaximum(1)
	props.SessionExpiryInterval = 60
	slow.connect(&wire.Connect{ClientID: "slow", CleanStart: true, Properties: props.Set(wire.PropSessionExpiryInterval)})
	slow.sub("a", 1)
	expectQueued := func(n int) { publishMany(pub, "a", 0, n) }
	expectQueued(1)
	first := expect[*wire.Publish](slow)
	for i := 1; i <= 100; i++ {
		pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: text("%d", i)})
	}
	slow.ping()
	pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: []byte("too much")})
	slow.expectDisconnect(wire.QuotaExceeded)
	if got := s.Broker.Stats().MessagesDropped; got != 1 {
		t.Fatalf("%d dropped, want 1", got)
	}
	s.WaitDisconnected("slow")
	pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: []byte("too much")})
	if got := s.Broker.Stats().MessagesDropped; got != 2 {
		t.Fatalf("%d dropped, want 2", got)
	}
	again := dial(t, s, wire.V5)
	if !again.connect(&wire.Connect{ClientID: "slow"}).SessionPresent {
		t.Fatal("the Session is gone")
	}
	if p := again.receivePayload(string(first.Payload)); !p.Dup || p.PacketID != first.PacketID {
		t.Fatalf("redelivered as %+v", p)
	}
	again.collectInOrder(1, 100)
}

func TestQoS0BeyondTheQueueLimitIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxQueuedMessages: 10})
	sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	sub.connect(&wire.Connect{ClientID: "sub", CleanStart: true, Properties: receiveMaximum(1)})
	sub.sub("a", 1)
	publishMany(pub, "a", 0, 2)
	first := expect[*wire.Publish](sub) // the next one is stuck, and what comes after it waits in order
	for i := range 20 {
		pub.send(&wire.Publish{Topic: "a", Payload: text("%d", 2+i)})
	}
	pub.ping()
	if got := s.Broker.Stats().MessagesDropped; got != 11 {
		t.Fatalf("%d dropped, want 11", got)
	}
	sub.send(&wire.Ack{Kind: wire.PUBACK, PacketID: first.PacketID})
	sub.collectInOrder(1, 10)
	sub.ping()
}

func TestTheQueueIsBoundedInBytesAndTakesOneMessageOfAnySize(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxQueuedBytes: 1000})
	sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	sub.connect(&wire.Connect{ClientID: "sub", CleanStart: true, Properties: expiry(60)})
	sub.sub("a", 1)
	sub.disconnect()
	s.WaitDisconnected("sub")
	for range 3 {
		pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: make([]byte, 5000)})
	}
	again := dial(t, s, wire.V5)
	again.connect(&wire.Connect{ClientID: "sub"})
	again.collect(1)
	again.ping()
	if got := s.Broker.Stats().MessagesDropped; got != 2 {
		t.Fatalf("%d dropped, want 2", got)
	}
}

func TestAMessageTooLargeForTheClientIsLeftOutAndOthersAreNotHeldUp(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for qos := range byte(3) {
		sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
		sub.connect(&wire.Connect{ClientID: "sub", CleanStart: true, Properties: maximumPacketSize(100)})
		sub.sub("a", qos)
		for _, size := range []int{10, 80, 200, 20, 200} { // the last of the burst is one of those
			pub.publish(&wire.Publish{Topic: "a", QoS: qos, Payload: make([]byte, size)})
		}
		pub.ping() // the last one has come, too, which nobody acknowledges at QoS 0
		for i, p := range sub.collect(3) {
			if want := []int{10, 80, 20}[i]; len(p.Payload) != want {
				t.Fatalf("got %d bytes, want %d", len(p.Payload), want)
			}
		}
		sub.ping()
	}
	if got := s.Broker.Stats().MessagesDropped; got != 6 {
		t.Fatalf("%d dropped, want 6", got)
	}
}

func TestPacketIdentifiersOfClientAndServerAreSeparate(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c, pub := connected(t, s, wire.V5, "c"), connected(t, s, wire.V5, "pub")
	c.sub("a", 2)
	c.sub("self", 1)
	pub.publish(&wire.Publish{Topic: "a", QoS: 2, Payload: []byte("1")})
	open := expect[*wire.Publish](c)
	// Everything that the client can begin with the same identifier works, and leaves the server's message alone.
	c.send(&wire.Subscribe{PacketID: open.PacketID, Subscriptions: []wire.Subscription{{Filter: "b"}}})
	if ack := expect[*wire.Suback](c); ack.PacketID != open.PacketID || ack.Codes[0] != wire.Success {
		t.Fatalf("got %+v", ack)
	}
	c.send(&wire.Unsubscribe{PacketID: open.PacketID, Filters: []string{"b"}})
	expect[*wire.Unsuback](c)
	c.send(&wire.Publish{Topic: "x", QoS: 1, PacketID: open.PacketID})
	c.expectAck(wire.PUBACK, open.PacketID)
	c.send(&wire.Publish{Topic: "x", QoS: 2, PacketID: open.PacketID})
	c.expectAck(wire.PUBREC, open.PacketID)
	c.send(&wire.Ack{Kind: wire.PUBREL, PacketID: open.PacketID})
	c.expectAck(wire.PUBCOMP, open.PacketID)
	c.send(&wire.Ack{Kind: wire.PUBREC, PacketID: open.PacketID})
	if rel := c.expectAck(wire.PUBREL, open.PacketID); rel.Code != wire.Success {
		t.Fatalf("the server's message is gone: PUBREL 0x%02X", byte(rel.Code))
	}
	c.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: open.PacketID})
	c.ping()
}

func TestAcknowledgementsOfNothingAreHarmless(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	c.send(&wire.Ack{Kind: wire.PUBACK, PacketID: 9}, &wire.Ack{Kind: wire.PUBCOMP, PacketID: 9})
	c.send(&wire.Ack{Kind: wire.PUBREC, PacketID: 9})
	if rel := c.expectAck(wire.PUBREL, 9); rel.Code != wire.PacketIdentifierNotFound {
		t.Fatalf("PUBREL 0x%02X", byte(rel.Code))
	}
	c.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 9})
	if comp := c.expectAck(wire.PUBCOMP, 9); comp.Code != wire.PacketIdentifierNotFound {
		t.Fatalf("PUBCOMP 0x%02X", byte(comp.Code))
	}
}

func TestTheWrongAcknowledgementEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c, pub := connected(t, s, wire.V5, "c"), connected(t, s, wire.V5, "pub")
	c.sub("a", 2)
	pub.publish(&wire.Publish{Topic: "a", QoS: 2})
	p := expect[*wire.Publish](c)
	c.send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
	c.expectDisconnect(wire.ProtocolError)
}

func TestOurReceiveMaximumIsEnforced(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{ReceiveMaximum: 2})
	c := connected(t, s, wire.V5, "c")
	for id := range uint16(3) {
		c.send(&wire.Publish{Topic: "a", QoS: 2, PacketID: id + 1})
	}
	c.expectAck(wire.PUBREC, 1)
	c.expectAck(wire.PUBREC, 2)
	c.expectDisconnect(wire.ReceiveMaximumExceeded)
}

func TestPacketIdentifiersGoRoundAndPassOverThoseInUse(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub, pub := connected(t, s, wire.V5, "sub"), connected(t, s, wire.V5, "pub")
	sub.sub("a", 2)
	publishMany(pub, "a", 0, 2) // identifiers 1 and 2, never acknowledged
	got := []*wire.Publish{expect[*wire.Publish](sub), expect[*wire.Publish](sub)}
	s.Broker.SetLastPacketID("sub", 65_533)
	publishMany(pub, "a", 2, 4)
	for i, want := range []uint16{1, 2, 65_534, 65_535, 3, 4} {
		if i >= len(got) {
			got = append(got, expect[*wire.Publish](sub))
		}
		if p := got[i]; p.PacketID != want || string(p.Payload) != fmt.Sprint(i) {
			t.Fatalf("got %d for message %q, want %d", p.PacketID, p.Payload, want)
		}
	}
}
