package message

import (
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects may nest: payloads are hostile input, and common readers of our output
// stop at a few hundred levels.
const maxDepth = 256

// Errors of the JSON scanner.
var (
	errEnd       = errors.New("the text ends early")
	errDepth     = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errString    = errors.New("a string holds a raw control character")
	errEscape    = errors.New("bad escape in a string")
	errSurrogate = errors.New("unpaired surrogate in a string")
	errUTF8      = errors.New("not valid UTF-8")
)

// nesting remembers for each open level whether it is an object.
type nesting struct {
	depth   int
	objects [maxDepth / 64]uint64
}

func (n *nesting) push(object bool) bool {
	if n.depth == maxDepth {
		return false
	}
	word, bit := n.depth/64, uint64(1)<<(n.depth%64)
	n.objects[word] &^= bit
	if object {
		n.objects[word] |= bit
	}
	n.depth++
	return true
}

func (n *nesting) inObject() bool {
	d := n.depth - 1
	return n.objects[d/64]&(1<<(d%64)) != 0
}

// scanValue checks that one JSON value (RFC 8259) starts at b[i] and returns where it ends. It does not recurse and does
// not allocate. UTF-8 is not checked.
func scanValue(b []byte, i int) (int, error) {
	var n nesting
	for {
		var err error
		var opened bool
		if i, opened, err = scanOpen(b, i, &n); err != nil {
			return i, err
		}
		if opened {
			continue
		}
		var more bool
		if i, more, err = scanAfter(b, i, &n); err != nil || !more {
			return i, err
		}
	}
}

// scanOpen reads a scalar, an empty container, or the head of one up to where its first value starts (opened).
func scanOpen(b []byte, i int, n *nesting) (end int, opened bool, err error) {
	if i >= len(b) {
		return i, false, errEnd
	}
	c := b[i]
	if c != '{' && c != '[' {
		i, err = scanScalar(b, i)
		return i, false, err
	}
	if !n.push(c == '{') {
		return i, false, errDepth
	}
	i = skipSpace(b, i+1)
	if i >= len(b) {
		return i, false, errEnd
	}
	if b[i] == c+2 { // '}' and ']' follow their openers at a distance of two
		n.depth--
		return i + 1, false, nil
	}
	if c == '{' {
		i, err = scanKey(b, i)
	}
	return i, err == nil, err
}

// scanAfter reads what follows a value: closing brackets, and then a comma with what leads to the next value (more).
func scanAfter(b []byte, i int, n *nesting) (end int, more bool, err error) {
	for n.depth > 0 {
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, false, errEnd
		}
		object := n.inObject()
		switch {
		case b[i] == ',' && object:
			i, err = scanKey(b, skipSpace(b, i+1))
			return i, err == nil, err
		case b[i] == ',':
			return skipSpace(b, i+1), true, nil
		case b[i] == '}' && object, b[i] == ']' && !object:
			n.depth--
			i++
		default:
			return i, false, unexpected(b, i)
		}
	}
	return i, false, nil
}

// scanKey reads `"key" :` and the white space after it.
func scanKey(b []byte, i int) (int, error) {
	i, err := scanString(b, i)
	if err != nil {
		return i, err
	}
	i = skipSpace(b, i)
	if i >= len(b) {
		return i, errEnd
	}
	if b[i] != ':' {
		return i, unexpected(b, i)
	}
	return skipSpace(b, i+1), nil
}

func scanScalar(b []byte, i int) (int, error) {
	switch c := b[i]; {
	case c == '"':
		return scanString(b, i)
	case c == 't':
		return scanWord(b, i, "true")
	case c == 'f':
		return scanWord(b, i, "false")
	case c == 'n':
		return scanWord(b, i, "null")
	case c == '-' || c >= '0' && c <= '9':
		return scanNumber(b, i)
	default:
		return i, unexpected(b, i)
	}
}

func scanWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, unexpected(b, i)
	}
	return i + len(word), nil
}

// scanString reads a string with its quotes.
func scanString(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errEnd
	}
	if b[i] != '"' {
		return i, unexpected(b, i)
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return i, errString
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return i, errEscape
			}
			i += n - 1
		}
	}
	return i, errEnd
}

// escapeLen is the length of the escape that b starts with, 0 for a bad one.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if hex4(b[2:]) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 reads four hexadecimal digits, -1 when they are not there.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

func scanNumber(b []byte, i int) (int, error) {
	start := i
	if b[i] == '-' {
		i++
	}
	switch n := digits(b, i); {
	case n == 0, n > 1 && b[i] == '0':
		return start, unexpected(b, start)
	default:
		i += n
	}
	if i < len(b) && b[i] == '.' {
		n := digits(b, i+1)
		if n == 0 {
			return start, unexpected(b, start)
		}
		i += 1 + n
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b, i)
		if n == 0 {
			return start, unexpected(b, start)
		}
		i += n
	}
	return i, nil
}

func digits(b []byte, i int) int {
	start := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i - start
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

func unexpected(b []byte, i int) error {
	if i >= len(b) {
		return errEnd
	}
	r, _ := utf8.DecodeRune(b[i:])
	return fmt.Errorf("unexpected %q", r)
}

// unquote decodes a JSON string, quotes included, that scanString has accepted.
func unquote(raw []byte) (string, error) {
	if !utf8.Valid(raw) {
		return "", errUTF8
	}
	raw = raw[1 : len(raw)-1]
	at := indexEscape(raw)
	if at < 0 {
		return string(raw), nil
	}
	dst := make([]byte, 0, len(raw))
	for ; at >= 0; at = indexEscape(raw) {
		dst = append(dst, raw[:at]...)
		var n int
		var err error
		if dst, n, err = appendUnescaped(dst, raw[at:]); err != nil {
			return "", err
		}
		raw = raw[at+n:]
	}
	return string(append(dst, raw...)), nil
}

func indexEscape(b []byte) int {
	for i, c := range b {
		if c == '\\' {
			return i
		}
	}
	return -1
}

// appendUnescaped decodes the escape that b starts with and returns how many bytes it took. A surrogate without its
// partner is refused: neither a Topic Name nor a UTF-8 payload can hold one.
func appendUnescaped(dst, b []byte) ([]byte, int, error) {
	switch b[1] {
	case 'b':
		return append(dst, '\b'), 2, nil
	case 'f':
		return append(dst, '\f'), 2, nil
	case 'n':
		return append(dst, '\n'), 2, nil
	case 'r':
		return append(dst, '\r'), 2, nil
	case 't':
		return append(dst, '\t'), 2, nil
	case 'u':
		r := hex4(b[2:])
		if !utf16.IsSurrogate(r) {
			return utf8.AppendRune(dst, r), 6, nil
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if r = utf16.DecodeRune(r, hex4(b[8:])); r != utf8.RuneError {
				return utf8.AppendRune(dst, r), 12, nil
			}
		}
		return dst, 0, errSurrogate
	default:
		return append(dst, b[1]), 2, nil
	}
}
