package simulate_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// fleetOfTen has telemetry at QoS 0 and events at QoS 1.
func fleetOfTen(faults string) string {
	return small(10, "{telemetry: {x: {every: 10s, jitter: 1s, value: {walk: 18..26}}}, events: {e: {every: ~1m, value: {pick: [a, b]}}}}",
		"faults:\n"+faults)
}

// delivered are the messages that come in, as a capture has them.
func delivered(all []*simulate.Made) []message.Message {
	var capture []message.Message
	for _, m := range all {
		for range 1 + m.Copies {
			if !m.Is(simulate.Dropped) {
				capture = append(capture, m.Message)
			}
		}
	}
	return capture
}

func verify(t *testing.T, all []*simulate.Made, capture []message.Message) simulate.Verdict {
	t.Helper()
	v := simulate.NewVerification(simulate.LateAfter, 2)
	var ledger []byte
	for _, m := range all {
		e := m.Entry()
		ledger = e.AppendJSON(ledger)
	}
	if err := simulate.ReadLedger(bytes.NewReader(ledger), v.Sent); err != nil {
		t.Fatal(err)
	}
	for _, m := range capture {
		v.Received(m)
	}
	return v.Verdict()
}

// Each fault is injected, and found again in exactly the number in which it was injected, at its place in time.
func TestVerifyFindsExactlyWhatWasInjected(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  string
		effect simulate.Effect
		count  func(*simulate.Counts) int
	}{
		"drop":        {"{do: drop, chance: 20%}", simulate.Dropped, func(c *simulate.Counts) int { return c.Lost }},
		"duplicate":   {"{do: duplicate, chance: 20%}", simulate.Duplicated, func(c *simulate.Counts) int { return c.Duplicated }},
		"reorder":     {"{do: reorder, chance: 20%}", simulate.Reordered, func(c *simulate.Counts) int { return c.Reordered }},
		"late":        {"{do: late, chance: 20%, delay: 2s..40s}", simulate.Late, func(c *simulate.Counts) int { return c.Late }},
		"backfill":    {"{do: offline, backfill: {buffer: 100, rate: 2/s}}", simulate.Late, func(c *simulate.Counts) int { return c.Late }},
		"overflow":    {"{do: offline, backfill: {buffer: 3}}", simulate.Dropped, func(c *simulate.Counts) int { return c.Lost }},
		"blackhole":   {"{do: blackhole}", simulate.Dropped, func(c *simulate.Counts) int { return c.Lost }},
		"malformed":   {"{do: malformed, chance: 20%}", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		"all wrong":   {"{do: malformed, mix: {truncated_json: 1, number_as_string: 1, missing_ts: 1, missing_field: 1, missing_schema: 1, nan: 1, wrong_unit: 1, bad_utf8: 1, wrong_type: 1, schema_bump: 1, empty: 1}}", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		"oversize":    {"{do: oversize, chance: 20%, bytes: 10kB}", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		"clock":       {"{do: clock, skew: -7m}", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		"stuck":       {"{do: stuck, signals: x}", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		"spike":       {"{do: spike, by: 100, chance: 20%}", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		"dead":        {"{do: dead, signals: x}", simulate.Altered, func(c *simulate.Counts) int { return c.Altered }},
		"wrong topic": {"{do: wrong_topic, chance: 20%}", simulate.Misplaced, func(c *simulate.Counts) int { return c.Misplaced }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault := strings.Replace(tt.fault, "{do:", "{name: it, at: 2m, for: 3m, to: {percent: 50}, do:", 1)
			all := play(t, newRun(t, parse(t, fleetOfTen("  - "+fault))), simulate.Shard{})
			injected := 0
			for _, m := range all {
				if m.Is(tt.effect) {
					injected++
				}
			}
			v := verify(t, all, delivered(all))
			if got := tt.count(&v.Counts); injected < 5 || got != injected {
				t.Errorf("%d were injected, %d found: %+v", injected, got, v.Counts)
			}
			if v.Unexplained.Damage() != 0 || v.Unknown != 0 {
				t.Errorf("not explained: %+v, unknown %d", v.Unexplained, v.Unknown)
			}
			if len(v.Faults) != 1 || v.Faults[0].Fault != "it" || tt.count(&v.Faults[0].Counts) != injected || tt.count(&v.Outside) != 0 {
				t.Errorf("not at its place: %+v, outside %+v", v.Faults, v.Outside)
			}
			sum := simulate.Counts{}
			for _, q := range v.QoS {
				sum.Sent += q.Sent
			}
			if len(v.QoS) != 2 || sum.Sent != v.Sent || v.Sent != len(all) {
				t.Errorf("by QoS: %+v of %+v", v.QoS, v.Counts)
			}
		})
	}
}

// What happens on the way is found as well, and told apart from what was done on purpose.
func TestVerifyFindsWhatHappenedOnTheWay(t *testing.T) {
	t.Parallel()
	all := play(t, newRun(t, parse(t, fleetOfTen("  - {name: it, at: 2m, for: 3m, do: drop, chance: 10%}"))), simulate.Shard{})
	dropped := len(all) - len(delivered(all))
	damage := func(change func([]message.Message) []message.Message) simulate.Verdict {
		return verify(t, all, change(slices.Clone(delivered(all))))
	}
	late := func(c []message.Message) []message.Message { c[200].Time = c[200].Time.Add(time.Minute); return c }
	for name, tt := range map[string]struct {
		change  func([]message.Message) []message.Message
		want    simulate.Counts
		unknown int
	}{
		"nothing":    {func(c []message.Message) []message.Message { return c }, simulate.Counts{}, 0},
		"lost":       {func(c []message.Message) []message.Message { return slices.Delete(c, 100, 107) }, simulate.Counts{Lost: 7}, 0},
		"duplicated": {func(c []message.Message) []message.Message { return slices.Insert(c, 50, c[40], c[40], c[41]) }, simulate.Counts{Duplicated: 3}, 0},
		"late":       {late, simulate.Counts{Late: 1}, 0},
		"altered": {func(c []message.Message) []message.Message {
			c[200].Payload, c[300].Payload = []byte("x"), nil
			return c
		}, simulate.Counts{Altered: 2}, 0},
		"reordered": {func(c []message.Message) []message.Message {
			j := slices.IndexFunc(c, func(m message.Message) bool { return strings.HasSuffix(m.Topic, "d-3/telemetry/x") })
			k := slices.IndexFunc(c[j+1:], func(m message.Message) bool { return m.Topic == c[j].Topic }) + j + 1
			c[j], c[k] = c[k], c[j]
			c[j].Time, c[k].Time = c[k].Time, c[j].Time
			return c
		}, simulate.Counts{Reordered: 1, Late: 1}, 0},
		"foreign": {func(c []message.Message) []message.Message {
			return append(c, message.Message{Topic: "somebody/else", Payload: []byte("1")}, message.Message{Topic: c[0].Topic, Payload: []byte("?")})
		}, simulate.Counts{}, 2},
	} {
		v := damage(tt.change)
		got := v.Unexplained
		got.Sent, got.Received = 0, 0
		if diff := cmp.Diff(tt.want, got); diff != "" || v.Unknown != tt.unknown {
			t.Errorf("%s: unknown %d (-want +got)\n%s", name, v.Unknown, diff)
		}
		if v.Lost != tt.want.Lost+dropped {
			t.Errorf("%s: lost %d, want %d", name, v.Lost, tt.want.Lost+dropped)
		}
	}
}

func TestLedgersAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for _, m := range play(t, newRun(t, everything(t)), simulate.Shard{Index: 3, Count: 13}) {
		want := m.Entry()
		got, err := simulate.ParseEntry(want.AppendJSON(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(`{"due":"2026-01-01T00:00:00Z","device":"d","seq":1,"topic":"a","qos":1,"retain":false,"bytes":2,"hash":"00"}`))
	f.Add([]byte(`{"due":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := simulate.ParseEntry(line)
		if err != nil {
			return
		}
		v := simulate.NewVerification(0, 1)
		v.Sent(e)
		v.Received(message.Message{Topic: e.Topic})
		if c := v.Verdict(); c.Sent != 1 || c.Lost+c.Received != 1 {
			t.Errorf("%s: %+v", line, c)
		}
	})
}
