package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// lingerTime bounds how long Close waits for the Server to read what was sent and to close its side.
	lingerTime = 3 * time.Second
	// lingerQuiet is how long Close waits while nothing comes. What was sent is still delivered after that: only input that
	// nobody reads destroys it, and there is none.
	lingerQuiet = time.Second
)

// ErrUnsupportedVersion says that the Server answered a CONNECT as an older protocol level does.
var ErrUnsupportedVersion = errors.New("the server does not speak this MQTT version")

// ErrNoAnswer says that the Server closed the connection without a single byte in answer to CONNECT.
var ErrNoAnswer = errors.New("the server closed the connection without an answer")

// ErrNotMQTT says that the first byte from the Server cannot begin a CONNACK. ErrSpeaksTLS and ErrSpeaksHTTP wrap it and
// say what the Server speaks instead.
var (
	ErrNotMQTT    = errors.New("the server does not speak MQTT")
	ErrSpeaksTLS  = fmt.Errorf("%w: it answers in TLS", ErrNotMQTT)
	ErrSpeaksHTTP = fmt.Errorf("%w: it answers in HTTP", ErrNotMQTT)
)

// ErrClosedByServer says that the Server closed the connection without a DISCONNECT.
var ErrClosedByServer = errors.New("the server closed the connection")

// ErrBroken is wrapped by the error of a send on a connection that has ended or is about to.
var ErrBroken = errors.New("connection broken")

// Handler takes what a [Conn] takes out of the inbound stream. All methods but Lost run on the read loop, in order. An
// error ends the connection; a [*wire.Error] is told to an MQTT 5 Server in a DISCONNECT first.
type Handler interface {
	// HandleConnack is given every CONNACK.
	HandleConnack(*wire.Connack) error
	// HandleAuth is given every AUTH before the engine answers it.
	HandleAuth(*wire.Auth) error
	// HandlePublish is given every PUBLISH with the time when its bytes were read. The struct is used again after the
	// call; what it refers to is not.
	HandlePublish(*wire.Publish, time.Time) error
	// HandleAck is given every PUBACK, PUBREC, PUBREL and PUBCOMP. The struct is used again after the call.
	HandleAck(*wire.Ack) error
	// HandleDisconnect is given the Server's DISCONNECT.
	HandleDisconnect(*wire.Disconnect)
	// Pace is called before each packet is read and blocks for as long as none should be. It must return soon after Lost.
	Pace()
	// Lost is called once when the connection has ended, from any goroutine.
	Lost(error)
}

// Config is what a [Conn] needs to know.
type Config struct {
	// Connect is the CONNECT that is sent in place of the engine's. Its Version is the level spoken.
	Connect *wire.Connect
	// Disconnect, when set, is sent in place of the engine's, with the Reason Code of that.
	Disconnect *wire.Disconnect
	// Handler takes the messages.
	Handler Handler
	// Coming, when set, tells what packets are on their way, so that reading can wait a millisecond for several of them instead
	// of waking for each. It runs on the read loop.
	Coming func() Coming
	// Trace, when set, is told of every packet: "->" for sent, "<-" for received.
	Trace func(direction string, p wire.Packet)
}

// Conn carries packets over a network connection. The client engine uses it as its [net.Conn] and [sync.Locker]; everything
// else sends with [Conn.Send] and receives through the [Handler]. Reading happens in Read, on the engine's goroutine.
type Conn struct {
	net.Conn
	cfg     Config
	version wire.Version
	out     outbox
	in      *wire.Reader
	source  *source

	engine     sync.Mutex // held by the engine while it writes one packet
	staged     []byte     // that packet
	openUnsubs openUnsubscribes

	reading   sync.Mutex // held by who reads: the engine, and Close after it
	forEngine []byte     // inbound packets for the engine, as MQTT 5
	pub       wire.Publish
	ack       wire.Ack
	answered  bool // a packet was received

	established atomic.Bool
	closing     atomic.Bool
	ended       atomic.Bool // the inbound stream is at its end
	closeOnce   sync.Once
	lostOnce    sync.Once
	lost        chan struct{}
	lostErr     error
}

// NewConn puts a Conn over nc, which it owns from then on.
func NewConn(nc net.Conn, cfg Config) *Conn {
	c := &Conn{Conn: nc, cfg: cfg, version: cfg.Connect.Version, lost: make(chan struct{})}
	c.source = &source{r: nc, coming: cfg.Coming}
	c.in = wire.NewReader(c.source, receiveLimit(cfg.Connect))
	c.out.w, c.out.version = nc, c.version
	c.out.failed = c.writeFailed
	return c
}

