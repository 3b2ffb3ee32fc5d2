package verdict

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mqx-cli/mqx/internal/words"
)

// Style colours a report. Functions that are nil leave text as it is.
type Style struct {
	Held, Failed, BadData func(string) string // the marks
	Removed, Added        func(string) string // lines of a difference
	Faint                 func(string) string // what matters less
}

// Apply styles text with one of the functions.
func (s Style) Apply(style func(string) string, text string) string {
	if style == nil {
		return text
	}
	return style(text)
}

// WriteText writes outcomes for people: a line each, and below those that do not hold the reasons.
func WriteText(w io.Writer, cases []Case, style Style) error {
	b := bufio.NewWriter(w)
	for _, c := range cases {
		mark := style.Apply(style.Held, "✓")
		switch c.Verdict {
		case Failed:
			mark = style.Apply(style.Failed, "✗")
		case BadData:
			mark = style.Apply(style.BadData, "?")
		case Held:
		}
		fmt.Fprintf(b, "%s %s\n", mark, words.Printable(c.Name))
		for _, line := range c.Lines {
			switch {
			case strings.HasPrefix(line, "-"):
				line = style.Apply(style.Removed, line)
			case strings.HasPrefix(line, "+"):
				line = style.Apply(style.Added, line)
			case strings.HasPrefix(line, " "):
				line = style.Apply(style.Faint, line)
			}
			fmt.Fprintf(b, "    %s\n", line)
		}
	}
	return b.Flush()
}
