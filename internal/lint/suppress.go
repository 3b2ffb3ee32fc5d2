package lint

import (
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
)

// suppression is a comment in an input, or an entry of the contract file, that silences rules.
type suppression struct {
	rules  []string
	reason string
	place  Place
	kind   Kind
	used   bool
	entry  *contract.Suppression // nil for a comment
}

func newSuppression(entry *contract.Suppression) *suppression {
	return &suppression{
		rules: entry.Rules, reason: entry.Reason, kind: Contract, entry: entry,
		place: Place{File: entry.At.File, Line: entry.At.Line, Column: entry.At.Column},
	}
}

// ignoreMark begins a comment that silences rules on the next line: # mqx:ignore[T008] the reason.
const ignoreMark = "mqx:ignore["

// comment reads the comment of an input, and takes note of a suppression in it: the one that is returned, or nil.
func (l *Linter) comment(kind Kind, text string, at Place) *suppression {
	_, rest, ok := strings.Cut(text, ignoreMark)
	if !ok {
		return nil
	}
	codes, reason, ok := strings.Cut(rest, "]")
	if !ok {
		return nil
	}
	s := &suppression{reason: strings.TrimSpace(reason), place: at, kind: kind}
	for code := range strings.SplitSeq(codes, ",") {
		s.rules = append(s.rules, strings.TrimSpace(code))
	}
	if len(l.ignores) < maxGroups {
		l.ignores = append(l.ignores, s)
	}
	return s
}

func (s *suppression) silences(r *active) bool {
	for _, word := range s.rules {
		if selects(word, &r.Rule) {
			return true
		}
	}
	return false
}

// suppressed reports whether a finding is silenced, and marks what silences it.
func (l *Linter) suppressed(f *finder) bool {
	if s := f.place.ignore; s != nil && s.silences(f.rule) {
		s.used = true
		return true
	}
	for _, s := range l.ignores {
		if s.entry != nil && s.silences(f.rule) && s.reaches(f, l.now()) {
			s.used = true
			return true
		}
	}
	return false
}

func (s *suppression) reaches(f *finder, now time.Time) bool {
	if s.entry.Expired(now) {
		return false
	}
	if s.entry.Where == "" {
		return true
	}
	return f.topic != "" && s.entry.Covers(f.topic) || f.place.File != "" && s.entry.Covers(f.place.File)
}

// reportUnusedIgnores checks the suppressions themselves: rules X001 to X003.
func (l *Linter) reportUnusedIgnores() {
	for _, s := range l.ignores {
		f := &finder{l: l, subject: subject{kind: s.kind, place: s.place}}
		f.place.ignore = nil
		report := func(code, format string, args ...any) mendable {
			if f.rule = l.engine[code]; f.rule.on {
				return f.found(code, format, args...)
			}
			return mendable{}
		}
		if s.reason == "" {
			report("X001", "the suppression of %s gives no reason", strings.Join(s.rules, ", "))
		}
		if bad := l.unknownRule(s.rules); bad != "" {
			report("X003", "no rule is called %q", bad)
			continue
		}
		switch {
		case s.entry != nil && s.entry.Expired(l.now()):
			report("X002", "the suppression of %s ended on %s", strings.Join(s.rules, ", "), s.entry.Until.Format(time.DateOnly))
		case !s.used && l.anyOn(s.rules):
			report("X002", "nothing is suppressed here: %s has no finding", strings.Join(s.rules, ", ")).removeLine(SafeFix)
		}
	}
}

func (l *Linter) unknownRule(words []string) string {
	for _, w := range words {
		known := false
		for _, a := range l.all {
			known = known || selects(w, &a.Rule)
		}
		if !known {
			return w
		}
	}
	return ""
}

func (l *Linter) anyOn(words []string) bool {
	for _, w := range words {
		for _, a := range l.all {
			if a.on && selects(w, &a.Rule) {
				return true
			}
		}
	}
	return false
}
