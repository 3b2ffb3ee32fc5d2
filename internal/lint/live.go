package lint

import (
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

const (
	// fullRate is how many messages a second are all checked. Beyond it only samples are: of every stretch of time the
	// first ones, and the first message of each topic.
	fullRate   = 50_000
	sampleTime = 100 * time.Millisecond
)

// sampler counts the messages of a stretch of time.
type sampler struct {
	began time.Time
	n     int
}

// full reports whether enough messages were checked in the stretch of time that now is in.
func (s *sampler) full(now time.Time) bool {
	if now.Sub(s.began) >= sampleTime {
		s.began, s.n = now, 0
	}
	s.n++
	return s.n > fullRate*int(sampleTime)/int(time.Second)
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
