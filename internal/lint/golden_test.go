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

func TestMessagesOfWellKnownProjectsAreCleanUnderTheirConvention(t *testing.T) {
	t.Parallel()
	tests := []struct{ convention, topic, payload string }{
		{"zigbee2mqtt", "zigbee2mqtt/bridge/state", `{"state":"online"}`},
		{"zigbee2mqtt", "zigbee2mqtt/Lamp/availability", `{"state":"offline"}`},
		{"zigbee2mqtt", "zigbee2mqtt/Lamp", `{"state":"ON","brightness":254,"linkquality":80,"color":{"x":0.3,"y":0.4}}`},
		{"tasmota", "tele/plug/LWT", "Online"},
		{"tasmota", "tele/plug/SENSOR", `{"Time":"2026-11-22T11:20:31","ENERGY":{"Total":1.2,"Power":35},"TempUnit":"C"}`},
		{"homie", "homie/5/lamp/$state", "ready"},
		{"homie", "homie/5/lamp/light/on", "true"},
		{"homeassistant", "homeassistant/status", "online"},
		{"homeassistant", "homeassistant/sensor/x/config", `{"unique_id":"x","state_topic":"x/state","unit_of_measurement":"°C"}`},
		{"sparkplug", "spBv1.0/g/NDATA/n", "\x08\x96\x01"},
		{"esphome", "livingroom/status", "online"},
		{"esphome", "livingroom/sensor/temp/state", "21.5"},
	}
	for _, tt := range tests {
		c, err := lint.NamedConvention(tt.convention)
		if err != nil {
			t.Fatal(err)
		}
		l := newLinter(t, lint.Options{Convention: c})
		l.Message(lint.Live, message.Message{Topic: tt.topic, Payload: []byte(tt.payload), Retain: true, Time: noon()}, true, lint.Place{})
		if r := l.Finish(); r.Worst() >= lint.Warning {
			t.Errorf("%s %s:\n%s", tt.convention, tt.topic, r.AppendText(nil, nil))
		}
	}
}
