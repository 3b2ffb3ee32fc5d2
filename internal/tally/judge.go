package tally

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/verdict"
)

// Verdict is what came of one thing that was expected.
type Verdict struct {
	Expect  string          `json:"expect"`
	Verdict verdict.Verdict `json:"verdict"`
	// Value is what it was: a count, or seconds. It is absent where there is none.
	Value *float64 `json:"value,omitempty"`
	// Reasons say why it did not hold, in printable text. Side notes begin with a space.
	Reasons []string `json:"reasons,omitempty"`
}

// Judge compares a summary with what its profile expects. A part of a fleet has no verdicts, and neither has a run that is
// not over: what is expected is expected of the whole.
func Judge(s *Summary) []Verdict {
	if !s.Whole() {
		return nil
	}
	names := make([]string, len(s.Faults))
	for i := range s.Faults {
		names[i] = s.Faults[i].Name
	}
	verdicts := []Verdict{}
	for _, text := range s.Expect {
		e, err := profile.ParseExpectation(text, names)
		if err != nil {
			verdicts = append(verdicts, Verdict{Expect: text, Verdict: verdict.BadData, Reasons: []string{err.Error()}})
			continue
		}
		j := &judge{summary: s, e: e, of: s.find(e), from: scopeOf(e, s.faultStart).From}
		j.verdict = Verdict{Expect: text, Verdict: verdict.Held}
		j.judge()
		verdicts = append(verdicts, j.verdict)
	}
	return verdicts
}

// Cases are verdicts as they are reported.
func Cases(verdicts []Verdict) []verdict.Case {
	cases := make([]verdict.Case, len(verdicts))
	for i, v := range verdicts {
		cases[i] = verdict.Case{Name: v.Expect, Verdict: v.Verdict, Lines: v.Reasons}
	}
	return cases
}

// judge judges one expectation.
type judge struct {
	summary *Summary
	e       *profile.Expectation
	of      *ScopeSummary // what was counted
	from    time.Duration // from when on the expectation counts
	verdict Verdict
}

func (j *judge) judge() {
	s, e := j.summary, j.e
	measure, _ := e.Measure()
	switch {
	case s.Running:
		j.unclear("the run is not over")
	case j.of == nil:
		j.unclear("it was not counted")
	case j.from > 0 && j.from >= j.ran():
		j.failed("fault %q did not begin: the run ended after %s%s", e.OfFault, Brief(j.ran()), j.cause())
	case needsWatch(measure) && !s.Watched:
		j.unclear("nobody has watched what came out of the broker")
	case strings.HasPrefix(measure, "lint.") && !s.Linted:
		j.unclear("what was sent was not checked")
	case measure == "connected":
		j.connected()
	case measure == "presence":
		j.presence()
	case measure == "devices":
		j.number(float64(s.Devices), "the fleet has %s devices")
	case measure == "rate":
		j.rate()
	case len(measuresOf(e)) > 0:
		j.times(measure)
	default:
		j.counter(measure)
	}
}

func needsWatch(measure string) bool {
	switch measure {
	case "lost", "duplicated", "reordered", "late", "altered", "presence", "converge":
		return true
	default:
		return false
	}
}

func (j *judge) ran() time.Duration { return seconds(j.summary.Ran) }

// cause says why the run ended early.
func (j *judge) cause() string {
	if j.summary.Cause == "" {
		return ""
	}
	return " (" + j.summary.Cause + ")"
}

func (j *judge) failed(format string, args ...any) {
	j.verdict.Verdict = verdict.Failed
	j.note(format, args...)
}

func (j *judge) unclear(why string) {
	j.verdict.Verdict = verdict.BadData
	j.note("%s", why)
}

func (j *judge) note(format string, args ...any) {
	j.verdict.Reasons = append(j.verdict.Reasons, fmt.Sprintf(format, args...))
}

// value takes note of what a number was.
func (j *judge) value(n float64) {
	if !math.IsInf(n, 0) {
		j.verdict.Value = &n
	}
}

// number judges a number; format says it in words.
func (j *judge) number(n float64, format string) {
	j.value(n)
	if !j.e.Holds(n) {
		j.failed(format, count(n))
	}
}

func (j *judge) rate() {
	long := seconds(j.summary.Took)
	if j.e.Within > 0 {
		end := min(j.from+j.e.Within, j.ran())
		long = time.Duration(float64(end-j.from) / j.summary.Speed)
	}
	if long <= 0 {
		j.failed("the run took no time")
		return
	}
	n := float64(j.counted().Sent) / long.Seconds()
	j.value(n)
	if !j.e.Holds(n) {
		j.failed("%.1f messages a second were sent, over %s", n, Brief(long))
	}
}

// counted are the counts of the QoS that are meant.
func (j *judge) counted() QoSCounts { return countsOf(j.of, j.e) }

func countsOf(s *ScopeSummary, e *profile.Expectation) QoSCounts {
	var sum QoSCounts
	for q := range s.QoS {
		if e.Counts(byte(q)) {
			sum.add(&s.QoS[q])
		}
	}
	return sum
}

// counter judges something that is counted.
func (j *judge) counter(measure string) {
	n, of := counterOf(j.of, j.e, measure)
	j.value(float64(n))
	if j.e.Holds(float64(n)) {
		return
	}
	if of > 0 {
		j.failed("%s of %s messages: %s", count(float64(n)), count(float64(of)), measure)
	} else {
		j.failed("%s: %s", measure, count(float64(n)))
	}
	if measure != "sent" {
		j.blame(func(s *ScopeSummary) int64 { n, _ := counterOf(s, j.e, measure); return n })
	}
	j.mention(measure)
	j.short()
}

// counterOf is a count, of how many messages that is; 0 for none.
func counterOf(s *ScopeSummary, e *profile.Expectation, measure string) (n, of int64) {
	q := countsOf(s, e)
	switch measure {
	case "sent":
		return q.Sent, 0
	case "lost":
		return q.Lost, q.Sent
	case "duplicated":
		return q.Duplicated, q.Sent
	case "reordered":
		return q.Reordered, q.Sent
	case "late":
		return q.Late, q.Sent
	case "altered":
		return q.Altered, q.Sent
	case "lint.errors":
		return s.LintErrors, 0
	case "lint.warnings":
		return s.LintWarnings, 0
	case "errors":
		return s.Errors(), 0
	case "reconnects":
		return s.Reconnects, 0
	case "takeovers":
		return s.Takeovers, 0
	default:
		return 0, 0
	}
}

// blame says during which faults something happened, where that can be told.
func (j *judge) blame(n func(*ScopeSummary) int64) {
	if j.e.Within > 0 {
		return // what is counted of faults is of the whole run
	}
	for i := range j.summary.Scopes {
		s := &j.summary.Scopes[i]
		if s.During == "" || s.During == j.e.OutsideFault {
			continue
		}
		if during := n(s); during > 0 {
			j.note(" %s of these during fault %q", count(float64(during)), s.During)
		}
	}
}

// mention says what may have kept the watch from seeing a message.
func (j *judge) mention(measure string) {
	if needsWatch(measure) && j.summary.Gap > 0 {
		j.note(" the watch had no connection for %s", Brief(seconds(j.summary.Gap)))
	}
}

// short says that the run was over before the time that was to be judged.
func (j *judge) short() {
	if end := j.from + j.e.Within; j.e.Within > 0 && end > j.ran() {
		j.note(" the run ended after %s%s", Brief(j.ran()), j.cause())
	}
}
