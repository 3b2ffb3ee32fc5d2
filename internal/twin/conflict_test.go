package twin_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/wire"
)

// meddling is a session in which something happens just before or after the first publish of a desired document.
type meddling struct {
	*client.Session

	before, after func()
}

func (m *meddling) PublishAsync(ctx context.Context, msg message.Message, done func(client.Result)) error {
	before, after := m.before, m.after
	if !strings.HasSuffix(msg.Topic, "/desired") {
		return m.Session.PublishAsync(ctx, msg, done)
	}
	m.before, m.after = nil, nil
	if before != nil {
		before()
	}
	if err := m.Session.PublishAsync(ctx, msg, done); err != nil {
		return err
	}
	if after == nil {
		return nil
	}
	err := m.Drain(ctx)
	after()
	return err
}

// TestWhatAnotherWriterDoesMeanwhileIsNoticed has another writer publish between our read, our publish and our look. It
// knows nothing of our document, as a real one would.
func TestWhatAnotherWriterDoesMeanwhileIsNoticed(t *testing.T) {
	t.Parallel()
	const begin = `{"rev":17,"id":"begin","state":{"a":0,"b":0}}`
	for _, tt := range []struct {
		name          string
		before, after string // what the other writer publishes then
		options       twin.SetOptions
		want          twin.Outcome
		plain, cas    string // the state in the end, without and with compare-and-set
		says          string // without compare-and-set
	}{
		{
			name: "before ours, other settings: merged", before: `{"rev":18,"id":"theirs","base":17,"by":"bob","state":{"a":0,"b":2}}`,
			want: twin.Stored, plain: `{"a":1,"b":2}`, cas: `{"a":1,"b":2}`, says: "overwrote rev 18 by bob",
		},
		{
			name: "before ours, other settings, not to be merged", before: `{"rev":18,"id":"theirs","base":17,"by":"bob","state":{"a":0,"b":2}}`,
			options: twin.SetOptions{NoMerge: true},
			want:    twin.Stored, plain: `{"a":1,"b":0}`, cas: `{"a":0,"b":2}`, says: "its changes are lost",
		},
		{
			name: "before ours, the same setting", before: `{"rev":18,"id":"theirs","base":17,"by":"bob","state":{"a":2,"b":0}}`,
			want: twin.Stored, plain: `{"a":1,"b":0}`, cas: `{"a":2,"b":0}`, says: "both have changed /a",
		},
		{
			name: "after ours, other settings: set again", after: `{"rev":18,"id":"theirs","base":17,"by":"bob","state":{"a":0,"b":2}}`,
			want: twin.Stored, plain: `{"a":1,"b":2}`,
		},
		{
			name: "after ours, the same setting", after: `{"rev":18,"id":"theirs","base":17,"by":"bob","state":{"a":2,"b":0}}`,
			want: twin.Conflicted, plain: `{"a":2,"b":0}`, says: "rev 18 by bob has changed /a, too",
		},
		{
			name: "after ours, the same setting to the same value", after: `{"rev":18,"id":"theirs","base":17,"by":"bob","state":{"a":1,"b":0}}`,
			want: twin.Stored, plain: `{"a":1,"b":0}`, says: "has come after it already",
		},
		{
			name: "after ours, with a revision that was asked for", after: `{"rev":18,"id":"theirs","base":17,"by":"bob","state":{"a":0,"b":2}}`,
			options: twin.SetOptions{IfRev: new(uint64(17))},
			want:    twin.Conflicted, plain: `{"a":0,"b":2}`, says: "was faster",
		},
		{
			name: "after ours, knowing ours", after: `{"rev":19,"id":"theirs","base":18,"by":"bob","state":{"a":7,"b":0}}`,
			want: twin.Stored, plain: `{"a":7,"b":0}`, says: "has come after it already",
		},
		{
			name: "after ours, no document", after: `hello`,
			want: twin.Conflicted, plain: `hello`, says: "overwritten",
		},
		{
			name: "after ours, cleared", after: ``,
			want: twin.Conflicted, plain: ``, says: "cleared",
		},
	} {
		for _, v := range []wire.Version{wire.V311, wire.V5} {
			if v == wire.V5 && tt.before == "" {
				continue // what comes after ours has been compared with nothing
			}
			t.Run(fmt.Sprint(tt.name, ", level ", v), func(t *testing.T) {
				t.Parallel()
				w := at(t, brokertest.Start(t).Addr, v)
				w.publish(base+"/desired", begin)
				m := &meddling{Session: w.session}
				if tt.before != "" {
					m.before = func() { w.publish(base+"/desired", tt.before) }
				} else {
					m.after = func() { w.publish(base+"/desired", tt.after) }
				}
				v5 := v == wire.V5
				r := setIn(t, w.groupOver(m), tt.options, assign(t, "a=1"))
				want, state := tt.want, tt.plain
				if v5 {
					state = tt.cas
					if state != tt.plain {
						want = twin.Conflicted // the broker has refused ours
					}
				}
				if r.Outcome != want {
					t.Fatalf("%s: %v, want %s", r.Outcome, r.Why, want)
				}
				if said := fmt.Sprint(r.Why, r.Warnings); !v5 && !strings.Contains(said, tt.says) {
					t.Errorf("%q does not say %q", said, tt.says)
				}
				if got := w.retainedState(); got != state {
					t.Errorf("the state is %s, want %s", got, state)
				}
			})
		}
	}
}

