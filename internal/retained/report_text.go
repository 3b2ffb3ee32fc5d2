package retained

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/verdict"
	"github.com/mqx-cli/mqx/internal/words"
)

// Style colours a report.
type Style = verdict.Style

// cases are outcomes as they are reported.
func cases(outcomes []Outcome) []verdict.Case {
	all := make([]verdict.Case, len(outcomes))
	for i, o := range outcomes {
		all[i] = verdict.Case{Name: o.Expectation.String(), Verdict: o.Verdict, Lines: problemLines(o)}
	}
	return all
}

// WriteText writes outcomes for people: a line each, and below those that do not hold the reasons with a difference. What
// comes from payloads is escaped.
func WriteText(w io.Writer, outcomes []Outcome, style Style) error {
	return verdict.WriteText(w, cases(outcomes), style)
}

// WriteTAP writes outcomes in the Test Anything Protocol, version 14.
func WriteTAP(w io.Writer, outcomes []Outcome) error { return verdict.WriteTAP(w, cases(outcomes)) }

// WriteJUnit writes outcomes as a JUnit report with one suite. Bad data is an error there, not a failure. Characters that
// XML cannot hold are written as escapes.
func WriteJUnit(w io.Writer, outcomes []Outcome, suite string, took time.Duration) error {
	return verdict.WriteJUnit(w, cases(outcomes), suite, took)
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
