package retained

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Difference is what became of the Retained Message of one topic.
type Difference struct {
	Op    payload.Op
	Topic string
	// From and To are the messages; From is nil when it was added, To when it was removed.
	From, To *Version
	// Fields names what differs in a changed message: "payload", "qos" and the properties by their names in JSON.
	Fields []string
	// Changes are the differences of two JSON payloads. There are none when one of them is not JSON, was not kept, or when
	// they are the same JSON value in other bytes: see SameValue.
	Changes   []payload.Change
	SameValue bool
	// MoreChanges is how many differences were left out.
	MoreChanges int
}

// Version is a message on one side of a Difference.
type Version struct {
	Message message.Message
	// Size is that of the payload, which is nil when Kept is false: then only its fingerprint was in memory.
	Size int
	Kept bool
}

// DiffOptions say what counts as a difference, and how much is kept for it.
type DiffOptions struct {
	// PayloadOnly leaves out QoS and properties, for sides that do not know them: a Server below MQTT 5, a subscription at
	// QoS 0.
	PayloadOnly bool
	// Keep is how many bytes of payloads of the first side stay in memory; 0 is 64 MiB. Of the payloads beyond, a 64-bit
	// fingerprint tells that they changed, but not how.
	Keep int
}

// defaultKeep is the default of DiffOptions.Keep.
const defaultKeep = 64 << 20

// Differ compares two states of Retained Messages. The first one is given to [Differ.Before] message by message and held
// in memory, topics and fingerprints at least; the second one streams through [Differ.After], in any order. What is left
// then was removed: [Differ.Removed]. It is not safe for concurrent use.
type Differ struct {
	options DiffOptions
	before  map[string]*remembered
	after   map[string]struct{} // topics of After that Before does not have
	seed    maphash.Seed
	kept    int
}

// remembered is a message of the first side.
type remembered struct {
	print      uint64 // of the payload
	size       int
	payload    []byte // nil when not kept
	properties *wire.Properties
	qos        byte
	met        bool // After has shown this topic
}

// NewDiffer returns a Differ.
func NewDiffer(o DiffOptions) *Differ {
	o.Keep = cmp.Or(o.Keep, defaultKeep)
	return &Differ{
		options: o, before: map[string]*remembered{}, after: map[string]struct{}{}, seed: maphash.MakeSeed(),
	}
}

// Before takes a message of the first side and keeps nothing of its memory. Of several with one topic the last counts; one
// without a payload takes the topic away.
func (d *Differ) Before(m message.Message) {
	if old, ok := d.before[m.Topic]; ok {
		d.kept -= len(old.payload)
		delete(d.before, m.Topic)
	}
	if len(m.Payload) == 0 {
		return
	}
	r := &remembered{print: maphash.Bytes(d.seed, m.Payload), size: len(m.Payload), qos: m.QoS}
	if d.kept+len(m.Payload) <= d.options.Keep {
		r.payload = bytes.Clone(m.Payload)
		d.kept += len(m.Payload)
	}
	if !d.options.PayloadOnly {
		r.properties = m.Properties.Clone()
	}
	d.before[strings.Clone(m.Topic)] = r
}

// After takes a message of the second side and returns the difference it makes, if any. The Difference refers to m's memory.
// A topic counts once.
func (d *Differ) After(m message.Message) (Difference, bool) {
	if len(m.Payload) == 0 {
		return Difference{}, false
	}
	r, ok := d.before[m.Topic]
	if !ok {
		if _, again := d.after[m.Topic]; again {
			return Difference{}, false
		}
		d.after[strings.Clone(m.Topic)] = struct{}{}
		return Difference{Op: payload.Added, Topic: m.Topic, To: versionOf(m)}, true
	}
	if r.met {
		return Difference{}, false
	}
	r.met = true
	diff := Difference{Op: payload.Changed, Topic: m.Topic, To: versionOf(m)}
	if r.size != len(m.Payload) || r.print != maphash.Bytes(d.seed, m.Payload) {
		diff.Fields = append(diff.Fields, "payload")
		diff.compareValues(r.payload, m.Payload)
	}
	if !d.options.PayloadOnly {
		if r.qos != m.QoS {
			diff.Fields = append(diff.Fields, "qos")
		}
		diff.Fields = append(diff.Fields, changedProperties(r.properties, m.Properties)...)
	}
	diff.From = r.version(m.Topic)
	d.release(r)
	return diff, len(diff.Fields) > 0
}

// release lets go of what is not needed any more.
func (d *Differ) release(r *remembered) {
	d.kept -= len(r.payload)
	r.payload, r.properties = nil, nil
}

// Removed calls yield with the topics that After has not shown, in byte order, until it returns false.
func (d *Differ) Removed(yield func(Difference) bool) {
	for _, name := range slices.Sorted(maps.Keys(d.before)) {
		r := d.before[name]
		if !r.met && !yield(Difference{Op: payload.Removed, Topic: name, From: r.version(name)}) {
			return
		}
	}
}

func versionOf(m message.Message) *Version {
	return &Version{Message: m, Size: len(m.Payload), Kept: true}
}

func (r *remembered) version(name string) *Version {
	return &Version{
		Message: message.Message{Topic: name, Payload: r.payload, QoS: r.qos, Retain: true, Properties: r.properties},
		Size:    r.size,
		Kept:    r.payload != nil,
	}
}

// compareValues finds the differences of two payloads that are JSON.
func (d *Difference) compareValues(from, to []byte) {
	a, err := payload.Parse(from)
	if err != nil { // not kept is not JSON either
		return
	}
	b, err := payload.Parse(to)
	if err != nil {
		return
	}
	for c := range payload.Changes(a, b) {
		if len(d.Changes) == maxChanges {
			d.MoreChanges++
			continue
		}
		d.Changes = append(d.Changes, c)
	}
	d.SameValue = len(d.Changes) == 0
}

// changedProperties names the properties of a message that differ. The Message Expiry Interval does not count: the Server
// counts it down (MQTT 5, section 3.3.2.3.3). Nor do Subscription Identifiers, which belong to the delivery.
func changedProperties(a, b *wire.Properties) []string {
	if a.Empty() && b.Empty() {
		return nil
	}
	var none wire.Properties
	if a == nil {
		a = &none
	}
	if b == nil {
		b = &none
	}
	var names []string
	note := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	note("message_expiry_interval", a.Has(wire.PropMessageExpiryInterval) == b.Has(wire.PropMessageExpiryInterval))
	note("content_type", a.ContentType == b.ContentType)
	note("response_topic", a.ResponseTopic == b.ResponseTopic)
	note("correlation_data", bytes.Equal(a.CorrelationData, b.CorrelationData))
	note("user_properties", slices.Equal(a.UserProperties, b.UserProperties))
	note("payload_format_indicator", a.PayloadFormatIndicator == b.PayloadFormatIndicator)
	return names
}
