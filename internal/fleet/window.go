package fleet

import (
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// mostInflight bounds the QoS 1 and 2 messages of one device on their way out.
const mostInflight = 100

// flight is a QoS 1 or 2 message on its way out.
type flight struct {
	made *simulate.Made
	id   uint16
	qos  byte
	// released says that it is QoS 2 and the Server has it: what is left is PUBREL and PUBCOMP.
	released bool
	// lost says that the acknowledgement that comes, or has come, is not noticed; took that it has come.
	lost, took bool
	sentAt     time.Duration
}

// publish has a message go out when it is to: now, or after a delay that a fault makes.
func (f *Fleet) publish(a *actor, m *simulate.Made) {
	if m.Is(simulate.Dropped) {
		f.tell(a, m)
		return
	}
	if f.real(m.Sent) > f.now() {
		i, _ := slices.BinarySearchFunc(a.delayed, m, func(x, y *simulate.Made) int {
			if x.Sent <= y.Sent {
				return -1
			}
			return 1
		})
		a.delayed = slices.Insert(a.delayed, i, m)
		return
	}
	f.transmit(a, m)
}

// transmit sends a message with its copies. Without a connection it is lost: a device has no memory.
func (f *Fleet) transmit(a *actor, m *simulate.Made) {
	if a.conn == nil || a.state != standing && a.state != parting {
		m.Drop()
		f.tell(a, m)
		return
	}
	if m.Message.Retain && m.Signal != "" {
		if err := f.recordOne(m.Message.Topic); err != nil {
			f.fail(err)
			return
		}
	}
	qos := min(m.Message.QoS, a.conn.maxQoS)
	if qos > 0 && len(a.inflight) >= a.conn.window {
		a.waiting = append(a.waiting, m)
	} else {
		f.transmitNow(a, m, qos)
	}
	f.recount(a)
}

func (f *Fleet) transmitNow(a *actor, m *simulate.Made, qos byte) {
	copies := m.Copies
	if m.Unconfirmed {
		copies--
	}
	f.tell(a, m)
	for i := range 1 + copies {
		p := a.packet(m, qos)
		if qos > 0 {
			p.PacketID = a.freeID()
			a.inflight = append(a.inflight, flight{made: m, id: p.PacketID, qos: qos, lost: m.Unconfirmed && i == 0, sentAt: f.now()})
		}
		f.rate.count(f)
		f.stats.Sent++
		f.status.sent.Add(1)
		if err := a.conn.send(p); err != nil {
			f.warnFirst(f.stats.Refused+1, "%s: %s cannot be sent: %s", a.device.Path(), m.Message.Topic, err)
			f.stats.Refused++
		}
	}
}

// packet is a message as this connection can carry it.
func (a *actor) packet(m *simulate.Made, qos byte) *wire.Publish {
	p := &wire.Publish{Topic: m.Message.Topic, QoS: qos, Retain: m.Message.Retain && !a.conn.noRetain, Payload: m.Message.Payload}
	if a.conn.version == wire.V5 {
		p.Properties = m.Message.Properties
	}
	return p
}

// tell has the message written down, with its times on the clock of this machine.
func (f *Fleet) tell(a *actor, m *simulate.Made) {
	m.Leave(a.order, f.wall.Add(f.real(m.Due)), time.Now())
	if m.Is(simulate.Dropped) {
		f.stats.Dropped++
	}
	if err := f.o.Observer.Sent(m); err != nil {
		f.fail(err)
	}
}

// freeID is a Packet Identifier that is not in use.
func (a *actor) freeID() uint16 {
	for {
		if a.nextID++; a.nextID >= subscribeID {
			a.nextID = 1
		}
		if a.find(a.nextID) < 0 {
			return a.nextID
		}
	}
}

// find is where a message is among those on their way out, -1 for nowhere.
func (a *actor) find(id uint16) int {
	return slices.IndexFunc(a.inflight, func(x flight) bool { return x.id == id })
}

// answered goes on with a message that the Server has answered.
func (f *Fleet) answered(a *actor, e *event) {
	i := a.find(e.id)
	switch {
	case e.packet == wire.PUBREL:
		_ = a.conn.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: e.id}) // encodable
	case i < 0 && e.packet == wire.PUBREC:
		_ = a.conn.send(&wire.Ack{Kind: wire.PUBREL, PacketID: e.id}) // encodable
	case i < 0:
	case a.inflight[i].lost:
		a.inflight[i].took = true
		if a.state == parting || f.leaving {
			f.partIfDone(a)
		}
	case e.packet == wire.PUBREC && !e.code.IsError():
		a.inflight[i].released = true
		_ = a.conn.send(&wire.Ack{Kind: wire.PUBREL, PacketID: e.id}) // encodable
	default:
		f.settle(a, i, e.code)
	}
}

