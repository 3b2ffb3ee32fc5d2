package broker_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestInvalidFiltersAreRefusedAndTheConnectionLives(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		c := connected(t, s, v, "c"+v.String())
		want := wire.TopicFilterInvalid
		if v < wire.V5 {
			want = wire.UnspecifiedError
		}
		for _, filter := range []string{"a#", "a+/b", "++", "a/#/b", "$share//a", "$share/g", "$share/g/", "$share/+/a"} {
			codes := c.subscribe(wire.Subscription{Filter: "good"}, wire.Subscription{Filter: filter, QoS: 1})
			if codes[0] != wire.Success || codes[1] != want {
				t.Errorf("%v: %q: SUBACK %v", v, filter, codes)
			}
		}
		c.ping()
	}
}

func TestFiltersThatOnlyLookSpecialAreOrdinary(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	for _, filter := range []string{"$SHARE/g/a", "$shared/g/a", "$share", "/", "//", "a//b", " "} {
		c.sub(filter, 0)
	}
	if got := s.Broker.Stats().Subscriptions; got != 7 {
		t.Fatalf("%d subscriptions", got)
	}
}

func TestWildcardsMatchAsSpecified(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	pub := connected(t, s, wire.V5, "pub")
	for _, tt := range []struct {
		filter, topic string
		match         bool
	}{
		{"p/#", "p", true},
		{"p/#", "p/q/r", true},
		{"+/#", "x", true},
		{"#", "x/y", true},
		{"+/+", "/x", true},
		{"/+", "/x", true},
		{"+", "/x", false},
		{"p/+", "p", false},
		{"p/+", "p/", true},
		{"+", "x", true},
		{"p/+/q", "p//q", true},
		{"p/q", "P/q", false},
	} {
		for _, prefix := range []string{"", "$share/g/"} {
			sub := connected(t, s, wire.V5, "sub")
			sub.sub(prefix+tt.filter, 0)
			want := wire.Success
			if !tt.match {
				want = wire.NoMatchingSubscribers
			}
			if code := pub.publish(&wire.Publish{Topic: tt.topic, QoS: 1}); code != want {
				t.Errorf("%q to %q: code 0x%02X", tt.topic, prefix+tt.filter, byte(code))
			}
			sub.drop()
			// The same for Retained Messages.
			pub.publish(&wire.Publish{Topic: tt.topic, QoS: 1, Retain: true, Payload: []byte("r")})
			sub = connected(t, s, wire.V5, "sub")
			sub.sub(prefix+tt.filter, 0)
			if tt.match && prefix == "" {
				sub.receivePayload("r")
			}
			if pub.publish(&wire.Publish{Topic: tt.topic, QoS: 1, Payload: []byte("live")}); tt.match {
				sub.receivePayload("live") // and nothing before
			}
			pub.publish(&wire.Publish{Topic: tt.topic, QoS: 1, Retain: true})
			sub.drop()
		}
	}
}

func TestWildcardsDoNotShowTopicsOfTheServer(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	for _, filter := range []string{"#", "+/x", "$share/g/#", "$share/g/+/x"} {
		c.sub(filter, 0)
	}
	s.Broker.PublishFromServer("$SYS/x", []byte("secret"), 0)
	c.ping()
	c.sub("$SYS/#", 0)
	s.Broker.PublishFromServer("$SYS/x", []byte("wanted"), 0)
	c.receivePayload("wanted")
}

func TestPublishesToServerTopicsAreAcknowledgedAndNotDelivered(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		c := connected(t, s, v, "c"+v.String())
		c.sub("$SYS/#", 0)
		c.send(&wire.Publish{Topic: "$SYS/x"})
		for qos := byte(1); qos < 3; qos++ {
			want := wire.Success
			if v == wire.V5 {
				want = wire.NotAuthorized
			}
			if code := c.publish(&wire.Publish{Topic: "$SYS/x", QoS: qos, Retain: true, Payload: []byte("x")}); code != want {
				t.Errorf("%v QoS %d: code 0x%02X", v, qos, byte(code))
			}
		}
		c.ping()
	}
	if got := s.Broker.Stats().Retained; got != 0 {
		t.Fatalf("%d retained", got)
	}
}

func TestSharedSubscriptionsTakeTurnsAmongConnectedMembers(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	var members []*raw
	for i := range 4 {
		c := dial(t, s, wire.V5)
		c.connect(&wire.Connect{ClientID: fmt.Sprint("m", i), Properties: expiry(60)})
		c.sub("$share/g/a/+", 1)
		members = append(members, c)
	}
	other := connected(t, s, wire.V5, "other")
	other.sub("$share/h/a/+", 0)
	members[3].disconnect()
	s.WaitDisconnected("m3")
	pub := connected(t, s, wire.V5, "pub")
	for i := range 99 {
		pub.publish(&wire.Publish{Topic: "a/b", QoS: byte(i % 2), Payload: text("%d", i)})
	}
	for i, c := range members[:3] {
		last := -1
		for _, p := range c.collect(33) {
			var n int
			fmt.Sscan(string(p.Payload), &n)
			if n <= last {
				t.Fatalf("member %d: %d after %d", i, n, last)
			}
			last = n
		}
		c.ping()
	}
	other.collectInOrder(0, 99) // each ShareName gets all of them
}

