package profile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Refuses says why a device does not take a value for a setting, in a few words; it is empty when it does. Numbers are
// float64.
func (s *Setting) Refuses(v any) string {
	switch v := v.(type) {
	case float64:
		return s.refusesNumber(v)
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

func (s *Setting) refusesNumber(n float64) string {
	switch {
	case s.Type != "number" && s.Type != "integer":
		return s.wants()
	case s.Type == "integer" && n != math.Trunc(n):
		return s.wants()
	case s.Min != nil && n < *s.Min:
		return fmt.Sprintf("%s is below %s", number(n), number(*s.Min))
	case s.Max != nil && n > *s.Max:
		return fmt.Sprintf("%s is above %s", number(n), number(*s.Max))
	default:
		return ""
	}
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
