package simulate

import (
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// event is what a device waits for.
type event int

const (
	boots event = iota
	measures
	batchEnds
	faultBegins
	faultEnds
	flaps
	catchesUp
	obeys
	commandEnds
)

// timer is when something is due. There is one for each event and index.
type timer struct {
	at    time.Duration
	what  event
	index int
}

// timers are those of one device: few, so that looking through them beats any order.
type timers []timer

// set puts a timer in, or changes it.
func (t *timers) set(n timer) {
	for i, old := range *t {
		if old.what == n.what && old.index == n.index {
			(*t)[i] = n
			return
		}
	}
	*t = append(*t, n)
}

// clear takes a timer out.
func (t *timers) clear(what event, index int) {
	for i, old := range *t {
		if old.what == what && old.index == index {
			*t = append((*t)[:i], (*t)[i+1:]...)
			return
		}
	}
}

// next is when the first is due.
func (t *timers) next() time.Duration {
	first := profile.Never
	for _, one := range *t {
		first = min(first, one.at)
	}
	return first
}

// due takes the first timer out that is due. Of two at one time, that of the lower event and index comes first.
func (t *timers) due(now time.Duration) (timer, bool) {
	best := -1
	for i, one := range *t {
		if one.at > now {
			continue
		}
		if best < 0 || one.before((*t)[best]) {
			best = i
		}
	}
	if best < 0 {
		return timer{}, false
	}
	first := (*t)[best]
	*t = append((*t)[:best], (*t)[best+1:]...)
	return first, true
}

func (t timer) before(other timer) bool {
	if t.at != other.at {
		return t.at < other.at
	}
	if t.what != other.what {
		return t.what < other.what
	}
	return t.index < other.index
}
