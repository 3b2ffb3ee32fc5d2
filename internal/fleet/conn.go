package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// conn is one connection of a device. The loop owns it, but for the fields that are atomic: its reader and its writer are
// goroutines of their own.
type conn struct {
	nc      net.Conn
	fleet   *Fleet
	actor   *actor
	version wire.Version
	in      *wire.Reader
	out     outbox
	gone    chan struct{} // closed when nothing comes over it any more

	keepAlive time.Duration
	window    int  // QoS 1 and 2 messages that the Server takes at once
	maxQoS    byte // that the Server takes
	noRetain  bool // the Server keeps no Retained Messages
	present   bool // the Server had a Session
	clean     bool // it was not asked for one

	began    time.Time // the attempt
	lastSent time.Duration
	lastIn   atomic.Int64 // real time of the last packet, since the run began
	pinged   bool
	dark     atomic.Bool  // nothing gets through
	readRate atomic.Int64 // bytes a second, 0 for all there is
}

// small is the size of the buffer that an idle connection reads into.
const small = 256

// attempt is what it takes to make a connection.
type attempt struct {
	fleet   *Fleet
	actor   *actor
	kind    eventKind // what the loop is told
	target  link.Target
	connect *wire.Connect
	rate    int64 // at which it reads
	former  *conn // of the same Session, which ends first; nil for none
}

// run makes the connection and tells the loop.
func (t *attempt) run(ctx context.Context) {
	t.awaitFormer(ctx)
	ctx, cancel := context.WithTimeout(ctx, t.fleet.o.ConnectTimeout)
	defer cancel()
	c, err := t.open(ctx)
	if !t.fleet.post(event{kind: t.kind, actor: t.actor, conn: c, err: err}) && c != nil {
		_ = c.nc.Close()
	}
}

// awaitFormer waits until the Server has closed the connection before, for lingerTime or so at most: a Server that takes a
// Session over need not read what still comes over the old connection, and the ledger says that it was sent.
func (t *attempt) awaitFormer(ctx context.Context) {
	if t.former == nil {
		return
	}
	select {
	case <-t.former.gone:
	case <-ctx.Done():
	}
}

// open dials, sends CONNECT and waits for CONNACK.
func (t *attempt) open(ctx context.Context) (*conn, error) {
	began := time.Now()
	nc, err := link.Dial(ctx, t.target)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c := &conn{nc: nc, fleet: t.fleet, actor: t.actor, version: t.connect.Version, began: began, clean: t.connect.CleanStart}
	c.gone = make(chan struct{})
	c.readRate.Store(t.rate)
	c.in = wire.NewReader((*throttled)(c), 0)
	c.in.Spare(small)
	c.out.init(c)
	if err := c.handshake(t.connect); err != nil {
		_ = nc.Close()
		if ctx.Err() != nil {
			err = errTimeout
		}
		return nil, err
	}
	if !stop() {
		_ = nc.Close()
		return nil, errTimeout
	}
	return c, nil
}

// handshake sends CONNECT and takes CONNACK.
func (c *conn) handshake(p *wire.Connect) error {
	text, err := p.Append(nil, p.Version)
	if err != nil {
		return err
	}
	if _, err := c.nc.Write(text); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	first, body, err := c.in.Next()
	switch {
	case errors.Is(err, io.EOF):
		return link.ErrNoAnswer
	case err != nil:
		return err
	}
	// A Server that does not speak MQTT 5 answers in 3.1.1, without properties. One that accepts that way has not looked at the
	// level, and would take the properties of a PUBLISH for its payload.
	if p.Version == wire.V5 && wire.Type(first>>4) == wire.CONNACK && len(body) == 2 {
		if body[1] <= 1 {
			return link.ErrUnsupportedVersion
		}
		return c.connack(p, wire.V311, first, body)
	}
	return c.connack(p, p.Version, first, body)
}

// refusal is a CONNACK that says no.
func refusal(ack *wire.Connack) error {
	e := &client.RefusedError{Packet: wire.CONNECT, Code: ack.Code}
	if ack.Properties.Has(wire.PropReasonString) {
		e.Reason = ack.Properties.ReasonString
	}
	return e
}

// goodbye is a DISCONNECT of the Server.
func goodbye(p *wire.Disconnect) error {
	e := &client.DisconnectedError{Code: p.Code}
	if p.Properties.Has(wire.PropReasonString) {
		e.Reason = p.Properties.ReasonString
	}
	return e
}

