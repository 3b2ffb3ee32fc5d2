package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/output"
)

// PanelState is what a panel shows besides its events.
type PanelState struct {
	// Title says what it is, Status how it is.
	Title  string
	Status output.Cell
	Facts  []Fact
	// Gauges are what is measured.
	Gauges []Gauge
	Keys   []Key
}

// Fact is something known by a name.
type Fact struct {
	Name  string
	Value output.Cell
}

// Gauge is something that is measured.
type Gauge struct {
	Name string
	// Value is the last, Recent are those before it and itself, as far as they are numbers or can be told apart.
	Value  string
	Recent []float64
}

// Key is a key with what it does at the time, in a word or two.
type Key struct{ Name, Does string }

// PanelOptions say where a panel has it all from.
type PanelOptions struct {
	// State is asked for each frame, Pressed is told of keys; both are called one at a time, and must not wait for the
	// Screen.
	State   func(now time.Time) PanelState
	Pressed func(key string)
	Painter *output.Painter
}

// Panel shows one thing from all sides, and what happens to it. It is not safe for concurrent use.
type Panel struct {
	options PanelOptions
	events  []event // the newest last
}

type event struct {
	at   time.Time
	text output.Cell
}

// mostEvents is how many events a panel keeps: more than a terminal has lines.
const mostEvents = 300

// NewPanel returns a panel without events.
func NewPanel(o PanelOptions) *Panel { return &Panel{options: o} }

// Event adds an event at the bottom.
func (p *Panel) Event(at time.Time, text output.Cell) {
	text.Text = escaped(text.Text)
	p.events = append(p.events, event{at, text})
	if len(p.events) > 2*mostEvents {
		p.events = slices.Clone(p.events[len(p.events)-mostEvents:])
	}
}

// Press takes a key by its name and reports whether it was one to end.
func (p *Panel) Press(key string) (quit bool) {
	if key == "q" || key == "ctrl+c" {
		return true
	}
	p.options.Pressed(key)
	return false
}

// Heights from which on a panel is roomy: a head over the gauges, and empty lines between its parts.
const (
	headedFrom = 14
	airyFrom   = 18
)

// Frame is the panel for a terminal of a size, with line feeds between its lines. Of what has no room, the events give way
// first, then the gauges, then the facts; the keys stay.
func (p *Panel) Frame(width, height int, now time.Time) string {
	state := p.options.State(now)
	air := 0
	if height >= airyFrom {
		air = 1
	}
	keys := p.keys(state.Keys, width, 1+height/8)
	facts := p.facts(state.Facts, width, max(1, height/5))
	left := height - 1 - len(facts) - len(keys) - 3*air
	const fewestEvents = 2
	gauges := p.gauges(state.Gauges, width, max(0, left-fewestEvents), height >= headedFrom)
	lines := append([]string{p.title(state, width)}, facts...)
	lines = append(lines, make([]string, air)...)
	lines = append(lines, gauges...)
	lines = append(lines, make([]string, air)...)
	lines = append(lines, p.log(width, max(0, height-len(lines)-len(keys)-air))...)
	for len(lines) < height-len(keys) {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, min(len(lines), height-len(keys)))], keys...)
	return strings.Join(lines[max(0, len(lines)-height):], "\n")
}

func (p *Panel) paint(t output.Tone, text string) string { return p.options.Painter.Paint(t, text) }

func escaped(text string) string { return string(output.AppendEscaped(nil, []byte(text))) }

// title is the first line.
func (p *Panel) title(s PanelState, width int) string {
	name, status := escaped(s.Title), escaped(s.Status.Text)
	room := max(0, width-output.Width(status)-2)
	name = output.Fit(name, min(room, output.Width(name)))
	line := p.paint(output.Title, name)
	if name != "" {
		line += "  "
	} else {
		status = output.Fit(status, min(width, output.Width(status)))
	}
	return line + p.paint(s.Status.Tone, status)
}

