package simulate_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// learn makes a profile of what another one sends.
func learn(t *testing.T, from *profile.Profile, anonymous bool) (*profile.Profile, string) {
	t.Helper()
	lesson := simulate.NewLesson(contract.Default())
	run := newRun(t, from)
	var capture strings.Builder
	err := run.Generate(t.Context(), simulate.Shard{}, from.Duration, func(m *simulate.Made) error {
		capture.Write(append(message.AppendJSON(nil, m.Message), '\n'))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := lesson.ReadCapture(strings.NewReader(capture.String())); err != nil {
		t.Fatal(err)
	}
	text := lesson.Profile("learned", anonymous)
	p, err := profile.Parse("learned.sim.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	l, err := lint.New(lint.Options{Rehearse: simulate.Rehearse})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Fleet(p); err != nil {
		t.Fatal(err)
	}
	if r := l.Finish(); r.Worst() >= lint.Error {
		t.Errorf("what was learned does not pass the check:\n%s%s", text, r.AppendText(nil, nil))
	}
	return p, text
}

func TestWhatWasLearnedIsLikeWhatWasSeen(t *testing.T) {
	t.Parallel()
	from, err := profile.Parse("f.yaml", []byte(profile.Starter("acme")))
	if err != nil {
		t.Fatal(err)
	}
	from.Faults, from.Duration = nil, 2*time.Hour
	p, text := learn(t, from, false)
	if p.Count() != from.Count() || len(p.Types) != 1 || math.Abs(p.Rate()-from.Rate()) > from.Rate()/5 {
		t.Errorf("%d devices of %d types, %.2f messages a second and not %.2f", p.Count(), len(p.Types), p.Rate(), from.Rate())
	}
	for _, want := range from.Types[0].Signals {
		got := p.Types[0].Signal(want.Name)
		if got == nil || got.Unit != want.Unit || got.Schema != want.Schema || got.OnChange != want.OnChange {
			t.Errorf("%s: got %+v", want.Name, got)
		}
	}
	if rate, ok := p.Types[0].Signal("energy").Value.Source.(*profile.Counter); !ok || math.Abs(rate.PerHour-2.4) > 0.01 {
		t.Errorf("energy: got %+v", rate)
	}
	if _, ok := p.Types[0].Signal("door").Value.Source.(*profile.States); !ok {
		t.Errorf("door: got %T", p.Types[0].Signal("door").Value.Source)
	}
	if !strings.Contains(text, `id: "cr-{n:03}"`) || p.Types[0].Desired.Setting("setpoint_c") == nil {
		t.Errorf("got\n%s", text)
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{every: 10s, value: 7}":                                                          "*profile.Constant",
		"{every: 10s, value: {counter: {per_hour: 60}}}":                                  "*profile.Counter",
		"{every: 10s, value: {uniform: 1..2}}":                                            "*profile.Gauss",
		"{every: 10s, value: {walk: 18..26}}":                                             "*profile.Walk",
		"{every: 15m, value: {season: {period: 24h, amplitude: 5, mean: 10, peak: 15h}}}": "*profile.Season",
		"{every: 10s, value: {pick: [a, b, c]}}":                                          "*profile.Pick",
		"{every: 10s, value: {states: {a: {stay: 5m, next: b}, b: {stay: 5m, next: a}}}}": "*profile.States",
		"{every: 10s, value: {track: [[45, 4], [45.1, 4]], speed: 20m/s}}":                "*profile.Track",
	} {
		from := parse(t, small(1, signal(text), ""))
		from.Duration = 36 * time.Hour
		p, learned := learn(t, from, false)
		x := p.Types[0].Signal("x")
		if got := fmt.Sprintf("%T", x.Value.Source); got != want {
			t.Errorf("%s: got %s in\n%s", text, got, learned)
		}
		if every := from.Types[0].Signals[0].Every; x.Every != every {
			t.Errorf("%s: every %s", text, x.Every)
		}
		if season, ok := x.Value.Source.(*profile.Season); ok {
			s := season.Sines[0]
			if math.Abs(s.Amplitude-5) > 0.1 || math.Abs(season.Mean-10) > 0.5 || (s.Peak-15*time.Hour).Abs() > 30*time.Minute {
				t.Errorf("got %+v around %v", s, season.Mean)
			}
		}
	}
}

func TestEncodingsAreLearned(t *testing.T) {
	t.Parallel()
	for _, encoding := range []profile.Encoding{profile.CBOR, profile.MsgPack} {
		lesson := simulate.NewLesson(contract.Default())
		from := parse(t, small(1, "{encoding: "+string(encoding)+", telemetry: {x: {every: 10s, unit: C, batch: 3, value: {walk: 1..9}}}}", ""))
		for _, m := range play(t, newRun(t, from), simulate.Shard{}) {
			lesson.Add(m.Message)
		}
		text := lesson.Profile("n", false)
		if !strings.Contains(text, "encoding: "+string(encoding)+"\n") || !strings.Contains(text, "unit: C\n") || !strings.Contains(text, "walk:") {
			t.Errorf("%s: got\n%s", encoding, text)
		}
	}
}

func TestAnonymousProfilesTellNothing(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("site: lyon", "site: secret-site", "d-{n}", "secret-device-{n}").Replace(
		small(2, "{telemetry: {x: {every: 10s, value: {pick: [secret-word, other-secret]}}, at: {every: 10s, value: {track: [[45.123, 4.567], [45.2, 4.6]], speed: 20m/s}}}}", "topics: {root: secret-root}"))
	p, learned := learn(t, parse(t, text), true)
	if strings.Contains(learned, "secret") || strings.Contains(learned, "45.") || p.Count() != 2 {
		t.Errorf("got\n%s", learned)
	}
	if _, plain := learn(t, parse(t, text), false); !strings.Contains(plain, "secret-word") || !strings.Contains(plain, "45.123") {
		t.Errorf("got\n%s", plain)
	}
}

func TestWhatCannotBeLearnedIsCounted(t *testing.T) {
	t.Parallel()
	lesson := simulate.NewLesson(contract.Default())
	err := lesson.ReadCapture(strings.NewReader("nonsense\n" + `{"topic":"a/b","payload":1}` + "\n" +
		`{"topic":"acme/lyon/cr-1/telemetry/x","payload":"\u0000"}` + "\n" + `{"topic":"acme/lyon/cr-1/status","payload":"up"}` + "\n"))
	if err != nil || lesson.Bad != 1 || lesson.Strange != 1 || lesson.Messages != 3 || lesson.Devices() != 1 {
		t.Errorf("got %+v, %v", lesson, err)
	}
	if _, err := profile.Parse("f.yaml", []byte(lesson.Profile("n", false))); err != nil {
		t.Error(err)
	}
}

func FuzzLearn(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-01T00:00:00Z","topic":"acme/lyon/cr-1/telemetry/x","payload":{"v":1,"ts":1736430000,"unit":"\"","schema":"#"}}`))
	f.Add([]byte(`{"topic":"acme/on/yes/telemetry/true","payload":"{}: *"}` + "\n" + `{"topic":"acme/on/yes/desired","payload":{"null":1,"a b":"c: d"}}`))
	f.Add([]byte(`{"topic":"acme/l/d/telemetry/x","payload":{"v":1e300}}` + "\n" + `{"topic":"acme/l/d/telemetry/x","payload":{"v":-9007199254740993}}` + "\n" +
		`{"topic":"acme/l/d/reported","payload":{"a":1e999,"b":18446744073709551616,"c":1.0,"d":-0,"e":123456789012345678.5}}`))
	f.Add([]byte(`{"topic":"acme/l/d/telemetry/x","payload":"3f////8=","encoding":"base64"}` + "\n" + `{"topic":"acme/l/d/events/x","payload":""}`))
	f.Add([]byte(`{"topic":"acme/l/d/telemetry/x","payload":{"v":"21"}}` + "\n" + `{"topic":"acme/l/d/telemetry/x","payload":{"v":"on"}}` + "\n" +
		`{"topic":"acme/l/d/telemetry/x","payload":{"v":{"lat":91,"lon":1e9}}}`))
	f.Add([]byte(strings.Join(zigbee()[:20], "\n") + "\n" + strings.Join(tasmota()[:4], "\n")))
	f.Add([]byte(`{"topic":"tele/on/STATE","payload":{"":{"":[]},"<<":null,"a: b":"- #","x-y":[[1],[2,{"null":true}]],"\u0000\ufeff":{"lat":1,"lon":2},"ts":"never","unit":3}}`))
	f.Add([]byte(`{"topic":"acme/l/d/events/e","payload":{"v":{"x":1},"id":7,"ts":1736430000}}` + "\n" + `{"topic":"acme/l/d/events/e","payload":[{"value":[1]},2,"x"]}`))
	f.Fuzz(func(t *testing.T, capture []byte) {
		lesson := simulate.NewLesson(contract.Default())
		if lesson.ReadCapture(strings.NewReader(string(capture))) != nil || lesson.Devices() == 0 {
			return
		}
		for _, anonymous := range []bool{false, true} {
			text := lesson.Profile("n", anonymous)
			p, err := profile.Parse("f.yaml", []byte(text))
			if err != nil {
				t.Errorf("%v in\n%s", err, text)
				continue
			}
			if _, err := p.Layout(contract.Default()); err != nil {
				t.Errorf("%v in\n%s", err, text)
			}
		}
	})
}

// lessonOf reads a capture.
func lessonOf(t *testing.T, lines ...string) *simulate.Lesson {
	t.Helper()
	lesson := simulate.NewLesson(contract.Default())
	if err := lesson.ReadCapture(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	return lesson
}

func TestBytesThatAnnounceGigabytesTakeNoRoom(t *testing.T) {
	t.Parallel()
	payload := base64.StdEncoding.EncodeToString([]byte{0xdd, 0xff, 0xff, 0xff, 0xff, 0x01})
	text := lessonOf(t, `{"topic":"acme/l/d/telemetry/raw","payload":"`+payload+`","encoding":"base64"}`).Profile("n", false)
	if !strings.Contains(text, "blob: { size: 1 }") {
		t.Errorf("got\n%s", text)
	}
}

func TestSettingsBelongToTheDevicesThatHaveThem(t *testing.T) {
	t.Parallel()
	text := lessonOf(t,
		`{"topic":"acme/l/pump-1/telemetry/flow","payload":{"v":1}}`, `{"topic":"acme/l/pump-1/reported","payload":{"state":{"limit":9007199254740993}}}`,
		`{"topic":"acme/l/door-1/telemetry/state","payload":{"v":"shut"}}`, `{"topic":"acme/l/door-1/reported","payload":{"state":{"mode":"eco"}}}`,
		`{"topic":"acme/l/pump-2/telemetry/flow","payload":{"v":1}}`, `{"topic":"acme/l/pump-2/reported","payload":{"state":{"limit":2.5}}}`,
	).Profile("n", false)
	p, err := profile.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	pump, door := p.Type("pump").Desired, p.Type("door").Desired
	if pump.Setting("limit") == nil || pump.Setting("mode") != nil || door.Setting("mode") == nil || door.Setting("limit") != nil {
		t.Errorf("got\n%s", text)
	}
	if got := pump.Setting("limit"); got.Type != "number" || got.Default != json.Number("9007199254740993") {
		t.Errorf("limit is %+v", got)
	}
}

func TestStatesThatWereNotSeenToEndGoOn(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf(`{"time":"2026-01-01T00:%02d:00Z","topic":"acme/l/d-1/telemetry/door","payload":{"v":%q}}`, i, []string{"shut", "open"}[i/20]))
	}
	p, err := profile.Parse("f.yaml", []byte(lessonOf(t, lines...).Profile("n", false)))
	if err != nil {
		t.Fatal(err)
	}
	states, ok := p.Types[0].Signals[0].Value.Source.(*profile.States)
	if !ok {
		t.Fatalf("got %T", p.Types[0].Signals[0].Value.Source)
	}
	for _, s := range states.List {
		if len(s.Next) == 0 {
			t.Errorf("%v never ends", s.Value)
		}
	}
}

func TestARehearsalShowsEverySignal(t *testing.T) {
	t.Parallel()
	p := everything(t)
	l, err := p.Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	var topics []string
	for at, m := range simulate.Rehearse(p, l) {
		if at.Line == 0 {
			t.Fatalf("%s comes from nowhere", m.Topic)
		}
		topics = append(topics, m.Topic)
	}
	for _, ty := range p.Types {
		for _, s := range ty.Signals {
			if !slices.ContainsFunc(topics, func(topic string) bool { return strings.HasSuffix(topic, "/"+s.Name) }) {
				t.Errorf("%s was not seen", s.Name)
			}
		}
	}
}

func TestLearnedValuesKeepTheirTypes(t *testing.T) {
	t.Parallel()
	seen := map[string]string{"flag": "true false true true false true", "text": `"21" "on" "7" "21" "21" "x"`, "serial": "9007199254740993 9007199254740993"}
	var lines []string
	for signal, values := range seen {
		for i, value := range strings.Fields(values) {
			lines = append(lines, fmt.Sprintf(`{"time":"2026-01-01T00:00:%02dZ","topic":"acme/l/d-1/telemetry/%s","payload":{"v":%s}}`, 10*i, signal, value))
		}
	}
	p, err := profile.Parse("f.yaml", []byte(lessonOf(t, lines...).Profile("n", false)))
	if err != nil {
		t.Fatal(err)
	}
	p.Duration = 10 * time.Minute
	for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
		if m.Signal == "" {
			continue
		}
		got := gjson.GetBytes(m.Message.Payload, "v").Raw
		if !slices.Contains(strings.Fields(seen[m.Signal]), got) {
			t.Errorf("%s: %s was never seen", m.Signal, got)
		}
	}
}
