package client

import (
	"context"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Kept is a message of QoS 1 or 2 that its publisher keeps until it has ended, over the end of the process.
type Kept struct {
	Message message.Message
	// ID is the Packet Identifier to send it with, from [FirstKeptID] on. In a Session it belongs to this message until that
	// has ended.
	ID uint16
	// Again says that PUBLISH may have been sent before in this Session: it has DUP.
	Again bool
	// Received says that PUBREC came before in this Session: PUBREL is sent, and PUBLISH must not be.
	Received bool
}

// Journal notes how far messages of PublishKept have come, see [Options.Journal].
type Journal interface {
	// Received is told that the Server has answered a message of QoS 2 with PUBREC. safe is to be called, from any goroutine,
	// when that will not be forgotten; PUBREL waits for it. Received must not block.
	Received(id uint16, safe func())
	// Forgotten is told, before anything is sent on a connection that replaces another, that the Server has forgotten the
	// Session: its messages are new to it. An error ends the connection.
	Forgotten(ctx context.Context) error
}

// PublishKept is PublishAsync for a message that is kept.
func (s *Session) PublishKept(ctx context.Context, k Kept, done func(Result)) error {
	l := s.lane
	for {
		c, err := l.up(ctx)
		if err != nil {
			return err
		}
		room, err := c.room(ctx)
		if err != nil {
			return err
		}
		if room {
			if err := c.check(&k.Message); err != nil && !k.Received {
				return err
			}
			break
		}
	}
	id, err := l.take(ctx, k.Message.QoS, func() (uint16, bool, error) { return l.window.tryKeep(&k, done) })
	if err != nil {
		return err
	}
	return l.sendClaimed(id)
}

// CloseForGood is Close, and the Server is asked to end the Session with the connection. Below MQTT 5 it cannot be.
func (s *Session) CloseForGood(ctx context.Context) error {
	c := s.lane.cur.Load()
	if c.goodbye != nil && c.caps.Version == wire.V5 {
		p := wire.Properties{}
		if c.goodbye.Properties != nil {
			p = *c.goodbye.Properties
		}
		p.SessionExpiryInterval = 0
		c.goodbye.Properties = p.Set(wire.PropSessionExpiryInterval)
	}
	return s.Close(ctx)
}

// tryKeep claims the identifier of k if the window has room.
func (w *window) tryKeep(k *Kept, done func(Result)) (id uint16, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.used >= w.allowed(k.Message.QoS) || w.slot(k.ID) != nil {
		return 0, false, w.err
	}
	i := int(k.ID) - FirstKeptID
	for len(w.kept) <= i {
		w.kept = append(w.kept, slot{})
	}
	w.kept[i] = slot{
		open: true, msg: k.Message, done: done,
		dup: k.Again, released: k.Received, again: k.Again || k.Received,
	}
	w.used++
	return k.ID, true, nil
}

// journalled leaves the PUBREC of a kept message to the journal, which has to note it before PUBREL may be sent.
func (l *lane) journalled(c *connection, a *wire.Ack) bool {
	if l.journal == nil || a.Kind != wire.PUBREC || a.Code.IsError() || a.PacketID < FirstKeptID {
		return false
	}
	id := a.PacketID // a is the reader's
	claim, waits := l.window.unreleased(id)
	if !waits {
		return false
	}
	l.journal.Received(id, func() {
		if l.window.release(id, claim) {
			_ = c.conn.Send(&wire.Ack{Kind: wire.PUBREL, PacketID: id}) // on the next connection, when this one is lost
		}
	})
	return true
}

// claim says which message, on which connection, has an identifier.
type claim struct {
	order uint64
	turn  int
}

// unreleased reports whether a message of QoS 2 waits for PUBREC.
func (w *window) unreleased(id uint16) (claim, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slot(id)
	if s == nil || s.msg.QoS != 2 || s.released {
		return claim{}, false
	}
	return claim{s.order, w.turn}, true
}

// release notes that PUBREL is sent for a message. It must not be when the connection was replaced since PUBREC came: the
// Server may have forgotten the message, and if it has not, PUBREC comes again.
func (w *window) release(id uint16, c claim) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slot(id)
	if s == nil || s.order != c.order || w.turn != c.turn || s.released {
		return false
	}
	s.released = true
	return true
}
