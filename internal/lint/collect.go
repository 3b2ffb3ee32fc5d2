package lint

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxGroups bounds the findings that are kept apart. What comes beyond is counted.
const maxGroups = 20_000

// subject is what a rule looks at.
type subject struct {
	kind  Kind
	topic string // or the filter
	shape *shape // of the topic; nil for anything else
	place Place
}

// finder is what every check has: it takes the findings of the rule that runs.
type finder struct {
	subject

	l    *Linter
	rule *active
}

// groupKey tells findings apart. shape stands for the template, which changes while topics come in.
type groupKey struct {
	rule  int
	shape *shape
	file  string
	line  int
	part  string
}

type group struct {
	finding Finding
	shape   *shape
	part    string
}

type collector struct {
	l          *Linter
	groups     map[groupKey]*group
	beyond     int
	suppressed int
}

func (c *collector) init(l *Linter) {
	c.l, c.groups = l, map[groupKey]*group{}
}

// found reports a finding. part tells findings of one rule at one place apart: the number of a level, a JSON Pointer.
func (f *finder) found(part, format string, args ...any) mendable {
	return f.foundWith("", part, format, args...)
}

// foundAs is found with a severity that is higher or lower than the rule's own, unless the user has set it.
func (f *finder) foundAs(s Severity, part, format string, args ...any) {
	own := f.rule
	if own.severity == own.Severity {
		raised := *own
		raised.severity = s
		f.rule = &raised
	}
	f.found(part, format, args...)
	f.rule = own
}

// foundWith is found with a fix.
func (f *finder) foundWith(fix, part, format string, args ...any) mendable {
	c := &f.l.found
	if f.l.suppressed(f) {
		c.suppressed++
		return mendable{}
	}
	if f.l.outgoing {
		f.l.latest = append(f.l.latest, f.finding(fix, part, fmt.Sprintf(format, args...)))
		return mendable{}
	}
	key := groupKey{rule: f.rule.id, shape: f.shape.at(), part: part}
	if f.shape == nil {
		key.file, key.line = f.place.File, f.place.Line
		if f.place.Line == 0 {
			key.file += "\x00" + f.topic
		}
	}
	g := c.groups[key]
	if g == nil {
		if len(c.groups) >= maxGroups {
			c.beyond++
			return mendable{}
		}
		g = &group{shape: f.shape, part: part}
		g.finding = f.finding(fix, part, fmt.Sprintf(format, args...))
		c.groups[key] = g
	}
	g.finding.Count++
	f.example(g)
	return mendable{g, f.place, f.l.mostEdits()}
}

// finding is what the rule that runs has found.
func (f *finder) finding(fix, part, text string) Finding {
	n := Finding{
		Code: f.rule.Code, Name: f.rule.Name, Severity: f.rule.severity, Message: text, Fix: fix,
		Where: Where{
			Kind: f.kind, Topic: strings.Clone(clip(f.topic)), File: filepath.ToSlash(f.place.File), Line: f.place.Line,
			Column: f.place.Column, Text: strings.Clone(clip(f.place.Text)),
		},
	}
	if strings.HasPrefix(part, "/") && f.kind.hasPayload() {
		n.Where.Pointer = part
	}
	return n
}

// mostEdits bounds the edits of one finding.
func (l *Linter) mostEdits() int {
	if l.options.KeepEdits {
		return math.MaxInt
	}
	return l.options.MaxExamples
}

func (k Kind) hasPayload() bool { return k == Payload || k == Messages || k == Live || k == Fleet }

func (f *finder) example(g *group) {
	e := &g.finding.Examples
	if f.topic != "" && f.shape != nil && len(*e) < f.l.options.MaxExamples && !slices.Contains(*e, f.topic) {
		*e = append(*e, strings.Clone(f.topic))
	}
}

// level is the part of a finding about one level.
func level(i int) string { return "level " + strconv.Itoa(i+1) }

// report puts the groups together whose templates have become the same, and sorts.
func (c *collector) report() []Finding {
	merged := map[string]*group{}
	var all []*group
	for _, g := range c.groups {
		f := &g.finding
		if g.shape != nil {
			f.Where.Template = g.shape.template()
			f.Where.Text = ""
		}
		f.Fingerprint = f.fingerprint(g.part)
		key := f.Code + "\x00" + f.Fingerprint
		if g.shape == nil {
			key += "\x00" + f.Where.File + "\x00" + strconv.Itoa(f.Where.Line)
		}
		if first := merged[key]; first != nil {
			first.absorb(g, c.l.options.MaxExamples)
			continue
		}
		merged[key] = g
		all = append(all, g)
	}
	findings := make([]Finding, len(all))
	for i, g := range all {
		findings[i] = g.finding
		findings[i].Edits = sortEdits(g.finding.Edits, c.l.mostEdits())
	}
	slices.SortFunc(findings, compareFindings)
	return findings
}

// absorb adds g, which has turned out to be the same finding. What stands first in the input stays, so that a report does
// not depend on the order in which a map is walked.
func (g *group) absorb(other *group, examples int) {
	a, b := &g.finding, &other.finding
	count := a.Count + b.Count
	more := append(slices.Clone(a.Examples), b.Examples...)
	edits, class := append(slices.Clone(a.Edits), b.Edits...), leastSafe(a.FixClass, b.FixClass)
	if cmp.Or(cmp.Compare(b.Where.Line, a.Where.Line), strings.Compare(b.Where.Topic, a.Where.Topic)) < 0 {
		g.finding = other.finding
	}
	slices.Sort(more)
	more = slices.Compact(more)
	a.Count, a.Examples = count, more[:min(len(more), examples)]
	a.Edits, a.FixClass = edits, class
}

func compareFindings(a, b Finding) int {
	line := cmp.Compare(a.Where.Line, b.Where.Line)
	if a.Where.Template != "" {
		line = 0 // that of the first topic says little
	}
	return cmp.Or(
		strings.Compare(a.Where.File, b.Where.File),
		strings.Compare(a.Where.Template, b.Where.Template),
		line,
		cmp.Compare(b.Severity, a.Severity),
		strings.Compare(a.Code, b.Code),
		cmp.Compare(a.Where.Line, b.Where.Line),
		cmp.Compare(a.Where.Column, b.Where.Column),
		strings.Compare(a.Where.Topic, b.Where.Topic),
		strings.Compare(a.Message, b.Message),
	)
}

// Finish runs the rules that look at everything together and returns the report. The Linter is of no use afterwards.
func (l *Linter) Finish() Report {
	l.endOfProgram()
	l.shapes.settle()
	e := &endCheck{finder: finder{l: l}}
	for _, a := range l.end {
		e.rule = a
		a.end(e)
	}
	l.reportUnusedIgnores()
	r := Report{
		Findings: l.found.report(), Templates: l.shapes.root.count(), Checked: l.checked, Skipped: l.skipped,
		Suppressed: l.found.suppressed, Unread: l.unreadable,
	}
	if l.options.Baseline != nil {
		l.applyBaseline(&r)
	}
	if n := l.found.beyond; n > 0 {
		l.note("%d findings beyond the first %d kinds of them are not listed", n, maxGroups)
	}
	if l.bad > 0 {
		l.note("%s: no message, and not checked", plural(l.bad, "line"))
	}
	if l.shapes.full {
		l.note("more than %d different levels: names that came later count as variables", maxShapes)
	}
	l.notes = append(l.notes, l.memory.notes()...)
	r.Notes = l.notes
	return r
}

// endCheck is what a rule sees that looks at everything together.
type endCheck struct {
	finder
}