// groupOver is group over another session.
func (w *world) groupOver(s twin.Session) *twin.Group {
	w.t.Helper()
	v, err := twin.NewConvention(w.c, "")
	if err != nil {
		w.t.Fatal(err)
	}
	g, err := twin.Select(s, v, []string{base}, w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := g.Read(w.t.Context(), twin.Needs{}); err != nil {
		w.t.Fatal(err)
	}
	return g
}

// retainedState is the state that is desired, or what is retained in its place.
func (w *world) retainedState() string {
	w.t.Helper()
	t := w.another().group().Twins()[0]
	switch {
	case t.Desired == nil:
		return ""
	case t.Desired.Err != nil:
		return string(t.Desired.Message.Payload)
	}
	d := *t.Desired.Doc
	d.Layout = twin.Bare
	return string(d.Encode())
}

func TestASilentDropIsProven(t *testing.T) {
	t.Parallel()
	for _, begin := range []string{"", `{"rev":17,"id":"begin","state":{"a":0}}`} {
		for v, says := range map[wire.Version]string{wire.V311: "did not keep it", wire.V5: "Not authorized"} {
			s := brokertest.Start(t, broker.Config{Access: readers{}})
			w := at(t, s.Addr, v)
			if begin != "" {
				admin := open(t, w.addr, client.Options{ClientID: "admin"})
				if err := admin.Publish(t.Context(), message.Message{Topic: base + "/desired", Payload: []byte(begin), QoS: 1, Retain: true}); err != nil {
					t.Fatal(err)
				}
			}
			wants(t, w.set(twin.SetOptions{}, "a=1"), twin.Refused, says)
		}
	}
}

// readers lets nobody but admin publish what is desired.
type readers struct{}

func (readers) Authenticate(c broker.ClientInfo, _ *wire.Connect) (broker.Rights, wire.ReasonCode) {
	if c.ID == "admin" {
		return nil, wire.Success
	}
	return reading{}, wire.Success
}

type reading struct{}

func (reading) MayPublish(topic string) bool   { return !strings.HasSuffix(topic, "/desired") }
func (reading) MaySubscribe(topic.Filter) bool { return true }
func (reading) MayReceive(string) bool         { return true }

// TestTwoWritersNeverLoseAnUpdateSilently has two writers set at once, round after round: once different settings, which
// must both be there, and once the same one, of which one writer must be told.
func TestTwoWritersNeverLoseAnUpdateSilently(t *testing.T) {
	t.Parallel()
	const rounds = 100 // of each of two kinds
	for _, tt := range []struct {
		name    string
		server  func(*testing.T) string
		version wire.Version
	}{
		{"with compare-and-set", embedded, wire.V5},
		{"without", embedded, wire.V311},
		{"on Mosquitto", startMosquitto, wire.V5},
		{"on Mosquitto, level 3.1.1", startMosquitto, wire.V311},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := at(t, tt.server(t), tt.version)
			a.options.Settle = 10 * time.Millisecond
			b := a.another()
			race := &race{t: t, groups: []*twin.Group{a.group(), b.group()}, compares: tt.name == "with compare-and-set"}
			for i := range rounds {
				race.different(i)
				race.same(i)
				if t.Failed() {
					return
				}
			}
			t.Logf("%d conflicts, %d warnings", race.conflicts, race.warnings)
		})
	}
}

