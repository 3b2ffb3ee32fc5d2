package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a session that answers at once: it refuses topics that begin with "no", by PUBACK (QoS 1), and "limit", by CONNACK.
type fake struct {
	mu   sync.Mutex
	got  []string
	when []time.Time
	open int
	done chan struct{}
	err  error

	// drained, when set, makes Drain lose the connection although everything was answered, and return later.
	drained chan struct{}
}

func newFake() *fake { return &fake{done: make(chan struct{})} }

func (f *fake) PublishAsync(_ context.Context, m message.Message, done func(client.Result)) error {
	refused := &client.RefusedError{Packet: wire.PUBLISH, Code: wire.NotAuthorized, Topic: m.Topic}
	if strings.HasPrefix(m.Topic, "limit") {
		return refused
	}
	f.mu.Lock()
	f.got = append(f.got, m.Topic+"="+string(m.Payload))
	f.when = append(f.when, time.Now())
	f.mu.Unlock()
	if done == nil {
		done = func(client.Result) {}
	}
	switch {
	case strings.HasPrefix(m.Topic, "lost"):
		f.open++
		f.err = fmt.Errorf("broken: %w", client.ErrConnectionLost)
		close(f.done)
		done(client.Result{Err: f.err})
	case strings.HasPrefix(m.Topic, "no"):
		done(client.Result{Err: refused})
	default:
		done(client.Result{})
	}
	return nil
}

func (f *fake) Drain(ctx context.Context) error {
	if f.drained != nil {
		close(f.done)
		<-f.drained
		return ctx.Err()
	}
	return f.err
}
func (f *fake) Unacknowledged() int   { return f.open }
func (f *fake) Done() <-chan struct{} { return f.done }
func (f *fake) Err() error            { return f.err }

func run(t *testing.T, f *fake, src publish.Source, topics ...string) (s publish.Summary, reports []string, err error) {
	t.Helper()
	s, err = publish.Run(t.Context(), f, src, publish.Options{
		Topics: topics,
		Report: func(err error) { reports = append(reports, err.Error()) },
	})
	return s, reports, err
}

func TestLinesArePublishedToEveryTopic(t *testing.T) {
	f := newFake()
	s, reports, err := run(t, f, publish.NewLines(strings.NewReader("a\r\n\n\x00b\nlast"), message.Message{}), "x", "y")
	if err != nil || len(reports) != 0 || s != (publish.Summary{Sent: 8, Unconfirmed: 8}) {
		t.Errorf("got %+v, %q, %v", s, reports, err)
	}
	want := []string{"x=a\r", "y=a\r", "x=", "y=", "x=\x00b", "y=\x00b", "x=last", "y=last"}
	if diff := cmp.Diff(want, f.got); diff != "" {
		t.Error(diff)
	}
}

func TestLinesLongerThanAChunkStayWhole(t *testing.T) {
	long := strings.Repeat("x", 700<<10)
	f := newFake()
	if _, _, err := run(t, f, publish.NewLines(strings.NewReader("a\n"+long+"\nb\n"+long), message.Message{}), "t"); err != nil {
		t.Fatal(err)
	}
	want := []string{"t=a", "t=" + long, "t=b", "t=" + long}
	if len(f.got) != 4 || f.got[0] != want[0] || f.got[1] != want[1] || f.got[2] != want[2] || f.got[3] != want[3] {
		t.Errorf("got %d lines of other content", len(f.got))
	}
}

func TestALineOverTheLimitIsReportedAndLeftOut(t *testing.T) {
	f := newFake()
	in := strings.NewReader("a\n" + strings.Repeat("x", 600<<10) + "\nb\n")
	s, reports, err := run(t, f, publish.NewLimitedLines(in, 100<<10), "t")
	if err != nil || s.BadLines != 1 || s.Sent != 2 {
		t.Errorf("got %+v, %v", s, err)
	}
	if diff := cmp.Diff([]string{"line 2: longer than an MQTT packet can be"}, reports); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"t=a", "t=b"}, f.got); diff != "" {
		t.Error(diff)
	}
}

func TestALineIsGivenAsSoonAsItsLineFeedWasRead(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	src := publish.NewLines(r, message.Message{})
	for i, text := range []string{"first", "second"} {
		if _, err := io.WriteString(w, text+"\n"); err != nil {
			t.Fatal(err)
		}
		m, line, err := src.Next(t.Context())
		if err != nil || string(m.Payload) != text || line != i+1 {
			t.Errorf("got %q, line %d, %v", m.Payload, line, err)
		}
	}
}

