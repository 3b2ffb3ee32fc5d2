package client

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// The Packet Identifiers are divided: SUBSCRIBE and UNSUBSCRIBE, which the client engine sends, use those below
// firstPublishID, PUBLISH those from there on, and those from FirstKeptID on are for [Session.PublishKept].
const (
	firstPublishID = 0x0100
	// FirstKeptID is the lowest Packet Identifier of a [Kept] message; 0xFFFF is the highest.
	FirstKeptID = 0xE000
)

const (
	// maxWindow is how many identifiers there are for PUBLISH.
	maxWindow = FirstKeptID - firstPublishID
	// defaultInflight is MaxInflight's default: more gains nothing, and slows down a Server that keeps a list.
	defaultInflight = 1000
)

// minIdentifiers is how many identifiers take turns at least, whatever the window is.
const minIdentifiers = 256

// slowStart is how many messages may be open on a connection that replaces another before any of them is acknowledged; each
// acknowledgement allows one more. A link that breaks sooner than a full window has passed would make no progress otherwise.
const slowStart = 16

// unannounced is how many QoS 2 messages may be open with a Server below MQTT 5, which cannot say what it takes: Mosquitto
// drops those above its max_inflight_messages, 20 unless configured, and acknowledges them all the same.
const unannounced = 20

// window holds the QoS 1 and 2 messages on their way out (MQTT 5, 4.9: at most the Server's Receive Maximum).
type window struct {
	mu    sync.Mutex
	limit int      // how many may be open now
	most  int      // how many the Server allows
	qos2  int      // how many may be open for one of QoS 2 to be sent, see unannounced
	slots []slot   // slot i has the identifier firstPublishID+i; grows as needed
	kept  []slot   // slot i has the identifier FirstKeptID+i; grows as needed
	turn  int      // counts the connections
	free  []uint16 // identifiers that were used and are free again, oldest first
	used  int
	// ending is how many messages are at their end while their function has not returned yet.
	ending int
	err    error         // set when the Session has ended
	moved  chan struct{} // closed when a slot was freed or the Session has ended, nil while nobody waits

	sent    uint64       // how many messages were sent or tried to
	again   []sending    // what is to be sent again on the present connection, in order
	backlog atomic.Int32 // how many of those there are
}

// sending names a message by its identifier and by when it was sent first: an identifier is used again.
type sending struct {
	id    uint16
	order uint64
}

// slot is one message until its handshake ends.
type slot struct {
	open     bool
	released bool   // QoS 2: PUBREL was sent
	dup      bool   // PUBLISH was sent before, in this Session of the Server
	again    bool   // it was open when a connection was replaced
	order    uint64 // when PUBLISH was sent first, among all; 0 before
	msg      message.Message
	done     func(Result)
}

// tryTake claims an identifier for m if one is free.
func (w *window) tryTake(m *message.Message, done func(Result)) (id uint16, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.used >= w.allowed(m.QoS) {
		return 0, false, w.err
	}
	id = w.next()
	w.slots[id-firstPublishID] = slot{open: true, msg: *m, done: done}
	w.used++
	return id, true, nil
}

