package broker_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// journal is a Store in memory that forgets on a crash what was not synced.
type journal struct {
	mu     sync.Mutex
	cut    sync.RWMutex // held for writing while it is decided what a crash keeps
	log    []func(*journalState)
	synced int
	fail   error
}

type journalState struct {
	retained []broker.StoredMessage
	sessions []*broker.StoredSession
}

func (j *journal) note(change func(*journalState)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log = append(j.log, change)
}

// crash returns the Store that the next process finds.
func (j *journal) crash() *journal {
	j.mu.Lock()
	defer j.mu.Unlock()

	return &journal{log: slices.Clone(j.log[:j.synced]), synced: j.synced}
}

func (j *journal) Load() (*broker.StoredState, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var st journalState
	for _, change := range j.log {
		change(&st)
	}
	state := &broker.StoredState{Retained: st.retained}
	for _, s := range st.sessions {
		state.Sessions = append(state.Sessions, *s)
	}

	return state, j.fail
}

func (j *journal) Atomic(f func()) {
	j.cut.RLock()
	defer j.cut.RUnlock()
	f()
}

func (j *journal) Sync() error {
	j.cut.Lock()
	defer j.cut.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.synced = len(j.log)

	return j.fail
}

func (j *journal) Retain(m broker.StoredMessage) {
	j.note(func(st *journalState) {
		st.unretain(m.Topic)
		st.retained = append(st.retained, m)
	})
}

func (j *journal) Unretain(topic string) {
	j.note(func(st *journalState) { st.unretain(topic) })
}

func (st *journalState) unretain(topic string) {
	st.retained = slices.DeleteFunc(st.retained, func(m broker.StoredMessage) bool { return m.Topic == topic })
}

// session notes a change of one Session, which must be there.
func (j *journal) session(id string, change func(*broker.StoredSession)) {
	j.note(func(st *journalState) {
		i := slices.IndexFunc(st.sessions, func(s *broker.StoredSession) bool { return s.ClientID == id })
		change(st.sessions[i])
	})
}

func (j *journal) SaveSession(s broker.StoredSession) {
	j.note(func(st *journalState) {
		for _, old := range st.sessions {
			if old.ClientID == s.ClientID {
				old.Expiry, old.Left, old.Will = s.Expiry, s.Left, s.Will

				return
			}
		}
		st.sessions = append(st.sessions, new(s))
	})
}

func (j *journal) EndSession(id string) {
	j.note(func(st *journalState) {
		st.sessions = slices.DeleteFunc(st.sessions, func(s *broker.StoredSession) bool { return s.ClientID == id })
	})
}

func (j *journal) Subscribe(id string, sub broker.StoredSubscription) {
	j.session(id, func(s *broker.StoredSession) {
		s.Subscriptions = append(without(s.Subscriptions, sub.Filter), sub)
	})
}

func (j *journal) Unsubscribe(id, filter string) {
	j.session(id, func(s *broker.StoredSession) { s.Subscriptions = without(s.Subscriptions, filter) })
}

func without(subs []broker.StoredSubscription, filter string) []broker.StoredSubscription {
	return slices.DeleteFunc(subs, func(s broker.StoredSubscription) bool { return s.Filter == filter })
}

func (j *journal) Queue(id string, d broker.StoredDelivery) {
	j.session(id, func(s *broker.StoredSession) { s.Deliveries = append(s.Deliveries, d) })
}

func (j *journal) Sent(id string, seq uint64, packetID uint16) {
	j.session(id, func(s *broker.StoredSession) { delivery(s, seq).PacketID = packetID })
}

func (j *journal) Released(id string, seq uint64) {
	j.session(id, func(s *broker.StoredSession) { delivery(s, seq).Released = true })
}

func (j *journal) Settled(id string, seq uint64) {
	j.session(id, func(s *broker.StoredSession) {
		s.Deliveries = slices.DeleteFunc(s.Deliveries, func(d broker.StoredDelivery) bool { return d.Seq == seq })
	})
}

