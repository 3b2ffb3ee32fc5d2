package retained

import (
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/words"
)

// changeLines shows a change as lines that begin with - for what was expected, or was, and + for what is.
func changeLines(c payload.Change) []string {
	pointer := c.Pointer
	if pointer == "" {
		pointer = "(all)"
	}
	var lines []string
	if c.Op != payload.Added {
		lines = append(lines, words.Printable("- "+pointer+" "+excerpt(jsonText(c.From), 0)))
	}
	if c.Op != payload.Removed {
		lines = append(lines, words.Printable("+ "+pointer+" "+excerpt(jsonText(c.To), 0)))
	}
	return lines
}