func (c *conn) connack(p *wire.Connect, v wire.Version, first byte, body []byte) error {
	packet, err := wire.Decode(v, first, body)
	if err != nil {
		return err
	}
	ack, ok := packet.(*wire.Connack)
	if !ok {
		return link.ErrNotMQTT
	}
	switch {
	case ack.Code.IsError():
		return refusal(ack)
	case ack.SessionPresent && p.CleanStart && v == wire.V5:
		return &wire.Error{
			Code: wire.ProtocolError, Packet: wire.CONNACK, Msg: "Session Present where a new Session was asked for", Ref: "MQTT-3.2.2-4",
		}
	case p.CleanStart:
		ack.SessionPresent = false // 3.1.1 does not say what to do: nothing must be counted on that may not be there
	}
	c.present, c.window, c.maxQoS, c.keepAlive = ack.SessionPresent, mostInflight, 2, time.Duration(p.KeepAlive)*time.Second
	props := ack.Properties
	if props.Has(wire.PropReceiveMaximum) {
		c.window = min(c.window, int(props.ReceiveMaximum))
	}
	if props.Has(wire.PropMaximumQoS) {
		c.maxQoS = props.MaximumQoS
	}
	if props.Has(wire.PropServerKeepAlive) {
		c.keepAlive = time.Duration(props.ServerKeepAlive) * time.Second
	}
	c.noRetain = props.Has(wire.PropRetainAvailable) && props.RetainAvailable == 0
	return nil
}

// start begins to read. A goroutine that has dialled has a large stack, so it is a new one.
func (c *conn) start() {
	c.lastSent = c.fleet.now()
	c.lastIn.Store(int64(c.lastSent))
	c.fleet.readers.Go(c.read)
}

func (c *conn) read() {
	err := c.readAll()
	c.out.abandon()
	_ = c.nc.Close()
	close(c.gone)
	if !c.dark.Load() {
		c.fleet.post(event{kind: closed, actor: c.actor, conn: c, err: err})
	}
}

func (c *conn) readAll() error {
	for {
		first, body, err := c.in.Next()
		if err != nil {
			return err
		}
		if c.dark.Load() {
			continue
		}
		c.lastIn.Store(int64(c.fleet.now()))
		if err := c.take(first, body); err != nil {
			return err
		}
	}
}

// take decodes a packet for the loop.
func (c *conn) take(first byte, body []byte) error {
	e := event{actor: c.actor, conn: c}
	switch packet := wire.Type(first >> 4); packet {
	case wire.PUBLISH:
		var p wire.Publish
		if err := p.Decode(c.version, first, body); err != nil {
			return err
		}
		e.kind, e.id = arrived, p.PacketID
		e.message = &message.Message{Topic: p.Topic, QoS: p.QoS, Retain: p.Retain, Payload: p.Payload}
	case wire.PUBACK, wire.PUBREC, wire.PUBCOMP, wire.PUBREL:
		var p wire.Ack
		if err := p.Decode(c.version, first, body); err != nil {
			return err
		}
		e.kind, e.packet, e.id, e.code = answered, p.Kind, p.PacketID, p.Code
	case wire.PINGRESP:
		return nil
	default:
		p, err := wire.Decode(c.version, first, body)
		if err != nil {
			return err
		}
		switch p := p.(type) {
		case *wire.Suback:
			e.kind, e.codes = subscribed, p.Codes
		case *wire.Disconnect:
			return goodbye(p)
		default:
			return &wire.Error{Code: wire.ProtocolError, Packet: packet, Msg: "a server does not send it now"}
		}
	}
	if !c.fleet.post(e) {
		return net.ErrClosed
	}
	return nil
}

// send puts a packet on its way.
func (c *conn) send(p wire.Packet) error {
	c.lastSent = c.fleet.now()
	return c.out.add(p)
}

// hide makes the connection one over which nothing gets through, and nobody notices.
func (c *conn) hide() {
	c.dark.Store(true)
	c.out.seal()
}

// throttled reads from the connection, as fast as it may.
type throttled conn

// Read reads a tenth of a second's share at most when the rate is bounded, and then waits for as long.
func (t *throttled) Read(p []byte) (int, error) {
	rate := t.readRate.Load()
	if rate == 0 {
		return t.nc.Read(p)
	}
	const shares = 10
	n, err := t.nc.Read(p[:min(int64(len(p)), max(1, rate/shares))])
	if n > 0 {
		timer := time.NewTimer(time.Duration(n) * time.Second / time.Duration(rate))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.fleet.ended:
		}
	}
	return n, err
}
