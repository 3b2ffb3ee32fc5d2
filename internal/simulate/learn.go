package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/profile"
)

// Lesson learns a profile of recorded traffic: add messages, then take the text of a [Lesson.Profile]. What the contract
// does not know as telemetry, events, presence or settings is left out, and counted. It is not safe for concurrent use.
type Lesson struct {
	contract *contract.Contract
	devices  map[string]*learnedDevice
	order    []*learnedDevice
	root     string
	online   string
	offline  string
	// sawOnline and sawOffline say that these words were seen, and not only guessed.
	sawOnline, sawOffline bool

	samples int
	// base is the template of the devices' base topic, statusTopic that of presence where it is not what the base says, own
	// are the other such topics. bridges are the roots at which Zigbee2MQTT was heard.
	base        string
	statusTopic string
	own         map[string]bool
	bridges     map[string]bool

	// Example is a topic of those that the contract does not know.
	Example string
	// Messages, Strange and Bad count messages, those of no known kind or of another root, and lines that are none.
	Messages, Strange, Bad int
}

// maxSamples bounds the values that are kept to look at, mostArrivals the times of a signal that has none.
const (
	maxSamples   = 1_000_000
	mostArrivals = 1_000
)

// learnedDevice is a device that was seen.
type learnedDevice struct {
	site, id string
	vars     map[string]string
	signals  map[string]*learnedSignal
	names    []string
	settings map[string]*learnedSetting
}

// learnedSignal is what a device sent of a signal.
type learnedSignal struct {
	name   string
	event  bool
	count  int
	times  []time.Time
	values []any // float64, [json.Number], string, bool or Position
	// shortest and longest are the bytes of its payloads, arrived when the first were measured, or came.
	shortest, longest int
	arrived           []time.Time
	unit              string
	schema            string
	key               string
	stamp             profile.Timestamp
	encoding          profile.Encoding
	// topic is the template of its topic where it is not what the base topic says; lowest is the QoS that all its messages
	// had at least, retained how many were retained.
	topic    string
	lowest   byte
	retained int
	// whole is what its payloads are as objects. Once settled, only where their members are more than one value.
	whole   *learnedNode
	settled bool
}

// learnedSetting is a key of desired and reported states.
type learnedSetting struct {
	kind     string
	first    string // the first number, as it was written
	min, max float64
	words    []string
}

// NewLesson returns a Lesson under a contract.
func NewLesson(c *contract.Contract) *Lesson {
	return &Lesson{
		contract: c, devices: map[string]*learnedDevice{}, online: "online", offline: "offline", own: map[string]bool{}, bridges: map[string]bool{},
	}
}

// ReadCapture adds the messages of a capture.
func (l *Lesson) ReadCapture(r io.Reader) error {
	const longest = 1 << 30
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), longest)
	for lines.Scan() {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := message.ParseJSON(line)
		if err != nil {
			l.Bad++
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, gjson.GetBytes(line, "time").Str); err == nil {
			m.Time = at
		}
		l.Add(m)
	}
	return lines.Err()
}

// Add takes a message.
func (l *Lesson) Add(m message.Message) {
	l.Messages++
	h, ok := l.place(m.Topic)
	if !ok || l.root != "" && (h.root != l.root || h.base != l.base) { // a profile has one root
		if l.Strange++; l.Example == "" {
			l.Example = m.Topic
		}
		return
	}
	l.root, l.base = h.root, h.base
	d := l.device(&h)
	switch h.role {
	case contract.Telemetry, contract.Event:
		l.signal(d, &h, m)
	case contract.Status:
		l.status(h.own, m.Payload)
	case contract.Desired, contract.Reported:
		d.state(m.Payload)
	default:
	}
}

func (l *Lesson) device(h *heard) *learnedDevice {
	if d := l.devices[h.beneath]; d != nil {
		return d
	}
	d := &learnedDevice{
		site: h.site, id: h.device, vars: h.vars, signals: map[string]*learnedSignal{}, settings: map[string]*learnedSetting{},
	}
	l.devices[h.beneath] = d
	l.order = append(l.order, d)
	return d
}

// state takes the keys of desired and reported states.
func (d *learnedDevice) state(body []byte) {
	doc, ok := readDocument(body)
	if !ok {
		return
	}
	for name, value := range doc.state {
		if name == "schema" || name == "ts" || value == nil {
			continue
		}
		s := d.settings[name]
		if s == nil {
			s = &learnedSetting{}
			d.settings[name] = s
		}
		s.see(value)
	}
}

