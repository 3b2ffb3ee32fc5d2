package boltstore_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/boltstore"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened opens a folder until the test ends.
func opened(tb testing.TB, dir string) *boltstore.Store {
	tb.Helper()
	s, err := boltstore.Open(dir, func(err error) { tb.Error(err) })
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})

	return s
}

// copied is the folder as a process would find it that comes after one that was killed now.
func copied(tb testing.TB, dir string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(dir, boltstore.FileName))
	if err != nil {
		tb.Fatal(err)
	}

	return folder(tb, b)
}

// folder is a folder whose file has that content.
func folder(tb testing.TB, content []byte) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, boltstore.FileName), content, 0o600); err != nil {
		tb.Fatal(err)
	}

	return dir
}

func sync1(tb testing.TB, s broker.Store) {
	tb.Helper()
	if err := s.Sync(); err != nil {
		tb.Fatal(err)
	}
}

// requireState requires that a folder holds what want holds.
func requireState(tb testing.TB, dir string, want broker.Store) {
	tb.Helper()
	s, err := boltstore.Open(dir, func(error) {})
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Close()
	requireLoaded(tb, s, want)
}

func requireLoaded(tb testing.TB, s *boltstore.Store, want broker.Store) {
	tb.Helper()
	expected, _ := want.Load()
	got, err := s.Load()
	if err != nil {
		tb.Fatal(err)
	}
	if reflect.DeepEqual(expected, sorted(got)) { // cmp takes long for payloads
		return
	}
	tb.Fatalf("(-want +got)\n%.5000s", cmp.Diff(expected, got, cmp.AllowUnexported(wire.Properties{})))
}

// both does to a Store what it does to its model.
type both struct {
	rand     *rand.Rand
	model    *model
	store    *boltstore.Store
	number   uint64
	seq      uint64
	most     int // bytes of a payload
	sessions []string
}

func (b *both) each(f func(broker.Store)) {
	f(b.model)
	f(b.store)
}

func (b *both) message() broker.StoredMessage {
	b.number++
	m := broker.StoredMessage{
		Number: b.number, Topic: fmt.Sprintf("t/%d", b.rand.IntN(20)), QoS: byte(b.rand.IntN(3)), Retain: b.rand.IntN(2) == 0,
		Payload: make([]byte, 1+b.rand.IntN(b.most)), From: "pub",
	}
	switch b.rand.IntN(4) {
	case 0:
		m.Expires = time.Unix(2e9, 5)
		m.Properties = (&wire.Properties{
			ContentType: "text/plain", UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}, {Key: "k", Value: ""}},
			CorrelationData: []byte{0, 255}, MessageExpiryInterval: 9,
		}).Set(wire.PropContentType, wire.PropCorrelationData, wire.PropMessageExpiryInterval)
	case 1:
		m.Payload = nil
	}

	return m
}

// step makes one change.
func (b *both) step() {
	id := b.sessions[b.rand.IntN(len(b.sessions))]
	s := b.model.sessions[id]
	if s == nil || b.rand.IntN(30) == 0 {
		b.save(id)

		return
	}
	switch b.rand.IntN(12) {
	case 0:
		m := b.message()
		b.each(func(st broker.Store) { st.Retain(m) })
	case 1:
		topic := fmt.Sprintf("t/%d", b.rand.IntN(20))
		b.each(func(st broker.Store) { st.Unretain(topic) })
	case 2:
		if b.rand.IntN(10) == 0 {
			b.each(func(st broker.Store) { st.EndSession(id) })
		}
	case 3:
		sub := broker.StoredSubscription{
			Filter: fmt.Sprintf("f/%d/#", b.rand.IntN(5)), QoS: byte(b.rand.IntN(3)), Identifier: b.rand.Uint32N(3),
			NoLocal: b.rand.IntN(2) == 0, RetainAsPublished: b.rand.IntN(2) == 0,
		}
		b.each(func(st broker.Store) { st.Subscribe(id, sub) })
	case 4:
		filter := fmt.Sprintf("f/%d/#", b.rand.IntN(5))
		b.each(func(st broker.Store) { st.Unsubscribe(id, filter) })
	case 5:
		packetID := uint16(b.rand.IntN(9) + 1)
		b.each(func(st broker.Store) { st.Received(id, packetID) })
	case 6:
		packetID := uint16(b.rand.IntN(9) + 1)
		b.each(func(st broker.Store) { st.Completed(id, packetID) })
	case 7, 8, 9:
		b.queue()
	default:
		b.advance(id, s)
	}
}

