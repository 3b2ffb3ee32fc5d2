package broker_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func messageExpiry(seconds uint32) *wire.Properties {
	return (&wire.Properties{MessageExpiryInterval: seconds}).Set(wire.PropMessageExpiryInterval)
}

// retainMany retains n messages at QoS 1 in the order of their topics.
func retainMany(c *raw, n int, format string) {
	c.t.Helper()
	const window = 1000
	for from := 0; from < n; from += window {
		for i := from; i < min(n, from+window); i++ {
			payload := text(format, i)
			if !strings.Contains(format, "%") {
				payload = []byte(format)
			}
			c.send(&wire.Publish{Topic: fmt.Sprintf("r/%06d", i), QoS: 1, PacketID: uint16(i%window + 1), Retain: true, Payload: payload})
		}
		for i := from; i < min(n, from+window); i++ {
			c.expectAck(wire.PUBACK, uint16(i%window+1))
		}
	}
}

func TestRetainedMessagesComeAfterSuback(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	pub := connected(t, s, wire.V5, "pub")
	for i := range 3 {
		pub.publish(&wire.Publish{Topic: fmt.Sprint("r/", i), QoS: byte(i), Retain: true, Payload: text("%d", i)})
	}
	pub.publish(&wire.Publish{Topic: "r/1", QoS: 1, Retain: true, Payload: []byte("1")}) // replaces
	for _, v := range versions() {
		c := connected(t, s, v, "c"+v.String())
		c.sub("r/#", 1)
		for i, p := range c.collect(3) {
			if string(p.Payload) != fmt.Sprint(i) || !p.Retain || p.QoS != min(1, byte(i)) {
				t.Errorf("%v: got %+v", v, p)
			}
		}
		c.ping()
	}
	pub.publish(&wire.Publish{Topic: "r/1", QoS: 1, Retain: true})
	c := connected(t, s, wire.V5, "c")
	c.sub("r/#", 0)
	c.receivePayload("0")
	c.receivePayload("2")
	c.quiet()
	if got := s.Broker.Stats().Retained; got != 2 {
		t.Fatalf("%d retained", got)
	}
}

func TestRetainHandling(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	c.publish(&wire.Publish{Topic: "r", QoS: 1, Retain: true, Payload: []byte("x")})
	for i, tt := range []struct {
		handling byte
		comes    bool
	}{{2, false}, {1, false}, {0, true}, {0, true}, {1, false}} {
		c.subscribe(wire.Subscription{Filter: "r", RetainHandling: tt.handling})
		if tt.comes {
			c.receivePayload("x")
		}
		c.quiet()
		if i == 4 {
			c.send(&wire.Unsubscribe{PacketID: 1, Filters: []string{"r"}})
			expect[*wire.Unsuback](c)
		}
	}
	c.subscribe(wire.Subscription{Filter: "r", RetainHandling: 1}) // a new subscription
	c.receivePayload("x")
	c.sub("$share/g/r", 0)
	c.quiet()
}

func TestRetainAsPublishedKeepsTheFlag(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	a, b, pub := connected(t, s, wire.V5, "a"), connected(t, s, wire.V5, "b"), connected(t, s, wire.V311, "pub")
	a.subscribe(wire.Subscription{Filter: "r", RetainAsPublished: true})
	b.subscribe(wire.Subscription{Filter: "r"})
	for _, retain := range []bool{true, false} {
		pub.publish(&wire.Publish{Topic: "r", QoS: 1, Retain: retain, Payload: []byte("x")})
		if got := a.receive().Retain; got != retain {
			t.Errorf("as published: %v for %v", got, retain)
		}
		if b.receive().Retain {
			t.Errorf("RETAIN is set on a live message")
		}
	}
}

