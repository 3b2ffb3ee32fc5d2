package lint

import (
	"errors"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// fleetCheck is a simulation profile under check.
type fleetCheck struct {
	finder

	profile *profile.Profile
	layout  *profile.Layout
	ignores map[int]*suppression // by line
}

// readFleet reads a profile and checks it. Keys that mean nothing are findings, and the rest is checked all the same;
// other mistakes are those of a file that cannot be read.
func (l *Linter) readFleet(name string, text []byte) {
	ignores := l.yamlComments(Fleet, name, string(text))
	p, err := profile.Parse(name, text)
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok {
		l.unknownKeys(mistakes, ignores)
		others := *mistakes
		others.Problems = slices.DeleteFunc(slices.Clone(mistakes.Problems), func(p yamlfile.Problem) bool { return p.UnknownKey })
		err = &others
		if len(others.Problems) == 0 && p == nil {
			l.unreadable = append(l.unreadable, name) // Z001 has said why
			return
		}
	}
	if p == nil {
		l.unread(Fleet, name, err)
		return
	}
	if err := l.checkFleet(p, ignores); err != nil {
		l.unread(Fleet, name, err)
	}
}

// Fleet checks a simulation profile that was read: what it says, and the topics that its devices have.
func (l *Linter) Fleet(p *profile.Profile) error {
	return l.checkFleet(p, l.yamlComments(Fleet, p.File, p.Text()))
}

func (l *Linter) checkFleet(p *profile.Profile, ignores map[int]*suppression) error {
	c := &fleetCheck{finder: finder{l: l}, profile: p, ignores: ignores}
	from := l.convention.Contract
	if from == nil {
		from = contract.Default()
	}
	var err error
	if c.layout, err = p.Layout(from); err != nil {
		return err
	}
	for _, a := range l.fleet {
		c.rule = a
		a.fleet(c)
	}
	if from.File == "" && c.layout.Contract != from && l.convention.Contract != nil {
		// Where no file says what topics are, the base topic of the profile does.
		own, err := ContractConvention(c.layout.Contract)
		if err != nil {
			return err
		}
		defer func(before *Convention) { l.convention = before }(l.convention)
		l.convention = own
	}
	if l.options.Rehearse == nil {
		c.topics()
		return nil
	}
	for at, m := range l.options.Rehearse(p, c.layout) {
		l.Message(Fleet, m, true, c.placeOf(at))
	}
	return nil
}

// topics checks the topics of one device of each group: those of the others differ in the identifier only.
func (c *fleetCheck) topics() {
	seen := map[*profile.Group]bool{}
	for d := range c.profile.Devices() {
		if seen[d.Group] {
			continue
		}
		seen[d.Group] = true
		for _, s := range d.Group.Use.Signals {
			if name, err := c.layout.Topic(&d, s.Role(), s.Name); err == nil {
				c.l.topicAs(Fleet, name, c.placeOf(s.At))
			}
		}
		if name, err := c.layout.Topic(&d, contract.Status, ""); err == nil {
			c.l.topicAs(Fleet, name, c.placeOf(d.Group.At))
		}
	}
}

func (c *fleetCheck) placeOf(p contract.Position) Place {
	return Place{File: c.profile.File, Line: max(1, p.Line), Column: p.Column, ignore: c.ignores[p.Line]}
}

// at makes a place in the profile that of what is found next.
func (c *fleetCheck) at(p contract.Position) {
	c.subject = subject{kind: Fleet, place: c.placeOf(p)}
}

// unknownKeys makes findings of the keys that mean nothing in a profile.
func (l *Linter) unknownKeys(found *yamlfile.Error, ignores map[int]*suppression) {
	for _, p := range found.Problems {
		f := &finder{l: l, rule: l.engine["Z001"]}
		if !p.UnknownKey || !f.rule.on {
			continue
		}
		f.subject = subject{kind: Fleet, place: Place{
			File: found.File, Line: p.Line, Column: p.Column, Text: strings.TrimSpace(p.Source), ignore: ignores[p.Line],
		}}
		f.foundWith(p.Next, p.Msg, "%s", p.Msg)
	}
}

// yamlComments reads the comments that suppress rules: those at the end of a line are about it, those on a line of their
// own about the next.
func (l *Linter) yamlComments(kind Kind, name, text string) map[int]*suppression {
	if !strings.Contains(text, ignoreMark) {
		return nil
	}
	ignores := map[int]*suppression{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		before, comment, ok := strings.Cut(line, "#")
		if !ok {
			continue
		}
		s := l.comment(kind, comment, Place{File: name, Line: number, Text: strings.TrimSpace(line)})
		switch {
		case s == nil:
		case strings.TrimSpace(before) == "":
			ignores[number+1] = s
		default:
			ignores[number] = s
		}
	}
	return ignores
}
