package lint

import (
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

const (
	// fullRate is how many messages a second are all checked. Beyond it only samples are, and the first message of each
	// topic.
	fullRate = 50_000
	// burst is how many may come at once before that.
	burst = 10_000
)

// sampler is a bucket of messages that may be checked. It fills with time.
type sampler struct {
	at   time.Time
	left float64
}

// full reports whether one message more is too many.
func (s *sampler) full(now time.Time) bool {
	if s.at.IsZero() {
		s.at, s.left = now, burst
	}
	s.left = min(burst, s.left+now.Sub(s.at).Seconds()*fullRate)
	s.at = now
	if s.left < 1 {
		return true
	}
	s.left--
	return false
}

// Live checks a message as it comes in, or counts it as skipped when they come faster than they can be checked.
func (l *Linter) Live(m message.Message, published bool) {
	if l.sampler.full(l.now()) && (l.memory.known(m.Topic) || l.memory.beyond) {
		l.skipped++
		l.sampled()
		return
	}
	l.Message(Live, m, published, Place{})
}

func (l *Linter) sampled() {
	if l.skipped == 1 {
		l.note("more than %s messages a second: only a sample of them was checked", Number(fullRate))
	}
}
