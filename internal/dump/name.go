package dump

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What stands behind the name of a topic. A level that ends in one of these has its last dot escaped.
const (
	payloadSuffix = ".payload"
	aboutSuffix   = ".json"
	eachSuffix    = ".messages"
)

const (
	// emptyLevel is the name of a level of no characters. A % that two hexadecimal digits do not follow is no escape, and stands
	// for nothing else.
	emptyLevel = "%"
	// cutMark stands between the beginning of a name that is too long and the hash of all of it.
	cutMark = "%~"
	// longFolder holds the topics whose path would be too long.
	longFolder = "%long"

	longestLevel = 180 // bytes; file systems take 255, and the suffixes and a temporary name need room
	keptOfLevel  = 120
	longestPath  = 900 // bytes; some systems take 1024
)

// pathOf is where a topic is kept, with / between folders and without a suffix, and whether it can be read from that path. With
// fold all names differ in more than the case of letters and the form of accents.
func pathOf(name string, fold bool) (path string, exact bool) {
	exact = true
	levels := strings.Split(name, "/")
	for i, level := range levels {
		escaped := escape(level, fold)
		if len(escaped) > longestLevel {
			escaped = cut(escaped) + cutMark + hash(level)
			exact = false
		}
		levels[i] = escaped
	}
	if path = strings.Join(levels, "/"); len(path) > longestPath {
		return longFolder + "/" + hash(name), false
	}
	return path, exact
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// cut keeps the beginning of a name, and cuts neither an escape nor a character.
func cut(escaped string) string {
	n := keptOfLevel
	for i := range 2 { // a % here may have lost its digits
		if escaped[n-1-i] == '%' {
			n -= 1 + i
			break
		}
	}
	for !utf8.RuneStart(escaped[n]) {
		n--
	}
	return escaped[:n]
}

// escape is a level as the name of a file: what a file system cannot hold, or would hide, is written as %XX.
func escape(level string, fold bool) string {
	if level == "" {
		return emptyLevel
	}
	reserved := reservedAt(level)
	var b strings.Builder
	for i := 0; i < len(level); {
		r, n := utf8.DecodeRuneInString(level[i:])
		at := i == 0 && (r == '.' || r == ' ' || isDevice(level)) || i+n == len(level) && (r == '.' || r == ' ') || i == reserved
		if at || r == utf8.RuneError && n == 1 || !holds(r, fold) {
			for _, c := range []byte(level[i : i+n]) {
				const digits = "0123456789ABCDEF"
				b.WriteByte('%')
				b.WriteByte(digits[c>>4])
				b.WriteByte(digits[c&15])
			}
		} else {
			b.WriteString(level[i : i+n])
		}
		i += n
	}
	return b.String()
}

// holds reports whether a character can stand in a name on every system.
func holds(r rune, fold bool) bool {
	switch {
	case strings.ContainsRune(`%<>:"|?*\`, r), !unicode.IsPrint(r):
		return false
	case fold:
		return r < utf8.RuneSelf && (r < 'A' || r > 'Z')
	default:
		return true
	}
}

// reservedAt is where the dot of one of our suffixes is, -1 when a level does not end in one.
func reservedAt(level string) int {
	for _, suffix := range []string{payloadSuffix, aboutSuffix, eachSuffix} {
		if at := len(level) - len(suffix); at >= 0 && strings.EqualFold(level[at:], suffix) {
			return at
		}
	}
	return -1
}

// isDevice reports whether a name means a device on Windows, whatever follows a dot.
func isDevice(level string) bool {
	name, _, _ := strings.Cut(strings.ToUpper(level), ".")
	switch name = strings.TrimRight(name, " "); name {
	case "CON", "PRN", "AUX", "NUL":
		return true
	default:
		return len(name) == 4 && (name[:3] == "COM" || name[:3] == "LPT") && name[3] >= '0' && name[3] <= '9'
	}
}

// topicOf is the topic that is kept at a path, if the path says it.
func topicOf(path string) (name string, ok bool) {
	levels := strings.Split(path, "/")
	for i, level := range levels {
		if levels[i], ok = unescape(level); !ok {
			return "", false
		}
	}
	return strings.Join(levels, "/"), true
}

func unescape(level string) (string, bool) {
	if level == emptyLevel {
		return "", true
	}
	var b strings.Builder
	for {
		plain, rest, escaped := strings.Cut(level, "%")
		b.WriteString(plain)
		if !escaped {
			return b.String(), true
		}
		if len(rest) < 2 {
			return "", false
		}
		c, err := hex.DecodeString(rest[:2])
		if err != nil {
			return "", false
		}
		b.Write(c)
		level = rest[2:]
	}
}
