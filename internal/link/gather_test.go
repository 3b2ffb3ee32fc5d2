package link_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

// trickle is a [net.Conn] to which little comes at a time: what has come since the last read is read at once.
type trickle struct {
	net.Conn
	came  chan []byte // each is a write of the Server's; closed at the end
	reads int
}

func (c *trickle) Read(p []byte) (int, error) {
	packet, ok := <-c.came
	if !ok {
		return 0, io.EOF
	}
	c.reads++
	n := copy(p, packet)
	for len(c.came) > 0 {
		n += copy(p[n:], <-c.came)
	}
	return n, nil
}

func TestAcknowledgementsAreReadTogetherWhileManyAreExpected(t *testing.T) {
	const acks = 1000
	for name, c := range map[string]struct {
		expecting   func() int
		least, most int // reads
	}{
		"many": {func() int { return 500 }, 1, acks / 5},
		"few":  {func() int { return 499 }, acks, acks + 1},
		"none": {nil, acks, acks + 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				in := &trickle{Conn: near, came: make(chan []byte, acks+1)}
				conn := link.NewConn(in, link.Config{
					Connect: &wire.Connect{Version: wire.V5}, Handler: newHandler(), Expecting: c.expecting,
				})
				go func() {
					in.came <- []byte{0x20, 3, 0, 0, 0}
					for range acks {
						time.Sleep(10 * time.Microsecond)
						in.came <- []byte{0x40, 2, 1, 0}
					}
					close(in.came)
				}()
				if _, err := io.Copy(&bytes.Buffer{}, conn); err == nil {
					t.Error("the connection did not end")
				}
				if in.reads < c.least || in.reads > c.most {
					t.Errorf("%d reads, want %d to %d", in.reads, c.least, c.most)
				}
			})
		})
	}
}
