package broker_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// refused connects and returns the Reason Code of CONNACK, after which the connection must be closed.
func refused(c *raw, id string) wire.ReasonCode {
	c.t.Helper()
	c.send(&wire.Connect{Version: c.version, ClientID: id, CleanStart: true})
	ack := expect[*wire.Connack](c)
	c.expectClosed()

	return ack.Code
}

func TestTheNumberOfClientsIsBounded(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxClients: 2})
	a := connected(t, s, wire.V5, "a")
	connected(t, s, wire.V311, "b").ping()
	if code := refused(dial(t, s, wire.V5), "c"); code != wire.ServerBusy {
		t.Errorf("CONNACK 0x%02X", byte(code))
	}
	if code := refused(dial(t, s, wire.V311), "c"); code != wire.ServerUnavailable {
		t.Errorf("CONNACK 0x%02X", byte(code))
	}
	connected(t, s, wire.V5, "b").ping() // who comes back takes their own place
	a.disconnect()
	connected(t, s, wire.V5, "c").ping()
}

func TestTheNumberOfSessionsIsBounded(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxSessions: 1})
	lasting(t, s, "a", false).disconnect()
	if code := refused(dial(t, s, wire.V5), "b"); code != wire.QuotaExceeded {
		t.Errorf("CONNACK 0x%02X", byte(code))
	}
	lasting(t, s, "a", true)
}

func TestTheRateOfConnectionsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Config{MaxConnectRate: 10})
		connect := func() wire.ReasonCode {
			c := pipe(t, b, wire.V5)
			defer c.drop()
			c.send(&wire.Connect{Version: wire.V5, CleanStart: true})

			return expect[*wire.Connack](c).Code
		}
		for range 2 {
			for i := range 10 {
				if code := connect(); code != wire.Success {
					t.Fatalf("connection %d: CONNACK 0x%02X", i, byte(code))
				}
			}
			if code := connect(); code != wire.ConnectionRateExceeded {
				t.Fatalf("CONNACK 0x%02X", byte(code))
			}
			<-time.After(time.Second)
		}
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestConnectionsWithoutConnectAreBounded(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxPending: 3})
	first := connected(t, s, wire.V5, "first") // does not count any more
	var silent []*raw
	for range 3 {
		silent = append(silent, dial(t, s, wire.V5))
	}
	dial(t, s, wire.V5).expectClosed()
	silent[0].connect(&wire.Connect{ClientID: "a"})
	connected(t, s, wire.V5, "b").ping()
	first.ping()
}

func TestRetainedMessagesAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxRetained: 2})
	c, watch := connected(t, s, wire.V5, "c"), connected(t, s, wire.V5, "watch")
	watch.sub("#", 0)
	retain := func(topic, payload string, qos byte) wire.ReasonCode {
		code := c.publish(&wire.Publish{Topic: topic, QoS: qos, Retain: true, Payload: text("%s", payload)})
		if !code.IsError() {
			watch.receivePayload(payload)
		}

		return code
	}
	for _, tt := range []struct {
		topic, payload string
		want           wire.ReasonCode
	}{
		{"a", "1", 0},
		{"b", "1", 0},
		{"c", "1", wire.QuotaExceeded},
		{"b", "2", 0},
		{"b", "", 0},
		{"c", "2", 0},
		{"d", "", 0},
		{"d", "1", wire.QuotaExceeded},
	} {
		for qos := byte(1); qos < 3; qos++ {
			if got := retain(tt.topic, tt.payload, qos); got != tt.want {
				t.Errorf("%s=%q at QoS %d: 0x%02X", tt.topic, tt.payload, qos, byte(got))
			}
		}
	}
	old := connected(t, s, wire.V311, "old")
	old.publish(&wire.Publish{Topic: "e", QoS: 1, Retain: true, Payload: text("1")})
	old.publish(&wire.Publish{Topic: "e", QoS: 2, Retain: true, Payload: text("1")})
	watch.quiet()
	if st := s.Broker.Stats(); st.Retained != 2 || st.MessagesDropped != 6 {
		t.Errorf("got %+v", st)
	}
}

func TestRetainedMessagesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxRetainedBytes: 2000})
	c := connected(t, s, wire.V5, "c")
	retain := func(topic string, size int) wire.ReasonCode {
		return c.publish(&wire.Publish{Topic: topic, QoS: 1, Retain: true, Payload: make([]byte, size)})
	}
	for _, tt := range []struct {
		topic string
		size  int
		want  bool
	}{{"a", 1000, true}, {"b", 1000, false}, {"a", 1500, true}, {"b", 500, false}, {"a", 1, true}, {"b", 1000, true}} {
		if code := retain(tt.topic, tt.size); code.IsError() == tt.want {
			t.Errorf("%s of %d bytes: 0x%02X", tt.topic, tt.size, byte(code))
		}
	}
	if st := s.Broker.Stats(); st.RetainedBytes > 2000 || st.RetainedBytes < 1001 {
		t.Errorf("got %+v", st)
	}
}

func TestTopicLevelsAreBounded(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxTopicLevels: 3})
	c := connected(t, s, wire.V5, "c")
	for _, tt := range []struct {
		topic string
		ok    bool
	}{{"a/b/c", true}, {"a/b/c/d", false}, {"///", false}, {"//", true}} {
		if code := c.publish(&wire.Publish{Topic: tt.topic, QoS: 1}); (code != wire.TopicNameInvalid) != tt.ok {
			t.Errorf("PUBLISH to %q: 0x%02X", tt.topic, byte(code))
		}
		if code := c.subscribe(wire.Subscription{Filter: tt.topic})[0]; (code == wire.Success) != tt.ok {
			t.Errorf("SUBSCRIBE to %q: 0x%02X", tt.topic, byte(code))
		}
		if code := c.subscribe(wire.Subscription{Filter: "$share/g/" + tt.topic})[0]; (code == wire.Success) != tt.ok {
			t.Errorf("SUBSCRIBE to a share of %q: 0x%02X", tt.topic, byte(code))
		}
	}
}

func TestTheSubscriptionsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxSubscriptions: 2})
	c := connected(t, s, wire.V5, "c")
	want := []wire.ReasonCode{0, 0, wire.QuotaExceeded, 1}
	got := c.subscribe(
		wire.Subscription{Filter: "a"}, wire.Subscription{Filter: "b"}, wire.Subscription{Filter: "c"},
		wire.Subscription{Filter: "a", QoS: 1},
	)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestTheFiltersOfASessionAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxFilterBytes: 100})
	c := connected(t, s, wire.V5, "c")
	long := strings.Repeat("x", 60)
	filters := func(names ...string) (all []wire.Subscription) {
		for _, name := range names {
			all = append(all, wire.Subscription{Filter: name})
		}

		return all
	}
	want := []wire.ReasonCode{0, wire.QuotaExceeded, 0, 0}
	if got := c.subscribe(filters(long, long+"y", "short", long)...); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	c.send(&wire.Unsubscribe{PacketID: 1, Filters: []string{long}})
	expect[*wire.Unsuback](c)
	if got := c.subscribe(filters(long + "y")...); got[0] != wire.Success {
		t.Errorf("what was unsubscribed counts: %v", got)
	}
}

func TestMessagesInFlightAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxQueuedBytes: 100_000, MaxQueuedMessages: 1000})
	sub, pub := lasting(t, s, "sub", false), connected(t, s, wire.V5, "pub")
	sub.sub("a", 1)
	payload := strings.Repeat("x", 30_000)
	var open []*wire.Publish
	for i := range 6 {
		pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: []byte(payload)})
		if i < 4 { // the fourth one goes over the limit, which it may
			open = append(open, expect[*wire.Publish](sub))
		}
	}
	sub.ping() // no more come
	sub.drop()
	s.WaitDisconnected("sub")
	sub = lasting(t, s, "sub", true)
	for _, want := range open {
		if got := expect[*wire.Publish](sub); got.PacketID != want.PacketID || !got.Dup {
			t.Fatalf("got %d again, want %d", got.PacketID, want.PacketID)
		}
	}
	for _, p := range open {
		sub.send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
	}
	sub.collect(2)
}

