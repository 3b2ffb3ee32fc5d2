package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/live"
	"github.com/mqx-cli/mqx/internal/output"
)

// newPanel is a panel of a device with n signals.
func newPanel(n int, pressed func(string)) *live.Panel {
	state := live.PanelState{
		Title: "acme/lyon/pump-1", Status: output.Cell{Text: "online", Tone: output.Good},
		Facts: []live.Fact{
			{Name: "broker", Value: output.Cell{Text: "mqtt://localhost:1883"}},
			{Name: "session", Value: output.Cell{Text: "b-1/1"}},
			{Name: "desired", Value: output.Cell{Text: "rev 7\x1b[2J"}},
			{Name: "fault", Value: output.Cell{Text: "offline", Tone: output.Bad}},
		},
		Keys: []live.Key{{Name: "o", Does: "offline"}, {Name: "c", Does: "crash"}, {Name: "r", Does: "reboot"}, {Name: "q", Does: "quit"}},
	}
	for i := range n {
		state.Gauges = append(state.Gauges, live.Gauge{
			Name: fmt.Sprintf("temp-%d", i+1), Value: fmt.Sprintf("%d.5 C", 20+i), Recent: []float64{1, 2, 3},
		})
	}
	return live.NewPanel(live.PanelOptions{
		State: func(time.Time) live.PanelState { return state }, Pressed: pressed,
		Painter: output.NewPainter(output.Streams{}, output.ColorNever),
	})
}

func checkPanel(t *testing.T, p *live.Panel, width, height int, want string) {
	t.Helper()
	lines := strings.Split(p.Frame(width, height, noon()), "\n")
	for i, line := range lines {
		if got := output.Width(line); got > width {
			t.Errorf("line %d is %d wide, and there is room for %d: %q", i, got, width, line)
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	if len(lines) != height {
		t.Errorf("%d lines, and there is room for %d", len(lines), height)
	}
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), strings.Join(lines, "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func at(n int) time.Time { return noon().Add(time.Duration(n) * time.Second).Local() }

func TestAPanelShowsAThingFromAllSides(t *testing.T) {
	t.Parallel()
	p := newPanel(2, nil)
	p.Event(at(1), output.Cell{Text: "connected"})
	p.Event(at(2), output.Cell{Text: "received \x1b]0;evil\a", Tone: output.Bad})
	clock := at(1).Format("15:04:")
	checkPanel(t, p, 80, 18, `
acme/lyon/pump-1  online
broker mqtt://localhost:1883  session b-1/1  desired rev 7\x1b[2J  fault offline

SIGNAL  VALUE   RECENT
temp-1  20.5 C  ▁▅█
temp-2  21.5 C  ▁▅█

`+clock+`01  connected
`+clock+`02  received \x1b]0;evil\x07








o offline  c crash  r reboot  q quit`)
}

func TestAPanelInLittleRoomKeepsItsKeysAndTheNewestEvents(t *testing.T) {
	t.Parallel()
	p := newPanel(9, nil)
	for n := range 30 {
		p.Event(at(n), output.Cell{Text: fmt.Sprintf("event %d with a text that is too long for it", n)})
	}
	clock := at(1).Format("15:04:")
	checkPanel(t, p, 40, 10, `
acme/lyon/pump-1  online
broker mqtt://localhost:1883
session b-1/1  desired rev 7\x1b[2J
temp-1  20.5 C  ▁▅█
temp-2  21.5 C  ▁▅█
temp-3  22.5 C  ▁▅█
and 6 more
`+clock+`28  event 28 with a text that is …
`+clock+`29  event 29 with a text that is …
o offline  c crash  r reboot  q quit`)
	checkPanel(t, p, 16, 5, `
acme/ly…  online
broker mqtt://l…
`+clock+`28  event…
`+clock+`29  event…
o offline`)
	for width := range 90 {
		for height := range 30 {
			for i, line := range strings.Split(p.Frame(width, height, noon()), "\n") {
				if got := output.Width(line); got > width && width > 0 || i >= max(1, height) {
					t.Fatalf("at %dx%d: line %d is %d wide: %q", width, height, i, got, line)
				}
			}
		}
	}
}

func TestAPanelPassesKeysOnAndEndsByTwo(t *testing.T) {
	t.Parallel()
	var pressed []string
	p := newPanel(1, func(key string) { pressed = append(pressed, key) })
	for _, key := range []string{"o", "enter", "c"} {
		if p.Press(key) {
			t.Errorf("%q ended it", key)
		}
	}
	if !p.Press("q") || !p.Press("ctrl+c") {
		t.Error("it does not end")
	}
	if diff := cmp.Diff([]string{"o", "enter", "c"}, pressed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAPanelKeepsAFewEventsHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	p := newPanel(0, nil)
	for n := range 5000 {
		p.Event(noon(), output.Cell{Text: fmt.Sprintf("event %d", n)})
	}
	frame := p.Frame(80, 2000, noon())
	if got := strings.Count(frame, "event"); got < 300 || got > 600 {
		t.Errorf("%d events are shown", got)
	}
	if !strings.Contains(frame, "event 4999") {
		t.Error("the newest is missing")
	}
}