func (s *learnedSetting) see(value any) {
	switch v := value.(type) {
	case json.Number:
		n, err := v.Float64()
		if err != nil || math.Abs(n) > largestLearned && !isWhole(v.String()) {
			return // a profile cannot hold it
		}
		if s.kind == "" {
			s.kind, s.min, s.max, s.first = "integer", n, n, v.String()
		}
		if n != math.Trunc(n) && s.kind == "integer" {
			s.kind = "number"
		}
		s.min, s.max = min(s.min, n), max(s.max, n)
	case bool:
		s.kind = "boolean"
	case string:
		s.kind = "string"
		s.addWord(v)
	}
}

func (s *learnedSetting) addWord(word string) {
	const most = 8
	if len(s.words) < most && !slices.Contains(s.words, word) {
		s.words = append(s.words, word)
	}
}

// merge adds what another device of the type was set to.
func (s *learnedSetting) merge(other *learnedSetting) {
	if s.kind == "integer" && other.kind == "number" {
		s.kind = "number"
	}
	s.min, s.max = min(s.min, other.min), max(s.max, other.max)
	for _, word := range other.words {
		s.addWord(word)
	}
}

// largestLearned is the largest number that a profile computes with.
const largestLearned = 1e15

// isWhole reports whether a number is written as an integer that a profile can hold as it is: one of 64 bits.
func isWhole(literal string) bool {
	_, signed := strconv.ParseInt(literal, 10, 64)
	_, unsigned := strconv.ParseUint(literal, 10, 64)
	return signed == nil || unsigned == nil
}

// signal takes the measurements of a message.
func (l *Lesson) signal(d *learnedDevice, h *heard, m message.Message) {
	event := h.role == contract.Event
	if m.Retain && !event && len(m.Payload) == 0 {
		return
	}
	s := d.signals[h.signal]
	if s == nil {
		s = &learnedSignal{name: h.signal, event: event, topic: h.own, encoding: profile.JSON, stamp: profile.NoTimestamp, lowest: m.QoS}
		d.signals[h.signal] = s
		d.names = append(d.names, h.signal)
		l.own[h.own] = true
	}
	if s.count++; s.count == 1 {
		s.shortest = len(m.Payload)
	}
	if s.lowest = min(s.lowest, m.QoS); m.Retain {
		s.retained++
	}
	s.shortest, s.longest = min(s.shortest, len(m.Payload)), max(s.longest, len(m.Payload))
	objects := s.objects(m.Payload)
	if len(objects) == 0 {
		s.arrive(m.Time)
	}
	for _, object := range objects {
		at := s.members(object)
		if at.IsZero() {
			at = m.Time
		}
		s.arrive(at)
		if object.IsObject() {
			if s.whole == nil {
				s.whole = &learnedNode{}
			}
			s.whole.see(object, at, 0, &l.samples)
			continue
		}
		if value, ok := plainLearned(object); ok && l.samples < maxSamples {
			l.samples++
			s.times, s.values = append(s.times, at), append(s.values, value)
		}
	}
}

// arrive takes note of when it was measured, or came.
func (s *learnedSignal) arrive(at time.Time) {
	if !at.IsZero() && len(s.arrived) < mostArrivals {
		s.arrived = append(s.arrived, at)
	}
}

// objects are the measurements of a payload as JSON, whatever its encoding.
func (s *learnedSignal) objects(body []byte) []gjson.Result {
	if !gjson.ValidBytes(body) {
		text, done, err := payload.DecodeAuto.Decode(body, "")
		switch {
		case err != nil:
			return nil
		case done == payload.DecodeCBOR:
			s.encoding = profile.CBOR
		case done == payload.DecodeMsgPack:
			s.encoding = profile.MsgPack
		default:
			return nil
		}
		body = text
	}
	whole := gjson.ParseBytes(body)
	if whole.IsArray() {
		return whole.Array()
	}
	return []gjson.Result{whole}
}

// members takes what is written beside a value, and returns when it was measured.
func (s *learnedSignal) members(object gjson.Result) time.Time {
	if !object.IsObject() {
		return time.Time{}
	}
	if unit := object.Get("unit"); unit.Type == gjson.String {
		s.unit = unit.Str
	}
	if schema := object.Get("schema"); schema.Type == gjson.String {
		s.schema = schema.Str
	}
	for _, key := range []string{"value", "v"} {
		if object.Get(key).Exists() {
			s.key = key
		}
	}
	ts := object.Get("ts")
	at, ok := payload.Timestamp([]byte(object.Raw))
	if !ok {
		return time.Time{}
	}
	const secondsBelow = 1e11
	switch {
	case ts.Type == gjson.String:
		s.stamp = profile.RFC3339
	case ts.Num < secondsBelow:
		s.stamp = profile.Seconds
	default:
		s.stamp = profile.Milliseconds
	}
	return at
}
