package output

import (
	"encoding/json"
	"io"

	"charm.land/lipgloss/v2"
)

// Steps prints what a walk through several steps has shown: a line with a tick and one with the evidence for each, or a
// JSON object a line.
type Steps struct {
	w      io.Writer
	json   bool
	styles styles
	tick   lipgloss.Style
}

// NewSteps returns a printer of steps for the standard output of s.
func NewSteps(s Streams, c Color, asJSON bool) *Steps {
	p := &Steps{w: s.Out, json: asJSON, styles: newStyles(c.styled(s.OutTTY, s.NoColor) && !asJSON)}
	if p.styles.on {
		p.tick = lipgloss.NewStyle().Foreground(lipgloss.Green)
	}
	return p
}

// step is the JSON form.
type step struct {
	Step     string `json:"step"`
	Evidence string `json:"evidence"`
	OK       bool   `json:"ok"`
}

// Step prints one step that was observed.
func (p *Steps) Step(title, evidence string) error {
	var line []byte
	if p.json {
		var err error
		if line, err = json.Marshal(step{Step: title, Evidence: evidence, OK: true}); err != nil {
			return err
		}
	} else {
		line = append(line, p.styles.apply(p.tick, "✓ ")...)
		line = append(line, title...)
		line = append(line, "\n    "...)
		line = append(line, p.styles.apply(p.styles.time, string(AppendEscaped(nil, []byte(evidence))))...)
	}
	_, err := p.w.Write(append(line, '\n'))
	return writeError(err)
}
