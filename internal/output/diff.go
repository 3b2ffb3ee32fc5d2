package output

import (
	"bytes"

	"charm.land/lipgloss/v2"
)

// WriteDiff writes a unified diff to standard output. A terminal gets it in colours and with nothing in it to act on; a
// pipe gets every byte, so that it can be applied.
func WriteDiff(s Streams, c Color, text []byte) error {
	styles := newStyles(c.styled(s.OutTTY, s.NoColor))
	var out []byte
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if s.OutTTY {
			line = AppendEscaped(nil, line)
		}
		style := lipgloss.NewStyle()
		switch {
		case bytes.HasPrefix(line, []byte("---")), bytes.HasPrefix(line, []byte("+++")):
			style = style.Bold(true)
		case bytes.HasPrefix(line, []byte("@@")):
			style = style.Foreground(lipgloss.Cyan)
		case bytes.HasPrefix(line, []byte("-")):
			style = style.Foreground(lipgloss.Red)
		case bytes.HasPrefix(line, []byte("+")):
			style = style.Foreground(lipgloss.Green)
		}
		out = append(append(out, styles.apply(style, string(line))...), '\n')
	}
	_, err := s.Out.Write(out)
	return writeError(err)
}
