package retained

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/verdict"
)

// Verdict is what came out of an expectation.
type Verdict = verdict.Verdict

// The verdicts. BadData is the one when nothing is known to be wrong, but a payload that must be JSON is not.
const (
	Held    = verdict.Held
	Failed  = verdict.Failed
	BadData = verdict.BadData
)

// Outcome is what came out of one expectation.
type Outcome struct {
	Expectation *Expectation
	Verdict     Verdict
	// Observed is how many Retained Messages were looked at.
	Observed int
	// Problems are the first maxProblems of them, none when the expectation held.
	Problems []Problem
	// More is how many were left out.
	More int
}

// maxProblems is how many problems of one expectation are kept, so that a filter over a million topics stays small.
const maxProblems = 10

// Summary counts outcomes.
type Summary = verdict.Summary

// Summarize counts outcomes.
func Summarize(outcomes []Outcome) Summary { return verdict.Summarize(cases(outcomes)) }

// Evaluator holds expectations against Retained Messages that it is shown one by one. It keeps counts and the first
// problems of each expectation, no messages. It is not safe for concurrent use.
type Evaluator struct {
	states  []state
	byTopic topic.Tree[[]int] // indexes into states
	filters filterSet
	now     func() time.Time
}

// state is what is known about an expectation so far.
type state struct {
	expectation *Expectation
	observed    int
	holding     int // messages for which all checks hold
	unreadable  int // messages that are bad data for a check
	definite    bool
	problems    []Problem
	more        int
}

// NewEvaluator returns an Evaluator. Ages are taken from now at the time a message is shown.
func NewEvaluator(expectations []*Expectation, now func() time.Time) *Evaluator {
	e := &Evaluator{now: now}
	var filters []topic.Filter
	for i, x := range expectations {
		e.states = append(e.states, state{expectation: x})
		indexes, _ := e.byTopic.Get(x.filter.Bare())
		e.byTopic.Set(x.filter.Bare(), append(indexes, i))
		filters = append(filters, x.filter)
	}
	e.filters = newFilterSet(filters)
	return e
}

// Filters are the subscriptions that show all messages the expectations are about. None of them covers another.
func (e *Evaluator) Filters() []topic.Filter { return e.filters.filters }

// Observe looks at a Retained Message and keeps nothing of its memory.
func (e *Evaluator) Observe(m message.Message) {
	if len(m.Payload) == 0 || e.filters.isCopy(m.Topic) { // an empty payload retains nothing
		return
	}
	e.byTopic.Match(m.Topic, func(indexes []int) {
		for _, i := range indexes {
			e.states[i].observe(m, e.now)
		}
	})
}

func (s *state) observe(m message.Message, now func() time.Time) {
	s.observed++
	if s.expectation.spec.Absent {
		s.add(Problem{Topic: m.Topic, Check: "absent", Reason: "it is there", Got: excerpt(string(m.Payload), 0)})
		return
	}
	subject := &subject{m: m, now: now}
	holds, unreadable := true, false
	for _, c := range s.expectation.checks {
		p := c.test(subject)
		if p == nil {
			continue
		}
		holds = false
		unreadable = unreadable || p.BadData
		if s.expectation.count == nil { // otherwise it merely does not count
			p.Topic, p.Check = m.Topic, c.what
			s.add(*p)
		}
	}
	if holds {
		s.holding++
	}
	if unreadable {
		s.unreadable++
	}
}

func (s *state) add(p Problem) {
	s.definite = s.definite || !p.BadData
	if len(s.problems) == maxProblems {
		s.more++
		return
	}
	p.Topic = strings.Clone(p.Topic)
	s.problems = append(s.problems, p)
}

// Outcomes says what came of the expectations, in their order.
func (e *Evaluator) Outcomes() []Outcome {
	outcomes := make([]Outcome, len(e.states))
	for i := range e.states {
		outcomes[i] = e.states[i].outcome()
	}
	return outcomes
}

func (s *state) outcome() Outcome {
	o := Outcome{Expectation: s.expectation, Verdict: Held, Observed: s.observed, Problems: s.problems, More: s.more}
	if p := s.inTotal(); p != nil {
		o.Problems = append(slices.Clip(o.Problems), *p)
	}
	switch {
	case len(o.Problems) == 0:
	case s.definite || len(o.Problems) > len(s.problems):
		o.Verdict = Failed
	default:
		o.Verdict = BadData
	}
	return o
}

// inTotal returns what is wrong with the messages together, or nil.
func (s *state) inTotal() *Problem {
	x := s.expectation
	switch {
	case x.count != nil && !x.count.holds(s.holding):
		p := &Problem{Check: "count " + x.count.String(), Want: x.count.String(), Got: fmt.Sprint(s.holding)}
		p.Reason = fmt.Sprintf("%d of %d retained messages count", s.holding, s.observed)
		if s.unreadable > 0 {
			p.Reason += fmt.Sprintf("; %d are not JSON", s.unreadable)
		}
		return p
	case x.count == nil && !x.spec.Absent && s.observed == 0:
		return &Problem{Check: x.Condition(), Reason: "nothing is retained there"}
	default:
		return nil
	}
}

func asSchemaError(err error) (*payload.SchemaError, bool) {
	return errors.AsType[*payload.SchemaError](err)
}
