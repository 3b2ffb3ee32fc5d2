package sparkplug

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/payload"
)

// dataType is a type of Sparkplug B (section 6.4.16). Its value is the one in payloads.
type dataType uint32

// The types that are treated on their own.
const (
	typeInt8 dataType = iota + 1
	typeInt16
	typeInt32
	typeInt64
	typeUInt8
	typeUInt16
	typeUInt32
	typeUInt64
	typeFloat
	typeDouble

	typeInt8Array     dataType = 22
	typeFloatArray    dataType = 30
	typeDoubleArray   dataType = 31
	typeBooleanArray  dataType = 32
	typeStringArray   dataType = 33
	typeDateTimeArray dataType = 34
)

// append appends the name of a type as JSON, or the number of one that the specification does not know.
func (t dataType) append(dst []byte) []byte {
	names := [...]string{
		"Unknown", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float", "Double", "Boolean", "String",
		"DateTime", "Text", "UUID", "DataSet", "Bytes", "File", "Template", "PropertySet", "PropertySetList", "Int8Array", "Int16Array",
		"Int32Array", "Int64Array", "UInt8Array", "UInt16Array", "UInt32Array", "UInt64Array", "FloatArray", "DoubleArray",
		"BooleanArray", "StringArray", "DateTimeArray",
	}
	if int64(t) >= int64(len(names)) {
		return strconv.AppendUint(dst, uint64(t), 10)
	}
	return append(append(append(dst, '"'), names[t]...), '"')
}

// valueKind is in which field a value came.
type valueKind int

const (
	kindInt valueKind = iota + 1
	kindLong
	kindFloat
	kindDouble
	kindBoolean
	kindString
	kindBytes
	kindDataSet
	kindTemplate
	kindPropertySet
	kindPropertySets
	kindExtension
)

// scalar is a value as it came; kind 0 is none.
type scalar struct {
	kind   valueKind
	number uint64
	bytes  []byte
}

// readScalar checks that a value came in the form of its field.
func readScalar(kind valueKind, wire protowire.Type, number uint64, bytes []byte) (scalar, error) {
	want := protowire.BytesType
	switch kind {
	case 0:
		return scalar{}, nil
	case kindInt, kindLong, kindBoolean:
		want = protowire.VarintType
	case kindFloat:
		want = protowire.Fixed32Type
	case kindDouble:
		want = protowire.Fixed64Type
	default: // texts and messages
	}
	if wire != want {
		return scalar{}, ErrMalformed
	}
	return scalar{kind, number, bytes}, nil
}

// scalar writes a value of a type.
func (w *writer) scalar(t dataType, v scalar) error {
	switch v.kind {
	case kindInt, kindLong:
		w.integer(t, v)
	case kindFloat:
		w.out = payload.AppendFloat(w.out, float64(math.Float32frombits(uint32(v.number))), 32)
	case kindDouble:
		w.out = payload.AppendFloat(w.out, math.Float64frombits(v.number), 64)
	case kindBoolean:
		w.out = strconv.AppendBool(w.out, v.number != 0)
	case kindString:
		return w.text("", v.bytes)
	case kindBytes:
		if t >= typeInt8Array && t <= typeDateTimeArray {
			return w.array(t, v.bytes)
		}
		w.base64("", v.bytes)
	case kindDataSet:
		return w.nested(v.bytes, w.dataSet)
	case kindTemplate:
		return w.nested(v.bytes, w.template)
	case kindPropertySet:
		return w.nested(v.bytes, w.propertySet)
	case kindPropertySets:
		return w.nested(v.bytes, w.propertySets)
	default: // an extension, whose meaning is its sender's
		w.base64("", v.bytes)
	}
	return nil
}

// nested writes what may hold itself again.
func (w *writer) nested(p []byte, write func([]byte) error) error {
	if w.depth++; w.depth > maxDepth {
		return errDeep
	}
	err := write(p)
	w.depth--
	return err
}

// integer writes an integer, which has its sign by its type: negative ones come as two's complement of 32 bits in int_value, of
// 64 in long_value, and from some devices of 8 or 16.
func (w *writer) integer(t dataType, v scalar) {
	n := v.number
	if v.kind == kindInt {
		n = uint64(uint32(n))
	}
	if t < typeInt8 || t > typeInt64 {
		w.out = strconv.AppendUint(w.out, n, 10)
		return
	}
	signed := int64(n)
	if v.kind == kindInt || t != typeInt64 && n <= math.MaxUint32 {
		signed = int64(int32(uint32(n)))
	}
	if bits := 8 << (t - typeInt8); bits < 64 && n < 1<<bits {
		signed = int64(n) << (64 - bits) >> (64 - bits)
	}
	w.out = strconv.AppendInt(w.out, signed, 10)
}

// array writes the packed values of an array type (section 6.4.16): little-endian numbers, strings that end in NUL, booleans
// as bits after their number.
func (w *writer) array(t dataType, p []byte) error {
	switch t {
	case typeStringArray:
		return w.stringArray(p)
	case typeBooleanArray:
		return w.booleanArray(p)
	default: // numbers
	}
	element, width := typeUInt64, 8 // of DateTimeArray
	switch {
	case t < typeFloatArray:
		element = typeInt8 + (t - typeInt8Array)
		width = 1 << ((element - typeInt8) % 4)
	case t == typeFloatArray:
		element, width = typeFloat, 4
	case t == typeDoubleArray:
		element = typeDouble
	}
	if len(p)%width != 0 {
		return fmt.Errorf("%d bytes are no array of numbers of %d", len(p), width)
	}
	w.out = append(w.out, '[')
	for i := 0; i < len(p); i += width {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		var wide [8]byte
		copy(wide[:], p[i:i+width])
		v := scalar{kind: kindLong, number: binary.LittleEndian.Uint64(wide[:])}
		switch element {
		case typeFloat:
			v.kind = kindFloat
		case typeDouble:
			v.kind = kindDouble
		default: // an integer
		}
		if err := w.scalar(element, v); err != nil {
			return err
		}
		if err := w.bounded(); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *writer) stringArray(p []byte) error {
	p = bytes.TrimSuffix(p, []byte{0})
	w.out = append(w.out, '[')
	for i, s := range bytes.Split(p, []byte{0}) {
		if len(p) == 0 {
			break
		}
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.text("", s); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return w.bounded()
}

func (w *writer) booleanArray(p []byte) error {
	const count = 4 // bytes of the number of booleans
	if len(p) < count || uint64(binary.LittleEndian.Uint32(p)) > 8*uint64(len(p)-count) {
		return fmt.Errorf("%d bytes are no array of booleans", len(p))
	}
	n, bits := int(binary.LittleEndian.Uint32(p)), p[count:]
	w.out = append(w.out, '[')
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = strconv.AppendBool(w.out, bits[i/8]&(0x80>>(i%8)) != 0)
		if err := w.bounded(); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}
