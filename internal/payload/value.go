package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
)

// ErrNotJSON says that a payload is not a JSON text. What wraps it says why.
var ErrNotJSON = errors.New("not JSON")

// The types of JSON values.
const (
	typeObject  = "object"
	typeArray   = "array"
	typeString  = "string"
	typeNumber  = "number"
	typeBoolean = "boolean"
	typeNull    = "null"
)

// Parse reads a payload as one JSON value: nil, bool, string, [json.Number] with its literal, []any or map[string]any. Of
// members with the same name the last one counts, as in most readers. An error wraps [ErrNotJSON].
func Parse(p []byte) (any, error) {
	if !message.IsJSON(p) {
		return nil, notJSON(p)
	}
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	return v, nil
}

func notJSON(p []byte) error {
	if len(bytes.TrimSpace(p)) == 0 {
		return fmt.Errorf("%w: there is nothing in it", ErrNotJSON)
	}
	var v any
	err := json.Unmarshal(p, &v)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w: %w, at byte %d", ErrNotJSON, err, max(0, syntax.Offset-1))
	}
	// What encoding/json takes and we do not: bytes that are not UTF-8, and very deep nesting.
	return fmt.Errorf("%w: not UTF-8, or nested too deep", ErrNotJSON)
}

// TypeOf names the type of a value of [Parse]: object, array, string, number, boolean or null.
func TypeOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return typeObject
	case []any:
		return typeArray
	case string:
		return typeString
	case bool:
		return typeBoolean
	case nil:
		return typeNull
	default:
		return typeNumber
	}
}

// AppendValue appends a value of [Parse] as JSON on one line. Members are sorted by name, numbers keep their literals.
func AppendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return message.AppendJSONString(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, e)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(message.AppendJSONString(dst, name), ':')
			dst = AppendValue(dst, v[name])
		}
		return append(dst, '}')
	default:
		return fmt.Append(dst, v) // json.Number
	}
}

// Lookup returns the value at a gjson path, and whether there is one. An error wraps [ErrNotJSON]. Of members with the same
// name gjson takes the first.
func Lookup(p []byte, path string) (value any, found bool, err error) {
	if !message.IsJSON(p) {
		return nil, false, notJSON(p)
	}
	result := gjson.GetBytes(p, path)
	if !result.Exists() {
		return nil, false, nil
	}
	value, err = Parse([]byte(result.Raw))
	if err != nil { // a modifier such as @tostr may give what is not JSON
		return nil, false, fmt.Errorf("what is at %q is %w", path, err)
	}
	return value, true, nil
}
