package broker_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/wire"
)

// faultLog keeps what has struck.
type faultLog struct {
	mu     sync.Mutex
	events []broker.FaultEvent
}

func (l *faultLog) note(e broker.FaultEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// of returns what an action has struck, as "PUBACK a/b".
func (l *faultLog) of(a faults.Action) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for _, e := range l.events {
		if e.Action == a {
			list = append(list, strings.TrimSpace(e.Packet.Type.String()+" "+e.Packet.Topic+strings.Join(e.Packet.Filters, ",")))
		}
	}

	return list
}

func plan(tb testing.TB, spec string) *faults.Plan {
	tb.Helper()
	p, err := faults.Parse(spec, 1)
	if err != nil {
		tb.Fatal(err)
	}

	return p
}

// failing starts a broker in which something goes wrong.
func failing(tb testing.TB, spec string) (*brokertest.Server, *faultLog) {
	tb.Helper()
	l := &faultLog{}

	return brokertest.Start(tb, broker.Config{Faults: plan(tb, spec), OnFault: l.note, FaultControl: true}), l
}

func (l *faultLog) want(tb testing.TB, a faults.Action, want ...string) {
	tb.Helper()
	if got := l.of(a); !slices.Equal(got, want) {
		tb.Errorf("%s has struck %v, want %v", a, got, want)
	}
}

func TestALostAcknowledgementMakesAQoS1Duplicate(t *testing.T) {
	t.Parallel()
	s, l := failing(t, "drop puback topic=a/+ count=1 then=disconnect")
	sub, pub := connected(t, s, wire.V5, "sub"), lasting(t, s, "pub", false)
	sub.sub("#", 1)
	pub.publish(&wire.Publish{Topic: "b", QoS: 1, Payload: text("0")})
	m := &wire.Publish{Topic: "a/b", QoS: 1, PacketID: 5, Payload: text("1")}
	pub.send(m)
	pub.expectClosed()
	pub = lasting(t, s, "pub", true)
	m.Dup = true
	pub.publish(m)
	for _, want := range []string{"0", "1", "1"} {
		sub.receivePayload(want)
	}
	l.want(t, faults.Drop, "PUBACK a/b")
}

func TestADuplicateHasTheSameIdentifierAndDup(t *testing.T) {
	t.Parallel()
	s, l := failing(t, "duplicate every=2")
	sub := connected(t, s, wire.V5, "sub")
	sub.sub("a", 2)
	for qos := range byte(3) {
		sub.send(&wire.Publish{Topic: "a", QoS: qos, PacketID: uint16(qos)})
	}
	var got []*wire.Publish
	for len(got) < 4 {
		packet, err := sub.next(patience)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := packet.(*wire.Publish); ok {
			got = append(got, p)
		}
	}
	if got[0].Dup || got[1].Dup || got[2].Dup || !got[3].Dup || got[2].PacketID != got[3].PacketID || got[3].QoS != 2 {
		t.Errorf("got %+v %+v %+v %+v", got[0], got[1], got[2], got[3])
	}
	l.want(t, faults.Duplicate, "PUBLISH a")
}

func TestRefusalsCarryTheChosenCode(t *testing.T) {
	t.Parallel()
	s, l := failing(t, "refuse connect code=0x88 client=bad*; refuse subscribe code=0x97 topic=a/#; refuse publish code=0x99 topic=b every=2")
	if code := refused(dial(t, s, wire.V5), "bad one"); code != wire.ServerUnavailable {
		t.Errorf("CONNACK 0x%02X", byte(code))
	}
	if code := refused(dial(t, s, wire.V311), "bad one"); code != wire.ServerUnavailable {
		t.Errorf("CONNACK 0x%02X", byte(code))
	}
	c := connected(t, s, wire.V5, "good")
	if codes := c.subscribe(wire.Subscription{Filter: "a/+"}, wire.Subscription{Filter: "b"}); codes[0] != wire.QuotaExceeded || codes[1] != 0 {
		t.Errorf("SUBACK %v", codes)
	}
	for i, want := range []wire.ReasonCode{0, wire.PayloadFormatInvalid, 0, wire.PayloadFormatInvalid} {
		if code := connectedPublish(c, "b", byte(1+i/2)); code != want {
			t.Errorf("publish %d: 0x%02X, want 0x%02X", i, byte(code), byte(want))
		}
	}
	l.want(t, faults.Refuse, "CONNECT", "CONNECT", "SUBSCRIBE a/+", "PUBLISH b", "PUBLISH b")
}

// connectedPublish publishes to a topic that c has subscribed to at QoS 0.
func connectedPublish(c *raw, topic string, qos byte) wire.ReasonCode {
	c.t.Helper()
	c.send(&wire.Publish{Topic: topic, QoS: qos, PacketID: 9})
	for {
		packet, err := c.next(patience)
		if err != nil {
			c.t.Fatal(err)
		}
		a, ok := packet.(*wire.Ack)
		if !ok {
			continue
		}
		if a.Kind == wire.PUBREC && !a.Code.IsError() {
			c.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 9})

			continue
		}

		return a.Code
	}
}

