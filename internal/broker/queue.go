package broker

import "github.com/mqx-cli/mqx/internal/wire"

// shortQueue is up to how many messages a queue may hold views of packets. A longer one will last.
const shortQueue = 64

// kicks are the connections that have something new to write. They are collected while a batch of packets is handled and
// set off together, so that each writes once.
type kicks struct {
	list  []*client
	count int // deliveries since the last flush
}

// maxUnflushed bounds how many deliveries may wait for their batch to be complete.
const maxUnflushed = 256

func (k *kicks) add(c *client) {
	k.list = append(k.list, c)
}

// flush sets the writers off.
func (k *kicks) flush() {
	for i, c := range k.list {
		k.list[i] = nil
		c.session.mu.Lock()
		c.kicked = false
		c.startWriting()
		c.session.mu.Unlock()
	}
	k.list, k.count = k.list[:0], 0
}

// push queues a delivery for a Session. If the message may have to wait for long, d.msg is then one that may be kept.
func (b *Broker) push(s *session, d *delivery, k *kicks) {
	s.mu.Lock()
	for d.share != nil && (s.ended || s.client == nil && !d.absent) { // it has gone since it was chosen
		s.mu.Unlock()
		if s, *d = b.another(d); s == nil {
			return // nobody is left
		}
		s.mu.Lock()
	}
	kick, dropped := b.enqueue(s, d)
	s.mu.Unlock()
	if dropped {
		b.dropped(s.id, d.msg.topic)
	}
	if kick != nil {
		k.add(kick)
	}
	if k.count++; k.count >= maxUnflushed {
		k.flush()
	}
}

func (b *Broker) dropped(id, topic string) {
	b.counters.dropped.Add(1)
	b.emit(Event{Kind: MessageDropped, ClientID: id, Topic: topic})
}

// enqueue returns the connection that must be kicked, if any, and whether a limit did not let the delivery in.
func (b *Broker) enqueue(s *session, d *delivery) (kick *client, dropped bool) {
	if s.ended || s.client == nil && d.qos == 0 {
		return nil, false
	}
	size := d.msg.size()
	// The last message may go over the limit of bytes: a message larger than that can be delivered, too.
	if s.queue.len() >= b.cfg.MaxQueuedMessages || s.bytes >= b.cfg.MaxQueuedBytes || b.crowded(s) {
		if d.qos > 0 && s.client != nil {
			s.client.stopLocked(wire.QuotaExceeded)
		}

		return nil, true
	}
	if s.queue.len() > shortQueue {
		d.msg = d.msg.keep()
	}
	b.storeQueued(s, d)
	s.bytes += size
	s.queue.push(*d)
	s.tell(b)

	return s.needsKick(), false
}

// crowd is how many bytes a Session may have waiting although there is no room left for all of them together: one client that
// is slow must not take from others what they are about to read. It is also how exactly the Broker knows what waits.
const crowd = 64 << 10

// crowded reports whether there is no room left for a Session that has more than its share of what waits. It is locked.
func (b *Broker) crowded(s *session) bool {
	most := b.cfg.MaxTotalQueuedBytes

	return most > 0 && s.bytes >= crowd && b.backlog.Load() >= most
}

// tell lets the Broker know of the bytes that wait for the Session, unless they have hardly changed. The Session is locked.
func (s *session) tell(b *Broker) {
	now := s.bytes + s.flying
	if change := now - s.told; change >= crowd || change <= -crowd || now == 0 && change != 0 {
		b.backlog.Add(change)
		s.told = now
	}
}

// needsKick returns the session's connection when its writer must be set off and nobody has taken that on.
func (s *session) needsKick() *client {
	c := s.client
	if c == nil || c.writing || c.kicked {
		return nil
	}
	c.kicked = true

	return c
}

// replay puts the Retained Messages for a new subscription into the queue, nothing if p is nil. The index is locked, so
// that live messages for the subscription come behind it.
func (s *session) replay(b *Broker, p *replay) {
	if p == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.len() >= b.cfg.MaxQueuedMessages {
		b.retained.end(p)
		s.client.stopLocked(wire.QuotaExceeded)

		return
	}
	s.queue.push(delivery{replay: p})
	s.lastReplay = p
}

// holdReplays keeps replays back, so that SUBACK comes first, or lets them go. It returns the connection to be kicked.
func (s *session) holdReplays(hold bool) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = hold
	if hold || s.queue.len() == 0 {
		return nil
	}

	return s.needsKick()
}
