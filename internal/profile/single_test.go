package profile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/profile"
)

func baseVars() map[string]string {
	return map[string]string{"root": "acme", "site": "lyon", "device": "d{1}"}
}

func TestASignalInOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		name, unit string
		every      time.Duration
		source     profile.Source
	}{
		"temp[Cel]=21.5":                {"temp", "Cel", 10 * time.Second, &profile.Constant{Value: 21.5}},
		"temp_out=-3@500ms":             {"temp_out", "C", 500 * time.Millisecond, &profile.Constant{Value: -3.0}},
		"flow=uniform:1..6@2":           {"flow", "", 2 * time.Second, &profile.Uniform{Span: profile.Span{Min: 1, Max: 6}}},
		"n[1]=counter:{step: 2}@1m":     {"n", "1", time.Minute, &profile.Counter{Step: 2}},
		"who=a@b@3s":                    {"who", "", 3 * time.Second, &profile.Constant{Value: "a@b"}},
		`mail=pick:["x@y.org", "null"]`: {"mail", "", 10 * time.Second, picks("x@y.org", "null")},
		"door=pick:open, off,3,true@1s": {"door", "", time.Second, picks("open", "off", 3.0, true)},
	} {
		p, err := profile.Single(baseVars(), []string{"first=1", text})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		s := p.Types[0].Signals[1]
		if s.Name != want.name || s.Unit != want.unit || s.Every != profile.Fixed(want.every) || s.Schema != want.name+".v1" {
			t.Errorf("%s: got %s in %q every %s, schema %s", text, s.Name, s.Unit, s.Every, s.Schema)
		}
		if diff := cmp.Diff(want.source, s.Value.Source); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
	}
}

func picks(values ...any) *profile.Pick {
	pick := &profile.Pick{}
	for _, v := range values {
		pick.Choices = append(pick.Choices, profile.Choice{Value: v, Weight: 1})
	}
	return pick
}

func TestAMistakeInASignalNamesTheSignal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"temp":               "a signal like",
		"=1":                 "a signal like",
		"temp=":              "a signal like",
		"temp=1\nx: 2":       "a signal like",
		"temp[C=1":           "brackets",
		"[C]=1":              "brackets",
		"temp=wlak:1..2":     `did you mean "walk"`,
		"temp=walk:2..1":     "ends before it begins",
		"temp=counter:{stp:": "",
		"a/b=1":              "cannot be a level",
		"first=2":            "already",
		"temp=1@0s":          "less than",
	} {
		_, err := profile.Single(baseVars(), []string{"first=1", text, "last=1"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		} else if name, _, _ := strings.Cut(text, "\n"); want != "" && !strings.Contains(err.Error(), name) {
			t.Errorf("%q is not named by %v", text, err)
		}
	}
}

func TestASingleDeviceKeepsItsName(t *testing.T) {
	t.Parallel()
	p, err := profile.Single(baseVars(), nil)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := p.Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	for d := range p.Devices() {
		if name, err := layout.Topic(&d, contract.Status, ""); err != nil || name != "acme/lyon/d{1}/status" {
			t.Errorf("got %q, %v", name, err)
		}
	}
}

func FuzzSingle(f *testing.F) {
	for _, text := range []string{"temp[C]=walk:18..26@2s", "door=pick:open,closed@5s", "n=counter:{step: 1}", "x=states:{a: {stay: 1s}}", "p=-1@~5m", "q=[1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := profile.Single(baseVars(), []string{text})
		if err == nil && (len(p.Types[0].Signals) != 1 || p.Types[0].Signals[0].Value == nil) {
			t.Errorf("%q gives no signal", text)
		}
	})
}
