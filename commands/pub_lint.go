package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
)

// The values of --lint.
const (
	modeWarn  = "warn"
	modeError = "error"
)

// pubLinter is --lint: it checks each message before it is sent.
type pubLinter struct {
	env     *env // nil shows no warnings
	options lint.Options
	linter  *lint.Linter
	// refuse is the least severity that keeps a message back.
	refuse lint.Severity
	// seen counts the findings of each kind. Only the first of a kind is shown: a stream has the same one again and again.
	seen map[string]*seenFinding
}

type seenFinding struct {
	code string
	n    int
}

func newPubLinter(e *env, mode, contract string) (*pubLinter, error) {
	o := &lintOptions{contract: contract, maxExamples: 1}
	options, failOn, err := o.options(e)
	if err != nil {
		return nil, err
	}
	l, err := lint.New(options)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--lint", "", err)
	}
	if mode == modeWarn {
		failOn = never
	}
	return &pubLinter{env: e, options: options, linter: l, refuse: failOn, seen: map[string]*seenFinding{}}, nil
}

// quiet returns one that has seen no message, and only keeps messages back.
func (l *pubLinter) quiet() (*pubLinter, error) {
	fresh, err := lint.New(l.options)
	return &pubLinter{linter: fresh, refuse: l.refuse}, err
}

// lintedError is a message that --lint error keeps back.
type lintedError struct {
	topic string
	lines []string // the findings
	codes []string
}

// Error names the first findings.
func (e *lintedError) Error() string {
	const shown = 3
	text := lint.Escape(e.topic) + ": kept back by --lint error: " + strings.Join(e.lines[:min(shown, len(e.lines))], "; ")
	if more := len(e.lines) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// hint is where to read more.
func (e *lintedError) hint() string { return "mqx lint explain " + strings.Join(e.codes, " ") }

// step checks m as it would be sent.
func (l *pubLinter) step(m *message.Message, _ int) error {
	var bad *lintedError
	for _, f := range l.linter.Outgoing(*m) {
		switch {
		case f.Severity >= l.refuse:
			if bad == nil {
				bad = &lintedError{topic: m.Topic}
			}
			bad.lines = append(bad.lines, f.Line())
			if !slices.Contains(bad.codes, f.Code) {
				bad.codes = append(bad.codes, f.Code)
			}
		case f.Severity >= lint.Warning && l.env != nil:
			l.warn(m.Topic, &f)
		}
	}
	if bad != nil {
		return bad
	}
	return nil
}

// warn shows the first finding of a kind, and counts.
func (l *pubLinter) warn(topic string, f *lint.Finding) {
	const most = 100 // kinds; a pointer may have a name in it that somebody makes up
	key := f.Code + f.Where.Pointer
	if s := l.seen[key]; s != nil {
		s.n++
		return
	}
	if len(l.seen) >= most {
		key = "" // all others are one kind
		if s := l.seen[key]; s != nil {
			s.n++
			return
		}
	}
	l.seen[key] = &seenFinding{code: f.Code, n: 1}
	l.env.note("lint: %s: %s", lint.Escape(topic), f.Line())
}

// summarise says how often there was more of what was shown once.
func (l *pubLinter) summarise() {
	if l == nil {
		return
	}
	counts := map[string]int{}
	again := false
	for _, s := range l.seen {
		counts[s.code] += s.n
		again = again || s.n > 1
	}
	if !again {
		return
	}
	var words []string
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %s", code, count(counts[code], "time")))
	}
	l.env.note("lint: %s", strings.Join(words, ", "))
}
