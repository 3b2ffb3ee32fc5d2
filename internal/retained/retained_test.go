package retained_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a Server as far as Collect can see it. Retained messages arrive one every gap after the subscription.
type fake struct {
	topics []string
	gap    time.Duration
	live   time.Duration // between live messages, 0: none

	echo time.Duration // until the probe comes back

	refuseFilter, refuseSentinel, swallow bool

	messages  chan message.Message
	delivered chan struct{} // what is retained
	stop      chan struct{}
	calls     []string
}

func newFake(topics ...string) *fake {
	return &fake{topics: topics, gap: 100 * time.Millisecond, messages: make(chan message.Message, 1000), delivered: make(chan struct{}), stop: make(chan struct{})}
}

func (f *fake) Subscribe(_ context.Context, _ *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error) {
	filter := subs[0].Filter
	if strings.HasPrefix(filter, "_mqx/") {
		f.calls = append(f.calls, "subscribe sentinel")
		if f.refuseFilter {
			return nil, &client.RefusedError{Packet: wire.SUBSCRIBE, Code: wire.NotAuthorized}
		}
		return nil, nil
	}
	f.calls = append(f.calls, "subscribe "+filter)
	if filter == "no" {
		return nil, &client.RefusedError{Packet: wire.SUBSCRIBE, Code: wire.NotAuthorized}
	}
	go f.deliver()
	return nil, nil
}

// deliver sends what is retained, and then live messages.
func (f *fake) deliver() {
	for _, name := range f.topics {
		if !f.sleep(f.gap) {
			return
		}
		f.messages <- message.Message{Topic: name, Retain: true}
	}
	close(f.delivered)
	for f.live > 0 && f.sleep(f.live) {
		f.messages <- message.Message{Topic: "live"}
	}
}

func (f *fake) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-f.stop:
		return false
	}
}

func (f *fake) PublishAsync(_ context.Context, m message.Message, done func(client.Result)) error {
	f.calls = append(f.calls, fmt.Sprintf("publish QoS %d", m.QoS))
	if m.QoS > 0 && f.refuseSentinel {
		done(client.Result{Err: &client.RefusedError{Packet: wire.PUBLISH, Code: wire.NotAuthorized}})
		return nil
	}
	done(client.Result{})
	switch {
	case f.swallow: // as brokers deny at QoS 0
	case m.QoS == 0:
		time.AfterFunc(f.echo, func() { f.messages <- m })
	default:
		go func() {
			select {
			case <-f.delivered:
				f.messages <- m
			case <-f.stop:
			}
		}()
	}
	return nil
}

func (f *fake) Unsubscribe(context.Context, ...string) ([]wire.ReasonCode, error) {
	f.calls = append(f.calls, "unsubscribe")
	return nil, nil
}

func (f *fake) Recv(ctx context.Context) (message.Message, error) {
	select {
	case m := <-f.messages:
		return m, nil
	case <-ctx.Done():
		return message.Message{}, ctx.Err()
	}
}

func (f *fake) Ready() int   { return len(f.messages) }
func (f *fake) AckReceived() {}

// sink keeps topics and has enough after some.
type sink struct {
	got    []string
	enough int
}

func (s *sink) Message(m message.Message) (bool, error) {
	s.got = append(s.got, m.Topic)
	return len(s.got) == s.enough, nil
}

func (*sink) Flush() error  { return nil }
func (*sink) Buffered() int { return 0 }

func TestProbeTellsWhetherASentinelWouldComeBack(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fake)
		want   bool
	}{
		"it would":                      {func(*fake) {}, true},
		"slowly":                        {func(f *fake) { f.echo = 150 * time.Millisecond }, true},
		"too slowly":                    {func(f *fake) { f.echo = 250 * time.Millisecond }, false},
		"publishing is denied":          {func(f *fake) { f.swallow = true }, false},
		"its subscription is refused":   {func(f *fake) { f.refuseFilter = true }, false},
		"at QoS 1 something is against": {func(f *fake) { f.refuseSentinel = true }, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			defer close(f.stop)
			tt.change(f)
			if got, err := retained.Probe(t.Context(), f); err != nil || got != tt.want {
				t.Errorf("%s: got %v, %v", name, got, err)
			}
		})
	}
}

