package topic

import (
	"fmt"
	"strings"
)

// Template is the shape of a team's topics, with names for the levels that vary:
//
//	{root}/{site}/{device}/telemetry/{signal}
//	{root}/{site}/{device}/{rest...}
//	+/{site}/{device}/#
//
// A {variable} takes one level that is not empty. The last level may be {variable...}, which takes one level or more, or
// #, which takes any number and keeps none. A + takes one level and keeps nothing. All else is literal. A Template does
// not change; it may be used concurrently.
type Template struct {
	text  string
	parts []part
}

type part struct {
	kind partKind
	text string // of a literal, or the name of a variable
}

type partKind uint8

const (
	literal  partKind = iota
	single            // +
	multi             // #
	variable          // {name}
	trailing          // {name...}
)

// ParseTemplate parses a template. The error is an [*Error].
func ParseTemplate(s string) (*Template, error) {
	if at, f := lengthFault(len(s)); f != valid {
		return nil, f.err("topic template", s, at)
	}
	if isShared(s) {
		return nil, templateError(s, 0, "describes topics and cannot be a Shared Subscription", "MQTT-4.8.2-1")
	}
	t := &Template{text: s}
	seen := map[string]bool{}
	for at := 0; ; {
		end := levelEnd(s, at)
		p, err := parsePart(s, at, end)
		if err != nil {
			return nil, err
		}
		if p.kind >= variable {
			if seen[p.text] {
				return nil, templateError(s, at, fmt.Sprintf("variable %s is there twice", p.text), "")
			}
			seen[p.text] = true
		}
		t.parts = append(t.parts, p)
		if end == len(s) {
			return t, nil
		}
		at = end + 1
	}
}

// parsePart parses the level s[at:end].
func parsePart(s string, at, end int) (part, *Error) {
	level := s[at:end]
	switch {
	case level == "+":
		return part{kind: single}, nil
	case level == "#" && end == len(s):
		return part{kind: multi}, nil
	case strings.ContainsAny(level, "{}"):
		return parseVariable(s, at, end)
	case level == "": // an empty level is one, even if a whole filter cannot be empty
		return part{kind: literal}, nil
	}
	i, f := filterFault(level)
	if level == "#" {
		f = hashNotLast
	}
	if f != valid {
		return part{}, f.err("topic template", s, at+i)
	}

	return part{kind: literal, text: level}, nil
}

