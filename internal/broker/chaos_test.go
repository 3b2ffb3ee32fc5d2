package broker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// TestNothingIsLostDoubledOrReorderedAcrossReconnects has a publisher and a subscriber at QoS 2 whose connections break at
// random points of the handshakes. Both keep the state that the specification wants of a client.
func TestNothingIsLostDoubledOrReorderedAcrossReconnects(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	const n = 1500
	sub := &exactlyOnce{t: t, s: s, id: "sub", random: rand.New(rand.NewPCG(1, 1)), received: map[uint16]bool{}}
	c := sub.reconnect()
	c.sub("a", 2)
	published := make(chan struct{})
	go func() {
		defer close(published)
		pub := &exactlyOnce{t: t, s: s, id: "pub", random: rand.New(rand.NewPCG(2, 2))}
		pub.publishAll(n)
	}()
	for sub.next < n {
		if !sub.step(c) {
			c = sub.reconnect()
		}
	}
	<-published
	if sub.breaks < 10 {
		t.Fatalf("only %d breaks", sub.breaks)
	}
	if got := s.Broker.Stats().MessagesDropped; got != 0 {
		t.Fatalf("%d dropped", got)
	}
}

// exactlyOnce is a client's side of QoS 2.
type exactlyOnce struct {
	t        *testing.T
	s        *brokertest.Server
	id       string
	random   *rand.Rand
	received map[uint16]bool // between PUBLISH and PUBREL
	next     int             // the message that must come next
	breaks   int
}

func (e *exactlyOnce) reconnect() *raw {
	c := dial(e.t, e.s, wire.V5)
	props := receiveMaximum(uint16(1 + e.random.IntN(20)))
	props.SessionExpiryInterval = 600
	c.connect(&wire.Connect{ClientID: e.id, Properties: props.Set(wire.PropSessionExpiryInterval)})

	return c
}

// breaksNow ends the connection now and then, sometimes by a takeover that follows.
func (e *exactlyOnce) breaksNow(c *raw) bool {
	if e.random.IntN(40) > 0 {
		return false
	}
	e.breaks++
	if e.random.IntN(2) == 0 {
		c.drop()
	}

	return true
}

// step handles one packet and reports whether the connection lives.
func (e *exactlyOnce) step(c *raw) bool {
	packet, err := c.next(patience)
	if err != nil {
		e.t.Fatalf("after %d messages: %v", e.next, err)
	}
	if e.breaksNow(c) {
		return false
	}
	var answer wire.Packet
	switch p := packet.(type) {
	case *wire.Publish:
		if !e.received[p.PacketID] {
			if want := fmt.Sprint(e.next); string(p.Payload) != want {
				e.t.Fatalf("got %q, want %s", p.Payload, want)
			}
			e.received[p.PacketID] = true
			e.next++
		} else if !p.Dup {
			e.t.Fatalf("%q came again without DUP", p.Payload)
		}
		answer = &wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID}
	case *wire.Ack:
		delete(e.received, p.PacketID)
		answer = &wire.Ack{Kind: wire.PUBCOMP, PacketID: p.PacketID}
	default:
		e.t.Fatalf("got %+v", packet)
	}
	if e.breaksNow(c) {
		return false
	}
	c.send(answer)

	return true
}

// publishAll publishes n messages, one after the other, and resends what was not acknowledged.
func (e *exactlyOnce) publishAll(n int) {
	c := e.reconnect()
	for i := range n {
		id := uint16(i%100 + 1)
		send := wire.Packet(&wire.Publish{Topic: "a", QoS: 2, PacketID: id, Payload: text("%d", i)})
		for done := false; !done; {
			c.send(send)
			if e.breaksNow(c) {
				c = e.reconnect()
				if p, ok := send.(*wire.Publish); ok {
					p.Dup = true
				}

				continue
			}
			ack := expect[*wire.Ack](c)
			if ack.PacketID != id {
				e.t.Errorf("got %+v for %d", ack, id)
			}
			done = ack.Kind == wire.PUBCOMP
			send = &wire.Ack{Kind: wire.PUBREL, PacketID: id}
		}
	}
}
