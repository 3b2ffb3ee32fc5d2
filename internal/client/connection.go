package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// connection is one Network Connection of a Session and what ends with it. It is the link's Handler.
type connection struct {
	lane    *lane
	conn    *link.Conn
	engine  *paho.Client
	connect *wire.Connect
	goodbye *wire.Disconnect // what Close sends
	caps    Caps             // set by CONNACK

	auth    *authHandler // nil without enhanced authentication
	authErr atomic.Pointer[error]

	announced  Announcement
	connack    atomic.Pointer[wire.Connack]
	disconnect atomic.Pointer[wire.Disconnect]

	// aliases maps the Topic Aliases that the Server has set; maxAlias is what we announced. Both belong to the read loop.
	aliases  map[uint16]string
	maxAlias uint16
	// acks and pongs count what has come of PUBACK, PUBREC and PUBCOMP, and of PINGRESP; pings each PINGREQ that was sent.
	acks, pings, pongs atomic.Int64
	// owes says that the last PUBLISH that came has to be acknowledged. It belongs to the read loop.
	owes bool
	// sentAliases are those that we have set, nil before the first. They belong to whoever holds the lane's sendMu.
	sentAliases *aliases

	began time.Time // when CONNACK had come
	ended time.Time // set with err, before lost is closed
	err   error
	lost  chan struct{}
}

