// Package payload looks into payloads: what they are ([Describe]), when they were made ([Timestamp]), what is at a path
// ([Lookup]), how two of them differ ([Changes]), and whether they follow a JSON Schema ([Schema]).
//
// Payloads are hostile input. Nothing here needs more than time linear in their size, numbers are compared exactly and
// without building them, and no schema is ever loaded from a network. The package has no clock and, but for reading schema
// files, does no I/O.
package payload

import (
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/message"
)

// Kind is what the bytes of a payload are.
type Kind string

// The kinds.
const (
	Empty  Kind = "empty"
	JSON   Kind = "json"
	UTF8   Kind = "utf8" // text, which may hold control characters
	Binary Kind = "binary"
)

// Description says what a payload is without repeating it.
type Description struct {
	Kind Kind
	Size int
	// Type is that of the JSON value: object, array, string, number, boolean or null. It is empty for other kinds.
	Type string
}

// Describe looks at a payload.
func Describe(p []byte) Description {
	d := Description{Size: len(p)}
	switch {
	case len(p) == 0:
		d.Kind = Empty
	case message.IsJSON(p):
		d.Kind, d.Type = JSON, typeOfText(p)
	case utf8.Valid(p):
		d.Kind = UTF8
	default:
		d.Kind = Binary
	}
	return d
}

// typeOfText names the type of a JSON text by its first byte.
func typeOfText(p []byte) string {
	for _, c := range p {
		switch c {
		case ' ', '\t', '\r', '\n':
		case '{':
			return typeObject
		case '[':
			return typeArray
		case '"':
			return typeString
		case 't', 'f':
			return typeBoolean
		case 'n':
			return typeNull
		default:
			return typeNumber
		}
	}
	return ""
}
