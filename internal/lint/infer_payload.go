package lint

import (
	"path"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/payload"
)

// bodies are JSON objects that name one schema, or none, and what their members were.
type bodies struct {
	messages int
	fields   map[string]*field // by JSON Pointer, with /* for the elements of an array
	// unfit says that one of them is more than can be described: a schema made of the rest would refuse it.
	unfit bool
}

// field is a member of payloads.
type field struct {
	seen     int
	types    map[string]int
	least    float64
	most     float64
	texts    map[string]int
	overflow bool
}

// payload looks at a payload of a template.
func (n *Inference) payload(o *observed, body []byte) {
	n.check.reset(n.linter, subject{}, body)
	switch {
	case len(body) == 0:
		return // it clears what was retained
	case !n.check.object():
		o.other++
		if !n.check.json {
			o.notJSON++
		}
		return
	}
	value, _ := n.check.get("schema")
	name := schemaName(value)
	b := o.bodies[name]
	if b == nil {
		name = strings.Clone(name)
		if len(o.bodies) >= maxNamed && name != unnamed {
			n.crowded[name] = true
			return
		}
		b = &bodies{fields: map[string]*field{}}
		o.bodies[name] = b
	}
	b.add(&n.check.payloadCheck)
	if unit, ok := n.check.get("unit"); ok && len(o.unit) <= maxEnum && len(unit.Str) <= maxText {
		o.unit[strings.Clone(unit.Str)]++
	}
}

// unnamed is the name of the schema of payloads that name none.
const unnamed = ""

// schemaName returns what a payload calls its schema, when a contract file can call one so.
func schemaName(v gjson.Result) string {
	if _, err := path.Match(v.Str, ""); err != nil || v.Type != gjson.String || len(v.Str) > maxText || strings.ContainsAny(v.Str, "*?[\\") {
		return unnamed
	}
	return v.Str
}

func (b *bodies) add(c *payloadCheck) {
	b.messages++
	// An object with a member twice is read by some and refused by others.
	if _, err := payload.Parse(c.body); err != nil || len(c.members) >= maxMembers {
		b.unfit = true
	}
	for i := range c.members {
		pointer := c.templatePointer(i)
		f := b.fields[pointer]
		if f == nil {
			if len(b.fields) >= maxFields || len(pointer) > 4*maxText {
				continue
			}
			f = &field{types: map[string]int{}, texts: map[string]int{}}
			b.fields[pointer] = f
		}
		f.add(c.members[i].value)
	}
}

func (f *field) add(v gjson.Result) {
	kind := typeName(v)
	switch kind {
	case "number":
		if f.types[kind] == 0 {
			f.least, f.most = v.Num, v.Num
		}
		f.least, f.most = min(f.least, v.Num), max(f.most, v.Num)
	case "string":
		if _, known := f.texts[v.Str]; !known && len(f.texts) >= maxEnum || len(v.Str) > maxText {
			f.overflow = true
		} else {
			f.texts[strings.Clone(v.Str)]++
		}
	}
	f.seen++
	f.types[kind]++
}

// absorb adds what was seen at a template that has become the same.
func (o *observed) absorb(b *observed) {
	o.messages += b.messages
	o.retained += b.retained
	o.other += b.other
	o.notJSON += b.notJSON
	for i := range o.qos {
		o.qos[i] += b.qos[i]
	}
	for unit, k := range b.unit {
		o.unit[unit] += k
	}
	for name, more := range b.bodies {
		o.bodies[name] = o.bodies[name].plus(more)
	}
}

// objects counts the payloads that are JSON objects.
func (o *observed) objects() int {
	n := 0
	for _, b := range o.bodies {
		n += b.messages
	}
	return n
}

// plus returns b with another one in it, which stays as it is. b may be nil.
func (b *bodies) plus(more *bodies) *bodies {
	if b == nil {
		b = &bodies{fields: map[string]*field{}}
	}
	b.messages += more.messages
	b.unfit = b.unfit || more.unfit
	for pointer, f := range more.fields {
		own := b.fields[pointer]
		if own == nil {
			own = &field{types: map[string]int{}, texts: map[string]int{}}
			b.fields[pointer] = own
		}
		own.absorb(f)
	}
	return b
}

func (f *field) absorb(b *field) {
	if f.types["number"] == 0 {
		f.least, f.most = b.least, b.most
	} else if b.types["number"] > 0 {
		f.least, f.most = min(f.least, b.least), max(f.most, b.most)
	}
	f.seen += b.seen
	f.overflow = f.overflow || b.overflow
	for t, k := range b.types {
		f.types[t] += k
	}
	for t, k := range b.texts {
		f.texts[t] += k
	}
}

// observedRange says what numbers were seen, for a comment.
func (o *observed) observedRange() string {
	for _, pointer := range []string{"/v", "/value"} {
		all := &field{types: map[string]int{}, texts: map[string]int{}}
		for _, name := range sortedNames(o.bodies) {
			if f := o.bodies[name].fields[pointer]; f != nil && f.types["number"] > 0 {
				all.absorb(&field{types: map[string]int{"number": 1}, least: f.least, most: f.most})
			}
		}
		if all.types["number"] > 0 {
			return ", " + pointer[1:] + " from " + all.span()
		}
	}
	return ""
}
