package retained

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

func (s Style) apply(style func(string) string, text string) string {
	if style == nil {
		return text
	}
	return style(text)
}

// String counts in words: "2 held, 1 failed".
func (s Summary) String() string {
	text := fmt.Sprintf("%d held, %d failed", s.Held, s.Failed)
	if s.BadData > 0 {
		text += fmt.Sprintf(", %d could not be told: bad data", s.BadData)
	}
	return text
}

// WriteText writes outcomes for people: a line each, and below those that do not hold the reasons with a difference. What
// comes from payloads is escaped.
func WriteText(w io.Writer, outcomes []Outcome, style Style) error {
	b := bufio.NewWriter(w)
	for _, o := range outcomes {
		mark := style.apply(style.Held, "✓")
		switch o.Verdict {
		case Failed:
			mark = style.apply(style.Failed, "✗")
		case BadData:
			mark = style.apply(style.BadData, "?")
		case Held:
		}
		fmt.Fprintf(b, "%s %s\n", mark, words.Printable(o.Expectation.String()))
		for _, line := range problemLines(o) {
			switch line[0] {
			case '-':
				line = style.apply(style.Removed, line)
			case '+':
				line = style.apply(style.Added, line)
			case ' ':
				line = style.apply(style.Faint, line)
			}
			fmt.Fprintf(b, "    %s\n", line)
		}
	}
	return b.Flush()
}

// problemLines says in printable lines why an expectation does not hold. Those of a difference begin with - and +, side
// notes with a space.
func problemLines(o Outcome) []string {
	var lines []string
	for _, p := range o.Problems {
		lines = append(lines, words.Printable(reasonOf(o.Expectation, p)))
		lines = append(lines, differenceLines(p)...)
	}
	if o.More > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", o.More))
	}
	return lines
}

// reasonOf says what is wrong, and where and with what if that is not clear.
func reasonOf(e *Expectation, p Problem) string {
	var b strings.Builder
	if p.Topic != "" && (p.Topic != e.filter.String() || e.spec.Name != "") {
		b.WriteString(p.Topic + ": ")
	}
	if len(e.checks) > 1 && p.Topic != "" {
		b.WriteString(p.Check + ": ")
	}
	return b.String() + p.Reason
}

func differenceLines(p Problem) []string {
	var lines []string
	switch {
	case len(p.Changes) > 0:
		for _, c := range p.Changes {
			lines = append(lines, changeLines(c)...)
		}
		if p.MoreChanges > 0 {
			lines = append(lines, fmt.Sprintf("  and %d more differences", p.MoreChanges))
		}
	case p.Got == "" || strings.Contains(p.Reason, p.Got):
	case p.Want != "":
		lines = append(lines, words.Printable("- "+p.Want), words.Printable("+ "+p.Got))
	default:
		lines = append(lines, words.Printable("  got "+p.Got))
	}
	return lines
}