func delivery(s *broker.StoredSession, seq uint64) *broker.StoredDelivery {
	return &s.Deliveries[slices.IndexFunc(s.Deliveries, func(d broker.StoredDelivery) bool { return d.Seq == seq })]
}

func (j *journal) Received(id string, packetID uint16) {
	j.session(id, func(s *broker.StoredSession) { s.Received = append(s.Received, packetID) })
}

func (j *journal) Completed(id string, packetID uint16) {
	j.session(id, func(s *broker.StoredSession) {
		s.Received = slices.DeleteFunc(s.Received, func(n uint16) bool { return n == packetID })
	})
}

// stored starts a broker with what j holds.
func stored(tb testing.TB, j *journal) *brokertest.Server {
	tb.Helper()
	s := brokertest.Start(tb, broker.Config{Store: j})
	if err := s.Broker.Restore(); err != nil {
		tb.Fatal(err)
	}

	return s
}

// lasting opens a connection of a Session that outlives it, and requires Session Present to be present.
func lasting(tb testing.TB, s *brokertest.Server, id string, present bool) *raw {
	tb.Helper()
	c := dial(tb, s, wire.V5)
	if ack := c.connect(&wire.Connect{ClientID: id, Properties: expiry(3600)}); ack.SessionPresent != present {
		tb.Fatalf("Session Present %t", ack.SessionPresent)
	}

	return c
}

func TestQueuedMessagesSurviveTheProcess(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := stored(t, j)
	sub := lasting(t, s, "sub", false)
	sub.sub("a/+", 2)
	sub.sub("gone", 2)
	sub.send(&wire.Unsubscribe{PacketID: 7, Filters: []string{"gone"}})
	expect[*wire.Unsuback](sub)
	sub.disconnect()
	pub := connected(t, s, wire.V5, "pub")
	for i := range 10 {
		pub.publish(&wire.Publish{Topic: "a/b", QoS: byte(1 + i%2), Payload: text("%d", i)})
	}

	s = stored(t, j.crash())
	pub = connected(t, s, wire.V5, "pub")
	pub.publish(&wire.Publish{Topic: "gone", QoS: 1})
	pub.publish(&wire.Publish{Topic: "a/c", QoS: 1, Payload: text("10")})
	lasting(t, s, "sub", true).collectInOrder(0, 11)
}

func TestMessagesInFlightSurviveTheProcess(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := stored(t, j)
	sub := lasting(t, s, "sub", false)
	sub.sub("a", 2)
	pub := connected(t, s, wire.V5, "pub")
	pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: text("one")})
	pub.publish(&wire.Publish{Topic: "a", QoS: 2, Payload: text("two")})
	pub.publish(&wire.Publish{Topic: "a", QoS: 2, Payload: text("three")})
	one, two, three := expect[*wire.Publish](sub), expect[*wire.Publish](sub), expect[*wire.Publish](sub)
	sub.send(&wire.Ack{Kind: wire.PUBREC, PacketID: two.PacketID})
	sub.expectAck(wire.PUBREL, two.PacketID)

	j = j.crash()
	s = stored(t, j)
	sub = lasting(t, s, "sub", true)
	sub.expectAck(wire.PUBREL, two.PacketID)
	for _, want := range []*wire.Publish{one, three} {
		got := expect[*wire.Publish](sub)
		if !got.Dup || got.PacketID != want.PacketID || string(got.Payload) != string(want.Payload) || got.QoS != want.QoS {
			t.Errorf("got %+v, want %+v again", got, want)
		}
	}
	sub.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: two.PacketID}, &wire.Ack{Kind: wire.PUBACK, PacketID: one.PacketID})
	sub.ping()

	s = stored(t, j.crash())
	sub = lasting(t, s, "sub", true)
	if got := expect[*wire.Publish](sub); got.PacketID != three.PacketID {
		t.Errorf("got %+v, want what is still open", got)
	}
	sub.ping()
}