func (b *both) save(id string) {
	s := broker.StoredSession{ClientID: id, Expiry: b.rand.Uint32()}
	if b.rand.IntN(2) == 0 {
		s.Left = time.Unix(1e9, 1)
		m := b.message()
		m.Number = 0
		s.Will = &broker.StoredWill{Message: m, Delay: b.rand.Uint32()}
	}
	b.each(func(st broker.Store) { st.SaveSession(s) })
}

// queue brings one message to some Sessions.
func (b *both) queue() {
	m := b.message()
	if b.rand.IntN(2) == 0 {
		b.each(func(st broker.Store) { st.Retain(m) })
	}
	for _, id := range b.sessions {
		if b.model.sessions[id] == nil || b.rand.IntN(2) == 0 {
			continue
		}
		b.seq++
		d := broker.StoredDelivery{Seq: b.seq, Message: m, QoS: 1 + byte(b.rand.IntN(2)), Retain: b.rand.IntN(2) == 0, Share: "$share/g/t"}
		if b.rand.IntN(2) == 0 {
			d.Share, d.Identifiers = "", []uint32{1, math.MaxUint32}
		}
		b.each(func(st broker.Store) { st.Queue(id, d) })
	}
}

// advance does the next step of a delivery.
func (b *both) advance(id string, s *broker.StoredSession) {
	if len(s.Deliveries) == 0 {
		return
	}
	d := s.Deliveries[b.rand.IntN(len(s.Deliveries))]
	switch {
	case d.PacketID == 0 && b.rand.IntN(3) > 0:
		packetID := uint16(1 + b.rand.IntN(math.MaxUint16))
		b.each(func(st broker.Store) { st.Sent(id, d.Seq, packetID) })
	case d.PacketID > 0 && d.QoS == 2 && !d.Released:
		b.each(func(st broker.Store) { st.Released(id, d.Seq) })
	default:
		b.each(func(st broker.Store) { st.Settled(id, d.Seq) })
	}
}

// scenario is a folder with a good deal of everything in it.
func scenario(tb testing.TB, seed uint64, steps int, after func(b *both, dir string, step int)) (dir string, m *model) {
	tb.Helper()
	dir = tb.TempDir()
	s, err := boltstore.Open(dir, func(err error) { tb.Error(err) })
	if err != nil {
		tb.Fatal(err)
	}
	b := &both{rand: rand.New(rand.NewPCG(seed, 1)), model: newModel(), store: s, most: 3000}
	b.sessions = []string{"", "a", "b", strings.Repeat("long", 3_000)}
	for i := range steps {
		b.step()
		if after != nil {
			after(b, dir, i)
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}

	return dir, b.model
}

func TestWhatWasSyncedIsThereAfterAKill(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		dir, m := scenario(t, seed, 600, func(b *both, dir string, step int) {
			if b.rand.IntN(10) > 0 {
				return
			}
			sync1(t, b.store)
			if step%5 == 0 {
				requireState(t, copied(t, dir), b.model)
			}
		})
		requireState(t, dir, m)
	}
}

