package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/queue"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *queue.Queue {
	t.Helper()
	q, err := queue.Open(dir, queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func closeQueue(t *testing.T, q *queue.Queue) {
	t.Helper()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

func numbered(i int) message.Message {
	return message.Message{Topic: "t", Payload: fmt.Appendf(nil, "message %d", i), QoS: byte(1 + i%2)}
}

func fill(t *testing.T, q *queue.Queue, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := q.Append(t.Context(), numbered(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// rest takes everything that is left, and leaves it there.
func rest(t *testing.T, q *queue.Queue) []queue.Entry {
	t.Helper()
	q.Seal()
	var list []queue.Entry
	for {
		e, err := q.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
}

// wantMessages expects the messages with these numbers.
func wantMessages(t *testing.T, got []queue.Entry, numbers ...int) {
	t.Helper()
	if len(got) != len(numbers) {
		t.Fatalf("got %d messages, want %d", len(got), len(numbers))
	}
	for i, n := range numbers {
		if want := numbered(n); !bytes.Equal(got[i].Message.Payload, want.Payload) || got[i].Message.QoS != want.QoS {
			t.Fatalf("message %d is %q at QoS %d, want %q", i, got[i].Message.Payload, got[i].Message.QoS, want.Payload)
		}
	}
}

func upTo(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

func TestMessagesComeBackAsTheyWereInTheirOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "queue")
	q := open(t, dir)
	props := (&wire.Properties{
		MessageExpiryInterval: 60, ContentType: "text/plain", UserProperties: []wire.UserProperty{{Key: "a", Value: "b"}},
	}).Set(wire.PropMessageExpiryInterval, wire.PropContentType)
	want := []message.Message{
		{Topic: "a/b", Payload: []byte("x\x00\xff"), QoS: 1, Retain: true, Properties: props},
		{Topic: "empty", QoS: 2},
		{Topic: "large", Payload: bytes.Repeat([]byte("0123456789abcdef"), 400_000), QoS: 2},
		{Topic: "last", Payload: []byte("y"), QoS: 1},
	}
	for _, m := range want {
		if err := q.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	closeQueue(t, q)
	q = open(t, dir)
	if q.Kept() != len(want) || q.UnderWay() || q.Recovered() != (queue.Recovered{}) {
		t.Errorf("%d kept, under way %t, %+v", q.Kept(), q.UnderWay(), q.Recovered())
	}
	for i, e := range rest(t, q) {
		if !bytes.Equal(want[i].Payload, e.Message.Payload) {
			t.Errorf("message %d: %d bytes of payload", i, len(e.Message.Payload))
		}
		want[i].Payload, e.Message.Payload = nil, nil // a large difference takes long to show
		if diff := cmp.Diff(want[i], e.Message, cmp.AllowUnexported(wire.Properties{})); diff != "" {
			t.Errorf("message %d: %s", i, diff)
		}
		if e.Again || e.Received || e.ID != uint16(queue.FirstIdentifier+i) || e.Accepted.IsZero() {
			t.Errorf("message %d: %+v", i, e)
		}
	}
}

func TestWhatHasEndedIsGoneAndWhatWasSentIsKnown(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir)
	fill(t, q, 0, 10)
	list := rest(t, q)
	for _, i := range []int{0, 1, 4, 7} {
		q.Done(list[i])
	}
	safe := make(chan error, 1)
	q.Received(list[3].Number, func(err error) { safe <- err })
	if err := <-safe; err != nil {
		t.Fatal(err)
	}
	if err := q.SetClientID(t.Context(), "device"); err != nil {
		t.Fatal(err)
	}
	closeQueue(t, q)

	q = open(t, dir)
	fill(t, q, 10, 12)
	if q.Kept() != 8 || !q.UnderWay() || q.ClientID() != "device" {
		t.Errorf("%d kept, under way %t, client %q", q.Kept(), q.UnderWay(), q.ClientID())
	}
	got := rest(t, q)
	wantMessages(t, got, 2, 3, 5, 6, 8, 9, 10, 11)
	for i, e := range got {
		if wantReceived := i == 1; e.Received != wantReceived || e.Again != (i < 6) {
			t.Errorf("message %d: received %t, again %t", i, e.Received, e.Again)
		}
	}

	// A Server that has forgotten the Session gets everything as new.
	q.Rewind()
	if err := q.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, e := range rest(t, q) {
		if e.Received || e.Again {
			t.Errorf("message %d after Forget: %+v", i, e)
		}
	}
	closeQueue(t, q)
	q = open(t, dir)
	for i, e := range rest(t, q) {
		if e.Received || !e.Again {
			t.Errorf("message %d in the next run: received %t, again %t", i, e.Received, e.Again)
		}
	}
}

func TestNothingIsLeftOnDiskWhenEverythingHasEnded(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir)
	const n = 5000
	for i := range n {
		m := numbered(i)
		m.Payload = append(m.Payload, bytes.Repeat([]byte("secret"), 500)...)
		if err := q.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	q.Seal()
	most := 0
	for i := range n {
		e, err := q.Next(t.Context())
		if err != nil || int(e.Number) != i {
			t.Fatalf("%d: %d, %v", i, e.Number, err)
		}
		q.Done(e)
		most = max(most, len(files(t, dir)))
	}
	closeQueue(t, q)
	list := files(t, dir)
	if most < 3 || len(list) != 2 { // the lock and an empty segment
		t.Errorf("%d files at most, %v in the end", most, list)
	}
	for _, name := range list {
		data, err := os.ReadFile(name)
		if err != nil || bytes.Contains(data, []byte("secret")) {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	q = open(t, dir)
	fill(t, q, 0, 1)
	if got := rest(t, q); len(got) != 1 || got[0].Number != n {
		t.Errorf("got %+v, want message %d", got, n)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What random work leaves is what it should leave, over many restarts and segments.
func TestRandomWorkIsRememberedOverRestarts(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	appended := 0
	var open1 []int // not ended
	for range 30 {
		q := open(t, dir)
		n := rng.IntN(400)
		for range n {
			m := numbered(appended)
			if rng.IntN(50) == 0 {
				m.Topic = string(bytes.Repeat([]byte("t"), 60_000))
			}
			if err := q.Append(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			open1 = append(open1, appended)
			appended++
		}
		if q.Kept() != len(open1) {
			t.Fatalf("%d kept, want %d", q.Kept(), len(open1))
		}
		got := rest(t, q)
		wantMessages(t, got, open1...)
		var left []int
		for i, e := range got {
			if rng.IntN(3) == 0 {
				left = append(left, open1[i])
				continue
			}
			q.Done(e)
		}
		open1 = left
		if rng.IntN(2) == 0 {
			q.Rewind()
			wantMessages(t, rest(t, q), open1...)
		}
		closeQueue(t, q)
	}
}

func TestOnlyOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir)
	if _, err := queue.Open(dir, queue.Options{}); !errors.Is(err, queue.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	closeQueue(t, q)
	open(t, dir) // the lock file that is left is no hindrance
}

func TestFullQueueRefusesUntilAMessageHasEnded(t *testing.T) {
	q, err := queue.Open(t.TempDir(), queue.Options{MaxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	n := 0
	for err = nil; err == nil; n++ {
		err = q.Append(t.Context(), message.Message{Topic: "t", QoS: 1, Payload: make([]byte, 100)})
	}
	if !errors.Is(err, queue.ErrFull) || n < 5 || q.Kept() != n-1 {
		t.Fatalf("message %d: %v, %d kept", n, err, q.Kept())
	}
	e, err := q.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	moved := q.Moved()
	q.Done(e)
	<-moved
	if err := q.Append(t.Context(), message.Message{Topic: "t", QoS: 1, Payload: make([]byte, 100)}); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

func TestNextWaitsForAMessageAndForTheEndOfTheOneThatHadItsIdentifier(t *testing.T) {
	q := open(t, t.TempDir())
	first := make(chan queue.Entry)
	go func() {
		e, _ := q.Next(context.WithoutCancel(t.Context()))
		first <- e
	}()
	fill(t, q, 0, 1)
	e := <-first
	if e.Number != 0 {
		t.Fatalf("got %+v", e)
	}
	fill(t, q, 1, queue.Identifiers+1)
	for i := 1; i < queue.Identifiers; i++ {
		if _, err := q.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	last := make(chan queue.Entry)
	go func() {
		e, _ := q.Next(context.WithoutCancel(t.Context()))
		last <- e
	}()
	select {
	case e := <-last:
		t.Fatalf("message %d has the identifier %d of one that is under way", e.Number, e.ID)
	default:
	}
	q.Done(e)
	if e := <-last; e.Number != queue.Identifiers || e.ID != queue.FirstIdentifier {
		t.Errorf("got %d with identifier %d", e.Number, e.ID)
	}
}

func TestAFailingDiskIsToldAndLosesNothingThatWasAccepted(t *testing.T) {
	dir := t.TempDir()
	q := open(t, dir)
	fill(t, q, 0, 5)
	q.BreakDisk()
	if err := q.Append(t.Context(), numbered(5)); err != nil {
		t.Fatal(err)
	}
	if err := q.Sync(t.Context()); err == nil {
		t.Error("a message that is not on disk counts as accepted")
	}
	if got := q.Accepted(); got != 5 {
		t.Errorf("%d are accepted, want 5", got)
	}
	if err := q.Append(t.Context(), numbered(6)); err == nil {
		t.Error("a message was taken after that")
	}
	failed := make(chan error, 1)
	q.Received(0, func(err error) { failed <- err })
	if err := <-failed; err == nil {
		t.Error("PUBREC counts as noted")
	}
	if err := q.Close(); err == nil {
		t.Error("Close tells nothing")
	}
	wantMessages(t, rest(t, open(t, dir)), upTo(0, 5)...)
}

// Noting that messages have ended needs room on a disk that they have filled; a message never takes it.
func TestTheReserveIsForWhatHasEnded(t *testing.T) {
	for name, work := range map[string]func(q *queue.Queue, e queue.Entry){
		"a message": func(q *queue.Queue, _ queue.Entry) { _ = q.Append(t.Context(), numbered(2)) },
		"an end":    func(q *queue.Queue, e queue.Entry) { q.Done(e) },
	} {
		dir := t.TempDir()
		q := open(t, dir)
		fill(t, q, 0, 2)
		e, err := q.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q.BreakDisk()
		work(q, e)
		for moved := q.Moved(); q.Err() == nil; moved = q.Moved() {
			<-moved
		}
		if _, err := os.Stat(filepath.Join(dir, "reserve")); (err == nil) != (name == "a message") {
			t.Errorf("%s: the reserve: %v", name, err)
		}
		if q.Kept() != 2 {
			t.Errorf("%s: %d kept", name, q.Kept())
		}
		_ = q.Close() // it tells of the disk
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are others there")
	}
	dir := filepath.Join(t.TempDir(), "queue")
	fill(t, open(t, dir), 0, 1)
	for _, name := range append(files(t, dir), dir) {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
