package lint

import (
	"bufio"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
)

const (
	// maxEnum is how many different texts of a member count as a list of all that it may be.
	maxEnum = 12
	// sureAfter is how many messages make an observation one to rely on.
	sureAfter = 20
	// maxFields bounds the members that are described of one schema, maxNamed the schemas of one template, and maxText the
	// texts that are taken for one of a list.
	maxFields = 200
	maxNamed  = 8
	maxText   = 64
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
	crowded    map[string]bool // schemas of which not all payloads were looked at
	check      messageCheck
	linter     *Linter
}

// observed is what was seen at one template.
type observed struct {
	messages, retained int
	qos                [3]int
	// Payloads that are JSON objects, by the schema that they name; others that are not, and of these those that are no JSON.
	bodies         map[string]*bodies
	other, notJSON int
	example        string
	role           contract.Role
	unit           map[string]int
}

// NewInference returns an Inference that has seen nothing.
func NewInference() *Inference {
	l, _ := New(Options{}) // there is nothing in the options that could be wrong
	return &Inference{
		convention: l.convention, linter: l, seen: map[*shape]*observed{}, roots: map[string]int{}, sites: map[string]int{},
		crowded: map[string]bool{},
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
			bodies: map[string]*bodies{}, unit: map[string]int{}, example: strings.Clone(m.Topic), role: n.place.role,
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

// retainRule is what the contract says about RETAIN, and what to say about it. For a subscriber without Retain As Published a
// live message of a retained topic has no flag, so that one with it tells more than one without.
func (o *observed) retainRule(role contract.Role) (rule, note string) {
	seen := o.retained > 0
	switch {
	case seen && role == telemetry:
		return string(contract.RetainLast), "" // some of it may be, and none must
	case !contradicts(role, seen):
		return strconv.FormatBool(seen), ""
	case seen:
		return "false", ", some retained, which they should not be"
	default:
		return "true", ", none seen retained"
	}
}

func confidence(messages int) string {
	if messages >= sureAfter {
		return ""
	}
	return ", which is few"
}
