package broker

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// batch is about how much is handed to the kernel at once.
	batch = 64 << 10
	// maxControl is how much may wait to be written besides PUBLISH packets before we stop reading from the client: a
	// client that does not read its answers gets no more of them.
	maxControl = 64 << 10
	// keptBuffer is the largest buffer that is used again.
	keptBuffer = 4 * batch
	// shortQueue is up to how many messages a queue may hold views of packets. A longer one will last.
	shortQueue = 64
)

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
	if s.queue.len() >= b.cfg.MaxQueuedMessages || s.bytes >= b.cfg.MaxQueuedBytes {
		if d.qos > 0 && s.client != nil {
			s.client.stopLocked(wire.QuotaExceeded)
		}

		return nil, true
	}
	if s.queue.len() > shortQueue {
		d.msg = d.msg.keep()
	}
	s.bytes += size
	s.queue.push(*d)

	return s.needsKick(), false
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

// send appends a packet other than PUBLISH to what is to be written. It waits while the client leaves too much unread.
func (c *client) send(p wire.Packet) {
	c.session.mu.Lock()
	c.appendControl(p)
	c.sent()
}

// sendAck is send without allocation.
func (c *client) sendAck(kind wire.Type, id uint16, code wire.ReasonCode) {
	c.session.mu.Lock()
	c.appendAck(kind, id, code)
	c.sent()
}

// sent finishes send: it unlocks the session.
func (c *client) sent() {
	s := c.session
	if kick := s.needsKick(); kick != nil {
		c.kicks.add(kick)
	}
	if len(c.control) > maxControl {
		s.mu.Unlock()
		c.kicks.flush()
		s.mu.Lock()
		c.startWriting()
		for len(c.control) > maxControl && c.writing && !c.isStopping() {
			c.idle.Wait()
		}
	}
	s.mu.Unlock()
}

// level is the protocol level in which the client is answered. Our packets are the same in MQTT 3.1 and 3.1.1, apart from
// a failure in SUBACK, which 3.1 has no word for, and which its clients would otherwise take for a grant.
func (c *client) level() wire.Version { return max(c.info.Version, wire.V311) }

func (c *client) appendControl(p wire.Packet) {
	if c.broken {
		return
	}
	out, err := p.Append(c.control, c.level())
	if err != nil {
		c.b.cfg.Logger.Error("encode packet", "client", c.info.ID, "error", err)

		return
	}
	c.control = out
}

func (c *client) appendAck(kind wire.Type, id uint16, code wire.ReasonCode) {
	if c.broken {
		return
	}
	a := wire.Ack{Kind: kind, PacketID: id}
	if c.info.Version >= wire.V5 {
		a.Code = code
	}
	out, err := a.Append(c.control, c.level())
	if err == nil { // all of our Reason Codes are valid
		c.control = out
	}
}

// startWriting makes sure that the connection has a writer. There is none while there is nothing to write: an idle
// connection costs one goroutine. The session is locked.
func (c *client) startWriting() {
	if c.writing || c.broken || c.gone && len(c.control) == 0 {
		return
	}
	c.writing = true
	go c.write()
}

// buffers is a pool with the type that we put in.
type buffers struct{ pool sync.Pool }

func (p *buffers) get() *[]byte {
	if buf, ok := p.pool.Get().(*[]byte); ok {
		return buf
	}

	return new(make([]byte, 0, batch/4))
}

func (p *buffers) put(buf *[]byte) {
	if cap(*buf) <= keptBuffer {
		*buf = (*buf)[:0]
		p.pool.Put(buf)
	}
}

// write writes until there is nothing left to write.
func (c *client) write() {
	s := c.session
	buf := c.b.buffers.get()
	defer c.b.buffers.put(buf)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var again bool
		*buf, again = c.fill((*buf)[:0])
		if len(*buf) == 0 && !again {
			break
		}
		if len(*buf) > 0 && !c.closing {
			_ = c.conn.SetWriteDeadline(time.Now().Add(c.b.cfg.WriteTimeout)) // Write tells
		}
		s.mu.Unlock()
		var err error
		if len(*buf) > 0 {
			_, err = c.conn.Write(*buf)
		}
		s.mu.Lock()
		if err != nil {
			c.writeFailed(err)

			break
		}
		c.idle.Broadcast() // there is room again
	}
	c.writing = false
	c.idle.Broadcast()
}

