package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
)

// Convention is what topics and payloads should look like, and how strict to be about it.
type Convention struct {
	// Name is what --convention takes, or the contract's file.
	Name string
	// Contract is where it comes from; nil for the conventions of others.
	Contract *contract.Contract
	// Severity replaces the severity of rules, by code.
	Severity map[string]Severity
	// Off are the codes of the rules that mean nothing under this convention.
	Off []string
	// Ignores are the suppressions of the contract file.
	Ignores []contract.Suppression

	levels levelStyle
	kinds  []kindShape                  // of the conventions of others
	fixed  map[*contract.Kind]kindShape // of a contract
	words  map[string]bool              // that never are values of a variable
}

// levelStyle says which bytes a level may have.
type levelStyle struct {
	words string
	extra string // beyond lower case, digits and dashes; "*" is anything
}

// kindShape is a kind of topics with its template taken apart.
type kindShape struct {
	kind   *contract.Kind
	levels []string // literal, or {variable}
	fixed  []string // {variable} for the levels that a template of findings keeps open
	rest   bool     // the last level stands for one or more
}

// placed is how a topic stands to the convention.
type placed struct {
	kind  *contract.Kind // nil when the topic fits no kind
	role  contract.Role
	rule  contract.Rule
	fixed []string

	root, site, device, signal string
	siteAt, deviceAt           int // their levels, -1 for none
	unknown                    []contract.Unknown
}

// GuideConvention returns the convention of the guide.
func GuideConvention() *Convention {
	c, _ := ContractConvention(contract.Default()) // it holds no settings that could be wrong
	return c
}

// ContractConvention returns the convention of a contract, with the linter's settings in it.
func ContractConvention(from *contract.Contract) (*Convention, error) {
	c := &Convention{
		Name: from.File, Contract: from, Ignores: from.Lint.Suppressions,
		Severity: map[string]Severity{}, fixed: map[*contract.Kind]kindShape{}, words: map[string]bool{},
	}
	for code, setting := range from.Lint.Severity {
		s, err := ParseSeverity(setting.Text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", setting.At.File, setting.At.Line, err)
		}
		if _, ok := Lookup(code); !ok {
			return nil, fmt.Errorf("%s:%d: no rule is called %q%s", setting.At.File, setting.At.Line, code, didYouMean(code, Rules()))
		}
		c.Severity[strings.ToUpper(code)] = s
	}
	for _, k := range from.Kinds {
		c.fixed[k] = c.takeApart(k)
	}
	return c, nil
}

// takeApart splits the template of a kind and learns its words.
func (c *Convention) takeApart(k *contract.Kind) kindShape {
	s := kindShape{kind: k, levels: strings.Split(k.Template.String(), "/")}
	s.fixed = make([]string, len(s.levels))
	for i, level := range s.levels {
		name := variableName(level)
		switch {
		case name == "" && level != "+" && level != "#":
			c.words[level] = true
		case strings.HasSuffix(name, "..."):
			s.rest = i == len(s.levels)-1
		case name != "" && openVariable(name):
			s.fixed[i] = level
		}
	}
	return s
}

// openVariable tells the variables whose values a template of findings does not show. A root and a signal say what a
// finding is about; a site and a device only say where it was seen first.
func openVariable(name string) bool { return name != "root" && name != "signal" && name != "name" }

// variableName returns what stands in braces, or "".
func variableName(level string) string {
	if strings.HasPrefix(level, "{") && strings.HasSuffix(level, "}") {
		return level[1 : len(level)-1]
	}
	return ""
}

// word reports whether a level has a meaning of its own, and so is no value of a variable.
func (c *Convention) word(level string) bool { return c.words[level] }

// place finds the kind of a topic. p is overwritten.
func (c *Convention) place(name string, levels []string, p *placed) {
	*p = placed{siteAt: -1, deviceAt: -1}
	if c.Contract != nil {
		c.classify(name, levels, p)
		return
	}
	for i := range c.kinds {
		if k := &c.kinds[i]; k.fits(levels) {
			p.kind, p.role, p.rule, p.fixed = k.kind, k.kind.Role, k.kind.Rule, k.fixed
			p.locate(k.levels, levels)
			return
		}
	}
}

