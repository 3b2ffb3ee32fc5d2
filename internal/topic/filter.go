package topic

import "strings"

// sharePrefix begins the Topic Filter of a Shared Subscription. `$SHARE/…`, `$shared/…` and `$share` alone are ordinary.
const sharePrefix = "$share/"

func isShared[T ~string | ~[]byte](s T) bool {
	return len(s) >= len(sharePrefix) && string(s[:len(sharePrefix)]) == sharePrefix
}

// Filter is a valid Topic Filter: what a client subscribes to. Filters with the same text are ==. The zero Filter matches
// nothing.
type Filter struct {
	text string
	bare int // where the filter proper begins: behind `$share/NAME/`, else 0
}

// ParseFilter checks that s is a Topic Filter, shared (`$share/NAME/FILTER`) or not. The error is an [*Error].
func ParseFilter(s string) (Filter, error) {
	if at, f := filterFault(s); f != valid {
		return Filter{}, f.err("topic filter", s, at)
	}
	bare := 0
	if isShared(s) {
		bare = len(sharePrefix) + strings.IndexByte(s[len(sharePrefix):], '/') + 1
	}

	return Filter{text: s, bare: bare}, nil
}

// String returns the filter as it goes into SUBSCRIBE, with `$share/NAME/` when it is shared.
func (f Filter) String() string { return f.text }

// Bare returns the filter without `$share/NAME/`: what names are matched against.
func (f Filter) Bare() string { return f.text[f.bare:] }

// IsShared reports whether f makes a Shared Subscription.
func (f Filter) IsShared() bool { return f.bare > 0 }

// ShareName returns the NAME of `$share/NAME/FILTER`, or an empty string when f is not shared.
func (f Filter) ShareName() string {
	if !f.IsShared() {
		return ""
	}

	return f.text[len(sharePrefix) : f.bare-1]
}

// HasWildcard reports whether f can match more than one name.
func (f Filter) HasWildcard() bool {
	return strings.ContainsAny(f.Bare(), "+#")
}

// Levels returns the levels of the bare filter, wildcards among them.
func (f Filter) Levels() []string {
	return strings.Split(f.Bare(), "/")
}

// Match reports whether the bare filter matches name: see [Match].
func (f Filter) Match(name string) bool {
	return Match(f.Bare(), name)
}
