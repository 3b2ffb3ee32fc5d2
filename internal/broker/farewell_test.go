package broker_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/wire"
)

// paused is a connection of a Server that is not given the processor for two seconds when it has set its last deadline.
type paused struct {
	net.Conn
	once bool
}

// SetWriteDeadline implements [net.Conn].
func (c *paused) SetWriteDeadline(t time.Time) error {
	err := c.Conn.SetWriteDeadline(t)
	if !c.once && time.Until(t) <= time.Second {
		c.once = true
		<-time.After(2 * time.Second)
	}

	return err
}

func TestABusyServerSaysWhyAConnectionEnds(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		ours, theirs := net.Pipe()
		go in.b.ServeConn(&paused{Conn: theirs})
		c := newRaw(in.t, ours, wire.V5)
		c.connect(&wire.Connect{ClientID: "c"})
		synctest.Wait() // the pause holds a lock: fake time stands still while anybody waits for that
		c.sendBytes(0x36, 0)
		c.expectDisconnect(wire.MalformedPacket)
	})
}