// room waits until a slot may be free.
func (w *window) room(ctx context.Context, qos byte) error {
	w.mu.Lock()
	if w.err != nil || w.used < w.allowed(qos) {
		defer w.mu.Unlock()
		return w.err
	}
	moved := w.waitCh()
	w.mu.Unlock()
	select {
	case <-moved:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next prefers identifiers that were not used yet, then the one that has rested longest. There are more of them than may be
// open, so that an acknowledgement that comes twice does not meet the next message.
func (w *window) next() uint16 {
	if len(w.slots) < max(w.limit, minIdentifiers) {
		w.slots = append(w.slots, slot{})
		return uint16(firstPublishID + len(w.slots) - 1)
	}
	id := w.free[0]
	w.free = w.free[1:]
	return id
}

func (w *window) waitCh() chan struct{} {
	if w.moved == nil {
		w.moved = make(chan struct{})
	}
	return w.moved
}

func (w *window) wake() {
	if w.moved != nil {
		close(w.moved)
		w.moved = nil
	}
}

// slot finds the open message with the identifier. The lock is held.
func (w *window) slot(id uint16) *slot {
	slots, i := w.slots, int(id)-firstPublishID
	if id >= FirstKeptID {
		slots, i = w.kept, int(id)-FirstKeptID
	}
	if i < 0 || i >= len(slots) || !slots[i].open {
		return nil
	}
	return &slots[i]
}

// all goes through the open messages with their identifiers. The lock is held.
func (w *window) all() iter.Seq2[uint16, *slot] {
	return func(yield func(uint16, *slot) bool) {
		for i := range w.slots {
			if w.slots[i].open && !yield(uint16(firstPublishID+i), &w.slots[i]) {
				return
			}
		}
		for i := range w.kept {
			if w.kept[i].open && !yield(uint16(FirstKeptID+i), &w.kept[i]) {
				return
			}
		}
	}
}

// acknowledged moves the message of a on. It returns the PUBREL to send, nil for none, and what to call when the message
// is at its end, nil for nothing. An answer that does not belong to the message is an error: no other would come, and the
// message would wait for ever.
func (w *window) acknowledged(a *wire.Ack) (release *wire.Ack, end func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slot(a.PacketID)
	switch {
	case s != nil && s.msg.QoS != qosOf(a.Kind):
		return nil, nil, misplaced(a.Kind, fmt.Sprintf("it answers a PUBLISH of QoS %d", s.msg.QoS))
	case s != nil && a.Kind == wire.PUBCOMP && !s.released:
		return nil, nil, misplaced(a.Kind, "no PUBREL was sent")
	case a.Kind == wire.PUBREC && !a.Code.IsError():
		release = &wire.Ack{Kind: wire.PUBREL, PacketID: a.PacketID}
		if s != nil {
			s.released = true
		} else {
			release.Code = wire.PacketIdentifierNotFound
		}
		return release, nil, nil
	case s == nil:
		return nil, nil, nil // an answer to nothing that is open
	}
	res := result(a, s.msg.Topic)
	if a.Kind == wire.PUBCOMP && a.Code == wire.PacketIdentifierNotFound && s.again {
		res = Result{} // the Server had ended it, and its PUBCOMP was lost with a connection (MQTT 5, 3.7.2.1)
	}
	return nil, w.end(s, a.PacketID, res), nil
}

// misplaced is an acknowledgement that breaks the handshake of its message (MQTT 5, 4.3).
func misplaced(kind wire.Type, msg string) error {
	return &wire.Error{Code: wire.ProtocolError, Packet: kind, Msg: msg, Ref: "section 4.3"}
}

// end frees the slot of a message that is at its end. It returns what to call without the lock, nil for nothing.
func (w *window) end(s *slot, id uint16, res Result) func() {
	done := s.done
	*s = slot{}
	w.used--
	if id < FirstKeptID {
		w.free = append(w.free, id)
	}
	if w.limit < w.most {
		w.limit++
	}
	w.wake()
	if done == nil {
		return nil
	}
	w.ending++
	return func() {
		done(res)
		w.ended(1)
	}
}

// ended notes that the functions of n messages have returned.
func (w *window) ended(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ending -= n
	w.wake()
}

// qosOf is the QoS of the messages that an acknowledgement belongs to.
func qosOf(kind wire.Type) byte {
	if kind == wire.PUBACK {
		return 1
	}
	return 2
}

func result(a *wire.Ack, topic string) Result {
	r := Result{Code: a.Code}
	if a.Code.IsError() {
		r.Err = &RefusedError{Packet: wire.PUBLISH, Code: a.Code, Reason: reasonString(a.Properties), Topic: topic}
	}
	return r
}

func reasonString(p *wire.Properties) string {
	if p.Has(wire.PropReasonString) {
		return p.ReasonString
	}
	return ""
}

// forget gives an identifier back whose PUBLISH was never sent. It reports whether its message was still open.
func (w *window) forget(id uint16) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slot(id)
	if s == nil {
		return false
	}
	s.done = nil
	w.end(s, id, Result{})
	return true
}

// refused ends a message that cannot be sent. It returns what to call without the lock, nil for nothing.
func (w *window) refused(id uint16, err error) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slot(id)
	if s == nil {
		return nil
	}
	return w.end(s, id, Result{Err: err})
}

// begin sets the limits of the first connection.
func (w *window) begin(limit, qos2 int) { w.limit, w.most, w.qos2 = limit, limit, qos2 }

// allowed is how many messages may be open for another one of the QoS to be sent.
func (w *window) allowed(qos byte) int {
	if qos == 2 {
		return min(w.limit, w.qos2)
	}
	return w.limit
}

// lose ends every open message with err, in the order of their identifiers, and refuses new ones: the Session has ended.
func (w *window) lose(err error) {
	w.mu.Lock()
	w.err = err
	var ends []func(Result)
	for _, s := range w.all() {
		if s.done != nil {
			ends = append(ends, s.done)
		}
	}
	w.slots, w.kept, w.free, w.again = nil, nil, nil, nil
	w.backlog.Store(0)
	w.ending += len(ends)
	w.wake()
	w.mu.Unlock()
	for _, done := range ends {
		done(Result{Err: err})
	}
	w.ended(len(ends))
}

// open is how many messages have no final answer. It stays what it was when the Session ends.
func (w *window) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.used
}

// drained waits until no message is open and the functions of all have returned.
func (w *window) drained(ctx context.Context) error {
	for {
		w.mu.Lock()
		switch {
		case w.ending > 0:
		case w.used == 0:
			w.mu.Unlock()
			return nil
		case w.err != nil:
			defer w.mu.Unlock()
			return w.err
		}
		moved := w.waitCh()
		w.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lostErr is why the Session has ended, nil before.
func (w *window) lostErr() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
