package twin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/wire"
)

// simulated are many devices over one connection: each applies what is desired of it, except those that refuse.
func simulated(t *testing.T, w *world, n int, refuses func(i int) bool) {
	t.Helper()
	s := open(t, w.addr, client.Options{})
	for i := range n {
		m := message.Message{Topic: fmt.Sprintf("acme/lyon/d%04d/status", i), Payload: []byte("online"), QoS: 1, Retain: true}
		if err := s.PublishAsync(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "acme/lyon/+/desired", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() { obeyAll(t.Context(), s, refuses) })
	t.Cleanup(func() {
		s.Abandon()
		done.Wait()
	})
}

func obeyAll(ctx context.Context, s *client.Session, refuses func(i int) bool) {
	for {
		m, err := s.Recv(ctx)
		if err != nil {
			return
		}
		s.AckReceived()
		base := strings.TrimSuffix(m.Topic, "/desired")
		var i int
		_, _ = fmt.Sscanf(base, "acme/lyon/d%04d", &i)
		doc := gjson.ParseBytes(m.Payload)
		acks := "{}"
		if refuses != nil && refuses(i) {
			acks = `{"/mode":"rejected"}`
		}
		state := doc.Get("state").Raw
		if acks != "{}" {
			state = "{}"
		}
		report := fmt.Sprintf(`{"desired_rev":%d,"desired_id":%q,"state":%s,"acks":%s}`, doc.Get("rev").Uint(), doc.Get("id").String(), state, acks)
		_ = s.PublishAsync(ctx, message.Message{Topic: base + "/reported", Payload: []byte(report), QoS: 1, Retain: true}, nil)
	}
}

func rollout(t *testing.T, w *world, o twin.RolloutOptions, settings ...string) []twin.Result {
	t.Helper()
	g := w.group("acme/lyon/+")
	if o.Wait == nil {
		o.Wait = &twin.WaitOptions{}
	}
	o.Timeout = 2 * patience
	results, err := g.Rollout(t.Context(), g.Twins(), func(*twin.Twin) twin.Change { return assign(t, settings...) }, o)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func outcomes(results []twin.Result) map[twin.Outcome]int {
	counts := map[twin.Outcome]int{}
	for _, r := range results {
		counts[r.Outcome]++
	}
	return counts
}

func TestAThousandDevicesConverge(t *testing.T) {
	t.Parallel()
	const n = 1000
	for name, server := range map[string]func(*testing.T) string{"embedded": embedded, "Mosquitto": startMosquitto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := at(t, server(t), wire.V5)
			simulated(t, w, n, nil)
			start := time.Now()
			results := rollout(t, w, twin.RolloutOptions{}, "mode=eco", "interval_s=30")
			took := time.Since(start) // about a second; nothing is concluded from it, the machine may be busy
			if counts := outcomes(results); counts[twin.Converged] != n {
				t.Fatalf("%v", counts)
			}
			t.Logf("%d devices in %v", n, took)
		})
	}
}

func TestACanaryThatFailsStopsTheRollout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	simulated(t, w, 20, func(i int) bool { return i == 0 || i == 7 })
	waves, err := twin.ParseWaves("1,50%")
	if err != nil {
		t.Fatal(err)
	}
	counts := outcomes(rollout(t, w, twin.RolloutOptions{Waves: waves, MaxFailures: new(0)}, "mode=eco"))
	if counts[twin.Rejected] != 1 || counts[twin.NotStarted] != 19 {
		t.Errorf("no failure is allowed: %v", counts)
	}
	counts = outcomes(rollout(t, w, twin.RolloutOptions{Waves: waves, MaxFailures: new(1)}, "mode=fast"))
	if counts[twin.Rejected] != 2 || counts[twin.NotStarted] != 10 {
		t.Errorf("one failure is allowed: %v", counts)
	}
	counts = outcomes(rollout(t, w, twin.RolloutOptions{Waves: waves}, "mode=slow"))
	if counts[twin.Rejected] != 2 || counts[twin.Converged] != 18 {
		t.Errorf("failures are allowed: %v", counts)
	}
}