func TestAReceivedQoS2MessageIsKnownAfterTheProcess(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := stored(t, j)
	sub := lasting(t, s, "sub", false)
	sub.sub("a", 1)
	pub := lasting(t, s, "pub", false)
	m := &wire.Publish{Topic: "a", QoS: 2, PacketID: 9, Payload: text("once")}
	pub.send(m)
	pub.expectAck(wire.PUBREC, 9)
	sub.receivePayload("once")
	sub.ping()

	s = stored(t, j.crash())
	sub, pub = lasting(t, s, "sub", true), lasting(t, s, "pub", true)
	m.Dup = true
	pub.send(m)
	pub.expectAck(wire.PUBREC, 9)
	pub.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 9})
	if a := pub.expectAck(wire.PUBCOMP, 9); a.Code != wire.Success {
		t.Errorf("PUBCOMP 0x%02X", byte(a.Code))
	}
	sub.quiet()
}

func TestRetainedMessagesSurviveTheProcess(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := stored(t, j)
	pub := connected(t, s, wire.V5, "pub")
	props := &wire.Properties{UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}}, MessageExpiryInterval: 1000}
	pub.publish(&wire.Publish{Topic: "r/1", QoS: 1, Retain: true, Payload: text("old")})
	pub.publish(&wire.Publish{
		Topic: "r/1", QoS: 2, Retain: true, Payload: text("new"), Properties: props.Set(wire.PropMessageExpiryInterval),
	})
	pub.publish(&wire.Publish{Topic: "r/2", QoS: 1, Retain: true, Payload: text("x")})
	pub.publish(&wire.Publish{Topic: "r/2", QoS: 1, Retain: true})

	sub := connected(t, stored(t, j.crash()), wire.V5, "sub")
	sub.sub("r/#", 2)
	got := sub.receivePayload("new")
	if !got.Retain || got.QoS != 2 || len(got.Properties.UserProperties) != 1 || got.Properties.MessageExpiryInterval == 0 {
		t.Errorf("got %+v", got)
	}
	sub.quiet()
}

func TestOnlySessionsThatMayLastAreStored(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := stored(t, j)
	connected(t, s, wire.V5, "short").sub("a", 1)
	lasting(t, s, "ended", false).disconnect()
	c := dial(t, s, wire.V5)
	c.connect(&wire.Connect{ClientID: "ended"})
	lasting(t, s, "fresh", false).sub("a", 1)
	again := dial(t, s, wire.V5)
	again.connect(&wire.Connect{ClientID: "fresh", CleanStart: true, Properties: expiry(60)})
	again.ping()

	state, err := j.crash().Load()
	if err != nil || len(state.Sessions) != 1 {
		t.Fatalf("got %+v, %v", state, err)
	}
	if got := state.Sessions[0]; got.ClientID != "fresh" || got.Expiry != 60 || len(got.Subscriptions) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAWillMessageIsPublishedAfterTheProcessEnded(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := stored(t, j)
	sub := lasting(t, s, "sub", false)
	sub.sub("will", 1)
	c := dial(t, s, wire.V5)
	c.connect(&wire.Connect{ClientID: "c", Properties: expiry(60), Will: &wire.Will{Topic: "will", Payload: text("gone"), QoS: 1}})
	c.ping()

	lasting(t, stored(t, j.crash()), "sub", true).receivePayload("gone")
}

func TestNothingIsAcknowledgedThatIsNotStored(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := stored(t, j)
	pub := connected(t, s, wire.V5, "pub")
	j.mu.Lock()
	j.fail = errors.New("disk full")
	j.mu.Unlock()
	pub.send(&wire.Publish{Topic: "a", QoS: 1, PacketID: 1, Payload: text("x")})
	pub.expectClosed()
}

func TestRestoreReportsAStoreThatCannotBeRead(t *testing.T) {
	t.Parallel()
	want := errors.New("bad block")
	b := broker.New(broker.Config{Store: &journal{fail: want}})
	if err := b.Restore(); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}
