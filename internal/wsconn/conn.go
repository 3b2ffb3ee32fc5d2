// Package wsconn carries MQTT over WebSocket (section 6 of MQTT 5.0 and 3.1.1): a [net.Conn] whose bytes travel in binary
// frames.
//
// [Listen] is the side of a Server, [Dial] that of a Client. Packets need not begin where frames begin [MQTT-6.0.0-2].
package wsconn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Subprotocol is the WebSocket subprotocol of MQTT [MQTT-6.0.0-3].
const Subprotocol = "mqtt"

const (
	// frameSize is how much is read of a frame at once.
	frameSize = 8 << 10
	// closeTime bounds how long the other side may take to answer our Close frame.
	closeTime = time.Second
)

// errText ends a connection whose other side sends what is not MQTT [MQTT-6.0.0-1].
var errText = errors.New("a WebSocket frame of text came, MQTT has binary ones")

// Conn is a WebSocket as a [net.Conn]. Deadlines work as on any other: what was read before one is not lost.
type Conn struct {
	ws    *websocket.Conn
	under net.Conn // what the WebSocket travels on
	tls   tls.ConnectionState

	in     net.Conn        // what the pump has read
	ctx    context.Context //nolint:containedctx // the life of the pump, which has no caller
	cancel context.CancelFunc
	write  deadline
	once   sync.Once
	mu     sync.Mutex
	failed error // why reading has ended, if not as it should
}

// newConn begins to read from ws.
func newConn(ws *websocket.Conn, under net.Conn, state *tls.ConnectionState) *Conn {
	ws.SetReadLimit(-1) // frames have no size that would tell anything about packets
	c := &Conn{ws: ws, under: under}
	if state != nil {
		c.tls = *state
	}
	c.ctx, c.cancel = context.WithCancel(context.Background()) //nolint:forbidigo // ends with Close
	var feed net.Conn
	c.in, feed = net.Pipe()
	go c.pump(feed)

	return c
}

// pump reads frames as fast as they are taken. The WebSocket library closes a connection at a deadline; read here, without
// one, it does not.
func (c *Conn) pump(feed net.Conn) {
	defer feed.Close()
	buf := make([]byte, frameSize)
	for {
		kind, frame, err := c.ws.Reader(c.ctx)
		if err == nil && kind != websocket.MessageBinary {
			err = errText
			_ = c.ws.Close(websocket.StatusUnsupportedData, "MQTT has binary frames")
		}
		if err == nil {
			_, err = io.CopyBuffer(feed, frame, buf)
		}
		if err != nil {
			c.fail(err)

			return
		}
	}
}

func (c *Conn) fail(err error) {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return // the end of the stream, as with any connection
	default:
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
	c.mu.Lock()
	c.failed = err
	c.mu.Unlock()
}

// Read reads bytes of the stream; [io.EOF] means that the other side has closed the WebSocket.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	if n == 0 && errors.Is(err, io.EOF) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed != nil {
			err = c.fault("read", c.failed)
		}
	}

	return n, err
}

// Write writes b in one frame. After an error, also that of a deadline, the connection is broken.
func (c *Conn) Write(b []byte) (int, error) {
	ctx, err := c.write.begin(c.ctx)
	if err == nil {
		err = c.ws.Write(ctx, websocket.MessageBinary, b)
		switch {
		case err == nil:
		case c.ctx.Err() != nil:
			err = net.ErrClosed
		case ctx.Err() != nil:
			err = os.ErrDeadlineExceeded
		}
		c.write.end()
	}
	if err != nil {
		return 0, c.fault("write", err)
	}

	return len(b), nil
}

// fault makes an error what callers expect of a [net.Conn].
func (c *Conn) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "websocket", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Close says goodbye, gives the other side a second to answer and closes the connection.
func (c *Conn) Close() error {
	c.once.Do(func() {
		_ = c.in.Close() // the pump needs nobody any more
		last := time.AfterFunc(closeTime, c.abandon)
		_ = c.ws.Close(websocket.StatusNormalClosure, "")
		last.Stop()
		c.cancel()
		_ = c.ws.CloseNow()
	})

	return nil
}

// abandon ends the connection below the WebSocket, without a word in TLS either: there is nobody who answers. The library would
// wait for the other side five times as long, and its CloseNow does nothing while its Close waits.
func (c *Conn) abandon() {
	under := c.under
	if secure, ok := under.(*tls.Conn); ok {
		under = secure.NetConn()
	}
	_ = under.Close()
}

// LocalAddr returns the address on this side.
func (c *Conn) LocalAddr() net.Addr { return c.under.LocalAddr() }

// RemoteAddr returns the address of the other side.
func (c *Conn) RemoteAddr() net.Addr { return c.under.RemoteAddr() }

// ConnectionState is that of TLS below the WebSocket, the zero value without TLS.
func (c *Conn) ConnectionState() tls.ConnectionState { return c.tls }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.write.set(t)

	return c.in.SetReadDeadline(t)
}

// SetReadDeadline sets until when Read waits, also one that is waiting.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.in.SetReadDeadline(t) }

// SetWriteDeadline sets until when Write waits, also one that is waiting.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.write.set(t)

	return nil
}

// deadline cancels the write under way.
type deadline struct {
	writing sync.Mutex // one write at a time

	mu     sync.Mutex // guards what follows
	at     time.Time
	timer  *time.Timer
	cancel context.CancelFunc
}

func (d *deadline) begin(ctx context.Context) (context.Context, error) {
	d.writing.Lock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.at.IsZero() && !time.Now().Before(d.at) {
		d.writing.Unlock()

		return nil, os.ErrDeadlineExceeded
	}
	ctx, d.cancel = context.WithCancel(ctx)
	d.arm()

	return ctx, nil
}

func (d *deadline) end() {
	d.mu.Lock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.cancel()
	d.cancel = nil
	d.mu.Unlock()
	d.writing.Unlock()
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
	if d.cancel != nil {
		d.arm()
	}
}

// arm sets the timer for the write under way.
func (d *deadline) arm() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if !d.at.IsZero() {
		d.timer = time.AfterFunc(time.Until(d.at), d.cancel)
	}
}
