package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// lane carries every Application Message of a connection, both ways, past the client engine: it is the link's Handler,
// owns the Packet Identifiers of PUBLISH, and answers the acknowledgements.
type lane struct {
	conn *link.Conn
	caps Caps

	sendMu sync.Mutex
	pub    wire.Publish // the packet being sent; guarded by sendMu
	window window

	in      *inbox
	inbound inboundState
	awaits  awaits
	closing chan struct{} // closed when the Session is being closed

	connect     *wire.Connect
	maxInflight int
	connack     atomic.Pointer[wire.Connack]
	disconnect  atomic.Pointer[wire.Disconnect]
	lostErr     error // set before done is closed
	done        chan struct{}
}

// inboundState is what the read loop and the acknowledging consumer share about messages on their way in.
type inboundState struct {
	mu sync.Mutex
	// qos2 holds the identifiers between PUBLISH and PUBREL; true once PUBREC was sent (method of MQTT 5, 4.3.3).
	qos2 map[uint16]bool
	// aliases maps the Topic Aliases that the Server has set; maxAlias is what we announced.
	aliases  map[uint16]string
	maxAlias uint16
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

func newLane(connect *wire.Connect, maxInflight int) *lane {
	if maxInflight == 0 {
		maxInflight = defaultInflight
	}
	l := &lane{
		connect: connect, maxInflight: min(maxInflight, maxWindow), done: make(chan struct{}),
		in:      newInbox(),
		awaits:  awaits{changed: make(chan struct{}, 1)},
		closing: make(chan struct{}),
	}
	l.inbound.qos2 = map[uint16]bool{}
	if connect.Properties.Has(wire.PropTopicAliasMaximum) {
		l.inbound.maxAlias = connect.Properties.TopicAliasMaximum
		l.inbound.aliases = map[uint16]string{}
	}
	return l
}

// HandleConnack implements link.Handler. It sets what the CONNACK decides before the read loop can go on.
func (l *lane) HandleConnack(p *wire.Connack) {
	l.connack.Store(p)
	l.caps = newCaps(l.connect, p)
	l.window.limit = min(int(l.caps.ReceiveMaximum), l.maxInflight)
}

// HandleDisconnect implements link.Handler. Its reason replaces the less telling end of the stream that follows.
func (l *lane) HandleDisconnect(p *wire.Disconnect) { l.disconnect.Store(p) }

// Pace implements link.Handler: reading waits for the consumer, unless the consumer may be waiting for the reading.
func (l *lane) Pace() {
	l.in.pace(func() int {
		switch {
		case l.stopped():
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

// Lost implements link.Handler: everything that waits on the connection ends at once.
func (l *lane) Lost(err error) {
	if d := l.disconnect.Load(); d != nil {
		err = newDisconnectedError(d)
	} else if !l.stopped() {
		err = &lostError{cause: err}
	} else {
		err = ErrClosed
	}
	l.window.lose(err)
	l.in.lose(err)
	l.lostErr = err
	close(l.done)
}

// HandlePublish implements link.Handler.
func (l *lane) HandlePublish(p *wire.Publish, at time.Time) error {
	if err := l.resolveAlias(p); err != nil {
		return err
	}
	if p.QoS == 2 {
		fresh, err := l.register(p)
		if err != nil || !fresh {
			return err
		}
	}
	l.in.put(message.Message{
		Topic: p.Topic, Payload: p.Payload, QoS: p.QoS, Retain: p.Retain, Dup: p.Dup,
		PacketID: p.PacketID, Properties: p.Properties, Time: at,
	})
	return nil
}

// register takes note of a QoS 2 message; one that is known already is not handed out again.
//
// A Server that sends more than our Receive Maximum is not hung up on, which MQTT 5, 3.3.4 allows: Mosquitto 2.0 does so
// regularly, and messages would be lost. Memory stays bounded all the same, because reading pauses.
func (l *lane) register(p *wire.Publish) (fresh bool, err error) {
	l.inbound.mu.Lock()
	defer l.inbound.mu.Unlock()
	confirmed, known := l.inbound.qos2[p.PacketID]
	switch {
	case !known:
		l.inbound.qos2[p.PacketID] = false
		return true, nil
	case confirmed:
		return false, l.conn.Send(&wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID})
	default:
		return false, nil
	}
}

// resolveAlias fills in the Topic Name of a PUBLISH that has only its alias (MQTT 5, 3.3.2.3.4).
func (l *lane) resolveAlias(p *wire.Publish) error {
	if !p.Properties.Has(wire.PropTopicAlias) {
		return nil
	}
	alias := p.Properties.TopicAlias
	if alias > l.inbound.maxAlias {
		return &wire.Error{Code: wire.TopicAliasInvalid, Packet: wire.PUBLISH, Msg: "Topic Alias above the maximum", Ref: "MQTT-3.1.2-26"}
	}
	if p.Topic != "" {
		l.inbound.aliases[alias] = strings.Clone(p.Topic)
		return nil
	}
	name, ok := l.inbound.aliases[alias]
	if !ok {
		return &wire.Error{Code: wire.ProtocolError, Packet: wire.PUBLISH, Msg: "unknown Topic Alias"}
	}
	p.Topic = name
	return nil
}

// HandleAck implements link.Handler.
func (l *lane) HandleAck(a *wire.Ack) error {
	if a.Kind == wire.PUBREL {
		return l.release(a.PacketID)
	}
	release, end := l.window.acknowledged(a)
	if release != nil {
		if l.caps.Version != wire.V5 {
			release.Code = wire.Success
		}
		return l.conn.Send(release)
	}
	if end != nil {
		end()
	}
	return nil
}

// release answers a PUBREL, which ends a QoS 2 message.
func (l *lane) release(id uint16) error {
	comp := &wire.Ack{Kind: wire.PUBCOMP, PacketID: id}
	l.inbound.mu.Lock()
	if _, known := l.inbound.qos2[id]; known {
		delete(l.inbound.qos2, id)
	} else if l.caps.Version == wire.V5 {
		comp.Code = wire.PacketIdentifierNotFound
	}
	l.inbound.mu.Unlock()
	return l.conn.Send(comp)
}

// ackReceived acknowledges what the consumer has taken, in the order of arrival.
func (l *lane) ackReceived() {
	if len(l.in.toAck) == 0 {
		return
	}
	l.inbound.mu.Lock()
	defer l.inbound.mu.Unlock()
	for i := range l.in.toAck {
		a := &l.in.toAck[i]
		if a.Kind == wire.PUBREC {
			l.inbound.qos2[a.PacketID] = true
		}
		if l.conn.Send(a) != nil {
			break // the connection is lost: the Server will send them again
		}
	}
	l.in.toAck = l.in.toAck[:0]
}

// publish sends m, see Session.PublishAsync.
func (l *lane) publish(ctx context.Context, m message.Message, done func(Result)) error {
	if err := l.conn.Room(ctx); err != nil {
		return l.sendError(err)
	}
	if err := l.check(m); err != nil {
		return err
	}
	var id uint16
	if m.QoS > 0 {
		var err error
		if id, err = l.take(ctx, m, done); err != nil {
			return err
		}
	}
	err := l.send(m, id)
	switch {
	case err != nil && m.QoS > 0 && !l.window.forget(id):
		return nil // the loss of the connection has ended the message already, and told done
	case err != nil:
		return l.sendError(err)
	case m.QoS == 0 && done != nil:
		done(Result{})
	}
	return nil
}

// send encodes m. The packet is the lane's own so that nothing is allocated for it.
func (l *lane) send(m message.Message, id uint16) error {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	l.pub = wire.Publish{
		Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, PacketID: id, Properties: m.Properties,
	}
	return l.conn.Send(&l.pub)
}

// check holds m against what CONNACK allows.
func (l *lane) check(m message.Message) error {
	c := l.caps
	refuse := func(code wire.ReasonCode, reason string) error {
		return &RefusedError{Packet: wire.PUBLISH, Code: code, Reason: reason, Topic: m.Topic}
	}
	switch {
	case m.QoS > c.MaximumQoS:
		return refuse(wire.QoSNotSupported, fmt.Sprintf("the server allows QoS %d at most", c.MaximumQoS))
	case m.Retain && !c.RetainAvailable:
		return refuse(wire.RetainNotSupported, "the server does not keep retained messages")
	case c.MaximumPacketSize == 0:
		return nil
	}
	p := wire.Publish{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Properties: m.Properties}
	if n := p.Size(c.Version); n > int(c.MaximumPacketSize) {
		return refuse(wire.PacketTooLarge,
			fmt.Sprintf("the packet has %d bytes, the server allows %d", n, c.MaximumPacketSize))
	}
	return nil
}

// take claims an identifier. When it has to wait, it is for acknowledgements that the read loop must get at.
func (l *lane) take(ctx context.Context, m message.Message, done func(Result)) (uint16, error) {
	if l.window.full() {
		l.awaits.add(1)
		defer l.awaits.add(-1)
	}
	return l.window.take(ctx, m, done)
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

// flush waits until everything sent so far is in the kernel.
func (l *lane) flush(ctx context.Context) error {
	if err := l.conn.Flush(ctx); err != nil {
		return l.sendError(err)
	}
	return nil
}

// connectError says why the handshake failed when there was no CONNACK.
func (l *lane) connectError(err error) error {
	select {
	case <-l.done:
		return l.lostErr
	default:
		return err
	}
}
