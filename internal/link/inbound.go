package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/mqx-cli/mqx/internal/wire"
	"github.com/mqx-cli/mqx/internal/wsconn"
)

// Read is the read loop: the engine calls it and gets the packets that are its own, as MQTT 5. Everything else goes to
// the Handler on the way.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for len(c.forEngine) == 0 {
		if err := c.next(); err != nil {
			c.ended.Store(errors.Is(err, ErrClosedByServer) || errors.Is(err, ErrNoAnswer))
			c.end(err)
			return 0, err
		}
	}
	n := copy(p, c.forEngine)
	c.forEngine = c.forEngine[n:]
	return n, nil
}

// next reads one packet and gives it to the Handler or puts it into forEngine.
func (c *Conn) next() error {
	c.cfg.Handler.Pace()
	first, body, err := c.in.Next()
	if c.closing.Load() {
		if err == nil {
			c.takeLast(first, body)
		}
		return net.ErrClosed
	}
	if err == nil {
		c.source.packets++
		err = c.take(first, body)
	} else {
		err = c.readError(err)
	}
	c.answered = true
	if err != nil {
		c.tell(err)
	}
	return err
}

// takeLast looks for the Server's last word among what comes while the connection is being closed.
func (c *Conn) takeLast(first byte, body []byte) {
	if wire.Type(first>>4) != wire.DISCONNECT {
		return
	}
	p, err := wire.Decode(c.version, first, body)
	if err != nil {
		return
	}
	c.trace(p)
	if said, ok := p.(*wire.Disconnect); ok && c.version == wire.V5 {
		c.cfg.Handler.HandleDisconnect(said)
	}
}

// tell lets an MQTT 5 Server know what it did wrong.
func (c *Conn) tell(err error) {
	var refused *wire.Error
	if errors.As(err, &refused) && c.version == wire.V5 && c.established.Load() {
		_ = c.Send(&wire.Disconnect{Code: refused.Code}) // best effort: the connection ends anyway
	}
}

func (c *Conn) take(first byte, body []byte) error {
	kind := wire.Type(first >> 4)
	if !c.answered {
		if err := c.sniff(kind, body); err != nil {
			return err
		}
	}
	if !c.established.Load() && !beginsAnswer(byte(kind)<<4) {
		return &wire.Error{Code: wire.ProtocolError, Packet: kind, Msg: "it comes before CONNACK", Ref: "MQTT-3.2.0-1"}
	}
	switch kind {
	case wire.PUBLISH:
		if err := c.pub.Decode(c.version, first, body); err != nil {
			return err
		}
		c.trace(&c.pub)
		return c.cfg.Handler.HandlePublish(&c.pub, c.source.at)
	case wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP:
		if err := c.ack.Decode(c.version, first, body); err != nil {
			return err
		}
		c.trace(&c.ack)
		return c.cfg.Handler.HandleAck(&c.ack)
	default:
		p, err := wire.Decode(c.version, first, body)
		if err != nil {
			return err
		}
		c.trace(p)
		return c.takeOther(p)
	}
}

// sniff looks at the first packet: an older Server answers in its own dialect.
func (c *Conn) sniff(kind wire.Type, body []byte) error {
	switch {
	case kind == wire.CONNACK && c.version == wire.V5 && len(body) == 2:
		// 3.1.1 has no property length, so its CONNACK is one byte shorter than the shortest of MQTT 5. A Server that accepts
		// that way has not looked at the level, and would take the properties of a PUBLISH for its payload.
		if body[1] <= 1 {
			return ErrUnsupportedVersion
		}
		p, err := wire.Decode(wire.V311, byte(wire.CONNACK)<<4, body)
		if err != nil {
			return err
		}
		return c.takeOther(p)
	case kind == wire.CONNACK, (kind == wire.AUTH || kind == wire.DISCONNECT) && c.version == wire.V5:
		return nil
	default:
		return ErrNotMQTT
	}
}

// takeOther handles what the engine is to see, as MQTT 5 with what its own parser cannot read left out.
func (c *Conn) takeOther(p wire.Packet) error {
	switch p := p.(type) {
	case *wire.Connack:
		if c.established.Load() {
			return &wire.Error{Code: wire.ProtocolError, Packet: wire.CONNACK, Msg: "a second one", Ref: "MQTT-3.2.0-2"}
		}
		c.established.Store(!p.Code.IsError())
		if err := c.cfg.Handler.HandleConnack(p); err != nil {
			return err
		}
		return c.toEngine(&wire.Connack{SessionPresent: p.SessionPresent, Code: p.Code})
	case *wire.Unsuback:
		if c.version != wire.V5 {
			p.Codes = make([]wire.ReasonCode, c.openUnsubs.take(p.PacketID))
		}
		return c.toEngine(p)
	case *wire.Auth:
		if err := c.cfg.Handler.HandleAuth(p); err != nil {
			return err
		}
		return c.toEngine(p)
	case *wire.Suback, *wire.Pingresp:
		return c.toEngine(p)
	case *wire.Disconnect:
		if c.version != wire.V5 {
			return &wire.Error{Code: wire.ProtocolError, Packet: wire.DISCONNECT, Msg: "a server does not send it below MQTT 5"}
		}
		c.cfg.Handler.HandleDisconnect(p)
		return ErrClosedByServer
	default:
		return &wire.Error{Code: wire.ProtocolError, Packet: p.Type(), Msg: "a server does not send it"}
	}
}

func (c *Conn) toEngine(p wire.Packet) error {
	b, err := p.Append(c.forEngine[:0], wire.V5)
	c.forEngine = b
	return err
}

func (c *Conn) trace(p wire.Packet) {
	if c.cfg.Trace != nil {
		c.cfg.Trace("<-", p)
	}
}

func (c *Conn) readError(err error) error {
	var refused *wire.Error
	switch {
	case errors.As(err, &refused), errors.Is(err, ErrNotMQTT):
		return err
	case !c.answered && c.source.seen == 0 && !errors.Is(err, os.ErrDeadlineExceeded):
		return unanswered(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		return ErrClosedByServer
	default:
		return fmt.Errorf("read: %w", err)
	}
}

// unanswered is the end of a connection without a byte in answer to CONNECT. An older Server may end it so, also with a
// status of the WebSocket, but not with what TLS or WebSocket find wrong.
func unanswered(err error) error {
	var closed *wsconn.CloseError
	var op *net.OpError
	switch {
	case errors.As(err, &closed):
		return &earlyCloseError{closed}
	case errors.Is(err, wsconn.ErrProtocol) && errors.As(err, &op):
		return op.Err
	case alertText(err) != "":
		return fmt.Errorf("read: %w", err)
	default:
		return ErrNoAnswer
	}
}

// earlyCloseError is an [ErrNoAnswer] of which more is known.
type earlyCloseError struct{ cause error }

// Error says what is known.
func (e *earlyCloseError) Error() string { return e.cause.Error() }

// Unwrap returns what it is as well.
func (e *earlyCloseError) Unwrap() []error { return []error{ErrNoAnswer, e.cause} }
