package lint

import (
	"strconv"
	"strings"
)

const (
	// maxLiterals is how many different names a level may have before they count as values of one variable.
	maxLiterals = 32
	// likeSiblings is how many siblings with the same levels below them are values of one variable.
	likeSiblings = 8
	// maxShapes bounds the tree. Beyond it every new name is a variable.
	maxShapes = 50_000
	// maxDepth is how deep the tree looks; what is below ends in {rest...}.
	maxDepth = 24
)

// shapes is a tree of topic levels in which the levels that vary are folded into variables as they show that they vary,
// so that a million topics become a few templates in bounded memory.
type shapes struct {
	root  shape
	nodes int
	full  bool // maxShapes was reached
}

// shape is one level of a template.
type shape struct {
	parent   *shape
	level    string // the name, or {variable}
	depth    int
	children map[string]*shape
	variable *shape // the child for all names that are not in children
	folded   bool   // new names are variables
	moved    *shape // where a folded shape went
	topics   int    // that end here
}

// at returns the shape that s is now.
func (s *shape) at() *shape {
	if s == nil {
		return nil
	}
	for s.moved != nil {
		if s.moved.moved != nil {
			s.moved = s.moved.moved
		}
		s = s.moved
	}
	return s
}

// add returns the shape of a topic. fixed gives the names of the levels that are known to vary, "" for the others.
func (t *shapes) add(levels, fixed []string, words func(string) bool) *shape {
	s := &t.root
	for i, level := range levels {
		if i == maxDepth {
			s = t.child(s, "{rest...}", true)
			break
		}
		switch {
		case i < len(fixed) && fixed[i] != "":
			s = t.child(s, fixed[i], true)
		case words(level):
			s = t.child(s, level, false)
		default:
			s = t.named(s, level)
		}
	}
	s.topics++
	return s
}

func (t *shapes) named(s *shape, level string) *shape {
	if c := s.children[level]; c != nil {
		return c
	}
	if s.folded || t.full || s.depth > 0 && looksLikeID(level) {
		return t.child(s, "", true)
	}
	if len(s.children) >= maxLiterals {
		t.fold(s, nil)
		return t.child(s, "", true)
	}
	return t.child(s, level, false)
}

// child returns a child of s and makes it if there is none.
func (t *shapes) child(s *shape, level string, variable bool) *shape {
	if variable && s.variable != nil {
		return s.variable
	}
	if c := s.children[level]; c != nil && !variable {
		return c
	}
	t.nodes++
	t.full = t.full || t.nodes >= maxShapes
	c := &shape{parent: s, level: level, depth: s.depth + 1}
	if variable {
		if level == "" {
			c.level = "{p" + strconv.Itoa(c.depth) + "}"
		}
		s.variable = c
		return c
	}
	if s.children == nil {
		s.children = make(map[string]*shape)
	}
	c.level = strings.Clone(level) // and not the whole topic that it is a part of
	s.children[c.level] = c
	return c
}

// fold makes the children of s values of one variable: those that only accepts, or all when it is nil.
func (t *shapes) fold(s *shape, only func(*shape) bool) {
	v := t.child(s, "", true)
	for name, c := range s.children {
		if only != nil && !only(c) {
			continue
		}
		delete(s.children, name)
		t.merge(v, c)
	}
	s.folded = true
}

// merge moves everything of b into a.
func (t *shapes) merge(a, b *shape) {
	if a == b {
		return
	}
	b.moved = a
	a.topics += b.topics
	a.folded = a.folded || b.folded
	t.nodes--
	if b.variable != nil {
		t.merge(t.child(a, b.variable.level, true), b.variable)
	}
	for name, c := range b.children {
		t.merge(t.child(a, name, false), c)
	}
	if len(a.children) > maxLiterals {
		t.fold(a, nil)
	}
	b.children, b.variable = nil, nil
}

// settle folds siblings that have the same levels below them: ten rooms with the same sensors are values of a variable.
func (t *shapes) settle() { t.settleAt(&t.root) }

func (t *shapes) settleAt(s *shape) {
	if model := s.model(); model != nil && s.depth > 0 {
		t.fold(s, func(c *shape) bool { return alike(model, c) })
	}
	for _, c := range s.children {
		t.settleAt(c)
	}
	if s.variable != nil {
		t.settleAt(s.variable)
	}
}

// model returns a child that enough others are like, or nil.
func (s *shape) model() *shape {
	if len(s.children) < likeSiblings {
		return nil
	}
	for _, candidate := range s.children {
		if len(candidate.children) == 0 && candidate.variable == nil {
			continue
		}
		n := 0
		for _, c := range s.children {
			if alike(candidate, c) {
				n++
			}
		}
		if n >= likeSiblings {
			return candidate
		}
	}
	return nil
}

// alike reports whether four fifths of the names below a and b are the same.
func alike(a, b *shape) bool {
	if len(a.children) == 0 && a.variable == nil || (a.variable == nil) != (b.variable == nil) {
		return false
	}
	both := 0
	for name := range a.children {
		if b.children[name] != nil {
			both++
		}
	}
	either := len(a.children) + len(b.children) - both
	return both*5 >= either*4
}

// up returns the shape above s that has so many levels.
func (s *shape) up(depth int) *shape {
	for s = s.at(); s != nil && s.depth > depth; {
		s = s.parent.at()
	}
	return s
}

// template returns the levels from the root to s.
func (s *shape) template() string {
	s = s.at()
	if s.parent == nil {
		return ""
	}
	if up := s.parent.at(); up.parent != nil {
		return up.template() + "/" + s.level
	}
	return s.level
}

// count returns the number of templates that topics end at.
func (s *shape) count() int {
	n := 0
	if s.topics > 0 {
		n = 1
	}
	for _, c := range s.children {
		n += c.count()
	}
	if s.variable != nil {
		n += s.variable.count()
	}
	return n
}

// looksLikeID reports whether a name was made by a machine: a number, a UUID, a MAC address, a serial number, room-17.
func looksLikeID(s string) bool {
	digits, hex, letters := 0, 0, 0
	last := byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
			hex++
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			hex++
			letters++
		case c == '-', c == '_', c == ':', c == '.':
			if i+1 < len(s) {
				last = c
			}
		default:
			letters++
		}
	}
	switch {
	case digits == 0:
		return false
	case digits == len(s):
		return true
	case letters == hex-digits && hex >= 6 && digits >= 2:
		return true // nothing but hexadecimal digits
	default:
		tail := trailingDigits(s)
		return tail >= 3 || tail >= 1 && last != 0 && tail < len(s) && isSeparator(s[len(s)-tail-1])
	}
}

func isSeparator(c byte) bool { return c == '-' || c == '_' || c == ':' || c == '.' }

func trailingDigits(s string) int {
	n := 0
	for n < len(s) && s[len(s)-1-n] >= '0' && s[len(s)-1-n] <= '9' {
		n++
	}
	return n
}
