package client

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// lane carries every Application Message of a Session, both ways, past the client engine: it owns the Packet Identifiers
// of PUBLISH, and answers the acknowledgements. It outlasts its connections.
type lane struct {
	cur        atomic.Pointer[connection] // what is sent on, perhaps lost already
	reconnects bool                       // a lost connection is replaced
	mu         sync.Mutex
	replaced   chan struct{} // closed when cur was; guarded by mu

	sendMu sync.Mutex
	pub    wire.Publish // the packet being sent; guarded by sendMu
	window window

	in      *inbox
	inbound inboundState
	awaits  awaits
	closing chan struct{} // closed when the Session is being closed

	journal      Journal // nil for none
	maxInflight  int
	topicAliases bool
	finishing    sync.Once
	lostErr      error // set before done is closed
	done         chan struct{}
}

// inboundState is what the read loop and the acknowledging consumer share about messages on their way in. Messages are
// numbered from 1 in the order of their arrival over all connections.
type inboundState struct {
	mu sync.Mutex
	// on is the connection that messages come from. Those up to older came over earlier ones, and those up to gone belong to
	// a Session that the Server does not have any more.
	on          *connection
	older, gone uint64
	// qos2 holds the identifiers between PUBLISH and PUBREL (method of MQTT 5, 4.3.3).
	qos2 map[uint16]halfway
}

// halfway is a QoS 2 message between PUBLISH and PUBREL.
type halfway struct {
	here  bool // its PUBLISH came over the present connection
	taken bool // the consumer has acknowledged it, so that PUBREC may be sent
}

// awaits counts the requests whose answer is awaited, and wakes a paused read loop when that changes.
type awaits struct {
	mu      sync.Mutex
	n       int
	changed chan struct{} // capacity 1
}

func (a *awaits) add(n int) {
	a.mu.Lock()
	a.n += n
	a.mu.Unlock()
	signal(a.changed)
}

func (a *awaits) any() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n > 0
}

func newLane(o Options) *lane {
	maxInflight := o.MaxInflight
	if maxInflight == 0 {
		maxInflight = defaultInflight
	}
	l := &lane{
		reconnects: o.Retry.Reconnect > 0, maxInflight: min(maxInflight, maxWindow), topicAliases: o.TopicAliases,
		journal: o.Journal,
		done:    make(chan struct{}), replaced: make(chan struct{}), closing: make(chan struct{}),
		in:     newInbox(),
		awaits: awaits{changed: make(chan struct{}, 1)},
	}
	l.inbound.qos2 = map[uint16]halfway{}
	return l
}

