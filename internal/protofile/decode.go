package protofile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

const (
	// maxDepth is how deep messages may be nested; it is what other readers allow.
	maxDepth = 100
	// maxValues is how many values a payload may hold: each takes far more room than in the payload.
	maxValues = 1_000_000
)

var (
	errMalformed = errors.New("not a message of Protocol Buffers")
	errDeep      = fmt.Errorf("nested deeper than %d messages", maxDepth)
	errValues    = fmt.Errorf("more than %d values", maxValues)
	errLarge     = fmt.Errorf("larger than %d MiB as JSON", payload.MaxInflated>>20)
	errText      = errors.New("a string that is not UTF-8")
)

// Decode returns a payload as JSON. Fields that the type does not know are left out; a payload that has no other ones is an
// error, for it must be of another type.
func (t *Type) Decode(p []byte) ([]byte, error) {
	d := &decoder{types: t.schema.types, left: maxValues}
	if err := d.message(t.of, p); err != nil {
		return nil, err
	}
	if len(p) > 0 && d.known == 0 {
		return nil, fmt.Errorf("none of its fields is one of %s", t.Name())
	}
	return d.out, nil
}

// decoder writes one payload as JSON.
type decoder struct {
	types map[string]*messageType
	out   []byte
	left  int // values that may still come
	depth int
	known int // values of known fields
}

// value is a value as it came.
type value struct {
	kind   protowire.Type
	number uint64
	bytes  []byte
}

// fields are the values of a message by their fields.
type fields map[protowire.Number][]value

// collect takes a message apart.
func (d *decoder) collect(m *messageType, p []byte) (fields, error) {
	all := fields{}
	oneofs := map[int]protowire.Number{} // the member of a oneof that came last is the one that counts
	for len(p) > 0 {
		number, kind, n := protowire.ConsumeTag(p)
		if n < 0 {
			return nil, errMalformed
		}
		v, size := consume(number, kind, p[n:])
		if size < 0 {
			return nil, errMalformed
		}
		p = p[n+size:]
		if d.left--; d.left < 0 {
			return nil, errValues
		}
		field := m.byNumber[number]
		if field == nil || !fits(field, kind) {
			continue
		}
		d.known++
		if of := field.oneof; of > 0 {
			if before, ok := oneofs[of]; ok && before != number {
				delete(all, before)
			}
			oneofs[of] = number
		}
		all[number] = append(all[number], v)
	}
	return all, nil
}

func consume(number protowire.Number, kind protowire.Type, p []byte) (v value, n int) {
	v.kind = kind
	switch kind {
	case protowire.VarintType:
		v.number, n = protowire.ConsumeVarint(p)
	case protowire.Fixed32Type:
		var narrow uint32
		narrow, n = protowire.ConsumeFixed32(p)
		v.number = uint64(narrow)
	case protowire.Fixed64Type:
		v.number, n = protowire.ConsumeFixed64(p)
	case protowire.BytesType:
		v.bytes, n = protowire.ConsumeBytes(p)
	case protowire.StartGroupType:
		v.bytes, n = protowire.ConsumeGroup(number, p)
	default:
		n = -1
	}
	return v, n
}

// fits reports whether a value in this form can be one of a field; lists of numbers come packed or one by one.
func fits(f *field, kind protowire.Type) bool {
	want := f.kind.wireType()
	switch {
	case kind == want, kind == protowire.BytesType && f.list && want != protowire.StartGroupType:
		return true
	default: // a message in either of its forms: which one is a feature of the newest files
		return f.message != nil && (kind == protowire.StartGroupType || kind == protowire.BytesType)
	}
}

// message writes a message as an object, or in the form of its own that a well-known type has.
func (d *decoder) message(m *messageType, p []byte) error {
	if d.depth++; d.depth > maxDepth {
		return errDeep
	}
	defer func() { d.depth-- }()
	all, err := d.collect(m, p)
	if err != nil {
		return err
	}
	if m.pkg == "google.protobuf" {
		if done, err := d.wellKnown(m, all); done || err != nil {
			return err
		}
	}
	d.out = append(d.out, '{')
	start := len(d.out)
	if err := d.members(m, all, start); err != nil {
		return err
	}
	d.out = append(d.out, '}')
	return nil
}

// members writes the fields of an object that began at start.
func (d *decoder) members(m *messageType, all fields, start int) error {
	for _, f := range m.fields {
		values := all[f.number]
		if len(values) == 0 && (f.presence || f.list || f.value != nil) {
			continue
		}
		if len(d.out) > start {
			d.out = append(d.out, ',')
		}
		d.out = append(message.AppendJSONString(d.out, f.jsonName), ':')
		if err := d.field(f, values); err != nil {
			return err
		}
	}
	return nil
}

