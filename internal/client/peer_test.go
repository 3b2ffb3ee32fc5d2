package client_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a Server that does what a test tells it to.
type peer struct {
	t *testing.T
	c net.Conn
	r *wire.Reader
	v wire.Version
}

// read returns the next packet, or nil at the end of the stream.
func (p *peer) read() wire.Packet {
	first, body, err := p.r.Next()
	if err != nil {
		return nil
	}
	q, err := wire.Decode(p.v, first, body)
	if err != nil {
		p.t.Errorf("the client sent a bad packet: %v", err)
		return nil
	}
	if c, ok := q.(*wire.Connect); ok {
		p.v = c.Version
	}
	return q
}

// send writes packets; an error means that the client has gone, which read will notice.
func (p *peer) send(packets ...wire.Packet) {
	var b []byte
	for _, q := range packets {
		var err error
		if b, err = q.Append(b, p.v); err != nil {
			p.t.Errorf("peer: %v", err)
		}
	}
	_, _ = p.c.Write(b)
}

// want reads a packet that must be of type T.
func want[T wire.Packet](p *peer) T {
	q := p.read()
	got, ok := q.(T)
	if !ok {
		var none T
		p.t.Errorf("the client sent %T %+v, want %T", q, q, none)
		p.c.Close()
	}
	return got
}

// accept answers CONNECT with ca and returns the CONNECT.
func (p *peer) accept(ca *wire.Connack) *wire.Connect {
	c := want[*wire.Connect](p)
	if c != nil {
		p.send(ca)
	}
	return c
}

// drain reads until the client has closed, then closes.
func (p *peer) drain() {
	for p.read() != nil {
	}
	p.c.Close()
}

// overTCP returns a Dial that connects to script on a loopback socket, once for each call.
func overTCP(t *testing.T, scripts ...func(*peer)) func(context.Context) (net.Conn, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, script := range scripts {
			c, err := l.Accept()
			if err != nil {
				return
			}
			script(&peer{t: t, c: c, r: wire.NewReader(c, 0), v: wire.V5})
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}
}

// overPipe returns a Dial that connects to script in memory, for tests with a fake clock.
func overPipe(t *testing.T, script func(*peer)) func(context.Context) (net.Conn, error) {
	t.Helper()
	return func(context.Context) (net.Conn, error) {
		c, s := net.Pipe()
		go func() {
			defer s.Close()
			script(&peer{t: t, c: s, r: wire.NewReader(s, 0), v: wire.V5})
		}()
		return c, nil
	}
}

// open connects to the peer and closes the Session when the test ends.
func open(t *testing.T, o client.Options) *client.Session {
	t.Helper()
	s, err := client.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s
}

func text(topic, payload string, qos byte) message.Message {
	return message.Message{Topic: topic, Payload: []byte(payload), QoS: qos}
}

// recv takes the next message or fails.
func recv(t *testing.T, s *client.Session) message.Message {
	t.Helper()
	m, err := s.Recv(t.Context())
	if err != nil {
		t.Fatalf("Recv: %v", err)
	}
	return m
}

// advance moves the fake clock of a synctest bubble on.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
