package payload

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Op is what happened to a value.
type Op string

// The operations.
const (
	Added   Op = "added"
	Removed Op = "removed"
	Changed Op = "changed"
)

// Change is one difference between two JSON values.
type Change struct {
	Op Op
	// Pointer says where, as a JSON Pointer (RFC 6901); it is empty for the whole value.
	Pointer string
	// From and To are values of [Parse]; From means nothing when it was added, To when it was removed.
	From, To any
}

// Equal reports whether two values of [Parse] are the same: 21 is 21.0 and 2.1e1, but 9007199254740993 is not
// 9007199254740992. The order of members means nothing, that of elements does.
func Equal(a, b any) bool {
	for range Changes(a, b) {
		return false
	}
	return true
}

// Changes goes through the differences that lead from one value of [Parse] to another, members in the order of their names.
// Arrays are compared element by element: one that was inserted shows as a change of all behind it.
func Changes(from, to any) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		d := differ{yield: yield}
		d.value(from, to)
	}
}

type differ struct {
	yield   func(Change) bool
	pointer []byte
}

// value compares what is at the pointer and reports whether to go on.
func (d *differ) value(from, to any) bool {
	switch a := from.(type) {
	case map[string]any:
		if b, ok := to.(map[string]any); ok {
			return d.members(a, b)
		}
	case []any:
		if b, ok := to.([]any); ok {
			return d.elements(a, b)
		}
	default:
		if sameScalar(from, to) {
			return true
		}
	}
	return d.yield(Change{Op: Changed, Pointer: string(d.pointer), From: from, To: to})
}

// sameScalar compares a null, boolean, string or number with any value.
func sameScalar(a, b any) bool {
	if order, numbers := Compare(a, b); numbers {
		return order == 0
	}
	switch b.(type) {
	case map[string]any, []any: // these cannot be compared with ==
		return false
	}
	return a == b
}

func (d *differ) members(a, b map[string]any) bool {
	for _, name := range sortedUnion(a, b) {
		x, inA := a[name]
		y, inB := b[name]
		if !d.at(pointerToken(name), side{x, inA}, side{y, inB}) {
			return false
		}
	}
	return true
}

func sortedUnion(a, b map[string]any) []string {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (d *differ) elements(a, b []any) bool {
	for i := range max(len(a), len(b)) {
		var x, y side
		if i < len(a) {
			x = side{a[i], true}
		}
		if i < len(b) {
			y = side{b[i], true}
		}
		if !d.at(strconv.Itoa(i), x, y) {
			return false
		}
	}
	return true
}

// side is a member or an element, if it is there.
type side struct {
	value any
	there bool
}

// at compares what is one token below the pointer.
func (d *differ) at(token string, from, to side) bool {
	length := len(d.pointer)
	d.pointer = append(append(d.pointer, '/'), token...)
	var more bool
	switch {
	case !to.there:
		more = d.yield(Change{Op: Removed, Pointer: string(d.pointer), From: from.value})
	case !from.there:
		more = d.yield(Change{Op: Added, Pointer: string(d.pointer), To: to.value})
	default:
		more = d.value(from.value, to.value)
	}
	d.pointer = d.pointer[:length]
	return more
}

// pointerToken escapes a name for a JSON Pointer (RFC 6901, section 3).
func pointerToken(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
