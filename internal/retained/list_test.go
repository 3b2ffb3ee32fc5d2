package retained_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// keeper is a Server with Retained Messages. It delivers them before the answer to a SUBSCRIBE, and those of QoS 1 and 2
// only up to a limit.
type keeper struct {
	mu      sync.Mutex
	kept    map[string]message.Message
	queue   []message.Message
	arrived chan struct{}
	limit   int    // of queued messages, 0: none
	denied  string // topics that may not be cleared
	silent  string // topics whose clearing is never answered
	mute    string // topics whose clearing is ignored
	sub     map[string]wire.Subscription
	passes  int
	most    int // messages in the queue
}

func keeping(n int, qos byte) *keeper {
	k := &keeper{kept: map[string]message.Message{}, arrived: make(chan struct{}, 1), sub: map[string]wire.Subscription{}}
	for i := range n {
		name := fmt.Sprintf("plant/%06d", i)
		k.kept[name] = message.Message{Topic: name, Payload: []byte("x"), QoS: qos, Retain: true}
	}
	return k
}

func (k *keeper) put(m message.Message) {
	k.queue = append(k.queue, m)
	k.most = max(k.most, len(k.queue))
	select {
	case k.arrived <- struct{}{}:
	default:
	}
}

func (k *keeper) Subscribe(_ context.Context, _ *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !strings.HasPrefix(subs[0].Filter, "_mqx/") && !strings.HasPrefix(subs[0].Filter, "$SYS") {
		k.passes++
	}
	queued := 0
	for _, s := range subs {
		k.sub[s.Filter] = s
		for _, m := range k.kept {
			if !topic.Match(s.Filter, m.Topic) {
				continue
			}
			m.QoS = min(m.QoS, s.QoS)
			if m.QoS > 0 {
				if queued++; k.limit > 0 && queued > k.limit {
					continue
				}
			}
			k.put(m)
		}
	}
	return nil, nil
}

func (k *keeper) Unsubscribe(_ context.Context, filters ...string) ([]wire.ReasonCode, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range filters {
		delete(k.sub, f)
	}
	return nil, nil
}

func (k *keeper) PublishAsync(_ context.Context, m message.Message, done func(client.Result)) error {
	k.mu.Lock()
	if m.Topic == k.denied {
		k.mu.Unlock()
		done(client.Result{Err: &client.RefusedError{Packet: wire.PUBLISH, Code: wire.NotAuthorized, Topic: m.Topic}})
		return nil
	}
	if m.Retain && m.Topic != k.mute {
		delete(k.kept, m.Topic)
	}
	m.Retain = false
	for filter := range k.sub {
		if topic.Match(filter, m.Topic) {
			k.put(m)
		}
	}
	k.mu.Unlock()
	if m.Topic != k.silent {
		done(client.Result{})
	}
	return nil
}

func (k *keeper) Recv(ctx context.Context) (message.Message, error) {
	for {
		k.mu.Lock()
		if len(k.queue) > 0 {
			m := k.queue[0]
			k.queue = k.queue[1:]
			k.mu.Unlock()
			return m, nil
		}
		k.mu.Unlock()
		select {
		case <-k.arrived:
		case <-ctx.Done():
			return message.Message{}, ctx.Err()
		}
	}
}

func (k *keeper) Ready() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.queue)
}

func (*keeper) AckReceived()                {}
func (*keeper) Drain(context.Context) error { return nil }
func (*keeper) Unacknowledged() int         { return 0 }

func filtersOf(list ...string) []topic.Filter {
	var parsed []topic.Filter
	for _, s := range list {
		f, err := topic.ParseFilter(s)
		if err != nil {
			panic(err)
		}
		parsed = append(parsed, f)
	}
	return parsed
}

func TestListFindsWhatTheServerDroppedFromItsQueue(t *testing.T) {
	for _, tt := range []struct {
		name              string
		n, limit          int
		qos               byte
		recovered, passes int
	}{
		{"no limit was reached", 300, 0, 2, 0, 1},
		{"none is queued at QoS 0", 2000, 1000, 0, 0, 1},
		{"a limit may have been reached", 2000, 0, 1, 0, 2},
		{"a limit was reached", 5000, 1000, 2, 4000, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := keeping(tt.n, 2)
			k.limit = tt.limit
			seen := map[string]int{}
			listing, err := retained.List(t.Context(), k, retained.SinkFunc(func(m message.Message) error {
				seen[m.Topic]++
				return nil
			}), retained.ListOptions{Filters: filtersOf("plant/#"), QoS: tt.qos})
			want := retained.Listing{Evidence: retained.Sentinel, Messages: tt.n, Recovered: tt.recovered}
			if diff := cmp.Diff(want, listing); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", tt.name, err, diff)
			}
			if len(seen) != tt.n || k.passes != tt.passes {
				t.Errorf("%s: %d topics in %d passes, want %d in %d", tt.name, len(seen), k.passes, tt.n, tt.passes)
			}
			for name, n := range seen {
				if n != 1 {
					t.Fatalf("%s: %s was listed %d times", tt.name, name, n)
				}
			}
		})
	}
}

