package profile

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Refuses says why a device does not take a value for a setting, in a few words; it is empty when it does. Numbers are
// float64 or [json.Number].
func (s *Setting) Refuses(v any) string {
	switch v := v.(type) {
	case float64:
		return s.refusesNumber(v, number(v), v == math.Trunc(v))
	case json.Number:
		n, _ := v.Float64() // infinite where it is too large
		return s.refusesNumber(n, v.String(), isInteger(v.String()))
	case string:
		if s.Type != "string" {
			return s.wants()
		}
		if len(s.Values) > 0 && !slices.Contains(s.Values, v) {
			return fmt.Sprintf("%q is not one of %s", v, strings.Join(s.Values, ", "))
		}
	case bool:
		if s.Type != "boolean" {
			return s.wants()
		}
	default:
		return s.wants()
	}
	return ""
}

func (s *Setting) wants() string { return "type " + s.Type + " is expected" }

func (s *Setting) refusesNumber(n float64, text string, integer bool) string {
	switch {
	case s.Type != "number" && s.Type != "integer":
		return s.wants()
	case s.Type == "integer" && !integer:
		return s.wants()
	case s.Min != nil && n < *s.Min:
		return fmt.Sprintf("%s is below %s", text, number(*s.Min))
	case s.Max != nil && n > *s.Max:
		return fmt.Sprintf("%s is above %s", text, number(*s.Max))
	default:
		return ""
	}
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// isInteger reports whether a number of JSON has no fraction: 7, 7.0 and 7e3, but not 9007199254740993.5, which a float64
// takes for one without.
func isInteger(literal string) bool {
	whole, fraction, _ := strings.Cut(literal, ".")
	if !strings.ContainsAny(literal, "eE") {
		return strings.Trim(fraction, "0") == "" && whole != ""
	}
	n, err := strconv.ParseFloat(literal, 64)
	return err == nil && n == math.Trunc(n)
}

// exact is a number of a profile as it is written: a float64, or a [json.Number] for an integer that is too large for one.
func exact(literal string) (any, error) {
	const longest = 40
	n, err := parseNumber(literal)
	digits := strings.TrimPrefix(literal, "-")
	if err == nil || digits == "" || len(digits) > longest || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return n, err
	}
	return json.Number(literal), nil
}
