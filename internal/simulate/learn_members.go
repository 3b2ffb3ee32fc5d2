package simulate

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/profile"
)

// learnedNode is what was seen at one place of the payloads of a signal: objects, arrays, or values that are neither.
type learnedNode struct {
	objects, arrays, nulls, scalars int

	names   []string // of members, in the order in which they were seen
	members map[string]*learnedNode
	items   []*learnedNode

	// leaf has the values that are neither, without the long texts; long are those, longest and shortest in bytes.
	leaf              learnedSignal
	long              int
	firstLong         string
	shortest, longest int
}

// Of what is too much for a profile the rest is left out: members of an object, items of an array, levels.
const (
	mostLearnedMembers = 200
	mostLearnedItems   = 50
	deepestLearned     = 8
	longestWord        = 64
	longestConstant    = 1 << 10
)

// seen is how often something was there.
func (n *learnedNode) seen() int { return n.objects + n.arrays + n.nulls + n.scalars }

// see takes what is in one payload. samples counts the values that are kept.
func (n *learnedNode) see(v gjson.Result, at time.Time, depth int, samples *int) {
	switch {
	case v.Type == gjson.Null:
		n.nulls++
	case v.IsObject() && !isPlace(v):
		n.objects++
		if depth < deepestLearned {
			n.seeMembers(v, at, depth, samples)
		}
	case v.IsArray():
		n.arrays++
		if depth < deepestLearned {
			n.seeItems(v, at, depth, samples)
		}
	case v.Type == gjson.String && len(v.Str) > longestWord:
		n.scalars++
		if n.long++; n.long == 1 {
			n.firstLong, n.shortest = v.Str, len(v.Str)
		}
		if v.Str != n.firstLong {
			n.firstLong = "" // they differ
		}
		n.shortest, n.longest = min(n.shortest, len(v.Str)), max(n.longest, len(v.Str))
	default:
		n.scalars++
		if value, ok := plainLearned(v); ok && *samples < maxSamples {
			*samples++
			n.leaf.times, n.leaf.values = append(n.leaf.times, at), append(n.leaf.values, value)
		}
	}
}

func (n *learnedNode) seeMembers(v gjson.Result, at time.Time, depth int, samples *int) {
	if n.members == nil {
		n.members = map[string]*learnedNode{}
	}
	once := map[string]bool{}
	v.ForEach(func(key, value gjson.Result) bool {
		name := key.Str
		m := n.members[name]
		switch {
		case once[name], len(name) > longestConstant, m == nil && len(n.names) >= mostLearnedMembers:
			return true
		case m == nil:
			m = &learnedNode{}
			n.members[name] = m
			n.names = append(n.names, name)
		}
		once[name] = true
		m.see(value, at, depth+1, samples)
		return true
	})
}

func (n *learnedNode) seeItems(v gjson.Result, at time.Time, depth int, samples *int) {
	for i, item := range v.Array() {
		if i == mostLearnedItems {
			return
		}
		if i == len(n.items) {
			n.items = append(n.items, &learnedNode{})
		}
		n.items[i].see(item, at, depth+1, samples)
	}
}

// forget leaves a member out.
func (n *learnedNode) forget(name string) {
	delete(n.members, name)
	n.names = slices.DeleteFunc(n.names, func(one string) bool { return one == name })
}

