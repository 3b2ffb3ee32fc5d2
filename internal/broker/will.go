package broker

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// never is the Session Expiry Interval of a Session that does not end by itself.
const never = math.MaxUint32

// will is the Will Message of a connection.
type will struct {
	from    string
	topic   string
	payload []byte
	props   *wire.Properties
	delay   uint32 // seconds
	rights  Rights // of the client; nil: everything is allowed, or the Store has forgotten
	qos     byte
	retain  bool
}

func newWill(id string, w *wire.Will, rights Rights) *will {
	if w == nil {
		return nil
	}
	props := w.Properties.Clone()
	var delay uint32
	if props.Has(wire.PropWillDelayInterval) {
		delay = props.WillDelayInterval
	}

	return &will{
		from: id, topic: strings.Clone(w.Topic), payload: bytes.Clone(w.Payload), props: props,
		delay: delay, rights: rights, qos: w.QoS, retain: w.Retain,
	}
}

// publishWill publishes w, if there is one and the client may still publish it. Its Message Expiry Interval begins now.
func (b *Broker) publishWill(w *will) {
	if w == nil || w.rights != nil && !w.rights.MayPublish(w.topic) {
		return
	}
	m := newMessage(w.topic, w.payload, w.props)
	m.from, m.qos, m.retain, m.kept = w.from, w.qos, w.retain, true
	var k kicks
	b.publish(m, &k)
	k.flush()
	b.emit(Event{Kind: WillPublished, ClientID: w.from, Topic: w.topic})
}

// leave is what follows when a connection ends: its Session ends with it, or waits for the next connection until it
// expires; the Will Message, unless the client has withdrawn it, is published when its delay is over or the Session ends,
// whichever is first [MQTT-3.1.3-9].
func (b *Broker) leave(c *client, end ending) {
	s := c.session
	b.atomically(func() { b.part(c) })
	b.emit(Event{Kind: ClientDisconnected, ClientID: s.id, Code: end.code})
}

func (b *Broker) part(c *client) {
	s := c.session
	orphans := s.detach(b)
	w, over, stopping := c.will, c.expiry == 0, b.stopping()
	if w != nil && !stopping && (w.delay == 0 || over) {
		b.publishWill(w)
		w = nil
	}
	if over {
		b.end(s)
	} else {
		b.save(s, c.expiry, time.Now(), w) // when the Broker stops, this is what publishes the Will Message after Restore
		b.wait(s, w, c.expiry, 0)
	}
	b.mu.Lock()
	s.owner = nil
	b.discharge(c)
	b.mu.Unlock()
	b.reassign(orphans)
}

// wait starts the clocks of a Session that has been without a connection for elapsed.
func (b *Broker) wait(s *session, w *will, expiry uint32, elapsed time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.will = w
	left := time.Now().Add(-elapsed)
	if w != nil && w.delay < expiry {
		s.timers = append(s.timers, b.afterAbsence(s, seconds(w.delay)-elapsed, func() {
			s.mu.Lock()
			w, s.will = s.will, nil
			b.save(s, expiry, left, nil)
			s.mu.Unlock()
			b.publishWill(w)
		}))
	}
	if expiry != never {
		s.timers = append(s.timers, b.afterAbsence(s, seconds(expiry)-elapsed, func() {
			b.counters.expiredSessions.Add(1)
			b.end(s)
		}))
	}
}

// afterAbsence calls f when s has been without a connection for as long as d.
func (b *Broker) afterAbsence(s *session, d time.Duration, f func()) *time.Timer {
	turn := s.turn

	return b.after(d, func() {
		lock := &b.connecting[b.stripe(s.id)]
		lock.Lock()
		defer lock.Unlock()
		if s.turn == turn && !s.isEnded() {
			b.atomically(f)
		}
	})
}

func (s *session) isEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.ended
}

func (b *Broker) stopping() bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.closing
}
