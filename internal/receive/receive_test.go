package receive_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/receive"
	"github.com/mqx-cli/mqx/internal/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a session and a sink in one, with a log of what was done in which order.
type fake struct {
	messages chan message.Message
	lost     chan struct{}
	log      []string
	buffered int
	size     int // of a message in the sink

	flushErr  error // what Flush answers
	flushErrs int   // how often, 0 for always
}

var errLost = errors.New("connection lost")

func newFake(topics ...string) *fake {
	f := &fake{messages: make(chan message.Message, 100), lost: make(chan struct{})}
	f.add(topics...)
	return f
}

func (f *fake) add(topics ...string) {
	for _, name := range topics {
		retained := strings.HasPrefix(name, "r/")
		f.messages <- message.Message{Topic: name, Retain: retained}
	}
}

func (f *fake) Recv(ctx context.Context) (message.Message, error) {
	select {
	case m := <-f.messages:
		return m, nil
	default:
	}
	select {
	case m := <-f.messages:
		return m, nil
	case <-f.lost:
		return message.Message{}, errLost
	case <-ctx.Done():
		return message.Message{}, ctx.Err()
	}
}

func (f *fake) Ready() int   { return len(f.messages) }
func (f *fake) AckReceived() { f.log = append(f.log, "ack") }

func (f *fake) Message(m message.Message) (bool, error) {
	f.buffered += f.size
	f.log = append(f.log, m.Topic)
	return !strings.HasPrefix(m.Topic, "skip"), nil
}

func (f *fake) Flush() error {
	f.buffered = 0
	f.log = append(f.log, "flush")
	if f.flushErrs > 0 {
		if f.flushErrs--; f.flushErrs == 0 {
			defer func() { f.flushErr = nil }()
		}
	}
	return f.flushErr
}

func (f *fake) Buffered() int { return f.buffered }

func TestMessagesAreAcknowledgedAfterTheyAreFlushed(t *testing.T) {
	f := newFake("a", "b", "c")
	r, err := receive.Run(t.Context(), f, f, receive.Options{Count: 3})
	if err != nil || r != (receive.Result{Shown: 3, End: receive.Counted}) {
		t.Errorf("got %+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "flush", "ack"}, f.log); diff != "" {
		t.Error(diff)
	}
}

func TestALargeBufferIsFlushedWhileMessagesKeepComing(t *testing.T) {
	f := newFake("a", "b", "c", "d")
	f.size = 200 << 10
	if _, err := receive.Run(t.Context(), f, f, receive.Options{Count: 4}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "flush", "ack", "c", "d", "flush", "ack"}, f.log); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedFlushIsNotAcknowledged(t *testing.T) {
	f := newFake("a")
	f.flushErr = errors.New("closed")
	if _, err := receive.Run(t.Context(), f, f, receive.Options{Count: 1}); !errors.Is(err, f.flushErr) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"a", "flush"}, f.log); diff != "" {
		t.Error(diff)
	}
}

func TestAfterAFailedFlushNothingIsAcknowledged(t *testing.T) {
	f := newFake("a")
	full := errors.New("no space left")
	f.flushErr, f.flushErrs = full, 1
	if _, err := receive.Run(t.Context(), f, f, receive.Options{}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"a", "flush"}, f.log); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotShownDoesNotCount(t *testing.T) {
	exclude, err := topic.ParseFilter("x/#")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake("x/1", "r/1", "skip", "a", "b")
	r, err := receive.Run(t.Context(), f, f, receive.Options{Count: 1, Exclude: []topic.Filter{exclude}, HideRetained: true})
	if err != nil || r.Shown != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{"skip", "a", "flush", "ack"}, f.log); diff != "" {
		t.Error(diff)
	}
}

func TestDeadlineAndIdleEndTheRun(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		idle    time.Duration
		feed    time.Duration // a message each
		want    receive.End
		after   time.Duration
	}{
		{"the deadline", 5 * time.Second, 0, time.Second, receive.TimedOut, 5 * time.Second},
		{"the deadline while messages pour in", 5 * time.Second, 0, time.Millisecond, receive.TimedOut, 5 * time.Second},
		{"silence", 0, 3 * time.Second, 0, receive.WentIdle, 3 * time.Second},
		{"silence before the deadline", 5 * time.Second, 3 * time.Second, 0, receive.WentIdle, 3 * time.Second},
		{"no silence before the deadline", 5 * time.Second, 3 * time.Second, time.Second, receive.TimedOut, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			stop := make(chan struct{})
			defer close(stop)
			if tt.feed > 0 {
				go func() {
					for {
						select {
						case <-time.After(tt.feed):
							select {
							case f.messages <- message.Message{Topic: "a"}:
							case <-stop:
								return
							}
						case <-stop:
							return
						}
					}
				}()
			}
			start := time.Now()
			o := receive.Options{Idle: tt.idle}
			if tt.timeout > 0 {
				o.Deadline = start.Add(tt.timeout)
			}
			r, err := receive.Run(t.Context(), f, f, o)
			if err != nil || r.End != tt.want {
				t.Errorf("%s: got %+v, %v", tt.name, r, err)
			}
			if got := time.Since(start); got < tt.after || got > tt.after+10*time.Millisecond {
				t.Errorf("%s: it took %v, want %v", tt.name, got, tt.after)
			}
			if f.log[len(f.log)-1] != "ack" {
				t.Errorf("%s: it ended without an acknowledgement: %q", tt.name, f.log[max(0, len(f.log)-3):])
			}
		})
	}
}

func TestALostConnectionIsReportedAfterEverythingWasShown(t *testing.T) {
	f := newFake("a", "b")
	close(f.lost)
	r, err := receive.Run(t.Context(), f, f, receive.Options{})
	if !errors.Is(err, errLost) || r.Shown != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{"a", "b", "flush", "ack"}, f.log[:4]); diff != "" {
		t.Error(diff)
	}
}

func TestACancelledContextIsTheErrorWithItsCause(t *testing.T) {
	cause := errors.New("signal")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := receive.Run(ctx, newFake(), newFake(), receive.Options{}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}
