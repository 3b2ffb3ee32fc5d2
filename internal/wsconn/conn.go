// Package wsconn carries MQTT over WebSocket (section 6 of MQTT 5.0 and 3.1.1): a [net.Conn] whose bytes travel in binary
// frames.
//
// [Listen] is the side of a Server, [Dial] that of a Client. Packets need not begin where frames begin [MQTT-6.0.0-2].
package wsconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// ErrProtocol is wrapped by the error of a connection whose other side breaks the rules of WebSocket, or those of MQTT over
// it.
var ErrProtocol = errors.New("the other side breaks the WebSocket protocol")

// errText ends a connection whose other side sends what is not MQTT [MQTT-6.0.0-1].
var errText = fmt.Errorf("%w: a frame of text came, MQTT has binary ones", ErrProtocol)

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

// CloseError means that the other side has closed the WebSocket and says that something is wrong (RFC 6455, section 7.4).
type CloseError struct {
	Code   int    // 1002 to 4999
	Reason string // in words, often empty
}

// Error says how the WebSocket was closed.
func (e *CloseError) Error() string {
	text := fmt.Sprintf("the other side closed the WebSocket with status %d", e.Code)
	if e.Reason != "" {
		text += fmt.Sprintf(" (%q)", e.Reason)
	}

	return text
}

// newConn begins to read from ws, whose connection is under.
func newConn(ws *websocket.Conn, under net.Conn, state *tls.ConnectionState) *Conn {
	ws.SetReadLimit(-1) // frames have no size that would tell anything about packets
	c := &Conn{ws: ws, under: under}
	if secure, ok := under.(interface{ ConnectionState() tls.ConnectionState }); ok {
		c.tls = secure.ConnectionState()
	}
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
	buf := make([]byte, frameSize)
	for {
		kind, frame, err := c.ws.Reader(c.ctx)
		if err == nil && kind != websocket.MessageBinary {
			err = errText
		}
		if err == nil {
			_, err = io.CopyBuffer(feed, frame, buf)
		}
		if err != nil {
			c.fail(err)
			_ = feed.Close()
			if errors.Is(err, errText) { // after Read has told of it: saying so may take its time
				c.sayGoodbye(websocket.StatusUnsupportedData, "MQTT has binary frames")
			}

			return
		}
	}
}

func (c *Conn) fail(err error) {
	var closed websocket.CloseError
	var network *net.OpError
	switch {
	case errors.As(err, &closed) && (closed.Code == websocket.StatusNormalClosure || closed.Code == websocket.StatusGoingAway || closed.Code == websocket.StatusNoStatusRcvd),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return // the end of the stream, as with any connection
	case errors.As(err, &closed):
		err = c.fault("read", &CloseError{int(closed.Code), closed.Reason})
	case errors.As(err, &network):
		err = network // what TLS says is told apart by its Op
	case errors.Is(err, errText), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		err = c.fault("read", err)
	default:
		err = c.fault("read", fmt.Errorf("%w: %w", ErrProtocol, innermost(err)))
	}
	c.mu.Lock()
	c.failed = err
	c.mu.Unlock()
}

// innermost returns the error that the others wrap: those tell of functions.
func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}

	return err
}

// Read reads bytes of the stream; [io.EOF] means that the other side has closed the WebSocket.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	if n == 0 && errors.Is(err, io.EOF) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed != nil {
			err = c.failed
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
		c.sayGoodbye(websocket.StatusNormalClosure, "")
		c.cancel()
		_ = c.ws.CloseNow()
	})

	return nil
}

// CloseNow closes the connection without a goodbye and without a wait.
func (c *Conn) CloseNow() error {
	c.once.Do(func() {
		_ = c.in.Close()
		c.cut()
		c.cancel()
		_ = c.ws.CloseNow()
	})

	return nil
}

// sayGoodbye sends a Close frame and waits for the answer. The library alone would wait for five seconds.
func (c *Conn) sayGoodbye(code websocket.StatusCode, why string) {
	last := time.AfterFunc(closeTime, c.cut)
	defer last.Stop()
	_ = c.ws.Close(code, why)
}

// cut closes the connection below all protocols: TLS, too, would wait for one who does not read.
func (c *Conn) cut() {
	bare := c.under
	if secure, ok := bare.(interface{ NetConn() net.Conn }); ok {
		bare = secure.NetConn()
	}
	_ = bare.Close()
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
