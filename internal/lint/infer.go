package lint

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
)

const (
	// maxEnum is how many different texts of a member count as a list of all that it may be.
	maxEnum = 12
	// sureAfter is how many messages make an observation one to rely on.
	sureAfter = 20
	// maxFields bounds the members that are described of one template.
	maxFields = 200
)

// Inference learns what the topics and payloads of messages look like, for a draft of a contract file. Its memory is
// bounded by the number of templates, not of devices.
type Inference struct {
	convention *Convention
	shapes     shapes
	seen       map[*shape]*observed
	levels     []string
	place      placed
	messages   int
	guide      int // messages whose topics fit the guide's convention
	roots      map[string]int
	sites      map[string]int
	check      messageCheck
	linter     *Linter
}

// observed is what was seen at one template.
type observed struct {
	messages, retained int
	qos                [3]int
	json               int
	texts              map[string]int
	fields             map[string]*field
	example            string
	role               contract.Role
	unit               map[string]int
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

// NewInference returns an Inference that has seen nothing.
func NewInference() *Inference {
	l, _ := New(Options{}) // there is nothing in the options that could be wrong
	return &Inference{
		convention: l.convention, linter: l, seen: map[*shape]*observed{}, roots: map[string]int{}, sites: map[string]int{},
	}
}

// Messages is the number of messages seen.
func (n *Inference) Messages() int { return n.messages }

// Add looks at a message.
func (n *Inference) Add(m message.Message) {
	n.messages++
	n.levels = splitLevels(n.levels, m.Topic)
	n.convention.place(m.Topic, n.levels, &n.place)
	s := n.shapes.add(n.levels, n.place.fixed, n.convention.word)
	o := n.seen[s]
	if o == nil {
		o = &observed{
			texts: map[string]int{}, fields: map[string]*field{}, unit: map[string]int{}, example: strings.Clone(m.Topic), role: n.place.role,
		}
		n.seen[s] = o
	}
	if n.place.kind != nil {
		n.guide++
		count(n.roots, n.place.root)
		count(n.sites, n.place.site)
	}
	o.messages++
	if m.Retain {
		o.retained++
	}
	o.qos[min(m.QoS, 2)]++
	n.payload(o, m.Payload)
}

// ReadCapture looks at the messages of a capture. Lines that are none are counted.
func (n *Inference) ReadCapture(r io.Reader) (bad int, err error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for s.Scan() {
		if len(s.Bytes()) == 0 {
			continue
		}
		m, err := message.ParseJSON(s.Bytes())
		if err != nil {
			bad++
			continue
		}
		n.Add(m)
	}
	return bad, s.Err()
}

// count counts a text, in a bounded map.
func count(m map[string]int, text string) {
	const most = 1000
	if _, known := m[text]; known || len(m) < most {
		m[strings.Clone(text)]++
	}
}

func (n *Inference) payload(o *observed, body []byte) {
	n.check.reset(n.linter, subject{}, body)
	if !n.check.object() {
		if len(body) <= 64 && len(o.texts) <= maxEnum {
			o.texts[string(body)]++
		}
		return
	}
	o.json++
	for i := range n.check.members {
		m := &n.check.members[i]
		pointer := n.check.templatePointer(i)
		f := o.fields[pointer]
		if f == nil {
			if len(o.fields) >= maxFields {
				continue
			}
			f = &field{types: map[string]int{}, texts: map[string]int{}}
			o.fields[pointer] = f
		}
		f.add(m.value)
	}
	if unit, ok := n.check.get("unit"); ok && len(o.unit) <= maxEnum {
		o.unit[strings.Clone(unit.Str)]++
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
		if _, known := f.texts[v.Str]; !known && len(f.texts) >= maxEnum {
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
	o.json += b.json
	for i := range o.qos {
		o.qos[i] += b.qos[i]
	}
	for text, k := range b.texts {
		o.texts[text] += k
	}
	for unit, k := range b.unit {
		o.unit[unit] += k
	}
	for pointer, f := range b.fields {
		if own := o.fields[pointer]; own != nil {
			own.absorb(f)
		} else {
			o.fields[pointer] = f
		}
	}
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

// inferred is a template with what was seen there.
type inferred struct {
	template string
	*observed
}

// templates puts together what belongs together.
func (n *Inference) templates() []inferred {
	n.shapes.settle()
	merged := map[string]*observed{}
	for s, o := range n.seen {
		name := s.template()
		if first := merged[name]; first != nil {
			if o.example < first.example {
				first.example = o.example
			}
			first.absorb(o)
		} else {
			merged[name] = o
		}
	}
	var all []inferred
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		all = append(all, inferred{name, merged[name]})
	}
	return all
}

// mostly returns the text that was seen most.
func mostly(m map[string]int) (text string, sure bool) {
	total, best := 0, 0
	for _, t := range slices.Sorted(maps.Keys(m)) {
		total += m[t]
		if m[t] > best {
			text, best = t, m[t]
		}
	}
	return text, best == total && total > 0
}

// qosSeen is the QoS that most messages had, and whether all had it.
func (o *observed) qosSeen() (q int, sure bool) {
	for i, k := range o.qos {
		if k > o.qos[q] {
			q = i
		}
	}
	return q, o.qos[q] == o.messages
}

// retainSeen is what the contract says about RETAIN. For a subscriber without Retain As Published a live message of a
// retained topic has no flag, so that one with it tells more than one without.
func (o *observed) retainSeen() string {
	if o.retained > 0 {
		return "true"
	}
	return "false"
}

func confidence(messages int) string {
	if messages >= sureAfter {
		return ""
	}
	return ", which is few"
}

// pointers returns the members, sorted so that the order does not depend on a map.
func (o *observed) pointers() []string {
	return slices.SortedFunc(maps.Keys(o.fields), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), strings.Compare(a, b))
	})
}

// schema is a JSON Schema of the payloads, in one line: the members at the top, their types, and ranges that were seen.
func (o *observed) schema() string {
	var properties, required []string
	for _, pointer := range o.pointers() {
		if strings.Count(pointer, "/") != 1 {
			continue
		}
		f, name := o.fields[pointer], strconv.Quote(pointer[1:])
		properties = append(properties, name+":"+f.schema())
		if f.seen*100 >= o.json*99 {
			required = append(required, name)
		}
	}
	return `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":[` + strings.Join(required, ",") +
		`],"properties":{` + strings.Join(properties, ",") + `}}`
}

func (f *field) schema() string {
	types := slices.Sorted(maps.Keys(f.types))
	quoted := make([]string, len(types))
	for i, t := range types {
		quoted[i] = strconv.Quote(t)
	}
	text := `{"type":[` + strings.Join(quoted, ",") + `]`
	if len(types) == 1 {
		text = `{"type":` + quoted[0]
	}
	if len(types) == 1 && types[0] == "string" && !f.overflow && len(f.texts) <= maxEnum && f.seen >= sureAfter {
		values := slices.Sorted(maps.Keys(f.texts))
		for i := range values {
			values[i] = quote([]byte(values[i]))
		}
		text += `,"enum":[` + strings.Join(values, ",") + `]`
	}
	return text + "}"
}

// observedRange says what numbers were seen, for a comment.
func (o *observed) observedRange() string {
	for _, pointer := range []string{"/v", "/value"} {
		if f := o.fields[pointer]; f != nil && f.types["number"] > 0 {
			return fmt.Sprintf(", %s from %g to %g", pointer[1:], f.least, f.most)
		}
	}
	return ""
}
