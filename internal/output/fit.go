package output

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// Fit makes text as wide as a number of cells of a terminal: what is too long is cut and ends in …, what is too short is
// filled with spaces. Text must hold no styles and nothing that a terminal acts on.
func Fit(text string, width int) string {
	have := lipgloss.Width(text)
	switch {
	case width <= 0:
		return ""
	case have <= width:
		return text + strings.Repeat(" ", width-have)
	}
	cut, used := 0, 0
	for i, r := range text {
		w := lipgloss.Width(string(r))
		if used+w > width-1 {
			break
		}
		cut, used = i+len(string(r)), used+w
	}
	return text[:cut] + "…" + strings.Repeat(" ", width-1-used)
}

// Width is how many cells of a terminal text takes.
func Width(text string) int { return lipgloss.Width(text) }
