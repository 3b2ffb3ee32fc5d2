package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/fleet"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// calm is a fleet in which nothing goes wrong; its events go out at a QoS.
func calm(length string, count, qos int) string {
	return fmt.Sprintf(`
version: mqx/sim/v1
name: calm
seed: 5
duration: %s
clock: { start: 2026-01-05T06:00:00Z }
topics: { root: acme }
fleet:
  - { use: box, site: lyon, count: %d, id: "box-{n:02}" }
devices:
  box:
    telemetry:
      temp: { every: 100ms, schema: temp.v1, unit: Cel, value: { walk: { start: 20, step: 1, min: 10, max: 30 } } }
    events:
      beep: { every: 20ms, qos: %d, schema: beep.v1, value: { uniform: { min: 0, max: 1 } } }
    desired: { accepts: { setpoint: { type: number, default: 4 } } }
`, length, count, qos)
}

func TestEveryQoSAndEveryProtocolLevelArrives(t *testing.T) {
	t.Parallel()
	for _, version := range []wire.Version{wire.V5, wire.V311, wire.V31} {
		for qos := range 3 {
			t.Run(fmt.Sprintf("%s QoS %d", version, qos), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, calm("400ms", 3, qos))
				defer s.close()
				s.options.Version = version
				r := s.play(t.Context())
				v := s.verdict()
				s.sane(&v)
				if v.Damage() > 0 || r.Unconfirmed > 0 || r.Sent != v.Sent {
					t.Errorf("%+v, %+v", v.Counts, r)
				}
				if most := v.QoS[len(v.QoS)-1].QoS; int(most) != max(1, qos) {
					t.Errorf("the highest QoS was %d", most)
				}
			})
		}
	}
}

func TestABrokerThatIsNotThereEndsTheRunAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, calm("1h", 3, 1))
	defer s.close()
	s.options.Target.Port = 1
	_, err := fleet.New(s.options).Run(t.Context())
	connect, ok := errors.AsType[*fleet.ConnectError](err)
	if !ok || !strings.HasPrefix(connect.Device, "lyon/box-") {
		t.Errorf("%v", err)
	}
}