// newConnection puts a connection over a network connection of o's; the handshake is still to be done.
func newConnection(ctx context.Context, l *lane, o Options, connect *wire.Connect) (*connection, error) {
	auth, err := beginAuth(o, connect)
	if err != nil {
		return nil, err
	}
	nc, err := dial(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &connection{lane: l, connect: connect, goodbye: goodbye(o, connect), auth: auth, lost: make(chan struct{})}
	if connect.Properties.Has(wire.PropTopicAliasMaximum) {
		c.maxAlias = connect.Properties.TopicAliasMaximum
		c.aliases = map[uint16]string{}
	}
	c.conn = link.NewConn(nc, link.Config{
		Connect: connect, Disconnect: c.goodbye, Handler: c, Coming: c.coming, Trace: o.Trace,
	})
	config := paho.ClientConfig{
		Conn:               c.conn,
		Session:            &requests{},
		PingHandler:        &pinger{connection: c},
		PacketTimeout:      engineTimeout,
		OnServerDisconnect: func(*paho.Disconnect) {},
		OnPublishReceived:  []func(paho.PublishReceived) (bool, error){unused},
	}
	if auth != nil {
		auth.connection, config.AuthHandler = c, auth
	}
	c.engine = paho.NewClient(config)
	return c, nil
}

// goodbye is the DISCONNECT of the end. A Session that is kept only to bridge an outage ends with it.
func goodbye(o Options, connect *wire.Connect) *wire.Disconnect {
	d := &wire.Disconnect{Properties: o.Disconnect}
	if holds(o, connect.Version) && !d.Properties.Has(wire.PropSessionExpiryInterval) {
		p := wire.Properties{}
		if o.Disconnect != nil {
			p = *o.Disconnect
		}
		d.Properties = p.Set(wire.PropSessionExpiryInterval)
	}
	return d
}

// handshake sends CONNECT and reads CONNACK. What goes over the wire is c.connect; the engine is given one that keeps its
// own buffers small.
func (c *connection) handshake(ctx context.Context) error {
	one := uint16(1)
	_, err := c.engine.Connect(ctx, &paho.Connect{
		CleanStart: true, Properties: &paho.ConnectProperties{ReceiveMaximum: &one},
	})
	if errors.Is(err, link.ErrBroken) {
		_ = c.awaitLoss(ctx) // as in requestOn
	}
	switch ca := c.connack.Load(); {
	case err == nil:
		c.began = time.Now()
		return c.proven(ca)
	case c.authErr.Load() != nil:
		return fmt.Errorf("%w: %w", ErrAuthentication, *c.authErr.Load())
	case ca != nil && ca.Code.IsError():
		return &RefusedError{
			Packet: wire.CONNECT, Code: ca.Code,
			Reason: reasonString(ca.Properties), ServerReference: serverReference(ca.Properties),
		}
	case errors.Is(err, context.DeadlineExceeded):
		return ErrNoConnack
	case errors.Is(err, context.Canceled):
		return err
	case c.isLost():
		return c.err
	default:
		return err
	}
}

// proven ends the connection when the Server has not proved who it is.
func (c *connection) proven(ca *wire.Connack) error {
	if c.auth == nil {
		return nil
	}
	err := c.auth.finish(ca)
	if err != nil {
		c.drop()
	}
	return err
}

// isLost reports whether the connection has ended.
func (c *connection) isLost() bool {
	select {
	case <-c.lost:
		return true
	default:
		return false
	}
}

// drop ends the connection without a farewell and waits for its goroutines.
func (c *connection) drop() {
	c.conn.Fail(ErrClosed)
	<-c.engine.Done()
}

// HandleConnack implements link.Handler. It sets what the CONNACK decides before the read loop can go on.
func (c *connection) HandleConnack(p *wire.Connack) error {
	if p.SessionPresent && c.connect.CleanStart {
		if c.connect.Version == wire.V5 {
			return &wire.Error{
				Code: wire.ProtocolError, Packet: wire.CONNACK, Msg: "Session Present where a new Session was asked for", Ref: "MQTT-3.2.2-4",
			}
		}
		p.SessionPresent = false // 3.1.1 does not say what to do: nothing must be counted on that may not be there
	}
	c.connack.Store(p)
	if p.Code.IsError() {
		return nil
	}
	c.caps = newCaps(c.connect, p)
	c.lane.receiveOn(c)
	return nil
}

// HandleDisconnect implements link.Handler. Its reason replaces the less telling end of the stream that follows.
func (c *connection) HandleDisconnect(p *wire.Disconnect) { c.disconnect.Store(p) }

// Pace implements link.Handler: reading waits for the consumer, unless the consumer may be waiting for the reading.
func (c *connection) Pace() { c.lane.pace(c) }

// Lost implements link.Handler. Where the connection is not replaced, everything that waits on it ends at once.
func (c *connection) Lost(err error) {
	switch d := c.disconnect.Load(); {
	case c.lane.stopped():
		err = ErrClosed
	case d != nil:
		err = newDisconnectedError(d)
	default:
		err = &lostError{cause: err}
	}
	c.err, c.ended = err, time.Now()
	close(c.lost)
	signal(c.lane.awaits.changed) // a paused read loop has nothing to wait for
	if !c.lane.reconnects {
		c.lane.finish(err)
	}
}

// manyOpen is how many messages are open when a Server has enough to do for a millisecond: Mosquitto acknowledges 200 in it.
const manyOpen = 500

// coming implements link.Config.
func (c *connection) coming() link.Coming {
	switch open := c.lane.window.open(); {
	case open >= manyOpen:
		return link.Plenty
	case open > 0:
		return link.Awaited
	case c.owes:
		return link.Windowed
	default:
		return link.Unknown
	}
}

// HandlePublish implements link.Handler.
func (c *connection) HandlePublish(p *wire.Publish, at time.Time) error {
	if err := c.resolveAlias(p); err != nil {
		return err
	}
	c.owes = p.QoS > 0
	if p.QoS == 2 {
		fresh, err := c.lane.register(c, p)
		if err != nil || !fresh {
			return err
		}
	}
	c.lane.in.put(message.Message{
		Topic: p.Topic, Payload: p.Payload, QoS: p.QoS, Retain: p.Retain, Dup: p.Dup,
		PacketID: p.PacketID, Properties: p.Properties, Time: at,
	})
	return nil
}

// resolveAlias fills in the Topic Name of a PUBLISH that has only its alias (MQTT 5, 3.3.2.3.4).
func (c *connection) resolveAlias(p *wire.Publish) error {
	if !p.Properties.Has(wire.PropTopicAlias) {
		return nil
	}
	alias := p.Properties.TopicAlias
	if alias > c.maxAlias {
		return &wire.Error{Code: wire.TopicAliasInvalid, Packet: wire.PUBLISH, Msg: "Topic Alias above the maximum", Ref: "MQTT-3.1.2-26"}
	}
	if p.Topic != "" {
		c.aliases[alias] = strings.Clone(p.Topic)
		return nil
	}
	name, ok := c.aliases[alias]
	if !ok {
		return &wire.Error{Code: wire.ProtocolError, Packet: wire.PUBLISH, Msg: "unknown Topic Alias"}
	}
	p.Topic = name
	return nil
}

// HandleAck implements link.Handler.
func (c *connection) HandleAck(a *wire.Ack) error {
	if a.Kind == wire.PUBREL {
		return c.lane.release(c, a.PacketID)
	}
	c.acks.Add(1)
	if c.lane.journalled(c, a) {
		return nil
	}
	release, end, err := c.lane.window.acknowledged(a)
	if err != nil {
		return err
	}
	if release != nil {
		if c.caps.Version != wire.V5 {
			release.Code = wire.Success
		}
		return c.conn.Send(release)
	}
	if end != nil {
		end()
	}
	if c.lane.window.backlog.Load() > 0 {
		c.lane.sendNextAgain(c)
	}
	return nil
}

// check holds m against what CONNACK allows.
func (c *connection) check(m *message.Message) error {
	refuse := func(code wire.ReasonCode, reason string) error {
		return &RefusedError{Packet: wire.PUBLISH, Code: code, Reason: reason, Topic: m.Topic}
	}
	switch {
	case m.QoS > c.caps.MaximumQoS:
		return refuse(wire.QoSNotSupported, fmt.Sprintf("the server allows QoS %d at most", c.caps.MaximumQoS))
	case m.Retain && !c.caps.RetainAvailable:
		return refuse(wire.RetainNotSupported, "the server does not keep retained messages")
	case c.caps.MaximumPacketSize == 0:
		return nil
	}
	p := wire.Publish{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Properties: m.Properties}
	return c.checkSize(wire.PUBLISH, p.Size(c.caps.Version), m.Topic)
}

// room waits until the connection takes more to send. It answers the end of the connection with false.
func (c *connection) room(ctx context.Context) (bool, error) {
	err := c.conn.Room(ctx)
	if errors.Is(err, link.ErrBroken) {
		return false, c.awaitLoss(ctx)
	}
	return err == nil, err
}

// awaitLoss waits until a connection that does not take anything any more is known to be lost.
func (c *connection) awaitLoss(ctx context.Context) error {
	select {
	case <-c.lost:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
