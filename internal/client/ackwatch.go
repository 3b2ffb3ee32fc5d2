package client

import (
	"errors"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// ErrUnacknowledged says that a connection was given up because the Server acknowledged nothing, see Options.AckTimeout. It
// comes with [ErrConnectionLost].
var ErrUnacknowledged = errors.New("the server answers, but acknowledges nothing")

// ackLooks is how often in an AckTimeout it is looked whether anything was acknowledged.
const ackLooks = 8

// ackWatch looks after the acknowledgements of a connection. That none comes is not enough to give it up: large messages may
// be on their way over a slow link. The answer to a PINGREQ behind them says that the Server has read them.
type ackWatch struct {
	connection *connection
	patience   time.Duration

	acks  int64     // how many had come when it was looked last
	since time.Time // when that changed, or nothing was open
	ping  int64     // the number of the PINGREQ that was sent since then, 0 for none
}

// run returns when the connection has ended.
func (w *ackWatch) run() {
	w.since = time.Now()
	ticker := time.NewTicker(max(w.patience/ackLooks, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-w.connection.lost:
			return
		case now := <-ticker.C:
			if w.look(now) {
				w.connection.conn.Fail(ErrUnacknowledged)
				return
			}
		}
	}
}

// look reports whether it is time to give up.
func (w *ackWatch) look(now time.Time) bool {
	c := w.connection
	acks, silent := c.acks.Load(), now.Sub(w.since)
	switch {
	case acks != w.acks, c.lane.window.open() == 0, c.lane.in.paused.Load(): // while reading stands still, they may lie unread
		w.acks, w.since, w.ping = acks, now, 0
	case w.ping == 0 && silent >= w.patience/2:
		w.ping = c.ping()
	case w.ping > 0 && silent >= w.patience:
		return c.pongs.Load() >= w.ping // the answers to earlier ones may have been held up
	}
	return false
}

// ping sends a PINGREQ and returns its number.
func (c *connection) ping() int64 {
	n := c.pings.Add(1)
	_ = c.conn.Send(&wire.Pingreq{}) // a failure is the connection's end
	return n
}
