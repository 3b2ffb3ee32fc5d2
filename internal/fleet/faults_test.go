package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// faulty is a fleet in which each device has a fault of its own: the first that of the first line, and so on; it is called
// like its line. The last device has none.
func faulty(length string, faults ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
version: mqx/sim/v1
name: faulty
seed: 3
duration: %s
clock: { start: 2026-01-05T06:00:00Z }
topics: { root: acme }
target: { keepalive: 2s }
fleet:
  - { use: box, site: lyon, count: %d, id: "box-{n:02}", ramp: 100ms }
devices:
  box:
    boot_id: true
    telemetry:
      temp: { every: 50ms, schema: temp.v1, unit: Cel, value: { walk: { start: 20, step: 1, min: 10, max: 30 }, round: 3 } }
    events:
      beep: { every: 80ms, schema: beep.v1, value: { uniform: { min: 0, max: 1 } } }
    desired: { accepts: { setpoint: { type: number, default: 4 } } }
    commands: { blink: { takes: 300ms } }
faults:
`, length, len(faults)+1)
	for i, f := range faults {
		fmt.Fprintf(&b, "  - { name: %q, to: box-%02d, %s }\n", f, i+1, f)
	}
	return b.String()
}

// injected counts what the ledger says was done on purpose by a fault.
func (s *stage) injected(e simulate.Effect, fault string) int {
	n := 0
	for i := range s.entries {
		if slices.Contains(s.entries[i].Effects, e) && slices.Contains(s.entries[i].Faults, fault) {
			n++
		}
	}
	return n
}

// found is what the verdict says of a fault.
func found(v *simulate.Verdict, fault string) simulate.Counts {
	for i := range v.Faults {
		if v.Faults[i].Fault == fault {
			return v.Faults[i].Counts
		}
	}
	return simulate.Counts{}
}

// wills counts the Will Messages of a device in the ledger.
func (s *stage) wills(device string) (n int) {
	for i := range s.entries {
		if s.entries[i].Will && s.entries[i].Device == device {
			n++
		}
	}
	return n
}

// published counts the Will Messages of a device that the broker has published.
func (s *stage) published(id string) (n int) {
	for _, e := range s.server.Events() {
		if e.Kind == broker.WillPublished && (e.ClientID == id || e.ClientID == id+"-2") {
			n++
		}
	}
	return n
}

func TestWhatIsDoneToMessagesIsFoundExactly(t *testing.T) {
	t.Parallel()
	counted := []struct {
		fault  string
		effect simulate.Effect
		count  func(*simulate.Counts) int
	}{
		{"do: drop, chance: 20%", simulate.Dropped, func(c *simulate.Counts) int { return c.Lost }},
		{"do: duplicate, chance: 20%", simulate.Duplicated, func(c *simulate.Counts) int { return c.Duplicated }},
		{"do: reorder, chance: 20%, from: 200ms", simulate.Reordered, func(c *simulate.Counts) int { return c.Reordered }},
		{"do: malformed, chance: 20%", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		{"do: oversize, bytes: 5000, chance: 20%", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		{"do: wrong_topic, chance: 20%", simulate.Misplaced, func(c *simulate.Counts) int { return c.Misplaced }},
		{"do: clock, skew: -7m", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		{"do: stuck, from: 300ms", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		{"do: spike, by: 500, chance: 10%", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		{"do: dead, value: 0, from: 1s", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		{"do: withhold_puback, chance: 30%", simulate.Duplicated, func(c *simulate.Counts) int { return c.Duplicated }},
		{"do: withhold_puback, chance: 30%, at: 300ms, for: 600ms", simulate.Duplicated, func(c *simulate.Counts) int { return c.Duplicated }},
	}
	slow := []string{
		"do: latency, delay: 20ms", "do: jitter, delay: 1ms..20ms", "do: bandwidth, rate: 100kB/s",
		"do: slow_consumer, rate: 1kB/s, receive_maximum: 2", "do: retain_telemetry", "do: no_will", "do: will_not_retained",
	}
	var all []string
	for _, c := range counted {
		all = append(all, c.fault)
	}
	s := newStage(t, faulty("1500ms", append(all, slow...)...))
	defer s.close()
	s.play(t.Context())
	v := s.verdict()
	s.sane(&v)
	if v.Outside.Damage() > 0 && v.Outside.Damage() != v.Outside.Reordered {
		t.Errorf("outside of faults: %+v", v.Outside)
	}
	for _, c := range counted {
		counts := found(&v, c.fault)
		if want := s.injected(c.effect, c.fault); want == 0 || c.count(&counts) != want {
			t.Errorf("%s: %d were injected, %d were found: %+v", c.fault, want, c.count(&counts), counts)
		}
	}
	for _, fault := range slow {
		if c := found(&v, fault); c.Sent == 0 || c.Damage() > c.Reordered {
			t.Errorf("%s: %+v", fault, c)
		}
	}
}

func TestLostConnectionsLeaveWillMessagesThatTheLedgerHas(t *testing.T) {
	t.Parallel()
	cases := []struct {
		fault string
		wills int // -1 for at least one
	}{
		{"do: offline, at: 500ms, for: 300ms", 1},
		{"do: offline, at: 500ms, for: 300ms, backfill: { buffer: 100, rate: 1000/s }", 1},
		{"do: backfill, at: 500ms, for: 300ms, backfill: { buffer: 100, rate: 1000/s }", 1},
		{"do: crash, at: 500ms, for: 300ms", 1},
		{"do: reboot, at: 500ms, takes: 200ms, lose: [state, seq, session]", 1},
		{"do: graceful, at: 500ms, for: 300ms", 0},
		{"do: disconnect_with_will, at: 500ms, for: 300ms", 1},
		{"do: flap, at: 500ms, for: 800ms, period: 100ms", -1},
		{"do: blackhole, at: 500ms, for: 300ms", 1}, // the device finds out
		{"do: blackhole, at: 300ms, for: 5s", 1},    // the Keep Alive does
		{"do: new_client_id, at: 300ms, for: 10s", 1},
	}
	var all []string
	for _, c := range cases {
		all = append(all, c.fault)
	}
	s := newStage(t, faulty("5s", all...))
	defer s.close()
	r := s.play(t.Context())
	v := s.verdict()
	s.sane(&v)
	for i, c := range cases {
		id := fmt.Sprintf("box-%02d", i+1)
		wills, published := s.wills("lyon/"+id), s.published(id)
		if published != wills {
			t.Errorf("%s: the broker has published %d Will Messages, the ledger has %d", c.fault, published, wills)
		}
		if c.wills >= 0 && wills != c.wills || c.wills < 0 && wills == 0 {
			t.Errorf("%s: %d Will Messages", c.fault, wills)
		}
		counts := found(&v, c.fault)
		if want := s.injected(simulate.Dropped, c.fault); counts.Lost != want {
			t.Errorf("%s: %d messages were given up, %d were lost", c.fault, want, counts.Lost)
		}
	}
	if r.Reconnects < len(cases)-1 {
		t.Errorf("%d connections more than devices", r.Reconnects)
	}
	if !slices.ContainsFunc(s.server.Events(), func(e broker.Event) bool { return e.Kind == broker.ClientConnected && e.ClientID == "box-11-2" }) {
		t.Error("box-11 has not come back under another name")
	}
}

func TestADoubleTakesTheSessionAway(t *testing.T) {
	t.Parallel()
	const fault = "do: duplicate_client_id, at: 300ms, for: 4500ms"
	s := newStage(t, faulty("6s", fault))
	defer s.close()
	s.options.RetryMaxWait = 200 * time.Millisecond // so that it has come back when the run ends
	r := s.play(t.Context())
	v := s.verdict()
	// What was on its way at QoS 0 when the Server closed the connection is lost; nothing else is.
	if c := v.Unexplained; c.Duplicated+c.Altered+c.Misplaced+v.Unknown > 0 || v.QoS[1].Lost > 0 {
		t.Errorf("%+v", v)
	}
	if r.Takeovers == 0 || r.Reconnects == 0 {
		t.Errorf("nobody took over: %+v", r)
	}
	if n := s.published("box-01"); n != s.wills("lyon/box-01") {
		t.Errorf("the broker has published %d Will Messages, the ledger has %d", n, s.wills("lyon/box-01"))
	}
}

// gate lets in who knows the password.
type gate struct{}

func (gate) Authenticate(_ broker.ClientInfo, c *wire.Connect) (broker.Rights, wire.ReasonCode) {
	if strings.HasPrefix(string(c.Password), "wrong") {
		return nil, wire.BadUserNameOrPassword
	}
	return nil, wire.Success
}

func TestBadCredentialsAreTurnedAwayAndARetainedCommandIsLeftAndTakenAway(t *testing.T) {
	t.Parallel()
	s := newStage(t, faulty("4s", "do: bad_credentials, at: 300ms, for: 3s", "do: retain_cmd, at: 300ms, for: 3s"), broker.Config{Access: gate{}})
	defer s.close()
	r := s.play(t.Context())
	v := s.verdict()
	s.sane(&v)
	if r.TurnedAway < 1 || r.LetIn > 0 || r.Reconnects != 1 {
		t.Errorf("%+v", r)
	}
	left, away := 0, 0
	for _, m := range s.came {
		if strings.HasSuffix(m.Topic, "/cmd") && m.Retain {
			if left++; len(m.Payload) == 0 {
				left, away = left-1, away+1
			}
		}
	}
	if left != 1 || away != 1 {
		t.Errorf("%d retained commands were left, %d taken away", left, away)
	}
}

func TestDevicesObeyUnlessAFaultKeepsThemFromIt(t *testing.T) {
	t.Parallel()
	cases := []struct {
		fault    string
		reported string // part of the last report
		answers  int    // to a command that came twice
	}{
		{"do: ignore_desired", `"setpoint":4`, 1},
		{"do: reject_desired", `"status":"rejected"`, 1},
		{"do: partial_reported", `"desired_rev":7`, 1},
		{"do: apply_out_of_order", `"desired_rev":7`, 1},
		{"do: double_execute_command", `"desired_rev":7`, 2},
	}
	var all []string
	for _, c := range cases {
		all = append(all, c.fault)
	}
	s := newStage(t, faulty("5s", all...))
	defer s.close()
	base := func(i int) string { return fmt.Sprintf("acme/lyon/box-%02d", i+1) }
	var mine []message.Message
	for i := range len(cases) + 1 {
		mine = append(mine,
			message.Message{Topic: base(i) + "/desired", QoS: 1, Retain: true, Payload: []byte(`{"rev":7,"state":{"setpoint":5}}`)},
			message.Message{Topic: base(i) + "/cmd", QoS: 1, Payload: []byte(`{"id":"c1","name":"blink"}`)},
			message.Message{Topic: base(i) + "/cmd", QoS: 1, Payload: []byte(`{"id":"c1","name":"blink"}`)},
		)
	}
	s.options.Ready = func() error {
		for _, m := range mine {
			if err := s.watcher.PublishAsync(context.WithoutCancel(t.Context()), m, func(client.Result) {}); err != nil {
				return err
			}
		}
		return nil
	}
	s.play(t.Context())
	last, answers := map[string]string{}, map[string]int{}
	for _, m := range s.came {
		last[m.Topic] = string(m.Payload)
		answers[m.Topic]++
	}
	for i, c := range append(cases, cases[0]) {
		if i == len(cases) { // nothing is wrong with the last one
			c.fault, c.reported = "", `"desired_rev":7,"schema":"reported.v1","state":{"setpoint":5}`
		}
		report, n := last[base(i)+"/reported"], answers[base(i)+"/cmd/res"]
		if !strings.Contains(report, c.reported) || n != c.answers {
			t.Errorf("%s: the last report is %s, there were %d answers", c.fault, report, n)
		}
	}
	v := s.verdict()
	if c := v.Unexplained; c.Lost+c.Duplicated+c.Altered+c.Misplaced > 0 || v.Unknown != len(mine) {
		t.Errorf("%+v, unknown %d", c, v.Unknown)
	}
	if len(s.settled) == 0 {
		t.Error("nothing has converged")
	}
}

func TestOnePartAndFivePartsSendTheSame(t *testing.T) {
	t.Parallel()
	text := faulty("1s", "do: malformed, chance: 20%", "do: drop, chance: 10%", "do: offline, at: 500ms, for: 300ms", "do: crash, at: 500ms, for: 300ms") +
		"  - { name: gone, do: offline, at: 500ms, for: 300ms, to: { pick: 1 } }\n"
	whole := sentBy(t, text, simulate.Shard{})
	var parts []string
	for i := range 5 {
		parts = append(parts, sentBy(t, text, simulate.Shard{Index: i, Count: 5})...)
	}
	slices.Sort(parts)
	if len(whole) < 80 || !slices.Equal(whole, parts) {
		t.Errorf("the whole sent %d messages, its parts %d", len(whole), len(parts))
		for i := range min(len(whole), len(parts)) {
			if whole[i] != parts[i] {
				t.Fatalf("%s\n%s", whole[i], parts[i])
			}
		}
	}
}

// sentBy is what a part of a fleet sends, with when it was due, in order.
func sentBy(t *testing.T, text string, shard simulate.Shard) []string {
	t.Helper()
	s := newStage(t, text)
	defer s.close()
	s.options.Shard = shard
	s.play(t.Context())
	sent := make([]string, 0, len(s.entries))
	for i := range s.entries {
		e := &s.entries[i]
		if e.Will || e.Again || strings.HasSuffix(e.Topic, "/status") && e.Due.Sub(s.options.Begin) > 950*time.Millisecond {
			continue // when the Server learns of a lost connection, when all take leave, and which acknowledgements it lost, hangs on the machine
		}
		sent = append(sent, fmt.Sprintf("%s %d %s %s %s %s %v %v", e.Device, e.Seq, e.Topic, e.Due.Sub(s.options.Begin), e.Hash, e.SentHash, e.Faults, e.Effects))
	}
	slices.Sort(sent)
	return sent
}

// A Will Message with a delay is published where the device does not come back in time, and not where it does.
func TestFlappingWithAWillDelay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault, delay string
		wills        bool
	}{
		{"do: flap, at: 300ms, for: 1s, period: 200ms", "1m", false},
		{"do: flap, at: 300ms, for: 5s, period: 5s", "1s", true},
	} {
		t.Run(c.delay, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, strings.Replace(faulty("6s", c.fault), "boot_id: true", "boot_id: true\n    status: { will_delay: "+c.delay+" }", 1))
			defer s.close()
			r := s.play(t.Context())
			v := s.verdict()
			s.sane(&v)
			wills, published := s.wills("lyon/box-01"), s.published("box-01")
			if published != wills || wills > 0 != c.wills || r.Reconnects == 0 {
				t.Errorf("the broker has published %d Will Messages, the ledger has %d, of %d connections more", published, wills, r.Reconnects)
			}
		})
	}
}

// withheld is a stage on which something comes for the first device while its fault goes on.
type withheld struct {
	*stage
	payload      string // of a command
	began, ended bool
	commands     [2]int // received while the fault went on, and after it
}

// Fault sends it.
func (w *withheld) Fault(_ string, _ *profile.Fault, begins bool, _ time.Duration) {
	w.began, w.ended = begins, !begins
	if begins {
		m := message.Message{Topic: "acme/lyon/box-01/cmd", QoS: 1, Payload: []byte(w.payload)}
		if err := w.watcher.PublishAsync(context.WithoutCancel(w.t.Context()), m, func(client.Result) {}); err != nil {
			w.t.Error(err)
		}
	}
}

// Received counts what comes in.
func (w *withheld) Received(device string, _ int) {
	switch {
	case device != "lyon/box-01" || !w.began && !w.ended:
	case w.ended:
		w.commands[1]++
	default:
		w.commands[0]++
	}
}

// What a device does not acknowledge comes again over the connection that it makes when the fault ends, also where the
// device has sent nothing whose acknowledgement was lost.
func TestWhatIsReceivedAndNotAcknowledgedComesAgain(t *testing.T) {
	t.Parallel()
	for payload, answered := range map[string]bool{`{"id":"c1","name":"blink"}`: true, `not a command`: false} {
		t.Run(payload, func(t *testing.T) {
			t.Parallel()
			const fault = "do: withhold_puback, at: 200ms, for: 3s"
			text := strings.Replace(faulty("6s", fault), "target: { ", "target: { clean_start: false, session_expiry: 1m, ", 1)
			text = strings.Replace(text, "beep: { every: 80ms,", "beep: { every: 80ms, qos: 0,", 1)
			w := &withheld{stage: newStage(t, text), payload: payload}
			defer w.close()
			w.options.Observer = w
			r := w.play(t.Context())
			done := slices.ContainsFunc(w.came, func(m message.Message) bool {
				return m.Topic == "acme/lyon/box-01/cmd/res" && strings.Contains(string(m.Payload), `"done"`)
			})
			if w.commands != [2]int{1, 1} || r.Reconnects != 1 || done != answered {
				t.Errorf("it came %v times, %d connections more, and was done: %t", w.commands, r.Reconnects, done)
			}
		})
	}
}

func TestWithoutAnythingWithheldTheConnectionStays(t *testing.T) {
	t.Parallel()
	text := strings.Replace(faulty("1s", "do: withhold_puback, at: 200ms, for: 300ms"), "beep: { every: 80ms,", "beep: { every: 80ms, qos: 0,", 1)
	s := newStage(t, text)
	defer s.close()
	if r := s.play(t.Context()); r.Reconnects != 0 {
		t.Errorf("%+v", r)
	}
}
