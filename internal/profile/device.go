package profile

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// newDeviceType is a device of the guide.
func newDeviceType(name string) *DeviceType {
	return &DeviceType{
		Name:     name,
		Status:   Status{Online: "online", Offline: "offline", Retain: true, Will: true},
		Payload:  Payload{Encoding: JSON, ValueKey: "v", Timestamp: Auto},
		Desired:  Desired{Ack: "rev"},
		Commands: Commands{Remember: defaultRemember},
	}
}

// defaultRemember is how many identifiers of commands a device keeps.
const defaultRemember = 100

func (r *reader) deviceType(p yamlfile.Pair) error {
	t := newDeviceType(p.Name)
	t.At = r.place(p.Key)
	if r.p.Type(t.Name) != nil {
		return errors.New("a device type of this name is there already")
	}
	r.p.Types = append(r.p.Types, t)
	r.mapping(p,
		field{"boot_id", r.boolean(&t.BootID)},
		field{"status", func(p yamlfile.Pair) error { return r.status(&t.Status, p) }},
		field{"payload", func(p yamlfile.Pair) error { return r.payload(&t.Payload, p) }},
		field{"encoding", word(r, &t.Payload.Encoding, JSON, CBOR, MsgPack)},
		field{"batch", func(p yamlfile.Pair) error { return r.batch(&t.Payload.Batch, p) }},
		field{"telemetry", r.signals(t, false)},
		field{"events", r.signals(t, true)},
		field{"desired", func(p yamlfile.Pair) error { return r.desired(&t.Desired, p) }},
		field{"commands", func(p yamlfile.Pair) error { r.commands(&t.Commands, p); return nil }},
	)
	for _, s := range t.Signals {
		s.Payload = s.Payload.or(t.Payload)
	}
	return nil
}

// or returns p with what it leaves open as in the device type.
func (p Payload) or(t Payload) Payload {
	if p.Encoding == "" {
		p.Encoding = t.Encoding
	}
	if p.ValueKey == "" {
		p.ValueKey = t.ValueKey
	}
	if p.Timestamp == "" {
		p.Timestamp = t.Timestamp
	}
	if p.Batch.Count == 0 {
		p.Batch = t.Batch
	}
	return p
}

func (r *reader) status(s *Status, p yamlfile.Pair) error {
	s.At = r.place(p.Key)
	format := "text"
	r.mapping(p,
		field{"topic", r.ownTopic(&s.Topic)},
		field{"online", r.state(&s.Online)},
		field{"offline", r.state(&s.Offline)},
		field{"format", word(r, &format, "text", "json")},
		field{"retain", r.boolean(&s.Retain)},
		field{"will", r.boolean(&s.Will)},
		field{"will_delay", r.duration(&s.WillDelay)},
	)
	s.JSON = format == "json"
	if s.Online == s.Offline {
		return yamlfile.Mistakef("", "online and offline are the same word")
	}
	return nil
}

// state reads a word that is published as it is.
func (r *reader) state(dst *string) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		s, err := r.Scalar(p.Value)
		if err != nil {
			return err
		}
		*dst = s.Text
		return r.name(p.Value.GetToken(), s.Text)
	}
}

func (r *reader) payload(dst *Payload, p yamlfile.Pair) error {
	r.mapping(p,
		field{"encoding", word(r, &dst.Encoding, JSON, CBOR, MsgPack)},
		field{"value", word(r, &dst.ValueKey, "v", "value")},
		field{"timestamp", word(r, &dst.Timestamp, Auto, Seconds, Milliseconds, RFC3339, NoTimestamp)},
		field{"batch", func(p yamlfile.Pair) error { return r.batch(&dst.Batch, p) }},
	)
	return nil
}

const mostBatch = 10_000

// batch reads how many measurements one message has: a number, or a mapping.
func (r *reader) batch(b *Batch, p yamlfile.Pair) error {
	if _, err := r.Scalar(p.Value); err == nil {
		return r.integer(&b.Count, 1, mostBatch)(p)
	}
	found := r.mapping(p, field{"count", r.integer(&b.Count, 1, mostBatch)}, field{"max_age", r.duration(&b.MaxAge)})
	r.required(p, found, "count")
	return nil
}

// signals reads telemetry or events.
func (r *reader) signals(t *DeviceType, event bool) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		r.each(p, func(p yamlfile.Pair) error { return r.signal(t, event, p) })
		return nil
	}
}

