package simulate

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
)

// line is what the Network Connections of one Session go over. It can be torn, and nothing may get through it. It may be
// used concurrently.
type line struct {
	dial func(context.Context) (net.Conn, error)

	dark atomic.Bool
	conn atomic.Pointer[lineConn] // the newest
}

// newLine makes the line of a Session with these options.
func newLine(o client.Options) *line {
	l := &line{dial: o.Dial}
	if l.dial == nil {
		l.dial = func(ctx context.Context) (net.Conn, error) { return link.Dial(ctx, o.Target) }
	}
	return l
}

// open dials. On a dark line nobody answers.
func (l *line) open(ctx context.Context) (net.Conn, error) {
	if l.dark.Load() {
		<-ctx.Done()
		return nil, client.ErrNoConnack
	}
	nc, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn := &lineConn{Conn: nc, line: l, closed: make(chan struct{})}
	l.conn.Store(conn)
	return conn, nil
}

// darken lets nothing through any more, and leaves the connection as it is.
func (l *line) darken() { l.dark.Store(true) }

// tear has the next end of the connection be a reset, as that of a machine that has crashed. Where there is no TCP below,
// it is an end without DISCONNECT.
func (l *line) tear() {
	conn := l.conn.Load()
	if conn == nil {
		return
	}
	nc := conn.Conn
	for nc != nil {
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // otherwise it ends in the polite way
			return
		}
		above, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		nc = above.NetConn()
	}
}

// lineConn is a connection over a line.
type lineConn struct {
	net.Conn

	line   *line
	once   sync.Once
	closed chan struct{}
}

// Read reads. What comes over a dark line, the end of it too, is never seen.
func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.line.dark.Load() && !errors.Is(err, os.ErrDeadlineExceeded) {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

// Write writes. What goes into a dark line is gone.
func (c *lineConn) Write(b []byte) (int, error) {
	if c.line.dark.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// CloseWrite says that nothing more comes, where the connection can.
func (c *lineConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return net.ErrClosed
	}
	return half.CloseWrite()
}

// Close closes.
func (c *lineConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
