package simulate

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
)

// measurement is one value with what is written beside it.
type measurement struct {
	id     string // of an event
	value  any
	at     time.Time
	unit   string
	schema string
}

// encoder writes measurements as payloads: the same bytes for the same measurements.
type encoder struct {
	encoding profile.Encoding
	valueKey string
	flat     bool // the members of the value are those of the payload
	stamp    profile.Timestamp
	cbor     cbor.EncMode
}

func newEncoder(s *profile.Signal) *encoder {
	p, every := s.Payload, s.Every
	e := &encoder{encoding: p.Encoding, valueKey: p.ValueKey, flat: s.Flat, stamp: p.Timestamp}
	if e.stamp == profile.Auto {
		e.stamp = profile.Seconds
		if s.Event || every.IsZero() || every.Mean > 0 || every.Min < time.Second {
			e.stamp = profile.Milliseconds
		}
	}
	if e.encoding == profile.CBOR {
		e.cbor, _ = cbor.CoreDetEncOptions().EncMode() // these options are valid
	}
	return e
}

// encode writes one measurement as an object, or several as an array of them.
func (e *encoder) encode(all []measurement, batch bool) []byte {
	switch e.encoding {
	case profile.CBOR:
		return e.binary(all, batch, func(v any) []byte { text, _ := e.cbor.Marshal(v); return text })
	case profile.MsgPack:
		return e.binary(all, batch, marshalMsgPack)
	default:
	}
	if !batch {
		return e.appendJSON(nil, &all[0])
	}
	text := []byte{'['}
	for i := range all {
		if i > 0 {
			text = append(text, ',')
		}
		text = e.appendJSON(text, &all[i])
	}
	return append(text, ']')
}

func marshalMsgPack(v any) []byte {
	var b strings.Builder
	enc := msgpack.NewEncoder(&b)
	enc.SetSortMapKeys(true)
	enc.UseCompactInts(true)
	_ = enc.Encode(v) // maps of plain values, into memory
	return []byte(b.String())
}

// appendJSON writes the members in the order that people expect, numbers as short as they can be.
func (e *encoder) appendJSON(dst []byte, m *measurement) []byte {
	dst = append(dst, '{')
	if m.id != "" {
		dst = append(message.AppendJSONString(append(dst, `"id":`...), m.id), ',')
	}
	if o, ok := m.value.(object); ok && e.flat {
		dst = appendMembers(dst, o, m.at)
	} else {
		dst = append(message.AppendJSONString(dst, e.valueKey), ':')
		dst = append(appendValue(dst, m.value, m.at), ',')
	}
	if e.stamp != profile.NoTimestamp {
		dst = append(dst, `"ts":`...)
		if e.stamp == profile.RFC3339 {
			dst = append(dst, '"')
			dst = append(message.AppendTime(dst, m.at), '"')
		} else {
			dst = strconv.AppendInt(dst, e.unix(m.at), 10)
		}
		dst = append(dst, ',')
	}
	if m.unit != "" {
		dst = append(message.AppendJSONString(append(dst, `"unit":`...), m.unit), ',')
	}
	if m.schema != "" {
		dst = append(message.AppendJSONString(append(dst, `"schema":`...), m.schema), ',')
	}
	return closeObject(dst)
}

func (e *encoder) unix(at time.Time) int64 {
	if e.stamp == profile.Milliseconds {
		return at.UnixMilli()
	}
	return at.Unix()
}

// appendMembers writes the members of an object, each with a comma behind it.
func appendMembers(dst []byte, o object, at time.Time) []byte {
	for _, m := range o {
		dst = append(message.AppendJSONString(dst, m.name), ':')
		dst = append(appendValue(dst, m.value, at), ',')
	}
	return dst
}

// closeObject ends an object: the comma behind its last member goes.
func closeObject(dst []byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst = dst[:last]
	}
	return append(dst, '}')
}

// appendValue writes the value of a measurement; at is when it was measured.
func appendValue(dst []byte, v any, at time.Time) []byte {
	switch v := v.(type) {
	case float64:
		return appendNumber(dst, v)
	case json.Number:
		return append(dst, v...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return message.AppendJSONString(dst, v)
	case blobBytes:
		return message.AppendJSONString(dst, v.text())
	case Position:
		dst = appendNumber(append(dst, `{"lat":`...), v.Lat)
		dst = appendNumber(append(dst, `,"lon":`...), v.Lon)
		if v.HasAlt {
			dst = appendNumber(append(dst, `,"alt":`...), v.Alt)
		}
		return append(dst, '}')
	case object:
		return closeObject(appendMembers(append(dst, '{'), v, at))
	case array:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, item, at)
		}
		return append(dst, ']')
	case timestamp:
		number, text := v.written(at)
		if text != "" {
			return message.AppendJSONString(dst, text)
		}
		return strconv.AppendInt(dst, number, 10)
	default:
		return append(dst, "null"...)
	}
}

// appendNumber writes a number of JSON. Large ones are written out: readers differ in what they make of exponents.
func appendNumber(dst []byte, n float64) []byte {
	const huge, tiny = 1e21, 1e-9
	if a := math.Abs(n); a >= huge || a > 0 && a < tiny {
		return strconv.AppendFloat(dst, n, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, n, 'f', -1, 64)
}

func (b blobBytes) text() string {
	if b.hex {
		return hex.EncodeToString(b.bytes)
	}
	return base64.StdEncoding.EncodeToString(b.bytes)
}

// binary writes maps with sorted keys.
func (e *encoder) binary(all []measurement, batch bool, marshal func(any) []byte) []byte {
	list := make([]any, len(all))
	for i := range all {
		list[i] = e.object(&all[i])
	}
	if !batch {
		return marshal(list[0])
	}
	return marshal(list)
}

func (e *encoder) object(m *measurement) map[string]any {
	o, whole := plain(m.value, m.at).(map[string]any)
	if !whole || !e.flat {
		o = map[string]any{e.valueKey: plain(m.value, m.at)}
	}
	if m.id != "" {
		o["id"] = m.id
	}
	switch e.stamp {
	case profile.NoTimestamp:
	case profile.RFC3339:
		o["ts"] = string(message.AppendTime(nil, m.at))
	default:
		o["ts"] = e.unix(m.at)
	}
	if m.unit != "" {
		o["unit"] = m.unit
	}
	if m.schema != "" {
		o["schema"] = m.schema
	}
	return o
}

// plain is a value as the encodings know it. Numbers without a fraction are integers there.
func plain(v any, at time.Time) any {
	const exact = 1 << 53
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < exact {
			return int64(v)
		}
		return v
	case json.Number:
		return plainInteger(v)
	case blobBytes:
		return v.bytes
	case Position:
		o := map[string]any{"lat": v.Lat, "lon": v.Lon}
		if v.HasAlt {
			o["alt"] = v.Alt
		}
		return o
	case object:
		o := make(map[string]any, len(v))
		for _, m := range v {
			o[m.name] = plain(m.value, at)
		}
		return o
	case array:
		a := make([]any, len(v))
		for i, item := range v {
			a[i] = plain(item, at)
		}
		return a
	case timestamp:
		if number, text := v.written(at); text == "" {
			return number
		}
		_, text := v.written(at)
		return text
	default:
		return v
	}
}

// plainInteger is an integer that is too large for a float64, as far as the encodings know it.
func plainInteger(literal json.Number) any {
	if n, err := strconv.ParseInt(literal.String(), 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseUint(literal.String(), 10, 64); err == nil {
		return n
	}
	n, _ := literal.Float64() // as near as it gets
	return n
}