func TestFailuresStopBetweenThePartsOfAWave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	simulated(t, w, 20, func(i int) bool { return i == 7 })
	counts := outcomes(rollout(t, w, twin.RolloutOptions{Parallel: 3, MaxFailures: new(0)}, "mode=eco"))
	// The others of the part are not waited for any longer.
	if counts[twin.Rejected] != 1 || counts[twin.Converged] < 6 || counts[twin.NotStarted] != 11 {
		t.Errorf("three at a time, and the eighth fails: %v", counts)
	}
	counts = outcomes(rollout(t, w, twin.RolloutOptions{Parallel: 7}, "mode=slow"))
	if counts[twin.Rejected] != 1 || counts[twin.Converged] != 19 {
		t.Errorf("seven at a time: %v", counts)
	}
}

func TestARunGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	simulated(t, w, 10, func(i int) bool { return i == 3 })
	change := assign(t, "mode=eco")
	run := twin.NewRun("R", change)
	file := bytes.NewBuffer(run.Head())
	for _, r := range rollout(t, w, twin.RolloutOptions{}, "mode=eco") {
		file.Write(run.Line(r))
	}
	file.WriteString(`{"device":"acme/lyon/d00`) // a crash
	again, err := twin.ReadRun(file)
	if err != nil {
		t.Fatal(err)
	}
	rest, done := again.Rest(w.group("acme/lyon/+").Twins())
	if done != 9 || len(rest) != 1 || rest[0].Device != "acme/lyon/d0003" {
		t.Errorf("%d are done, the rest is %v", done, rest)
	}
	if !again.Is(change) || again.Is(assign(t, "mode=fast")) || again.ID != "R" {
		t.Errorf("%+v", again)
	}
	for _, text := range []string{"", "{}\n", "nonsense\n", "{\"run\":\"\"}\n"} {
		if _, err := twin.ReadRun(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken for a run", text)
		}
	}
}

func TestRatesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	simulated(t, w, 5, nil)
	start := time.Now()
	rollout(t, w, twin.RolloutOptions{Set: twin.SetOptions{Rate: 20}}, "mode=eco")
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("5 devices at 20 a second took %v", took)
	}
}

func TestPurgeDeletesAndLooks(t *testing.T) {
	t.Parallel()
	for _, v := range []wire.Version{wire.V5, wire.V311} {
		w := newWorld(t)
		w.version = v
		w.session = open(t, w.addr, client.Options{Version: v})
		w.stored("a=1")
		g := w.group()
		results, err := g.Purge(t.Context(), g.Twins())
		if err != nil {
			t.Fatal(err)
		}
		wants(t, results[0], twin.Cleared)
		if d := w.desired(); d != nil {
			t.Errorf("%+v is left", d)
		}
		if results, err = g.Purge(t.Context(), g.Twins()); err != nil || results[0].Outcome != twin.Unchanged {
			t.Errorf("%+v, %v", results, err)
		}
	}
}

// Devices ignore what is not above the revision that they remember, and several changes in a second run ahead of the clock.
func TestADocumentThatIsSetAfterAPurgeBeginsAboveTheOldOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, change := range []string{"a=1", "a=2", "a=3"} {
		w.stored(change)
	}
	g := w.group()
	results, err := g.Purge(t.Context(), g.Twins())
	if err != nil {
		t.Fatal(err)
	}
	wants(t, results[0], twin.Cleared)
	w.stored("a=4")
	if d := w.desired(); d == nil || d.Rev <= results[0].Before {
		t.Errorf("after revision %d was purged there is %+v", results[0].Before, d)
	}
}

