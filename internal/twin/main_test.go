package twin_test

import (
	"context"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	base     = "acme/lyon/cr-001"
	patience = 30 * time.Second
)

// open connects to a Server until the test ends.
func open(tb testing.TB, addr string, o client.Options) *client.Session {
	tb.Helper()
	o.Dial = func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	s, err := client.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Abandon)
	return s
}

// world is a Server and the session under test.
type world struct {
	t       *testing.T
	addr    string
	session *client.Session
	options twin.Options
	version wire.Version
	c       *contract.Contract
}

func newWorld(t *testing.T, cfg ...broker.Config) *world {
	t.Helper()
	return at(t, brokertest.Start(t, cfg...).Addr, wire.V5)
}

func at(t *testing.T, addr string, v wire.Version) *world {
	t.Helper()
	return &world{
		t: t, addr: addr, version: v, c: contract.Default(),
		session: open(t, addr, client.Options{Version: v}),
		options: twin.Options{By: "test", Settle: 50 * time.Millisecond},
	}
}

// another is a second writer.
func (w *world) another() *world {
	w.t.Helper()
	other := at(w.t, w.addr, w.version)
	other.options, other.c = w.options, w.c
	return other
}

// group reads the documents of devices.
func (w *world) group(devices ...string) *twin.Group {
	w.t.Helper()
	if len(devices) == 0 {
		devices = []string{base}
	}
	v, err := twin.NewConvention(w.c, "")
	if err != nil {
		w.t.Fatal(err)
	}
	g, err := twin.Select(w.session, v, devices, w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := g.Read(w.t.Context(), twin.Needs{Reported: true, Status: true, Live: true}); err != nil {
		w.t.Fatal(err)
	}
	return g
}

// set changes what is desired of the device and returns what became of it.
func (w *world) set(o twin.SetOptions, settings ...string) twin.Result {
	w.t.Helper()
	return setIn(w.t, w.group(), o, assign(w.t, settings...))
}

func setIn(t *testing.T, g *twin.Group, o twin.SetOptions, c twin.Change) twin.Result {
	t.Helper()
	results, err := g.Set(t.Context(), g.Twins(), func(*twin.Twin) twin.Change { return c }, o)
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

// stored is set for what must be stored.
func (w *world) stored(settings ...string) twin.Result {
	w.t.Helper()
	r := w.set(twin.SetOptions{}, settings...)
	if r.Outcome != twin.Stored {
		w.t.Fatalf("set %v: %s: %v", settings, r.Outcome, r.Why)
	}
	return r
}

func assign(t *testing.T, settings ...string) twin.Change {
	t.Helper()
	patch, err := twin.ParseAssignments(settings)
	if err != nil {
		t.Fatal(err)
	}
	return twin.Assign(patch)
}

// setAndWait sets, and waits for the device.
func (w *world) setAndWait(o twin.WaitOptions, settings ...string) twin.Result {
	w.t.Helper()
	return w.setAndWaitFor(patience, o, settings...)
}

// enough is how long a device that answers at once takes for it on a slow machine: long enough to see that its answer is not
// what is waited for.
const enough = 4 * time.Second

func (w *world) setAndWaitFor(timeout time.Duration, o twin.WaitOptions, settings ...string) twin.Result {
	w.t.Helper()
	g := w.group()
	results, err := g.Rollout(w.t.Context(), g.Twins(), func(*twin.Twin) twin.Change { return assign(w.t, settings...) },
		twin.RolloutOptions{Wait: &o, Timeout: timeout})
	if err != nil {
		w.t.Fatal(err)
	}
	return results[0]
}

// wait waits for the device.
func (w *world) wait(o twin.WaitOptions) twin.Result {
	w.t.Helper()
	g := w.group()
	if o.Deadline.IsZero() {
		o.Deadline = time.Now().Add(patience)
	}
	results, err := g.Wait(w.t.Context(), g.Twins(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return results[0]
}

// soon is a deadline for what does not come.
func soon() time.Time { return time.Now().Add(150 * time.Millisecond) }

// publish publishes a Retained Message from somebody else.
func (w *world) publish(topic, payload string, properties ...string) {
	w.t.Helper()
	w.send(message.Message{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: true, Properties: users(properties...)})
}

func (w *world) send(m message.Message) {
	w.t.Helper()
	s := open(w.t, w.addr, client.Options{})
	defer s.Close(w.t.Context())
	if err := s.Publish(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
}

func users(pairs ...string) *wire.Properties {
	if len(pairs) == 0 {
		return nil
	}
	p := &wire.Properties{}
	for i := 0; i < len(pairs); i += 2 {
		p.UserProperties = append(p.UserProperties, wire.UserProperty{Key: pairs[i], Value: pairs[i+1]})
	}
	return p
}

// desired is the document that is desired now.
func (w *world) desired() *twin.Desired {
	w.t.Helper()
	t := w.another().group().Twins()[0]
	if t.Desired == nil {
		return nil
	}
	if t.Desired.Err != nil {
		w.t.Fatal(t.Desired.Err)
	}
	return t.Desired.Doc
}
