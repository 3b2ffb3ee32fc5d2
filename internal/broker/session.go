package broker

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// session is the state that outlives a connection (section 4.1).
type session struct {
	id      string
	subs    map[string]*subscription // by Topic Filter; guarded by the index
	filters int64                    // bytes of those; guarded by the index
	online  atomic.Bool              // a connection is attached

	// received holds the Packet Identifiers of QoS 2 messages from the client between PUBLISH and PUBREL. It belongs to
	// the goroutine of the owner.
	received map[uint16]struct{}

	// durable says that the Store knows the Session. It is changed by the owner, with mu locked.
	durable bool

	owner *client // the connection that the Session belongs to until it has detached; guarded by Broker.mu
	turn  uint64  // counts connections; changed under the lock of Broker.connecting

	mu         sync.Mutex // guards what follows
	client     *client    // where deliveries go, nil while there is no connection
	ended      bool
	queue      fifo[delivery]
	holding    bool                 // replays wait for SUBACK
	lastReplay *replay              // of the queue, nil for none
	bytes      int64                // of the queue
	flying     int64                // bytes of the messages in flight
	told       int64                // of both, what Broker.backlog has
	inflight   map[uint16]*inflight // messages sent at QoS 1 or 2, by Packet Identifier
	resend     []uint16             // of those, what is yet to be sent on this connection
	lastID     uint16
	sent       uint64 // counts inflight
	queued     uint64 // counts deliveries in the Store
	will       *will  // waits for its Will Delay Interval
	timers     []*time.Timer
}

// inflight is a message sent at QoS 1 or 2 that is not yet acknowledged.
type inflight struct {
	delivery
	order    uint64
	released bool // PUBREC has come: what is left to do is PUBREL and PUBCOMP
	counts   bool // against Receive Maximum of this connection
}

// open gives c its Session and reports whether that was there before. If another connection has it, that one is ended first
// [MQTT-3.1.4-3]; that does not wait for the other side of it, only for the goroutine that reads from it.
func (b *Broker) open(c *client, cleanStart bool) (present bool) {
	lock := &b.connecting[b.stripe(c.info.ID)]
	lock.Lock()
	defer lock.Unlock()
	b.mu.Lock()
	s := b.sessions[c.info.ID]
	for s != nil && s.owner != nil {
		owner := s.owner
		b.mu.Unlock()
		owner.stop(wire.SessionTakenOver)
		<-owner.detached
		b.mu.Lock()
		s = b.sessions[c.info.ID]
	}
	b.mu.Unlock()
	if s != nil && cleanStart {
		b.atomically(func() { b.end(s) })
		s = nil
	}
	present = s != nil
	if s == nil {
		s = &session{id: c.info.ID}
	}
	s.turn++
	b.keep(s, c)
	b.mu.Lock()
	b.sessions[s.id] = s
	s.owner = c
	c.session = s
	b.mu.Unlock()

	return present
}

// keep stops what was to happen if the client had stayed away, and notes in the Store what was agreed with c.
func (b *Broker) keep(s *session, c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopTimers()
	s.will = nil
	if b.cfg.Store == nil {
		return
	}
	if s.durable && c.expiry == 0 {
		b.cfg.Store.EndSession(s.id)
	}
	s.durable = c.expiry > 0
	b.save(s, c.expiry, time.Time{}, c.will)
}

func (s *session) stopTimers() {
	for _, t := range s.timers {
		t.Stop()
	}
	s.timers = nil
}

// attach begins delivery to c: first CONNACK, then what was in flight on the last connection, then the queue.
func (s *session) attach(c *client, connack *wire.Connack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client = c
	c.idle.L = &s.mu
	c.appendControl(connack)
	s.resend = nil
	for _, id := range s.sentInOrder() {
		f := s.inflight[id]
		f.counts = false
		if f.released {
			c.appendAck(wire.PUBREL, id, wire.Success)
		} else {
			s.resend = append(s.resend, id)
		}
	}
	s.online.Store(true)
	c.startWriting()
}

// sentInOrder returns the Packet Identifiers of what is in flight, in the order in which it was sent.
func (s *session) sentInOrder() []uint16 {
	return slices.SortedFunc(maps.Keys(s.inflight), func(a, b uint16) int {
		return cmp.Compare(s.inflight[a].order, s.inflight[b].order)
	})
}

// detach ends delivery to the session's connection. It returns the messages of Shared Subscriptions that another member
// may take over.
func (s *session) detach(b *Broker) (orphans []delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.online.Store(false)
	s.client.gone = true
	s.client = nil
	s.resend = nil
	s.lastReplay = nil
	s.queue.keep(func(d *delivery) bool {
		switch {
		case d.replay != nil && d.replay.sub.qos == 0:
			b.retained.end(d.replay)

			return false
		case d.replay != nil:
			s.lastReplay, d.replay.answers = d.replay, nil

			return true
		case d.qos > 0 && d.share == nil:
			return true
		case d.qos > 0:
			orphans = append(orphans, *d)
		}
		s.bytes -= d.msg.size()
		b.storeSettled(s, d)

		return false
	})
	s.tell(b)

	return orphans
}

// end removes a Session that no connection belongs to: its subscriptions, its queue, and its Will Message, which is
// published now if it still waits [MQTT-3.1.3-9].
func (b *Broker) end(s *session) {
	b.mu.Lock()
	if b.sessions[s.id] == s {
		delete(b.sessions, s.id)
	}
	b.mu.Unlock()
	b.index.removeAll(s)
	will, orphans := s.clear(b)
	b.reassign(orphans)
	b.publishWill(will)
	b.emit(Event{Kind: SessionEnded, ClientID: s.id})
}

func (s *session) clear(b *Broker) (w *will, orphans []delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.stopTimers()
	if s.durable {
		b.cfg.Store.EndSession(s.id)
		s.durable = false
	}
	w, s.will = s.will, nil
	for _, id := range s.sentInOrder() {
		// A QoS 2 message that was begun must not go to anybody else [MQTT-4.8.2-5].
		if f := s.inflight[id]; f.share != nil && f.qos == 1 {
			orphans = append(orphans, f.delivery)
		}
	}
	for s.queue.len() > 0 {
		switch d := s.queue.pop(); {
		case d.replay != nil:
			b.retained.end(d.replay)
		case d.share != nil:
			orphans = append(orphans, d)
		}
	}
	s.bytes, s.flying, s.inflight, s.lastReplay = 0, 0, nil, nil
	s.tell(b)

	return w, orphans
}
