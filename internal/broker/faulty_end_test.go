package broker_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Each write that a fault slows down has as long as any other, but not one after the end of the connection.
func TestASlowClientThatIsExpelledIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{Faults: plan(t, "bandwidth rate=1KB client=slow")}, func(in inside) {
		slow, pub := pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5)
		slow.connect(&wire.Connect{ClientID: "slow"})
		slow.sub("a", 0)
		pub.connect(&wire.Connect{ClientID: "pub"})
		pub.send(&wire.Publish{Topic: "a", Payload: make([]byte, 10_000)})
		pass(time.Second) // it is being written
		in.b.Expel(wire.NotAuthorized, func(c broker.ClientInfo) bool { return c.ID == "slow" })
		pass(500 * time.Millisecond)
		if _, err := io.ReadFull(slow.conn, make([]byte, 10)); err != nil { // one write, the last that it takes
			in.t.Fatal(err)
		}
		pass(2 * time.Second)
		if _, err := slow.conn.Write([]byte{0xC0}); !errors.Is(err, io.ErrClosedPipe) {
			in.t.Errorf("the connection is still there: %v", err)
		}
	})
}
