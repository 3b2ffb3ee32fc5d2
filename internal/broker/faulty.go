package broker

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/wire"
)

// faultTick is how often who waits in a fault looks whether the connection is to end.
const faultTick = 10 * time.Millisecond

// errCut ends a connection because a fault says so: it is closed without a word.
var errCut = errors.New("cut by a fault")

// FaultEvent is a fault that has struck.
type FaultEvent struct {
	Packet PacketEvent // what it has struck
	Rule   int         // its number in the plan, from 1
	Action faults.Action
	After  time.Duration   // the time that passes first
	For    time.Duration   // of a blackhole, 0 for ever
	Code   wire.ReasonCode // of a refusal
	Then   bool            // the connection is closed afterwards
}

// faulty applies a plan to a connection.
type faulty struct {
	plan *faults.Plan

	mu   sync.Mutex // guards what follows
	conn *faults.Conn
	hole time.Time // until then nothing gets through; far away for ever
}

// SetFaults replaces what is to go wrong, from the next packet on; nil for nothing.
func (b *Broker) SetFaults(p *faults.Plan) {
	b.faults.Store(p)
	b.attend()
}

// attend works out whether packets have to be looked at one by one.
func (b *Broker) attend() {
	b.attentive.Store(b.cfg.Packets != nil || b.draining.Load() || !b.faults.Load().Empty())
}

// faulty returns how the plan of now is applied, nil when nothing is to go wrong.
func (c *client) faulty() *faulty {
	plan := c.b.faults.Load()
	if plan.Empty() {
		return nil
	}
	old := c.fault.Load()
	if old != nil && old.plan == plan {
		return old
	}
	c.fault.CompareAndSwap(old, &faulty{plan: plan, conn: plan.Connect(c.info.ID)})

	return c.fault.Load()
}

// look returns what strikes a packet. Nothing strikes those that change the rules: there is always a way back.
func (f *faulty) look(c *client, e PacketEvent) []faults.Strike {
	if e.Topic == faultTopic {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	strikes := f.conn.Look(faults.Packet{Out: e.Out, Type: e.Type, Topic: e.about(), QoS: e.QoS})
	if e.teaches {
		// Only on connections that are older than the plan, see takeLimits: what follows could not be understood.
		strikes = slices.DeleteFunc(strikes, func(s faults.Strike) bool { return s.Action == faults.Drop })
	}
	for _, s := range strikes {
		c.struck(e, s)
		if s.Action == faults.Blackhole {
			f.hole = time.Now().Add(s.For)
			if s.For == 0 {
				f.hole = f.hole.AddDate(100, 0, 0)
			}
		}
	}

	return strikes
}

// about is the topic that rules look at: of a SUBSCRIBE with several filters, the first one.
func (e *PacketEvent) about() string {
	if len(e.Filters) > 0 {
		return e.Filters[0]
	}

	return e.Topic
}

func (c *client) struck(e PacketEvent, s faults.Strike) {
	if c.b.cfg.OnFault != nil {
		c.b.cfg.OnFault(FaultEvent{e, s.Rule, s.Action, s.After, s.For, s.Code, s.Then})
	}
}

// refusal returns the Reason Code with which a fault refuses a packet from the client, if one does.
func (c *client) refusal(e PacketEvent) (wire.ReasonCode, bool) {
	f := c.faulty()
	if f == nil {
		return 0, false
	}
	e.Time, e.ClientID = time.Now(), c.info.ID
	f.mu.Lock()
	s, ok := f.conn.Refuse(faults.Packet{Type: e.Type, Topic: e.about(), QoS: e.QoS})
	f.mu.Unlock()
	if ok {
		c.struck(e, s)
	}

	return s.Code, ok
}

// admitPacket logs a packet from the client and lets faults strike it.
func (c *client) admitPacket(first byte, body []byte) error {
	e := c.observe(false, first, body)
	f := c.faulty()
	if f == nil {
		return nil
	}
	for _, s := range f.look(c, e) {
		if s.Action == faults.Disconnect {
			c.pause(s.After)

			return errCut
		}
	}

	return c.stall(f)
}

// stall waits while the connection is in a blackhole. To the broker, a client that is in one is silent.
func (c *client) stall(f *faulty) error {
	silent := time.Now()
	for {
		f.mu.Lock()
		left := time.Until(f.hole)
		f.mu.Unlock()
		switch {
		case left <= 0:
			return nil
		case c.keepAlive > 0 && time.Since(silent) >= c.keepAlive:
			return errCut
		case !c.pause(min(left, faultTick)):
			return errStopped
		}
	}
}

// pause waits, and reports whether the connection is to go on.
func (c *client) pause(d time.Duration) bool {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		select {
		case <-c.detached:
			return false
		case <-c.b.quit:
			return false
		default:
		}
		if c.isStopping() {
			return false
		}
		if left <= 0 {
			return true
		}
		<-time.After(min(left, faultTick))
	}
}

