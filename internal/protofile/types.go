package protofile

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// kind is what a field holds, by the numbers of descriptor.proto.
type kind int32

// The kinds.
const (
	kindDouble kind = iota + 1
	kindFloat
	kindInt64
	kindUint64
	kindInt32
	kindFixed64
	kindFixed32
	kindBool
	kindString
	kindGroup
	kindMessage
	kindBytes
	kindUint32
	kindEnum
	kindSfixed32
	kindSfixed64
	kindSint32
	kindSint64
)

// scalarKind is the kind of a scalar type by its name, 0 for other names.
func scalarKind(name string) kind {
	names := [...]string{
		kindDouble: "double", kindFloat: "float", kindInt64: "int64", kindUint64: "uint64", kindInt32: "int32", kindFixed64: "fixed64",
		kindFixed32: "fixed32", kindBool: "bool", kindString: "string", kindBytes: "bytes", kindUint32: "uint32",
		kindSfixed32: "sfixed32", kindSfixed64: "sfixed64", kindSint32: "sint32", kindSint64: "sint64",
	}
	for k, n := range names {
		if n != "" && n == name {
			return kind(k)
		}
	}
	return 0
}

// wireType is the form in which values of a kind come.
func (k kind) wireType() protowire.Type {
	switch k {
	case kindFixed32, kindSfixed32, kindFloat:
		return protowire.Fixed32Type
	case kindFixed64, kindSfixed64, kindDouble:
		return protowire.Fixed64Type
	case kindString, kindBytes, kindMessage:
		return protowire.BytesType
	case kindGroup:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}

// messageType is a type of messages.
type messageType struct {
	name     string // full
	pkg      string
	fields   []*field // in the order of the file
	byNumber map[protowire.Number]*field
}

// enumType is a type of enums.
type enumType struct {
	name  string
	names map[int32]string
}

// field is a field of a type.
type field struct {
	number   protowire.Number
	jsonName string
	kind     kind
	list     bool
	presence bool // it can be absent
	oneof    int  // which oneof of its type it belongs to, counted from 1

	message    *messageType
	enum       *enumType
	key, value *field // of a map
}

// add adds a field to a type; it is not ok when its number is taken.
func (m *messageType) add(f *field) (ok bool) {
	if m.byNumber[f.number] != nil {
		return false
	}
	m.byNumber[f.number] = f
	m.fields = append(m.fields, f)
	return true
}

// jsonName is the name of a field in JSON: lowerCamelCase.
func jsonName(name string) string {
	var b strings.Builder
	upper := false
	for _, c := range []byte(name) {
		switch {
		case c == '_':
			upper = true
			continue
		case upper && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		b.WriteByte(c)
		upper = false
	}
	return b.String()
}
