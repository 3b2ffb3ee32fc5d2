package payload

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Native reads a payload for languages that calculate: what [Parse] gives for JSON, but with int for integers that fit and
// float64 for other numbers; a string for other text, and the bytes for what is no text.
func Native(p []byte) any {
	v, err := Parse(p)
	switch {
	case err == nil:
		return native(v)
	case utf8.Valid(p):
		return string(p)
	default:
		return p
	}
}

// native replaces the numbers of v in place.
func native(v any) any {
	switch v := v.(type) {
	case json.Number:
		return nativeNumber(v)
	case []any:
		for i, e := range v {
			v[i] = native(e)
		}
	case map[string]any:
		for name, e := range v {
			v[name] = native(e)
		}
	}
	return v
}

func nativeNumber(n json.Number) any {
	if !strings.ContainsAny(string(n), ".eE") {
		if i, err := n.Int64(); err == nil {
			return int(i)
		}
	}
	f, _ := n.Float64() // beyond the range: an infinity, which compares as it should
	return f
}
