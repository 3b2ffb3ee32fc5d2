package broker

import "github.com/mqx-cli/mqx/internal/wire"

const (
	// maxInflight is how many Packet Identifiers there are.
	maxInflight = 65_535
	// keptInflight is after how many messages the table of those in flight is given back when it is empty.
	keptInflight = 1 << 16
)

// freeID returns a Packet Identifier that no message in flight has. The window is not full, so there is one.
func (s *session) freeID() uint16 {
	for id := s.lastID + 1; ; id++ {
		if id == 0 {
			continue
		}
		if _, used := s.inflight[id]; !used {
			return id
		}
	}
}

// handleAck is for PUBACK, PUBREC and PUBCOMP: the client's answers to what we have sent.
func (c *client) handleAck(first byte, body []byte) error {
	var a wire.Ack
	if err := a.Decode(c.info.Version, first, body); err != nil {
		return err
	}
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.inflight[a.PacketID]
	if f == nil {
		return c.strayAck(&a)
	}
	switch {
	case a.Kind == wire.PUBACK && f.qos == 1:
		s.settle(c, a.PacketID, f)
	case a.Kind == wire.PUBREC && f.qos == 2 && a.Code.IsError() && !f.released:
		s.settle(c, a.PacketID, f)
	case a.Kind == wire.PUBREC && f.qos == 2:
		f.release(c.b, s)
		c.appendAck(wire.PUBREL, a.PacketID, wire.Success)
	case a.Kind == wire.PUBCOMP && f.released:
		s.settle(c, a.PacketID, f)
	default:
		return refuse(wire.ProtocolError, "%s out of order for a QoS %d message", a.Kind, f.qos)
	}
	if kick := s.needsKick(); kick != nil {
		c.kicks.add(kick)
	}

	return nil
}

// strayAck answers an acknowledgement of what is not in flight.
func (c *client) strayAck(a *wire.Ack) error {
	if a.Kind != wire.PUBREC || a.Code.IsError() {
		return nil
	}
	c.appendAck(wire.PUBREL, a.PacketID, wire.PacketIdentifierNotFound)
	if kick := c.session.needsKick(); kick != nil {
		c.kicks.add(kick)
	}

	return nil
}

// fly notes a message in flight.
func (s *session) fly(id uint16, f *inflight) {
	if s.inflight == nil {
		s.inflight = make(map[uint16]*inflight)
	}
	s.sent++
	f.order = s.sent
	if f.msg != nil {
		s.flying += f.msg.size()
	}
	s.inflight[id] = f
	s.lastID = id
}

// land gives the memory of a message in flight free.
func (s *session) land(f *inflight) {
	if f.msg != nil {
		s.flying -= f.msg.size()
	}
}

// settle forgets a message in flight and gives its place in the window free.
func (s *session) settle(c *client, id uint16, f *inflight) {
	c.b.storeSettled(s, &f.delivery)
	s.land(f)
	s.tell(c.b)
	delete(s.inflight, id)
	if len(s.inflight) == 0 && s.sent > keptInflight {
		s.inflight, s.sent = nil, 0
	}
	if f.counts {
		c.unacked--
	}
}

// release notes PUBREC: the message itself is not needed any more. PUBREL packets are resent in the order of their PUBREC.
func (f *inflight) release(b *Broker, s *session) {
	if f.released {
		return
	}
	s.sent++
	f.released, f.order = true, s.sent
	s.land(f)
	s.tell(b)
	f.msg, f.ids = nil, nil
	if s.durable {
		b.cfg.Store.Released(s.id, f.seq)
	}
}
