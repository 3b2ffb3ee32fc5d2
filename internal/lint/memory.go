package lint

import (
	"fmt"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

const (
	// maxTopics and maxDevices bound what is remembered of single topics and devices.
	maxTopics  = 100_000
	maxDevices = 200_000
	// maxKeys bounds the members whose types are remembered of one topic.
	maxKeys = 64
)

// memory is what the rules about many messages know. It is bounded; what does not fit in is checked by itself only.
type memory struct {
	seed     maphash.Seed
	topics   map[string]*topicHistory
	beyond   bool
	sites    map[uint64]uint64 // device -> site, hashed
	devices  bool              // maxDevices was reached
	names    map[uint64]string // site, by its hash
	styles   [2]styleUse       // snake_case and camelCase
	message  messageCheck
	filters  []placedFilter
	patterns *sourcePatterns
	program  *program
	seen     seenKinds
	rates    map[uint64]rateWindow // by device
	echoes   []echo
	pending  map[uint64]pendingCommand
	latest   time.Time // of the messages that are no commands
}

// styleUse counts the members written in one style.
type styleUse struct {
	members int
	key     string
}

// topicHistory is what is known of one topic.
type topicHistory struct {
	messages, liveCount, skewed int
	kind                        string // the role of the topic
	retained                    bool   // a retained message was seen, or one with the flag
	unretained                  bool
	lastTime                    time.Time // of receipt
	lastTS                      time.Time
	unit                        string
	keys                        uint64            // a hash of the member names, 0 when not known
	types                       map[string]string // by pointer
	body                        uint64            // a hash of the last payload
	bodies                      [4]uint64         // of the last messages with an id
	ids                         [4]uint64
	next                        int
	rev                         int64
	hasRev                      bool
	ack                         int64 // the rev of the desired state that a reported one answers
	hasAck                      bool
	status                      string
	changes                     []time.Time // of the status
	onlineRetain                flagSeen
	offlineRetain               flagSeen
	wentOffline                 time.Time       // the last live change to it
	schema                      string          // of the last payload that names one
	series                      series          // of the measured value
	state                       map[string]bool // the settings of a desired state, or all that were ever reported
	subject                     subject
	shape                       *shape
}

// flagSeen says with which RETAIN flags something was seen.
type flagSeen struct{ set, clear bool }

func (f *flagSeen) see(retain bool) {
	f.set = f.set || retain
	f.clear = f.clear || !retain
}

func (m *memory) init() {
	m.seed = maphash.MakeSeed()
	m.topics = map[string]*topicHistory{}
	m.sites = map[uint64]uint64{}
	m.names = map[uint64]string{}
	m.rates = map[uint64]rateWindow{}
	m.pending = map[uint64]pendingCommand{}
	m.seen.init()
}

// historyOf returns what is known of a topic, and whether it is new.
func (m *memory) historyOf(name string) (h *topicHistory, first bool) {
	if h = m.topics[name]; h != nil {
		return h, false
	}
	if len(m.topics) >= maxTopics {
		m.beyond = true
		return nil, true
	}
	h = &topicHistory{}
	m.topics[strings.Clone(name)] = h
	return h, true
}

// inOrder walks the topics by name, so that a report does not depend on a map.
func (m *memory) inOrder() iter.Seq2[string, *topicHistory] {
	return func(yield func(string, *topicHistory) bool) {
		for _, name := range slices.Sorted(maps.Keys(m.topics)) {
			if !yield(name, m.topics[name]) {
				return
			}
		}
	}
}

// known reports whether messages of a topic came before.
func (m *memory) known(name string) bool { return m.topics[name] != nil }

// otherSite returns another site at which the device of p was seen.
func (m *memory) otherSite(p *placed) (string, bool) {
	device := maphash.String(m.seed, p.device)
	site := maphash.String(m.seed, p.site)
	before, ok := m.sites[device]
	if !ok {
		if len(m.sites) >= maxDevices {
			m.devices = true
			return "", false
		}
		m.sites[device] = site
		if _, named := m.names[site]; !named && len(m.names) < maxDevices {
			m.names[site] = strings.Clone(p.site)
		}
		return "", false
	}
	return m.names[before], before != site
}

// notes says what did not fit in.
func (m *memory) notes() []string {
	var notes []string
	if m.beyond {
		notes = append(notes, fmt.Sprintf("more than %d topics: the history of those beyond was not checked", maxTopics))
	}
	if m.devices {
		notes = append(notes, fmt.Sprintf("more than %d devices: T019 was not checked for those beyond", maxDevices))
	}
	return notes
}

// remember takes down what later messages of the topic are compared with.
func (h *topicHistory) remember(c *messageCheck) {
	h.messages++
	if h.shape == nil {
		h.kind, h.shape, h.subject = string(c.place.role), c.shape, c.subject
		h.subject.topic = strings.Clone(c.topic)
	}
	h.retained = h.retained || c.message.Retain
	if ts, ok := c.timestamp(); ok && c.live && !c.message.Time.IsZero() {
		h.liveCount++
		if c.now.Sub(ts).Abs() > c.l.clockSkew() {
			h.skewed++
		}
	}
	h.unretained = h.unretained || !c.message.Retain
	h.lastTime = c.now
	h.body = c.l.memory.hashOf(c.body)
	if ts, ok := c.timestamp(); ok {
		h.lastTS = ts
	}
	if unit, ok := c.get("unit"); ok && unit.Type == gjson.String {
		h.unit = strings.Clone(unit.Str)
	}
	if rev, ok := c.get("rev"); ok && rev.Type == gjson.Number {
		h.rev, h.hasRev = rev.Int(), true
	}
	if rev, ok := c.get("desired_rev"); ok && rev.Type == gjson.Number {
		h.ack, h.hasAck = rev.Int(), true
	}
	if c.object() && len(c.members) > 0 {
		h.keys = c.keySet()
		h.rememberTypes(c)
	}
}

func (h *topicHistory) rememberTypes(c *messageCheck) {
	if h.types == nil {
		h.types = map[string]string{}
	}
	for i := range c.members {
		m := &c.members[i]
		if m.parent >= 0 || m.value.Type == gjson.Null || len(h.types) >= maxKeys && h.types[m.key] == "" {
			continue
		}
		if _, known := h.types[m.key]; !known {
			h.types[strings.Clone(m.key)] = typeName(m.value)
		}
	}
}

// keySet hashes the names at the top, whatever their order.
func (c *payloadCheck) keySet() uint64 {
	sum := uint64(1)
	for i := range c.members {
		if m := &c.members[i]; m.parent < 0 && m.index < 0 {
			sum += maphash.String(c.l.memory.seed, m.key)
		}
	}
	return sum
}

// typeName names the JSON type of a value.
func typeName(v gjson.Result) string {
	switch v.Type {
	case gjson.String:
		return "string"
	case gjson.Number:
		return "number"
	case gjson.True, gjson.False:
		return "boolean"
	case gjson.Null:
		return "null"
	default:
		if v.IsArray() {
			return "array"
		}
		return "object"
	}
}
