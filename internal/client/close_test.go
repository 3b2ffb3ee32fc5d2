package client_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// half is one direction of a connection in memory. As with TCP what was sent waits to be read, and each direction ends alone.
type half struct {
	mu      sync.Mutex
	sent    bytes.Buffer
	ended   bool
	until   time.Time     // the deadline of a Read, zero for none
	changed chan struct{} // closed when one of these does
}

func (h *half) change(how func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	how()
	close(h.changed)
	h.changed = make(chan struct{})
}

// look takes what there is. It returns what to wait for when there is nothing.
func (h *half) look(b []byte) (changed <-chan struct{}, until time.Time, n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.until.IsZero() && !time.Now().Before(h.until):
		err = os.ErrDeadlineExceeded
	case h.sent.Len() > 0 || h.ended:
		n, err = h.sent.Read(b) // io.EOF at the end
	}
	return h.changed, h.until, n, err
}

// halves is a connection in memory for tests with a fake clock.
type halves struct {
	net.Conn // none: what is not below is not asked for

	in, out *half
}

// Read waits for something to come.
func (c *halves) Read(b []byte) (int, error) {
	for {
		changed, until, n, err := c.in.look(b)
		if n > 0 || err != nil {
			return n, err
		}
		var late <-chan time.Time
		if !until.IsZero() {
			late = time.After(time.Until(until))
		}
		select {
		case <-changed:
		case <-late:
		}
	}
}

// Write never waits.
func (c *halves) Write(b []byte) (int, error) {
	c.out.change(func() { c.out.sent.Write(b) })
	return len(b), nil
}

// SetReadDeadline ends a Read that waits.
func (c *halves) SetReadDeadline(at time.Time) error {
	c.in.change(func() { c.in.until = at })
	return nil
}

// CloseWrite ends what the other side reads.
func (c *halves) CloseWrite() error {
	c.out.change(func() { c.out.ended = true })
	return nil
}

// Close ends both directions.
func (c *halves) Close() error {
	c.in.change(func() { c.in.ended = true })
	return c.CloseWrite()
}

// overHalves returns a Dial that connects to script.
func overHalves(t *testing.T, script func(*peer)) func(context.Context) (net.Conn, error) {
	t.Helper()
	return func(context.Context) (net.Conn, error) {
		down, up := &half{changed: make(chan struct{})}, &half{changed: make(chan struct{})}
		go func() {
			s := &halves{in: up, out: down}
			defer s.Close()
			script(&peer{t: t, c: s, r: wire.NewReader(s, 0), v: wire.V5})
		}()
		return &halves{in: down, out: up}, nil
	}
}

// A Server that does not close its side must not hold up the end for long, as long as nothing comes from it any more.
func TestCloseDoesNotWaitLongForAServerThatStaysSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		s := open(t, client.Options{Dial: overHalves(t, func(p *peer) {
			p.accept(&wire.Connack{})
			want[*wire.Disconnect](p)
			<-closed
		})})
		start := time.Now()
		_ = s.Close(t.Context())
		close(closed)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

// At QoS 0 a DISCONNECT is the only way to refuse a message, and it may come after the client's own.
func TestCloseTellsTheServersLastWord(t *testing.T) {
	early := func(p *peer) {
		want[*wire.Publish](p)
		p.send(&wire.Disconnect{Code: wire.NotAuthorized})
	}
	tests := []struct {
		name string
		rest func(*peer)
		want wire.ReasonCode
	}{
		{"before the client's DISCONNECT", early, wire.NotAuthorized},
		{"after it", func(p *peer) {
			want[*wire.Publish](p)
			want[*wire.Disconnect](p)
			p.send(&wire.Publish{Topic: "b", Payload: make([]byte, 100_000)}, &wire.Pingresp{}, &wire.Disconnect{Code: wire.NotAuthorized})
		}, wire.NotAuthorized},
		{"nothing", func(p *peer) { want[*wire.Publish](p) }, wire.Success},
		{"that it goes", func(p *peer) {
			want[*wire.Publish](p)
			want[*wire.Disconnect](p)
			p.send(&wire.Disconnect{Code: wire.ServerShuttingDown})
		}, wire.Success},
		{"no complaint", func(p *peer) {
			want[*wire.Publish](p)
			want[*wire.Disconnect](p)
			p.send(&wire.Disconnect{})
		}, wire.Success},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // Close waits for the last word as long as the Server is quick
				s, err := client.Open(t.Context(), client.Options{Dial: overHalves(t, func(p *peer) {
					p.accept(&wire.Connack{})
					tt.rest(p)
					_ = p.c.(*halves).CloseWrite()
					p.drain()
				})})
				if err != nil {
					t.Fatal(err)
				}
				_ = s.Publish(t.Context(), text("a", "x", 0))
				err = s.Close(t.Context())
				said, complained := errors.AsType[*client.DisconnectedError](err)
				if complained != tt.want.IsError() || complained && said.Code != tt.want {
					t.Errorf("Close: %v, want %v", err, tt.want)
				}
			})
		})
	}
}