func (r *reader) signal(t *DeviceType, event bool, p yamlfile.Pair) error {
	s := &Signal{Name: p.Name, Event: event, At: r.place(p.Key)}
	if !isLevel(s.Name) {
		return yamlfile.Mistakef("", "%q cannot be a level of a topic", s.Name)
	}
	if t.Signal(s.Name) != nil {
		return errors.New("a signal of this name is there already")
	}
	t.Signals = append(t.Signals, s)
	qos, before := -1, r.Problems()
	var value *Value
	found := r.mapping(p,
		field{"every", r.interval(&s.Every)},
		field{"jitter", r.duration(&s.Jitter)},
		field{"on_change", r.boolean(&s.OnChange)},
		field{"schema", r.text(&s.Schema)},
		field{"unit", r.text(&s.Unit)},
		field{"retain", func(p yamlfile.Pair) error { s.Retain = new(bool); return r.boolean(s.Retain)(p) }},
		field{"qos", r.integer(&qos, 0, 2)},
		field{"encoding", word(r, &s.Payload.Encoding, JSON, CBOR, MsgPack)},
		field{"timestamp", word(r, &s.Payload.Timestamp, Auto, Seconds, Milliseconds, RFC3339, NoTimestamp)},
		field{"batch", func(p yamlfile.Pair) error { return r.batch(&s.Payload.Batch, p) }},
		field{"topic", r.ownTopic(&s.Topic)},
		field{"value", func(p yamlfile.Pair) error { value = r.value(t, p); return nil }},
		field{"members", r.wholePayload(t, s)},
	)
	if qos >= 0 {
		q := byte(qos)
		s.QoS = &q
	}
	_, single := found["value"]
	if single && s.Flat {
		return errors.New("value and members: a payload has one or the other")
	} else if single {
		s.Value = value
	}
	if r.Problems() > before && (s.Value == nil || s.Every.IsZero()) {
		r.incomplete = true
		return nil
	}
	if !s.Flat {
		r.required(p, found, "value")
	}
	r.checks = append(r.checks, func() { r.checkFlat(s, found) }) // when it is known what the device type says
	return r.checkSchedule(s, found)
}

// shortest is the least time between two measurements of a device.
const shortest = time.Millisecond

func (r *reader) checkSchedule(s *Signal, found map[string]yamlfile.Pair) error {
	_, states := sourceOf(s.Value).(*States)
	every, given := found["every"]
	switch {
	case !given && s.OnChange && states:
	case !given && s.OnChange:
		s.Every = Fixed(time.Second) // looks whether it has changed
	case !given:
		return yamlfile.Mistakef("write every: 10s, or on_change: true", "it does not say when")
	case s.Every.Average() < shortest || s.Every.Mean == 0 && s.Every.Min < shortest:
		r.Problem(every.Place(), "every: less than "+shortest.String(), "")
	case s.Every.Mean == 0 && s.Jitter > s.Every.Min:
		r.Problem(found["jitter"].Place(), "jitter: more than the time between two measurements", "")
	}
	return nil
}

func sourceOf(v *Value) Source {
	if v == nil {
		return nil
	}
	return v.Source
}

func (r *reader) desired(d *Desired, p yamlfile.Pair) error {
	d.At = r.place(p.Key)
	report := "full"
	r.mapping(p,
		field{"accepts", func(p yamlfile.Pair) error {
			r.each(p, func(p yamlfile.Pair) error { return r.setting(d, p) })
			return nil
		}},
		field{"apply_after", r.interval(&d.ApplyAfter)},
		field{"report", word(r, &report, "full", "partial")},
		field{"ack", word(r, &d.Ack, "rev", "id", "both", "none")},
	)
	d.Partial = report == "partial"
	return nil
}

func (r *reader) setting(d *Desired, p yamlfile.Pair) error {
	s := Setting{Name: p.Name, Type: "number", At: r.place(p.Key)}
	found := r.mapping(p,
		field{"type", word(r, &s.Type, "number", "integer", "string", "boolean")},
		field{"min", r.optional(&s.Min)},
		field{"max", r.optional(&s.Max)},
		field{"values", r.texts(&s.Values)},
		field{"default", r.any(&s.Default)},
	)
	d.Accepts = append(d.Accepts, s)
	if s.Min != nil && s.Max != nil && *s.Min > *s.Max {
		return yamlfile.Mistakef("", "min is above max")
	}
	if s.Default != nil {
		if why := s.Refuses(s.Default); why != "" {
			r.Problem(found["default"].Place(), "default: "+why, "")
		}
	}
	return nil
}

func (r *reader) commands(c *Commands, p yamlfile.Pair) {
	r.each(p, func(p yamlfile.Pair) error {
		if p.Name == "dedupe" {
			r.mapping(p, field{"remember", r.integer(&c.Remember, 0, 1_000_000)})
			return nil
		}
		command := Command{Name: p.Name, Succeed: 1, At: r.place(p.Key)}
		then := ""
		r.mapping(p,
			field{"takes", r.interval(&command.Takes)},
			field{"succeed", r.chance(&command.Succeed)},
			field{"then", word(r, &then, "reboot")},
		)
		command.Reboot = then == "reboot"
		c.List = append(c.List, command)
		if strings.TrimSpace(command.Name) == "" {
			return errors.New("a command needs a name")
		}
		return nil
	})
}