func parseVariable(s string, at, end int) (part, *Error) {
	level := s[at:end]
	switch brace := strings.IndexAny(level, "{}"); {
	case brace > 0:
		return part{}, templateError(s, at+brace, "a variable must be a whole level", "")
	case level[0] == '}':
		return part{}, templateError(s, at, "} without {", "")
	}
	end = strings.IndexByte(level, '}')
	switch {
	case end < 0:
		return part{}, templateError(s, at, "{ without }", "")
	case end < len(level)-1:
		return part{}, templateError(s, at+end+1, "a variable must be a whole level", "")
	}
	p := part{kind: variable, text: level[1:end]}
	if name, ok := strings.CutSuffix(p.text, "..."); ok {
		if at+len(level) < len(s) {
			return part{}, templateError(s, at, "only the last level can take the rest", "")
		}
		p = part{kind: trailing, text: name}
	}
	if p.text == "" {
		return part{}, templateError(s, at, "a variable must have a name", "")
	}
	for i := range len(p.text) {
		if !isNameByte(p.text[i]) {
			return part{}, templateError(s, at+1+i, "a variable has only letters, digits, - and _", "")
		}
	}

	return p, nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

func templateError(s string, at int, msg, ref string) *Error {
	return &Error{Kind: "topic template", Input: s, Offset: at, Msg: msg, Ref: ref}
}

// String returns the text that t was parsed from.
func (t *Template) String() string { return t.text }

// Vars returns the names of the variables in the order of their levels.
func (t *Template) Vars() []string {
	var vars []string
	for _, p := range t.parts {
		if p.kind >= variable {
			vars = append(vars, p.text)
		}
	}

	return vars
}

// Match returns the variables of name, and whether name has the shape of t. As with filters, a template that starts with
// a variable or a wildcard does not match names that start with $.
func (t *Template) Match(name string) (map[string]string, bool) {
	if !t.each(name, nil) {
		return nil, false
	}
	vars := make(map[string]string, len(t.parts))
	t.each(name, func(v, value string) { vars[v] = value })

	return vars, true
}

// Captures is Match without the map: it calls fn for every variable in order, or never when name has not the shape of t.
func (t *Template) Captures(name string, fn func(variable, value string)) bool {
	if !t.each(name, nil) {
		return false
	}
	t.each(name, fn)

	return true
}

// each walks the levels of name along t and shows the variables to fn, if given, as far as name matches.
func (t *Template) each(name string, fn func(variable, value string)) bool {
	if name == "" || len(t.parts) == 0 || (name[0] == '$' && t.parts[0].kind != literal) {
		return false
	}
	at := 0 // behind the end when all levels are taken
	for _, p := range t.parts {
		if p.kind == multi {
			return true
		}
		if at > len(name) {
			return false
		}
		end := levelEnd(name, at)
		if p.kind == trailing {
			end = len(name)
		}
		value := name[at:end]
		switch {
		case p.kind == literal && value != p.text, p.kind >= variable && value == "":
			return false
		case p.kind >= variable && fn != nil:
			fn(p.text, value)
		}
		at = end + 1
	}

	return at > len(name)
}

// Format puts vars into t. Every variable must have a value that Match would give back; vars may hold others besides. A
// template with + or # cannot be formatted.
func (t *Template) Format(vars map[string]string) (Name, error) {
	var b strings.Builder
	for i, p := range t.parts {
		if i > 0 {
			b.WriteByte('/')
		}
		switch p.kind {
		case literal:
			b.WriteString(p.text)
		case single, multi:
			return "", fmt.Errorf("topic template %q: has a wildcard and does not make a topic name", t.text)
		default:
			value, ok := vars[p.text]
			if !ok {
				return "", fmt.Errorf("topic template %q: variable %s has no value", t.text, p.text)
			}
			if err := t.checkValue(i, value); err != nil {
				return "", err
			}
			b.WriteString(value)
		}
	}

	return ParseName(b.String())
}

// Filter returns the filter for the topics of t in which the variables have the fixed values: each other variable becomes
// +, a last {variable...} becomes #. What the filter matches beyond t are names with an empty level for a variable, and
// those without the rest. A fixed value must be as for Format; fixed may hold others besides.
func (t *Template) Filter(fixed map[string]string) (Filter, error) {
	var b strings.Builder
	for i, p := range t.parts {
		if i > 0 {
			b.WriteByte('/')
		}
		value, ok := fixed[p.text]
		switch {
		case p.kind == literal:
			b.WriteString(p.text)
		case p.kind >= variable && ok:
			if err := t.checkValue(i, value); err != nil {
				return Filter{}, err
			}
			b.WriteString(value)
		case p.kind == single || p.kind == variable:
			b.WriteByte('+')
		default:
			b.WriteByte('#')
		}
	}

	return ParseFilter(b.String())
}

// checkValue checks a value for the variable at level i.
func (t *Template) checkValue(i int, value string) error {
	p := t.parts[i]
	if _, err := ParseName(value); err != nil {
		return fmt.Errorf("variable %s: %w", p.text, err)
	}
	switch slash := strings.IndexByte(value, '/'); {
	case slash >= 0 && p.kind == variable:
		return fmt.Errorf("variable %s: %w", p.text,
			&Error{Kind: "topic level", Input: value, Offset: slash, Msg: "must be one level"})
	case i == 0 && value[0] == '$':
		// Match would not take it back (4.7.2).
		return fmt.Errorf("variable %s: %w", p.text,
			&Error{Kind: "topic level", Input: value, Msg: "must not start with $ in the first level", Ref: "MQTT-4.7.2-1"})
	}

	return nil
}
