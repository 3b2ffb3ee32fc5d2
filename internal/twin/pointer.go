package twin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// errPointer says that a text is no JSON Pointer.
var errPointer = errors.New(`not a JSON Pointer like /network/interval_s ("~" is written ~0, "/" ~1)`)

// parsePointer takes a JSON Pointer (RFC 6901) apart. The empty one is the whole document.
func parsePointer(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, fmt.Errorf("%.60q is %w", text, errPointer)
	}
	tokens := strings.Split(text[1:], "/")
	for i, token := range tokens {
		for rest := token; ; {
			at := strings.IndexByte(rest, '~')
			if at < 0 {
				break
			}
			if at+1 == len(rest) || rest[at+1] != '0' && rest[at+1] != '1' {
				return nil, fmt.Errorf("%.60q is %w", text, errPointer)
			}
			rest = rest[at+2:]
		}
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return tokens, nil
}

func escapeToken(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func joinPointer(tokens []string) string {
	var b strings.Builder
	for _, token := range tokens {
		b.WriteString("/" + escapeToken(token))
	}
	return b.String()
}

// lookup returns what is at the pointer.
func lookup(value any, tokens []string) (any, bool) {
	for _, token := range tokens {
		switch v := value.(type) {
		case State:
			member, ok := v[token]
			if !ok {
				return nil, false
			}
			value = member
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) || token != strconv.Itoa(i) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// overlaps reports whether one pointer is the other, or above it.
func overlaps(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// leaves calls yield with the pointers of all leaves of a state, sorted, until it returns false. Objects are descended
// into, unless they are empty; arrays are leaves.
func leaves(state State, yield func(pointer string, value any) bool) {
	walkLeaves(nil, state, yield)
}

func walkLeaves(at []string, state State, yield func(string, any) bool) bool {
	names := make([]string, 0, len(state))
	for name := range state {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := append(slices.Clip(at), name)
		inner, isObject := state[name].(State)
		if isObject && len(inner) > 0 {
			if !walkLeaves(path, inner, yield) {
				return false
			}
			continue
		}
		if !yield(joinPointer(path), state[name]) {
			return false
		}
	}
	return true
}

// Pointer is the JSON Pointer of the names that [ParseKey] returns.
func Pointer(tokens []string) string { return joinPointer(tokens) }
