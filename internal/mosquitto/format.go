package mosquitto

import (
	"strings"
)

// fields are the letters after a % of -F.
const fields = "ACDEFIJPRSUXdfjlmpqrtx"

// formatProblem says what is wrong with a format, empty for nothing.
func formatProblem(s string) string {
	for i := 0; i < len(s); i++ {
		var n int
		var problem string
		switch s[i] {
		case '%':
			n, problem = fieldProblem(s[i+1:])
		case '@':
			if i == len(s)-1 {
				return incomplete
			}
			n = 1
		case '\\':
			if i == len(s)-1 {
				return "Incomplete escape specifier."
			}
			if n = 1; strings.IndexByte(`\0aenrtv`, s[i+1]) < 0 {
				return "Invalid escape specifier '" + s[i+1:i+2] + "'."
			}
		}
		if problem != "" {
			return problem
		}
		i += n
	}
	return ""
}

const incomplete = "Incomplete format specifier."

// fieldProblem looks at what follows a %: a flag, a width, a precision, a separator of groups, and the letter.
func fieldProblem(s string) (n int, problem string) {
	i := 0
	digits := func() {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
	}
	if i < len(s) && (s[i] == '0' || s[i] == '-') {
		i++
	}
	digits()
	if i < len(s) && s[i] == '.' {
		i++
		digits()
		if i+1 < len(s) && !isFieldLetter(s[i]) && (s[i+1] == 'x' || s[i+1] == 'X') {
			i++
		}
	}
	switch {
	case i >= len(s):
		return 0, incomplete
	case !isFieldLetter(s[i]):
		return 0, "Invalid format specifier '" + s[i:i+1] + "'."
	}
	return i + 1, ""
}

func isFieldLetter(c byte) bool { return c == '%' || strings.IndexByte(fields, c) >= 0 }

// TimeLetters are the letters after an @ that stand for a part of the time; others print themselves after a %.
const TimeLetters = "aAbBcCdDeFgGhHIjklmMnNpPrRsStTuUVwWxXyYzZ@"

// PortableFormat rewrites a format of -F in such a way that it has no letters after an @ that strftime does not know: it
// prints these as they are, after a %.
func PortableFormat(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case (s[i] == '%' || s[i] == '\\') && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
		case s[i] == '@' && i+1 < len(s):
			i++
			switch {
			case s[i] == '%':
				b.WriteString("%%")
			case strings.IndexByte(TimeLetters, s[i]) >= 0:
				b.WriteString(s[i-1 : i+1])
			case s[i] == '\\':
				b.WriteString(`%%\\`)
			default:
				b.WriteString("%%" + s[i:i+1])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