// field writes the value of a field.
func (d *decoder) field(f *field, values []value) error {
	switch {
	case f.value != nil:
		return d.object(f, values)
	case f.list:
		return d.array(f, values)
	case len(values) == 0:
		return d.value(f, value{})
	case f.message != nil && len(values) > 1: // parts of one message, which are the same as one after the other
		whole := values[0]
		whole.bytes = nil
		for _, part := range values {
			whole.bytes = append(whole.bytes, part.bytes...)
		}
		return d.value(f, whole)
	default:
		return d.value(f, values[len(values)-1])
	}
}

func (d *decoder) array(f *field, values []value) error {
	d.out = append(d.out, '[')
	start := len(d.out)
	element := func(v value) error {
		if len(d.out) > start {
			d.out = append(d.out, ',')
		}
		return d.value(f, v)
	}
	want := f.kind.wireType()
	for _, v := range values {
		if v.kind == want || f.message != nil {
			if err := element(v); err != nil {
				return err
			}
			continue
		}
		for packed := v.bytes; len(packed) > 0; {
			one, n := consume(f.number, want, packed)
			if n < 0 {
				return errMalformed
			}
			packed = packed[n:]
			if err := element(one); err != nil {
				return err
			}
		}
	}
	d.out = append(d.out, ']')
	return nil
}

// object writes a map. Of entries with the same key the last one counts.
func (d *decoder) object(f *field, values []value) error {
	entry := f.message
	keys := make([]string, 0, len(values))
	byKey := make(map[string]fields, len(values))
	for _, v := range values {
		parts, err := d.collect(entry, v.bytes)
		if err != nil {
			return err
		}
		key, err := d.key(f.key, parts[f.key.number])
		if err != nil {
			return err
		}
		if _, twice := byKey[key]; !twice {
			keys = append(keys, key)
		}
		byKey[key] = parts
	}
	d.out = append(d.out, '{')
	for i, key := range keys {
		if i > 0 {
			d.out = append(d.out, ',')
		}
		d.out = append(append(d.out, key...), ':')
		if err := d.field(f.value, byKey[key][f.value.number]); err != nil {
			return err
		}
	}
	d.out = append(d.out, '}')
	return nil
}

// key is a key as a JSON string.
func (d *decoder) key(f *field, values []value) (string, error) {
	start := len(d.out)
	if err := d.field(f, values); err != nil {
		return "", err
	}
	key := string(d.out[start:])
	if d.out = d.out[:start]; key[0] != '"' {
		key = `"` + key + `"`
	}
	return key, nil
}

// value writes one value of a field; the zero value is that of a field that was not there.
func (d *decoder) value(f *field, v value) error {
	if len(d.out) > payload.MaxInflated {
		return errLarge
	}
	switch f.kind {
	case kindMessage, kindGroup:
		return d.message(f.message, v.bytes)
	case kindString:
		if !utf8.Valid(v.bytes) {
			return errText
		}
		d.out = message.AppendJSONString(d.out, v.bytes)
	case kindBytes:
		d.out = append(d.out, '"')
		d.out = append(base64.StdEncoding.AppendEncode(d.out, v.bytes), '"')
	case kindBool:
		d.out = strconv.AppendBool(d.out, v.number != 0)
	case kindEnum:
		d.enum(f.enum, int32(uint32(v.number)))
	default:
		d.out = appendNumber(d.out, f.kind, v.number)
	}
	return nil
}

// enum writes the name of an enum's value, or its number when it has none.
func (d *decoder) enum(e *enumType, n int32) {
	switch name, known := e.names[n]; {
	case e.name == "google.protobuf.NullValue":
		d.out = append(d.out, "null"...)
	case !known:
		d.out = strconv.AppendInt(d.out, int64(n), 10)
	default:
		d.out = message.AppendJSONString(d.out, name)
	}
}

func appendNumber(dst []byte, k kind, n uint64) []byte {
	switch k {
	case kindInt32, kindSfixed32:
		return strconv.AppendInt(dst, int64(int32(uint32(n))), 10)
	case kindSint32:
		return strconv.AppendInt(dst, int64(int32(uint32(protowire.DecodeZigZag(n&0xffffffff)))), 10)
	case kindUint32, kindFixed32:
		return strconv.AppendUint(dst, uint64(uint32(n)), 10)
	case kindInt64, kindSfixed64:
		return strconv.AppendInt(dst, int64(n), 10)
	case kindSint64:
		return strconv.AppendInt(dst, protowire.DecodeZigZag(n), 10)
	case kindFloat:
		return payload.AppendFloat(dst, float64(math.Float32frombits(uint32(n))), 32)
	case kindDouble:
		return payload.AppendFloat(dst, math.Float64frombits(n), 64)
	default:
		return strconv.AppendUint(dst, n, 10)
	}
}
