package topic

import "unicode/utf8"

// fault is what can be wrong with a name or a filter. Finding one allocates nothing; only err does.
type fault uint8

const (
	valid fault = iota
	empty
	tooLong
	nul
	notUTF8
	plusInName
	hashInName
	plusNotLevel
	hashNotLevel
	hashNotLast
	shareNameEmpty
	shareNameWildcard
	shareNoFilter
)

// describe returns the message of a fault and the normative statement of MQTT 5.0 behind it.
func (f fault) describe() (msg, ref string) {
	switch f {
	case empty:
		return "must not be empty", "MQTT-4.7.3-1"
	case tooLong:
		return "must not be longer than 65535 bytes", "MQTT-4.7.3-3"
	case nul:
		return "must not contain U+0000", "MQTT-4.7.3-2"
	case notUTF8:
		return "must be well-formed UTF-8", "MQTT-1.5.4-1"
	case plusInName:
		return "must not contain the wildcard +", "MQTT-4.7.0-1"
	case hashInName:
		return "must not contain the wildcard #", "MQTT-4.7.0-1"
	case plusNotLevel:
		return "+ must be a whole level", "MQTT-4.7.1-2"
	case hashNotLevel:
		return "# must be a whole level", "MQTT-4.7.1-1"
	case hashNotLast:
		return "# must be the last level", "MQTT-4.7.1-1"
	case shareNameEmpty:
		return "ShareName must not be empty", "MQTT-4.8.2-1"
	case shareNameWildcard:
		return "ShareName must not contain a wildcard", "MQTT-4.8.2-2"
	case shareNoFilter:
		return "ShareName must be followed by / and a topic filter", "MQTT-4.8.2-2"
	default:
		return "", ""
	}
}

func (f fault) err(kind, input string, at int) *Error {
	msg, ref := f.describe()

	return &Error{Kind: kind, Input: input, Offset: at, Msg: msg, Ref: ref}
}

// nameFault returns the first fault of a Topic Name and its offset.
func nameFault[T ~string | ~[]byte](s T) (int, fault) {
	if at, f := lengthFault(len(s)); f != valid {
		return at, f
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '+':
			return i, plusInName
		case c == '#':
			return i, hashInName
		case c == 0 || c >= utf8.RuneSelf:
			size, f := runeFault(s, i)
			if f != valid {
				return i, f
			}
			i += size
		default:
			i++
		}
	}

	return 0, valid
}

// filterFault returns the first fault of a Topic Filter and its offset.
func filterFault(s string) (int, fault) {
	if at, f := lengthFault(len(s)); f != valid {
		return at, f
	}
	start := 0
	if isShared(s) {
		at, f := shareNameFault(s)
		if f != valid {
			return at, f
		}
		start = at
	}
	for i := start; i < len(s); {
		switch c := s[i]; {
		case c == '+' || c == '#':
			if f := wildcardFault(s, i, start); f != valid {
				return i, f
			}
			i++
		case c == 0 || c >= utf8.RuneSelf:
			size, f := runeFault(s, i)
			if f != valid {
				return i, f
			}
			i += size
		default:
			i++
		}
	}

	return 0, valid
}

// shareNameFault checks the ShareName of a Shared Subscription (4.8.2) and returns where its Topic Filter begins.
func shareNameFault(s string) (int, fault) {
	i := len(sharePrefix)
	for i < len(s) && s[i] != '/' {
		switch c := s[i]; {
		case c == '+' || c == '#':
			return i, shareNameWildcard
		case c == 0 || c >= utf8.RuneSelf:
			size, f := runeFault(s, i)
			if f != valid {
				return i, f
			}
			i += size
		default:
			i++
		}
	}
	switch {
	case i == len(sharePrefix):
		return i, shareNameEmpty
	case i >= len(s)-1:
		return len(s), shareNoFilter
	default:
		return i + 1, valid
	}
}

// wildcardFault checks the wildcard at s[i] in a filter that begins at start.
func wildcardFault[T ~string | ~[]byte](s T, i, start int) fault {
	whole := (i == start || s[i-1] == '/') && (i+1 == len(s) || s[i+1] == '/')
	switch {
	case s[i] == '+' && !whole:
		return plusNotLevel
	case s[i] == '#' && !whole:
		return hashNotLevel
	case s[i] == '#' && i+1 < len(s):
		return hashNotLast
	default:
		return valid
	}
}

func lengthFault(n int) (int, fault) {
	switch {
	case n == 0:
		return 0, empty
	case n > MaxLen:
		return MaxLen, tooLong
	default:
		return 0, valid
	}
}

// runeFault returns the size of the character at s[i]. The copy into buf serves strings and bytes alike without
// converting either.
func runeFault[T ~string | ~[]byte](s T, i int) (int, fault) {
	if s[i] == 0 {
		return 0, nul
	}
	var buf [utf8.UTFMax]byte
	n := copy(buf[:], s[i:])
	r, size := utf8.DecodeRune(buf[:n])
	if r == utf8.RuneError && size == 1 {
		return 0, notUTF8
	}

	return size, valid
}