// settle takes a message out of the window.
func (f *Fleet) settle(a *actor, i int, code wire.ReasonCode) {
	x := a.inflight[i]
	a.inflight = slices.Delete(a.inflight, i, i+1)
	if len(a.inflight) == 0 {
		a.inflight = nil
	}
	f.o.Observer.Acknowledged(x.made, f.now()-x.sentAt, code)
	if code.IsError() {
		f.stats.Refused++
		f.warnFirst(f.stats.Refused, "%s: %s was refused: %s", a.device.Path(), x.made.Message.Topic, code)
	} else {
		f.stats.Acknowledged++
		if len(x.made.Settled) > 0 {
			f.o.Observer.Converged(a.device.Path(), x.made.Settled, f.simulated(f.now())-x.made.Wished)
		}
	}
	for len(a.waiting) > 0 && len(a.inflight) < a.conn.window {
		m := a.waiting[0]
		a.waiting = a.waiting[1:]
		f.transmitNow(a, m, min(m.Message.QoS, a.conn.maxQoS))
	}
	f.recount(a)
	f.partIfDone(a)
}

// recount takes note of how many messages wait for their acknowledgement over a connection that there is.
func (f *Fleet) recount(a *actor) {
	n := 0
	if a.conn != nil {
		n = a.unconfirmed()
	}
	f.status.unacked.Add(int64(n - a.counted))
	a.counted = n
}

// resume sends again what was open when the last connection ended. Where the Server has forgotten the Session, it is sent as
// if for the first time; a QoS 2 message that the Server had then is done.
func (f *Fleet) resume(a *actor) {
	open := a.inflight
	a.inflight = nil
	for i := range open {
		x := &open[i]
		if x.released && !a.conn.present {
			f.stats.Acknowledged++
			continue
		}
		known := x.lost // in the ledger, as a copy
		x.lost, x.took = false, false
		a.inflight = append(a.inflight, *x)
		if x.released {
			_ = a.conn.send(&wire.Ack{Kind: wire.PUBREL, PacketID: x.id}) // encodable
			continue
		}
		p := a.packet(x.made, min(x.qos, a.conn.maxQoS))
		p.PacketID, p.Dup = x.id, a.conn.present
		f.stats.Sent++
		f.status.sent.Add(1)
		if !known {
			again := *x.made
			again.Again = true
			f.tell(a, &again)
		}
		_ = a.conn.send(p) // it could be encoded before
	}
	f.recount(a)
}

// unconfirmed is how many messages have no answer.
func (a *actor) unconfirmed() int { return len(a.inflight) + len(a.waiting) }

// losesAcks reports whether there are messages whose acknowledgement a fault has lost: they go out again over another
// connection.
func (a *actor) losesAcks() bool {
	return slices.ContainsFunc(a.inflight, func(x flight) bool { return x.lost })
}

// waitsForAcks reports whether an answer is still to be waited for.
func (a *actor) waitsForAcks() bool {
	return len(a.waiting) > 0 || slices.ContainsFunc(a.inflight, func(x flight) bool { return !x.took })
}
