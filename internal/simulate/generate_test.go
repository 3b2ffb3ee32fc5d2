package simulate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// small is a profile of one type of devices.
func small(count int, device, rest string) string {
	return fmt.Sprintf("version: mqx/sim/v1\nname: small\nseed: 42\nduration: 10m\nfleet: [{use: d, site: lyon, count: %d, id: \"d-{n}\"}]\n"+
		"devices:\n  d: %s\n%s\n", count, device, rest)
}

// signal is a device with one signal.
func signal(text string) string { return "{telemetry: {x: " + text + "}}" }

func parse(t *testing.T, text string) *profile.Profile {
	t.Helper()
	p, err := profile.Parse("testdata/f.yaml", []byte(text))
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok {
		t.Fatal(mistakes.Detail())
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newRun(t *testing.T, p *profile.Profile) *simulate.Run {
	t.Helper()
	l, err := p.Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	return simulate.NewRun(p, l, time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC), simulate.Plays)
}

// play returns all messages of a run.
func play(t *testing.T, run *simulate.Run, shard simulate.Shard) []*simulate.Made {
	t.Helper()
	var all []*simulate.Made
	err := run.Generate(t.Context(), shard, run.Profile.Duration, func(m *simulate.Made) error { all = append(all, m); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lines is what a run prints, and its ledger.
func lines(all []*simulate.Made) (data, ledger []string) {
	for _, m := range all {
		e := m.Entry()
		ledger = append(ledger, string(e.AppendJSON(nil)))
		for range 1 + m.Copies {
			if !m.Is(simulate.Dropped) {
				data = append(data, string(message.AppendJSON(nil, m.Message)))
			}
		}
	}
	return data, ledger
}

func everything(t *testing.T) *profile.Profile {
	t.Helper()
	p, err := profile.Load(filepath.Join("..", "profile", "testdata", "everything.sim.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A fleet is the same whether one process plays it or five play a part each.
func TestPartsOfAFleetAreTheWhole(t *testing.T) {
	t.Parallel()
	data, ledger := lines(play(t, newRun(t, everything(t)), simulate.Shard{}))
	var parts, partLedgers []string
	for i := range 5 {
		d, l := lines(play(t, newRun(t, everything(t)), simulate.Shard{Index: i, Count: 5}))
		parts, partLedgers = append(parts, d...), append(partLedgers, l...)
	}
	if len(data) < 50_000 {
		t.Errorf("only %d messages", len(data))
	}
	if !slices.IsSortedFunc(data, func(a, b string) int {
		return strings.Compare(gjson.Get(a, "time").Str, gjson.Get(b, "time").Str)
	}) {
		t.Error("the messages are not in the order of time")
	}
	for _, pair := range [][2][]string{{data, parts}, {ledger, partLedgers}} {
		slices.Sort(pair[0])
		slices.Sort(pair[1])
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%d lines of the whole are not the %d of the parts", len(pair[0]), len(pair[1]))
		}
	}
}

// Another device, another signal and another wrapper change nothing that was there.
func TestAdditionsChangeNothing(t *testing.T) {
	t.Parallel()
	of := func(text string) []string {
		data, _ := lines(play(t, newRun(t, parse(t, text)), simulate.Shard{}))
		return slices.DeleteFunc(data, func(line string) bool { return !strings.Contains(line, "/d-1/telemetry/x") })
	}
	one := of(small(1, "{telemetry: {x: {every: 1s, jitter: 100ms, value: {walk: 18..26}}}}", ""))
	more := of(small(3, "{telemetry: {a: {every: 3s, value: {gauss: {mean: 1, sd: 1}}}, x: {every: 1s, jitter: 100ms, value: {walk: 18..26}}}}",
		"faults: [{do: drop, to: d-2}]"))
	if len(one) != 600 || !slices.Equal(one, more) {
		t.Errorf("%d and %d messages, or others", len(one), len(more))
	}
	other := of(strings.Replace(small(1, "{telemetry: {x: {every: 1s, jitter: 100ms, value: {walk: 18..26}}}}", ""), "seed: 42", "seed: 43", 1))
	if slices.Equal(one, other) {
		t.Error("another seed gives the same values")
	}
}

// What comes out must never change for a seed: data sets are kept, and compared with those of other machines.
func TestGoldenDataSet(t *testing.T) {
	t.Parallel()
	p := everything(t)
	p.Duration = 2 * time.Minute
	data, _ := lines(play(t, newRun(t, p), simulate.Shard{Index: 0, Count: 7}))
	file := filepath.Join("testdata", "golden.jsonl")
	got := strings.Join(data, "\n") + "\n"
	if os.Getenv("MQX_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// values plays one signal and returns what it gives.
func values(t *testing.T, text string) []gjson.Result {
	t.Helper()
	var all []gjson.Result
	for _, m := range play(t, newRun(t, parse(t, small(1, signal(text), ""))), simulate.Shard{}) {
		if m.Signal == "x" {
			all = append(all, gjson.GetBytes(m.Message.Payload, "v"))
		}
	}
	return all
}

func TestValuesStayInTheSpanOfTheirSource(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"walk: 18..26", "walk: {start: 1, step: 50, min: 0, max: 3}", "walk: {start: 5, step: 1, min: 0, max: 10, mean: 2, revert: 50%}",
		"uniform: -3..3", "uniform: {min: 1, max: 6, integer: true}", "season: {period: 3m, amplitude: 4, mean: 10}",
		"ramp: {from: 10, to: 0, over: 1m}", "sawtooth: {min: 2, max: 5, period: 45s}", "counter: {start: 9, per_hour: 600, rollover: 10}",
		"gauss: {mean: 0, sd: 100}, clamp: -5..5", "uniform: 0..10, quantise: 2.5", "walk: 18..26, noise: 0.5, spike: {chance: 5%, to: 85}",
		"walk: 18..26, delay: 30s, stuck: {chance: 1%, for: 30s}",
	} {
		p := parse(t, small(1, signal("{every: 1s, value: {"+text+"}}"), ""))
		span, ok := p.Types[0].Signals[0].Value.Span(p.Types[0])
		got := values(t, "{every: 1s, value: {"+text+"}}")
		if !ok || len(got) != 600 {
			t.Fatalf("%s: %d values, %t", text, len(got), ok)
		}
		const sigma = 1.0 // of what is normal a few in a million are beyond four
		for i, v := range got {
			if v.Type != gjson.Number || v.Num < span.Min-sigma || v.Num > span.Max+sigma {
				t.Errorf("%s: value %d is %s, not in %v", text, i, v.Raw, span)
				break
			}
		}
	}
}

func TestSourcesGiveWhatTheySay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{every: 2m, value: 3}":                                                                "3 3 3 3 3",
		"{every: 2m, value: {constant: on-site}}":                                              `"on-site" "on-site" "on-site" "on-site" "on-site"`,
		"{every: 2m, value: {ramp: {from: 0, to: 4, over: 4m}}}":                               "0 2 4 4 4",
		"{every: 2m, value: {sawtooth: {min: 0, max: 8, period: 8m}}}":                         "0 2 4 6 0",
		"{every: 2m, value: {counter: {start: 1, per_hour: 30}}}":                              "1 2 3 4 5",
		"{every: 2m, value: {counter: {start: 1, step: 2, reset: 6m}}}":                        "1 3 5 1 3",
		"{every: 2m, value: {season: {period: 8m, amplitude: 2, mean: 5}}}":                    "7 5 3 5 7",
		"{every: 2m, value: {expr: \"time / 60 + n\"}}":                                        "1 3 5 7 9",
		"{every: 2m, value: {expr: \"clamp(hour * 10, 0, 61) + weekday\"}}":                    "61 61.333 61.667 62 62",
		`{every: 2m, value: {expr: "1 / 0"}}`:                                                  "0 0 0 0 0",
		"{every: 2m, value: {replay: recording.csv, column: a}}":                               "1 2 3 3 3",
		"{every: 2m, value: {replay: recording.csv, column: a, loop: true}}":                   "1 2 3 1 2",
		"{every: 2m, value: {replay: recording.csv, column: b, pace: original}}":               `"x" "x" "y" "y" "z"`,
		"{every: 2m, value: {states: {a: {stay: 3m, next: b}, b: {stay: 3m, next: a}}}}":       `"a" "a" "b" "a" "a"`,
		"{on_change: true, value: {states: {a: {stay: 3m, next: b}, b: {stay: 4m, next: a}}}}": `"a" "b" "a"`,
		"{every: 10s, on_change: true, value: {replay: recording.csv, column: a}}":             "1 2 3",
		"{every: 2m, value: {track: [[45, 4], [45, 5]], speed: 10m/s}}":                        `{"lat":45,"lon":4} {"lat":45,"lon":4.015245} {"lat":45,"lon":4.03049} {"lat":45,"lon":4.045735} {"lat":45,"lon":4.06098}`,
		"{every: 2m, value: {follow: {to: 10, lag: 2m, start: 0}, round: 2}}":                  "0 6.32 8.65 9.5 9.82",
		"{every: 2m, value: {blob: {size: 2, as: hex}}}":                                       `"9d2e" "618f" "811e" "01b5" "ffd3"`,
	} {
		var got []string
		for _, v := range values(t, text) {
			got = append(got, v.Raw)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\n got %s\nwant %s", text, strings.Join(got, " "), want)
		}
	}
}

func TestSharedValuesAreThoseOfTheSite(t *testing.T) {
	t.Parallel()
	text := small(3, "{telemetry: {x: {every: 1m, value: {shared: weather}}}}", "shared: {weather: {every: 5m, value: {walk: 0..100}}}")
	at := map[time.Duration]string{}
	for _, m := range play(t, newRun(t, parse(t, text)), simulate.Shard{}) {
		if m.Signal == "" {
			continue
		}
		v := gjson.GetBytes(m.Message.Payload, "v").Raw
		if old, ok := at[m.Due/(5*time.Minute)]; ok && old != v {
			t.Errorf("%s: %s and %s", m.Due, old, v)
		}
		at[m.Due/(5*time.Minute)] = v
	}
	if len(at) != 2 || at[0] == at[1] {
		t.Errorf("got %v", at)
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	for encoding, decode := range map[string]func([]byte, any) error{
		"json": json.Unmarshal, "cbor": cbor.Unmarshal, "msgpack": msgpack.Unmarshal,
	} {
		text := small(1, "{encoding: "+encoding+", telemetry: {x: {every: 2m, unit: C, schema: x.v1, value: {ramp: {from: 0, to: 0.5, over: 4m}}}}}", "")
		var got []string
		for _, m := range play(t, newRun(t, parse(t, text)), simulate.Shard{}) {
			if m.Signal == "" {
				continue
			}
			v := map[string]any{}
			if err := decode(m.Message.Payload, &v); err != nil {
				t.Fatalf("%s: %v", encoding, err)
			}
			got = append(got, fmt.Sprintf("%v %s %s %d", v["v"], v["unit"], v["schema"], len(v)))
		}
		if want := []string{"0 C x.v1 4", "0.25 C x.v1 4", "0.5 C x.v1 4", "0.5 C x.v1 4", "0.5 C x.v1 4"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q", encoding, got)
		}
	}
}

func TestBatchesAreFullOrOldEnough(t *testing.T) {
	t.Parallel()
	text := small(1, "{telemetry: {full: {every: 1s, batch: 60, value: 1}, old: {every: 20s, batch: {count: 10, max_age: 50s}, value: 2}}}", "")
	sizes := map[string][]int64{}
	for _, m := range play(t, newRun(t, parse(t, text)), simulate.Shard{}) {
		if m.Signal != "" {
			sizes[m.Signal] = append(sizes[m.Signal], gjson.GetBytes(m.Message.Payload, "#").Int())
		}
	}
	if want := slices.Repeat([]int64{60}, 10); !slices.Equal(sizes["full"], want) {
		t.Errorf("full: got %v", sizes["full"])
	}
	if want := slices.Repeat([]int64{3}, 10); !slices.Equal(sizes["old"], want) {
		t.Errorf("old: got %v", sizes["old"])
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	for _, m := range play(t, newRun(t, parse(t, small(2, signal(`{every: "~10s", jitter: 5m, value: {walk: 0..1}}`), ""))), simulate.Shard{}) {
		if m.Is(simulate.Reordered) || m.Is(simulate.Late) {
			t.Errorf("%s: %v without any fault", m.Due, m.Effects)
		}
	}
}

func TestParseShard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]simulate.Shard{"1/1": {Index: 0, Count: 1}, "2/5": {Index: 1, Count: 5}} {
		if got, err := simulate.ParseShard(text); got != want || err != nil {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0/5", "6/5", "2", "2/5/7", "a/b", "-1/5", "1/0"} {
		if got, err := simulate.ParseShard(text); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestThePartComesFromFlagsOrTheScheduler(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		index, count int
		environment  string
		want         simulate.Shard
		err          string
	}{
		{-1, -1, "", simulate.Shard{}, ""},
		{2, 5, "JOB_COMPLETION_INDEX=4", simulate.Shard{Index: 2, Count: 5}, ""},
		{-1, 5, "JOB_COMPLETION_INDEX=4", simulate.Shard{Index: 4, Count: 5}, ""},
		{-1, -1, "MQX_SHARD_INDEX=0 NOMAD_ALLOC_INDEX=3 MQX_SHARD_COUNT=4", simulate.Shard{Index: 0, Count: 4}, ""},
		{-1, -1, "NOMAD_ALLOC_INDEX=3 MQX_SHARD_COUNT=4", simulate.Shard{Index: 3, Count: 4}, ""},
		{-1, -1, "AWS_BATCH_JOB_ARRAY_INDEX=1 MQX_SHARD_COUNT=4", simulate.Shard{Index: 1, Count: 4}, ""},
		{-1, -1, "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 MQX_SHARD_COUNT=4", simulate.Shard{Index: 0, Count: 4}, ""},
		{-1, -1, "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 MQX_SHARD_COUNT=4", simulate.Shard{Index: 0, Count: 4}, ""},
		{-1, -1, "PARALLEL_SEQ=20 MQX_SHARD_COUNT=20", simulate.Shard{Index: 19, Count: 20}, ""},
		{-1, -1, "JOB_COMPLETION_INDEX=0", simulate.Shard{}, "JOB_COMPLETION_INDEX is 0: the number of parts is not known"},
		{3, -1, "", simulate.Shard{}, "--shard-index is 3: the number of parts is not known"},
		{-1, 5, "", simulate.Shard{}, "which one this is is not known"},
		{5, 5, "", simulate.Shard{}, "--shard-index is 5, counted from 0, of 5 parts"},
		{-1, -1, "PARALLEL_SEQ=0 MQX_SHARD_COUNT=20", simulate.Shard{}, "no number from 1 on"},
		{-1, -1, "MQX_SHARD_INDEX=x MQX_SHARD_COUNT=20", simulate.Shard{}, "no number from 0 on"},
		{0, -1, "MQX_SHARD_COUNT=many", simulate.Shard{}, "not how many parts there are"},
	} {
		environment := map[string]string{}
		for pair := range strings.FieldsSeq(tt.environment) {
			name, value, _ := strings.Cut(pair, "=")
			environment[name] = value
		}
		got, err := simulate.ShardOf(tt.index, tt.count, func(name string) string { return environment[name] })
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: got %+v, %v", tt, got, err)
		}
	}
}

func TestGenerateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	stop := errors.New("enough")
	n := 0
	err := newRun(t, parse(t, small(2, signal("{every: 1s, value: 1}"), ""))).Generate(t.Context(), simulate.Shard{}, time.Hour, func(*simulate.Made) error {
		if n++; n == 10 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 10 {
		t.Errorf("got %v after %d", err, n)
	}
}

func BenchmarkGenerate(b *testing.B) {
	p, err := profile.Parse("f.yaml", []byte(profile.Starter("acme")))
	if err != nil {
		b.Fatal(err)
	}
	l, err := p.Layout(contract.Default())
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	var line []byte
	for b.Loop() {
		run := simulate.NewRun(p, l, simulate.DefaultStart(), simulate.Plays)
		err := run.Generate(b.Context(), simulate.Shard{}, p.Duration, func(m *simulate.Made) error {
			n++
			line = message.AppendJSON(line[:0], m.Message)
			return nil
		})
		if err != nil || bytes.IndexByte(line, '\n') >= 0 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}
