package broker_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// inside is what a test in fake time works with.
type inside struct {
	t *testing.T
	b *broker.Broker
}

// bubble runs f with a broker in fake time.
func bubble(t *testing.T, cfg broker.Config, f func(in inside)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(cfg)
		f(inside{t, b})
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// pass lets fake time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestOfflineMessagesComeInOrderAndAreNoDuplicates(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		id := "sub" + v.String()
		sub, pub := dial(t, s, v), connected(t, s, wire.V5, "pub")
		persistent := func() *wire.Connect {
			if v == wire.V5 {
				return &wire.Connect{ClientID: id, Properties: expiry(60)}
			}

			return &wire.Connect{ClientID: id}
		}
		if sub.connect(persistent()).SessionPresent {
			t.Fatal("there is a Session at first")
		}
		sub.sub(id, 2)
		sub.disconnect()
		s.WaitDisconnected(id)
		for i := range 500 {
			pub.publish(&wire.Publish{Topic: id, QoS: byte(1 + i%2), Payload: text("%d", i)})
			pub.send(&wire.Publish{Topic: id, Payload: []byte("QoS 0 is not kept")})
		}
		pub.ping()
		again := dial(t, s, v)
		if present := again.connect(persistent()).SessionPresent; present != (v > wire.V31) {
			t.Fatalf("%v: Session Present %v", v, present)
		}
		for i, p := range again.collect(500) {
			if string(p.Payload) != fmt.Sprint(i) || p.Dup {
				t.Fatalf("%v: message %d: %q, DUP %v", v, i, p.Payload, p.Dup)
			}
		}
		again.ping()
	}
}

func TestUnacknowledgedMessagesAreResentInOrderWithDup(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	sub.connect(&wire.Connect{ClientID: "sub", Properties: expiry(60)})
	sub.sub("a", 2)
	for i := range 6 {
		pub.publish(&wire.Publish{Topic: "a", QoS: byte(1 + i%2), Payload: text("%d", i)})
	}
	var ids []uint16
	for range 6 {
		ids = append(ids, expect[*wire.Publish](sub).PacketID)
	}
	sub.send(&wire.Ack{Kind: wire.PUBACK, PacketID: ids[2]}) // done
	sub.send(&wire.Ack{Kind: wire.PUBREC, PacketID: ids[3]}) // on its way
	sub.expectAck(wire.PUBREL, ids[3])
	sub.send(&wire.Ack{Kind: wire.PUBREC, PacketID: ids[1]})
	sub.expectAck(wire.PUBREL, ids[1])
	sub.drop()
	s.WaitDisconnected("sub")
	pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: []byte("6")})

	again := dial(t, s, wire.V5)
	again.connect(&wire.Connect{ClientID: "sub", Properties: receiveMaximum(2)})
	again.expectAck(wire.PUBREL, ids[3])
	again.expectAck(wire.PUBREL, ids[1])
	for _, i := range []int{0, 4, 5} {
		p := expect[*wire.Publish](again)
		if string(p.Payload) != fmt.Sprint(i) || !p.Dup || p.PacketID != ids[i] {
			t.Fatalf("message %d was resent as %+v", i, p)
		}
		if i == 4 {
			again.ping() // the new, smaller Receive Maximum holds
			again.send(&wire.Ack{Kind: wire.PUBACK, PacketID: ids[0]})
		}
	}
	again.send(&wire.Ack{Kind: wire.PUBACK, PacketID: ids[4]})
	if p := expect[*wire.Publish](again); string(p.Payload) != "6" || p.Dup {
		t.Fatalf("the queued message came as %+v", p)
	}
	again.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: ids[3]}, &wire.Ack{Kind: wire.PUBCOMP, PacketID: ids[1]})
	again.ping()
}

