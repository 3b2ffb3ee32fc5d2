package mosquitto

import (
	"math"
	"strconv"
	"strings"
)

// space is what C skips before a number.
const space = " \t\n\v\f\r"

// atoi reads a number as C does: as far as there are digits, and 0 where there are none.
func atoi(s string) int {
	n, _ := integer(s, 10)
	return int(int32(n))
}

// strtol reads a number in C's notation, where 0x and 0 change the base. It is not ok when something else follows.
func strtol(s string) (n int64, ok bool) {
	digits := strings.TrimLeft(strings.TrimLeft(s, space), "+-")
	base := 10
	switch {
	case len(digits) > 2 && (strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X")):
		base = 16
	case len(digits) > 1 && digits[0] == '0':
		base = 8
	}
	n, rest := integer(s, base)
	return n, rest == "" && digits != ""
}

// integer reads the number that s begins with, and returns what follows it. What is too large becomes the largest.
func integer(s string, base int) (n int64, rest string) {
	s = strings.TrimLeft(s, space)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 {
		s = s[2:]
	}
	i := 0
	for ; i < len(s); i++ {
		d := digit(s[i])
		if d >= base {
			break
		}
		if n > (math.MaxInt64-int64(d))/int64(base) {
			n = math.MaxInt64
			continue
		}
		n = n*int64(base) + int64(d)
	}
	if negative {
		n = -n
	}
	return n, s[i:]
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	default:
		return math.MaxInt
	}
}

// atof reads a decimal number as far as it goes, 0 where there is none.
func atof(s string) float64 {
	s = strings.TrimLeft(s, space)
	for n := len(s); n > 0; n-- {
		if v, err := strconv.ParseFloat(s[:n], 64); err == nil && !strings.ContainsAny(s[:n], "_pPxX") {
			return v
		}
	}
	return 0
}
