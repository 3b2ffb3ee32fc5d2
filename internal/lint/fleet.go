package lint

import (
	"errors"
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

// readFleet reads a profile and checks it. What it says wrong is a finding; what is no YAML at all is an error.
func (l *Linter) readFleet(name string, text []byte) error {
	ignores := l.yamlComments(Fleet, name, string(text))
	p, err := profile.Parse(name, text)
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok && !mistakes.Syntax {
		l.checked++
		l.mistakes(mistakes, ignores)
		return nil
	}
	if err != nil {
		return err
	}
	return l.checkFleet(p, ignores)
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
	c.topics()
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

// mistakes makes findings of what is wrong in a profile.
func (l *Linter) mistakes(found *yamlfile.Error, ignores map[int]*suppression) {
	for _, p := range found.Problems {
		code := "Z007"
		if p.UnknownKey {
			code = "Z001"
		}
		f := &finder{l: l, rule: l.engine[code]}
		if !f.rule.on {
			continue
		}
		f.subject = subject{kind: Fleet, place: Place{
			File: found.File, Line: max(1, p.Line), Column: max(1, p.Column), Text: strings.TrimSpace(p.Source), ignore: ignores[p.Line],
		}}
		f.found(p.Msg, "%s", p)
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
