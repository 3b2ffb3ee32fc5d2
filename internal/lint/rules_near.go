package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/words"
)

// nearDuplicates compares the names that are left as names once the templates are known.
func nearDuplicates(e *endCheck) { nearAt(e, &e.l.shapes.root) }

func nearAt(e *endCheck, s *shape) {
	names := slices.Sorted(maps.Keys(s.children))
	for i, a := range names {
		for _, b := range names[i+1:] {
			if nearlySame(a, b) {
				reportNear(e, s.children[a], s.children[b])
			}
		}
	}
	for _, c := range s.children {
		nearAt(e, c)
	}
	if s.variable != nil {
		nearAt(e, s.variable)
	}
}

func reportNear(e *endCheck, a, b *shape) {
	// The rarer of the two is the mistake.
	if a.weight() < b.weight() {
		a, b = b, a
	}
	e.subject = subject{kind: Topics, topic: b.template(), shape: b}
	e.found(b.level, "%q is nearly %q (%s)", b.level, a.level, a.template())
}

// weight counts the topics at and below s.
func (s *shape) weight() int {
	n := s.topics
	for _, c := range s.children {
		n += c.weight()
	}
	if s.variable != nil {
		n += s.variable.weight()
	}
	return n
}

// nearlySame reports whether two names differ by case, by a separator, or by one letter in a long word.
func nearlySame(a, b string) bool {
	if words.Fold(a) == words.Fold(b) {
		return true
	}
	const long = 6
	if len(a) < long || len(b) < long || strings.ContainsAny(a+b, "0123456789") {
		return false
	}
	return oneEdit(a, b)
}

// oneEdit reports whether one letter was left out, added, replaced or swapped with its neighbour. An s at the end may be
// meant.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch {
	case len(b) == len(a)+1:
		return a[i:] == b[i+1:] && (i < len(a) || b[i] != 's')
	case len(a) != len(b):
		return false
	case a[i+1:] == b[i+1:]:
		return true
	default:
		return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	}
}
