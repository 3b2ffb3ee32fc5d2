package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// client is one connection. Its fields belong to the goroutine that reads from it, unless stated otherwise.
type client struct {
	b       *Broker
	conn    net.Conn
	in      *wire.Reader
	info    ClientInfo
	rights  Rights   // nil: everything is allowed
	session *session // nil before CONNECT was accepted; set under Broker.mu
	kicks   kicks
	known   atomic.Pointer[about]
	fault   atomic.Pointer[faulty]
	cut     atomic.Bool // a fault ends the connection
	took    tally       // received and not yet counted
	opening *opening    // nil when the client was let in

	keepAlive time.Duration // how long the client may be silent, 0 for ever
	heard     time.Time     // when the Keep Alive began anew
	partial   int           // bytes since then
	expiry    uint32        // Session Expiry Interval
	will      *will
	aliases   map[uint16]string
	lastTopic string   // of the last PUBLISH: most clients repeat themselves
	exchange  Exchange // the authentication again that is under way
	authSteps int      // of exchange
	terse     bool     // the client wants no Reason String in acknowledgements

	admitted bool // counted in Broker.connected; guarded by Broker.mu

	detached                  chan struct{} // closed when the Session is free for the next connection
	stopped                   atomic.Uint32 // the Reason Code with which somebody else ends the connection, plus stopFlag
	maxPacket, receiveMaximum int           // what the client takes, 0: no limit for maxPacket

	// What follows is guarded by session.mu.
	idle    sync.Cond // signals that something was written
	control []byte    // encoded packets other than PUBLISH, to be written first
	gave    tally     // put into what is to be written and not yet counted
	out     outboundAliases
	unacked int  // PUBLISH packets sent on this connection that count against Receive Maximum
	writing bool // write is running
	kicked  bool // somebody has promised to call startWriting
	gone    bool // detached: the queue is not ours any more
	closing bool // the last packet is in control, and the last deadline is set
	broken  bool // a write has failed
	unsafe  bool // what is to be written next must be in the Store first
}

// stopFlag tells a client that was stopped with Success from one that was not stopped.
const stopFlag = 1 << 8

// errStopped ends the goroutine of a client that was stopped.
var errStopped = errors.New("stopped")

// bye ends a connection as the client wishes: it has sent DISCONNECT.
type bye struct{ code wire.ReasonCode }

func (b bye) Error() string { return "client sent DISCONNECT: " + b.code.NameIn(wire.DISCONNECT) }

// refusal is why we end a connection.
type refusal struct {
	code wire.ReasonCode
	msg  string
}

func (r *refusal) Error() string { return r.msg }

func refuse(code wire.ReasonCode, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

func newClient(b *Broker, conn net.Conn) *client {
	c := &client{b: b, conn: conn, detached: make(chan struct{}), opening: &opening{}}
	c.in = wire.NewReader(source{c}, min(maxConnectPacket, b.cfg.MaxPacketSize))

	return c
}

// stop ends the connection from another goroutine: MQTT 5 clients are told code. The first call counts.
func (c *client) stop(code wire.ReasonCode) {
	if c.stopped.CompareAndSwap(0, uint32(code)|stopFlag) {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // wakes Read; if the connection is dead, it wakes by itself
	}
	c.b.mu.Lock()
	s := c.session
	c.b.mu.Unlock()
	if s != nil {
		s.mu.Lock()
		c.idle.Broadcast()
		s.mu.Unlock()
	}
}

// stopLocked is stop for who has locked the session.
func (c *client) stopLocked(code wire.ReasonCode) {
	if c.stopped.CompareAndSwap(0, uint32(code)|stopFlag) {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // as in stop
	}
	c.idle.Broadcast()
}

func (c *client) isStopping() bool { return c.stopped.Load() != 0 }

// progress is how much of a packet counts as life before it is complete: a large one may take longer than the Keep Alive on a
// slow link.
const progress = 1 << 10

// source is what the packet reader reads from.
type source struct{ *client }

// Read reads from the connection. It is called when all packets that have come are handled, so this is where writers are
// set off, and where the Keep Alive begins anew: with each packet (MQTT 5, 3.1.2.10), and not with every byte of one.
func (s source) Read(p []byte) (int, error) {
	c := s.client
	if c.took.packets > 0 || c.partial >= progress || c.heard.IsZero() {
		c.heard, c.partial = time.Now(), 0
	}
	c.countReceived()
	c.kicks.flush()
	if c.keepAlive > 0 {
		if err := c.conn.SetReadDeadline(c.heard.Add(c.keepAlive)); err != nil {
			return 0, err
		}
	}
	// stop sets its flag before its deadline. Ours may have undone that deadline only if the flag is set by now.
	if c.isStopping() {
		return 0, errStopped
	}

	n, err := c.pacedRead(p)
	c.partial += n
	c.b.counters.bytesReceived.Add(int64(n))
	if c.opening != nil && n > 0 {
		if wrong := c.look(p[:n]); wrong != nil {
			return 0, wrong
		}
	}

	return n, err
}

// countReceived adds what was received to the counters of all.
func (c *client) countReceived() {
	if c.took.packets == 0 {
		return
	}
	n := c.b.counters
	n.packetsReceived.Add(c.took.packets)
	if c.took.publishes > 0 {
		n.received.Add(c.took.publishes)
		n.payloadReceived.Add(c.took.payload)
	}
	c.took = tally{}
}

// serve handles packets until the connection is to end.
func (c *client) serve() error {
	for {
		waited := c.in.Buffered() == 0
		first, body, err := c.in.Next()
		if err != nil {
			return err
		}
		c.took.packets++
		if waited && wire.Type(first>>4) == wire.PUBLISH {
			// Clients whose packets arrive together are woken last come, first served. Most users expect that a SUBSCRIBE
			// which was sent before a PUBLISH of another client comes first, although no statement says so.
			runtime.Gosched()
		}
		if c.b.watched() {
			if wire.Type(first>>4) == wire.PUBLISH && c.b.draining.Load() {
				c.stop(wire.ServerShuttingDown) // it is not acknowledged, so it is not lost

				return errStopped
			}
			if err := c.admitPacket(first, body); err != nil {
				return err
			}
		}
		if err := c.handle(first, body); err != nil {
			return err
		}
		if c.isStopping() {
			return errStopped
		}
	}
}

func (c *client) handle(first byte, body []byte) error {
	switch wire.Type(first >> 4) {
	case wire.PUBLISH:
		return c.handlePublish(first, body)
	case wire.PUBACK, wire.PUBREC, wire.PUBCOMP:
		return c.handleAck(first, body)
	default:
		return c.handleControl(first, body)
	}
}

func (c *client) handleControl(first byte, body []byte) error {
	packet, err := wire.Decode(c.info.Version, first, body)
	if err != nil {
		return err
	}
	switch p := packet.(type) {
	case *wire.Ack:
		return c.handlePubrel(p)
	case *wire.Subscribe:
		return c.handleSubscribe(p)
	case *wire.Unsubscribe:
		return c.handleUnsubscribe(p)
	case *wire.Pingreq:
		// Somebody is there, so what is being written may take its time.
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.b.cfg.WriteTimeout)) // Write tells
		c.send(&wire.Pingresp{})

		return nil
	case *wire.Disconnect:
		return c.handleDisconnect(p)
	case *wire.Auth:
		return c.handleAuth(p)
	default:
		// A second CONNECT [MQTT-3.1.0-2], or what only Servers send.
		return refuse(wire.ProtocolError, "%s from a connected client", packet.Type())
	}
}

