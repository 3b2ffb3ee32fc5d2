package output

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendEscaped appends text that came from elsewhere so that a terminal only ever shows it: control characters, marks
// that reorder text and bytes that are not UTF-8 become escapes like \n, \x1b and \u202e.
func AppendEscaped(dst, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 {
			dst = appendHexEscape(dst, text[0])
		} else {
			dst = appendRune(dst, r)
		}
		text = text[n:]
	}
	return dst
}

// AppendEscapedLines is [AppendEscaped] for text of several lines, which stay lines.
func AppendEscapedLines(dst, text []byte) []byte {
	for line := range bytes.Lines(text) {
		short := bytes.TrimSuffix(line, []byte{'\n'})
		dst = AppendEscaped(dst, short)
		if len(short) < len(line) {
			dst = append(dst, '\n')
		}
	}
	return dst
}

func appendRune(dst []byte, r rune) []byte {
	switch {
	case unicode.IsPrint(r):
		return utf8.AppendRune(dst, r)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r < utf8.RuneSelf:
		return appendHexEscape(dst, byte(r))
	default:
		quoted := strconv.QuoteRuneToASCII(r) // '\u202e'
		return append(dst, quoted[1:len(quoted)-1]...)
	}
}

func appendHexEscape(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'x', hex[b>>4], hex[b&15])
}

// appendSafeJSON appends a line of JSON with the characters that a terminal would act on as JSON escapes. They can only
// stand inside strings there, so that the meaning stays the same.
func appendSafeJSON(dst, line []byte) []byte {
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		switch {
		case unicode.IsPrint(r) || r == '\t' && n == 1:
			dst = append(dst, line[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendUnicodeEscape(appendUnicodeEscape(dst, high), low)
		default:
			dst = appendUnicodeEscape(dst, r)
		}
		line = line[n:]
	}
	return dst
}

func appendUnicodeEscape(dst []byte, r rune) []byte {
	dst = append(dst, '\\', 'u')
	return append(dst, strconv.FormatInt(0x10000+int64(r), 16)[1:]...)
}
