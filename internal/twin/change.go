package twin

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mqx-cli/mqx/internal/payload"
)

// Change makes the desired state that shall be of the one that is. It may be applied again, to another state.
type Change struct {
	kind  changeKind
	state State // the patch, or the whole new state
	ops   []operation
	saved *Desired // the document that is restored, or nil
}

type changeKind int

const (
	mergeAssignments changeKind = iota
	mergePatch
	replaceAll
	jsonPatch
)

// Merge applies a merge patch (RFC 7396).
func Merge(patch State) Change { return Change{kind: mergePatch, state: patch} }

// Assign applies what [ParseAssignments] has made. Unlike [Merge] it does not turn an array into an object when somebody
// names an element.
func Assign(patch State) Change { return Change{kind: mergeAssignments, state: patch} }

// Replace puts state in place of whatever is desired.
func Replace(state State) Change { return Change{kind: replaceAll, state: state} }

// Restore puts a saved document in place of whatever is desired, with its layout and a revision above its own: devices that
// have applied the saved one would ignore it otherwise.
func Restore(saved *Desired) Change {
	return Change{kind: replaceAll, state: saved.State, saved: saved}
}

// Remove takes settings away.
func Remove(pointers [][]string) Change {
	patch := State{}
	for _, tokens := range pointers {
		assign(patch, tokens, nil)
	}
	return Assign(patch)
}

// replaces reports whether c does not depend on what is desired.
func (c Change) replaces() bool { return c.kind == replaceAll }

// Edit is one thing that a Change has done to a state.
type Edit struct {
	Pointer string
	Value   any
	Removed bool
}

// apply returns the new state and what was done for it. state is not changed, and the new one shares no objects with it
// that a later change could alter.
func (c Change) apply(state State) (State, []Edit, error) {
	switch c.kind {
	case replaceAll:
		return c.state, []Edit{{Value: c.state}}, nil
	case jsonPatch:
		next, err := applyOperations(c.ops, state)
		if err != nil {
			return nil, nil, err
		}
		return next, editsBetween(state, next), nil
	case mergeAssignments:
		if pointer, ok := elementOfArray(state, c.state); ok {
			return nil, nil, fmt.Errorf("%s is an array: set it as a whole, or change elements with --json-patch", pointer)
		}
	case mergePatch:
	}
	var edits []Edit
	leaves(c.state, func(pointer string, value any) bool {
		edits = append(edits, Edit{pointer, value, value == nil})
		return true
	})
	return merge(state, c.state), edits, nil
}

// merge is the algorithm of RFC 7396, section 2, for objects.
func merge(target, patch State) State {
	next := maps.Clone(target)
	if next == nil {
		next = State{}
	}
	for name, value := range patch {
		inner, isObject := value.(State)
		switch {
		case value == nil:
			delete(next, name)
		case isObject:
			below, _ := next[name].(State) // what is no object is replaced by one
			next[name] = merge(below, inner)
		default:
			next[name] = value
		}
	}
	return next
}

// elementOfArray looks for an array of state below which the patch names something.
func elementOfArray(state, patch State) (pointer string, found bool) {
	for name, value := range patch {
		inner, ok := value.(State)
		if !ok || len(inner) == 0 {
			continue
		}
		switch below := state[name].(type) {
		case []any:
			return "/" + escapeToken(name), true
		case State:
			if pointer, found := elementOfArray(below, inner); found {
				return "/" + escapeToken(name) + pointer, true
			}
		}
	}
	return "", false
}

// holds reports whether what the edits have done is still so in a state.
func holds(state State, edits []Edit) bool {
	for _, e := range edits {
		tokens, err := parsePointer(e.Pointer)
		if err != nil { // made by leaves or Changes
			return false
		}
		value, found := lookup(state, tokens)
		if found == e.Removed || found && !same(e.Value, value, 0) {
			return false
		}
	}
	return true
}

// collide returns the first setting that two writers have both touched.
func collide(ours, theirs []Edit) (pointer string, both bool) {
	for _, a := range ours {
		for _, b := range theirs {
			if overlaps(a.Pointer, b.Pointer) {
				if len(b.Pointer) > len(a.Pointer) {
					return b.Pointer, true
				}
				return a.Pointer, true
			}
		}
	}
	return "", false
}

// editsBetween are the edits that lead from one state to another. Arrays are whole: an element has no name of its own by
// which two writers could tell whether they mean the same one.
func editsBetween(from, to State) []Edit { return appendEdits(nil, nil, from, to) }

func appendEdits(edits []Edit, at []string, from, to State) []Edit {
	for name, was := range from {
		path := append(slices.Clip(at), name)
		is, still := to[name]
		wasObject, was1 := was.(State)
		isObject, is1 := is.(State)
		switch {
		case !still:
			edits = append(edits, Edit{Pointer: joinPointer(path), Removed: true})
		case was1 && is1:
			edits = appendEdits(edits, path, wasObject, isObject)
		case !payload.Equal(was, is):
			edits = append(edits, Edit{Pointer: joinPointer(path), Value: is})
		}
	}
	for name, is := range to {
		if _, was := from[name]; !was {
			edits = append(edits, Edit{Pointer: joinPointer(append(slices.Clip(at), name)), Value: is})
		}
	}
	return edits
}

// redo applies edits of [editsBetween] to another state, which is not changed.
func redo(state State, edits []Edit) State {
	for _, e := range edits {
		tokens, err := parsePointer(e.Pointer)
		if err == nil && len(tokens) > 0 { // made by editsBetween
			state = withEdit(state, tokens, e)
		}
	}
	return state
}

func withEdit(state State, tokens []string, e Edit) State {
	next := maps.Clone(state)
	if next == nil {
		next = State{}
	}
	name := tokens[0]
	switch {
	case len(tokens) > 1:
		below, _ := next[name].(State)
		next[name] = withEdit(below, tokens[1:], e)
	case e.Removed:
		delete(next, name)
	default:
		next[name] = e.Value
	}
	return next
}

// PreconditionError is a test of a JSON Patch that failed.
type PreconditionError struct {
	Pointer string
	Got     any
	Found   bool
}

// Error says what is there instead.
func (e *PreconditionError) Error() string {
	if !e.Found {
		return fmt.Sprintf("test %s: there is no such setting", e.Pointer)
	}
	return fmt.Sprintf("test %s: it is %s", e.Pointer, payload.AppendValue(nil, e.Got))
}