// usual are the members that most objects have: devices of one sort have the same.
func (n *learnedNode) usual() []string {
	var names []string
	for _, name := range n.names {
		if n.members[name].seen()*2 >= n.objects {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// always is the text that it is in each of so many payloads.
func (n *learnedNode) always(payloads int) (text string, ok bool) {
	if n == nil || n.seen() != payloads || len(n.leaf.values) != payloads {
		return "", false
	}
	text, ok = n.leaf.values[0].(string)
	return text, ok && !slices.ContainsFunc(n.leaf.values, func(v any) bool { return v != text })
}

// value says in the words of a profile how a place of a payload is filled, in one line.
func (n *learnedNode) value(names *anonymiser) string {
	switch {
	case n.objects > 0 && n.objects >= n.arrays && n.objects >= n.scalars:
		list := make([]string, len(n.names))
		for i, name := range n.names {
			list[i] = quoted(name) + ": " + n.member(name, names)
		}
		return "{ members: { " + strings.Join(list, ", ") + " } }"
	case n.arrays > 0 && n.arrays >= n.scalars:
		list := make([]string, len(n.items))
		for i, item := range n.items {
			list[i] = missing(item.value(names), item.seen(), n.arrays)
		}
		return "{ items: [" + strings.Join(list, ", ") + "] }"
	case n.scalars == 0:
		return "null"
	case n.long*2 > n.scalars || len(n.leaf.values) == 0:
		return n.longText(names)
	}
	if form, ok := n.leaf.isTime(); ok {
		return "{ time: " + string(form) + " }"
	}
	return n.leaf.value(names)
}

// member is the value of a member, which may be missing now and then.
func (n *learnedNode) member(name string, names *anonymiser) string {
	m := n.members[name]
	return missing(m.value(names), m.seen(), n.objects)
}

// missing lets a value drop out as often as it was not there.
func missing(text string, seen, of int) string {
	const rarely = 0.005
	share := 1 - float64(seen)/float64(max(1, of))
	if share < rarely || text == "null" {
		return text
	}
	inside, ok := strings.CutSuffix(text, " }")
	if !ok {
		inside = "{ constant: " + text
	}
	return fmt.Sprintf("%s, dropout: %s%% }", inside, numberText(decimals(100*share, 1)))
}

// longText is a long text: always the same one, or one of like length that says nothing.
func (n *learnedNode) longText(names *anonymiser) string {
	if n.firstLong != "" && n.longest <= longestConstant && len(n.leaf.values) == 0 {
		return "{ constant: " + names.written(n.firstLong) + " }"
	}
	const largest = 1 << 20
	size := func(length int) int { return min(largest, max(1, length*3/4)) } // in base64 they are more
	if low, high := size(n.shortest), size(n.longest); low != high {
		return fmt.Sprintf("{ blob: { size: %d..%d } }", low, high)
	}
	return fmt.Sprintf("{ blob: { size: %d } }", size(n.longest))
}

// isTime reports whether values are the times at which they were sent, and in which form.
func (s *learnedSignal) isTime() (form profile.Timestamp, ok bool) {
	for i, v := range s.values {
		at, here, isOne := writtenTime(v, s.times[i])
		if !isOne || form != "" && here != form {
			return "", false
		}
		// A time without a zone may be that of any.
		const farthest = 15 * time.Hour
		if !s.times[i].IsZero() && at.Sub(s.times[i]).Abs() > farthest {
			return "", false
		}
		form = here
	}
	return form, form != ""
}

// writtenTime reads a value as a time. A number is one only if it is about when it came.
func writtenTime(v any, came time.Time) (at time.Time, form profile.Timestamp, ok bool) {
	switch v := v.(type) {
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at, profile.RFC3339, true
		}
		at, err := time.Parse("2006-01-02T15:04:05", v)
		return at, profile.Local, err == nil
	case float64:
		const secondsBelow = 1e11
		switch {
		case came.IsZero() || v != math.Trunc(v):
			return at, "", false
		case v < secondsBelow:
			return time.Unix(int64(v), 0), profile.Seconds, true
		default:
			return time.UnixMilli(int64(v)), profile.Milliseconds, true
		}
	default:
		return at, "", false
	}
}

// isPlace reports whether an object is a position and nothing else.
func isPlace(v gjson.Result) bool {
	if _, ok := placeOf(v); !ok {
		return false
	}
	only := true
	v.ForEach(func(key, _ gjson.Result) bool {
		only = slices.Contains([]string{"lat", "lon", "alt", "speed", "heading"}, key.Str)
		return only
	})
	return only
}

// placeOf is an object as a position.
func placeOf(v gjson.Result) (Position, bool) {
	lat, lon := v.Get("lat"), v.Get("lon")
	ok := lat.Type == gjson.Number && lon.Type == gjson.Number && math.Abs(lat.Num) < 90 && math.Abs(lon.Num) <= 180
	return Position{Lat: lat.Num, Lon: lon.Num}, ok
}

// plainLearned is a value that is neither an object nor an array, or a position.
func plainLearned(v gjson.Result) (any, bool) {
	switch v.Type {
	case gjson.Number:
		if math.Abs(v.Num) <= largestLearned {
			return v.Num, true
		}
		return json.Number(v.Raw), isWhole(v.Raw)
	case gjson.String:
		return v.Str, len(v.Str) <= longestWord
	case gjson.True, gjson.False:
		return v.Bool(), true
	default:
		return placeOf(v)
	}
}

// writeMembers writes the members of a payload, one a line.
func (s *learnedSignal) writeMembers(b *strings.Builder, names *anonymiser) {
	if len(s.whole.names) == 0 {
		b.WriteString("        members: {}\n")
		return
	}
	b.WriteString("        members:\n")
	for _, name := range s.whole.names {
		b.WriteString("          " + quoted(name) + ": " + s.whole.member(name, names) + "\n")
	}
}

// flat reports whether the payloads are objects whose members are more than a value with what belongs to it.
func (s *learnedSignal) flat() bool {
	if s.whole == nil || s.whole.objects == 0 || s.whole.objects*2 < s.whole.seen() {
		return false
	}
	return slices.ContainsFunc(s.whole.names, func(name string) bool {
		switch name {
		case "v", "value":
			return name != s.key
		case "ts", "unit", "schema":
			return false
		case "id":
			return !s.event
		}
		return true
	}) || s.whole.members[s.key].nested()
}

// nested reports whether there are objects or arrays, or nothing at all.
func (n *learnedNode) nested() bool { return n == nil || n.objects+n.arrays > 0 }

// settle ends what is learned of a signal: which of its members are the value.
func (s *learnedSignal) settle() {
	if s.settled = true; !s.flat() {
		if s.whole != nil && s.key != "" && s.whole.members[s.key] != nil {
			leaf := &s.whole.members[s.key].leaf
			s.times, s.values = append(s.times, leaf.times...), append(s.values, leaf.values...)
		}
		s.whole = nil
		return
	}
	if s.stamp != profile.NoTimestamp {
		s.whole.forget("ts")
	}
	if s.event {
		s.whole.forget("id")
	}
	for name, text := range map[string]*string{"unit": &s.unit, "schema": &s.schema} {
		var ok bool
		if *text, ok = s.whole.members[name].always(s.whole.objects); ok {
			s.whole.forget(name)
		}
	}
}

// shape tells signals apart whose payloads differ.
func (s *learnedSignal) shape() string {
	if s.whole == nil {
		return strconv.Quote(s.name)
	}
	return fmt.Sprintf("%q%q", s.name, s.whole.usual())
}