// writeFailed notes that nothing more can be written. What the client has sent is read nevertheless, up to the error that
// ends reading, too: it may say DISCONNECT, and that the Will Message is not wanted. Only a client that is there and takes
// nothing is given up.
func (c *client) writeFailed(err error) {
	c.broken = true
	c.control = nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stopLocked(wire.UnspecifiedError)
	}
}

// fill appends what is to be written next: answers first, so that a backlog of messages does not keep a client from its
// PINGRESP. It reports whether it must be called again although it may have found nothing. The session is locked.
func (c *client) fill(buf []byte) (_ []byte, again bool) {
	buf = append(buf, c.control...)
	c.control = c.control[:0]
	if cap(c.control) > maxControl {
		c.control = nil
	}
	if c.gone {
		return buf, false
	}
	s := c.session
	buf = c.fillResends(buf)
	for len(buf) < batch && s.queue.len() > 0 {
		d := s.queue.front()
		switch {
		case d.replay != nil && s.holding:
			return buf, false
		case d.replay != nil:
			var blocked, over bool
			if buf, blocked, over = c.fillReplay(buf, d.replay); blocked {
				return buf, false
			}
			if !over {
				return buf, true
			}
			c.b.retained.end(d.replay)
			s.queue.pop()
		case d.qos > 0 && c.windowFull():
			return buf, false
		default:
			d := s.queue.pop()
			s.bytes -= d.msg.size()
			buf = c.deliver(buf, &d)
		}
	}

	return buf, false
}

// fillReplay appends Retained Messages. It reports whether the client must acknowledge some first, and whether the replay
// is over.
func (c *client) fillReplay(buf []byte, p *replay) (_ []byte, blocked, over bool) {
	if len(p.page) == 0 && p.more {
		c.b.retained.fetch(p)
	}
	for len(buf) < batch && len(p.page) > 0 {
		if min(p.page[0].qos, p.sub.qos) > 0 && c.windowFull() {
			return buf, true, false
		}
		d := p.next()
		buf = c.deliver(buf, &d)
	}

	return buf, false, len(p.page) == 0 && !p.more
}

// windowFull reports whether the client's Receive Maximum is used up [MQTT-3.3.4-9], or all Packet Identifiers are.
func (c *client) windowFull() bool {
	return c.unacked >= c.receiveMaximum || len(c.session.inflight) >= maxInflight
}

// deliver appends a delivery as a PUBLISH packet, unless it has expired or the client does not take packets so large.
func (c *client) deliver(buf []byte, d *delivery) []byte {
	if !d.msg.expires.IsZero() && d.msg.expired(time.Now()) {
		c.b.counters.expired.Add(1)

		return buf
	}
	var id uint16
	if d.qos > 0 {
		id = c.session.freeID()
	}
	out, ok := c.appendPublish(buf, d, id, false)
	if !ok || d.qos == 0 {
		return out
	}
	s := c.session
	if s.inflight == nil {
		s.inflight = make(map[uint16]*inflight)
	}
	s.sent++
	s.inflight[id] = &inflight{delivery: *d, order: s.sent, counts: true}
	s.lastID = id
	c.unacked++

	return out
}

// fillResends appends what was sent on an earlier connection and never acknowledged [MQTT-4.4.0-1].
func (c *client) fillResends(buf []byte) []byte {
	s := c.session
	for len(buf) < batch && len(s.resend) > 0 && !c.windowFull() {
		id := s.resend[0]
		s.resend = s.resend[1:]
		f := s.inflight[id]
		if f == nil || f.released {
			continue
		}
		var ok bool
		if buf, ok = c.appendPublish(buf, &f.delivery, id, true); !ok {
			delete(s.inflight, id)

			continue
		}
		f.counts = true
		c.unacked++
	}

	return buf
}

// appendPublish appends the packet. A message too large for the client counts as delivered [MQTT-3.1.2-25].
func (c *client) appendPublish(buf []byte, d *delivery, id uint16, dup bool) ([]byte, bool) {
	var scratch wire.Properties
	p := d.publish(c.info.Version, &scratch)
	p.PacketID, p.Dup = id, dup
	if c.maxPacket > 0 && p.Size(c.info.Version) > c.maxPacket {
		c.b.dropped(c.info.ID, d.msg.topic)

		return buf, false
	}
	out, err := p.Append(buf, c.info.Version)
	if err != nil {
		c.b.cfg.Logger.Error("encode message", "client", c.info.ID, "topic", d.msg.topic, "error", err)
		c.b.dropped(c.info.ID, d.msg.topic)

		return buf, false
	}
	c.b.counters.sent.Add(1)

	return out, true
}