// classify asks the contract.
func (c *Convention) classify(name string, levels []string, p *placed) {
	m, ok := c.Contract.Classify(name)
	if !ok || strings.HasPrefix(name, "$") {
		return
	}
	s := c.fixed[m.Kind]
	p.kind, p.role, p.rule = m.Kind, m.Kind.Role, m.Rule()
	if !m.KnownRoot || len(c.Contract.Variables) > 0 || c.Contract.Devices.HasInventory || len(c.Contract.Signals) > 0 {
		p.unknown = m.Unknown()
	}
	if len(levels) == len(s.levels) {
		p.fixed = s.fixed
		p.locate(s.levels, levels)
		return
	}
	// A root of several levels shifts the rest.
	p.root, p.site, p.device, p.signal = m.Root, m.Site, m.Device, m.Signal
	p.siteAt, p.deviceAt = slices.Index(levels, m.Site), slices.Index(levels, m.Device)
	if shift := strings.Count(m.Root, "/"); shift > 0 && len(levels) >= len(s.levels)+shift {
		p.fixed = append(make([]string, shift), s.fixed...)
	}
}

// locate takes the variables out of the levels.
func (p *placed) locate(template, levels []string) {
	for i, want := range template {
		switch want {
		case "{root}":
			p.root = levels[i]
		case "{site}":
			p.site, p.siteAt = levels[i], i
		case "{device}":
			p.device, p.deviceAt = levels[i], i
		case "{signal}", "{name}":
			p.signal = levels[i]
		}
	}
}

func (s *kindShape) fits(levels []string) bool {
	if len(levels) != len(s.levels) && (!s.rest || len(levels) < len(s.levels)) {
		return false
	}
	for i, want := range s.levels {
		if want != "+" && want[0] != '{' && want != levels[i] || levels[i] == "" {
			return false
		}
	}
	return true
}

// explain says why a topic fits nothing, and which part of it.
func (c *Convention) explain(name string, levels []string) (part, why string) {
	if c.Contract == nil {
		return wholeTopic, "no topic of " + c.Name + " looks like this"
	}
	m := c.Contract.Explain(name)
	if m.Level >= len(levels) {
		return level(m.Level), fmt.Sprintf("it ends after level %d, where %s is expected", len(levels), m.Want)
	}
	return level(m.Level), fmt.Sprintf("level %d is %q, where %s is expected", m.Level+1, m.Got, m.Want)
}

// fixHint is what to do about a topic of another shape.
func (c *Convention) fixHint() string {
	if c.Contract != nil && c.Contract.File == "" {
		return "mqx lint init writes a contract file with your own shape; --convention has those of others"
	}
	return ""
}

// levelFine reports whether a level has the convention's style.
func (c *Convention) levelFine(l string) bool {
	if c.levels.extra == "*" {
		return true
	}
	for i := range len(l) {
		switch b := l[i]; {
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9', b == '-':
		case b == '$' && i == 0 && c.Contract != nil, b == '+', b == '#', b == ' ', b >= 0x80:
			// Other rules look at these.
		case strings.IndexByte(c.levels.extra, b) >= 0:
		default:
			return false
		}
	}
	return true
}

// restyled returns a level in the convention's style: what is not allowed becomes lower case or a dash.
func (c *Convention) restyled(l string) string {
	var b strings.Builder
	for i := range len(l) {
		switch ch := l[i]; {
		case c.levelFine(l[i : i+1]):
			b.WriteByte(ch)
		case ch >= 'A' && ch <= 'Z':
			if i > 0 && l[i-1] >= 'a' && l[i-1] <= 'z' {
				b.WriteByte('-')
			}
			b.WriteByte(ch | 0x20)
		default:
			b.WriteByte('-')
		}
	}
	return oneDash(b.String())
}

// dashed returns a level with dashes for white space.
func dashed(l string) string { return oneDash(strings.Join(strings.Fields(l), "-")) }

// oneDash leaves one dash of several, and none at the ends.
func oneDash(l string) string {
	for strings.Contains(l, "--") {
		l = strings.ReplaceAll(l, "--", "-")
	}
	return strings.Trim(l, "-")
}

func (c *Convention) levelStyle() string {
	if c.levels.words != "" {
		return c.levels.words
	}
	return "lower case letters, digits and dashes"
}

// ofServer reports whether the convention has topics of the Server, which begin with $, and this is one.
func (p *placed) ofServer() bool {
	return p.kind != nil && strings.HasPrefix(p.kind.Template.String(), "$")
}

// require reports whether the payloads of a kind must have a member.
func (p *placed) require(member string) bool { return slices.Contains(p.rule.Require, member) }
