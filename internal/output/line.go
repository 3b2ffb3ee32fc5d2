package output

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/tidwall/gjson"
	"github.com/tidwall/pretty"

	"github.com/mqx-cli/mqx/internal/message"
)

const (
	// widestTopic bounds the column of topics; a longer topic shifts its own line.
	widestTopic = 48
	// foldUpTo is the largest payload that is folded, in bytes, and foldDepth how many levels of it: beyond that, JSON stays on its
	// line.
	foldUpTo  = 64 << 10
	foldDepth = 32
	// defaultWidth is that of a terminal which does not say its own.
	defaultWidth = 80
	indentation  = 2
)

// line is the form for terminals: when, where, whether retained, and what, with nothing that a terminal acts on. JSON is in
// colours, and below the topic when the line is too short for it; of binary payloads there are the first bytes.
func (m *Messages) line(msg message.Message) bool {
	const clock = "15:04:05.000"
	m.buf = append(m.buf, m.styles.apply(m.styles.time, msg.Time.Local().Format(clock))...)
	m.buf = append(m.buf, ' ')
	topic := string(AppendEscaped(nil, []byte(msg.Topic)))
	width := lipgloss.Width(topic)
	m.column = max(m.column, min(width, widestTopic))
	m.buf = append(m.buf, m.styles.apply(m.styles.topic, topic)...)
	used := len(clock) + 1 + max(width, m.column) + 1
	m.buf = append(m.buf, strings.Repeat(" ", max(0, m.column-width)+1)...)
	if msg.Retain {
		const mark = "retained"
		m.buf = append(m.buf, m.styles.apply(m.styles.mark, mark)...)
		m.buf = append(m.buf, ' ')
		used += len(mark) + 1
	}
	m.content(msg.Payload, used)
	m.newline()
	return true
}

// content appends a payload after so many cells of its line.
func (m *Messages) content(p []byte, used int) {
	switch {
	case len(p) == 0:
		m.buf = append(m.buf, m.styles.apply(m.styles.time, "(empty)")...)
	case isBinary(p):
		m.buf = m.appendHexDump(m.buf, p, m.screenWidth()-used)
	case isContainer(p) && len(p) <= foldUpTo && message.IsJSON(p):
		m.document(p, used)
	default:
		m.buf = AppendEscaped(m.buf, p)
	}
}

// isContainer reports whether p may be a JSON object or array.
func isContainer(p []byte) bool {
	for _, c := range p {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == '{' || c == '['
		}
	}
	return false
}

// isBinary reports whether p is no text: not UTF-8, or with control characters that no text has.
func isBinary(p []byte) bool {
	if !utf8.Valid(p) {
		return true
	}
	for _, c := range p {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			return true
		}
	}
	return false
}

// screenWidth is how many cells a line has.
func (m *Messages) screenWidth() int {
	if m.width == nil {
		return defaultWidth
	}
	return m.width()
}

// appendHexDump appends how long p is, its first bytes, and these as characters.
func (m *Messages) appendHexDump(dst, p []byte, room int) []byte {
	const least, most, perByte = 8, 32, 4 // a byte takes three cells as digits and one as a character
	size := "(" + strconv.Itoa(len(p)) + " bytes) "
	if len(p) == 1 {
		size = "(1 byte) "
	}
	n := min(len(p), most, max(least, (room-len(size)-4)/perByte))
	dst = append(dst, m.styles.apply(m.styles.time, size)...)
	const digits = "0123456789abcdef"
	for i, c := range p[:n] {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	if n < len(p) {
		dst = append(dst, " …"...)
	}
	text := make([]byte, n)
	for i, c := range p[:n] {
		if text[i] = '.'; c >= ' ' && c < 0x7f {
			text[i] = c
		}
	}
	return append(dst, m.styles.apply(m.styles.time, "  "+string(text))...)
}

// folding appends JSON for people.
type folding struct {
	*Messages

	width int
}

// document appends JSON after so many cells of its line: there, or below it when it is longer than the rest of the line.
func (m *Messages) document(p []byte, used int) {
	f := folding{m, m.screenWidth()}
	compact := pretty.Ugly(p)
	if safe := appendSafeJSON(nil, compact); used+lipgloss.Width(string(safe)) <= f.width {
		f.inline(gjson.ParseBytes(compact))
		return
	}
	m.buf = append(bytes.TrimRight(m.buf, " "), '\n')
	m.buf = append(m.buf, strings.Repeat(" ", indentation)...)
	f.value(gjson.ParseBytes(compact), indentation, 0, 0)
}

// value appends a value that begins after indent cells and a key, and behind which extra cells are needed.
func (f folding) value(v gjson.Result, indent, key, depth int) {
	if !v.IsObject() && !v.IsArray() || depth >= foldDepth || indent+key+lipgloss.Width(string(appendSafeJSON(nil, []byte(v.Raw))))+1 <= f.width {
		f.inline(v)
		return
	}
	opening, closing := v.Raw[:1], v.Raw[len(v.Raw)-1:]
	f.buf = append(f.buf, opening...)
	inner := strings.Repeat(" ", indent+indentation)
	first := true
	v.ForEach(func(name, value gjson.Result) bool {
		if !first {
			f.buf = append(f.buf, ',')
		}
		first = false
		f.buf = append(append(f.buf, '\n'), inner...)
		used := 0
		if v.IsObject() {
			used = f.name(name)
		}
		f.value(value, indent+indentation, used, depth+1)
		return true
	})
	if !first {
		f.buf = append(append(f.buf, '\n'), inner[indentation:]...)
	}
	f.buf = append(f.buf, closing...)
}

// name appends the name of a member and returns how many cells it takes.
func (f folding) name(name gjson.Result) int {
	safe := string(appendSafeJSON(nil, []byte(name.Raw)))
	f.buf = append(f.buf, f.styles.apply(f.styles.key, safe)...)
	f.buf = append(f.buf, ": "...)
	return lipgloss.Width(safe) + 2
}

// inline appends a value on its line.
func (f folding) inline(v gjson.Result) {
	if !f.styles.on {
		f.buf = appendSafeJSON(f.buf, []byte(v.Raw))
		return
	}
	f.colour(v, 0)
}

// colour appends a value with its pieces in their styles.
func (f folding) colour(v gjson.Result, depth int) {
	safe := func() string { return string(appendSafeJSON(nil, []byte(v.Raw))) }
	switch {
	case depth >= foldDepth:
		f.buf = append(f.buf, safe()...)
	case v.IsObject(), v.IsArray():
		f.buf = append(f.buf, v.Raw[0])
		first := true
		v.ForEach(func(name, value gjson.Result) bool {
			if !first {
				f.buf = append(f.buf, ',')
			}
			first = false
			if v.IsObject() {
				key := string(appendSafeJSON(nil, []byte(name.Raw)))
				f.buf = append(append(f.buf, f.styles.apply(f.styles.key, key)...), ':')
			}
			f.colour(value, depth+1)
			return true
		})
		f.buf = append(f.buf, v.Raw[len(v.Raw)-1])
	case v.Type == gjson.String:
		f.buf = append(f.buf, f.styles.apply(f.styles.text, safe())...)
	case v.Type == gjson.Number:
		f.buf = append(f.buf, f.styles.apply(f.styles.number, safe())...)
	default:
		f.buf = append(f.buf, f.styles.apply(f.styles.word, safe())...)
	}
}