func TestCollectKnowsItsEnd(t *testing.T) {
	all := []string{"a", "b", "c"}
	for _, tt := range []struct {
		name    string
		change  func(*fake)
		options retained.Options
		enough  int
		want    retained.Evidence
		got     []string
		took    time.Duration
	}{
		{"the sentinel comes back", func(*fake) {}, retained.Options{}, 0, retained.Sentinel, all, 300 * time.Millisecond},
		{"nothing is retained", func(f *fake) { f.topics = nil }, retained.Options{}, 0, retained.Sentinel, nil, 0},
		{"live messages are left out", func(f *fake) { f.live = time.Millisecond }, retained.Options{}, 0, retained.Sentinel, all, 300 * time.Millisecond},
		{"its subscription is refused", func(f *fake) { f.refuseFilter = true }, retained.Options{}, 0, retained.Barrier, all, 500 * time.Millisecond},
		{"it is refused", func(f *fake) { f.refuseSentinel = true }, retained.Options{}, 0, retained.Barrier, all, 500 * time.Millisecond},
		{"it is swallowed", func(f *fake) { f.swallow = true }, retained.Options{}, 0, retained.Barrier, all, 1500 * time.Millisecond},
		{
			"it is swallowed among live messages", func(f *fake) { f.swallow, f.live = true, 50*time.Millisecond },
			retained.Options{},
			0,
			retained.Barrier, all, 1500 * time.Millisecond,
		},
		{"the sink has enough", func(*fake) {}, retained.Options{}, 2, retained.Enough, all[:2], 200 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(all...)
			defer close(f.stop)
			tt.change(f)
			tt.options.Subscriptions = []wire.Subscription{{Filter: "#"}}
			ready := 0
			tt.options.Ready = func() error { ready++; return nil }
			s := &sink{enough: tt.enough}
			start := time.Now()
			got, err := retained.Collect(t.Context(), f, s, tt.options)
			if err != nil || got != tt.want {
				t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
			}
			if diff := cmp.Diff(tt.got, s.got); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
			if took := time.Since(start); took < tt.took || took > tt.took+60*time.Millisecond {
				t.Errorf("%s: it took %v, want %v", tt.name, took, tt.took)
			}
			if ready != 1 {
				t.Errorf("%s: ready was called %d times", tt.name, ready)
			}
		})
	}
}

func TestCollectWithoutTheRightToPublishDoesNotTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := retained.Collect(t.Context(), f, &sink{}, retained.Options{NoPublish: true, Subscriptions: []wire.Subscription{{Filter: "#"}}})
		if err != nil || got != retained.Barrier {
			t.Errorf("got %q, %v", got, err)
		}
		if diff := cmp.Diff([]string{"subscribe #", "unsubscribe"}, f.calls); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCollectStopsAtItsDeadlineAsIncomplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a", "b", "c")
		defer close(f.stop)
		s := &sink{}
		got, err := retained.Collect(t.Context(), f, s, retained.Options{
			Subscriptions: []wire.Subscription{{Filter: "#"}}, Deadline: time.Now().Add(250 * time.Millisecond),
		})
		if err != nil || got != retained.Incomplete || len(s.got) != 2 {
			t.Errorf("got %q, %v, %q", got, err, s.got)
		}
	})
}

func TestCollectReportsARefusedFilterAndACancelledContext(t *testing.T) {
	_, err := retained.Collect(t.Context(), newFake(), &sink{}, retained.Options{Subscriptions: []wire.Subscription{{Filter: "no"}}})
	if _, ok := errors.AsType[*client.RefusedError](err); !ok {
		t.Errorf("got %v", err)
	}
	cause := errors.New("signal")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	f := newFake("a")
	defer close(f.stop)
	if _, err := retained.Collect(ctx, f, &sink{}, retained.Options{Subscriptions: []wire.Subscription{{Filter: "#"}}}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}