func TestARefusedDeviceEndsTheRunOnlyWhenItIsTheFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refused string
		after   string // is connected before
		ends    bool
	}{{"box-", "", true}, {"box-02", "lyon/box-01", false}} {
		t.Run(c.refused, func(t *testing.T) {
			t.Parallel()
			first := &firstOf{device: c.after, stands: make(chan struct{})}
			s := newStage(t, calm("500ms", 3, 1), broker.Config{Access: doorman{c.refused, first}})
			defer s.close()
			first.stage, s.options.Observer = s, first
			r, err := fleet.New(s.options).Run(t.Context())
			refused, ok := errors.AsType[*client.RefusedError](err)
			if ok != c.ends || ok && refused.Code != wire.NotAuthorized {
				t.Errorf("%v", err)
			}
			if !c.ends && (r.NeverConnected != 1 || r.Acknowledged == 0) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// firstOf is a stage that tells when a device is connected.
type firstOf struct {
	*stage

	device string
	stands chan struct{}
}

// Connected tells it.
func (f *firstOf) Connected(device string, took time.Duration, again bool) {
	f.stage.Connected(device, took, again)
	if device == f.device && !again {
		close(f.stands)
	}
}

// doorman refuses clients by how their identifiers begin. It has them wait until another one is connected.
type doorman struct {
	refused string
	first   *firstOf
}

func (d doorman) Authenticate(c broker.ClientInfo, _ *wire.Connect) (broker.Rights, wire.ReasonCode) {
	if !strings.HasPrefix(c.ID, d.refused) {
		return nil, wire.Success
	}
	if d.first.device != "" {
		select {
		case <-d.first.stands:
		case <-time.After(20 * time.Second): // the test has failed
		}
	}
	return nil, wire.NotAuthorized
}

func TestTheEndOfTheContextHasAllTakeLeave(t *testing.T) {
	t.Parallel()
	s := newStage(t, calm("1h", 5, 1))
	defer s.close()
	ctx, cancel := context.WithCancel(t.Context())
	s.options.Ready = func() error { cancel(); return nil }
	r := s.play(ctx)
	v := s.verdict()
	if v.Damage() > 0 || v.Unknown > 0 || r.Unconfirmed > 0 || r.NeverConnected > 0 {
		t.Errorf("%+v, %+v", v, r)
	}
	offline := 0
	for _, m := range s.came {
		if strings.HasSuffix(m.Topic, "/status") && string(m.Payload) == "offline" {
			offline++
		}
	}
	if offline != 5 {
		t.Errorf("%d devices said that they are offline", offline)
	}
}

func TestMoreMessagesThanAllowedEndTheRun(t *testing.T) {
	t.Parallel()
	s := newStage(t, calm("1h", 2, 1))
	defer s.close()
	s.options.MaxRate = 5
	_, err := fleet.New(s.options).Run(t.Context())
	if runaway, ok := errors.AsType[*fleet.RunawayError](err); !ok || runaway.Most != 5 {
		t.Errorf("%v", err)
	}
	if n := s.published("box-01") + s.published("box-02"); n > 0 {
		t.Errorf("%d devices did not take leave", n)
	}
}

func TestAPartThatBeginsLateTakesUpWhereItWouldBe(t *testing.T) {
	t.Parallel()
	const length, missed = 24 * time.Second, 19 * time.Second // what is left is longer than a slow machine takes to begin
	s := newStage(t, calm(length.String(), 2, 1))
	defer s.close()
	s.options.Begin = time.Now().Add(-missed)
	if _, err := fleet.New(s.options).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var whole []simulate.Made
	err := s.run.Generate(t.Context(), simulate.Shard{}, length, func(m *simulate.Made) error {
		whole = append(whole, *m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	measured := 0
	for i := range s.entries {
		e := &s.entries[i]
		if !strings.Contains(e.Topic, "/telemetry/") {
			continue
		}
		measured++
		if !slices.ContainsFunc(whole, func(m simulate.Made) bool { x := m.Entry(); return x.Topic == e.Topic && x.Hash == e.Hash }) {
			t.Errorf("%s due %s is not in the whole", e.Topic, e.Due.Sub(s.options.Begin))
		}
		if after := e.Due.Sub(s.options.Begin); after < missed {
			t.Errorf("%s was due after %s, before it began", e.Topic, after)
		}
	}
	if measured < 5 {
		t.Errorf("%d measurements were sent", measured)
	}
}

// mute is a Server that acknowledges no PUBLISH until it is told to.
type mute struct {
	listener net.Listener
	speaks   atomic.Bool
	mu       sync.Mutex
	held     []func()
	came     int
	enough   chan struct{} // closed when many messages wait
}

func newMute(t *testing.T, many int) *mute {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{listener: l, enough: make(chan struct{})}
	m.listen(t, func(nc net.Conn) { m.serve(nc, many) })
	return m
}

// listen has each connection served until the test ends.
func (m *mute) listen(t *testing.T, serve func(net.Conn)) {
	t.Helper()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := m.listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serve(nc) })
		}
	})
	t.Cleanup(func() {
		_ = m.listener.Close()
		serving.Wait()
	})
}

func (m *mute) serve(nc net.Conn, many int) {
	defer nc.Close()
	in := wire.NewReader(nc, 0)
	var writing sync.Mutex
	send := func(p wire.Packet) {
		writing.Lock()
		defer writing.Unlock()
		text, _ := p.Append(nil, wire.V5)
		_, _ = nc.Write(text)
	}
	for {
		first, body, err := in.Next()
		if err != nil {
			return
		}
		p, err := wire.Decode(wire.V5, first, body)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *wire.Connect:
			send(&wire.Connack{})
		case *wire.Subscribe:
			send(&wire.Suback{PacketID: p.PacketID, Codes: make([]wire.ReasonCode, len(p.Subscriptions))})
		case *wire.Publish:
			if p.QoS == 1 {
				m.take(func() { send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID}) }, many)
			}
		case *wire.Disconnect:
			return
		}
	}
}

func (m *mute) take(answer func(), many int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.came++
	if m.speaks.Load() {
		answer()
		return
	}
	if m.held = append(m.held, answer); len(m.held) == many {
		close(m.enough)
	}
}

func (m *mute) speak() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.speaks.Store(true)
	for _, answer := range m.held {
		answer()
	}
}

