package fleet

import (
	"errors"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// eventKind is what the loop is told.
type eventKind byte

const (
	dialled    eventKind = iota // a connection of a device, or why there is none
	doubled                     // the same for somebody with the same Client Identifier
	intruded                    // the same with credentials that are wrong
	subscribed                  // SUBACK
	arrived                     // PUBLISH
	answered                    // PUBACK, PUBREC, PUBREL, PUBCOMP
	closed                      // a connection is no more
)

// event is something that happened on a connection.
type event struct {
	kind    eventKind
	packet  wire.Type
	code    wire.ReasonCode
	id      uint16
	actor   *actor
	conn    *conn
	message *message.Message
	codes   []wire.ReasonCode
	err     error
}

// post tells the loop. It waits while the loop is busy, and so does the Server; it is false when there is no loop any more.
func (f *Fleet) post(e event) bool {
	select {
	case f.events <- e:
		return true
	case <-f.ended:
		return false
	}
}

// handle does what an event asks for.
func (f *Fleet) handle(e *event) {
	a := e.actor
	switch e.kind {
	case dialled:
		f.dialing--
		f.dialled(a, e.conn, e.err)
	case doubled:
		f.dialing--
		f.doubled(a, e.conn, e.err)
	case intruded:
		f.dialing--
		f.intruded(a, e.conn, e.err)
	case closed:
		f.closed(a, e.conn, e.err)
	case subscribed, arrived, answered:
		if a.conn != e.conn || e.conn.dark.Load() {
			f.strange(a, e)
			return
		}
		f.received(a, e)
	}
	f.plan(a)
}

// strange is what comes over a connection that is not that of the device any more.
func (f *Fleet) strange(a *actor, e *event) {
	if a.trouble != nil && a.trouble.double == e.conn && e.kind == arrived && e.message.QoS == 1 {
		_ = e.conn.send(&wire.Ack{Kind: wire.PUBACK, PacketID: e.id})
	}
}

func (f *Fleet) received(a *actor, e *event) {
	switch e.kind {
	case subscribed:
		f.subscribed(a, e.codes)
	case arrived:
		f.arrived(a, e.id, *e.message)
	case answered:
		f.answered(a, e)
	default:
	}
}

// dialled goes on with a connection that is there, or waits for another attempt.
func (f *Fleet) dialled(a *actor, c *conn, err error) {
	switch {
	case err != nil && errors.Is(err, link.ErrUnsupportedVersion) && f.o.Version == 0:
		if f.version == wire.V5 {
			f.version = wire.V311
			f.warn("the broker does not speak MQTT 5: the devices speak 3.1.1")
		}
		f.want(a, a.wish)
		return
	case err != nil:
		f.attemptFailed(a, err)
		return
	case a.state != dialing || f.leaving && !a.returning:
		a.state = idle
		f.turnAway(c)
		return
	}
	f.spareWill(a, c.clean)
	a.conn, a.state = c, subscribing
	a.deadline = f.now() + f.o.ConnectTimeout
	a.will, a.willDelay = a.nextWill, a.nextDelay
	c.start()
	f.bend(a)
	topics := a.device.Topics()
	if len(topics) == 0 {
		f.stand(a)
		return
	}
	p := &wire.Subscribe{PacketID: subscribeID}
	for _, topic := range topics {
		p.Subscriptions = append(p.Subscriptions, wire.Subscription{Filter: topic, QoS: 1})
	}
	if err := c.send(p); err != nil {
		f.fail(err)
	}
}

// turnAway says goodbye over a connection that nobody wants.
func (f *Fleet) turnAway(c *conn) {
	c.dark.Store(true)
	c.part(wire.Success)
	f.readers.Go(c.read) // until the Server has closed it
}

// subscribeID is the Packet Identifier of SUBSCRIBE: messages have smaller ones.
const subscribeID = 0xFFFF

// attemptFailed has the device try again, unless it was the first of all.
func (f *Fleet) attemptFailed(a *actor, err error) {
	f.o.Observer.ConnectFailed(a.device.Path(), err)
	if !f.everStood && !f.leaving {
		f.fail(&ConnectError{a.device.Path(), err})
	}
	a.state = idle
	a.device.Disconnected()
	a.returning = false
	a.retryAt = f.now() + a.backoff.next(f.o.RetryMaxWait)
}

// subscribed is the end of the way into a connection.
func (f *Fleet) subscribed(a *actor, codes []wire.ReasonCode) {
	for i, topic := range a.device.Topics() {
		if i < len(codes) && codes[i].IsError() {
			f.stats.RefusedFilters++
			f.warnFirst(f.stats.RefusedFilters, "%s may not subscribe to %s: %s", a.device.Path(), topic, codes[i])
		}
	}
	if a.state == subscribing {
		f.stand(a)
	}
}

// warnFirst tells of the first of many and says so.
func (f *Fleet) warnFirst(n int, format string, args ...any) {
	const most = 3
	switch {
	case n <= most:
		f.warn(format, args...)
	case n == most+1:
		f.warn("there are more of these; they are counted")
	}
}

// closed follows a connection that ended by itself.
func (f *Fleet) closed(a *actor, c *conn, err error) {
	if a.trouble != nil && a.trouble.double == c {
		f.doubleLost(a)
		return
	}
	if a.conn != c {
		return
	}
	if a.state == parting {
		a.conn, a.state, a.deadline = nil, idle, profile.Never
		f.recount(a)
		return
	}
	said := errorAs[*client.DisconnectedError](err)
	if said != nil && said.Code == wire.SessionTakenOver {
		f.stats.Takeovers++
	}
	f.part(a, err)
	f.losing(a, f.now())
	a.device.Disconnected()
	if a.returning = false; !f.leaving {
		a.retryAt = f.now() + a.backoff.next(f.o.RetryMaxWait)
	}
}

func errorAs[E error](err error) (e E) {
	e, _ = errors.AsType[E](err)
	return e
}