// A stranger who opens connections as fast as possible, with and without CONNECT, costs memory only while they are open.
func TestManyConnectionsLeaveNoMemoryBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("opens thousands of connections")
	}
	s := brokertest.Start(t, broker.Config{MaxConnectRate: 1000})
	for range 3000 {
		c := dial(t, s, wire.V5)
		c.send(&wire.Connect{Version: wire.V5, CleanStart: true})
		c.drop()
	}
	deadline := time.Now().Add(patience)
	for { // there may be none for a moment, and then one more that was waiting to be accepted
		st := s.Broker.Stats()
		if st.Clients == 0 && st.Sessions == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v", st)
		}
		runtime.Gosched()
	}
}

// A message of many User Properties takes much memory and has hardly any payload.
func TestPropertiesCountWhereBytesAreBounded(t *testing.T) {
	t.Parallel()
	many := &wire.Properties{UserProperties: make([]wire.UserProperty, 1000)} // 32 bytes each, as they lie in memory
	t.Run("retained", func(t *testing.T) {
		t.Parallel()
		s := brokertest.Start(t, broker.Config{MaxRetainedBytes: 50_000})
		c := connected(t, s, wire.V5, "c")
		for _, want := range []wire.ReasonCode{wire.NoMatchingSubscribers, wire.QuotaExceeded} {
			p := &wire.Publish{Topic: fmt.Sprintf("a/%d", want), QoS: 1, Retain: true, Payload: text("x"), Properties: many}
			if got := c.publish(p); got != want {
				t.Errorf("got 0x%02X, want 0x%02X", byte(got), byte(want))
			}
		}
		if st := s.Broker.Stats(); st.Retained != 1 || st.RetainedBytes < 32_000 {
			t.Errorf("got %+v", st)
		}
	})
	t.Run("queued", func(t *testing.T) {
		t.Parallel()
		s := brokertest.Start(t, broker.Config{MaxQueuedBytes: 100_000})
		away := lasting(t, s, "away", false)
		away.sub("a", 1)
		away.drop()
		s.WaitDisconnected("away")
		pub := connected(t, s, wire.V5, "pub")
		for range 10 {
			pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: text("x"), Properties: many})
		}
		if st := s.Broker.Stats(); st.MessagesDropped != 6 { // the fourth one may go over the limit
			t.Errorf("%d were dropped of 10, want 6", st.MessagesDropped)
		}
	})
}

func TestTheBytesOfAllQueuesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	const most, size, clients = 1_000_000, 10_000, 10
	s := brokertest.Start(t, broker.Config{MaxTotalQueuedBytes: most})
	away := func(id string) {
		c := lasting(t, s, id, false)
		c.sub("to/"+id, 1)
		c.drop()
		s.WaitDisconnected(id)
	}
	pub := connected(t, s, wire.V5, "pub")
	publish := func(id string) {
		pub.publish(&wire.Publish{Topic: "to/" + id, QoS: 1, Payload: make([]byte, size)})
	}
	for i := range clients {
		away(fmt.Sprint(i))
	}
	for range 100 {
		for i := range clients {
			publish(fmt.Sprint(i))
		}
	}
	taken := 1000 - s.Broker.Stats().MessagesDropped
	// Each Session may have 64 KiB, and the Broker knows as much more or less of each.
	if atMost := int64(most+clients*2*(64<<10)) / size; taken < most/2/size || taken > atMost {
		t.Errorf("%d messages wait, want from %d to %d", taken, most/2/size, atMost)
	}
	// A client that reads gets its messages all the same.
	reads := connected(t, s, wire.V5, "reads")
	reads.sub("to/reads", 1)
	for range 20 {
		publish("reads")
		reads.send(&wire.Ack{Kind: wire.PUBACK, PacketID: expect[*wire.Publish](reads).PacketID})
	}
	reads.ping()
	// There is room again when Sessions end.
	for i := range clients {
		connected(t, s, wire.V5, fmt.Sprint(i)) // with Clean Start
	}
	before := s.Broker.Stats().MessagesDropped
	away("new")
	for range 90 {
		publish("new")
	}
	if after := s.Broker.Stats().MessagesDropped; after != before {
		t.Errorf("%d of 90 were dropped although nothing else waits", after-before)
	}
	// And when they are read and acknowledged.
	c := lasting(t, s, "new", true)
	for range 90 {
		c.send(&wire.Ack{Kind: wire.PUBACK, PacketID: expect[*wire.Publish](c).PacketID})
	}
	c.ping()
	if n := s.Broker.Backlog(); n != 0 {
		t.Errorf("%d bytes wait when all is read", n)
	}
}
