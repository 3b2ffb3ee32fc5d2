// Package lint checks topics, payloads, messages, access lists and configurations against the rules of MQTT and of a
// team's convention.
//
// [New] makes a Linter; give it inputs with [Linter.Topic], [Linter.Message], [Linter.ReadFile] and their likes, and
// take the [Report] with [Linter.Finish]. [Rules] is the one table of everything that is checked.
//
// Findings about topics are grouped by the template of the topics and counted, and memory is bounded, whatever the number
// of devices. The package neither prints nor connects.
package lint

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Options say what is checked and against what.
type Options struct {
	// Profile is the set of rules; 0 is Guide.
	Profile Profile
	// Select, when given, leaves only the rules whose codes begin with one of these, whatever the profile; Ignore leaves
	// rules out.
	Select, Ignore []string
	// Convention is what topics and payloads should look like; nil is the guide's.
	Convention *Convention
	// Target is the Server whose limits hold too.
	Target Target
	// Baseline holds the fingerprints of findings that are known.
	Baseline *Baseline
	// Schema, when given, is the JSON Schema of all payloads.
	Schema *payload.Schema
	// MaxExamples bounds the example topics of a finding; 0 is 3.
	MaxExamples int
	// KeepEdits keeps all edits of a finding, and not only as many as examples.
	KeepEdits bool
	// Overlay has the content of files that are not read from disk, by the name they are checked under.
	Overlay map[string][]byte
	// Rehearse plays the beginning of a simulation profile: the messages that its devices would publish, each with the place
	// that makes it. Without it, a profile is checked by what it says and by its topics.
	Rehearse func(*profile.Profile, *profile.Layout) iter.Seq2[contract.Position, message.Message]
	// Now is the time to compare timestamps with when a message has no time of its own; nil is time.Now.
	Now func() time.Time
}

const defaultExamples = 3

// Linter checks inputs. It is not safe for concurrent use.
type Linter struct {
	options    Options
	convention *Convention
	limits     limits
	now        func() time.Time

	all    []*active // by code, also those that are off
	topic  []*active
	filter []*active
	set    []*active
	pay    []*active
	msg    []*active
	hist   []*active
	acc    []*active
	conf   []*active
	src    []*active
	prog   []*active
	end    []*active
	ctr    []*active
	fleet  []*active
	engine map[string]*active

	shapes  shapes
	found   collector
	memory  memory
	sampler sampler
	ignores []*suppression

	// outgoing has the findings about one message kept apart: see Outgoing.
	outgoing bool
	latest   []Finding

	checked, skipped int
	bad              int // lines of captures that are no messages
	notes            []string
	unreadable       []string // files that were to be checked

	levels []string
	place  placed
	check  topicCheck
}

// active is a rule that is on.
type active struct {
	Rule
	id       int
	severity Severity
	// Which checks of the rule are on is decided once.
	on bool
}