func TestAQoS2MessageRepeatedAfterAReconnectIsAcknowledgedAndNotDeliveredAgain(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		id := "pub" + v.String()
		sub, pub := connected(t, s, wire.V5, "sub"), dial(t, s, v)
		sub.sub("a", 0)
		connect := wire.Connect{ClientID: id}
		if v == wire.V5 {
			connect.Properties = expiry(60)
		}
		pub.connect(&connect)
		pub.send(&wire.Publish{Topic: "a", QoS: 2, PacketID: 7, Payload: []byte("once")})
		pub.expectAck(wire.PUBREC, 7)
		pub.send(&wire.Publish{Topic: "a", QoS: 2, PacketID: 7, Payload: []byte("once"), Dup: true})
		pub.expectAck(wire.PUBREC, 7)
		pub.drop()
		again := dial(t, s, v)
		again.connect(&connect)
		again.send(&wire.Publish{Topic: "a", QoS: 2, PacketID: 7, Payload: []byte("once"), Dup: true})
		if rec := again.expectAck(wire.PUBREC, 7); rec.Code != wire.Success {
			t.Fatalf("PUBREC 0x%02X", byte(rec.Code))
		}
		again.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 7})
		if comp := again.expectAck(wire.PUBCOMP, 7); comp.Code != wire.Success {
			t.Fatalf("PUBCOMP 0x%02X", byte(comp.Code))
		}
		sub.receivePayload("once")
		sub.quiet()
	}
}

func TestAnEndedSessionLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		c := pipe(t, b, wire.V5)
		c.connect(&wire.Connect{ClientID: "c", Properties: expiry(10)})
		c.sub("a/#", 1)
		c.sub("$share/g/a/b", 1)
		c.disconnect()
		pass(9 * time.Second)
		if got := b.Stats(); got.Sessions != 1 || got.Subscriptions != 2 {
			t.Fatalf("after 9 s: %+v", got)
		}
		pass(2 * time.Second)
		if got := b.Stats(); got != (broker.Stats{}) || b.SubscribedFilters() != 0 {
			t.Fatalf("after 11 s: %+v and %d filters", got, b.SubscribedFilters())
		}
		// A later client of that name has no ghost subscriptions.
		again, pub := pipe(t, b, wire.V5), pipe(t, b, wire.V5)
		if again.connect(&wire.Connect{ClientID: "c"}).SessionPresent {
			t.Fatal("the Session is still there")
		}
		pub.connect(&wire.Connect{ClientID: "pub"})
		if code := pub.publish(&wire.Publish{Topic: "a/b", QoS: 1}); code != wire.NoMatchingSubscribers {
			t.Fatalf("code 0x%02X", byte(code))
		}
		again.ping()
	})
}

func TestTheClockOfASessionStopsWhenTheClientIsBack(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		for range 3 {
			c := pipe(t, b, wire.V5)
			c.connect(&wire.Connect{ClientID: "c", Properties: expiry(10)})
			pass(time.Minute)
			c.disconnect()
			pass(6 * time.Second)
		}
		if b.Stats().Sessions != 1 {
			t.Fatal("the Session has expired")
		}
		c := pipe(t, b, wire.V311)
		if !c.connect(&wire.Connect{ClientID: "c"}).SessionPresent { // from now on it does not expire
			t.Fatal("the Session is gone")
		}
		c.disconnect()
		pass(1000 * time.Hour)
		if b.Stats().Sessions != 1 {
			t.Fatal("a Session of MQTT 3.1.1 has expired")
		}
	})
}

func TestDisconnectMayChangeTheSessionExpiryButNotFromZero(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		c := pipe(t, b, wire.V5)
		c.connect(&wire.Connect{ClientID: "c", Properties: expiry(10)})
		c.send(&wire.Disconnect{Properties: expiry(100)})
		c.expectClosed()
		pass(50 * time.Second)
		if b.Stats().Sessions != 1 {
			t.Fatal("the Session has expired")
		}
		pass(51 * time.Second)
		if b.Stats().Sessions != 0 {
			t.Fatal("the Session has not expired")
		}
		c = pipe(t, b, wire.V5)
		c.connect(&wire.Connect{ClientID: "c"})
		c.send(&wire.Disconnect{Properties: expiry(100)})
		c.expectDisconnect(wire.ProtocolError)
	})
}