func TestMessageExpiryCountsDownAndEnds(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		pub, off := pipe(t, b, wire.V5), pipe(t, b, wire.V5)
		pub.connect(&wire.Connect{ClientID: "pub"})
		off.connect(&wire.Connect{ClientID: "off", Properties: expiry(1 << 30)})
		off.sub("#", 1)
		off.disconnect()
		pub.publish(&wire.Publish{Topic: "r/long", QoS: 1, Retain: true, Payload: []byte("x"), Properties: messageExpiry(100)})
		pub.publish(&wire.Publish{Topic: "r/short", QoS: 1, Retain: true, Payload: []byte("x"), Properties: messageExpiry(10)})
		pub.publish(&wire.Publish{Topic: "r/ever", QoS: 1, Retain: true, Payload: []byte("x")})
		pass(30*time.Second + 500*time.Millisecond)
		if got := b.Stats().Retained; got != 2 {
			t.Fatalf("%d retained", got)
		}
		sub := pipe(t, b, wire.V5)
		sub.connect(&wire.Connect{ClientID: "sub"})
		sub.sub("r/#", 1)
		off = pipe(t, b, wire.V5)
		off.connect(&wire.Connect{ClientID: "off", Properties: expiry(1 << 30)})
		for _, c := range []*raw{sub, off} {
			got := map[string]*wire.Properties{}
			for _, p := range c.collect(2) {
				got[p.Topic] = p.Properties
			}
			if n := got["r/long"].MessageExpiryInterval; n != 70 || got["r/ever"].Has(wire.PropMessageExpiryInterval) {
				t.Fatalf("%d seconds left, %+v", n, got)
			}
			c.ping()
		}
		if got := b.Stats().MessagesExpired; got != 1 {
			t.Fatalf("%d expired", got)
		}
		pass(1000 * time.Hour) // without an expiry a Retained Message stays
		if got := b.Stats().Retained; got != 1 {
			t.Fatalf("%d retained", got)
		}
	})
}

func TestAReplacedRetainedMessageDoesNotExpireItsSuccessor(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		c := pipe(t, b, wire.V5)
		c.connect(&wire.Connect{ClientID: "c"})
		c.publish(&wire.Publish{Topic: "r", QoS: 1, Retain: true, Payload: []byte("x"), Properties: messageExpiry(10)})
		c.publish(&wire.Publish{Topic: "r", QoS: 1, Retain: true, Payload: []byte("y"), Properties: messageExpiry(20)})
		pass(15 * time.Second)
		c.sub("r", 0)
		if got := c.receivePayload("y").Properties.MessageExpiryInterval; got != 5 {
			t.Fatalf("%d seconds left", got)
		}
	})
}

func TestAnyNumberOfRetainedMessagesIsDelivered(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxQueuedMessages: 100})
	const n = 20_000
	retainMany(connected(t, s, wire.V5, "pub"), n, "%d")
	sub := dial(t, s, wire.V5) // only now: who does not send CONNECT for ten seconds is given up
	sub.connect(&wire.Connect{ClientID: "sub", Properties: receiveMaximum(10)})
	sub.sub("r/+", 2)
	sub.collectInOrder(0, n)
	sub.ping()
	sub.sub("s/+", 1) // nothing
	sub.quiet()
	if got := s.Broker.Stats().MessagesDropped; got != 0 || s.Broker.ActiveReplays() != 0 {
		t.Fatalf("%d dropped, %d replays", got, s.Broker.ActiveReplays())
	}
}

// TestTheLastMessageSeenIsTheRetainedOne has several publishers write the same topics at once, and subscribers come in
// between: each must see, last of all, what is retained in the end, and the Retained Message first and once.
func TestTheLastMessageSeenIsTheRetainedOne(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	const topics, rounds, publishers, subscribers = 20, 100, 4, 6
	seed := connected(t, s, wire.V5, "seed")
	for i := range topics {
		seed.publish(&wire.Publish{Topic: fmt.Sprint("r/", i), QoS: 1, Retain: true, Payload: []byte("seed")})
	}
	var writers sync.WaitGroup
	for w := range publishers {
		pub := connected(t, s, wire.V5, fmt.Sprint("pub", w))
		writers.Go(func() {
			for round := range rounds {
				for i := range topics {
					pub.send(&wire.Publish{Topic: fmt.Sprint("r/", i), Retain: true, Payload: text("%d-%d", w, round)})
				}
			}
			pub.ping()
		})
	}
	last := make([]map[string]string, subscribers)
	var readers sync.WaitGroup
	for i := range subscribers {
		sub := connected(t, s, wire.V5, fmt.Sprint("sub", i))
		sub.sub("end", 0)
		sub.sub("r/+", 2)
		readers.Go(func() { last[i] = lastSeen(sub) })
	}
	writers.Wait()
	seed.publish(&wire.Publish{Topic: "end", QoS: 1})
	readers.Wait()
	truth := connected(t, s, wire.V5, "truth")
	truth.sub("r/+", 0)
	for range topics {
		p := truth.receive()
		for i := range subscribers {
			if got := last[i][p.Topic]; got != string(p.Payload) {
				t.Errorf("subscriber %d saw %q last on %s, %q is retained", i, got, p.Topic, p.Payload)
			}
		}
	}
}