func TestManyAcknowledgementsShareATransaction(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir())
	s.SaveSession(broker.StoredSession{ClientID: "a"})
	sync1(t, s)
	before := s.Transactions()
	s.Atomic(func() { // what takes long is written in parts
		for i := range uint64(100) {
			s.Queue("a", broker.StoredDelivery{Seq: i + 1, Message: broker.StoredMessage{Number: i + 1, Topic: "t"}, QoS: 1})
		}
	})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := s.Sync(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := s.Transactions() - before; got > 2 {
		t.Errorf("%d transactions for 100 acknowledgements", got)
	}
}

func TestWhatIsSettledAtOnceIsNotWritten(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir())
	s.SaveSession(broker.StoredSession{ClientID: "a"})
	sync1(t, s)
	before, records := s.Transactions(), s.Records()
	s.Atomic(func() { // nothing is written meanwhile
		s.Queue("a", broker.StoredDelivery{Seq: 1, Message: broker.StoredMessage{Number: 1, Topic: "t"}, QoS: 2})
		s.Sent("a", 1, 7)
		s.Released("a", 1)
		s.Settled("a", 1)
	})
	sync1(t, s)
	if s.Transactions() != before || s.Records() != records {
		t.Errorf("%d transactions, %d records", s.Transactions()-before, s.Records()-records)
	}
}

func TestWhatIsOverLeavesNothingInTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := opened(t, dir)
	s.SaveSession(broker.StoredSession{ClientID: "a"})
	sync1(t, s)
	var size int64
	for round := range uint64(60) {
		for i := range uint64(20) {
			n := round*20 + i + 1
			s.Queue("a", broker.StoredDelivery{Seq: n, Message: broker.StoredMessage{Number: n, Topic: "t", Payload: make([]byte, 2000)}, QoS: 1})
		}
		sync1(t, s)
		for i := range uint64(20) {
			s.Settled("a", round*20+i+1)
		}
		sync1(t, s)
		if s.Records() != 1 {
			t.Fatalf("%d records are left", s.Records())
		}
		info, err := os.Stat(filepath.Join(dir, boltstore.FileName))
		if err != nil {
			t.Fatal(err)
		}
		if round == 20 {
			size = info.Size()
		}
		if round > 20 && info.Size() > size {
			t.Fatalf("the file grows from %d to %d bytes", size, info.Size())
		}
	}
	s.EndSession("a")
	sync1(t, s)
	if s.Records() != 0 {
		t.Errorf("%d records are left", s.Records())
	}
}

func TestWhatNobodyWaitsForIsWrittenNevertheless(t *testing.T) {
	t.Parallel()
	s := opened(t, t.TempDir())
	s.Retain(broker.StoredMessage{Number: 1, Topic: "t", Payload: []byte("x")})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if s.Records() == 2 {
			return
		}
		<-tick.C
	}
	t.Error("it was not written")
}

func TestAFailedTransactionIsTold(t *testing.T) {
	t.Parallel()
	told := make(chan error, 2)
	s, err := boltstore.Open(t.TempDir(), func(err error) { told <- err })
	if err != nil {
		t.Fatal(err)
	}
	s.Break()
	s.Retain(broker.StoredMessage{Number: 1, Topic: "t"})
	first := s.Sync()
	if first == nil || !errors.Is(<-told, first) {
		t.Errorf("got %v", first)
	}
	s.Retain(broker.StoredMessage{Number: 2, Topic: "t"})
	if err := s.Sync(); !errors.Is(err, first) {
		t.Errorf("got %v afterwards", err)
	}
	if err := s.Close(); !errors.Is(err, first) {
		t.Errorf("Close: %v", err)
	}
	if len(told) > 0 {
		t.Error("told twice")
	}
}

func TestAFolderBelongsToOneStore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	s, err := boltstore.Open(dir, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(dir, func(error) {}); !errors.Is(err, boltstore.ErrInUse) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opened(t, dir)
}

func TestSyncAfterCloseIsAnError(t *testing.T) {
	t.Parallel()
	s, err := boltstore.Open(t.TempDir(), func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Sync() == nil {
		t.Error("no error")
	}
}