func TestWhatAMemberDidNotTakeGoesToAnother(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		expiry uint32
		lost   int // the messages that the first member was sent at QoS 1 stay its own while its Session lives
	}{{"session ends", 0, 0}, {"session stays", 60, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := brokertest.Start(t)
			a, b, pub := dial(t, s, wire.V5), dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
			props := receiveMaximum(1)
			props.SessionExpiryInterval = tt.expiry
			a.connect(&wire.Connect{ClientID: "a", Properties: props.Set(wire.PropSessionExpiryInterval)})
			a.sub("$share/g/t", 1)
			for i := range 5 {
				pub.publish(&wire.Publish{Topic: "t", QoS: 1, Payload: text("%d", i)})
			}
			expect[*wire.Publish](a)
			b.connect(&wire.Connect{ClientID: "b"})
			b.sub("$share/g/t", 1)
			a.drop()
			s.WaitDisconnected("a")
			var got []string
			for _, p := range b.collect(5 - tt.lost) {
				got = append(got, string(p.Payload))
			}
			slices.Sort(got)
			if want := []string{"0", "1", "2", "3", "4"}[tt.lost:]; !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			b.ping()
		})
	}
}

// While there is a member that stays, nothing at QoS 1 is lost, however others come and go.
func TestMembersThatComeAndGoLoseNothing(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	const n = 2000
	seen := make(chan string, 10*n)
	steady := connected(t, s, wire.V5, "steady")
	steady.sub("$share/g/t", 1)
	ended := make(chan struct{})
	take := func(c *raw, most int, wait time.Duration) {
		for ; most != 0; most-- {
			p, err := c.next(wait)
			message, ok := p.(*wire.Publish)
			if err != nil || !ok {
				return
			}
			seen <- string(message.Payload)
			ack, err := (&wire.Ack{Kind: wire.PUBACK, PacketID: message.PacketID}).Append(nil, wire.V5)
			if err != nil {
				return
			}
			if c.conn.SetWriteDeadline(time.Now().Add(patience)) != nil { // that of CONNECT is over on a slow machine
				return
			}
			if _, err := c.conn.Write(ack); err != nil {
				return
			}
		}
	}
	go take(steady, -1, patience)
	var churn sync.WaitGroup
	for i := range 3 {
		churn.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				c := connected(t, s, wire.V5, fmt.Sprintf("member%d", i))
				c.send(&wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "$share/g/t", QoS: 1}}})
				if _, err := c.next(patience); err == nil {
					take(c, 5*i, 50*time.Millisecond)
				}
				c.conn.Close()
			}
		})
	}
	pub := connected(t, s, wire.V5, "pub")
	for i := range n {
		pub.publish(&wire.Publish{Topic: "t", QoS: 1, Payload: text("%d", i)})
	}
	close(ended)
	churn.Wait()
	missing := make(map[string]bool, n)
	for i := range n {
		missing[strconv.Itoa(i)] = true
	}
	for len(missing) > 0 {
		select {
		case payload := <-seen:
			delete(missing, payload)
		case <-time.After(patience): // since the last one
			t.Fatalf("%d of %d messages are lost: %v", len(missing), n, slices.Sorted(maps.Keys(missing)))
		}
	}
}

func TestWhatAMemberLeavesUnacknowledgedKeepsItsOrder(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	a, b, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "b"), connected(t, s, wire.V5, "pub")
	a.connect(&wire.Connect{ClientID: "a", CleanStart: true, Properties: receiveMaximum(20)})
	a.sub("$share/g/t", 1)
	for i := range 40 {
		pub.publish(&wire.Publish{Topic: "t", QoS: 1, Payload: text("%d", i)})
	}
	for range 20 {
		expect[*wire.Publish](a)
	}
	b.sub("$share/g/t", 1)
	a.drop()
	b.collectInOrder(0, 40)
}

func TestWithoutAConnectedMemberAMessageWaitsForOne(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	c.connect(&wire.Connect{ClientID: "c", Properties: expiry(60)})
	c.sub("$share/g/t", 1)
	c.disconnect()
	s.WaitDisconnected("c")
	pub.publish(&wire.Publish{Topic: "t", QoS: 1, Payload: []byte("waits")})
	again := dial(t, s, wire.V5)
	again.connect(&wire.Connect{ClientID: "c"})
	again.receivePayload("waits")
}

