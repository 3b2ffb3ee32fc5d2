package broker_test

import (
	"fmt"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// A client that may not publish takes UNSUBACK for the end of the Retained Messages.
func TestUnsubackComesBehindRetainedMessages(t *testing.T) {
	t.Parallel()
	const n = 300
	s := brokertest.Start(t)
	pub := connected(t, s, wire.V5, "pub")
	for i := range n {
		pub.publish(&wire.Publish{Topic: fmt.Sprint("r/", i), QoS: 1, Retain: true, Payload: []byte("x")})
	}
	for _, qos := range []byte{0, 1} {
		c := dial(t, s, wire.V5)
		c.connect(&wire.Connect{ClientID: "c", CleanStart: true, Properties: receiveMaximum(10)})
		c.send(
			&wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "r/+", QoS: qos}}},
			&wire.Unsubscribe{PacketID: 2, Filters: []string{"none"}},
			&wire.Pingreq{},
		)
		expect[*wire.Suback](c)
		for got, pinged, answered := 0, false, false; !pinged || !answered; {
			p, err := c.next(patience)
			if err != nil {
				t.Fatal(err)
			}
			switch p := p.(type) {
			case *wire.Publish:
				got++
				if p.QoS == 1 {
					c.send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
				}
			case *wire.Pingresp: // it waits for nothing
				pinged = true
			case *wire.Unsuback:
				if answered = true; got != n {
					t.Errorf("QoS %d: UNSUBACK after %d of %d messages", qos, got, n)
				}
			default:
				t.Fatalf("%+v", p)
			}
		}
		c.send(&wire.Unsubscribe{PacketID: 3, Filters: []string{"none"}})
		if a := expect[*wire.Unsuback](c); a.PacketID != 3 {
			t.Errorf("%+v", a)
		}
		c.disconnect()
	}
}
