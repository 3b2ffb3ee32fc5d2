package wsconn_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/wsconn"
)

// This file is about what must not take long. It is tested in fake time, which a busy machine does not lose.

// pipes is a listener without a network, as fake time needs it.
type pipes struct {
	dialed chan net.Conn
	closed chan struct{}
}

// Accept implements [net.Listener].
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialed:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. It is called once by what listens and once by its server.
func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

// Addr implements [net.Listener].
func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.dialed <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inside is what a test in fake time works with.
type inside struct {
	t    *testing.T
	l    *wsconn.Listener
	dial func(context.Context) (net.Conn, error)
}

// bubble runs f in fake time with a listener and what dials it.
func bubble(t *testing.T, o wsconn.Options, f func(in inside)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{dialed: make(chan net.Conn), closed: make(chan struct{})}
		l := wsconn.Listen(p, o)
		defer l.Close()
		f(inside{t, l, p.dial})
	})
}

// dialed dials, and closes the connection when the test ends.
func (in inside) dialed() net.Conn {
	in.t.Helper()
	c, err := in.dial(in.t.Context())
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = c.Close() })
	return c
}

// secondOnly closes a connection whose other side does not answer. The library alone would wait for five seconds.
func secondOnly(t *testing.T, c net.Conn) {
	t.Helper()
	begun := time.Now()
	_ = c.Close()
	if took := time.Since(begun); took != time.Second {
		t.Errorf("after %v", took)
	}
}

func TestTheServersCloseWaitsForTheOtherSideForASecondOnly(t *testing.T) {
	bubble(t, wsconn.Options{}, func(in inside) {
		t := in.t
		silent := in.dialed()
		go func() {
			_, _ = io.WriteString(silent, "GET /mqtt HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
			untilClosed(silent)
		}()
		server, err := in.l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		secondOnly(t, server)
	})
}

func TestTheClientsCloseWaitsForTheOtherSideForASecondOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() {
			_, _ = answer(far, upgraded+"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
			untilClosed(far)
		}()
		c, err := wsconn.Dial(t.Context(), "ws://test/mqtt", nil, func(context.Context) (net.Conn, error) { return near, nil })
		if err != nil {
			t.Fatal(err)
		}
		secondOnly(t, c)
	})
}

func TestWhoIsRefusedMayNotHoldTheConnection(t *testing.T) {
	bubble(t, wsconn.Options{}, func(in inside) {
		t := in.t
		for _, request := range []string{"GET / HTTP/1.1\r\nHost: test\r\n\r\n", "no HTTP\r\n\r\n", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00\r\n\r\n"} {
			conn := in.dialed()
			if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil { // a request may take ten
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(text, []byte("HTTP/1.1 4")) {
				t.Errorf("%q: %q, %v", request, text, err)
			}
		}
	})
}

func TestConnectionsThatAreNoWebSocketsYetAreLimited(t *testing.T) {
	bubble(t, wsconn.Options{MaxPending: 2}, func(in inside) {
		t := in.t
		silent := in.dialed()
		in.dialed()
		begun := time.Now()
		n, err := in.dialed().Read(make([]byte, 1))
		if took := time.Since(begun); err == nil || took > time.Second { // a request may take ten
			t.Errorf("one too many reads %d bytes, %v after %v", n, err, took)
		}
		// WebSockets do not count, and who goes makes room.
		if _, err := io.WriteString(silent, "GET / HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(silent); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			synctest.Wait() // until the Server has seen that it has gone, or is a WebSocket
			client, err := wsconn.Dial(t.Context(), "ws://test/mqtt", nil, in.dial)
			if err != nil {
				t.Fatal(err)
			}
			server, err := in.l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = client.Close(), server.Close() }()
		}
	})
}
