package contract

import (
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// Classify says which kind a topic is. It goes by the shape: a root, a site or a device that the contract does not know is
// no reason to fail, see [Match.Unknown]. Of several kinds whose templates fit, the one with the more special template is
// meant. It allocates nothing.
func (c *Contract) Classify(name string) (Match, bool) {
	var l levels
	if name == "" {
		return Match{}, false
	}
	l.split(name)
	p := c.patterns.find(&l)
	if p == nil {
		return Match{}, false
	}
	m := Match{Kind: p.kind, Topic: name, Root: p.root, KnownRoot: p.knownRoot, contract: c, pattern: p}
	if p.rootVar >= 0 {
		m.Root = l.level(p.rootVar)
	}
	if p.siteVar >= 0 {
		m.Site = l.level(p.siteVar)
	}
	if p.deviceVar >= 0 {
		m.Device = l.level(p.deviceVar)
	}
	if p.signalVar >= 0 {
		m.Signal = l.level(p.signalVar)
	}
	return m, true
}

// Var returns the value of a variable, or an empty string when the kind's template has none of that name.
func (m Match) Var(name string) string {
	for v, value := range m.Vars() {
		if v == name {
			return value
		}
	}
	return ""
}

// Vars goes through the variables of the topic in the order of their levels.
func (m Match) Vars() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		var l levels
		if m.pattern == nil {
			return
		}
		l.split(m.Topic)
		for i, p := range m.pattern.parts {
			if m.pattern.rootLen > 0 && i == m.pattern.rootAt && !yield("root", m.pattern.root) {
				return
			}
			var value string
			switch p.kind {
			case variable:
				value = l.level(i)
			case trailing:
				value = l.from(i)
			default:
				continue
			}
			if !yield(p.text, value) {
				return
			}
		}
	}
}

// Base returns the base topic of the device that the topic belongs to, or an empty string when it does not belong to one.
func (m Match) Base() string {
	if m.pattern == nil {
		return ""
	}
	if m.pattern.isBase {
		n := len(m.contract.base) + max(0, m.pattern.rootLen-1)
		for i := range len(m.Topic) {
			if m.Topic[i] == '/' {
				if n--; n == 0 {
					return m.Topic[:i]
				}
			}
		}
		return m.Topic
	}
	base, _ := m.contract.baseOf(maps.Collect(m.Vars()))
	return base
}

// baseOf puts vars into a base topic. It is not ok when one is missing.
func (c *Contract) baseOf(vars map[string]string) (base string, ok bool) {
	put := make([]string, len(c.base))
	for i, level := range c.base {
		put[i] = level
		if name, isVar := variableName(level); isVar {
			if put[i] = vars[name]; put[i] == "" {
				return "", false
			}
		}
	}
	return strings.Join(put, "/"), true
}

func variableName(level string) (name string, ok bool) {
	if len(level) < 2 || level[0] != '{' {
		return "", false
	}
	return strings.TrimSuffix(level[1:len(level)-1], "..."), true
}

// Group is the template by which findings are gathered: the levels that say which device it is are variables, what the
// topic says beyond that stays, as in acme/{site}/{device}/telemetry/temp.
func (m Match) Group() string {
	var l levels
	if m.pattern == nil {
		return m.Topic
	}
	l.split(m.Topic)
	group := make([]string, 0, len(m.pattern.parts))
	for i, p := range m.pattern.parts {
		switch {
		case p.kind == literal:
			group = append(group, p.text)
		case p.kind == variable && p.text != "root" && slices.Contains(m.contract.base, "{"+p.text+"}"):
			group = append(group, "{"+p.text+"}")
		case p.kind == variable:
			group = append(group, l.level(i))
		case p.kind == single:
			group = append(group, "+")
		case p.kind == trailing, p.kind == multi && i < l.n:
			group = append(group, l.from(i))
		}
	}
	return strings.Join(group, "/")
}

// Rule returns what messages of the topic must be: what its kind says, and above that what its signal says.
func (m Match) Rule() Rule {
	if m.Kind == nil {
		return anyRule()
	}
	rule := m.Kind.Rule
	if m.Kind.Role == Telemetry && m.Signal != "" {
		if s := m.contract.signal(m.Signal); s != nil {
			rule = rule.With(s.Rule)
		}
	}
	return anyRule().With(rule)
}