func TestAConnectionIsCutAfterSoManyPackets(t *testing.T) {
	t.Parallel()
	s, l := failing(t, "disconnect after=4")
	for range 2 {
		c := connected(t, s, wire.V5, "c") // CONNECT and CONNACK
		c.ping()
		c.send(&wire.Pingreq{})
		c.expectClosed()
	}
	l.want(t, faults.Disconnect, "PINGREQ", "PINGREQ")
}

func TestATruncatedPacketIsTheLast(t *testing.T) {
	t.Parallel()
	s, l := failing(t, "truncate publish")
	c := connected(t, s, wire.V5, "c")
	c.sub("a", 0)
	c.send(&wire.Publish{Topic: "a", Payload: []byte("0123456789")})
	if got := c.readAll(); len(got) != 8 || got[0] != 0x30 || got[1] != 14 {
		t.Errorf("got % X", got)
	}
	l.want(t, faults.Truncate, "PUBLISH a")
}

func TestDelaysKeepTheOrder(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{Faults: plan(t, "delay publish by=2s topic=slow; drop publish by=1s topic=lost")}, func(in inside) {
		c := pipe(in.t, in.b, wire.V5)
		c.connect(&wire.Connect{ClientID: "c"})
		c.sub("#", 0)
		began := time.Now()
		c.send(&wire.Publish{Topic: "a"}, &wire.Publish{Topic: "lost"}, &wire.Publish{Topic: "slow"}, &wire.Publish{Topic: "b"})
		for _, want := range []struct {
			topic string
			after time.Duration
		}{{"a", 0}, {"slow", 3 * time.Second}, {"b", 3 * time.Second}} {
			if p := c.receive(); p.Topic != want.topic || time.Since(began) != want.after {
				in.t.Errorf("%s after %v, want %s after %v", p.Topic, time.Since(began), want.topic, want.after)
			}
		}
		c.drop()
	})
}

func TestABlackholeLetsNothingThroughAndThenAll(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{Faults: plan(t, "blackhole publish count=1 for=5s")}, func(in inside) {
		c := pipe(in.t, in.b, wire.V5)
		c.connect(&wire.Connect{ClientID: "c"})
		c.sub("a", 0)
		began := time.Now()
		c.send(&wire.Publish{Topic: "a"})
		c.receive()
		if passed := time.Since(began); passed < 5*time.Second || passed > 5*time.Second+100*time.Millisecond {
			in.t.Errorf("after %v", passed)
		}
		c.drop()
	})
}

func TestAClientInABlackholeIsGivenUpAfterItsKeepAlive(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{Faults: plan(t, "blackhole pingreq client=lost")}, func(in inside) {
		watch := pipe(in.t, in.b, wire.V5)
		watch.connect(&wire.Connect{ClientID: "watch"})
		watch.sub("will", 0)
		c := pipe(in.t, in.b, wire.V5)
		c.connect(&wire.Connect{ClientID: "lost", KeepAlive: 10, Will: &wire.Will{Topic: "will"}})
		began := time.Now()
		c.send(&wire.Pingreq{})
		if p, err := watch.next(time.Minute); err != nil || time.Since(began) != 15*time.Second {
			in.t.Errorf("%+v, %v after %v", p, err, time.Since(began))
		}
		c.expectClosed()
		watch.drop()
	})
}

func TestBandwidthIsLimitedBothWays(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{Faults: plan(t, "bandwidth rate=1KB client=slow")}, func(in inside) {
		slow, fast := pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5)
		slow.connect(&wire.Connect{ClientID: "slow"})
		fast.connect(&wire.Connect{ClientID: "fast"})
		slow.sub("down", 0)
		fast.sub("up", 0)
		for _, tt := range []struct {
			from, to *raw
			topic    string
		}{{slow, fast, "up"}, {fast, slow, "down"}} {
			began := time.Now()
			done := make(chan struct{})
			go func() {
				defer close(done)
				tt.to.receive()
			}()
			tt.from.send(&wire.Publish{Topic: tt.topic, Payload: make([]byte, 3000)})
			<-done
			if passed := time.Since(began); passed < 2900*time.Millisecond || passed > 3200*time.Millisecond {
				in.t.Errorf("%s: 3 kB took %v at 1 kB/s", tt.topic, passed)
			}
		}
		slow.drop()
		fast.drop()
	})
}

