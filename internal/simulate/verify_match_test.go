package simulate_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// doors are the entries of a signal that says the same again and again, every 30 s.
func doors(words ...string) []simulate.Entry {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []simulate.Entry
	for i, word := range words {
		at := start.Add(time.Duration(i) * 30 * time.Second)
		m := simulate.Made{Device: "lyon/d-1", Seq: int64(i + 1)}
		m.Clean = message.Message{Topic: "acme/lyon/d-1/telemetry/door", Payload: []byte(word), Time: at}
		m.Message = m.Clean
		all = append(all, m.Entry())
	}
	return all
}

// came is the capture of some of the doors, by their places; each comes a little after it was sent.
func came(words []string, delay time.Duration, places ...int) []message.Message {
	entries := doors(words...)
	var all []message.Message
	for _, i := range places {
		all = append(all, message.Message{Topic: "acme/lyon/d-1/telemetry/door", Payload: []byte(words[i]), Time: entries[i].Due.Add(delay)})
	}
	return all
}

func TestMessagesThatSayTheSameAreToldApart(t *testing.T) {
	t.Parallel()
	words := []string{"open", "shut", "open", "shut", "open", "shut"}
	in := []int{0, 1, 2, 3, 4, 5}
	for claim, test := range map[string]struct {
		late   time.Duration
		delay  time.Duration
		copies []int
		places []int
		want   simulate.Counts
	}{
		"nothing happened":             {time.Second, 0, nil, in, simulate.Counts{Received: 6}},
		"a copy on the way":            {time.Second, time.Millisecond, nil, []int{0, 0, 1, 2, 3, 4, 5}, simulate.Counts{Received: 6, Duplicated: 1}},
		"copies on purpose":            {time.Second, time.Millisecond, []int{1, 2}, []int{0, 1, 1, 2, 2, 3, 4, 5}, simulate.Counts{Received: 6, Duplicated: 2}},
		"the clock of the reader lags": {time.Second, -2 * time.Second, nil, in, simulate.Counts{Received: 6}},
		"one is lost":                  {time.Second, 0, nil, []int{0, 1, 3, 4, 5}, simulate.Counts{Received: 5, Lost: 1}},
		"all are late":                 {time.Second, 2 * time.Second, nil, in, simulate.Counts{Received: 6, Late: 6}},
		"two are lost, at no time":     {0, time.Hour, nil, []int{1, 2, 4, 5}, simulate.Counts{Received: 4, Lost: 2}},
		"one is overtaken":             {time.Second, 0, nil, []int{1, 0, 2, 3, 4, 5}, simulate.Counts{Received: 6, Reordered: 1}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			v := simulate.NewVerification(test.late, 1)
			for i, e := range doors(words...) {
				if slices.Contains(test.copies, i) {
					e.Copies = 1
				}
				v.Sent(e)
			}
			for _, m := range came(words, test.delay, test.places...) {
				v.Received(m)
			}
			got := v.Verdict()
			test.want.Sent = len(words)
			if diff := cmp.Diff(test.want, got.Counts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Unexplained.Duplicated != test.want.Duplicated-len(test.copies) {
				t.Errorf("not explained: %+v", got.Unexplained)
			}
		})
	}
}

