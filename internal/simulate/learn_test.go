package simulate_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

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
	f.Fuzz(func(t *testing.T, capture []byte) {
		lesson := simulate.NewLesson(contract.Default())
		if lesson.ReadCapture(strings.NewReader(string(capture))) != nil || lesson.Devices() == 0 {
			return
		}
		for _, anonymous := range []bool{false, true} {
			text := lesson.Profile("n", anonymous)
			if _, err := profile.Parse("f.yaml", []byte(text)); err != nil {
				t.Errorf("%v in\n%s", err, text)
			}
		}
	})
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