func TestFaultsMayBeChangedFromThisMachine(t *testing.T) {
	t.Parallel()
	s, l := failing(t, "")
	admin := connected(t, s, wire.V5, "admin")
	set := func(spec string) wire.ReasonCode {
		return admin.publish(&wire.Publish{Topic: "$CONTROL/mqx/faults", QoS: 1, Payload: text("%s", spec)})
	}
	if code := set("refuse publish code=0x97"); code.IsError() {
		t.Fatalf("0x%02X", byte(code))
	}
	c := connected(t, s, wire.V5, "c")
	if code := c.publish(&wire.Publish{Topic: "a", QoS: 1}); code != wire.QuotaExceeded {
		t.Errorf("0x%02X", byte(code))
	}
	c.sub("$CONTROL/mqx/faults", 0)
	c.receivePayload("refuse publish code=0x97")

	admin.send(&wire.Publish{Topic: "$CONTROL/mqx/faults", QoS: 1, PacketID: 3, Payload: text("nonsense")})
	ack := admin.expectAck(wire.PUBACK, 3)
	if ack.Code != wire.PayloadFormatInvalid || !strings.Contains(ack.Properties.ReasonString, `fault rule 1: "nonsense": no such fault`) {
		t.Errorf("got %+v", ack)
	}
	if code := c.publish(&wire.Publish{Topic: "a", QoS: 1}); code != wire.QuotaExceeded {
		t.Errorf("after nonsense: 0x%02X", byte(code))
	}
	if code := set(""); code.IsError() {
		t.Errorf("0x%02X", byte(code))
	}
	c.receivePayload("")
	if code := c.publish(&wire.Publish{Topic: "a", QoS: 1}); code.IsError() {
		t.Errorf("0x%02X", byte(code))
	}
	l.want(t, faults.Refuse, "PUBLISH a", "PUBLISH a")
}

func TestFaultsMayOnlyBeChangedByWhoMay(t *testing.T) {
	t.Parallel()
	off := brokertest.Start(t)
	c := connected(t, off, wire.V5, "c")
	if code := c.publish(&wire.Publish{Topic: "$CONTROL/mqx/faults", QoS: 1}); code != wire.NotAuthorized {
		t.Errorf("switched off: 0x%02X", byte(code))
	}
	guarded := brokertest.Start(t, broker.Config{FaultControl: true, Access: readers{}})
	c = connected(t, guarded, wire.V5, "c")
	if code := c.publish(&wire.Publish{Topic: "$CONTROL/mqx/faults", QoS: 1}); code != wire.NotAuthorized {
		t.Errorf("without the right: 0x%02X", byte(code))
	}
}

// readers is an Access by which nobody may publish.
type readers struct{ denials }

func (readers) Authenticate(broker.ClientInfo, *wire.Connect) (broker.Rights, wire.ReasonCode) {
	return readers{}, wire.Success
}

func (readers) MayPublish(string) bool { return false }

func TestPacketsAreLoggedBothWays(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	s := brokertest.Start(t, broker.Config{Packets: func(e broker.PacketEvent) {
		mu.Lock()
		defer mu.Unlock()
		way := "in"
		if e.Out {
			way = "out"
		}
		got = append(got, strings.TrimSpace(way+" "+e.ClientID+" "+e.Type.String()+" "+e.Topic+strings.Join(e.Filters, ",")))
	}})
	c := aliasing(t, s, "c", 5)
	c.sub("a", 1)
	c.send(&wire.Publish{Topic: "a"}, &wire.Publish{Topic: "a", QoS: 1, PacketID: 7})
	for range 3 {
		if _, err := c.next(patience); err != nil {
			t.Fatal(err)
		}
	}
	c.disconnect()
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(got)
	want := []string{
		"in c CONNECT", "in c DISCONNECT", "in c PUBLISH a", "in c PUBLISH a", "in c SUBSCRIBE a",
		"out c CONNACK", "out c PUBACK a", "out c PUBLISH a", "out c PUBLISH a", "out c SUBACK",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestNoTopicAliasIsLostByAFault(t *testing.T) {
	t.Parallel()
	s, _ := failing(t, "")
	old := aliasing(t, s, "old", 5)
	old.sub("#", 0)
	s.Broker.SetFaults(plan(t, "drop publish every=2"))
	young := aliasing(t, s, "young", 5)
	young.sub("#", 0)
	pub := connected(t, s, wire.V5, "pub")
	for i := range 6 {
		pub.send(&wire.Publish{Topic: "t", Payload: text("%d", i)})
	}
	for _, want := range []string{"0", "2", "4"} {
		old.receivePayload(want)
		if p := young.receivePayload(want); p.Topic != "t" {
			t.Errorf("got %+v", p)
		}
	}
}

func TestRulesDoNotStrikeWhatChangesThem(t *testing.T) {
	t.Parallel()
	s, l := failing(t, "")
	admin := connected(t, s, wire.V5, "admin")
	for _, spec := range []string{"drop puback; disconnect publish", "drop", ""} {
		if code := admin.publish(&wire.Publish{Topic: "$CONTROL/mqx/faults", QoS: 1, Payload: text("%s", spec)}); code.IsError() {
			t.Fatalf("%q: 0x%02X", spec, byte(code))
		}
	}
	admin.ping()
	l.want(t, faults.Drop)
}
