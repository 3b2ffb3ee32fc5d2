package tally_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/tally"
	"github.com/mqx-cli/mqx/internal/wire"
)

// aWatch is a watch over the fleet of a profile whose run begins now.
func aWatch(t *testing.T, p *profile.Profile) (*tally.Recorder, *tally.Watch) {
	t.Helper()
	l, err := p.Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	r := tally.New(p, tally.Options{Run: "r", Begin: time.Now(), Start: simulate.DefaultStart(), Recent: true})
	return r, tally.NewWatch(r, simulate.NewRun(p, l, simulate.DefaultStart(), nil))
}

func temp(device int, payload string, qos byte, due time.Duration) *simulate.Made {
	return made(device, fmt.Sprintf("acme/lyon/cr-%d/telemetry/temp", device+1), payload, qos, due)
}

func comes(w *tally.Watch, m *simulate.Made) {
	w.Received(message.Message{Topic: m.Message.Topic, Payload: m.Message.Payload})
}

func TestWatchSeesWhatBecameOfMessages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		play func(r *tally.Recorder, w *tally.Watch)
		want tally.QoSCounts
	}{
		"all arrive": {func(r *tally.Recorder, w *tally.Watch) {
			a, b := temp(0, "1", 0, 0), temp(1, "1", 0, 0)
			_, _ = r.Sent(a), r.Sent(b)
			comes(w, b)
			comes(w, a)
		}, tally.QoSCounts{Sent: 2, Bytes: 2, Arrived: 2}},
		"one came in before it was known": {func(r *tally.Recorder, w *tally.Watch) {
			a := temp(0, "1", 0, 0)
			comes(w, a)
			_ = r.Sent(a)
		}, tally.QoSCounts{Sent: 1, Bytes: 1, Arrived: 1}},
		"one is lost": {func(r *tally.Recorder, w *tally.Watch) {
			a, b := temp(0, "1", 0, 0), temp(0, "2", 0, 1)
			_, _ = r.Sent(a), r.Sent(b)
			comes(w, b)
		}, tally.QoSCounts{Sent: 2, Bytes: 2, Arrived: 1, Lost: 1}},
		"one comes twice": {func(r *tally.Recorder, w *tally.Watch) {
			a := temp(0, "1", 0, 0)
			_ = r.Sent(a)
			comes(w, a)
			comes(w, a)
		}, tally.QoSCounts{Sent: 1, Bytes: 1, Arrived: 1, Duplicated: 1}},
		"two are alike": {func(r *tally.Recorder, w *tally.Watch) {
			a, b := temp(0, "1", 0, 0), temp(0, "1", 0, 1)
			_, _ = r.Sent(a), r.Sent(b)
			comes(w, a)
			comes(w, b)
		}, tally.QoSCounts{Sent: 2, Bytes: 2, Arrived: 2}},
		"one comes twice on purpose": {func(r *tally.Recorder, w *tally.Watch) {
			a := temp(0, "1", 0, 0)
			a.Copies = 1
			_ = r.Sent(a)
			comes(w, a)
			comes(w, a)
		}, tally.QoSCounts{Sent: 1, Copies: 1, Bytes: 2, Arrived: 1}},
		"one is dropped on purpose": {func(r *tally.Recorder, _ *tally.Watch) {
			a := temp(0, "1", 0, 0)
			a.Effects = []simulate.Effect{simulate.Dropped}
			_ = r.Sent(a)
		}, tally.QoSCounts{Dropped: 1}},
		"one overtakes another": {func(r *tally.Recorder, w *tally.Watch) {
			a, b := temp(0, "1", 0, time.Millisecond), temp(0, "2", 0, 2*time.Millisecond)
			_, _ = r.Sent(a), r.Sent(b)
			comes(w, b)
			comes(w, a)
		}, tally.QoSCounts{Sent: 2, Bytes: 2, Arrived: 2, Reordered: 1}},
		"one overtakes another on purpose": {func(r *tally.Recorder, w *tally.Watch) {
			a, b := temp(0, "1", 0, time.Millisecond), temp(0, "2", 0, 2*time.Millisecond)
			a.Effects = []simulate.Effect{simulate.Reordered}
			_, _ = r.Sent(b), r.Sent(a)
			comes(w, b)
			comes(w, a)
		}, tally.QoSCounts{Sent: 2, Bytes: 2, Arrived: 2}},
		"one is altered": {func(r *tally.Recorder, w *tally.Watch) {
			a, b := temp(0, "1", 0, 0), temp(0, "2", 0, 1)
			_, _ = r.Sent(a), r.Sent(b)
			comes(w, temp(0, "9", 0, 0))
			comes(w, b)
		}, tally.QoSCounts{Sent: 2, Bytes: 2, Arrived: 2, Altered: 1}},
		"strangers mean nothing": {func(_ *tally.Recorder, w *tally.Watch) {
			w.Received(message.Message{Topic: "other/x", Payload: []byte("1")})
			w.Received(message.Message{Topic: "acme/lyon/cr-1/telemetry/temp", Payload: []byte("1"), Retain: true})
		}, tally.QoSCounts{}},
		"what comes while nobody looks is neither": {func(r *tally.Recorder, w *tally.Watch) {
			w.Away(time.Now())
			a := temp(0, "1", 0, 0)
			_ = r.Sent(a)
			w.Back(time.Now())
		}, tally.QoSCounts{Sent: 1, Bytes: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w := aWatch(t, aProfile(t, "lost == 0"))
			test.play(r, w)
			over, cancel := context.WithCancel(t.Context())
			cancel()
			w.Settle(over)
			all := r.Summary().All().All()
			if d := cmp.Diff(test.want, all); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWatchKnowsLateFromSlowOnPurpose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := aWatch(t, aProfile(t, "late == 0"))
		a, b := temp(0, "1", 0, 0), temp(0, "2", 0, 0)
		b.Effects = []simulate.Effect{simulate.Late}
		_, _ = r.Sent(a), r.Sent(b)
		time.Sleep(simulate.LateAfter)
		comes(w, a)
		comes(w, b)
		w.Settle(t.Context())
		if late := r.Summary().All().QoS[0].Late; late != 1 {
			t.Errorf("%d are late", late)
		}
	})
}

func TestWatchGivesUpWhatIsLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := aWatch(t, aProfile(t, "lost == 0"))
		_ = r.Sent(temp(0, "1", 1, 0))
		time.Sleep(11 * time.Minute)
		last := temp(0, "2", 1, 11*time.Minute)
		_ = r.Sent(last)
		if lost := r.Summary().All().QoS[1].Lost; lost != 1 {
			t.Errorf("%d are lost", lost)
		}
		comes(w, last)
		w.Settle(t.Context()) // nothing is under way
	})
}

func TestLateWillsOfOlderSessionsSayNothing(t *testing.T) {
	t.Parallel()
	r, w := aWatch(t, aProfile(t, "presence(cr-1) == online"))
	says := func(word, session string) {
		p := &wire.Properties{UserProperties: []wire.UserProperty{{Key: "session", Value: session}}}
		w.Received(message.Message{Topic: "acme/lyon/cr-1/status", Payload: []byte(word), Properties: p})
	}
	says("online", "1")
	says("online", "2")
	says("offline", "1")
	says("gone", "2")
	s := r.Summary()
	if got := s.Presence["lyon/cr-1"]; len(got) != 1 || !got[0].Online {
		t.Errorf("got %v", got)
	}
	says("offline", "2")
	if got := r.Summary().All().Presence; got != 2 {
		t.Errorf("%d changes", got)
	}
}

// mail is a session with messages in it.
type mail struct {
	messages []message.Message
	acks     int
}

var errEmpty = errors.New("no more")

// Recv returns the next message.
func (m *mail) Recv(context.Context) (message.Message, error) {
	if len(m.messages) == 0 {
		return message.Message{}, errEmpty
	}
	first := m.messages[0]
	m.messages = m.messages[1:]
	return first, nil
}

// Ready is how many are left.
func (m *mail) Ready() int { return len(m.messages) }

// AckReceived counts.
func (m *mail) AckReceived() { m.acks++ }

func TestWatchFollowsASession(t *testing.T) {
	t.Parallel()
	r, w := aWatch(t, aProfile(t, "lost == 0"))
	a := temp(2, "1", 1, 0)
	_ = r.Sent(a)
	m := &mail{messages: []message.Message{a.Message, {Topic: "x"}}}
	if err := w.Follow(t.Context(), m); !errors.Is(err, errEmpty) || m.acks != 1 {
		t.Errorf("got %v, %d acknowledgements", err, m.acks)
	}
	w.Settle(t.Context())
	if r.Summary().All().QoS[1].Arrived != 1 {
		t.Error("it did not arrive")
	}
	want := []string{
		"acme/lyon/+/status", "acme/lyon/+/desired", "acme/lyon/+/reported", "acme/lyon/+/cmd", "acme/lyon/+/cmd/res",
		"acme/lyon/+/telemetry/temp", "acme/lyon/+/events/door",
	}
	got := w.Filters()
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
