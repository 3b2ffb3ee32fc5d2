package topic

import "strings"

// verdict is what a leaper says of a name.
type verdict uint8

const (
	hit  verdict = iota
	miss         // the next name may match
	leap         // no name before target matches
	done         // no later name matches
)

// leaper matches names that come in byte order against one filter, and tells which names in between need no look.
//
// In byte order the names below `a` are neighbours, from `a/` up to, not including, `a0`: 0 is the byte after the slash.
// The name `a` itself comes before them, and `a-b` may stand between.
type leaper struct {
	filter string
	fixed  string // what every matching name begins with
	target []byte
}

func newLeaper(filter string) leaper {
	fixed := filter
	if i := strings.IndexAny(filter, "+#"); i >= 0 {
		fixed = filter[:i]
		if i > 0 && filter[i] == '#' {
			fixed = filter[:i-1] // a/# matches a
		}
	}

	return leaper{filter: filter, fixed: fixed}
}

// start returns the least name that can match.
func (l *leaper) start() string { return l.fixed }

// look matches name, and sets target when it answers leap.
func (l *leaper) look(name string) verdict {
	if hiddenFrom(l.filter, name) {
		l.target = append(l.target[:0], '$'+1)

		return leap
	}
	filter := l.filter
	raise := -1 // the end of the last level of name that a + took
	i, j := 0, 0
	for {
		fEnd, nEnd := levelEnd(filter, i), levelEnd(name, j)
		switch level := filter[i:fEnd]; {
		case level == "#":
			return hit
		case level == "+":
			raise = nEnd
		case level != name[j:nEnd]:
			return l.mismatch(name, j, level, fEnd < len(filter), raise)
		}
		switch {
		case fEnd == len(filter) && nEnd == len(name):
			return hit
		case fEnd == len(filter):
			return l.raise(name, raise) // all that begins like this has too many levels
		case nEnd == len(name):
			if filter[fEnd:] == "/#" {
				return hit
			}

			return miss
		}
		i, j = fEnd+1, nEnd+1
	}
}

// mismatch finds the least name behind name that has level, which more levels may follow, where name differs at from.
func (l *leaper) mismatch(name string, from int, level string, more bool, raise int) verdict {
	l.target = append(append(l.target[:0], name[:from]...), level...)
	if string(l.target) > name {
		return leap
	}
	if more {
		l.target = append(l.target, '/')
		if string(l.target) > name {
			return leap
		}
	}

	return l.raise(name, raise)
}

// raise leaps behind all names that begin with the levels of name up to end, the last of which a + took: the levels
// before it are all right, and those behind cannot be.
func (l *leaper) raise(name string, end int) verdict {
	if end < 0 {
		return done
	}
	l.target = append(append(l.target[:0], name[:end]...), '/'+1)

	return leap
}
