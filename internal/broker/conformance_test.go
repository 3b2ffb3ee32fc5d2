package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// This file holds tests of single statements of the specifications that no other test is about. docs/conformance.md says
// which test is about which statement.

func TestSessionPresentTellsTheTruth(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range []wire.Version{wire.V311, wire.V5} {
		id := "c" + v.String()
		connect := func(clean bool) bool {
			c := dial(t, s, v)
			p := &wire.Connect{ClientID: id, CleanStart: clean}
			if v == wire.V5 {
				p.Properties = expiry(60)
			}
			ack := c.connect(p)
			c.disconnect()

			return ack.SessionPresent
		}
		for i, tt := range []struct{ clean, want bool }{{false, false}, {false, true}, {true, false}} {
			if got := connect(tt.clean); got != tt.want {
				t.Errorf("%v, connection %d: Session Present %t", v, i, got)
			}
		}
		if v == wire.V311 && connect(false) {
			t.Error("3.1.1: a Session with Clean Session 1 has outlived its connection")
		}
	}
}

func TestNothingAfterARefusedConnectIsProcessed(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	watch := connected(t, s, wire.V5, "watch")
	watch.sub("#", 0)
	c := dial(t, s, wire.V5)
	c.send(
		&wire.Connect{Version: wire.V5, ClientID: "c", HasUsername: true, Username: "banned"},
		&wire.Publish{Topic: "a", Payload: text("x")},
	)
	if ack := expect[*wire.Connack](c); ack.Code != wire.Banned {
		t.Errorf("CONNACK 0x%02X", byte(ack.Code))
	}
	c.expectClosed()
	watch.quiet()
}

func TestClientIdentifiersOfAllSortsAreTaken(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, v := range versions() {
		for _, id := range []string{letters[:1], letters[:23], letters[39:62], letters, strings.Repeat("x", 65_535), "ä/+#$ ☃"} {
			connected(t, s, v, id).disconnect()
		}
	}
}

func TestRetainReplacesRemovesAndLeavesAlone(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	pub := connected(t, s, wire.V5, "pub")
	for i, tt := range []struct {
		payload string
		retain  bool
		want    string
	}{{"a", true, "a"}, {"b", true, "b"}, {"c", false, "b"}, {"", false, "b"}, {"", true, ""}, {"d", false, ""}} {
		for qos := range byte(3) {
			pub.publish(&wire.Publish{Topic: "r", QoS: qos, Retain: tt.retain, Payload: text("%s", tt.payload)})
		}
		sub := connected(t, s, wire.V311, "sub")
		sub.sub("r", 0)
		if tt.want == "" {
			sub.ping()
		} else if p := sub.receivePayload(tt.want); !p.Retain {
			t.Errorf("step %d: RETAIN 0", i)
		}
		sub.disconnect()
	}
}

func TestForwardedMessagesHaveNewFlags(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		c, name := connected(t, s, v, "c"), "f"+v.String()
		c.sub(name, 2)
		for qos := byte(1); qos < 3; qos++ {
			c.send(&wire.Publish{Topic: name, QoS: qos, PacketID: 700, Dup: true, Retain: true, Payload: text("x")})
			for p := (*wire.Publish)(nil); p == nil; {
				packet, err := c.next(patience)
				if err != nil {
					t.Fatal(err)
				}
				switch got := packet.(type) {
				case *wire.Publish:
					p = got
				case *wire.Ack:
					if got.Kind == wire.PUBREC {
						c.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 700})
					}
				}
				if p != nil && (p.Dup || p.Retain || p.PacketID == 0 || p.PacketID == 700) {
					t.Errorf("%v: got %+v", v, p)
				}
			}
		}
		c.drop()
		s.Wait(1, func(e broker.Event) bool { return e.Kind == broker.ClientDisconnected })
	}
}

func TestMessagesHaveTheLowerQoS(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		for granted := range byte(3) {
			for published := range byte(3) {
				id := fmt.Sprint(v, granted, published)
				sub, pub := connected(t, s, v, "sub"+id), connected(t, s, v, "pub"+id)
				sub.sub(id, granted)
				pub.publish(&wire.Publish{Topic: id, QoS: published, Payload: text("live")})
				if p := sub.receivePayload("live"); p.QoS != min(granted, published) {
					t.Errorf("granted %d, published %d: got QoS %d", granted, published, p.QoS)
				}
				pub.publish(&wire.Publish{Topic: id, QoS: published, Retain: true, Payload: text("kept")})
				sub.receivePayload("kept")
				sub.sub(id, granted)
				if p := sub.receivePayload("kept"); p.QoS != min(granted, published) || !p.Retain {
					t.Errorf("granted %d, retained %d: got %+v", granted, published, p)
				}
			}
		}
	}
}

