package fleet

import (
	"container/heap"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// setWill puts the device's Will Message into a CONNECT. A Server publishes it when its delay is over or the Session ends,
// whichever is first: so the Session lasts as long.
func (f *Fleet) setWill(a *actor, p *wire.Connect) (will simulate.WillMark, after time.Duration) {
	m, delay := a.device.Will()
	if m == nil {
		return will, 0
	}
	p.Will = &wire.Will{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain}
	if f.version == wire.V5 {
		p.Will.Properties = m.Properties
		if delay > 0 {
			if p.Will.Properties == nil {
				p.Will.Properties = &wire.Properties{}
			}
			p.Will.Properties.WillDelayInterval = seconds(delay)
			p.Will.Properties.Set(wire.PropWillDelayInterval)
			p.Properties.SessionExpiryInterval = max(p.Properties.SessionExpiryInterval, seconds(delay))
			p.Properties.Set(wire.PropSessionExpiryInterval)
			after = time.Duration(seconds(delay)) * time.Second
		}
	}
	return a.device.MarkWill(), after
}

// losing expects the Server to publish the Will Message, at a real time that its delay is added to.
func (f *Fleet) losing(a *actor, at time.Duration) {
	if a.will.Is() {
		a.willAt = at + a.willDelay
	}
}

// meant is when what a device does now was meant to be, real.
func (f *Fleet) meant() time.Duration { return min(f.now(), f.real(f.acting)) }

// publishWill writes a Will Message down: the Server has published it, or does so now.
func (f *Fleet) publishWill(a *actor) {
	mark, at := a.will, a.willAt
	a.will, a.willAt = simulate.WillMark{}, profile.Never
	f.tellWill(a, mark, at)
}

func (f *Fleet) tellWill(a *actor, mark simulate.WillMark, at time.Duration) {
	if !mark.Is() {
		return
	}
	m := a.device.WillOf(mark)
	m.Due = f.simulated(at)
	m.Sent = m.Due
	f.tell(a, m)
}

// spareWill follows a connection that comes before the Server has published the Will Message of the last one. It is not
// published then, unless the new connection is a new Session.
func (f *Fleet) spareWill(a *actor, clean bool) {
	if a.willAt == profile.Never {
		return
	}
	if clean {
		a.willAt = f.now()
		f.publishWill(a)
		return
	}
	a.will, a.willAt = simulate.WillMark{}, profile.Never
}

// staleWills are the Will Messages of connections that were left behind.
type staleWills struct{ list staleHeap }

type staleWill struct {
	at    time.Duration
	actor *actor
	mark  simulate.WillMark
}

func (s *staleWills) add(at time.Duration, a *actor, mark simulate.WillMark) {
	if mark.Is() {
		heap.Push(&s.list, staleWill{at, a, mark})
	}
}

func (s *staleWills) next() time.Duration {
	if len(s.list) == 0 {
		return profile.Never
	}
	return s.list[0].at
}

func (s *staleWills) publish(f *Fleet, now time.Duration) {
	for s.next() <= now {
		if w, ok := heap.Pop(&s.list).(staleWill); ok {
			f.tellWill(w.actor, w.mark, w.at)
		}
	}
}

// staleHeap is for package heap.
type staleHeap []staleWill

// Len is for package heap.
func (h *staleHeap) Len() int { return len(*h) }

// Less is for package heap.
func (h *staleHeap) Less(i, j int) bool { return (*h)[i].at < (*h)[j].at }

// Swap is for package heap.
func (h *staleHeap) Swap(i, j int) { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push is for package heap.
func (h *staleHeap) Push(x any) {
	if w, ok := x.(staleWill); ok {
		*h = append(*h, w)
	}
}

// Pop is for package heap.
func (h *staleHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// finishWills writes down what the Server publishes by itself after the end of the run.
func (f *Fleet) finishWills() {
	for _, a := range f.actors {
		if a.willAt < profile.Never {
			f.publishWill(a)
		}
	}
	f.stale.publish(f, profile.Never-1)
}