func TestOverlappingSubscriptionsMakeOneDelivery(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c, pub := connected(t, s, wire.V5, "c"), connected(t, s, wire.V5, "pub")
	subscribe := func(id uint32, sub wire.Subscription) {
		t.Helper()
		var props *wire.Properties
		if id > 0 {
			props = &wire.Properties{SubscriptionIdentifiers: []uint32{id}}
		}
		c.send(&wire.Subscribe{PacketID: 1, Properties: props, Subscriptions: []wire.Subscription{sub}})
		expect[*wire.Suback](c)
	}
	subscribe(7, wire.Subscription{Filter: "a/b", QoS: 0})
	subscribe(300, wire.Subscription{Filter: "a/+", QoS: 2, RetainAsPublished: true})
	subscribe(0, wire.Subscription{Filter: "#", QoS: 1})
	pub.publish(&wire.Publish{Topic: "a/b", QoS: 2, Retain: true, Payload: []byte("x")})
	got := c.receive()
	ids := got.Properties.SubscriptionIdentifiers
	slices.Sort(ids)
	if got.QoS != 2 || !got.Retain || !slices.Equal(ids, []uint32{7, 300}) {
		t.Fatalf("got %+v with %v", got, ids)
	}
	c.ping()
	pub.publish(&wire.Publish{Topic: "a/c", QoS: 2})
	if got := c.receive().Properties.SubscriptionIdentifiers; !slices.Equal(got, []uint32{300}) {
		t.Fatalf("got %v", got)
	}
	c.ping()
}

func TestNoLocalKeepsAClientsMessagesFromItself(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c, other := connected(t, s, wire.V5, "c"), connected(t, s, wire.V5, "other")
	c.subscribe(wire.Subscription{Filter: "a", NoLocal: true})
	if code := c.publish(&wire.Publish{Topic: "a", QoS: 1, Retain: true, Payload: []byte("own")}); code != wire.NoMatchingSubscribers {
		t.Fatalf("code 0x%02X", byte(code))
	}
	c.subscribe(wire.Subscription{Filter: "a", NoLocal: true}) // Retained Messages are messages, too
	c.quiet()
	other.publish(&wire.Publish{Topic: "a", Payload: []byte("foreign")})
	c.receivePayload("foreign")
	c.subscribe(wire.Subscription{Filter: "+"}) // a second subscription without No Local
	c.receivePayload("own")
	c.publish(&wire.Publish{Topic: "a", Payload: []byte("own")})
	c.receivePayload("own")
	c.ping()
}

func TestSubscribingAgainReplacesTheOptions(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	c.sub("a", 2)
	c.sub("a", 0)
	c.sub("$share/g/b", 2)
	c.sub("$share/g/b", 1)
	c.send(&wire.Publish{Topic: "a", QoS: 1, PacketID: 1}, &wire.Publish{Topic: "b", QoS: 2, PacketID: 2})
	qos := map[string]byte{}
	for len(qos) < 2 {
		if p, ok := expect[wire.Packet](c).(*wire.Publish); ok {
			qos[p.Topic] = p.QoS
		}
	}
	if qos["a"] != 0 || qos["b"] != 1 || s.Broker.Stats().Subscriptions != 2 {
		t.Fatalf("got %v, %+v", qos, s.Broker.Stats())
	}
}

func TestUnsubscribeSaysWhatWasThere(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	c.sub("a", 1)
	c.sub("$share/g/a", 1)
	c.send(&wire.Unsubscribe{PacketID: 3, Filters: []string{"b", "a", "$share/g/a", "$share/h/a"}})
	want := []wire.ReasonCode{wire.NoSubscriptionExisted, wire.Success, wire.Success, wire.NoSubscriptionExisted}
	if ack := expect[*wire.Unsuback](c); ack.PacketID != 3 || !slices.Equal(ack.Codes, want) {
		t.Fatalf("got %+v", ack)
	}
	if code := c.publish(&wire.Publish{Topic: "a", QoS: 1}); code != wire.NoMatchingSubscribers {
		t.Fatalf("code 0x%02X", byte(code))
	}
	if s.Broker.SubscribedFilters() != 0 {
		t.Fatal("the filter is still there")
	}
}

func TestTopicsOfManyLevelsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	deep := strings.Repeat("/", 65_000)
	begun := time.Now()
	for _, filter := range []string{deep, strings.Repeat("+/", 32_000) + "#", "#", strings.Repeat("+/", 32_000) + "x", "a" + deep[1:]} {
		c.sub(filter, 1)
	}
	for range 10 {
		c.send(&wire.Publish{Topic: deep, QoS: 1, PacketID: 1, Retain: true, Payload: []byte("x")})
		for acked, got := false, 0; !acked || got < 1; {
			switch p := expect[wire.Packet](c).(type) {
			case *wire.Ack:
				acked = true
			case *wire.Publish:
				got++
				c.finish(p)
			}
		}
	}
	if took := time.Since(begun); took > patience { // less than a second, unless each level costs as much as all before it
		t.Fatalf("took %v", took)
	}
}

// finish acknowledges a QoS 1 message.
func (c *raw) finish(p *wire.Publish) {
	c.t.Helper()
	c.send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
}
