package payload

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
)

// Compare orders two numbers of [Parse] by their exact values; ok is false when one of them is no number.
func Compare(a, b any) (order int, ok bool) {
	x, okX := a.(json.Number)
	y, okY := b.(json.Number)
	if !okX || !okY {
		return 0, false
	}
	if x == y {
		return 0, true
	}
	return parseDecimal(string(x)).compare(parseDecimal(string(y))), true
}

// decimal is ±0.DIGITS times ten to the power of exponent, where the digits neither begin nor end with a zero; none are
// zero. 1e999999999 takes as little memory as 1: a number is never built, because a payload could ask for gigabytes.
type decimal struct {
	negative bool
	digits   string
	exponent exponent
}

// exponent is a power of ten. Beyond eighteen digits it is kept as they were written, and where the point stands among the
// digits of the number does not count any more.
type exponent struct {
	small int64
	class int // 0: small; 1 and -1: huge, with this sign
	huge  string
}

// parseDecimal reads a number literal of JSON.
func parseDecimal(literal string) decimal {
	var d decimal
	literal, d.negative = strings.CutPrefix(literal, "-")
	mantissa := literal
	if i := strings.IndexAny(literal, "eE"); i >= 0 {
		mantissa = literal[:i]
		d.exponent = parseExponent(literal[i+1:])
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	d.digits = strings.TrimLeft(digits, "0")
	d.exponent.small += int64(len(whole) - (len(digits) - len(d.digits)))
	if d.digits = strings.TrimRight(d.digits, "0"); d.digits == "" {
		d.negative = false // -0 is 0
	}
	return d
}

func parseExponent(literal string) exponent {
	e := exponent{class: 1}
	if literal[0] == '-' {
		e.class = -1
	}
	e.huge = strings.TrimLeft(literal, "+-0")
	if len(e.huge) > 18 {
		return e
	}
	n, err := strconv.ParseInt(literal, 10, 64)
	if err != nil { // cannot happen: a literal of JSON, and short but for its zeros
		return e
	}
	return exponent{small: n}
}

func (d decimal) compare(e decimal) int {
	if order := cmp.Compare(d.sign(), e.sign()); order != 0 || d.digits == "" {
		return order
	}
	order := d.exponent.compare(e.exponent)
	if order == 0 {
		order = strings.Compare(d.digits, e.digits)
	}
	if d.negative {
		return -order
	}
	return order
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}

func (e exponent) compare(f exponent) int {
	switch {
	case e.class != f.class:
		return cmp.Compare(e.class, f.class)
	case e.class == 0:
		return cmp.Compare(e.small, f.small)
	case len(e.huge) != len(f.huge):
		return e.class * cmp.Compare(len(e.huge), len(f.huge))
	default:
		return e.class * strings.Compare(e.huge, f.huge)
	}
}
