package output

import (
	"bytes"

	"charm.land/lipgloss/v2"
)

// Tone is what a piece of a report means to the reader.
type Tone int

// The tones.
const (
	Title Tone = iota + 1
	Faint
	Bad
	Doubtful
	Informative
	Good
)

// Painter styles the pieces of a report that is text.
type Painter struct{ styles styles }

// NewPainter returns a painter for the standard output of s.
func NewPainter(s Streams, c Color) *Painter {
	return &Painter{newStyles(c.styled(s.OutTTY, s.NoColor))}
}

// Paint returns text in its style, or as it is.
func (p *Painter) Paint(t Tone, text string) string {
	style := lipgloss.NewStyle()
	switch t {
	case Title:
		style = style.Bold(true)
	case Faint:
		style = style.Faint(true)
	case Bad:
		style = style.Foreground(lipgloss.Red)
	case Doubtful:
		style = style.Foreground(lipgloss.Yellow)
	case Good:
		style = style.Foreground(lipgloss.Green)
	case Informative:
		style = style.Foreground(lipgloss.Cyan)
	}
	return p.styles.apply(style, text)
}

// WriteReport writes a finished report to standard output. What a terminal would act on in JSON becomes an escape there; a
// report that is text has been escaped by who made it.
func WriteReport(s Streams, text []byte, isJSON bool) error {
	if isJSON && s.OutTTY {
		var safe []byte
		for line := range bytes.Lines(text) {
			safe = append(appendSafeJSON(safe, bytes.TrimSuffix(line, []byte("\n"))), '\n')
		}
		text = safe
	}
	_, err := s.Out.Write(text)
	return writeError(err)
}
