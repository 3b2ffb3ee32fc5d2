package presence

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
)

const (
	// maxEntities bounds the entities that are kept, and maxConfig the discovery message of one.
	maxEntities = 200_000
	maxConfig   = 1 << 20
	// latest is the mode in which the newest message counts. It is the default.
	latest = "latest"
)

// homeAssistant is Home Assistant's MQTT discovery: the configuration of each entity says at which topics its availability
// comes and what it looks like. Devices are called by their first identifier; an entity without a device by its unique_id
// or discovery topic. A device is online when one of its entities is. Home Assistant itself is called homeassistant.
type homeAssistant struct {
	prefix   string
	entities map[string][]entity            // by discovery topic: one, or several in the configuration of a device
	byTopic  map[string]map[string]struct{} // the discovery topics of the entities that an availability topic is for
	last     map[string]availability        // what came at availability topics last
	members  map[string]map[string]struct{} // the discovery topics of a device
	order    int
	fresh    []string // availability topics that Discovered has not returned
}

// entity is what a configuration says of one entity.
type entity struct {
	device string
	mode   string // all, any or latest
	topics []availabilityTopic
}

// availabilityTopic is where availability comes and what it looks like.
type availabilityTopic struct {
	topic string
	words Words
	fault string // why it cannot be read
}

// availability is the last message at a topic; order says which is the latest.
type availability struct {
	payload []byte
	stored  bool
	order   int
}

func newHomeAssistant(prefix string) *homeAssistant {
	return &homeAssistant{
		prefix: prefix, entities: map[string][]entity{}, byTopic: map[string]map[string]struct{}{}, last: map[string]availability{},
		members: map[string]map[string]struct{}{},
	}
}

// Filters returns the topics of discovery, whichever device it is: only its configuration says who it is.
func (h *homeAssistant) Filters(string) Filters {
	return Filters{Status: []string{h.prefix + "/+/+/config", h.prefix + "/+/+/+/config", h.prefix + "/status"}}
}

// Discovered returns the availability topics that were learned of.
func (h *homeAssistant) Discovered() []string {
	fresh := h.fresh
	h.fresh = nil
	return fresh
}

// Again makes Discovered return all availability topics.
func (h *homeAssistant) Again() { h.fresh = slices.Sorted(maps.Keys(h.byTopic)) }

// Read reads a configuration, or the availability that one has announced.
func (h *homeAssistant) Read(m message.Message) Reading {
	if m.Topic == h.prefix+"/status" {
		var words Words
		return words.report(h.prefix, m)
	}
	if strings.HasPrefix(m.Topic, h.prefix+"/") && strings.HasSuffix(m.Topic, "/config") {
		return h.configure(m)
	}
	discovered := h.byTopic[m.Topic]
	if discovered == nil {
		return Reading{}
	}
	if len(m.Payload) > maxStatus {
		m.Payload = m.Payload[:maxStatus]
	}
	h.order++
	h.last[m.Topic] = availability{payload: slices.Clone(m.Payload), stored: m.Retain, order: h.order}
	devices := map[string]struct{}{}
	for config := range discovered {
		for _, e := range h.entities[config] {
			devices[e.device] = struct{}{}
		}
	}
	return h.readings(devices, m.Topic)
}

// configure takes the configuration of an entity or a device. An empty one takes it back.
func (h *homeAssistant) configure(m message.Message) Reading {
	devices := h.forget(m.Topic)
	var r Reading
	if len(m.Payload) > 0 {
		entities, err := h.readConfig(m)
		if err != nil {
			return Reading{Fault: &Fault{Device: strings.TrimSuffix(m.Topic, "/config"), Why: err.Error()}}
		}
		for _, e := range entities {
			h.add(m.Topic, e)
			devices[e.device] = struct{}{}
		}
	}
	for device := range devices {
		if len(h.members[device]) == 0 {
			delete(h.members, device)
			r.Reports = append(r.Reports, Report{Device: device, Word: SaysNothing, Stored: m.Retain})
			delete(devices, device)
		}
	}
	more := h.readings(devices, "")
	r.Reports, r.Fault = append(r.Reports, more.Reports...), more.Fault
	return r
}

// forget drops the entities of a configuration, and returns their devices.
func (h *homeAssistant) forget(config string) map[string]struct{} {
	devices := map[string]struct{}{}
	for _, e := range h.entities[config] {
		devices[e.device] = struct{}{}
		delete(h.members[e.device], config)
		for _, t := range e.topics {
			if delete(h.byTopic[t.topic], config); len(h.byTopic[t.topic]) == 0 {
				delete(h.byTopic, t.topic)
				delete(h.last, t.topic)
			}
		}
	}
	delete(h.entities, config)
	return devices
}

