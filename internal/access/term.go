package access

import (
	"errors"
	"fmt"
	"strings"
)

// termKind is what an Erlang term is, as far as an access list has them.
type termKind int

const (
	atom termKind = iota + 1
	text
	tuple
	list
)

// term is an Erlang term.
type term struct {
	kind   termKind
	text   string
	list   []*term
	source string
}

// maxTermDepth bounds nesting.
const maxTermDepth = 32

var errTermEnds = errors.New("the file ends within a term")

// termReader reads terms that end with a dot.
type termReader struct {
	text string
	at   int
	line int
}

// next returns the next term and the line where it begins; a nil term is the end.
func (r *termReader) next() (int, *term, error) {
	r.space()
	line := r.line
	if r.at == len(r.text) {
		return line, nil, nil
	}
	t, err := r.term(0)
	if err != nil {
		return r.line, nil, err
	}
	r.space()
	if r.peek() != '.' {
		return r.line, nil, errors.New("a term ends with a dot")
	}
	r.at++
	return line, t, nil
}

// peek returns the next byte, 0 at the end.
func (r *termReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// space skips white space and comments.
func (r *termReader) space() {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case '\n':
			r.line++
			r.at++
		case ' ', '\t', '\r':
			r.at++
		case '%':
			if end := strings.IndexByte(r.text[r.at:], '\n'); end >= 0 {
				r.at += end
			} else {
				r.at = len(r.text)
			}
		default:
			return
		}
	}
}

func (r *termReader) term(depth int) (*term, error) {
	if depth > maxTermDepth {
		return nil, errors.New("nested too deep")
	}
	r.space()
	start := r.at
	var t *term
	var err error
	switch c := r.peek(); c {
	case 0:
		return nil, errTermEnds
	case '{':
		t, err = r.sequence(tuple, '}', depth)
	case '[':
		t, err = r.sequence(list, ']', depth)
	case '"', '\'':
		t, err = r.quoted(c)
	default:
		t, err = r.atom()
	}
	if err != nil {
		return nil, err
	}
	t.source = r.text[start:r.at]
	return t, nil
}

func (r *termReader) sequence(kind termKind, end byte, depth int) (*term, error) {
	t := &term{kind: kind}
	r.at++
	for {
		r.space()
		if r.peek() == end {
			r.at++
			return t, nil
		}
		part, err := r.term(depth + 1)
		if err != nil {
			return nil, err
		}
		t.list = append(t.list, part)
		r.space()
		switch r.peek() {
		case ',':
			r.at++
		case end:
		case 0:
			return nil, errTermEnds
		default:
			return nil, fmt.Errorf("a comma or %c is expected", end)
		}
	}
}

func (r *termReader) quoted(mark byte) (*term, error) {
	kind := text
	if mark == '\'' {
		kind = atom
	}
	var b strings.Builder
	for r.at++; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == mark:
			r.at++
			return &term{kind: kind, text: b.String()}, nil
		case c == '\\' && r.at+1 < len(r.text):
			r.at++
			b.WriteByte(r.text[r.at])
		default:
			if c == '\n' {
				r.line++
			}
			b.WriteByte(c)
		}
	}
	return nil, errTermEnds
}

func (r *termReader) atom() (*term, error) {
	start := r.at
	for r.at < len(r.text) && (r.text[r.at] == '_' || r.text[r.at] >= '0' && r.text[r.at] <= '9' ||
		r.text[r.at]|0x20 >= 'a' && r.text[r.at]|0x20 <= 'z') {
		r.at++
	}
	if r.at == start {
		return nil, fmt.Errorf("%q is not expected", r.text[r.at])
	}
	return &term{kind: atom, text: r.text[start:r.at]}, nil
}
