package client

import (
	"slices"
)

// sending notes that the message which has claimed the identifier is sent for the first time, and returns it as it was. It
// is not to be sent now when it has ended meanwhile, or has to wait for those that are sent again.
func (w *window) sending(id uint16) (s slot, now bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.slot(id)
	if p == nil || p.order > 0 {
		return slot{}, false
	}
	w.sent++
	p.order = w.sent
	if len(w.again) > 0 {
		w.queueAgain(sending{id, p.order})
		return slot{}, false
	}
	s = *p
	p.dup = true
	return s, true
}

// queueAgain adds to what is to be sent again. The lock is held.
func (w *window) queueAgain(s sending) {
	w.again = append(w.again, s)
	w.backlog.Store(int32(len(w.again)))
}

// unsent leaves a message, whose connection did not take it, to the next one. dup is what it was before.
func (w *window) unsent(id uint16, dup bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.slot(id)
	if p == nil {
		return
	}
	p.dup = dup
	if s := (sending{id, p.order}); !slices.Contains(w.again, s) {
		w.queueAgain(s)
	}
}

// reopen prepares another connection with its limit: every open message is to be sent again, and it returns how many these
// are. When the Server does not have the Session any more, they are new messages to it.
func (w *window) reopen(limit int, sessionPresent bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit, w.most = min(limit, slowStart), limit
	w.again = w.again[:0]
	w.turn++
	for id, s := range w.all() {
		if !sessionPresent {
			s.released, s.dup = false, false
		}
		if s.order == 0 {
			continue // somebody is about to send it
		}
		s.again = true
		w.again = append(w.again, sending{id, s.order})
	}
	slices.SortFunc(w.again, func(a, b sending) int { return int(int64(a.order - b.order)) })
	w.backlog.Store(int32(len(w.again)))
	w.wake() // the limit may be higher
	return len(w.again)
}

// nextAgain returns the next message to be sent again, as far as the limit allows.
func (w *window) nextAgain() (id uint16, s slot, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.backlog.Store(int32(len(w.again))) }()
	for len(w.again) > 0 {
		next := w.again[0]
		p := w.slot(next.id)
		if p == nil || p.order != next.order {
			w.again = w.again[1:] // it has ended
			continue
		}
		if w.used-len(w.again) >= w.allowed(p.msg.QoS) {
			break
		}
		w.again = w.again[1:]
		s = *p
		p.dup = true
		return next.id, s, true
	}
	return 0, slot{}, false
}
