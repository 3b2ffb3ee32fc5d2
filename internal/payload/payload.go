// Package payload looks into payloads: when they were made ([Timestamp]), what is at a path ([Lookup]), how two of them
// differ ([Changes]), whether they follow a JSON Schema ([Schema]), and how they look in another form ([Encoding]).
//
// Payloads are hostile input. Nothing here needs more than time linear in their size, numbers are compared exactly and
// without building them, and no schema is ever loaded from a network. The package has no clock and, but for reading schema
// files, does no I/O.
package payload

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