func (c *client) handleDisconnect(p *wire.Disconnect) error {
	if p.Properties.Has(wire.PropSessionExpiryInterval) {
		if c.expiry == 0 && p.Properties.SessionExpiryInterval > 0 {
			return refuse(wire.ProtocolError, "DISCONNECT gives a Session that ends an expiry interval") // section 3.14.2.2.2
		}
		c.expiry = p.Properties.SessionExpiryInterval
	}
	if p.Code == wire.Success {
		c.will = nil // [MQTT-3.14.4-3]
	}

	return bye{p.Code}
}

// ending says how a connection ends.
type ending struct {
	code  wire.ReasonCode
	err   error
	tell  bool // the client is to be told by DISCONNECT
	flush bool // the other side may still be reading
}

// conclude finds out how the connection ends.
func (c *client) conclude(err error) ending {
	if stopped := c.stopped.Load(); stopped != 0 {
		code := wire.ReasonCode(stopped &^ stopFlag)

		return ending{code: code, err: errStopped, tell: code != wire.UnspecifiedError, flush: code != wire.UnspecifiedError}
	}
	var fault *wire.Error
	var refused *refusal
	var left bye
	switch {
	case errors.As(err, &left):
		return ending{code: left.code, flush: true}
	case errors.As(err, &fault):
		return ending{code: fault.Code, err: err, tell: true, flush: true}
	case errors.As(err, &refused):
		return ending{code: refused.code, err: err, tell: true, flush: true}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ending{code: wire.KeepAliveTimeout, err: err, tell: true, flush: true}
	default:
		return ending{code: wire.UnspecifiedError, err: err}
	}
}

// finish ends a connection that has a Session.
func (c *client) finish(err error) {
	end := c.conclude(err)
	c.countReceived()
	c.kicks.flush()
	c.b.leave(c, end)
	close(c.detached)
	c.log(end)
	c.farewell(end)
}

func (c *client) log(end ending) {
	if end.err != nil && end.code != wire.ServerShuttingDown {
		c.b.cfg.Logger.Info("client disconnected", "client", c.info.ID, "code", end.code, "error", end.err)
	}
}

// farewell writes what is left, tells the client why the connection ends, and closes it so that the client can read that.
func (c *client) farewell(end ending) {
	s := c.session
	s.mu.Lock()
	cut := errors.Is(end.err, errCut) || c.cut.Load()
	switch {
	case cut:
		c.broken = true
		_ = c.conn.SetWriteDeadline(time.Now().Add(lingerTime)) // Write tells
	case !end.flush:
		c.broken = true // nobody listens
		c.conn.Close()
	default:
		_ = c.conn.SetWriteDeadline(time.Now().Add(lingerTime)) // Write tells
		c.closing = true
		if end.tell && c.info.Version >= wire.V5 {
			c.appendControl(&wire.Disconnect{Code: end.code, Properties: c.reason(end.err)})
		}
		c.startWriting()
	}
	for c.writing {
		c.idle.Wait()
	}
	flushed := !c.broken || cut // what was sent before a fault is to arrive
	s.mu.Unlock()
	if flushed {
		linger(c.conn)
	}
	c.conn.Close()
}

// reason is the Reason String for what the client has done wrong.
func (c *client) reason(err error) *wire.Properties {
	if err == nil || errors.Is(err, errStopped) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}

	return reasonString(err, c.maxPacket)
}

// reasonString is err as a property, when the client takes packets of that size.
func reasonString(err error, maxPacket int) *wire.Properties {
	const most = 200
	text := err.Error()
	if len(text) > most || maxPacket > 0 && len(text)+32 > maxPacket {
		return nil
	}

	return (&wire.Properties{ReasonString: text}).Set(wire.PropReasonString)
}

// linger lets the other side read to the end: if we closed with something unread, TCP would discard what is on its way.
func linger(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, conn) // until the other side has closed, too, or has had its time
	}
}
