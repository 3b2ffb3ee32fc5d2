package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/topic"
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
	samples  int

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
	// shortest and longest are the bytes of its payloads, arrived when the first of them came.
	shortest, longest int
	arrived           []time.Time
	unit              string
	schema            string
	key               string
	stamp             profile.Timestamp
	encoding          profile.Encoding
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
	return &Lesson{contract: c, devices: map[string]*learnedDevice{}, online: "online", offline: "offline"}
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
	match, ok := l.contract.Classify(m.Topic)
	if _, err := topic.ParseName(m.Topic); err != nil || strings.ContainsAny(m.Topic, "{}") {
		ok = false // a profile cannot name its levels
	}
	if !ok || match.Device == "" || l.root != "" && match.Root != l.root { // a profile has one root
		if l.Strange++; l.Example == "" {
			l.Example = m.Topic
		}
		return
	}
	if l.root == "" {
		l.root = match.Root
	}
	d := l.device(&match)
	switch match.Kind.Role {
	case contract.Telemetry:
		l.signal(d, match.Signal, false, m)
	case contract.Event:
		l.signal(d, match.Signal, true, m)
	case contract.Status:
		l.status(m.Payload)
	case contract.Desired, contract.Reported:
		d.state(m.Payload)
	default:
	}
}

func (l *Lesson) device(match *contract.Match) *learnedDevice {
	base := match.Base()
	if d := l.devices[base]; d != nil {
		return d
	}
	d := &learnedDevice{
		site: match.Site, id: match.Device, vars: map[string]string{}, signals: map[string]*learnedSignal{}, settings: map[string]*learnedSetting{},
	}
	for name, value := range match.Vars() {
		switch name {
		case "root", "site", "device", "signal", "name":
		default:
			d.vars[name] = value
		}
	}
	l.devices[base] = d
	l.order = append(l.order, d)
	return d
}

// status takes the words for presence that are not the guide's.
func (l *Lesson) status(body []byte) {
	word := string(body)
	if status := gjson.GetBytes(body, "status"); gjson.ValidBytes(body) && status.Type == gjson.String {
		word = status.Str
	}
	switch word {
	case "Online", "ONLINE", "up", "connected", "alive", "1":
		l.online = word
	case "Offline", "OFFLINE", "down", "disconnected", "dead", "0":
		l.offline = word
	}
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
func (l *Lesson) signal(d *learnedDevice, name string, event bool, m message.Message) {
	if name == "" || m.Retain && !event && len(m.Payload) == 0 {
		return
	}
	s := d.signals[name]
	if s == nil {
		s = &learnedSignal{name: name, event: event, encoding: profile.JSON, stamp: profile.NoTimestamp}
		d.signals[name] = s
		d.names = append(d.names, name)
	}
	if s.count++; s.count == 1 {
		s.shortest = len(m.Payload)
	}
	if !m.Time.IsZero() && len(s.arrived) < mostArrivals {
		s.arrived = append(s.arrived, m.Time)
	}
	s.shortest, s.longest = min(s.shortest, len(m.Payload)), max(s.longest, len(m.Payload))
	for _, object := range s.objects(m.Payload) {
		at := s.members(object)
		if at.IsZero() {
			at = m.Time
		}
		value, ok := learnedValue(object, s.key)
		if !ok || l.samples >= maxSamples {
			continue
		}
		l.samples++
		s.times, s.values = append(s.times, at), append(s.values, value)
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

// learnedValue is the value in a measurement: its value member, or the measurement itself.
func learnedValue(object gjson.Result, key string) (any, bool) {
	v := object
	if object.IsObject() {
		v = object.Get(key)
		if key == "" {
			return nil, false
		}
	}
	switch v.Type {
	case gjson.Number:
		if math.Abs(v.Num) <= largestLearned {
			return v.Num, true
		}
		return json.Number(v.Raw), isWhole(v.Raw)
	case gjson.String:
		const longest = 64
		return v.Str, len(v.Str) <= longest
	case gjson.True, gjson.False:
		return v.Bool(), true
	default:
		if lat, lon := v.Get("lat"), v.Get("lon"); lat.Type == gjson.Number && lon.Type == gjson.Number &&
			math.Abs(lat.Num) < 90 && math.Abs(lon.Num) <= 180 {
			return Position{Lat: lat.Num, Lon: lon.Num}, true
		}
		return nil, false
	}
}
