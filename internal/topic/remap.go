package topic

import (
	"fmt"
	"strings"
)

// Remap moves topics from one place of the tree to another: acme/lyon to test/lyon. Its levels are whole ones, so that
// acme/lyon2 stays where it is.
type Remap struct{ from, to string }

// ParseRemap parses FROM=TO. An empty FROM is every topic, which then goes below TO; an empty TO takes FROM away.
func ParseRemap(s string) (Remap, error) {
	from, to, ok := strings.Cut(s, "=")
	if !ok {
		return Remap{}, fmt.Errorf("%q: FROM=TO is expected, such as acme/lyon=test/lyon", s)
	}
	for _, side := range []string{from, to} {
		if side == "" {
			continue
		}
		if _, err := ParseName(side); err != nil {
			return Remap{}, err
		}
	}
	return Remap{strings.TrimSuffix(from, "/"), strings.TrimSuffix(to, "/")}, nil
}

// Apply returns where a topic goes, and whether it is one of those that move. A topic of which nothing would be left does
// not move.
func (r Remap) Apply(name string) (moved string, ok bool) {
	rest := name
	if r.from != "" {
		var below bool
		rest, below = strings.CutPrefix(name, r.from)
		switch {
		case !below, rest != "" && rest[0] != '/':
			return name, false
		case rest != "":
			rest = rest[1:]
		}
	}
	switch {
	case r.to == "" && rest == "":
		return name, false
	case r.to == "":
		return rest, true
	case rest == "" && name == r.from:
		return r.to, true
	default:
		return r.to + "/" + rest, true
	}
}

// String returns FROM=TO.
func (r Remap) String() string { return r.from + "=" + r.to }