// receiveLimit is the Maximum Packet Size that the CONNECT announces, 0 for none.
func receiveLimit(p *wire.Connect) uint32 {
	if p.Properties.Has(wire.PropMaximumPacketSize) {
		return p.Properties.MaximumPacketSize
	}
	return 0
}

// Version is the protocol level spoken.
func (c *Conn) Version() wire.Version { return c.version }

// Send queues p for the kernel without waiting.
func (c *Conn) Send(p wire.Packet) error {
	if c.cfg.Trace != nil {
		c.cfg.Trace("->", p) // before it is on its way: the answer must not be told of first
	}
	if err := c.out.add(p); err != nil {
		return c.sendError(err)
	}
	return nil
}

// sendError prefers the reason why the connection ended to the way the write noticed it.
func (c *Conn) sendError(err error) error {
	if lost := c.Err(); lost != nil {
		return fmt.Errorf("%w: %w", ErrBroken, lost)
	}
	return err
}

// Room waits until the outbound buffer takes more: back-pressure for senders of many packets.
func (c *Conn) Room(ctx context.Context) error {
	if err := c.out.room(ctx); err != nil {
		return c.sendError(err)
	}
	return nil
}

// Flush waits until everything sent so far was handed to the kernel.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.out.flush(ctx); err != nil {
		return c.sendError(err)
	}
	return nil
}

// LastSent is when bytes were last written; zero before the first.
func (c *Conn) LastSent() time.Time { return unixNano(c.out.sentAt.Load()) }

// LastReceived is when bytes were last read; zero before the first.
func (c *Conn) LastReceived() time.Time { return unixNano(c.source.atNano.Load()) }

// Progress grows with what is received: packets, and lots of a KiB of larger ones. A peer that trickles single bytes does not
// make it grow. It is exact while the read loop waits for more.
func (c *Conn) Progress() int64 { return c.source.progress.Load() }

func unixNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// Lost is closed when the connection has ended.
func (c *Conn) Lost() <-chan struct{} { return c.lost }

// Err is why the connection has ended, nil before.
func (c *Conn) Err() error {
	select {
	case <-c.lost:
		return c.lostErr
	default:
		return nil
	}
}

// Fail ends the connection for the reason err and closes it without lingering.
func (c *Conn) Fail(err error) {
	c.end(err)
	c.drop()
}

// drop closes the network connection at once: a WebSocket would wait for an answer to its goodbye.
func (c *Conn) drop() {
	if abrupt, ok := c.Conn.(interface{ CloseNow() error }); ok {
		_ = abrupt.CloseNow()
		return
	}
	_ = c.Conn.Close()
}

func (c *Conn) end(err error) {
	c.lostOnce.Do(func() {
		c.lostErr = err
		close(c.lost)
		c.out.refuse(err)
		c.cfg.Handler.Lost(err)
	})
}

// writeFailed gives the read loop a moment to find a DISCONNECT that tells why the Server stopped listening. A read loop that
// a consumer holds up does not get there.
func (c *Conn) writeFailed(err error) {
	end := func() { c.end(fmt.Errorf("write: %w", err)) }
	if c.SetReadDeadline(time.Now().Add(lingerTime/6)) != nil {
		end()
		return
	}
	time.AfterFunc(lingerTime/3, end)
}

// Close ends the connection so that nothing already sent is lost: closing a socket with unread input makes the kernel
// reset the connection, which destroys data on its way to the Server. So it closes only the outbound half and reads
// until the Server has closed too. The Handler is given a DISCONNECT that comes meanwhile, after Lost.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() {
		c.closing.Store(true)
		if c.established.Load() {
			if !c.ended.Load() {
				c.linger()
			}
			_ = c.Conn.Close()
		} else {
			c.drop()
		}
		c.end(net.ErrClosed)
	})
	return nil
}

func (c *Conn) linger() {
	deadline := time.Now().Add(lingerTime)
	ctx, cancel := context.WithDeadline(context.Background(), deadline) //nolint:forbidigo // net.Conn's Close has no context; bounded by itself
	defer cancel()
	if c.out.flush(ctx) != nil {
		return
	}
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now()) // the engine's Read returns, and reads no more
	c.reading.Lock()
	defer c.reading.Unlock()
	for now := time.Now(); now.Before(deadline); now = time.Now() {
		until := now.Add(lingerQuiet)
		if until.After(deadline) {
			until = deadline
		}
		if c.SetReadDeadline(until) != nil {
			return
		}
		first, body, err := c.in.Next()
		if err != nil {
			return // the end, or nothing came
		}
		c.takeLast(first, body)
	}
}