// What is damaged at random is found again in exactly that number, however often the same is said.
func TestManyMessagesThatSayTheSame(t *testing.T) {
	t.Parallel()
	words := strings.Fields(strings.Repeat("open shut ", 5000))
	v, copies, lost := simulate.NewVerification(time.Second, 0), 0, 0
	entries := doors(words...)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range entries {
		v.Sent(entries[i])
	}
	for i, word := range words {
		times := 1
		switch random.IntN(20) {
		case 0:
			times = 2
			copies++
		case 1:
			times = 0
			lost++
		}
		for range times {
			v.Received(message.Message{Topic: entries[i].Topic, Payload: []byte(word), Time: entries[i].Due.Add(20 * time.Millisecond)})
		}
	}
	got := v.Verdict()
	want := simulate.Counts{Sent: len(words), Received: len(words) - lost, Lost: lost, Duplicated: copies}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFreeSlotsAreThoseThatWereNotTaken(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 60 {
		free, slots := make([]bool, n), simulate.NewFreeSlots(n)
		for i := range free {
			free[i] = true
		}
		for _, taken := range random.Perm(n) {
			for place := range n {
				left, right := place, place
				for left >= 0 && !free[left] {
					left--
				}
				for right < n && !free[right] {
					right++
				}
				if right == n {
					right = -1
				}
				if l, r := slots.Left(place), slots.Right(place); l != left || r != right {
					t.Fatalf("of %d, beside %d: %d and %d, want %d and %d", n, place, l, r, left, right)
				}
			}
			free[taken] = false
			slots.Take(taken)
		}
		if slots.Left(n-1) != -1 || slots.Right(0) != -1 || slots.Left(-1) != -1 || slots.Right(n) != -1 {
			t.Fatalf("of %d, some are free when all were taken", n)
		}
	}
}

func TestALedgerTakesFewBytesForEachMessage(t *testing.T) {
	const (
		entries = 200_000
		most    = 100 // bytes, and that is generous
	)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	v := simulate.NewVerification(time.Second, 1)
	for i := range entries {
		line := fmt.Sprintf(`{"due":%q,"sent":%q,"device":"lyon/d-%d","seq":%d,"topic":"acme/lyon/d-%d/telemetry/temp","qos":0,"retain":false,`+
			`"bytes":50,"hash":"%016x","faults":["a","b"]}`, at.Format(time.RFC3339), at.Format(time.RFC3339), i%100, i, i%100, i)
		e, err := simulate.ParseEntry([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		v.Sent(e)
	}
	v.Received(message.Message{Topic: "acme/lyon/d-1/telemetry/temp"})
	if used := (int64(heap()) - int64(before)) / entries; used > most {
		t.Errorf("%d bytes for each entry", used)
	}
	if got := v.Verdict(); got.Sent != entries || got.Altered != 1 {
		t.Errorf("got %+v", got.Counts)
	}
}

func FuzzALineOfALedger(f *testing.F) {
	for _, e := range doors("open", "shut") {
		e.Faults, e.Effects, e.Copies, e.SentTopic, e.SentHash = []string{"a"}, []simulate.Effect{simulate.Dropped}, 3, "x/y", e.Hash
		f.Add(e.AppendJSON(nil))
	}
	for _, line := range []string{
		"", "{", "[]", "null", `{"due":"2026-01-01T00:00:00Z","topic":"a","hash":"0123456789abcdef","qos":3}`, `{"due":1,"topic":"a"}`,
		"{\"due\":\"2026-01-01T00:00:00Z\",\"topic\":\"a\",\"hash\":\"0123456789abcdef\",\"effects\":[\"\x85\"]}",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := simulate.ParseEntry(line)
		if err != nil {
			return
		}
		e.Due, e.Sent = e.Due.UTC().Truncate(time.Microsecond), e.Sent.UTC().Truncate(time.Microsecond)
		again, err := simulate.ParseEntry(e.AppendJSON(nil))
		if err != nil {
			if y := e.Due.Year(); y < 1 || y > 9999 || e.Sent.Year() > 9999 {
				return // a zone can lead out of what can be written
			}
			t.Fatalf("%q became %q: %v", line, e.AppendJSON(nil), err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Errorf("%q (-first +second):\n%s", line, diff)
		}
		v := simulate.NewVerification(time.Second, 1)
		v.Sent(e)
		v.Received(message.Message{Topic: e.Topic, Payload: []byte("x"), Time: e.Due})
		if got := v.Verdict(); got.Sent != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

// A message that went out once more, after its connection was lost, may come in once or twice.
func TestWhatWentOutOnceMoreMayComeOnlyOnce(t *testing.T) {
	t.Parallel()
	words := []string{"shut", "shut"}
	for _, late := range []time.Duration{0, time.Second} {
		for claim, places := range map[string][]int{"once": {0, 1}, "twice": {0, 0, 1}} {
			v := simulate.NewVerification(late, 1)
			entries := doors(words...)
			again := entries[0]
			again.Again = true
			for _, e := range []simulate.Entry{entries[0], again, entries[1]} {
				v.Sent(e)
			}
			for _, m := range came(words, time.Millisecond, places...) {
				v.Received(m)
			}
			if got := v.Verdict(); got.Received != 2 || got.Duplicated != len(places)-2 || got.Unexplained.Damage() > 0 {
				t.Errorf("%s, late after %v: %+v", claim, late, got)
			}
		}
	}
}
