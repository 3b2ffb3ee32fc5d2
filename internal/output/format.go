package output

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
)

// Format is a compiled format of `sub -F`: the language of mosquitto_sub, where % stands before a field of the message, @
// before a letter of strftime and \ before an escape.
type Format struct{ parts []part }

// part is a piece of a format: text, or one field.
type part struct {
	text string
	verb byte // 0 for text
	time bool // an @ letter
	spec
}

// spec are the flags between % and the letter.
type spec struct {
	left, zero bool
	width      int
	precision  int // -1 when not given
	separator  byte
}

// maxWidth bounds width and precision: a line is for reading.
const maxWidth = 10_000

// ParseFormat compiles a format.
func ParseFormat(s string) (*Format, error) {
	f := &Format{}
	for i := 0; i < len(s); {
		var n int
		var err error
		switch s[i] {
		case '%':
			n, err = f.field(s[i+1:])
		case '@':
			n, err = f.clock(s[i+1:])
		case '\\':
			n, err = f.escape(s[i+1:])
		default:
			n = strings.IndexAny(s[i:]+"%", "%@\\") - 1
			f.literal(s[i : i+n+1])
		}
		if err != nil {
			return nil, fmt.Errorf("%w at position %d of the format", err, i+1)
		}
		i += 1 + n
	}
	return f, nil
}

func (f *Format) literal(s string) {
	if n := len(f.parts); n > 0 && f.parts[n-1].verb == 0 {
		f.parts[n-1].text += s
		return
	}
	f.parts = append(f.parts, part{text: s})
}

// field reads what follows a %.
func (f *Format) field(s string) (int, error) {
	p := part{spec: spec{precision: -1}}
	i := 0
	for ; i < len(s) && (s[i] == '-' || s[i] == '0'); i++ {
		p.left = p.left || s[i] == '-'
		p.zero = p.zero || s[i] == '0'
	}
	n := numberAt(s, i, &p.width)
	i += n
	if i < len(s) && s[i] == '.' {
		p.precision = 0
		i += 1 + numberAt(s, i+1, &p.precision)
		if i+1 < len(s) && !isLetter(s[i]) && (s[i+1] == 'x' || s[i+1] == 'X') {
			p.separator = s[i]
			i++
		}
	}
	if i == len(s) {
		return 0, fmt.Errorf("%% without a letter")
	}
	p.verb = s[i]
	switch {
	case p.width > maxWidth || p.precision > maxWidth:
		return 0, fmt.Errorf("a width over %d", maxWidth)
	case p.verb == '%':
		f.literal("%")
	case strings.IndexByte("ACDEFIJPRSUXdfjlmpqrtx", p.verb) < 0:
		return 0, fmt.Errorf("unknown field %%%c", p.verb)
	default:
		f.parts = append(f.parts, p)
	}
	return i + 1, nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// numberAt reads a decimal number and returns how many digits it has.
func numberAt(s string, i int, n *int) int {
	j := i
	for j < len(s) && s[j] >= '0' && s[j] <= '9' {
		j++
	}
	if j > i {
		v, err := strconv.Atoi(s[i:j])
		if err != nil {
			v = maxWidth + 1
		}
		*n = v
	}
	return j - i
}

// clock reads what follows an @.
func (f *Format) clock(s string) (int, error) {
	switch {
	case s == "":
		return 0, fmt.Errorf("@ without a letter")
	case s[0] == '@', s[0] == '%':
		f.literal(s[:1])
	case s[0] != 'N' && !isTimeVerb(s[0]):
		return 0, fmt.Errorf("unknown time field @%c", s[0])
	default:
		f.parts = append(f.parts, part{verb: s[0], time: true})
	}
	return 1, nil
}

// escape reads what follows a backslash.
func (f *Format) escape(s string) (int, error) {
	const letters, values = `\0aenrtv`, "\\\x00\a\x1b\n\r\t\v"
	if s == "" {
		return 0, fmt.Errorf(`\ without a letter`)
	}
	i := strings.IndexByte(letters, s[0])
	if i < 0 {
		return 0, fmt.Errorf(`unknown escape \%c`, s[0])
	}
	f.literal(values[i : i+1])
	return 1, nil
}

// Append appends m in this format. With safe, text of the message is made harmless for a terminal; what stands in the
// format itself is the user's own.
func (f *Format) Append(dst []byte, m message.Message, safe bool) []byte {
	for i := range f.parts {
		p := &f.parts[i]
		switch {
		case p.verb == 0:
			dst = append(dst, p.text...)
		case p.time:
			dst = appendTimeVerb(dst, m.Time.Local(), p.verb)
		default:
			dst = p.append(dst, m, safe)
		}
	}
	return dst
}
