package profile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func load(t *testing.T, name string) *profile.Profile {
	t.Helper()
	p, err := profile.Load(filepath.Join("testdata", name))
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok {
		t.Fatal(mistakes.Detail())
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryPartOfTheLanguageIsRead(t *testing.T) {
	t.Parallel()
	p := load(t, "everything.sim.yaml")
	if p.Count() != 13 || len(p.Types) != 2 || p.Duration != time.Hour || p.Clock.Speed != 60 || p.Seed != uint64(1<<64-7) {
		t.Errorf("got %d devices, %d types, %s, %vx, seed %d", p.Count(), len(p.Types), p.Duration, p.Clock.Speed, p.Seed)
	}
	if got := len(p.Faults); got != len(profile.FaultKinds()) {
		t.Errorf("got %d faults of %d kinds", got, len(profile.FaultKinds()))
	}
	temp := p.Types[0].Signal("temp")
	follow, ok := temp.Value.Source.(*profile.Follow)
	if !ok || follow.To != (profile.Ref{Scope: profile.ScopeDesired, Name: "setpoint"}) || follow.Lag != 5*time.Minute {
		t.Errorf("got %+v", temp.Value.Source)
	}
	want := profile.Payload{Encoding: profile.CBOR, ValueKey: "value", Timestamp: profile.RFC3339, Batch: profile.Batch{Count: 3}}
	if diff := cmp.Diff(want, temp.Payload); diff != "" {
		t.Errorf("what a signal does not say comes from its device type (-want +got)\n%s", diff)
	}
	outside, ok := p.Types[0].Signal("outside").Value.Source.(*profile.SharedRef)
	if !ok || outside.Shared != p.SharedValue("weather") {
		t.Errorf("got %+v", outside)
	}
	for i, want := range []string{`connected  >= 12  3m0s "" ""`, `presence p-01 == 0 offline 1m0s "crash" ""`} {
		e := p.Expect[i]
		got := fmt.Sprintf("%s %s %s %v %s %s %q %q", e.Metric, e.Argument, e.Operator, e.Number, e.Word, e.Within, e.OfFault, e.OutsideFault)
		if got != want {
			t.Errorf("%s: got %s, want %s", e, got, want)
		}
	}
	if e := p.Expect[4]; e.Counts(0) || !e.Counts(2) || !e.Holds(0) || e.Holds(1) {
		t.Errorf("%s: got %+v", e, e)
	}
	if e := p.Expect[3]; e.Quantile != 0.95 || e.Number != 15 {
		t.Errorf("%s: got %+v", e, e)
	}
}

func TestTheStarterIsAProfile(t *testing.T) {
	t.Parallel()
	p, err := profile.Parse("f.yaml", []byte(profile.Starter("acme")))
	if err != nil {
		t.Fatal(err)
	}
	if p.Count() == 0 || len(p.Faults) == 0 {
		t.Errorf("got %d devices, %d faults", p.Count(), len(p.Faults))
	}
}

func TestDevicesAreCountedThrough(t *testing.T) {
	t.Parallel()
	p := load(t, "everything.sim.yaml")
	var got []string
	for d := range p.Devices() {
		got = append(got, fmt.Sprintf("%d %s %s %s", d.Index, d.Path(), d.Offset, p.ClientID(&d)))
	}
	want := []string{"0 lyon/l1/p-01 0s lyon-p-01", "1 lyon/l1/p-02 5s lyon-p-02", "12 lyon/road/van-1 0s lyon-van-1"}
	if len(got) != 13 || !slices.Equal([]string{got[0], got[1], got[12]}, want) {
		t.Errorf("got %v", got)
	}
}

func TestTopicsFollowTheBaseOfTheProfile(t *testing.T) {
	t.Parallel()
	l, err := load(t, "everything.sim.yaml").Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	for d := range load(t, "everything.sim.yaml").Devices() {
		for role, want := range map[contract.Role]string{
			contract.Telemetry: "telemetry/temp", contract.Event: "events/temp", contract.Status: "status", contract.Command: "cmd",
			contract.Result: "cmd/res", contract.Desired: "desired", contract.Reported: "reported",
		} {
			got, err := l.Topic(&d, role, "temp")
			if err != nil || got != "acme/test/"+d.Path()+"/"+want {
				t.Errorf("%s: got %s, %v", role, got, err)
			}
		}
		return
	}
}

func TestWithoutABaseTheTopicsAreTheContracts(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("mqx.yaml", []byte("version: mqx/v1\nroots: {dev: acme/dev}\ntaxonomy: \"{root}/{device}/{kind}\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse("f.yaml", []byte(small("fleet: [{use: d}]")))
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.Layout(c)
	if err != nil {
		t.Fatal(err)
	}
	for d := range p.Devices() {
		if got, err := l.Topic(&d, contract.Telemetry, "temp"); got != "acme/dev/d-001/telemetry/temp" || err != nil {
			t.Errorf("got %s, %v", got, err)
		}
	}
	if _, err := p.Layout(contract.Default()); err == nil || !strings.Contains(err.Error(), "{site}") {
		t.Errorf("a site is missing, and the error is %v", err)
	}
}

// small is a profile in which one line is another.
func small(line string) string {
	text := "version: mqx/sim/v1\nname: n\n"
	for _, l := range []string{
		"fleet: [{use: d, site: s}]",
		"devices: {d: {telemetry: {temp: {every: 10s, value: {walk: 18..26}}}}}",
	} {
		if key, _, _ := strings.Cut(line, ":"); strings.HasPrefix(l, key+":") {
			l, line = line, ""
		}
		text += l + "\n"
	}
	return text + line + "\n"
}

func TestTheFaultsDevicesDependOnSeedAndNamesOnly(t *testing.T) {
	t.Parallel()
	p := load(t, "everything.sim.yaml")
	var pick, percent *profile.Fault
	for _, f := range p.Faults {
		switch f.Kind.Name {
		case "graceful":
			pick = f
		case "disconnect_with_will":
			percent = f
		}
	}
	chosen := p.Targets(pick)
	if len(chosen) != 2 || len(p.Targets(percent)) != 1 {
		t.Errorf("got %v and %v", chosen, p.Targets(percent))
	}
	more := load(t, "everything.sim.yaml")
	more.Fleet[0].Count = 24 // of twice as many, those that were chosen before stay or are pushed out by new ones
	for index := range more.Targets(pick) {
		if index < 12 && !chosen[index] {
			t.Errorf("device %d is chosen because there are others", index)
		}
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	p := load(t, "everything.sim.yaml")
	for name, want := range map[string]string{
		"constant": "3 3 true", "uniform": "1 6 true", "gauss": "0 10 true", "walk": "0 10 true", "temp": "-26.65 85 true", "ramp": "0 100 true",
		"energy": "0 100 true", "cycles": "0 +Inf true", "door": "0 0 false", "label": "0 0 false", "rms": "0.79 1.42 true", "outside": "6.8 21.2 true",
		"sum": "-Inf +Inf true", "image": "0 0 false",
	} {
		span, ok := p.Types[0].Signal(name).Value.Span(p.Types[0])
		if got := fmt.Sprintf("%.6g %.6g %t", span.Min, span.Max, ok); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// testdata/bad has one mistake a line, with what is said about it in a comment above.
func TestMistakesAreExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/mistakes.txt")
	if err != nil {
		t.Fatal(err)
	}
	wants := ""
	tests := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if said, ok := strings.CutPrefix(line, "# "); ok {
			wants = said
			continue
		}
		if line == "" {
			continue
		}
		tests++
		_, err := profile.Parse("f.yaml", []byte(small(line)))
		if err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("%s\n got %v\nwant %s", line, err, wants)
		}
	}
	if tests < 40 {
		t.Errorf("only %d mistakes", tests)
	}
}

func TestClocksGoWrongByDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"-400d": -9600 * time.Hour, "1w": 168 * time.Hour, "+7m": 7 * time.Minute, "-1h30m": -90 * time.Minute} {
		p, err := profile.Parse("f.yaml", []byte(small("faults: [{do: clock, skew: "+text+"}]")))
		if err != nil || p.Faults[0].Skew != want {
			t.Errorf("%s: got %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"--7m", "-+7m", "-", "d", "-99999999w"} {
		if _, err := profile.Parse("f.yaml", []byte(small("faults: [{do: clock, skew: \""+text+"\"}]"))); err == nil {
			t.Errorf("%s is a time", text)
		}
	}
}

func TestAliasesDoNotUnfoldForEver(t *testing.T) {
	t.Parallel()
	text := "x-0: &a0 { members: {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9} }\n"
	for n := 1; n < 9; n++ {
		text += fmt.Sprintf("x-%d: &a%d { members: {", n, n)
		for _, name := range "abcdefghi" {
			text += fmt.Sprintf("%c: *a%d, ", name, n-1)
		}
		text += "} }\n"
	}
	_, err := profile.Parse("f.yaml", []byte(small("devices: {d: {telemetry: {x: {every: 1s, value: *a8}}}}")+text))
	if err == nil || !strings.Contains(err.Error(), "the profile has more than 50000 members") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(profile.Starter("acme")))
	f.Add([]byte(small("faults: [{do: drop, chance: 1%}]")))
	f.Add([]byte("version: mqx/sim/v1\nname: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := profile.Parse("testdata/f.yaml", text)
		if err != nil {
			if mistakes, ok := errors.AsType[*yamlfile.Error](err); !ok || len(mistakes.Problems) == 0 {
				t.Errorf("got %v", err)
			}
			return
		}
		if p.Count() < 1000 {
			_, _ = p.Layout(contract.Default())
		}
	})
}
