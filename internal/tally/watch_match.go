package tally

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/simulate"
)

const (
	// patience is how long a message may be under way, in real time, until it counts as lost.
	patience = 10 * time.Minute
	// remembered is how long a message that has arrived is known again, in real time.
	remembered = time.Minute
	// mostEarly bounds the messages of one topic that came in and of which nothing is known yet.
	mostEarly = 256
)

// match compares what was sent to one topic with what came in.
type match struct {
	waiting []expected // in the order in which they were sent
	arrived []expected // lately
	early   []early    // came in before it was known that they were sent, or altered
	strange int        // of which nothing was ever known
	last    time.Duration
}

// expected is a message that is to come in.
type expected struct {
	device  int
	due     time.Duration
	hash    uint64
	qos     byte
	copies  int  // that may come besides
	late    bool // on purpose
	ordered bool // unless it was sent out of order on purpose
	will    bool
	at      time.Time // real, when it was sent, or came in
}

// early is a message that nothing is known of.
type early struct {
	hash uint64
	now  time.Duration
	at   time.Time
}

// expect takes note of a message that was sent. It may have come in already.
func (w *Watch) expect(m *simulate.Made) {
	t := w.topics[m.Message.Topic]
	if t == nil || m.Is(simulate.Misplaced) {
		return // nobody looks there
	}
	at := time.Now()
	e := expected{
		device: m.Index, due: m.Due, hash: maphash.Bytes(w.seed, m.Message.Payload), qos: m.Message.QoS & 3, copies: m.Copies, will: m.Will,
		late: m.Is(simulate.Late) || m.Sent-m.Due >= simulate.LateAfter, ordered: !m.Is(simulate.Reordered), at: at,
	}
	w.giveUp(t, at)
	if i := slices.IndexFunc(t.early, func(x early) bool { return x.hash == e.hash }); i >= 0 {
		x := t.early[i]
		t.early = slices.Delete(t.early, i, i+1)
		w.comes(t, e, x.now, x.at)
		return
	}
	w.open++
	t.waiting = append(t.waiting, e)
}

// again takes note that a message was sent once more.
func (w *Watch) again(m *simulate.Made) {
	t := w.topics[m.Message.Topic]
	if t == nil {
		return
	}
	hash := maphash.Bytes(w.seed, m.Message.Payload)
	same := func(e expected) bool { return e.hash == hash && e.due == m.Due }
	if i := slices.IndexFunc(t.waiting, same); i >= 0 {
		t.waiting[i].copies++
	} else if i := slices.IndexFunc(t.arrived, same); i >= 0 {
		t.arrived[i].copies++
	}
}

// arrived looks for the message that came in among those that were sent.
func (w *Watch) arrived(t *watched, payload []byte, now time.Duration) {
	at := time.Now()
	hash := maphash.Bytes(w.seed, payload)
	same := func(e expected) bool { return e.hash == hash }
	if i := slices.IndexFunc(t.waiting, same); i >= 0 {
		e := t.waiting[i]
		t.waiting = slices.Delete(t.waiting, i, i+1)
		w.comes(t, e, now, at)
		w.settle(1)
		return
	}
	if i := slices.IndexFunc(t.arrived, same); i >= 0 {
		w.comesAgain(t, &t.arrived[i])
		return
	}
	if len(t.early) == mostEarly {
		t.early = slices.Delete(t.early, 0, 1)
		t.strange++
	}
	t.early = append(t.early, early{hash, now, at})
}

// comes takes note that a message came in.
func (w *Watch) comes(t *watched, e expected, now time.Duration, at time.Time) {
	late := !e.late && !e.will && float64(now-e.due) >= float64(simulate.LateAfter)*w.r.options.Speed
	reordered := e.ordered && e.due < t.last
	t.last = max(t.last, e.due)
	if !e.will { // which nobody has sent
		w.count(&e, func(q *QoSCounts) {
			q.Arrived++
			if late {
				q.Late++
			}
			if reordered {
				q.Reordered++
			}
		})
	}
	e.at = at
	if old := slices.IndexFunc(t.arrived, func(x expected) bool { return at.Sub(x.at) < remembered }); old > 0 {
		t.arrived = slices.Delete(t.arrived, 0, old)
	} else if old < 0 {
		t.arrived = t.arrived[:0]
	}
	t.arrived = append(t.arrived, e)
}

// comesAgain takes note of a message that has come in before. What says that a device is offline may also be its Will
// Message, which reads the same.
func (w *Watch) comesAgain(t *watched, e *expected) {
	switch {
	case e.copies > 0:
		e.copies--
	case t.role != contract.Status:
		w.count(e, func(q *QoSCounts) { q.Duplicated++ })
	}
}

// giveUp counts messages as lost that have been under way for too long.
func (w *Watch) giveUp(t *watched, now time.Time) {
	for len(t.waiting) > 0 && now.Sub(t.waiting[0].at) >= patience {
		e := t.waiting[0]
		t.waiting = slices.Delete(t.waiting, 0, 1)
		none := 0
		w.lost(&e, &none)
		w.settle(1)
	}
}

// lost counts a message that has not come in; or as altered, where something else came in its place.
func (w *Watch) lost(e *expected, altered *int) {
	if e.will {
		return // it depends on the Server whether it is published
	}
	if *altered > 0 {
		*altered--
		w.count(e, func(q *QoSCounts) { q.Altered++; q.Arrived++ })
		return
	}
	w.count(e, func(q *QoSCounts) { q.Lost++ })
}

func (w *Watch) count(e *expected, fn func(*QoSCounts)) {
	w.r.each(e.device, e.due, func(s *scope) { fn(&s.counts.QoS[e.qos]) })
}