// piece is something on a line that is not torn.
type piece struct{ plain, painted string }

// flow puts pieces on lines, with two spaces between them; what is longer than a line is cut.
func flow(pieces []piece, width, most int) []string {
	var lines []string
	var line strings.Builder
	used := 0
	for _, one := range pieces {
		w := output.Width(one.plain)
		switch {
		case used > 0 && used+2+w > width:
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		case used > 0:
			line.WriteString("  ")
			used += 2
		}
		if w > width {
			one.painted, w = output.Fit(one.plain, width), width
		}
		line.WriteString(one.painted)
		used += w
	}
	if used > 0 {
		lines = append(lines, line.String())
	}
	return lines[:min(len(lines), max(0, most))]
}

// facts are the known facts, in as many lines as they may have.
func (p *Panel) facts(facts []Fact, width, most int) []string {
	pieces := make([]piece, len(facts))
	for i, f := range facts {
		value := escaped(f.Value.Text)
		pieces[i] = piece{f.Name + " " + value, p.paint(output.Faint, f.Name) + " " + p.paint(f.Value.Tone, value)}
	}
	return flow(pieces, width, most)
}

// keys are the lines at the bottom.
func (p *Panel) keys(keys []Key, width, most int) []string {
	pieces := make([]piece, len(keys))
	for i, k := range keys {
		pieces[i] = piece{k.Name + " " + k.Does, p.paint(output.Title, k.Name) + " " + p.paint(output.Faint, k.Does)}
	}
	return flow(pieces, width, most)
}

// gauges is the table of what is measured. What has no room is counted in the last line.
func (p *Panel) gauges(all []Gauge, width, most int, headed bool) []string {
	var lines []string
	seen := all
	if headed && most > len(all) {
		most--
	} else {
		headed = false
	}
	if len(all) > most {
		seen = all[:max(0, most-1)]
	}
	names, values := 0, 0
	for _, g := range all {
		names, values = max(names, output.Width(escaped(g.Name))), max(values, output.Width(escaped(g.Value)))
	}
	if headed {
		names, values = max(names, len("SIGNAL")), max(values, len("VALUE"))
	}
	names = min(names, width/3)
	values = min(values, max(0, width-names-2), max(width/3, width-names-4-shortestLine)) // none where nothing has room
	if headed {
		head := output.Fit("SIGNAL", names) + "  " + output.Fit("VALUE", values) + "  RECENT"
		lines = append(lines, p.paint(output.Faint, output.Fit(head, width)))
	}
	for _, g := range seen {
		if values == 0 {
			lines = append(lines, output.Fit(escaped(g.Name), width))
			continue
		}
		line := output.Fit(escaped(g.Name), names) + "  " + p.paint(output.Title, output.Fit(escaped(g.Value), values))
		if room := min(longestLine, width-names-values-4); room > 0 {
			line += "  " + p.paint(output.Informative, output.Sparkline(g.Recent, room))
		}
		lines = append(lines, line)
	}
	if hidden := len(all) - len(seen); hidden > 0 && most > 0 {
		lines = append(lines, p.paint(output.Faint, output.Fit(fmt.Sprintf("and %d more", hidden), width)))
	}
	return lines
}

// shortestLine is how many cells recent values have at least, where values are long; longestLine at most.
const (
	shortestLine = 10
	longestLine  = 60
)

// log is the newest events, the newest last.
func (p *Panel) log(width, most int) []string {
	seen := p.events[max(0, len(p.events)-most):]
	lines := make([]string, len(seen))
	for i, e := range seen {
		at := output.Fit(e.at.Local().Format("15:04:05"), min(width, len("15:04:05")))
		room := width - output.Width(at) - 2
		lines[i] = p.paint(output.Faint, at)
		if room > 0 {
			lines[i] += "  " + p.paint(e.text.Tone, output.Fit(e.text.Text, min(room, output.Width(e.text.Text))))
		}
	}
	return lines
}
