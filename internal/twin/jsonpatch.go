package twin

import (
	"errors"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

const (
	// maxOperations is how many operations a JSON Patch may have.
	maxOperations = 1000
	// wholeState is the pointer of the state itself.
	wholeState = "(the state)"
)

// operation is one operation of a JSON Patch.
type operation struct {
	op    string
	path  string
	value any
	text  []byte // the operation as a JSON Patch of its own
}

// JSONPatch reads a JSON Patch (RFC 6902) for the settings: its pointers begin at the state and not at the envelope.
func JSONPatch(text []byte) (Change, error) {
	value, err := payload.Parse(text)
	if err != nil {
		return Change{}, err
	}
	list, ok := value.([]any)
	if !ok {
		return Change{}, fmt.Errorf("a JSON Patch is an array of operations, not of type %s", payload.TypeOf(value))
	}
	if len(list) > maxOperations {
		return Change{}, fmt.Errorf("%d operations, more than %d", len(list), maxOperations)
	}
	c := Change{kind: jsonPatch}
	for i, item := range list {
		o, err := parseOperation(item)
		if err != nil {
			return Change{}, fmt.Errorf("operation %d: %w", i+1, err)
		}
		c.ops = append(c.ops, o)
	}
	return c, nil
}

func parseOperation(item any) (operation, error) {
	members, ok := item.(State)
	if !ok {
		return operation{}, errNotObject
	}
	o := operation{}
	o.op, _ = members["op"].(string)
	wants := ""
	switch o.op {
	case "add", "replace", "test":
		wants = "value"
	case "move", "copy":
		wants = "from"
	case "remove":
	default:
		return o, fmt.Errorf(`"op" is %s: add, remove, replace, move, copy or test is expected`, payload.AppendValue(nil, members["op"]))
	}
	if o.value, ok = members[wants]; !ok && wants != "" {
		return o, fmt.Errorf("%s needs %q", o.op, wants)
	}
	if o.path, ok = members["path"].(string); !ok {
		return o, errors.New(`"path" is missing`)
	}
	if _, err := parsePointer(o.path); err != nil {
		return o, err
	}
	if wants == "from" {
		from, _ := o.value.(string)
		if _, err := parsePointer(from); err != nil || from == "" {
			return o, fmt.Errorf(`"from" is %w`, errPointer)
		}
	}
	o.text = append(payload.AppendValue([]byte{'['}, item), ']')
	return o, nil
}

// applyOperations carries the operations out, all or none. The tests are ours: they compare numbers by value, and tell what
// is there instead.
func applyOperations(ops []operation, state State) (State, error) {
	if state == nil {
		state = State{}
	}
	options := &jsonpatch.ApplyOptions{AccumulatedCopySizeLimit: maxDocument}
	for i, o := range ops {
		if o.op == "test" {
			if err := o.test(state); err != nil {
				return nil, err
			}
			continue
		}
		if o.path == "" && o.op == "remove" {
			return nil, fmt.Errorf("operation %d: the state as a whole cannot be removed", i+1)
		}
		patch, err := jsonpatch.DecodePatch(o.text)
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i+1, err)
		}
		doc, err := patch.ApplyWithOptions(payload.AppendValue(nil, state), options)
		if err != nil {
			return nil, fmt.Errorf("operation %d, %s %s: it does not fit the desired state: %w", i+1, o.op, o.path, cause(err))
		}
		if !message.IsJSON(doc) {
			return nil, fmt.Errorf("operation %d, %s %s: the result is no JSON", i+1, o.op, o.path)
		}
		value, err := payload.Parse(doc)
		if err != nil {
			return nil, err
		}
		next, ok := value.(State)
		if !ok {
			return nil, fmt.Errorf("operation %d: the state would be of type %s, not an object", i+1, payload.TypeOf(value))
		}
		state = next
	}
	return state, nil
}

func (o *operation) test(state State) error {
	tokens, err := parsePointer(o.path)
	if err != nil {
		return err
	}
	got, found := lookup(state, tokens)
	if found && payload.Equal(o.value, got) {
		return nil
	}
	e := &PreconditionError{Pointer: o.path, Got: got, Found: found}
	if e.Pointer == "" {
		e.Pointer = wholeState
	}
	return e
}

// cause puts the library's reasons into our words.
func cause(err error) error {
	switch {
	case errors.Is(err, jsonpatch.ErrMissing):
		return errors.New("there is nothing at that path")
	case errors.Is(err, jsonpatch.ErrInvalidIndex):
		return errors.New("the array has no such element")
	default:
		return errors.New("it is of another type")
	}
}
