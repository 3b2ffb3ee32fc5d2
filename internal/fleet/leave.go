package fleet

import (
	"errors"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// part takes note that a device has no connection any more. The error is nil where that was meant.
func (f *Fleet) part(a *actor, err error) {
	if a.state == standing || a.state == parting {
		f.status.connected.Add(-1)
		f.o.Observer.Disconnected(a.device.Path(), err)
		if f.now()-a.stoodAt >= a.backoff.wait {
			a.backoff = backoff{}
		}
	}
	a.conn, a.state, a.deadline = nil, idle, profile.Never
	if a.trouble != nil {
		a.trouble.owes = false
	}
	f.recount(a)
}

// vanish takes the connection away as the network does it. The device asks for another one when it may.
func (f *Fleet) vanish(a *actor, reset bool) {
	a.retryAt = profile.Never
	if t := a.trouble; t != nil && t.hidden != nil {
		t.hidden.cut(reset)
		a.former, t.hidden = t.hidden, nil
		if a.willAt < profile.Never {
			a.willAt = min(a.willAt, f.meant()+a.willDelay) // the Server learns of it now
		}
	}
	c := a.conn
	if c == nil {
		return
	}
	f.part(a, nil)
	f.losing(a, f.meant())
	c.cut(reset)
	a.former = c
}

// leaveWithWill says goodbye and asks for the Will Message, which only MQTT 5 can do.
func (f *Fleet) leaveWithWill(a *actor) {
	c := a.conn
	if c == nil {
		return
	}
	f.part(a, nil)
	f.losing(a, f.meant())
	c.dark.Store(true)
	c.part(wire.DisconnectWithWill)
	a.former = c
}

// blackhole lets nothing through any more. The Server finds out when its patience is over.
func (f *Fleet) blackhole(a *actor) {
	c := a.conn
	if c == nil {
		return
	}
	f.part(a, nil)
	if c.keepAlive > 0 {
		f.losing(a, c.lastSent+c.keepAlive+c.keepAlive/2)
	} else {
		f.losing(a, profile.Never-a.willDelay-1)
	}
	c.hide()
	a.trouble.hidden = c
}

// changeling leaves the connection as it is for one under another Client Identifier.
func (f *Fleet) changeling(a *actor) {
	c := a.conn
	if c == nil {
		return
	}
	f.part(a, nil)
	if c.keepAlive > 0 {
		f.stale.add(c.lastSent+c.keepAlive+c.keepAlive/2+a.willDelay, a, a.will)
	}
	a.will = simulate.WillMark{}
	c.hide()
	a.trouble.left = append(a.trouble.left, c)
	a.known = false // it begins with a new Session
}

// sayGoodbye ends the connection with a DISCONNECT, when the Server has answered what it was told.
func (f *Fleet) sayGoodbye(a *actor) {
	if a.conn == nil || a.state != standing {
		return
	}
	a.will = simulate.WillMark{}
	f.status.connected.Add(-1)
	f.o.Observer.Disconnected(a.device.Path(), nil)
	a.state, a.deadline = parting, f.now()+leaveTime
	f.partIfDone(a)
}

// partIfDone ends a connection that waits for nothing any more.
func (f *Fleet) partIfDone(a *actor) {
	if a.state == parting && !a.waitsForAcks() {
		f.finishParting(a)
	}
}

// finishParting says goodbye, whatever is still open.
func (f *Fleet) finishParting(a *actor) {
	c := a.conn
	a.conn, a.state, a.deadline = nil, idle, profile.Never
	c.dark.Store(true)
	c.part(wire.Success)
	f.recount(a)
	a.former = c
}

// leave has all devices take leave.
func (f *Fleet) leave() {
	if f.leaving {
		return
	}
	f.leaving = true
	switch {
	case f.stopped != nil:
		f.o.Observer.Leaving(f.stopped.Error())
	case f.over:
		f.o.Observer.Leaving("")
	default:
		f.o.Observer.Leaving("interrupted")
	}
	f.leaveBy = f.now() + leaveTime + time.Duration(len(f.actors))*time.Second/leaveRate
	f.releaseBrake(f.now())
	for _, a := range f.actors {
		a.device.Calm()
		f.endTrouble(a)
		f.takeLeave(a)
		f.plan(a)
	}
}

// takeLeave has a device say that it is offline. Messages whose acknowledgements were lost go out again first, over a new
// connection.
func (f *Fleet) takeLeave(a *actor) {
	a.retryAt = profile.Never
	if f.over && (a.state == queued || a.state == dialing || a.state == subscribing) {
		a.returning = true
		return
	}
	if a.state == standing && a.losesAcks() && !a.returning {
		a.returning, a.trouble.redo, a.trouble.at = true, true, 0
		return
	}
	at := f.simulated(f.now())
	switch a.state {
	case standing:
		a.returning = false
		if f.over {
			f.finish(a)
			at = max(f.o.Length, a.wish)
		}
		for len(a.delayed) > 0 {
			m := a.delayed[0]
			a.delayed = a.delayed[1:]
			f.transmit(a, m)
		}
		f.act(a, at, a.device.Stop(at))
	case queued:
		a.state = idle
	case subscribing:
		c := a.conn
		a.conn, a.state = nil, idle
		c.dark.Store(true)
		c.part(wire.Success)
	default:
	}
}

// finish lets a device do what was due before the end.
func (f *Fleet) finish(a *actor) {
	for a.device.Next() < f.o.Length && a.device.Up() {
		at := a.device.Next()
		f.act(a, at, a.device.Wake(at))
	}
}

// again ends a connection and makes another one at once.
func (f *Fleet) again(a *actor) {
	c := a.conn
	f.part(a, nil)
	f.losing(a, f.now())
	c.cut(false)
	a.former = c
	a.device.Disconnected()
	f.act(a, f.simulated(f.now()), a.device.Reconnect())
}

// allGone reports whether every device has taken leave.
func (f *Fleet) allGone() bool {
	for _, a := range f.actors {
		if a.state != idle {
			return false
		}
	}
	return true
}

// errEnded says that the run has ended before the connection was made.
var errEnded = errors.New("the run has ended")

// closeAll closes what is left.
func (f *Fleet) closeAll() {
	for _, a := range f.actors {
		if c := a.conn; c != nil {
			f.part(a, errEnded)
			f.losing(a, f.now())
			c.dark.Store(true)
			_ = c.nc.Close()
		}
		f.endTrouble(a)
	}
}