func TestAPacketIdentifierIsFreeAfterItsExchange(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	sub, pub := connected(t, s, wire.V5, "sub"), connected(t, s, wire.V5, "pub")
	sub.sub("a", 0)
	// Refused, then twice at QoS 2 and twice at QoS 1, the second of each with DUP: each is a new publication.
	for _, qos := range []byte{1, 2} {
		if code := pub.publish(&wire.Publish{Topic: "deny/write", QoS: qos, PacketID: 5}); code != wire.NotAuthorized {
			t.Fatalf("0x%02X", byte(code))
		}
	}
	for _, m := range []wire.Publish{{QoS: 2}, {QoS: 2, Dup: true}, {QoS: 1}, {QoS: 1, Dup: true}} {
		m.Topic, m.PacketID, m.Payload = "a", 5, text("x")
		pub.publish(&m)
		sub.receivePayload("x")
	}
}

func TestUnsubscribingStopsNewMessagesAndCompletesTheOthers(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		id := "c" + v.String()
		sub, pub := connected(t, s, v, "sub"+id), connected(t, s, v, "pub"+id)
		sub.sub(id, 2)
		pub.publish(&wire.Publish{Topic: id, QoS: 2, Payload: text("begun")})
		p := expect[*wire.Publish](sub)
		sub.send(&wire.Unsubscribe{PacketID: 77, Filters: []string{id}})
		if ack := expect[*wire.Unsuback](sub); ack.PacketID != 77 {
			t.Errorf("UNSUBACK %d", ack.PacketID)
		}
		pub.publish(&wire.Publish{Topic: id, QoS: 2, Payload: text("late")})
		sub.send(&wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID})
		sub.expectAck(wire.PUBREL, p.PacketID)
		sub.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: p.PacketID})
		sub.quiet()
	}
}

func TestSubackAnswersEachFilterInOrder(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	for _, v := range versions() {
		got := connected(t, s, v, "c"+v.String()).subscribe(
			wire.Subscription{Filter: "a", QoS: 2}, wire.Subscription{Filter: "b/#/c"}, wire.Subscription{Filter: "c", QoS: 0},
			wire.Subscription{Filter: "d", QoS: 1}, wire.Subscription{Filter: "+/#", QoS: 1},
		)
		want := []wire.ReasonCode{2, wire.TopicFilterInvalid, 0, 1, 1}
		if v < wire.V5 {
			want[1] = wire.UnspecifiedError
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", v, got, want)
		}
	}
}

func TestNothingIsResentWithoutAReconnect(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		for _, v := range versions() {
			c := pipe(in.t, in.b, v)
			c.connect(&wire.Connect{ClientID: "c", CleanStart: true})
			c.sub("a", 2)
			for qos := byte(1); qos < 3; qos++ {
				c.send(&wire.Publish{Topic: "a", QoS: qos, PacketID: uint16(qos)})
				for range 2 {
					if _, err := c.next(time.Second); err != nil {
						in.t.Fatal(err)
					}
				}
			}
			if p, err := c.next(24 * time.Hour); err == nil {
				in.t.Errorf("%v: got %+v", v, p)
			}
			c.drop()
			pass(time.Second)
		}
	})
}

func TestWhatWasSentDoesNotExpire(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		connect := func() *raw {
			c := pipe(in.t, in.b, wire.V5)
			c.connect(&wire.Connect{ClientID: "c", Properties: expiry(3600)})

			return c
		}
		c := connect()
		c.sub("a", 2)
		short := (&wire.Properties{MessageExpiryInterval: 5}).Set(wire.PropMessageExpiryInterval)
		c.send(&wire.Publish{Topic: "a", QoS: 2, PacketID: 1, Payload: text("x"), Properties: short})
		for range 2 {
			if _, err := c.next(time.Second); err != nil {
				in.t.Fatal(err)
			}
		}
		c.drop()
		pass(time.Minute)
		c = connect()
		if p := c.receivePayload("x"); !p.Dup || p.Properties.MessageExpiryInterval != 1 {
			in.t.Errorf("got %+v", p)
		}
		c.drop()
	})
}

func TestAMemberThatRefusesAMessageKeepsItFromOthers(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	a, b, pub := connected(t, s, wire.V5, "a"), connected(t, s, wire.V5, "b"), connected(t, s, wire.V5, "pub")
	a.sub("$share/g/t", 2)
	b.sub("$share/g/t", 2)
	for qos := byte(1); qos < 3; qos++ {
		kind := []wire.Type{1: wire.PUBACK, 2: wire.PUBREC}[qos]
		for range 2 { // one for each member
			pub.publish(&wire.Publish{Topic: "t", QoS: qos})
		}
		for _, c := range []*raw{a, b} {
			p := expect[*wire.Publish](c)
			c.send(&wire.Ack{Kind: kind, PacketID: p.PacketID, Code: wire.QuotaExceeded})
		}
	}
	a.quiet()
	b.quiet()
}

