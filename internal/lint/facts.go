package lint

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// facts are what one look at a topic's bytes tells, so that the rules need not look again.
type facts struct {
	slashes  int
	plain    bool // nothing but [a-z0-9-/]
	empty    bool // a level is empty
	wildcard bool
	null     bool
	space    bool
	nonASCII bool // beyond printable ASCII, but no control character
	control  bool
	badUTF8  bool
	digits   bool
	dollar   bool
}

func factsOf(s string) facts {
	f := facts{plain: true}
	last := byte('/')
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c == '-':
		case c >= '0' && c <= '9':
			f.digits = true
		case c == '/':
			f.slashes++
			f.empty = f.empty || last == '/'
		default:
			f.plain = false
			f.odd(c)
		}
		last = c
	}
	f.empty = f.empty || last == '/'
	if f.nonASCII {
		f.beyondASCII(s)
	}
	return f
}

func (f *facts) odd(c byte) {
	switch {
	case c == '+', c == '#':
		f.wildcard = true
	case c == 0:
		f.null = true
	case c == ' ', c == '\t':
		f.space = true
		f.control = f.control || c == '\t'
	case c < ' ', c == 0x7f:
		f.control = true
	case c >= utf8.RuneSelf:
		f.nonASCII = true
	case c == '$':
		f.dollar = true
	}
}

// beyondASCII looks at the characters of s that take more than a byte.
func (f *facts) beyondASCII(s string) {
	f.badUTF8 = !utf8.ValidString(s)
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			f.space = true
		case discouraged(r):
			f.control = true
		}
	}
}

// discouraged tells the control characters and the non-characters that a receiver may refuse (MQTT 5, 1.5.4).
func discouraged(r rune) bool {
	return r > 0 && r < ' ' || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
}

// invisible tells the characters that nobody sees in a topic and that make two of them different.
func invisible(r rune) bool {
	return r == 0xfeff || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x2064 || r == 0xad
}

// splitLevels puts the levels of s into buf.
func splitLevels(buf []string, s string) []string {
	buf = buf[:0]
	for {
		i := strings.IndexByte(s, '/')
		if i < 0 {
			return append(buf, s)
		}
		buf = append(buf, s[:i])
		s = s[i+1:]
	}
}
