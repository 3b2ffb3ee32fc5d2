package lint

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
)

const (
	// maxMembers and maxNesting bound how much of a payload the rules see.
	maxMembers = 4096
	maxNesting = 32
)

// member is one value in a payload.
type member struct {
	parent int // in the list of members, -1 at the top
	key    string
	index  int // in an array, else -1
	value  gjson.Result
}

// payloadCheck is a payload under check, with the message around it when there is one.
type payloadCheck struct {
	finder

	place *placed
	body  []byte
	// now is when the payload was received, or is looked at.
	now time.Time
	// json says that body is one JSON value; text that the convention wants no JSON here.
	json bool
	text bool
	// members are all values below the top one, parents before children.
	members []member
	// made is when the payload was made, once that was asked for.
	made      time.Time
	madeErr   error
	madeKnown bool
}

// messageCheck is a message under check.
type messageCheck struct {
	payloadCheck

	message message.Message
	// live is a message that was published just now, and not one that was retained before.
	live bool
	// history is what is known of the topic; nil for a topic beyond the bounds.
	history *topicHistory
	first   bool // of its topic
	// published says that the RETAIN flag is the publisher's. A Server clears it for subscribers that did not ask for Retain
	// As Published, so that a message that was received without the flag may have been published with it.
	published bool
}

// Payload checks a payload as one of a topic. Without a topic it is taken for telemetry of the convention.
func (l *Linter) Payload(name string, body []byte, at Place) {
	l.checked++
	l.payloadPlace(name)
	c := &l.memory.message
	at.span = span{end: len(body), next: len(body)}
	c.reset(l, subject{kind: Payload, topic: name, place: at}, body)
	c.now = l.now()
	for _, a := range l.pay {
		c.rule = a
		a.payload(&c.payloadCheck)
	}
}

// payloadPlace places a payload that may have no topic.
func (l *Linter) payloadPlace(name string) {
	if name != "" {
		l.levels = splitLevels(l.levels, name)
		l.convention.place(name, l.levels, &l.place)
		return
	}
	l.place = placed{siteAt: -1, deviceAt: -1}
	if l.convention.Contract == nil {
		return
	}
	for k := range l.convention.Contract.ByRole(contract.Telemetry) {
		l.place.kind, l.place.role, l.place.rule = k, k.Role, k.Rule
		return
	}
}

// Message checks a message: its topic, its payload and how it was sent. kind is Messages for a capture, whose times are
// those of the messages, and Live for messages that come in now.
//
// published says that the RETAIN flag is as it was published: not so in a subscription without Retain As Published.
func (l *Linter) Message(kind Kind, m message.Message, published bool, at Place) {
	l.checked++
	if strings.HasPrefix(m.Topic, "$") && (kind == Live || !published) {
		return // the Server's own
	}
	if len(m.Topic) > topic.MaxLen {
		l.tooLong(kind, m.Topic, at)
		return
	}
	c := &l.memory.message
	h, first := l.memory.historyOf(m.Topic)
	if first || l.outgoing {
		t := l.lookAt(kind, m.Topic, at)
		c.reset(l, t.subject, m.Payload)
	} else {
		t := l.prepare(kind, m.Topic, at)
		c.reset(l, t.subject, m.Payload)
	}
	c.message, c.history, c.first, c.live, c.published = m, h, first, !m.Retain, published
	if c.now = m.Time; c.now.IsZero() {
		c.now = l.now()
	}
	for _, a := range l.pay {
		c.rule = a
		a.payload(&c.payloadCheck)
	}
	for _, a := range l.msg {
		c.rule = a
		a.message(c)
	}
	if h == nil {
		return
	}
	for _, a := range l.hist {
		c.rule = a
		a.history(c)
	}
	h.remember(c)
}

// reset makes c ready for another payload.
func (c *messageCheck) reset(l *Linter, s subject, body []byte) {
	members := c.members[:0]
	*c = messageCheck{payloadCheck: payloadCheck{finder: finder{l: l, subject: s}, place: &l.place, body: body}}
	c.text = l.place.rule.Format != contract.JSON
	c.json = message.IsJSON(body)
	c.members = members
	if c.json {
		c.walk(gjson.ParseBytes(body), -1, 0)
	}
}

// walk lists the values below v.
func (c *payloadCheck) walk(v gjson.Result, parent, depth int) {
	if !v.IsObject() && !v.IsArray() || depth > maxNesting {
		return
	}
	array, i := v.IsArray(), 0
	v.ForEach(func(key, value gjson.Result) bool {
		m := member{parent: parent, key: key.Str, index: -1, value: value}
		if array {
			m.index = i
			i++
		}
		c.members = append(c.members, m)
		if value.IsObject() || value.IsArray() {
			c.walk(value, len(c.members)-1, depth+1)
		}
		return len(c.members) < maxMembers
	})
}

// get returns a member of the object at the top.
func (c *payloadCheck) get(key string) (gjson.Result, bool) {
	for i := range c.members {
		if m := &c.members[i]; m.parent == -1 && m.index == -1 && m.key == key {
			return m.value, true
		}
	}
	return gjson.Result{}, false
}

// object reports whether the payload is a JSON object.
func (c *payloadCheck) object() bool {
	return c.json && bytes.HasPrefix(bytes.TrimLeft(c.body, " \t\r\n"), []byte("{"))
}

// measured returns the value of a measurement.
func (c *payloadCheck) measured() (pointer string, v gjson.Result, ok bool) {
	if v, ok = c.get("v"); ok {
		return "/v", v, true
	}
	v, ok = c.get("value")
	return "/value", v, ok
}

// pointer is the JSON Pointer of a member.
func (c *payloadCheck) pointer(i int) string {
	m := &c.members[i]
	up := ""
	if m.parent >= 0 {
		up = c.pointer(m.parent)
	}
	if m.index >= 0 {
		return up + "/" + strconv.Itoa(m.index)
	}
	return up + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(m.key)
}

// template is the pointer of a member in which the indices of arrays are left open, so that findings are counted together.
func (c *payloadCheck) templatePointer(i int) string {
	m := &c.members[i]
	up := ""
	if m.parent >= 0 {
		up = c.templatePointer(m.parent)
	}
	if m.index >= 0 {
		return up + "/*"
	}
	return up + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(m.key)
}

// hashOf is a hash of bytes within one run.
func (m *memory) hashOf(p []byte) uint64 { return maphash.Bytes(m.seed, p) }