func TestBadLinesAndRefusalsAreCountedAndEndNothing(t *testing.T) {
	f := newFake()
	in := `{"topic":"ok","payload":1}
nonsense

{"topic":"no/1"}
{"topic":"a/#"}
{"topic":"limit"}
{"topic":"ok","payload":2}
`
	s, reports, err := run(t, f, publish.NewJSON(strings.NewReader(in), message.Message{QoS: 1}))
	if err != nil || s != (publish.Summary{Sent: 3, Refused: 2, BadLines: 2}) || s.Failed() != 4 {
		t.Errorf("got %+v, %v", s, err)
	}
	for i, want := range []string{"line 2: not a message", `line 4: PUBLISH "no/1" refused`, "line 5: topic name", `line 6: PUBLISH "limit" refused`} {
		if i >= len(reports) || !strings.HasPrefix(reports[i], want) {
			t.Errorf("report %d of %q: want %q", i, reports, want)
		}
	}
	if diff := cmp.Diff([]string{"ok=1", "no/1=", "ok=2"}, f.got); diff != "" {
		t.Error(diff)
	}
}

func TestALostConnectionEndsTheWaitForInput(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go func() { _, _ = io.WriteString(w, "only\n") }()
	s, _, err := run(t, newFake(), publish.NewLines(r, message.Message{QoS: 1}), "lost")
	if !errors.Is(err, client.ErrConnectionLost) || s.Sent != 1 || s.Unacknowledged != 1 || s.Refused != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// Mosquitto hangs up right after a refusal.
func TestALostConnectionHarmsNothingThatWasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.err = fmt.Errorf("hung up: %w", client.ErrConnectionLost)
		f.drained = make(chan struct{})
		time.AfterFunc(time.Second, func() { close(f.drained) })
		s, reports, err := run(t, f, publish.NewLines(strings.NewReader("a\n"), message.Message{QoS: 1}), "no/1")
		if err != nil || len(reports) != 1 || s.Refused != 1 {
			t.Errorf("got %+v, %q, %v; want one refusal and no error", s, reports, err)
		}
	})
}

func TestCancelEndsTheWaitForInput(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	cause := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err := publish.Run(ctx, newFake(), publish.NewLines(r, message.Message{}), publish.Options{})
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}

func TestUnreadableInputIsTheErrorOfTheRun(t *testing.T) {
	broken := errors.New("disk on fire")
	in := io.MultiReader(strings.NewReader("a\n"), &failing{broken})
	s, _, err := run(t, newFake(), publish.NewLines(in, message.Message{}), "t")
	if !errors.Is(err, broken) || s.Sent != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestRepetitionsKeepTheirDistanceAndRateItsSchedule(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times int
		delay time.Duration
		rate  float64
		want  time.Duration
	}{
		{"as fast as possible", 3, 0, 0, 0},
		{"delay", 3, 2 * time.Second, 0, 4 * time.Second},
		{"rate", 101, 0, 100, time.Second},
		{"high rate", 100_001, 0, 100_000, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			start := time.Now()
			s, err := publish.Run(t.Context(), f, publish.NewOnce(message.Message{Payload: []byte("x")}, tt.times, tt.delay),
				publish.Options{Topics: []string{"t"}, Rate: tt.rate})
			if err != nil || s.Sent != tt.times {
				t.Errorf("%s: got %+v, %v", tt.name, s, err)
			}
			if got := f.when[len(f.when)-1].Sub(start); got < tt.want-2*time.Millisecond || got > tt.want {
				t.Errorf("%s: the last message was sent after %v, want %v", tt.name, got, tt.want)
			}
		})
	}
}

func TestReadAllStopsAtTheLimitAndWithTheContext(t *testing.T) {
	got, err := publish.ReadAll(t.Context(), bytes.NewReader(make([]byte, 100)), 10)
	if err != nil || len(got) != 10 {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := publish.ReadAll(ctx, r, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Steps run in their order, for each topic, and number the messages of the source; one that fails keeps that message back.
func TestStepsChangeMessagesOrKeepThemBack(t *testing.T) {
	t.Parallel()
	f := newFake()
	number := func(m *message.Message, n int) error {
		m.Payload = fmt.Appendf(nil, "%s-%d", m.Payload, n)
		return nil
	}
	keep := func(m *message.Message, _ int) error {
		if strings.HasPrefix(string(m.Payload), "bad") && m.Topic == "b" {
			return errors.New("bad for b")
		}
		m.Topic += "!"
		return nil
	}
	var reports []string
	s, err := publish.Run(t.Context(), f, publish.NewLines(strings.NewReader("ok\nbad\n"), message.Message{}), publish.Options{
		Topics: []string{"a", "b"}, Steps: []publish.Step{number, keep},
		Report: func(err error) {
			var held *publish.HeldError
			if !errors.As(err, &held) || held.Topic != "b" {
				t.Errorf("reported as %#v", err)
			}
			reports = append(reports, err.Error())
		},
	})
	if err != nil || s.Sent != 3 || s.Held != 1 || s.Failed() != 1 || s.Total() != 4 {
		t.Errorf("%+v, %v", s, err)
	}
	if diff := cmp.Diff([]string{"a!=ok-1", "b!=ok-1", "a!=bad-2"}, f.got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"line 2: bad for b"}, reports); diff != "" {
		t.Error(diff)
	}
}
