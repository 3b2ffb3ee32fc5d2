package access

import (
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// Remains returns a topic that both a and b match and none of minus does; ok is false when there is none.
//
// What two filters have in common is a filter again. In it, a name that no filter of minus mentions is the best choice for
// every wildcard, because only a wildcard of minus can match it. So it is enough to try one name for each length.
func Remains(a, b topic.Filter, minus []topic.Filter) (name string, ok bool) {
	if !topic.Overlap(a, b) {
		return "", false
	}
	common, open := intersect(levelsOf(a), levelsOf(b))
	fresh := freshLevel(minus)
	for i, l := range common {
		if l == "+" {
			common[i] = fresh
		}
	}
	longest := len(common)
	if open {
		for _, m := range minus {
			longest = max(longest, len(m.Levels())+1)
		}
	}
	for len(common) <= longest {
		name := strings.Join(common, "/")
		if !slices.ContainsFunc(minus, func(m topic.Filter) bool { return m.Match(name) }) {
			return name, true
		}
		common = append(common, fresh)
	}
	return "", false
}

// parts is a filter without a # at its end.
type parts struct {
	levels []string
	open   bool // there was one
}

func levelsOf(f topic.Filter) parts {
	p := parts{levels: slices.Clone(f.Levels())}
	last := len(p.levels) - 1
	if p.levels[last] != "#" {
		return p
	}
	p.levels, p.open = p.levels[:last], true
	// A Topic Name is not empty: # matches what +/# does, and /# what /+/# does.
	if len(p.levels) == 0 || len(p.levels) == 1 && p.levels[0] == "" {
		p.levels = append(p.levels, "+")
	}
	return p
}

// intersect returns the levels of what two filters that overlap have in common, and whether more may follow.
func intersect(a, b parts) (levels []string, open bool) {
	if len(a.levels) < len(b.levels) {
		a, b = b, a
	}
	levels = slices.Clone(a.levels)
	for i, l := range b.levels {
		if levels[i] == "+" {
			levels[i] = l
		}
	}
	return levels, a.open && b.open
}

// freshLevel is a name that no filter has.
func freshLevel(filters []topic.Filter) string {
	fresh := "x"
	for _, f := range filters {
		for slices.Contains(f.Levels(), fresh) {
			fresh += "x"
		}
	}
	for i := 0; i < len(filters); i++ {
		if slices.Contains(filters[i].Levels(), fresh) {
			fresh += "x"
			i = -1
		}
	}
	return fresh
}
