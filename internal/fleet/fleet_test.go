package fleet_test

import (
	"context"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/fleet"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a fleet with a broker and somebody who writes down what comes in.
type stage struct {
	t       *testing.T
	server  *brokertest.Server
	watcher *client.Session
	run     *simulate.Run
	options fleet.Options
	fleet.Nobody

	entries []simulate.Entry
	came    []message.Message
	again   int
	lag     time.Duration
	acks    int
	refused map[wire.ReasonCode]int
	failed  []error
	settled []string
}

func newStage(t *testing.T, text string, cfgs ...broker.Config) *stage {
	t.Helper()
	p, err := profile.Parse("test.sim.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	layout, err := p.Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, server: brokertest.Start(t, cfgs...), refused: map[wire.ReasonCode]int{}}
	host, port, _ := net.SplitHostPort(s.server.Addr)
	n, _ := strconv.Atoi(port)
	target := link.Target{Host: host, Port: n}
	begin := time.Now()
	start := p.Clock.Start
	if start.IsZero() {
		start = begin
	}
	s.run = simulate.NewRun(p, layout, start, func(*profile.Fault) bool { return true })
	s.options = fleet.Options{
		Run: s.run, Target: target, Begin: begin, Speed: p.Clock.Speed, Length: p.Duration, Observer: s, KeepAlive: 60,
		Warn: func(text string) { t.Log("warning: " + text) },
	}
	if p.Target.KeepAlive > 0 {
		s.options.KeepAlive = uint16(p.Target.KeepAlive / time.Second)
	}
	s.watcher, err = client.Open(t.Context(), client.Options{Target: target, ClientID: "watcher"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.watcher.Subscribe(t.Context(), nil, wire.Subscription{Filter: "#", QoS: 2, RetainAsPublished: true}); err != nil {
		t.Fatal(err)
	}
	return s
}

// play plays the fleet and waits for everything that it has sent.
func (s *stage) play(ctx context.Context) fleet.Result {
	s.t.Helper()
	s.options.Begin = time.Now()
	result, err := fleet.New(s.options).Run(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	s.collect(ctx)
	return result
}

// collect takes what came in, up to a message of its own.
func (s *stage) collect(ctx context.Context) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	const last = "the/last"
	if err := s.watcher.Publish(ctx, message.Message{Topic: last, QoS: 1}); err != nil {
		s.t.Fatal(err)
	}
	for {
		m, err := s.watcher.Recv(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		s.watcher.AckReceived()
		if m.Topic == last {
			return
		}
		s.came = append(s.came, m)
	}
}

// verdict compares what was sent with what came in.
func (s *stage) verdict() simulate.Verdict {
	v := simulate.NewVerification(0, 1000)
	for _, e := range s.entries {
		v.Sent(e)
	}
	for _, m := range s.came {
		v.Received(m)
	}
	return v.Verdict()
}

// sane expects that what came in is what was sent, but for what was done on purpose.
func (s *stage) sane(v *simulate.Verdict) {
	s.t.Helper()
	damage := v.Unexplained
	damage.Reordered = max(0, damage.Reordered-s.undecided(v))
	if damage.Damage() > 0 || v.Unknown > 0 || v.Sent < 50 {
		s.t.Errorf("not on purpose: %+v, unknown %d, sent %d", v.Unexplained, v.Unknown, v.Sent)
		for _, x := range v.Examples {
			for i := range s.entries {
				e := &s.entries[i]
				if e.Topic == x.Topic && e.Due.Sub(x.Due).Abs() < time.Microsecond && !slices.Contains(e.Effects, x.What) && !slices.Contains(e.Effects, simulate.Dropped) {
					s.t.Errorf("%s: due %s, %+v", x.What, e.Due.Sub(s.options.Begin), *e)
				}
			}
		}
	}
}

// undecided counts what seems to be out of order at topics where something went out again, because its acknowledgement had
// not come when the connection ended: both may have come, and by their order alone nobody can tell which of messages that
// are alike is which.
func (s *stage) undecided(v *simulate.Verdict) (n int) {
	for _, x := range v.Examples {
		again := func(e simulate.Entry) bool { return e.Again && e.Topic == x.Topic }
		if x.What == simulate.Reordered && slices.ContainsFunc(s.entries, again) {
			n++
		}
	}
	return n
}

func (s *stage) close() {
	_ = s.watcher.Close(context.WithoutCancel(s.t.Context()))
}

// Sent implements [fleet.Observer].
func (s *stage) Sent(m *simulate.Made) error {
	s.entries = append(s.entries, m.Entry())
	return nil
}

// Connected implements [fleet.Observer].
func (s *stage) Connected(_ string, _ time.Duration, again bool) {
	if again {
		s.again++
	}
}

// ConnectFailed implements [fleet.Observer].
func (s *stage) ConnectFailed(_ string, err error) { s.failed = append(s.failed, err) }

// Lag implements [fleet.Observer].
func (s *stage) Lag(late time.Duration) { s.lag = max(s.lag, late) }

// Acknowledged implements [fleet.Observer].
func (s *stage) Acknowledged(_ *simulate.Made, _ time.Duration, code wire.ReasonCode) {
	s.acks++
	s.refused[code]++
}

// Converged implements [fleet.Observer].
func (s *stage) Converged(_ string, settings []string, _ time.Duration) {
	s.settled = append(s.settled, settings...)
}

const plain = `
version: mqx/sim/v1
name: plain
seed: 7
duration: 1s
clock: { start: 2026-01-05T06:00:00Z }
topics: { root: acme }
fleet:
  - { use: box, site: lyon, count: 10, id: "box-{n:02}", ramp: 300ms, start_jitter: 100ms }
devices:
  box:
    boot_id: true
    telemetry:
      temp: { every: 100ms, unit: Cel, schema: temp.v1, value: { walk: { start: 20, step: 1, min: 10, max: 30 } } }
    events:
      beep: { every: 250ms, schema: beep.v1, value: { uniform: { min: 0, max: 1 } } }
    desired: { accepts: { setpoint: { type: number, default: 4 } } }
    commands: { blink: { takes: 10ms } }
`

func TestAFleetSendsWhatItsLedgerSaysAndTakesLeave(t *testing.T) {
	s := newStage(t, plain)
	defer s.close()
	r := s.play(t.Context())
	v := s.verdict()
	if v.Damage() > 0 || v.Unknown > 0 || v.Sent < 100 {
		t.Errorf("verdict: %+v", v)
	}
	if r.NeverConnected+r.Refused+r.Unconfirmed+r.Dropped > 0 || r.Sent != v.Sent {
		t.Errorf("result: %+v", r)
	}
	last := map[string]string{}
	for _, m := range s.came {
		if len(m.Topic) > 7 && m.Topic[len(m.Topic)-7:] == "/status" {
			last[m.Topic] = string(m.Payload)
		}
	}
	for topic, word := range last {
		if word != "offline" {
			t.Errorf("%s is %s", topic, word)
		}
	}
	if len(last) != 10 {
		t.Errorf("%d devices have a status", len(last))
	}
}