func TestCleanStartEndsTheOldSession(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := dial(t, s, wire.V5)
	c.connect(&wire.Connect{ClientID: "c", Properties: expiry(60)})
	c.sub("a", 1)
	c.disconnect()
	s.WaitDisconnected("c")
	pub := connected(t, s, wire.V5, "pub")
	pub.publish(&wire.Publish{Topic: "a", QoS: 1})
	again := dial(t, s, wire.V5)
	if again.connect(&wire.Connect{ClientID: "c", CleanStart: true}).SessionPresent {
		t.Fatal("Session Present after Clean Start")
	}
	if code := pub.publish(&wire.Publish{Topic: "a", QoS: 1}); code != wire.NoMatchingSubscribers {
		t.Fatalf("code 0x%02X", byte(code))
	}
	again.ping()
}

func TestTakeoverTellsOnlyMQTT5Clients(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		id := "c" + v.String()
		old := connected(t, s, v, id)
		fresh := connected(t, s, v, id)
		if v == wire.V5 {
			old.expectDisconnect(wire.SessionTakenOver)
		} else {
			old.expectClosed()
		}
		fresh.ping()
	}
}

func TestTakeoverOfAStalledClientIsPrompt(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		stalled, pub := pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5)
		stalled.connect(&wire.Connect{ClientID: "c", Properties: expiry(60)})
		stalled.sub("a", 0)
		pub.connect(&wire.Connect{ClientID: "pub"})
		for range 100 { // one is enough: nothing fits between us, and the writer is stuck
			pub.send(&wire.Publish{Topic: "a", Payload: make([]byte, 10_000)})
		}
		pub.ping()
		begun := time.Now()
		fresh := pipe(in.t, in.b, wire.V5)
		if !fresh.connect(&wire.Connect{ClientID: "c"}).SessionPresent {
			in.t.Fatal("the Session is gone")
		}
		if took := time.Since(begun); took > 0 {
			in.t.Fatalf("CONNACK after %v", took)
		}
		pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: []byte("x")})
		fresh.receivePayload("x")
	})
}

func TestManyTakeoversLeaveOneLivingClient(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	const n = 50
	done := make(chan struct{})
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			c := dial(t, s, wire.V5)
			c.send(&wire.Connect{Version: wire.V5, ClientID: "c", Properties: expiry(60)})
			for {
				if _, err := c.next(patience); err != nil || s.Broker.Stats().Clients == 0 {
					return
				}
			}
		}()
	}
	for range n - 1 {
		<-done
	}
	last := dial(t, s, wire.V5)
	last.connect(&wire.Connect{ClientID: "c"})
	<-done
	last.sub("a", 1)
	last.publish(&wire.Publish{Topic: "a", QoS: 0, Payload: []byte("x")})
	last.receivePayload("x")
	if got := s.Broker.Stats(); got.Clients != 1 || got.Sessions != 1 {
		t.Fatalf("got %+v", got)
	}
}

func TestMessagesToAResumedSessionCarryTheirTopic(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	props := func() *wire.Properties {
		p := expiry(60)
		p.TopicAliasMaximum = 10

		return p.Set(wire.PropTopicAliasMaximum)
	}
	sub.connect(&wire.Connect{ClientID: "sub", Properties: props()})
	sub.sub("a", 1)
	publishMany(pub, "a", 0, 3)
	for range 3 {
		expect[*wire.Publish](sub)
	}
	sub.drop()
	again := dial(t, s, wire.V5)
	again.connect(&wire.Connect{ClientID: "sub", Properties: props()})
	for i, p := range again.collect(3) {
		// The Topic Aliases of the last connection are gone [MQTT-3.3.2-7].
		if want := []string{"a", "", ""}[i]; p.Topic != want || p.Properties.TopicAlias != 1 {
			t.Fatalf("message %d was resent to topic %q, alias %d", i, p.Topic, p.Properties.TopicAlias)
		}
	}
}
