package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// maxFilters bounds the filters of one client that are compared with each other.
const maxFilters = 2000

// filterCheck is a Topic Filter under check.
type filterCheck struct {
	finder

	text string
	// filter is zero when text is no Topic Filter.
	filter topic.Filter
	levels []string // of the bare filter
}

// filterSetCheck is all filters of one client.
type filterSetCheck struct {
	finder

	filters []placedFilter
}

type placedFilter struct {
	filter topic.Filter
	place  Place
}

// Filter checks a Topic Filter. An access list is no client, so that kind says where it stands.
func (l *Linter) Filter(text string, at Place) {
	l.checked++
	f := l.filterAs(Filters, text, at)
	if f.filter.String() != "" && len(l.memory.filters) < maxFilters {
		l.memory.filters = append(l.memory.filters, placedFilter{f.filter, at})
	}
}

func (l *Linter) filterAs(kind Kind, text string, at Place) *filterCheck {
	f := &filterCheck{finder: finder{l: l}, text: text}
	f.subject = subject{kind: kind, topic: text, place: at}
	f.filter, _ = topic.ParseFilter(text) // what is wrong with it is for the rules to say
	bare := text
	if f.filter.String() != "" {
		bare = f.filter.Bare()
	}
	f.levels = strings.Split(bare, "/")
	for _, a := range l.filter {
		f.rule = a
		a.filter(f)
	}
	return f
}

// EndOfFilters says that all filters of a client were given: they are compared with each other, and forgotten.
func (l *Linter) EndOfFilters() {
	if len(l.memory.filters) == 0 {
		return
	}
	s := &filterSetCheck{finder: finder{l: l}, filters: l.memory.filters}
	for _, a := range l.set {
		s.rule = a
		a.filters(s)
	}
	l.memory.filters = nil
}