func TestTheBrakeHoldsBackWhileNobodyAcknowledges(t *testing.T) {
	t.Parallel()
	const most = 20
	server := newMute(t, most+1)
	s := newStage(t, calm("3s", 5, 1))
	defer s.close()
	addr, _ := server.listener.Addr().(*net.TCPAddr)
	s.options.Target.Port = addr.Port
	s.options.MaxUnacked = most
	var warnings []string
	var speaking sync.WaitGroup
	s.options.Warn = func(text string) {
		if warnings = append(warnings, text); len(warnings) > 1 {
			return
		}
		speaking.Go(func() {
			select {
			case <-server.enough: // what waits for its acknowledgement has come
			case <-time.After(20 * time.Second):
				t.Error("the brake was put on before there was a reason")
			}
			server.speak()
		})
	}
	r, err := fleet.New(s.options).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Braked == 0 || len(warnings) < 2 || !strings.Contains(warnings[0], "does not keep up") || !strings.Contains(warnings[1], "keeps up again") {
		t.Errorf("%+v, %q", r, warnings)
	}
	if r.Unconfirmed > 0 || r.Acknowledged < 100 {
		t.Errorf("%+v", r)
	}
	speaking.Wait()
}

func TestDevicesComeBackAfterALostConnection(t *testing.T) {
	t.Parallel()
	s := newStage(t, calm("1h", 4, 1))
	defer s.close()
	s.options.RetryMaxWait = 200 * time.Millisecond
	s.options.Ready = func() error {
		s.server.Broker.Expel(wire.AdministrativeAction, func(c broker.ClientInfo) bool { return strings.HasPrefix(c.ID, "box-") })
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.options.Observer = &allBack{s, cancel}
	r := s.play(ctx)
	v := s.verdict()
	if r.Reconnects != 4 || v.QoS[1].Lost > 0 || v.Unexplained.Duplicated > 0 {
		t.Errorf("%+v, %+v", r, v)
	}
}

// allBack is a stage that ends the run when all four devices have come back.
type allBack struct {
	*stage

	end func()
}

// Acknowledged ends it with a message that the Server has taken after that.
func (b *allBack) Acknowledged(m *simulate.Made, latency time.Duration, code wire.ReasonCode) {
	b.stage.Acknowledged(m, latency, code)
	if b.again == 4 {
		b.end()
	}
}

func TestARecordSurvivesAndIsReadAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	head := fleet.RecordHead{Run: "cold rooms/1", Profile: "cold", Broker: "mqtt://localhost:1883", Began: time.Now().UTC()}
	r, err := fleet.NewRecord(dir, head)
	if err != nil {
		t.Fatal(err)
	}
	if r.Run != "cold-rooms-1" {
		t.Errorf("the run is called %s", r.Run)
	}
	if err := errors.Join(r.Add("b", "a/\n\x00"), r.Add("b"), r.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, r.Run+".jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"topic":"hal`) // it was killed
	_ = f.Close()
	got, topics, err := fleet.ReadRecord(dir, r.Run)
	if err != nil || got.Broker != head.Broker || !slices.Equal(topics, []string{"a/\n\x00", "b"}) {
		t.Errorf("%+v, %q, %v", got, topics, err)
	}
	second, err := fleet.NewRecord(dir, head)
	if err != nil || second.Run != "cold-rooms-1-2" {
		t.Errorf("%v, %v", second, err)
	}
	_ = second.Close()
	if runs := fleet.Records(dir); !slices.Equal(runs, []string{"cold-rooms-1-2", "cold-rooms-1"}) && !slices.Equal(runs, []string{"cold-rooms-1", "cold-rooms-1-2"}) {
		t.Errorf("%q", runs)
	}
	for _, name := range []string{"", "nothing", "../runs/cold-rooms-1", "/etc/passwd"} {
		if _, _, err := fleet.ReadRecord(dir, name); !errors.Is(err, fleet.ErrNoRecord) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Add([]byte("{\"run\":\"a\"}\n{\"topic\":\"b\"}\n"))
	f.Add([]byte("{\"run\":\"a\"}\n{\"topic\":\"b"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		head, topics, err := fleet.ReadRecordFrom(bytes.NewReader(text))
		if err == nil && head.Run == "" || slices.Contains(topics, "") || !slices.IsSorted(topics) {
			t.Errorf("%+v, %q, %v", head, topics, err)
		}
	})
}