// F9: what a Server has lost comes back with revisions that devices take.
func TestABackupComesBackWithHigherRevisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, err := twin.NewConvention(w.c, "")
	if err != nil {
		t.Fatal(err)
	}
	high := uint64(time.Now().Unix()) + 1000
	saved := map[string]string{
		base:             fmt.Sprintf(`{"schema":"x.v1","rev":%d,"id":"old","campaign":"c","state":{"a":1,"wifi":{"psk":"hunter22"}}}`, high),
		"acme/lyon/low":  `{"_rev":3,"_id":"old","a":1}`,
		"acme/lyon/same": `{"rev":5,"id":"same","state":{"a":1}}`,
	}
	backup := twin.Backup{}
	for device, payload := range saved {
		if err := backup.Add(v, message.Message{Topic: device + "/desired", Payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := backup.Add(v, message.Message{Topic: base + "/reported", Payload: []byte("{}")}); err == nil {
		t.Error("a report is taken")
	}
	w.publish("acme/lyon/same/desired", `{"rev":9,"id":"now","state":{"a":1.0}}`)
	g := w.group(backup.Devices()...)
	results, err := g.Set(t.Context(), g.Twins(), backup.Change, twin.SetOptions{Trusted: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		switch r.Device {
		case base:
			if r.Outcome != twin.Stored || r.Rev != high+1 || !strings.Contains(string(r.Payload), `"campaign":"c"`) {
				t.Errorf("%+v", r)
			}
		case "acme/lyon/low":
			if r.Outcome != twin.Stored || r.Rev < high-2000 || !strings.Contains(string(r.Payload), `"_rev":`) {
				t.Errorf("%+v", r)
			}
		default:
			if r.Outcome != twin.Unchanged || r.Rev != 9 {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestTheAuditLogKeepsNoSecrets(t *testing.T) {
	t.Parallel()
	r := twin.NewRecord(twin.Result{
		Device: base, Outcome: twin.Stored, Rev: 2, Before: 1,
		From: twin.State{"mode": "a", "wifi": twin.State{"psk": "old-secret"}},
		To: twin.State{
			"mode": "b", "wifi": twin.State{"psk": "new-secret"}, "api_token": json.Number("12345"),
			"list": []any{twin.State{"password": "in-a-list"}}, "cert": "-----BEGIN PRIVATE KEY-----",
		},
	})
	line, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"old-secret", "new-secret", "12345", "in-a-list", "BEGIN"} {
		if bytes.Contains(line, []byte(secret)) {
			t.Errorf("%q is in %s", secret, line)
		}
	}
	if !bytes.Contains(line, []byte(`{"pointer":"/mode","from":"a","to":"b"}`)) {
		t.Errorf("got %s", line)
	}
	log := append(append([]byte("garbage\n\n"), line...), `{"device":`...)
	var read []string
	bad, err := twin.ReadRecords(bytes.NewReader(log), func(r twin.Record, _ []byte) error {
		read = append(read, r.Device)
		return nil
	})
	if err != nil || bad != 2 || !slices.Equal(read, []string{base}) {
		t.Errorf("%d bad, read %v, %v", bad, read, err)
	}
}

func TestAWatchTellsWhatBecomesOfADocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stored("mode=eco")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	g := w.group("acme/lyon/+")
	other := w.another()
	var got []string
	steps := []func(){
		func() {
			other.publish(base+"/reported", fmt.Sprintf(`{"desired_rev":%d,"state":{}}`, other.desired().Rev))
		},
		func() {
			other.publish(base+"/reported", fmt.Sprintf(`{"desired_rev":%d,"state":{"mode":"eco"}}`, other.desired().Rev))
		},
		func() {
			other.publish(base+"/reported", fmt.Sprintf(`{"desired_rev":%d,"state":{"mode":"x"}}`, other.desired().Rev))
		},
		func() { other.publish(base+"/reported", "garbage") },
		func() { other.stored("mode=fast") },
		func() {
			other.publish(base+"/reported", fmt.Sprintf(`{"desired_rev":%d,"state":{"mode":"x"},"acks":{"/mode":"rejected"}}`, other.desired().Rev))
		},
		func() { other.publish("acme/lyon/new/desired", `{"rev":1,"id":"n","state":{}}`) },
		func() { other.publish("acme/lyon/new/desired", "") },
		func() { cancel(errOver) },
	}
	err := g.Watch(ctx, time.Second, func(e twin.Event) error {
		got = append(got, string(e.Kind))
		step := steps[0]
		steps = steps[1:]
		step()
		return nil
	})
	if want := []string{"desired", "seen", "applied", "drift", "bad", "desired", "rejected", "desired", "cleared"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: %v", got, want, err)
	}
}

var errOver = fmt.Errorf("the test is over")
