package tally_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/tally"
	"github.com/mqx-cli/mqx/internal/wire"
)

// aProfile is a fleet of four devices in two parts, with faults and what is expected.
func aProfile(t *testing.T, expect ...string) *profile.Profile {
	t.Helper()
	text := `version: mqx/sim/v1
name: rooms
seed: 42
duration: 10m
topics: { root: acme }
fleet:
  - { use: room, site: lyon, count: 4, id: "cr-{n}" }
devices:
  room:
    status: { online: online, offline: offline, retain: true, will: true }
    telemetry:
      temp: { every: 10s, value: 3 }
    events:
      door: { every: 1m, value: open }
    desired:
      accepts: { setpoint_c: { type: number } }
faults:
  - { name: outage, at: 2m, for: 1m, to: { device: cr-2 }, do: offline }
  - { name: bad firmware, from: 5m, to: { device: cr-3 }, do: malformed }
`
	if len(expect) > 0 {
		text += "expect:\n"
		for _, e := range expect {
			text += fmt.Sprintf("  - %q\n", e)
		}
	}
	p, err := profile.Parse("rooms.sim.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fixedRun is a recorder whose run began some time ago, so that now is that much of simulated time.
func fixedRun(p *profile.Profile, ago time.Duration, shard simulate.Shard) *tally.Recorder {
	return tally.New(p, tally.Options{
		Run: "rooms-1", Shard: shard, Planned: p.Duration, Begin: time.Now().Add(-ago), Start: simulate.DefaultStart(),
	})
}

// made is a message of a device.
func made(device int, topic, payload string, qos byte, due time.Duration) *simulate.Made {
	m := message.Message{Topic: topic, Payload: []byte(payload), QoS: qos}
	return &simulate.Made{Device: fmt.Sprintf("lyon/cr-%d", device+1), Index: device, Due: due, Sent: due, Clean: m, Message: m}
}

func TestHistogramsOfPartsAddUpToThatOfAll(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var whole tally.Histogram
	parts := make([]tally.Histogram, 5)
	var values []time.Duration
	for i := range 20_000 {
		d := time.Duration(rnd.ExpFloat64() * float64(20*time.Millisecond))
		values = append(values, d)
		whole.Record(d)
		parts[i%5].Record(d)
	}
	var merged tally.Histogram
	for i := range parts {
		text, err := json.Marshal(&parts[i])
		if err != nil {
			t.Fatal(err)
		}
		var read tally.Histogram
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		merged.Add(&read)
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
		if got, want := merged.Quantile(q), whole.Quantile(q); got != want {
			t.Errorf("p%g of the parts is %s, of all %s", 100*q, got, want)
		}
		exact := values[max(0, min(len(values), int(q*float64(len(values))+0.999999))-1)]
		if got := merged.Quantile(q); got < exact.Truncate(time.Microsecond) || float64(got) > 1.002*float64(exact)+2e3 {
			t.Errorf("p%g is %s, exactly it is %s", 100*q, got, exact)
		}
	}
	if merged.Count() != 20_000 || merged.Max() != values[len(values)-1] || (merged.Sum()-whole.Sum()).Abs() > time.Microsecond {
		t.Errorf("got %d times, at most %s, %s in all; want %d, %s, %s",
			merged.Count(), merged.Max(), merged.Sum(), len(values), values[len(values)-1], whole.Sum())
	}
}

func TestHistogramTakesAnyTime(t *testing.T) {
	t.Parallel()
	var h tally.Histogram
	for _, d := range []time.Duration{-time.Second, 0, 1, 400 * 24 * time.Hour} {
		h.Record(d)
	}
	if h.Count() != 4 || h.Max() != 24*time.Hour {
		t.Errorf("got %d, at most %s", h.Count(), h.Max())
	}
	var empty tally.Histogram
	if empty.Quantile(0.5) != 0 || empty.Count() != 0 {
		t.Error("an empty histogram has times")
	}
}

func TestHistogramsThatLieAreRefused(t *testing.T) {
	t.Parallel()
	var h tally.Histogram
	h.Record(time.Second)
	good, err := json.Marshal(&h)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"another count": strings.Replace(string(good), `"count":1`, `"count":2`, 1),
		"no histogram":  `{"count":3}`,
		"not base64":    `{"count":1,"hdr":"%%%"}`,
		"cut":           strings.Replace(string(good), `"hdr":"HISTF`, `"hdr":"HIST`, 1),
		"not an object": `[]`,
	} {
		var read tally.Histogram
		if err := json.Unmarshal([]byte(text), &read); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

// numbers are what a timeline says, in words.
func numbers(t *tally.Timeline) string {
	var b strings.Builder
	t.Each(func(from time.Duration, n int64) bool {
		fmt.Fprintf(&b, "%s=%d ", from, n)
		return true
	})
	return strings.TrimSpace(b.String())
}

func TestTimelinesAddUp(t *testing.T) {
	t.Parallel()
	a, b := tally.Timeline{Step: 100 * time.Millisecond}, tally.Timeline{Step: 400 * time.Millisecond}
	a.Change(50*time.Millisecond, 1)
	a.Change(2*time.Second, 1)
	a.Change(1500*time.Millisecond, -1) // a little late
	if got, want := numbers(&a), "0s=0 100ms=1 1.6s=0 2.1s=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	b.Change(time.Second, 5)
	a.Add(b)
	if got, want := numbers(&a), "0s=0 400ms=1 1.2s=6 1.6s=5 2.4s=6"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	text, err := json.Marshal(&a)
	if err != nil {
		t.Fatal(err)
	}
	var read tally.Timeline
	if err := json.Unmarshal(text, &read); err != nil || numbers(&read) != numbers(&a) {
		t.Errorf("%s was read as %s, %v", text, numbers(&read), err)
	}
}

func TestTimelineStaysInBounds(t *testing.T) {
	t.Parallel()
	line := tally.Timeline{Step: 100 * time.Millisecond}
	for i := range 3 * tally.MostChanges {
		line.Change(time.Duration(i)*100*time.Millisecond, 1)
	}
	if line.Slots() > tally.MostChanges || line.Step != 400*time.Millisecond {
		t.Errorf("got %d changes at %s", line.Slots(), line.Step)
	}
	last := int64(0)
	line.Each(func(_ time.Duration, n int64) bool { last = n; return true })
	if last != 3*tally.MostChanges {
		t.Errorf("got %d", last)
	}
}

func TestScopesAreThoseThatAreAskedFor(t *testing.T) {
	t.Parallel()
	r := fixedRun(aProfile(t, "lost == 0 where qos >= 1", `late < 3 outside fault "outage"`, `sent > 3 within 1m of fault "outage"`,
		`altered == 0 outside fault "outage"`), 0, simulate.Shard{})
	want := []string{"all", `during "outage"`, `during "bad firmware"`, `outside "outage"`, "all, 1m from 2m on"}
	if d := cmp.Diff(want, r.Scopes()); d != "" {
		t.Error(d)
	}
}

func TestMessagesCountWhereTheyBelong(t *testing.T) {
	t.Parallel()
	r := fixedRun(aProfile(t, `sent > 0 outside fault "outage"`), 0, simulate.Shard{})
	for device := range 4 {
		for _, due := range []time.Duration{time.Minute, 150 * time.Second, 4 * time.Minute} {
			m := made(device, "acme/lyon/cr/events/door", "x", 1, due)
			m.Copies = device
			if err := r.Sent(m); err != nil {
				t.Fatal(err)
			}
			r.Acknowledged(m, 3*time.Millisecond, wire.Success)
		}
	}
	dropped := made(1, "acme/x", "y", 0, 150*time.Second)
	dropped.Effects = []simulate.Effect{simulate.Dropped}
	_ = r.Sent(dropped)
	r.Acknowledged(made(0, "acme/x", "y", 2, time.Minute), time.Millisecond, wire.NotAuthorized)
	got := map[string]string{}
	for _, s := range r.Summary().Scopes {
		all := s.All()
		got[s.During+"-"+s.Outside] = fmt.Sprintf("%d sent, %d copies, %d dropped, %d acknowledged, %d refused, %d bytes",
			all.Sent, all.Copies, all.Dropped, all.Acknowledged, all.Refused, all.Bytes)
	}
	if d := cmp.Diff(map[string]string{
		"-":             "12 sent, 18 copies, 1 dropped, 12 acknowledged, 1 refused, 30 bytes",
		"outage-":       "1 sent, 1 copies, 1 dropped, 1 acknowledged, 0 refused, 2 bytes",
		"bad firmware-": "0 sent, 0 copies, 0 dropped, 0 acknowledged, 0 refused, 0 bytes",
		"-outage":       "11 sent, 17 copies, 0 dropped, 11 acknowledged, 1 refused, 28 bytes",
	}, got); d != "" {
		t.Error(d)
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	r := fixedRun(aProfile(t), time.Minute, simulate.Shard{})
	r.ConnectFailed("lyon/cr-1", nil)
	for i := range 4 {
		r.Connected(fmt.Sprintf("lyon/cr-%d", i+1), 5*time.Millisecond, false)
	}
	r.Disconnected("lyon/cr-2", nil)
	r.Disconnected("lyon/cr-2", nil) // it was told already
	r.Connected("lyon/cr-2", time.Millisecond, true)
	r.Leaving("interrupted")
	r.Disconnected("lyon/cr-1", nil)
	s := r.Summary()
	c := s.All().Counts
	got := strings.TrimSpace(fmt.Sprintln(s.Devices, s.Connected, s.Most, c.Connects, c.Reconnects, c.Disconnects, c.Failures, s.Cause, s.Running))
	if want := "4 4 4 5 1 1 1 interrupted false"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := s.All().Times[tally.Connect].Count(); n != 5 {
		t.Errorf("%d times to connect", n)
	}
}

func TestWhatAFaultHasCutOffIsNotForTheServerToAnswer(t *testing.T) {
	t.Parallel()
	r := fixedRun(aProfile(t), time.Minute, simulate.Shard{})
	for device := range 3 {
		r.Connected(fmt.Sprintf("lyon/cr-%d", device+1), time.Millisecond, false)
		_ = r.Sent(made(device, "acme/x", "y", 1, time.Second))
		_ = r.Sent(made(device, "acme/x", "z", 2, time.Second))
	}
	r.Acknowledged(made(0, "acme/x", "y", 1, time.Second), time.Millisecond, wire.Success)
	r.Disconnected("lyon/cr-2", nil)
	r.Disconnected("lyon/cr-3", os.ErrDeadlineExceeded)
	r.Leaving("")
	r.Disconnected("lyon/cr-1", nil)
	if c := r.Summary().All(); c.QoS[1].Unanswered != 1 || c.QoS[2].Unanswered != 2 {
		t.Errorf("got %+v", c.QoS)
	}
}

func TestSummarySurvivesItsFile(t *testing.T) {
	t.Parallel()
	r := fixedRun(aProfile(t, "connected >= 4", "publish_ack_p99 < 1s", "presence(cr-2) == offline"), time.Minute, simulate.Shard{})
	r.Connected("lyon/cr-1", time.Millisecond, false)
	r.Fault("lyon/cr-2", &profile.Fault{Name: "outage"}, true, 0)
	r.Leaving("")
	s := r.Summary()
	s.Verdicts = tally.Judge(s)
	name := filepath.Join(t.TempDir(), "summary.json")
	if err := s.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	read, err := tally.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := read.JSON()
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("%v\n%s", err, cmp.Diff(string(text), string(again)))
	}
	if read.Faults[0].Begun != 1 || len(read.Verdicts) != 3 {
		t.Errorf("got %+v", read)
	}
}

func TestRecorderIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	r := fixedRun(aProfile(t, "publish_ack_p99 < 1s"), time.Minute, simulate.Shard{})
	var all sync.WaitGroup
	for device := range 4 {
		all.Go(func() {
			path := fmt.Sprintf("lyon/cr-%d", device+1)
			for range 200 {
				m := made(device, "acme/t", "x", 1, time.Minute)
				r.Connected(path, time.Millisecond, true)
				_ = r.Sent(m)
				r.Acknowledged(m, time.Millisecond, wire.Success)
				r.Lag(time.Microsecond)
				r.Received(path, 3)
				r.Converged(path, []string{"setpoint_c"}, time.Second)
				r.Disconnected(path, nil)
			}
		})
	}
	for range 20 {
		_ = r.Summary()
	}
	all.Wait()
	c := r.Summary().All()
	if c.QoS[1].Sent != 800 || c.QoS[1].Acknowledged != 800 || c.Received != 800 || c.Times["converge:setpoint_c"].Count() != 800 {
		t.Errorf("got %+v", c.Counts)
	}
}

func BenchmarkSentAndAcknowledged(b *testing.B) {
	p, err := profile.Parse("x", []byte(`version: mqx/sim/v1
name: x
fleet: [{ use: d, site: s, count: 10000, id: "d{n}" }]
devices: { d: { telemetry: { t: { every: 10s, value: 1 } } } }
faults: [{ name: f, at: 1m, to: { percent: 5 }, do: drop }]
expect: [ "lost == 0 where qos >= 1", "publish_ack_p99 < 1s", 'late == 0 outside fault "f"' ]
`))
	if err != nil {
		b.Fatal(err)
	}
	r := fixedRun(p, time.Minute, simulate.Shard{})
	m := made(3, "acme/s/d3/telemetry/t", "x", 1, 2*time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Sent(m)
		r.Acknowledged(m, time.Millisecond, wire.Success)
	}
}
