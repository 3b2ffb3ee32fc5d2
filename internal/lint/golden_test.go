package lint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
)

func files(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.FromSlash(pattern))
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %v, %v", pattern, all, err)
	}
	return all
}

// reportOn lints a file that is recognised by its name and content.
func reportOn(t *testing.T, file string, o lint.Options) lint.Report {
	t.Helper()
	l := newLinter(t, o)
	if err := l.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	return l.Finish()
}

// What follows the guide has no finding at all: testdata/ok.
func TestGoodFilesAreSilent(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, "testdata/ok/*") {
		if r := reportOn(t, file, lint.Options{}); len(r.Findings) > 0 || r.Checked == 0 || len(r.Notes) > 0 {
			t.Errorf("%s: %s %v", file, r.AppendText(nil, nil), r.Notes)
		}
	}
}

// What does not follow it has the findings in the .out beside: testdata/err.
func TestBadFilesHaveTheirFindings(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, "testdata/err/*") {
		if strings.HasSuffix(file, ".out") {
			continue
		}
		r := reportOn(t, file, lint.Options{})
		compareGolden(t, file+".out", string(r.AppendText(nil, nil))+"\n"+r.Summary()+"\n")
	}
}

// compareGolden compares with a file, or writes it: MQX_UPDATE=1 go test ./internal/lint.
func compareGolden(t *testing.T, file, got string) {
	t.Helper()
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
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// The topics of well-known projects, written after their documentation, are clean under the convention of that name.
func TestWellKnownTopicsAreCleanUnderTheirConvention(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, "testdata/presets/*.topics") {
		name := strings.TrimSuffix(filepath.Base(file), ".topics")
		c, err := lint.NamedConvention(name)
		if err != nil {
			t.Fatal(err)
		}
		if r := reportOn(t, file, lint.Options{Convention: c}); r.Worst() >= lint.Warning {
			t.Errorf("%s under %s:\n%s", file, name, r.AppendText(nil, nil))
		}
	}
}

// What those projects publish, with their flags, is clean too, live as in a capture.
func TestMessagesOfWellKnownProjectsAreCleanUnderTheirConvention(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, "testdata/presets/*.jsonl") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []lint.Kind{lint.Live, lint.Messages} {
			c, err := lint.NamedConvention(strings.TrimSuffix(filepath.Base(file), ".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			l := newLinter(t, lint.Options{Convention: c})
			for line := range strings.Lines(string(text)) {
				m, err := message.ParseJSON([]byte(line))
				if err != nil {
					t.Fatalf("%s: %v: %s", file, err, line)
				}
				m.Time = noon()
				l.Message(kind, m, true, lint.Place{})
			}
			if r := l.Finish(); r.Worst() >= lint.Warning {
				t.Errorf("%s as %s:\n%s", file, kind, r.AppendText(nil, nil))
			}
		}
	}
}

// Flags and values that a convention forbids are found under it.
func TestMessagesThatBreakAConventionAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		m    message.Message
		want string
	}{
		{message.Message{Topic: "spBv1.0/g/NDATA/n", Retain: true}, "T028"},
		{message.Message{Topic: "spBv1.0/g/NBIRTH/n", QoS: 1}, "T028"},
		{message.Message{Topic: "spBv1.0/g/NDEATH/n"}, "T028"},
		{message.Message{Topic: "spBv1.0/STATE/h", QoS: 1}, "T028"},
		{message.Message{Topic: "homie/5/d/$state", Payload: []byte("online"), Retain: true}, "T029"},
		{message.Message{Topic: "homie/5/d/$state", Payload: []byte("ready")}, "T029"},
		{message.Message{Topic: "homie/5/d/n/p/set", Payload: []byte("1"), Retain: true}, "T029"},
		{message.Message{Topic: "homeassistant/sensor/x/config", Payload: []byte("on"), Retain: true}, "T030"},
		{message.Message{Topic: "homeassistant/sensor/x/config", Payload: []byte(`{"unique_id":"x"}`)}, "T030"},
		{message.Message{Topic: "homeassistant/sensor/x/config", Payload: []byte(`{"name":"x"}`), Retain: true}, "T030"},
	}
	for _, tt := range tests {
		l := newLinter(t, lint.Options{Select: []string{"T028", "T029", "T030"}})
		l.Message(lint.Live, tt.m, true, lint.Place{})
		if r := l.Finish(); len(r.Findings) != 1 || r.Findings[0].Code != tt.want {
			t.Errorf("%s %q retain %v: %v, want %s", tt.m.Topic, tt.m.Payload, tt.m.Retain, codes(r), tt.want)
		}
	}
}
