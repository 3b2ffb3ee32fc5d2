package contract

import (
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// maxLevels bounds templates, so that topics are split without allocating. What a topic has beyond is one level then.
const maxLevels = 64

// part is a level of a pattern.
type part struct {
	kind partKind
	text string // of a literal, or the name of the variable
}

type partKind uint8

// The order is the one in which a level is more special.
const (
	literal partKind = iota
	variable
	single   // +
	trailing // {name...}
	multi    // #
)

// pattern is the template of a kind with one root put in.
type pattern struct {
	kind      *Kind
	parts     []part
	root      string // of the contract's roots; empty when {root} is one of the parts, or is not there
	rootAt    int    // the level where root begins, and
	rootLen   int    // how many levels it has
	knownRoot bool
	// The levels of the variables that everybody asks for, or -1.
	rootVar, siteVar, deviceVar, signalVar int
	isBase                                 bool // begins with the levels of the taxonomy
}

// patterns are all patterns of a contract by their number of levels, the more special first.
type patterns struct {
	exact [][]*pattern // by number of levels
	open  []*pattern   // end with {name...} or #
	all   []*pattern
}

// levels are the beginnings of a topic's levels, and behind the last of them the end of the topic plus one.
type levels struct {
	name string
	at   [maxLevels + 1]int
	n    int
	deep bool // the last level holds several
}

func (l *levels) split(name string) {
	l.name, l.n = name, 1
	l.at[0] = 0
	for i := 0; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		if l.n == maxLevels {
			l.deep = true
			break
		}
		l.at[l.n] = i + 1
		l.n++
	}
	l.at[l.n] = len(name) + 1
}

func (l *levels) level(i int) string { return l.name[l.at[i] : l.at[i+1]-1] }

// from is all of the topic from level i on.
func (l *levels) from(i int) string { return l.name[l.at[i]:] }

// templateParts takes a template apart again. What is no variable in it is a literal or a wildcard.
func templateParts(t *topic.Template) []part {
	var parts []part
	for level := range strings.SplitSeq(t.String(), "/") {
		p := part{kind: literal, text: level}
		switch {
		case level == "+":
			p.kind = single
		case level == "#":
			p.kind = multi
		case strings.HasSuffix(level, "...}"):
			p = part{trailing, strings.TrimSuffix(level[1:], "...}")}
		case strings.HasPrefix(level, "{"):
			p = part{variable, level[1 : len(level)-1]}
		}
		parts = append(parts, p)
	}
	return parts
}

// compile makes the patterns of all kinds.
func (c *Contract) compile() {
	c.patterns = patterns{}
	for _, k := range c.Kinds {
		parts := templateParts(k.Template)
		at := slices.Index(parts, part{variable, "root"})
		if at < 0 {
			c.addPattern(&pattern{kind: k, parts: parts, knownRoot: true})
			continue
		}
		for _, root := range c.Roots {
			texts := strings.Split(root.Text, "/")
			put := make([]part, len(texts))
			for i, text := range texts {
				put[i] = part{literal, text}
			}
			p := &pattern{kind: k, root: root.Text, rootAt: at, rootLen: len(texts), knownRoot: true}
			p.parts = slices.Concat(parts[:at], put, parts[at+1:])
			c.addPattern(p)
		}
		c.addPattern(&pattern{kind: k, parts: parts, knownRoot: len(c.Roots) == 0})
	}
	for i := range c.patterns.exact {
		slices.SortStableFunc(c.patterns.exact[i], morespecial)
	}
	slices.SortStableFunc(c.patterns.open, morespecial)
}

func (c *Contract) addPattern(p *pattern) {
	find := func(name string) int { return slices.Index(p.parts, part{variable, name}) }
	p.rootVar, p.siteVar, p.deviceVar, p.signalVar = find("root"), find("site"), find("device"), find("signal")
	if p.rootLen > 0 {
		p.rootVar = -1
	}
	p.isBase = strings.HasPrefix(p.kind.Template.String()+"/", strings.Join(c.base, "/")+"/")
	all := &c.patterns
	all.all = append(all.all, p)
	n := len(p.parts)
	if p.parts[n-1].kind >= trailing {
		all.open = append(all.open, p)
		return
	}
	for len(all.exact) <= n {
		all.exact = append(all.exact, nil)
	}
	all.exact[n] = append(all.exact[n], p)
}

// morespecial orders patterns: those of a known root first, then by the first level that is literal in one of them only.
func morespecial(a, b *pattern) int {
	if a.knownRoot != b.knownRoot {
		if a.knownRoot {
			return -1
		}
		return 1
	}
	for i := range min(len(a.parts), len(b.parts)) {
		if d := int(a.parts[i].kind) - int(b.parts[i].kind); d != 0 {
			return d
		}
	}
	return len(b.parts) - len(a.parts)
}

// same reports whether two patterns have the same topics, as nobody could say then which kind one is.
func (p *pattern) same(q *pattern) bool {
	return slices.EqualFunc(p.parts, q.parts, func(a, b part) bool {
		return a.kind == b.kind && (a.kind != literal || a.text == b.text)
	})
}

// match reports whether the levels have the shape of p.
func (p *pattern) match(l *levels) bool {
	if p.parts[0].kind != literal && l.name[0] == '$' {
		return false // MQTT 5, 4.7.2
	}
	last := len(p.parts) - 1
	if p.parts[last].kind == multi {
		last-- // # takes any number of levels, and none
	}
	if l.n <= last {
		return false
	}
	for i := last; i >= 0; i-- { // kinds differ at the end
		switch part := &p.parts[i]; part.kind {
		case literal:
			if l.level(i) != part.text {
				return false
			}
		case variable:
			if l.at[i+1]-1 == l.at[i] {
				return false
			}
		case trailing:
			if l.from(i) == "" {
				return false
			}
		case single, multi:
		}
	}
	return true
}

// find returns the pattern that a topic has, or nil.
func (p *patterns) find(l *levels) *pattern {
	var found *pattern
	if l.n < len(p.exact) && !l.deep {
		for _, candidate := range p.exact[l.n] {
			if candidate.match(l) {
				found = candidate
				break
			}
		}
	}
	for _, candidate := range p.open {
		if found != nil && morespecial(found, candidate) <= 0 {
			break // and so it is with those behind
		}
		if candidate.match(l) {
			return candidate
		}
	}
	return found
}
