package presence_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/presence"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session is a Server's side of a session: it answers a SUBSCRIBE with messages, and sentinels with themselves.
type session struct {
	answers    map[string][]message.Message // by Topic Filter
	refuses    string                       // a Topic Filter that is refused
	subscribed []string
	qos        map[string]byte
	removed    []string
	queue      chan message.Message
	err        error // of Recv when the queue is closed
}

func newSession() *session {
	return &session{qos: map[string]byte{}, answers: map[string][]message.Message{}, queue: make(chan message.Message, 1000)}
}

func (s *session) Subscribe(_ context.Context, _ *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error) {
	codes := make([]wire.ReasonCode, len(subs))
	for i, sub := range subs {
		if sub.Filter == s.refuses {
			codes[i] = wire.NotAuthorized
			return codes, &client.RefusedError{Packet: wire.SUBSCRIBE, Code: wire.NotAuthorized, Topic: sub.Filter}
		}
		if !strings.HasPrefix(sub.Filter, "_mqx/") {
			s.subscribed = append(s.subscribed, sub.Filter)
			s.qos[sub.Filter] = sub.QoS
		}
		for _, m := range s.answers[sub.Filter] {
			s.queue <- m
		}
	}
	return codes, nil
}

func (s *session) Unsubscribe(_ context.Context, filters ...string) ([]wire.ReasonCode, error) {
	if strings.HasPrefix(filters[0], "_mqx/") { // in the background
		return []wire.ReasonCode{0}, nil
	}
	s.removed = append(s.removed, filters...)
	return []wire.ReasonCode{0}, nil
}

func (s *session) PublishAsync(_ context.Context, m message.Message, done func(client.Result)) error {
	s.queue <- m
	done(client.Result{})
	return nil
}

func (s *session) Recv(ctx context.Context) (message.Message, error) {
	select {
	case m, ok := <-s.queue:
		if !ok {
			return m, s.err
		}
		return m, nil
	default:
	}
	select {
	case m, ok := <-s.queue:
		if !ok {
			return m, s.err
		}
		return m, nil
	case <-ctx.Done():
		return message.Message{}, ctx.Err()
	}
}

func (s *session) Ready() int { return len(s.queue) }

func (s *session) AckReceived() {}

func stored(topic, payload string) message.Message {
	return message.Message{Topic: topic, Payload: []byte(payload), Retain: true}
}

func live(topic, payload string) message.Message {
	m := stored(topic, payload)
	m.Retain = false
	return m
}

func observe(s *session, c presence.Convention, names ...string) *presence.Observation {
	if len(names) == 0 {
		names = []string{presence.AllDevices}
	}
	return &presence.Observation{Session: s, Convention: c, Fleet: presence.NewFleet(rules(), time.Now()), Names: names, V5: true}
}

func states(f *presence.Fleet) map[string]presence.State {
	all := map[string]presence.State{}
	for d := range f.All() {
		all[d.Name] = d.State
	}
	return all
}

func TestALiveMessageDuringTheListingCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		s.answers["+/+/+/status"] = []message.Message{
			stored("a/b/c/status", "online"), stored("a/b/d/status", "online"), live("a/b/c/status", "offline"),
		}
		o := observe(s, presence.NewGuide(contract.Default(), presence.Words{}))
		o.Expect = []string{"a/b/never"}
		evidence, err := o.List(t.Context())
		if err != nil || evidence != retained.Sentinel {
			t.Fatalf("%v %v", evidence, err)
		}
		o.Fleet.Release(time.Now())
		want := map[string]presence.State{"a/b/c": presence.Offline, "a/b/d": presence.Online, "a/b/never": presence.Unknown}
		if diff := cmp.Diff(want, states(o.Fleet)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDiscoveredTopicsAreListedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		s.answers["homeassistant/+/+/config"] = []message.Message{stored("homeassistant/light/x/config", `{"uniq_id":"x","avty_t":"x/up"}`)}
		s.answers["x/up"] = []message.Message{stored("x/up", "offline")}
		o := observe(s, newConvention(t, "homeassistant", ""))
		if _, err := o.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]presence.State{"x": presence.Offline}, states(o.Fleet)); diff != "" {
			t.Error(diff)
		}
		if d := o.Convention.(interface {
			Again()
			Discovered() []string
		}); d != nil {
			d.Again()
			if diff := cmp.Diff([]string{"x/up"}, d.Discovered()); diff != "" {
				t.Error(diff)
			}
		}
		// And live ones are subscribed to as they come.
		s.answers["y/up"] = []message.Message{stored("y/up", "online")}
		s.queue <- live("homeassistant/light/y/config", `{"uniq_id":"y","avty_t":"y/up"}`)
		err := o.Follow(t.Context(), func(time.Time) (time.Time, bool, error) { return time.Time{}, o.Fleet.Len() == 2, nil })
		if err != nil || !slices.Contains(s.subscribed, "y/up") {
			t.Errorf("%v, subscribed to %v", err, s.subscribed)
		}
	})
}

func TestFiltersThatOthersCoverAreLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		o := observe(s, presence.NewGuide(contract.Default(), presence.Words{}), "a/b/c", "a/b/+", "a/b/d", "x/y/z", "+/b/+")
		if _, err := o.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"+/b/+/status", "x/y/z/status"} // at QoS 0, to list, and then at QoS 1
		if diff := cmp.Diff(slices.Concat(want, want), s.subscribed); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFollowLetsTimePass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		o := observe(s, presence.NewGuide(contract.Default(), presence.Words{}))
		start := time.Now()
		s.queue <- live("a/b/c/status", "online")
		s.queue <- live("a/b/c/status", "offline")
		var got []presence.State
		err := o.Follow(t.Context(), func(time.Time) (time.Time, bool, error) {
			for _, c := range o.Fleet.Changes() {
				got = append(got, c.Device.State)
			}
			return time.Time{}, len(got) == 2, nil
		})
		if diff := cmp.Diff([]presence.State{presence.Online, presence.Offline}, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("the offline was held back for %v", waited)
		}
		o.Deadline = time.Now().Add(time.Minute)
		asked := 0
		err = o.Follow(t.Context(), func(now time.Time) (time.Time, bool, error) { asked++; return now.Add(20 * time.Second), false, nil })
		if err != nil || time.Now().Before(o.Deadline) || asked != 4 {
			t.Errorf("%v, asked %d times, ended %v before its deadline", err, asked, time.Until(o.Deadline))
		}
	})
}

func TestFollowEndsWithItsReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		o := observe(s, presence.NewGuide(contract.Default(), presence.Words{}))
		forever := func(time.Time) (time.Time, bool, error) { return time.Time{}, false, nil }
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(stop) })
		if err := o.Follow(ctx, forever); !errors.Is(err, stop) {
			t.Errorf("after the end of its context: %v", err)
		}
		fault := errors.New("fault")
		if err := o.Follow(t.Context(), func(time.Time) (time.Time, bool, error) { return time.Time{}, false, fault }); !errors.Is(err, fault) {
			t.Errorf("after a fault of its step: %v", err)
		}
		s.err = client.ErrConnectionLost
		close(s.queue)
		if err := o.Follow(t.Context(), forever); !errors.Is(err, client.ErrConnectionLost) {
			t.Errorf("after the loss of the connection: %v", err)
		}
	})
}

func TestTrafficThatIsRefusedIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		s.refuses = "a/b/c/reported"
		o := observe(s, presence.NewGuide(contract.Default(), presence.Words{}), "a/b/c")
		s.queue <- live("a/b/c/status", "online")
		err := o.FollowTraffic(t.Context())
		if _, ok := errors.AsType[*client.RefusedError](err); !ok {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
	})
}

func TestNoMessageComesTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		o := observe(s, newConvention(t, "tasmota", ""))
		if _, err := o.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := o.FollowTraffic(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"tele/+/LWT", "+/tele/LWT"}, s.removed); diff != "" {
			t.Errorf("removed (-want +got):\n%s", diff)
		}
		want := map[string]byte{"tele/+/LWT": 1, "+/tele/LWT": 1, "tele/+/+": 1, "+/tele/+": 1, "stat/+/+": 0, "+/stat/+": 0}
		if diff := cmp.Diff(want, s.qos); diff != "" {
			t.Errorf("QoS (-want +got):\n%s", diff)
		}
	})
}

func TestAfterAGapWhatIsRetainedIsListedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSession()
		s.answers["a/b/c/status"] = []message.Message{stored("a/b/c/status", "online")}
		o := observe(s, presence.NewGuide(contract.Default(), presence.Words{}), "a/b/c")
		back := make(chan struct{}, 1)
		o.Back = back
		if _, err := o.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.answers["a/b/c/status"] = []message.Message{stored("a/b/c/status", "offline")} // it has changed meanwhile
		time.AfterFunc(time.Minute, func() { back <- struct{}{} })
		start := time.Now()
		err := o.Follow(t.Context(), func(time.Time) (time.Time, bool, error) {
			return time.Time{}, o.Fleet.Count(presence.Offline) == 1, nil
		})
		if waited := time.Since(start); err != nil || waited != time.Minute {
			t.Errorf("%v after %v", err, waited)
		}
	})
}
