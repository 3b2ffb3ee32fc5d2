package fleet

import (
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// nextPing is when the Server must hear something, or be heard.
func (f *Fleet) nextPing(a *actor) time.Duration {
	k := a.conn.keepAlive
	if k == 0 {
		return profile.Never
	}
	const part = 4
	heard := time.Duration(a.conn.lastIn.Load())
	if a.conn.pinged {
		return heard + k + k/2
	}
	return min(a.conn.lastSent, heard) + k - k/part
}

// ping sends a PINGREQ when it is time, and gives a connection up over which nothing comes.
func (f *Fleet) ping(a *actor, now time.Duration) {
	c := a.conn
	if c.keepAlive == 0 {
		return
	}
	const part = 4
	if heard := time.Duration(c.lastIn.Load()); c.pinged && now-heard < c.keepAlive-c.keepAlive/part {
		c.pinged = false
	}
	if now < f.nextPing(a) {
		return
	}
	if c.pinged {
		_ = c.nc.Close() // the reader tells of it
		c.pinged = false
		c.keepAlive = 0
		return
	}
	c.pinged = true
	_ = c.send(&wire.Pingreq{}) // encodable
}
