package broker

import (
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// fill appends what is to be written next: answers first, so that a backlog of messages does not keep a client from its
// PINGRESP. It reports whether it must be called again although it may have found nothing. The session is locked.
func (c *client) fill(buf []byte) (_ []byte, again bool) {
	defer c.session.tell(c.b)
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
			buf = append(buf, c.over(d.replay)...)
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

// over ends a replay of which everything is sent, and returns what follows it.
func (c *client) over(p *replay) (answers []byte) {
	c.b.retained.end(p)
	if c.session.lastReplay == p {
		c.session.lastReplay = nil
	}
	c.unsafe = c.unsafe || len(p.answers) > 0 && c.b.cfg.Store != nil

	return p.answers
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

// windowFull reports whether the client's Receive Maximum is used up [MQTT-3.3.4-9], or all Packet Identifiers are, or the
// memory for messages in flight is.
func (c *client) windowFull() bool {
	s := c.session

	return c.unacked >= c.receiveMaximum || len(s.inflight) >= maxInflight || s.flying >= c.b.cfg.MaxQueuedBytes
}

// deliver appends a delivery as a PUBLISH packet, unless it has expired, the client may not receive it or does not take
// packets so large.
func (c *client) deliver(buf []byte, d *delivery) []byte {
	if !d.msg.expires.IsZero() && d.msg.expired(time.Now()) {
		c.b.counters.expired.Add(1)
		c.b.storeSettled(c.session, d)

		return buf
	}
	if !c.mayReceive(d.msg.topic) {
		c.b.storeSettled(c.session, d)

		return buf
	}
	var id uint16
	if d.qos > 0 {
		id = c.session.freeID()
	}
	out, ok := c.appendPublish(buf, d, id, false)
	s := c.session
	if !ok {
		c.b.storeSettled(s, d)
	}
	if !ok || d.qos == 0 {
		return out
	}
	c.b.storeSent(s, d, id)
	c.unsafe = c.unsafe || s.durable && d.qos == 2
	s.fly(id, &inflight{delivery: *d, counts: true})
	c.unacked++

	return out
}

// fillResends appends what was sent on an earlier connection and never acknowledged [MQTT-4.4.0-1].
func (c *client) fillResends(buf []byte) []byte {
	s := c.session
	for len(buf) < batch && len(s.resend) > 0 && c.unacked < c.receiveMaximum {
		id := s.resend[0]
		s.resend = s.resend[1:]
		f := s.inflight[id]
		if f == nil || f.released {
			continue
		}
		var ok bool
		if buf, ok = c.appendPublish(buf, &f.delivery, id, true); !ok {
			s.land(f)
			delete(s.inflight, id)
			c.b.storeSettled(s, &f.delivery)

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
	fresh := c.out.limit > 0 && c.out.apply(&p, &scratch)
	if c.maxPacket > 0 && !c.fits(p.Size(c.info.Version)) {
		c.b.dropped(c.info.ID, d.msg.topic)

		return buf, false
	}
	out, err := p.Append(buf, c.info.Version)
	if err != nil {
		c.b.cfg.Logger.Error("encode message", "client", c.info.ID, "topic", d.msg.topic, "error", err)
		c.b.dropped(c.info.ID, d.msg.topic)

		return buf, false
	}
	if fresh {
		c.out.note(d.msg.topic, p.Properties.TopicAlias)
	}
	c.gave.packets++
	c.gave.publishes++
	c.gave.payload += int64(len(p.Payload))

	return out, true
}