// up returns the connection to send on, waiting for it during an outage.
func (l *lane) up(ctx context.Context) (*connection, error) {
	if c := l.cur.Load(); !c.isLost() {
		return c, nil
	}
	for {
		l.mu.Lock()
		c, replaced := l.cur.Load(), l.replaced
		l.mu.Unlock()
		if !c.isLost() {
			return c, nil
		}
		select {
		case <-replaced:
		case <-l.done:
			return nil, l.lostErr
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// sendOn makes c the connection that is sent on.
func (l *lane) sendOn(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cur.Store(c)
	close(l.replaced)
	l.replaced = make(chan struct{})
}

// pace blocks the read loop of c while the consumer has enough to do.
func (l *lane) pace(c *connection) {
	l.in.pace(func() int {
		switch {
		case l.stopped(), c.isLost():
			return math.MaxInt / inboxBytes
		case l.awaits.any():
			return inboxStretch
		default:
			return 1
		}
	}, l.awaits.changed)
}

func (l *lane) stopped() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// stop lets nothing hold up the read loop any more.
func (l *lane) stop() {
	close(l.closing)
	signal(l.awaits.changed)
}

// finish ends everything that waits on the Session.
func (l *lane) finish(err error) {
	l.finishing.Do(func() {
		l.window.lose(err)
		l.in.lose(err)
		l.lostErr = err
		close(l.done)
	})
}

// receiveOn makes c the connection that messages come from. What the Server does not know any more is forgotten
// ([MQTT-3.2.2-5]).
func (l *lane) receiveOn(c *connection) {
	b := &l.inbound
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on, b.older = c, l.in.count()
	if !c.caps.SessionPresent {
		b.gone = b.older
		clear(b.qos2)
	}
	for id, h := range b.qos2 {
		h.here = false
		b.qos2[id] = h
	}
}

// register takes note of a QoS 2 message; one that is known already is not handed out again.
//
// A Server that sends more than our Receive Maximum is not hung up on, which MQTT 5, 3.3.4 allows: Mosquitto 2.0 does so
// regularly, and messages would be lost. Memory stays bounded all the same, because reading pauses.
func (l *lane) register(c *connection, p *wire.Publish) (fresh bool, err error) {
	l.inbound.mu.Lock()
	defer l.inbound.mu.Unlock()
	h, known := l.inbound.qos2[p.PacketID]
	h.here = true
	l.inbound.qos2[p.PacketID] = h
	if h.taken {
		err = c.conn.Send(&wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID})
	}
	return !known, err
}

// release answers a PUBREL, which ends a QoS 2 message.
func (l *lane) release(c *connection, id uint16) error {
	comp := &wire.Ack{Kind: wire.PUBCOMP, PacketID: id}
	l.inbound.mu.Lock()
	if _, known := l.inbound.qos2[id]; known {
		delete(l.inbound.qos2, id)
	} else if c.caps.Version == wire.V5 {
		comp.Code = wire.PacketIdentifierNotFound
	}
	l.inbound.mu.Unlock()
	return c.conn.Send(comp)
}

// ackReceived acknowledges what the consumer has taken, in the order of arrival.
//
// What came over an older connection is not acknowledged on this one: the Server, if it still has the message, sends it
// again, and a second acknowledgement for one identifier could meet the next message that has it. A QoS 2 message that was
// taken is acknowledged when it is sent again.
func (l *lane) ackReceived() {
	if len(l.in.toAck) == 0 {
		return
	}
	b := &l.inbound
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range l.in.toAck {
		a := &l.in.toAck[i]
		if a.Kind == wire.PUBACK {
			if a.number > b.older {
				_ = b.on.conn.Send(&a.Ack) // when the connection is lost, the Server will send the message again
			}
			continue
		}
		h, known := b.qos2[a.PacketID]
		if a.number <= b.gone || !known {
			continue
		}
		h.taken = true
		b.qos2[a.PacketID] = h
		if h.here {
			_ = b.on.conn.Send(&a.Ack)
		}
	}
	l.in.toAck = l.in.toAck[:0]
}

// publish sends m, see Session.PublishAsync.
func (l *lane) publish(ctx context.Context, m *message.Message, done func(Result)) error {
	for {
		c, err := l.up(ctx)
		if err != nil {
			return err
		}
		room, err := c.room(ctx)
		if err != nil {
			return err
		}
		if !room {
			continue
		}
		if err := c.check(m); err != nil {
			return err
		}
		if m.QoS > 0 {
			return l.publishOpen(ctx, *m, done)
		}
		switch err := l.sendPlain(c, m); {
		case errors.Is(err, link.ErrBroken):
			if err := c.awaitLoss(ctx); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if done != nil {
				done(Result{})
			}
			return nil
		}
	}
}

// publishOpen sends a message whose acknowledgement is awaited.
func (l *lane) publishOpen(ctx context.Context, m message.Message, done func(Result)) error {
	id, err := l.take(ctx, m.QoS, func() (uint16, bool, error) { return l.window.tryTake(&m, done) })
	if err != nil {
		return err
	}
	return l.sendClaimed(id)
}

// sendClaimed sends the message that has just claimed an identifier.
func (l *lane) sendClaimed(id uint16) error {
	err := l.sendTaken(id)
	if err != nil && !l.window.forget(id) {
		return nil // the end of the Session has ended the message already, and told done
	}
	return err
}

// sendPlain sends a message of QoS 0.
func (l *lane) sendPlain(c *connection, m *message.Message) error {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	return l.send(c, 0, m, false)
}

// sendTaken sends the message that has just claimed the identifier. During an outage it is left to what sends again.
func (l *lane) sendTaken(id uint16) error {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	s, now := l.window.sending(id)
	if !now {
		l.sendBacklog(l.cur.Load()) // which it may be part of
		return nil
	}
	err := l.sendOpen(l.cur.Load(), id, &s)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, link.ErrBroken):
		return err
	case l.reconnects:
		l.window.unsent(id, s.dup)
		return nil
	default:
		return l.sendError(err)
	}
}

// send encodes a PUBLISH. The packet is the lane's own so that nothing is allocated for it. The lock is held.
func (l *lane) send(c *connection, id uint16, m *message.Message, dup bool) error {
	l.pub = wire.Publish{
		Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, Dup: dup, PacketID: id, Properties: m.Properties,
	}
	return l.sendPub(c)
}

// sendPub sends the lane's packet, with a Topic Alias where that makes it shorter. The lock is held.
func (l *lane) sendPub(c *connection) error {
	if !l.topicAliases || c.caps.TopicAliasMaximum == 0 || c.caps.Version != wire.V5 {
		return c.conn.Send(&l.pub)
	}
	if c.sentAliases == nil {
		c.sentAliases = newAliases(c.caps.TopicAliasMaximum)
	}
	c.sentAliases.shorten(&l.pub, c.caps.MaximumPacketSize)
	err := c.conn.Send(&l.pub)
	if err == nil {
		c.sentAliases.sent()
	}
	return err
}

// take claims an identifier. When it has to wait, it is for acknowledgements that the read loop must get at.
func (l *lane) take(ctx context.Context, qos byte, try func() (uint16, bool, error)) (uint16, error) {
	id, ok, err := try()
	if ok || err != nil {
		return id, err
	}
	l.awaits.add(1)
	defer l.awaits.add(-1)
	for {
		if err := l.window.room(ctx, qos); err != nil {
			return 0, err
		}
		if id, ok, err = try(); ok || err != nil {
			return id, err
		}
	}
}

// sendError makes a failed write say that the connection is lost; ctx errors and encoding errors stay what they are.
func (l *lane) sendError(err error) error {
	if lost := l.window.lostErr(); lost != nil {
		return lost
	}
	if errors.Is(err, link.ErrBroken) {
		return &lostError{cause: err}
	}
	return err
}

// flush waits until everything sent so far is in the kernel. What a lost connection has taken along cannot be flushed any
// more; that is an error only when the connection is not replaced.
func (l *lane) flush(ctx context.Context) error {
	for {
		c := l.cur.Load()
		err := c.conn.Flush(ctx)
		if !errors.Is(err, link.ErrBroken) {
			return err
		}
		if err := c.awaitLoss(ctx); err != nil {
			return err
		}
		if _, err := l.up(ctx); err != nil {
			return err
		}
	}
}