// lastSeen reads up to the message to "end". On each topic a Retained Message must come first and once.
func lastSeen(c *raw) map[string]string {
	last := map[string]string{}
	for {
		p := c.receive()
		if p.Topic == "end" {
			return last
		}
		if _, seen := last[p.Topic]; seen == p.Retain {
			c.t.Errorf("%s: RETAIN %v, seen before %v", p.Topic, p.Retain, seen)
		}
		if last[p.Topic] == string(p.Payload) {
			c.t.Errorf("%s: %q twice", p.Topic, p.Payload)
		}
		last[p.Topic] = string(p.Payload)
	}
}

func TestAReplayShowsTheStoreAsItWasWhenTheSubscriptionBegan(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	pub := connected(t, s, wire.V5, "pub")
	const n = 1000
	retainMany(pub, n, "old")
	sub := dial(t, s, wire.V5)
	sub.connect(&wire.Connect{ClientID: "sub", Properties: receiveMaximum(1)})
	sub.sub("r/+", 1)
	sub.collect(10) // under way
	retainMany(pub, n, "new")
	retainMany(pub, n, "new")
	pub.publish(&wire.Publish{Topic: "r/000500", QoS: 1, Retain: true})
	old := 10
	for range n - 10 - 1 + 2*n + 1 {
		switch p := sub.receive(); {
		case p.Retain && string(p.Payload) == "old":
			old++
		case p.Retain || old < n-1:
			t.Fatalf("got %+v after %d of the old", p, old)
		}
	}
	sub.ping()
	if got := s.Broker.ActiveReplays(); got != 0 {
		t.Fatalf("%d replays", got)
	}
}

func TestAReplayEndsWithItsSession(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	pub := connected(t, s, wire.V5, "pub")
	retainMany(pub, 100, "x")
	pub.publish(&wire.Publish{Topic: "r/x", QoS: 1, Retain: true, Payload: []byte("x")})
	sub := dial(t, s, wire.V5)
	sub.connect(&wire.Connect{ClientID: "sub", Properties: receiveMaximum(1)})
	sub.subscribe(wire.Subscription{Filter: "r/x", QoS: 1}, wire.Subscription{Filter: "r/#", QoS: 0}, wire.Subscription{Filter: "#", QoS: 1})
	expect[*wire.Publish](sub)
	sub.drop()
	s.WaitDisconnected("sub")
	if got := s.Broker.ActiveReplays(); got != 0 {
		t.Fatalf("%d replays", got)
	}
}

func TestAReplayGoesOnInAResumedSession(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	pub := connected(t, s, wire.V5, "pub")
	const n = 300
	for i := range n {
		pub.publish(&wire.Publish{Topic: fmt.Sprintf("r/%03d", i), QoS: 1, Retain: true, Payload: text("%d", i)})
	}
	props := receiveMaximum(1)
	props.SessionExpiryInterval = 60
	sub := dial(t, s, wire.V5)
	sub.connect(&wire.Connect{ClientID: "sub", Properties: props.Set(wire.PropSessionExpiryInterval)})
	sub.sub("r/#", 1)
	sub.collectInOrder(0, 100)
	sub.drop()
	again := dial(t, s, wire.V5)
	again.connect(&wire.Connect{ClientID: "sub"})
	first := again.receive()
	if string(first.Payload) == "99" { // its acknowledgement may not have been read
		first = again.receive()
	}
	if string(first.Payload) != "100" {
		t.Fatalf("went on with %q", first.Payload)
	}
	again.collectInOrder(101, n-101)
	again.ping()
}
