package retained

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/payload"
)

// printable is text on one line with what a terminal would act on, or XML cannot hold, as an escape: \n, \x1b, \u202e.
func printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i])|0x100, 16)[1:])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// changeLines shows a change as lines that begin with - for what was expected, or was, and + for what is.
func changeLines(c payload.Change) []string {
	pointer := c.Pointer
	if pointer == "" {
		pointer = "(all)"
	}
	var lines []string
	if c.Op != payload.Added {
		lines = append(lines, printable("- "+pointer+" "+excerpt(jsonText(c.From), 0)))
	}
	if c.Op != payload.Removed {
		lines = append(lines, printable("+ "+pointer+" "+excerpt(jsonText(c.To), 0)))
	}
	return lines
}