// signal returns the rules for a signal, or nil.
func (c *Contract) signal(name string) *Signal {
	for i := range c.Signals {
		if ok, _ := path.Match(c.Signals[i].Name, name); ok {
			return &c.Signals[i]
		}
	}
	return nil
}

func anyRule() Rule { return Rule{Retain: RetainAny, QoS: QoSAny, Format: AnyBytes} }

// With returns r with what more says put over it.
func (r Rule) With(more Rule) Rule {
	if more.Retain != "" {
		r.Retain = more.Retain
	}
	if more.QoS != QoSUnset {
		r.QoS = more.QoS
	}
	if more.Format != "" {
		r.Format = more.Format
	}
	if more.Require != nil {
		r.Require = more.Require
	}
	if more.Values != nil {
		r.Values = more.Values
	}
	if more.Unit != "" {
		r.Unit = more.Unit
	}
	if more.Schema != "" {
		r.Schema = more.Schema
	}
	if more.MaxBytes != 0 {
		r.MaxBytes = more.MaxBytes
	}
	if more.Tolerance != nil {
		r.Tolerance = more.Tolerance
	}
	return r
}

// Unknown returns the variables of the topic whose values the contract does not allow: a root, a site, a device, a signal.
func (m Match) Unknown() []Unknown {
	var unknown []Unknown
	if !m.KnownRoot {
		unknown = append(unknown, Unknown{Variable: "root", Value: m.Root, Listed: true})
	}
	c := m.contract
	if c == nil {
		return nil
	}
	for name, value := range m.Vars() {
		if v, ok := c.Variables[name]; ok && !v.Allows(value) {
			unknown = append(unknown, Unknown{name, value, v.Pattern == nil || v.Pattern.MatchString(value)})
		} else if name == "device" && m.KnownRoot && !c.knows(m) {
			unknown = append(unknown, Unknown{name, value, true})
		}
	}
	if m.Signal != "" && m.Kind.Role == Telemetry && len(c.Signals) > 0 && c.signal(m.Signal) == nil {
		unknown = append(unknown, Unknown{"signal", m.Signal, true})
	}
	return unknown
}

// knows reports whether the inventory has the device of m, or may have it: one that does not list devices has all.
func (c *Contract) knows(m Match) bool {
	base := m.Base()
	return base == "" || c.Knows(base)
}

// Explain says where a topic that [Contract.Classify] does not know leaves the shapes of the contract.
func (c *Contract) Explain(name string) Mismatch {
	texts := topic.Name(name).Levels()
	best, score := Mismatch{Want: "nothing"}, -1
	var wanted []string
	for _, p := range c.patterns.all {
		at, points := c.follow(p, texts)
		switch {
		case points > score:
			score, wanted = points, nil
			best = Mismatch{Kind: p.kind, Level: at}
			if at < len(texts) {
				best.Got = texts[at]
			}
		case points < score || at != best.Level:
			continue
		}
		wanted = append(wanted, p.want(at))
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if len(wanted) == 1 {
		best.Want = wanted[0]
	} else if len(wanted) > 1 {
		best.Kind, best.Want = nil, "one of "+strings.Join(wanted, ", ")
	}
	return best
}

// follow walks along a pattern until a level does not fit. A literal that does fit says much.
func (c *Contract) follow(p *pattern, texts []string) (at, points int) {
	const sure = 4
	for i, part := range p.parts {
		switch {
		case i == len(texts):
			return i, points
		case part.kind == literal && texts[i] != part.text, part.kind == variable && !c.plausible(part.text, texts[i]):
			return i, points
		case part.kind == literal:
			points += sure
		default:
			points++
		}
	}
	return len(p.parts), points
}

// plausible reports whether a value may be meant for a variable. The name of a kind is not: a level is missing before it.
func (c *Contract) plausible(name, value string) bool {
	if value == "" || !c.Variables[name].Allows(value) {
		return false
	}
	return !slices.Contains(c.base, "{"+name+"}") || c.Kind(value) == nil
}

// want is what a pattern wants at a level, in words.
func (p *pattern) want(at int) string {
	if at >= len(p.parts) {
		return "nothing"
	}
	switch part := p.parts[at]; part.kind {
	case literal:
		return strconv.Quote(part.text)
	case variable:
		return "{" + part.text + "}"
	case trailing:
		return "{" + part.text + "...}"
	default:
		return "any level"
	}
}