func TestListShowsATopicOnceWhateverFiltersMatchIt(t *testing.T) {
	for _, qos := range []byte{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			k := keeping(3, 1)
			var got []string
			_, err := retained.List(t.Context(), k, retained.SinkFunc(func(m message.Message) error {
				got = append(got, m.Topic)
				return nil
			}), retained.ListOptions{Filters: filtersOf("plant/+", "plant/+", "+/000001", "plant/000002"), QoS: qos})
			slices.Sort(got)
			if diff := cmp.Diff([]string{"plant/000000", "plant/000001", "plant/000002"}, got); diff != "" || err != nil {
				t.Errorf("QoS %d: %v\n%s", qos, err, diff)
			}
		})
	}
}

func TestListComparesWithTheServersOwnCount(t *testing.T) {
	const count = "$SYS/broker/retained messages/count"
	for _, tt := range []struct {
		counted         string
		passes, missing int
	}{
		{"2040", 1, 0}, {"5000", 2, 5000}, {"7", 2, 0}, {"many", 2, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := keeping(2000, 1)
			k.kept[count] = message.Message{Topic: count, Payload: []byte(tt.counted), Retain: true}
			listing, err := retained.List(t.Context(), k, retained.SinkFunc(func(message.Message) error { return nil }),
				retained.ListOptions{Filters: filtersOf("#"), QoS: 1})
			if err != nil || listing.Messages != 2000 || k.passes != tt.passes || listing.Counted != tt.missing {
				t.Errorf("the Server counts %s: got %+v in %d passes, %v", tt.counted, listing, k.passes, err)
			}
		})
	}
}

func TestListEndsInTheMiddleOfAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keeping(1000, 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("signal")
		seen := 0
		_, err := retained.List(ctx, k, retained.SinkFunc(func(message.Message) error {
			if seen++; seen == 10 {
				cancel(cause)
			}
			return nil
		}), retained.ListOptions{Filters: filtersOf("#")})
		if !errors.Is(err, cause) || seen != 10 {
			t.Errorf("got %v after %d messages", err, seen)
		}
	})
}

func clearing(t *testing.T, k *keeper, change func(*retained.ClearOptions)) (result retained.Clearing, cleared, reported []string, err error) {
	t.Helper()
	o := retained.ClearOptions{
		List:    retained.ListOptions{Filters: filtersOf("#")},
		Confirm: func(int) error { return nil },
		Report:  func(name string, _ error) { reported = append(reported, name) },
		Cleared: func(name string, _ bool) error { cleared = append(cleared, name); return nil },
	}
	change(&o)
	result, err = retained.Clear(t.Context(), k, o)
	return result, cleared, reported, err
}

func TestClearDeletesWhatIsSelectedAndLooksWhetherItIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keeping(30_000, 1)
		k.denied, k.mute = "plant/000003", "plant/000004"
		result, cleared, reported, err := clearing(t, k, func(o *retained.ClearOptions) {
			o.Selector.Exclude = filtersOf("plant/000001", "plant/000002")
		})
		want := retained.Clearing{
			Evidence: retained.Sentinel, Selected: 29_998, Sent: 29_998, Cleared: 29_996, Refused: 1, Left: 1,
		}
		if diff := cmp.Diff(want, result); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		slices.Sort(reported)
		if diff := cmp.Diff([]string{k.denied, k.mute}, reported); diff != "" {
			t.Error(diff)
		}
		if len(cleared) != 29_996 || len(k.kept) != 4 {
			t.Errorf("%d are said to be cleared, %d are left", len(cleared), len(k.kept))
		}
	})
}

func TestClearWithoutAYesDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, no := keeping(3, 1), errors.New("no")
		result, cleared, _, err := clearing(t, k, func(o *retained.ClearOptions) {
			o.Confirm = func(n int) error { return fmt.Errorf("%d: %w", n, no) }
		})
		if !errors.Is(err, no) || !strings.HasPrefix(err.Error(), "3:") || result.Sent != 0 || len(cleared) != 0 || len(k.kept) != 3 {
			t.Errorf("got %+v, %q, %v", result, cleared, err)
		}
	})
}

func TestClearOfNothingAsksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result, _, _, err := clearing(t, keeping(0, 0), func(o *retained.ClearOptions) { o.Confirm = nil })
		if diff := cmp.Diff(retained.Clearing{Evidence: retained.Sentinel}, result); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func TestClearSpillsTopicsToAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keeping(0, 0)
		for i := range 40 {
			name := fmt.Sprintf("%d/%s", i, strings.Repeat("t", 60_000))
			k.kept[name] = message.Message{Topic: name, Payload: []byte("x"), Retain: true}
		}
		result, cleared, _, err := clearing(t, k, func(*retained.ClearOptions) {})
		if err != nil || result.Cleared != 40 || len(cleared) != 40 || len(k.kept) != 0 {
			t.Errorf("got %+v, %d topics, %v", result, len(cleared), err)
		}
	})
}

func TestClearEndsWhenItsOutputFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, err := clearing(t, keeping(3, 1), func(o *retained.ClearOptions) { o.Cleared = func(string, bool) error { return io.ErrClosedPipe } })
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v", err)
		}
	})
}

func TestClearThatIsInterruptedTellsWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, stop := keeping(2500, 1), errors.New("stop")
		k.denied, k.silent = "plant/000003", "plant/000004"
		ctx, cancel := context.WithCancelCause(t.Context())
		gone, reported := map[string]bool{}, 0
		result, err := retained.Clear(ctx, k, retained.ClearOptions{
			List:     retained.ListOptions{Filters: filtersOf("#")},
			Confirm:  func(int) error { return nil },
			Progress: func(int, int) { cancel(stop) }, // after 1,000
			Report:   func(string, error) { reported++ },
			Cleared: func(name string, verified bool) error {
				gone[name] = !verified
				return nil
			},
		})
		if !errors.Is(err, stop) || result.Selected != 2500 || result.Sent != 1000 || result.Cleared != 0 || result.Refused != reported {
			t.Errorf("got %+v, %v", result, err)
		}
		if len(gone) != result.Confirmed || len(gone) < 998 {
			t.Errorf("%d are said to be gone, got %+v", len(gone), result)
		}
		for name, unverified := range gone {
			if _, kept := k.kept[name]; kept || !unverified || name == k.denied || name == k.silent {
				t.Errorf("%s is said to be gone", name)
			}
		}
	})
}

func TestAssertLooksAgainUntilItHolds(t *testing.T) {
	for _, tt := range []struct {
		name     string
		within   time.Duration
		set      time.Duration // when the message is retained
		deadline time.Duration
		want     retained.Verdict
		atLeast  time.Duration
	}{
		{name: "at once", want: retained.Held},
		{name: "never", set: time.Hour, want: retained.Failed},
		{name: "in time", within: 5 * time.Second, set: 2 * time.Second, want: retained.Held, atLeast: 2 * time.Second},
		{name: "too late", within: time.Second, set: 2 * time.Second, want: retained.Failed, atLeast: time.Second},
		{name: "a deadline first", within: 9 * time.Second, set: time.Hour, deadline: time.Second, want: retained.Failed, atLeast: 700 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := keeping(0, 0)
			set := func() {
				k.mu.Lock()
				defer k.mu.Unlock()
				k.kept["a"] = message.Message{Topic: "a", Payload: []byte("on"), Retain: true}
			}
			if tt.set == 0 {
				set()
			} else {
				defer time.AfterFunc(tt.set, set).Stop()
			}
			x, err := retained.NewExpectation(retained.Spec{Topic: "a", Equals: retained.TextOperand("on"), Within: tt.within})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			o := retained.ListOptions{QoS: 1}
			if tt.deadline > 0 {
				o.Deadline = start.Add(tt.deadline)
			}
			outcomes, listing, err := retained.Assert(t.Context(), k, []*retained.Expectation{x}, o)
			if err != nil || len(outcomes) != 1 || outcomes[0].Verdict != tt.want || listing.Evidence != retained.Sentinel {
				t.Errorf("%s: got %+v, %+v, %v", tt.name, outcomes, listing, err)
			}
			if took := time.Since(start); took < tt.atLeast || took > tt.atLeast+400*time.Millisecond {
				t.Errorf("%s: it took %v", tt.name, took)
			}
		})
	}
}
