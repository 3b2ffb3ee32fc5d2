package retained

import (
	"slices"

	"github.com/mqx-cli/mqx/internal/topic"
)

// filterSet are filters of which none covers another, and what it takes to see each topic once all the same: of topics that
// several of them match, a Server may send a copy for each (MQTT 5, section 3.3.4).
type filterSet struct {
	filters     []topic.Filter
	overlapping []topic.Filter
	seen        topicSet
}

// newFilterSet leaves out the filters that others cover, and finds those that overlap without covering.
func newFilterSet(filters []topic.Filter) filterSet {
	var wild, plain []topic.Filter
	var all topic.Tree[struct{}]
	for _, f := range filters {
		if _, again := all.Get(f.Bare()); again {
			continue
		}
		all.Set(f.Bare(), struct{}{})
		if f.HasWildcard() {
			wild = append(wild, f)
		} else {
			plain = append(plain, f)
		}
	}
	set := filterSet{seen: newTopicSet()}
	var kept topic.Tree[struct{}]
	for i, f := range wild {
		if !coveredByOther(wild, i) {
			set.filters = append(set.filters, f)
			kept.Set(f.Bare(), struct{}{})
		}
	}
	set.overlapping = overlaps(set.filters)
	for _, f := range plain {
		covered := false
		kept.Match(f.Bare(), func(struct{}) { covered = true })
		if !covered {
			set.filters = append(set.filters, f)
		}
	}
	return set
}

// overlaps returns the filters that match a name which another one matches too.
func overlaps(filters []topic.Filter) []topic.Filter {
	var found []topic.Filter
	for i, f := range filters {
		overlapping := func(g topic.Filter) bool { return topic.Overlap(f, g) }
		if slices.ContainsFunc(filters[:i], overlapping) || slices.ContainsFunc(filters[i+1:], overlapping) {
			found = append(found, f)
		}
	}
	return found
}

// coveredByOther reports whether another filter matches all that filters[i] does. Of two that match the same, such as #
// and +/#, the first stays.
func coveredByOther(filters []topic.Filter, i int) bool {
	f := filters[i]
	for j, g := range filters {
		if j != i && topic.Covers(g, f) && (j < i || !topic.Covers(f, g)) {
			return true
		}
	}
	return false
}

// isCopy reports whether a message of this topic was seen before. It remembers only topics that may come twice.
func (s *filterSet) isCopy(name string) bool {
	matching := 0
	for _, f := range s.overlapping {
		if f.Match(name) {
			matching++
		}
	}
	return matching > 1 && !s.seen.add(name)
}
