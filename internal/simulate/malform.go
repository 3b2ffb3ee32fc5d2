package simulate

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/mqx-cli/mqx/internal/profile"
)

// spoil lets the faults of firmware loose on a message: its payload, its topic, its RETAIN flag.
func (d *Device) spoil(s *signal, m *Made, first measurement) {
	for _, f := range d.faults {
		if f.on && f.Touches(s.Name) {
			f.spoils(s, m, first)
		}
	}
	if !bytes.Equal(m.Message.Payload, m.Clean.Payload) {
		m.mark(Altered)
	}
}

func (f *fault) spoils(s *signal, m *Made, first measurement) {
	switch f.Kind.Name {
	case "retain_telemetry":
		m.Message.Retain = m.Message.Retain || !s.Event
		return
	case "malformed", "oversize", "wrong_topic":
		if !f.s.happens(f.Chance) {
			return
		}
	}
	switch f.Kind.Name {
	case "malformed":
		m.Message.Payload = malform(f.mixed(), m.Message.Payload, s, first)
	case "oversize":
		m.Message.Payload = oversize(m.Message.Payload, f.Bytes)
	case "wrong_topic":
		if m.Message.Topic = f.Topic; f.Topic == "" {
			m.Message.Topic = "lost/" + m.Clean.Topic
		}
	}
}

// mixed draws a way to be malformed.
func (f *fault) mixed() string {
	choices := make([]profile.Choice, len(f.Mix))
	for i, m := range f.Mix {
		choices[i] = profile.Choice{Weight: m.Weight}
	}
	return f.Mix[f.s.choose(choices)].Kind
}

// malform makes a payload wrong. What has no meaning for it, such as a unit that is not there, leaves out a part of it
// instead: a payload that was chosen never comes out right.
func malform(how string, payload []byte, s *signal, m measurement) []byte {
	wrong := payload
	if s.Payload.Encoding == profile.JSON && gjson.ValidBytes(payload) && gjson.ParseBytes(payload).IsObject() {
		wrong = malformJSON(how, payload, s, m)
	}
	switch how {
	case "empty":
		return nil
	case "bad_utf8":
		wrong = append([]byte{0xff, 0xfe}, payload...)
	}
	if bytes.Equal(wrong, payload) {
		return slices.Clone(payload[:len(payload)/2])
	}
	return wrong
}

func malformJSON(how string, payload []byte, s *signal, m measurement) []byte {
	key, value := s.Payload.ValueKey, m.value
	if s.Flat {
		key, value = firstLeaf(m.value)
	}
	set := func(path, raw string) []byte {
		out, err := sjson.SetRawBytes(slices.Clone(payload), path, []byte(raw))
		if err != nil {
			return payload
		}
		return out
	}
	remove := func(path string) []byte {
		out, err := sjson.DeleteBytes(slices.Clone(payload), path)
		if err != nil {
			return payload
		}
		return out
	}
	switch how {
	case "number_as_string":
		if _, ok := value.(float64); ok {
			return set(key, `"`+gjson.GetBytes(payload, key).Raw+`"`)
		}
	case "missing_ts":
		return remove("ts")
	case "missing_field":
		return remove(key)
	case "missing_schema":
		return remove("schema")
	case "nan":
		return set(key, "NaN")
	case "wrong_type":
		return set(key, `{"value":null}`)
	case "wrong_unit":
		if s.Unit != "" {
			return set("unit", `"furlong"`)
		}
	case "schema_bump":
		if name, _, ok := strings.Cut(s.Schema, ".v"); ok {
			return set("schema", `"`+name+`.v99"`)
		}
	}
	return payload
}

// oversize makes a payload long, and leaves it JSON where it was.
func oversize(payload []byte, size int) []byte {
	if len(payload) >= size {
		return payload
	}
	if !gjson.ValidBytes(payload) {
		return append(slices.Clone(payload), make([]byte, size-len(payload))...)
	}
	pad := []byte(`,"pad":"`)
	if len(payload) == len(`{}`) {
		pad = pad[1:] // there is nothing before it
	}
	room := max(0, size-len(payload)-len(pad)-1)
	text := append(slices.Clone(payload[:len(payload)-1]), pad...)
	text = append(text, bytes.Repeat([]byte{'x'}, room)...)
	return append(text, '"', payload[len(payload)-1])
}
