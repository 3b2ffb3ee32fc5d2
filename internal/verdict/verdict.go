// Package verdict reports what came out of expectations, for people and for build servers: as text, in the Test Anything
// Protocol and as JUnit.
//
// Who has expectations makes a [Case] of each outcome, and calls [WriteText], [WriteTAP] or [WriteJUnit].
package verdict

import "fmt"

// Verdict is what came out of an expectation.
type Verdict string

// The verdicts.
const (
	Held   Verdict = "held"
	Failed Verdict = "failed"
	// BadData is the verdict when nothing is known to be wrong, but what must be looked at cannot be read.
	BadData Verdict = "bad_data"
)

// Case is what came out of one expectation.
type Case struct {
	// Name says what was expected. It may hold text that came from elsewhere.
	Name    string
	Verdict Verdict
	// Lines say why it did not hold, in printable text, none when it did. Those of a difference begin with - and +, side notes
	// with a space.
	Lines []string
}

// Summary counts outcomes.
type Summary struct{ Held, Failed, BadData int }

// Summarize counts outcomes.
func Summarize(cases []Case) Summary {
	var s Summary
	for _, c := range cases {
		switch c.Verdict {
		case Held:
			s.Held++
		case Failed:
			s.Failed++
		case BadData:
			s.BadData++
		}
	}
	return s
}

// String counts in words: "2 held, 1 failed".
func (s Summary) String() string {
	text := fmt.Sprintf("%d held, %d failed", s.Held, s.Failed)
	if s.BadData > 0 {
		text += fmt.Sprintf(", %d could not be told: bad data", s.BadData)
	}
	return text
}
