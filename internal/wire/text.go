package wire

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// view returns b as a string that shares b's bytes. It is what makes decoding free of allocation, and the reason for the
// package's ownership rule: whoever hands a body to a decoder must not change it while anything decoded from it is used.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // G103: len(b) bytes of b, never written to (see above)
}

// ones and tops are the lowest and the highest bit of each byte of a word.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// word returns the first eight bytes of s, which the compiler loads at once.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// validText reports whether s may stand in a UTF-8 Encoded String: well-formed, no surrogates [MQTT-1.5.4-1] and no
// U+0000 [MQTT-1.5.4-2]. Most strings are short ASCII, which is looked at eight bytes at a time.
func validText(s string) bool {
	t := s
	for ; len(t) >= 8; t = t[8:] {
		x := word(t)
		// A top bit is set in x by a byte that is not ASCII, and in x-ones by a byte that is 0.
		if (x|(x-ones))&tops != 0 {
			return validUnicode(s)
		}
	}
	for i := range len(t) {
		if t[i]-1 >= utf8.RuneSelf-1 {
			return validUnicode(s)
		}
	}
	return true
}

func validUnicode(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// textFault says what is wrong with a string that validText refused, with the statements of MQTT 5.0 and 3.1.1.
func textFault(s string) (msg, ref5, ref311 string) {
	if strings.IndexByte(s, 0) >= 0 {
		return "U+0000", "MQTT-1.5.4-2", "MQTT-1.5.3-2"
	}
	return "bytes that are not UTF-8", "MQTT-1.5.4-1", "MQTT-1.5.3-1"
}

// hasWildcard reports whether s holds a wildcard character, which no Topic Name may (section 4.7.1).
func hasWildcard(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		hash, plus := word(s)^'#'*ones, word(s)^'+'*ones
		// A byte that was the wildcard is 0 now, and only a word with such a byte leaves a top bit set here.
		if ((hash-ones)&^hash|(plus-ones)&^plus)&tops != 0 {
			return true
		}
	}
	for i := range len(s) {
		if s[i] == '#' || s[i] == '+' {
			return true
		}
	}
	return false
}

// isShared reports whether filter is that of a Shared Subscription (MQTT 5.0, section 4.8.2).
func isShared(filter string) bool { return strings.HasPrefix(filter, "$share/") }
