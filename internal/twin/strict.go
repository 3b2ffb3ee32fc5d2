package twin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mqx-cli/mqx/internal/payload"
)

// maxDocument is how large a document may be, in bytes. Known services for device states take 8 to 32 KiB; the embedded
// broker looks for a revision in payloads up to this size.
const maxDocument = 1 << 20

// Why a payload is no document.
var (
	errEmptyPayload = errors.New("the payload is empty")
	errNotObject    = errors.New("not a JSON object")
)

// parseObject reads a document: one JSON object in which no name comes twice. Readers disagree about which of two members
// counts, so that nobody knows what such a document says.
func parseObject(p []byte) (State, error) {
	if len(p) > maxDocument {
		return nil, fmt.Errorf("%d bytes, more than the %d that a document may have", len(p), maxDocument)
	}
	if len(p) == 0 {
		return nil, errEmptyPayload
	}
	value, err := payload.Parse(p)
	if err != nil {
		return nil, err
	}
	members, ok := value.(State)
	if !ok {
		return nil, fmt.Errorf("%w but of type %s", errNotObject, payload.TypeOf(value))
	}
	if name, twice := repeatedName(p); twice {
		return nil, fmt.Errorf("the member %.60q comes twice: readers disagree about which one counts", name)
	}
	return members, nil
}

// repeatedName looks for a name that an object of the JSON text p has twice.
func repeatedName(p []byte) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	var open []map[string]struct{} // nil for an array
	wantsName := false
	for {
		token, err := d.Token()
		if err != nil {
			return "", false // the end: p was parsed before
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]struct{}{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			wantsName = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if names := top(open); wantsName && names != nil {
				if _, twice := names[t]; twice {
					return t, true
				}
				names[t] = struct{}{}
				wantsName = false
				continue
			}
		}
		wantsName = top(open) != nil
	}
}

func top(open []map[string]struct{}) map[string]struct{} {
	if len(open) == 0 {
		return nil
	}
	return open[len(open)-1]
}

// ParseState reads settings from a text: a JSON object in which no name comes twice.
func ParseState(text []byte) (State, error) { return parseObject(text) }