// writeFaulty writes packets as the faults leave them.
func (c *client) writeFaulty(f *faulty, buf []byte) error {
	var good []byte
	for len(buf) > 0 {
		first, packet, body, rest := cutPacket(buf)
		buf = rest
		strikes := f.look(c, c.observe(true, first, body))
		if len(strikes) == 0 {
			good = append(good, packet...)

			continue
		}
		if err := c.paced(f, good); err != nil {
			return err
		}
		good = good[:0]
		if err := c.writeStruck(f, packet, strikes); err != nil {
			return err
		}
	}

	return c.paced(f, good)
}

// writeStruck writes a packet that faults strike.
func (c *client) writeStruck(f *faulty, packet []byte, strikes []faults.Strike) error {
	out, cut := packet, false
	for _, s := range strikes {
		c.pause(s.After)
		cut = cut || s.Then
		switch s.Action {
		case faults.Drop:
			out = nil
		case faults.Duplicate:
			again := append([]byte{packet[0] | dupFlag}, packet[1:]...)
			out = append(slices.Clip(out), again...)
		case faults.Disconnect:
			out, cut = nil, true
		case faults.Truncate:
			out, cut = packet[:len(packet)/2], true
		default:
		}
	}
	if err := c.stall(f); err != nil {
		return errCut
	}
	if err := c.paced(f, out); err != nil {
		return err
	}
	if cut {
		return errCut
	}

	return nil
}

// dupFlag is DUP in the fixed header of a PUBLISH.
const dupFlag = 0x08

// paced writes at the rate that a fault allows.
func (c *client) paced(f *faulty, buf []byte) error {
	for len(buf) > 0 {
		n := len(buf)
		rate := f.conn.Rate()
		if rate > 0 {
			n = min(n, perTick(rate))
		}
		c.session.mu.Lock()
		if !c.closing && !c.broken { // farewell has not set the last deadline
			_ = c.conn.SetWriteDeadline(time.Now().Add(c.b.cfg.WriteTimeout)) // Write tells
		}
		c.session.mu.Unlock()
		written, err := c.conn.Write(buf[:n])
		c.b.counters.bytesSent.Add(int64(written))
		if err != nil {
			return err
		}
		if buf = buf[n:]; rate > 0 {
			c.pause(time.Duration(n) * time.Second / time.Duration(rate))
		}
	}

	return nil
}

// perTick is how many bytes go at once at a rate.
func perTick(rate int64) int { return int(max(1, rate*int64(faultTick)/int64(time.Second))) }

// pacedRead reads at the rate that a fault allows.
func (c *client) pacedRead(p []byte) (int, error) {
	f := c.fault.Load()
	if f == nil || f.conn.Rate() == 0 || c.b.faults.Load() != f.plan {
		return c.conn.Read(p)
	}
	rate := f.conn.Rate()
	n, err := c.conn.Read(p[:min(len(p), perTick(rate))])
	c.pause(time.Duration(n) * time.Second / time.Duration(rate))

	return n, err
}
