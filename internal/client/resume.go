package client

import (
	"context"
	"errors"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

// resume sends everything that is open on c, in the order in which it was sent first (MQTT 5, 4.4 and 4.6), and then makes c
// the connection that is sent on. It returns how many messages those were. What the Receive Maximum does not allow yet is
// sent as acknowledgements come.
func (l *lane) resume(ctx context.Context, c *connection) (int, error) {
	open := l.window.reopen(min(int(c.caps.ReceiveMaximum), l.maxInflight), c.caps.SessionPresent)
	for {
		ended, err := l.sendOneAgain(c)
		switch {
		case errors.Is(err, link.ErrBroken):
			if err := c.awaitLoss(ctx); err != nil {
				return open, err
			}
			return open, c.err
		case err != nil:
			return open, err
		case ended:
			return open, nil
		}
		if ok, err := c.room(ctx); err != nil {
			return open, err
		} else if !ok {
			return open, c.err
		}
	}
}

// sendOneAgain sends the next open message on c. When there is none, or none is allowed, c is sent on from then on: nobody
// can come between.
func (l *lane) sendOneAgain(c *connection) (ended bool, err error) {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	id, s, ok := l.window.nextAgain()
	if !ok {
		l.sendOn(c)
		return true, nil
	}
	return false, l.sendAgain(c, id, s)
}

// sendNextAgain sends what the acknowledgement that has just come makes room for.
func (l *lane) sendNextAgain(c *connection) {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	l.sendBacklog(c)
}

// sendBacklog sends again what the limit allows, when c is sent on. The lock is held.
func (l *lane) sendBacklog(c *connection) {
	for l.cur.Load() == c && !c.isLost() {
		id, s, ok := l.window.nextAgain()
		if !ok || l.sendAgain(c, id, s) != nil {
			return // what could not be sent is sent on the next connection
		}
	}
}

// sendAgain sends the packet that an open message waits for an answer to. A message that cannot be said on this connection
// has ended. The lock is held.
func (l *lane) sendAgain(c *connection, id uint16, s slot) error {
	err := c.check(&s.msg)
	if err == nil || s.released {
		err = l.sendOpen(c, id, &s)
	}
	if err == nil || errors.Is(err, link.ErrBroken) {
		return err
	}
	if end := l.window.refused(id, err); end != nil {
		end()
	}
	return nil
}

// sendOpen sends the packet that an open message waits for an answer to. The lock is held.
func (l *lane) sendOpen(c *connection, id uint16, s *slot) error {
	if s.released {
		return c.conn.Send(&wire.Ack{Kind: wire.PUBREL, PacketID: id})
	}
	return l.send(c, id, &s.msg, s.dup)
}
