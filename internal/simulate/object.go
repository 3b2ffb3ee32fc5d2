package simulate

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
)

// object is a value with members, in the order of the profile.
type object []member

type member struct {
	name  string
	value any
}

// array is a value of several.
type array []any

// timestamp is the time of the measurement that it is in, in a form: the clock of the device may be wrong about it.
type timestamp profile.Timestamp

// String is the object as people read it; times are those of when it is read, as nobody knows better.
func (o object) String() string { return string(appendValue(nil, o, time.Now())) }

// String is the array as people read it.
func (a array) String() string { return string(appendValue(nil, a, time.Now())) }

// composite is a source whose values are objects, or arrays where the members have no names.
type composite struct {
	names  []string // nil for an array
	values []*signalValue
}

// newComposite makes the parts of a value, each with streams of its own.
func newComposite(v *profile.Value, newPart func(v *profile.Value, name string) *signalValue) source {
	c := &composite{}
	switch from := v.Source.(type) {
	case *profile.Members:
		c.names = []string{}
		for _, m := range from.List {
			c.names = append(c.names, m.Name)
			c.values = append(c.values, newPart(m.Value, m.Name))
		}
	case *profile.Items:
		for i, item := range from.List {
			c.values = append(c.values, newPart(item, strconv.Itoa(i)))
		}
	}
	return c
}

func (c *composite) next(m *moment) any {
	o, a := object{}, array{}
	for i, v := range c.values {
		value, ok := v.next(m)
		switch {
		case !ok:
		case c.names != nil:
			o = append(o, member{c.names[i], value})
		default:
			a = append(a, value)
		}
	}
	if c.names != nil {
		return o
	}
	return a
}

type timeSource struct{ *profile.Time }

func (t timeSource) next(*moment) any { return timestamp(t.As) }

// written is a time in its form: a number, or a text.
func (t timestamp) written(at time.Time) (number int64, text string) {
	switch profile.Timestamp(t) {
	case profile.Milliseconds:
		return at.UnixMilli(), ""
	case profile.RFC3339:
		return 0, string(message.AppendTime(nil, at))
	case profile.Local:
		return 0, at.UTC().Format("2006-01-02T15:04:05")
	default:
		return at.Unix(), ""
	}
}

// equalValues reports whether two values of a signal are written alike.
func equalValues(a, b any) bool {
	switch a := a.(type) {
	case object:
		b, ok := b.(object)
		return ok && slices.EqualFunc(a, b, func(x, y member) bool { return x.name == y.name && equalValues(x.value, y.value) })
	case array:
		b, ok := b.(array)
		return ok && slices.EqualFunc(a, b, equalValues)
	case blobBytes:
		b, ok := b.(blobBytes)
		return ok && bytes.Equal(a.bytes, b.bytes)
	default:
		return a == b
	}
}

// mapNumbers is a value with other numbers in it.
func mapNumbers(v any, to func(float64) any) any {
	switch v := v.(type) {
	case float64:
		return to(v)
	case object:
		out := make(object, len(v))
		for i, m := range v {
			out[i] = member{m.name, mapNumbers(m.value, to)}
		}
		return out
	case array:
		out := make(array, len(v))
		for i, item := range v {
			out[i] = mapNumbers(item, to)
		}
		return out
	default:
		return v
	}
}

// find is the member of an object at a path of names with points between.
func (o object) find(path string) (any, bool) {
	for _, m := range o {
		if m.name == path {
			return m.value, true
		}
		inner, ok := m.value.(object)
		if n := len(m.name); ok && len(path) > n && path[:n] == m.name && path[n] == '.' {
			if v, ok := inner.find(path[n+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// plainObject is an object as expressions see it.
func (o object) plainObject() map[string]any {
	out := make(map[string]any, len(o))
	for _, m := range o {
		switch v := m.value.(type) {
		case object:
			out[m.name] = v.plainObject()
		case float64, string, bool:
			out[m.name] = v
		default:
			if n, ok := asNumber(v); ok {
				out[m.name] = n
			}
		}
	}
	return out
}

// firstLeaf is the path of the first number of a value in gjson's words, or of its first member that is none, and what is there.
func firstLeaf(v any) (path string, leaf any) {
	o, ok := v.(object)
	if !ok {
		return "", v
	}
	for _, m := range o {
		inner, at := firstLeaf(m.value)
		here := gjson.Escape(m.name)
		if inner != "" {
			here += "." + inner
		}
		if _, number := at.(float64); number {
			return here, at
		}
		if path == "" {
			path, leaf = here, at
		}
	}
	return path, leaf
}