func (h *homeAssistant) add(config string, e entity) {
	if len(h.entities) >= maxEntities {
		return
	}
	h.entities[config] = append(h.entities[config], e)
	if h.members[e.device] == nil {
		h.members[e.device] = map[string]struct{}{}
	}
	h.members[e.device][config] = struct{}{}
	for _, t := range e.topics {
		if h.byTopic[t.topic] == nil {
			h.byTopic[t.topic] = map[string]struct{}{}
			h.fresh = append(h.fresh, t.topic)
		}
		h.byTopic[t.topic][config] = struct{}{}
	}
}

// readings are what the entities of devices say together. at is the topic whose message has come, for its faults.
func (h *homeAssistant) readings(devices map[string]struct{}, at string) Reading {
	var r Reading
	for _, device := range slices.Sorted(maps.Keys(devices)) {
		report := Report{Device: device, Stored: true}
		for _, e := range h.entitiesOf(device) {
			v := h.evaluate(e, at)
			if v.fault != "" {
				r.Fault = &Fault{Device: device, Why: v.fault}
			}
			if v.known && report.Word != SaysOnline {
				report.Word, report.Text = v.word, map[Word]string{SaysOnline: "online", SaysOffline: "offline"}[v.word]
			}
			report.Stored = report.Stored && !v.live
		}
		if report.Word != SaysNothing {
			r.Reports = append(r.Reports, report)
		}
	}
	return r
}

// entitiesOf returns the entities of a device.
func (h *homeAssistant) entitiesOf(device string) []entity {
	var all []entity
	for config := range h.members[device] {
		for _, e := range h.entities[config] {
			if e.device == device {
				all = append(all, e)
			}
		}
	}
	return all
}

// verdict is whether an entity is available.
type verdict struct {
	word  Word
	known bool
	live  bool   // a live message says so
	fault string // why the newest message says nothing
}

// evaluate says whether an entity is available by its mode.
func (h *homeAssistant) evaluate(e entity, at string) verdict {
	var v verdict
	online, offline, newest := 0, 0, 0
	for _, t := range e.topics {
		a, came := h.last[t.topic]
		if !came || len(a.payload) == 0 {
			continue
		}
		said, why := t.read(a)
		switch {
		case why != "" && t.topic == at:
			v.fault = why
		case said == SaysOnline:
			online++
		case said != SaysNothing:
			offline++
		}
		if said != SaysNothing {
			v.live = v.live || !a.stored
			if a.order > newest {
				newest, v.word = a.order, said
			}
		}
	}
	v.known = online+offline > 0
	switch {
	case !v.known || e.mode == latest:
	case e.mode == "all" && online < len(e.topics), online == 0:
		v.word = SaysOffline
	default:
		v.word = SaysOnline
	}
	return v
}

// read says what a message at the topic means.
func (t *availabilityTopic) read(a availability) (Word, string) {
	if t.fault != "" {
		return SaysNothing, t.fault
	}
	text := string(a.payload)
	if t.words.Path != "" {
		said, err := readStatus(a.payload, t.words.Path, "")
		if err != nil {
			return SaysNothing, err.Error()
		}
		text = said.text
	}
	word, err := t.words.meaning(text)
	if err != nil {
		return SaysNothing, err.Error()
	}
	return word, ""
}

// readConfig reads the configuration of an entity, or of a device with its components.
func (h *homeAssistant) readConfig(m message.Message) ([]entity, error) {
	var c haConfig
	if len(m.Payload) > maxConfig {
		return nil, errHugeConfig
	}
	if err := json.Unmarshal(m.Payload, &c); err != nil {
		return nil, errBadConfig
	}
	name := c.name(strings.TrimSuffix(m.Topic, "/config"))
	var entities []entity
	add := func(c *haConfig) {
		if e := c.entity(name); len(e.topics) > 0 {
			entities = append(entities, e)
		}
	}
	add(&c)
	for _, part := range c.components() {
		if part.Base == "" {
			part.Base = c.Base
		}
		add(&part)
	}
	return entities, nil
}

// validTopic reports whether a topic of a configuration is a Topic Name.
func validTopic(name string) bool {
	_, err := topic.ParseName(name)
	return err == nil
}
