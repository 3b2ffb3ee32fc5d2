package link_test

import (
	"net"
	"sync"
	"testing"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

// diary notes what happens in its order.
type diary struct {
	net.Conn

	mu     sync.Mutex
	events []string
}

func (d *diary) note(event string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, event)
}

// Write notes that something is on its way.
func (d *diary) Write(p []byte) (int, error) {
	d.note("written")
	return len(p), nil
}

func TestAPacketIsTracedBeforeItsAnswerCanCome(t *testing.T) {
	for range 100 {
		near, far := net.Pipe()
		d := &diary{Conn: near}
		c := link.NewConn(d, link.Config{
			Connect: &wire.Connect{Version: wire.V5}, Handler: newHandler(),
			Trace: func(string, wire.Packet) { d.note("traced") },
		})
		if err := c.Send(&wire.Publish{Topic: "a"}); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Fail(net.ErrClosed)
		_ = far.Close()
		d.mu.Lock()
		if len(d.events) != 2 || d.events[0] != "traced" {
			t.Fatalf("in this order: %v", d.events)
		}
		d.mu.Unlock()
	}
}
