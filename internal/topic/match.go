package topic

import "strings"

// Match reports whether a Topic Filter matches a Topic Name (MQTT 5.0, section 4.7). The filter is a bare one: `$share/`
// has no meaning here. Both must be valid; of others it only holds that Match returns. It allocates nothing and takes
// time linear in the shorter of the two.
func Match(filter, name string) bool {
	if filter == "" || name == "" || hiddenFrom(filter, name) {
		return false
	}
	n, ok := matchPrefix(filter, name)

	return ok && n == len(name)
}

// hiddenFrom is the rule of 4.7.2: a filter that starts with a wildcard does not match a name that starts with $
// [MQTT-4.7.2-1].
func hiddenFrom(filter, name string) bool {
	return strings.HasPrefix(name, "$") && (filter[0] == '+' || filter[0] == '#')
}

// matchPrefix matches all levels of filter against as many first levels of name and returns the length of these; the
// rest of name, if any, begins with a slash. A last # takes all of name, no level included: `a/#` matches `a` (4.7.1.2).
func matchPrefix(filter, name string) (int, bool) {
	i, j := 0, 0
	for {
		switch {
		case i < len(filter) && filter[i] == '#':
			return len(name), true
		case i < len(filter) && filter[i] == '+':
			i++
			j = levelEnd(name, j)
		default:
			for i < len(filter) && filter[i] != '/' && j < len(name) && filter[i] == name[j] {
				i++
				j++
			}
		}
		// Both levels must have come to their ends together.
		if (i < len(filter) && filter[i] != '/') || (j < len(name) && name[j] != '/') {
			return 0, false
		}
		if i == len(filter) {
			return j, true
		}
		if j == len(name) {
			return j, filter[i:] == "/#"
		}
		i++
		j++
	}
}

// levelEnd returns the end of the level of s that begins at from.
func levelEnd(s string, from int) int {
	if n := strings.IndexByte(s[from:], '/'); n >= 0 {
		return from + n
	}

	return len(s)
}

// Covers reports whether a matches every name that b matches, so that a subscriber to a gains nothing by b. ShareNames
// do not count, nor does that a name ends at [MaxLen].
func Covers(a, b Filter) bool {
	if a.text == "" || b.text == "" {
		return b.text == ""
	}
	ca, cb := newCursor(a.Bare()), newCursor(b.Bare())
	for first := true; ca.more; first = false {
		if !cb.more || !coversLevel(ca.next(), cb.next(), first) {
			return false
		}
	}

	return ca.hash || (!cb.more && !cb.hash)
}

// Overlap reports whether there is a name that both a and b match. ShareNames do not count, nor does that a name ends at
// [MaxLen].
func Overlap(a, b Filter) bool {
	if a.text == "" || b.text == "" {
		return false
	}
	ca, cb := newCursor(a.Bare()), newCursor(b.Bare())
	for first := true; ca.more && cb.more; first = false {
		if la, lb := ca.next(), cb.next(); !coversLevel(la, lb, first) && !coversLevel(lb, la, first) {
			return false
		}
	}

	// The # of the shorter filter takes what the longer one has more.
	return (!ca.more || cb.hash) && (!cb.more || ca.hash)
}

// coversLevel reports whether a level of one filter matches all that the level of another does. The first + of a filter
// hides $ names, in both.
func coversLevel(a, b string, first bool) bool {
	if a == "+" {
		return !first || !strings.HasPrefix(b, "$")
	}

	return a == b
}

// cursor walks the levels of a filter before a last #.
type cursor struct {
	rest string
	more bool // there is a level in rest
	hash bool
}

func newCursor(filter string) cursor {
	// Because a name is not empty, # matches what +/# does, and /# what /+/# does. With +/# the $ rule sits in the first
	// level alone.
	switch {
	case filter == "#":
		return cursor{rest: "+", more: true, hash: true}
	case filter == "/#":
		return cursor{rest: "/+", more: true, hash: true}
	case strings.HasSuffix(filter, "/#"):
		return cursor{rest: filter[:len(filter)-2], more: true, hash: true}
	default:
		return cursor{rest: filter, more: true}
	}
}

func (c *cursor) next() string {
	level, rest, more := strings.Cut(c.rest, "/")
	c.rest, c.more = rest, more

	return level
}