func embedded(t *testing.T) string {
	t.Helper()
	return brokertest.Start(t).Addr
}

type race struct {
	t         *testing.T
	groups    []*twin.Group
	compares  bool
	conflicts int
	warnings  int
}

// set has both writers set at once.
func (r *race) set(changes ...twin.Change) []twin.Result {
	r.t.Helper()
	results := make([]twin.Result, len(changes))
	errs := make([]error, len(changes))
	var both sync.WaitGroup
	for i, c := range changes {
		both.Go(func() {
			g := r.groups[i]
			list, err := g.Set(r.t.Context(), g.Twins(), func(*twin.Twin) twin.Change { return c }, twin.SetOptions{})
			results[i], errs[i] = list[0], err
		})
	}
	both.Wait()
	for _, err := range errs {
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return results
}

// state is what is desired in the end.
func (r *race) state() twin.State {
	r.t.Helper()
	g := r.groups[0]
	if err := g.Read(r.t.Context(), twin.Needs{}); err != nil {
		r.t.Fatal(err)
	}
	return g.Twins()[0].Desired.Doc.State
}

func (r *race) different(round int) {
	r.t.Helper()
	results := r.set(assign(r.t, fmt.Sprint("a=", round)), assign(r.t, fmt.Sprint("b=", round)))
	state := r.state()
	for i, name := range []string{"a", "b"} {
		if results[i].Outcome == twin.Stored && fmt.Sprint(state[name]) != fmt.Sprint(round) {
			r.t.Errorf("round %d: %s is %v, and its writer was told that it is stored: %+v", round, name, state[name], results)
		}
		if results[i].Outcome != twin.Stored {
			r.t.Errorf("round %d: %s: %s %v", round, name, results[i].Outcome, results[i].Why)
		}
	}
}

func (r *race) same(round int) {
	r.t.Helper()
	results := r.set(assign(r.t, fmt.Sprintf(`c="a%d"`, round)), assign(r.t, fmt.Sprintf(`c="b%d"`, round)))
	told := 0
	for _, result := range results {
		if result.Outcome == twin.Conflicted {
			told++
			r.conflicts++
		}
		if len(result.Warnings) > 0 {
			told++
			r.warnings++
		}
	}
	final := fmt.Sprint(r.state()["c"])
	winner := 0
	if strings.HasPrefix(final, "b") {
		winner = 1
	}
	if !strings.HasSuffix(final, fmt.Sprint(round)) || results[winner].Outcome != twin.Stored {
		r.t.Errorf("round %d: c is %s: %+v", round, final, results)
	}
	loser := results[1-winner]
	// Whoever was overwritten knows it, or whoever has overwritten, or the two were one after the other: then the second
	// has read what the first has stored.
	sequential := results[winner].Before == loser.Rev || loser.Rev > 0 && results[winner].Before >= loser.Rev
	if told == 0 && !sequential {
		r.t.Errorf("round %d: nobody was told: %+v", round, results)
	}
}

// startMosquitto starts a Mosquitto, or skips the test, unless MQX_REQUIRE_MOSQUITTO asks for it.
func startMosquitto(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			if os.Getenv("MQX_REQUIRE_MOSQUITTO") != "" {
				t.Fatalf("mosquitto is not installed, and MQX_REQUIRE_MOSQUITTO asks for it: %v", err)
			}
			t.Skip("there is no mosquitto")
		}
	}
	return runMosquitto(t, path)
}
