package twin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"

	"github.com/mqx-cli/mqx/internal/payload"
)

// Leaf is one setting: what is desired and what is reported.
type Leaf struct {
	Pointer string
	Desired any
	// Reported means nothing when Reports is false: the device has not reported the setting.
	Reported any
	Reports  bool
	Same     bool
	Ack      Ack
}

// Tolerance is by how much numbers may differ and still be the same.
type Tolerance struct {
	// All holds for settings that ByPointer does not name.
	All       float64
	ByPointer map[string]float64
}

// Over puts the tolerances that a contract has for what is desired below t: what t says holds. An error names the setting.
func (t Tolerance) Over(rule map[string]float64) (Tolerance, error) {
	all := Tolerance{All: cmp.Or(t.All, rule[""]), ByPointer: map[string]float64{}}
	if t.All == 0 { // else it is meant for every setting that has none of its own in t
		for key, n := range rule {
			if key == "" {
				continue
			}
			tokens, err := ParseKey(key)
			if err != nil {
				return t, fmt.Errorf("tolerance: %q: %w", key, err)
			}
			all.ByPointer[Pointer(tokens)] = n
		}
	}
	maps.Copy(all.ByPointer, t.ByPointer)
	return all, nil
}

func (t Tolerance) at(pointer string) float64 {
	if own, ok := t.ByPointer[pointer]; ok {
		return own
	}
	return t.All
}

// Delta compares the settings that are desired with what is reported, leaf by leaf. What is reported beyond that does not
// count. A nil r has reported nothing.
func Delta(desired State, r *Reported, tolerance Tolerance) []Leaf {
	var list []Leaf
	leaves(desired, func(pointer string, value any) bool {
		leaf := Leaf{Pointer: pointer, Desired: value}
		if r != nil {
			tokens, _ := parsePointer(pointer) // made by leaves
			leaf.Reported, leaf.Reports = lookup(r.State, tokens)
			leaf.Same = leaf.Reports && same(value, leaf.Reported, tolerance.at(pointer))
			leaf.Ack = r.ackOf(pointer)
		}
		list = append(list, leaf)
		return true
	})
	return list
}

// Drifts reports whether one of the leaves is not as desired.
func Drifts(list []Leaf) bool {
	for _, leaf := range list {
		if !leaf.Same {
			return true
		}
	}
	return false
}

// same compares two values: numbers by value and tolerance, also those inside of arrays and objects.
func same(desired, reported any, tolerance float64) bool {
	switch d := desired.(type) {
	case State:
		r, ok := reported.(State)
		if len(d) == 0 {
			return ok // the setting is an object, whatever is in it
		}
		return ok && len(r) == len(d) && sameMembers(d, r, tolerance)
	case []any:
		r, ok := reported.([]any)
		if !ok || len(r) != len(d) {
			return false
		}
		for i := range d {
			if !same(d[i], r[i], tolerance) {
				return false
			}
		}
		return true
	case json.Number:
		r, ok := reported.(json.Number)
		return ok && sameNumber(d, r, tolerance)
	default:
		return payload.Equal(desired, reported)
	}
}

func sameMembers(d, r State, tolerance float64) bool {
	for name, value := range d {
		if other, ok := r[name]; !ok || !same(value, other, tolerance) {
			return false
		}
	}
	return true
}

// sameNumber compares by exact value, or within a tolerance. 20.9 is within 0.1 of 21 although their difference as
// binary numbers is a little more.
func sameNumber(a, b json.Number, tolerance float64) bool {
	if order, ok := payload.Compare(a, b); ok && order == 0 {
		return true
	}
	if tolerance <= 0 {
		return false
	}
	x, errX := strconv.ParseFloat(string(a), 64)
	y, errY := strconv.ParseFloat(string(b), 64)
	if errX != nil || errY != nil {
		return false
	}
	const rounding = 4 * 0x1p-52
	return math.Abs(x-y) <= tolerance+rounding*max(math.Abs(x), math.Abs(y))
}