func TestANormalDisconnectDiscardsTheWill(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	watch := connected(t, s, wire.V5, "watch")
	watch.sub("will", 0)
	for _, v := range versions() {
		c := dial(t, s, v)
		c.connect(&wire.Connect{ClientID: "c" + v.String(), CleanStart: true, Will: &wire.Will{Topic: "will"}})
		c.disconnect()
	}
	watch.quiet()
}

func TestAWillIsRetainedIfItSaysSo(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		for _, retain := range []bool{true, false} {
			name := fmt.Sprint("will/", v, retain)
			c := dial(t, s, v)
			c.connect(&wire.Connect{ClientID: name, CleanStart: true, Will: &wire.Will{Topic: name, Payload: text("w"), QoS: 1, Retain: retain}})
			c.drop()
			s.WaitDisconnected(name)
			sub := connected(t, s, wire.V5, "sub")
			sub.sub(name, 1)
			if retain {
				sub.receivePayload("w")
			} else {
				sub.ping()
			}
			sub.disconnect()
		}
	}
}

func TestTextIsNeitherStrippedNorNormalized(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	names := []string{"a", "\uFEFFa", "a ", " a", "A", "é", "e\u0301", "a/", "/a", "a//"}
	for i, name := range names {
		c.sub(name, 0)
		c.send(&wire.Publish{Topic: name, Payload: text("%d", i)})
		if p := c.receivePayload(fmt.Sprint(i)); p.Topic != name {
			t.Errorf("%q came as %q", name, p.Topic)
		}
		c.send(&wire.Unsubscribe{PacketID: 1, Filters: []string{name}})
		expect[*wire.Unsuback](c)
	}
	for _, name := range names {
		c.sub(name, 0)
	}
	if n := s.Broker.Stats().Subscriptions; n != len(names) {
		t.Errorf("%d subscriptions to %d names", n, len(names))
	}
}

func TestAFullWindowDelaysNothingButMessages(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	c.connect(&wire.Connect{ClientID: "c", Properties: (&wire.Properties{ReceiveMaximum: 1}).Set(wire.PropReceiveMaximum)})
	c.sub("a", 2)
	for range 3 {
		pub.publish(&wire.Publish{Topic: "a", QoS: 1})
	}
	expect[*wire.Publish](c)
	c.ping()
	c.sub("b", 0)
	pub.publish(&wire.Publish{Topic: "b", Payload: text("x")})
	c.publish(&wire.Publish{Topic: "c", QoS: 2})
	c.send(&wire.Unsubscribe{PacketID: 8, Filters: []string{"b"}})
	for {
		packet, err := c.next(patience)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := packet.(*wire.Unsuback); ok {
			return
		}
	}
}

func TestNoInformationIsGivenThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxRetained: 1})
	for _, tt := range []struct {
		name  string
		props *wire.Properties
		terse bool
	}{
		{"absent", nil, false},
		{"no", (&wire.Properties{}).Set(wire.PropRequestProblemInformation, wire.PropRequestResponseInformation), true},
	} {
		c := dial(t, s, wire.V5)
		if ack := c.connect(&wire.Connect{ClientID: tt.name, Properties: tt.props}); ack.Properties.Has(wire.PropResponseInformation) ||
			ack.Properties.Has(wire.PropAuthenticationMethod) {
			t.Errorf("%s: CONNACK has %+v", tt.name, ack.Properties)
		}
		c.publish(&wire.Publish{Topic: "a", QoS: 1, Retain: true, Payload: text("x")})
		c.send(&wire.Publish{Topic: "b", QoS: 1, Retain: true, PacketID: 2, Payload: text("x")})
		ack := c.expectAck(wire.PUBACK, 2)
		if ack.Code != wire.QuotaExceeded || ack.Properties.Has(wire.PropReasonString) == tt.terse {
			t.Errorf("%s: PUBACK %+v", tt.name, ack)
		}
	}
}

func TestMessagesOfAllQoSComeInOrder(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		sub, pub := connected(t, s, v, "sub"+v.String()), connected(t, s, v, "pub"+v.String())
		sub.sub("o/"+v.String(), 2)
		for i := range 100 {
			pub.publish(&wire.Publish{Topic: "o/" + v.String(), QoS: byte(i % 3), Payload: text("%d", i)})
		}
		sub.collectInOrder(0, 100)
	}
}