// New returns a Linter. It fails when Options name a rule that does not exist.
func New(o Options) (*Linter, error) {
	l := &Linter{options: o, convention: o.Convention, limits: limitsOf(o.Target), now: o.Now, engine: map[string]*active{}}
	if l.convention == nil {
		l.convention = GuideConvention()
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.options.Profile == 0 {
		l.options.Profile = Guide
	}
	if l.options.MaxExamples == 0 {
		l.options.MaxExamples = defaultExamples
	}
	if err := l.overlayBaseline(); err != nil {
		return nil, err
	}
	l.found.init(l)
	l.memory.init()
	if err := l.selectRules(); err != nil {
		return nil, err
	}
	for i := range l.convention.Ignores {
		l.ignores = append(l.ignores, newSuppression(&l.convention.Ignores[i]))
	}
	return l, nil
}

func (l *Linter) selectRules() error {
	rules := Rules()
	for _, words := range [][]string{l.options.Select, l.options.Ignore} {
		for _, w := range words {
			if !slices.ContainsFunc(rules, func(r Rule) bool { return selects(w, &r) }) {
				return fmt.Errorf("no rule is called %q%s", w, didYouMean(w, rules))
			}
		}
	}
	for i := range rules {
		a := &active{Rule: rules[i], id: i}
		a.severity = l.severityOf(&rules[i])
		a.on = a.severity != Off
		l.all = append(l.all, a)
		if a.byEngine || a.atReading {
			l.engine[a.Code] = a
		}
		if a.on {
			l.enlist(a)
		}
	}
	return nil
}

func (l *Linter) enlist(a *active) {
	for _, list := range []struct {
		has bool
		to  *[]*active
	}{
		{a.topic != nil, &l.topic},
		{a.filter != nil, &l.filter},
		{a.filters != nil, &l.set},
		{a.payload != nil, &l.pay},
		{a.message != nil, &l.msg},
		{a.history != nil, &l.hist},
		{a.access != nil, &l.acc},
		{a.conf != nil, &l.conf},
		{a.source != nil, &l.src},
		{a.program != nil, &l.prog},
		{a.end != nil, &l.end},
		{a.contract != nil, &l.ctr},
		{a.fleet != nil, &l.fleet},
	} {
		if list.has {
			*list.to = append(*list.to, a)
		}
	}
}

// severityOf returns the severity that a rule has in this run, Off when it is not wanted.
func (l *Linter) severityOf(r *Rule) Severity {
	o, c := &l.options, l.convention
	matches := func(word string) bool { return selects(word, r) }
	if slices.ContainsFunc(o.Ignore, matches) {
		return Off
	}
	severity := r.Severity
	if s, ok := c.Severity[r.Code]; ok {
		severity = s
	}
	if s := l.limits.severity(r.Code); s != Off && severity != Off {
		severity = max(severity, s)
	}
	if o.Profile == Strict && severity != Off {
		severity = max(severity, Warning)
	}
	if len(o.Select) > 0 {
		if !slices.ContainsFunc(o.Select, matches) {
			return Off
		}
		return max(severity, Info) // who asks for a rule by its name means it
	}
	if r.Profile > o.Profile || slices.Contains(c.Off, r.Code) {
		return Off
	}
	return severity
}

// selects reports whether a word of --select or --ignore means r: its code, the beginning of it, or its name.
func selects(word string, r *Rule) bool {
	return word != "" && (strings.HasPrefix(r.Code, strings.ToUpper(word)) || strings.EqualFold(word, r.Name) ||
		strings.EqualFold(word, "all"))
}

// didYouMean names the codes that begin like a word.
func didYouMean(word string, rules []Rule) string {
	for n := len(word) - 1; n > 0; n-- {
		var near []string
		for i := range rules {
			if strings.HasPrefix(rules[i].Code, strings.ToUpper(word[:n])) && len(near) < 3 {
				near = append(near, rules[i].Code)
			}
		}
		if len(near) > 0 {
			return ": did you mean " + strings.Join(near, " or ") + "?"
		}
	}
	return ""
}

// note tells the reader of the report something, once.
func (l *Linter) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(l.notes, text) {
		l.notes = append(l.notes, text)
	}
}

// Checked returns how many topics, filters, messages and lines were looked at so far.
func (l *Linter) Checked() int { return l.checked }

// Place is where an input stands.
type Place struct {
	File   string
	Line   int
	Column int
	Text   string
	// ignore are the rules that a comment before the line suppresses.
	ignore *suppression
	// span is the line in the file, for fixes.
	span span
}

// Topic checks a Topic Name.
func (l *Linter) Topic(name string, at Place) { l.topicAs(Topics, name, at) }

func (l *Linter) topicAs(kind Kind, name string, at Place) {
	l.checked++
	l.lookAt(kind, name, at)
}

// lookAt runs the topic rules.
func (l *Linter) lookAt(kind Kind, name string, at Place) *topicCheck {
	if len(name) > topic.MaxLen {
		return l.tooLong(kind, name, at)
	}
	t := l.prepare(kind, name, at)
	shape := t.shape
	for _, a := range l.topic {
		t.rule, t.shape = a, shape
		a.topic(t)
	}
	return t
}

// maxShown is how much of a text is kept in a finding.
const maxShown = 1000

// clip returns the beginning of a text that is too long to be shown.
func clip(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// tooLong looks at what cannot be a Topic Name because of its length. Nothing else is of interest, and a line of a hundred
// megabytes is not kept.
func (l *Linter) tooLong(kind Kind, name string, at Place) *topicCheck {
	t := l.prepare(kind, clip(name), at)
	t.name, t.shape = name, nil
	for _, a := range l.topic {
		if a.Code == "T002" {
			t.rule = a
			a.topic(t)
		}
	}
	return t
}

// prepare finds out what the rules want to know about a topic.
func (l *Linter) prepare(kind Kind, name string, at Place) *topicCheck {
	l.levels = splitLevels(l.levels, name)
	l.convention.place(name, l.levels, &l.place)
	t := &l.check
	*t = topicCheck{finder: finder{l: l}, name: name, levels: l.levels, facts: factsOf(name), place: &l.place}
	t.subject = subject{kind: kind, topic: name, place: at}
	t.shape = l.shapes.add(l.levels, l.place.fixed, l.convention.word)
	return t
}

// topicCheck is a Topic Name under check.
type topicCheck struct {
	finder
	facts

	name   string
	levels []string
	place  *placed
}

// level returns the level at i, or "".
func (t *topicCheck) level(i int) string {
	if i < len(t.levels) {
		return t.levels[i]
	}
	return ""
}
