package lint

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// sourceCheck is one line of a program.
type sourceCheck struct {
	finder

	text     string
	flatText string // see flat
}

// maxSourceLine bounds the lines of a program that are looked at: longer ones were made by a machine.
const maxSourceLine = 2000

// sourcePatterns find what is looked for in programs.
type sourcePatterns struct {
	literal *regexp.Regexp
	holder  *regexp.Regexp
}

func newSourcePatterns() *sourcePatterns {
	return &sourcePatterns{
		literal: regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|` + "`[^`\n]*`"),
		// What stands for a value in the strings of many languages: {name}, ${name}, #{name}, %s and %d.
		holder: regexp.MustCompile(`\$\{[^}/]*\}|#\{[^}/]*\}|\{[^}/]*\}|%[0-9.]*l*[sdiuxvq]`),
	}
}

// SourceLine checks a line of a program: string literals that are topics of the convention, and what else gives trouble
// with MQTT in programs.
func (l *Linter) SourceLine(text string, at Place) {
	if len(text) > maxSourceLine || !utf8.ValidString(text) {
		return
	}
	if l.memory.patterns == nil {
		l.memory.patterns = newSourcePatterns()
	}
	l.checked++
	l.inProgram(text, at)
	at.Text = strings.TrimSpace(text)
	s := &sourceCheck{finder: finder{l: l}, text: text}
	s.subject = subject{kind: Source, place: at}
	at.span = span{} // a string in a program may be half of a topic
	for _, a := range l.src {
		s.rule = a
		a.source(s)
	}
	if strings.IndexByte(text, '/') < 0 {
		return
	}
	for _, span := range l.memory.patterns.literal.FindAllStringIndex(text, -1) {
		at.Column = utf8.RuneCountInString(text[:span[0]]) + 2
		l.literal(text[span[0]+1:span[1]-1], at)
	}
}

// literal checks a string of a program that looks like a topic: it has the words of the convention at their place, or a root
// of the contract.
func (l *Linter) literal(text string, at Place) {
	if strings.ContainsAny(text, " \\\"<>?=()") || strings.Contains(text, "//") && !strings.HasPrefix(text, "$share//") {
		return // a URL, a path with an escape, a sentence
	}
	name := l.memory.patterns.holder.ReplaceAllString(text, "x")
	levels := strings.Split(strings.Trim(name, "/"), "/")
	if len(levels) < 3 || strings.Contains(levels[0], ".") || !l.looksLikeTopic(levels, strings.HasPrefix(name, "/")) {
		return
	}
	if strings.ContainsAny(name, "+#") || strings.HasPrefix(name, "$share") {
		l.checked++
		l.filterAs(Source, name, at)
		return
	}
	t := l.prepare(Source, name, at)
	t.shape = nil // each place in a program is a finding of its own
	l.checked++
	for _, a := range l.topic {
		t.rule = a
		a.topic(t)
	}
}

// looksLikeTopic reports whether levels have a word of the convention where one belongs, or a root of the contract.
func (l *Linter) looksLikeTopic(levels []string, rooted bool) bool {
	if c := l.convention.Contract; c != nil {
		for _, r := range c.Roots {
			if root, _, _ := strings.Cut(r.Text, "/"); levels[0] == root {
				return true
			}
		}
	}
	if levels[0] == "$share" && len(levels) > 3 {
		return l.looksLikeTopic(levels[2:], false)
	}
	for i, level := range levels {
		// A path such as /var/log/status has such words too.
		if kindWord(level) && (i > 2 || i == 2 && !rooted) {
			return true
		}
	}
	return false
}
