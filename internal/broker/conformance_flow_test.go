package broker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestReplacingASubscriptionLosesNothing(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		name := "r" + v.String()
		sub, pub := connected(t, s, v, "sub"+name), connected(t, s, v, "pub"+name)
		sub.sub(name, 1)
		const n = 300
		go func() {
			for i := range n {
				packet, err := (&wire.Publish{Topic: name, QoS: 1, PacketID: 1, Payload: text("%d", i)}).Append(nil, v)
				if err == nil {
					err = pub.conn.SetWriteDeadline(time.Now().Add(patience)) // that of CONNECT is over on a slow machine
				}
				if err == nil {
					_, err = pub.conn.Write(packet)
				}
				if err != nil {
					t.Error(err)

					return
				}
			}
		}()
		for i := 0; i < n; {
			switch p := expect[wire.Packet](sub).(type) {
			case *wire.Publish:
				if string(p.Payload) != fmt.Sprint(i) {
					t.Fatalf("%v: got %s as number %d", v, p.Payload, i)
				}
				sub.send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
				if i++; i%10 == 0 {
					sub.send(&wire.Subscribe{PacketID: 9, Subscriptions: []wire.Subscription{{Filter: name, QoS: 1}}})
				}
			case *wire.Suback:
			default:
				t.Fatalf("got %+v", p)
			}
		}
	}
}

func TestReasonStringsGiveWayToTheMaximumPacketSize(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{MaxRetained: 1})
	c := dial(t, s, wire.V5)
	props := (&wire.Properties{MaximumPacketSize: 40}).Set(wire.PropMaximumPacketSize)
	c.connect(&wire.Connect{ClientID: "c", Properties: props})
	c.publish(&wire.Publish{Topic: "a", QoS: 1, Retain: true, Payload: text("x")})
	for qos, kind := range []wire.Type{1: wire.PUBACK, 2: wire.PUBREC} {
		if qos == 0 {
			continue
		}
		c.send(&wire.Publish{Topic: "b", QoS: byte(qos), PacketID: 5, Retain: true, Payload: text("x")})
		if a := c.expectAck(kind, 5); a.Code != wire.QuotaExceeded || a.Properties.Has(wire.PropReasonString) {
			t.Errorf("got %+v", a)
		}
	}
	c.sendBytes(0x36, 0)
	if d := expect[*wire.Disconnect](c); d.Properties.Has(wire.PropReasonString) {
		t.Errorf("got %+v", d)
	}
}

func TestAQoS2MessageThatWasBegunGoesToNobodyElse(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, again := range []bool{true, false} {
		name := fmt.Sprint("begun/", again)
		a, pub := lasting(t, s, "a"+name, false), connected(t, s, wire.V5, "pub"+name)
		a.sub("$share/g/"+name, 2)
		pub.publish(&wire.Publish{Topic: name, QoS: 2, Payload: text("x")})
		expect[*wire.Publish](a)
		b := connected(t, s, wire.V5, "b"+name)
		b.sub("$share/g/"+name, 2)
		a.drop()
		s.WaitDisconnected("a" + name)
		if again { // its Session goes on
			lasting(t, s, "a"+name, true).receivePayload("x")
		} else { // its Session ends
			c := dial(t, s, wire.V5)
			c.connect(&wire.Connect{ClientID: "a" + name, CleanStart: true})
			c.ping()
		}
		b.quiet()
	}
}

func TestAcknowledgementsComeInTheOrderOfTheMessages(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		c := connected(t, s, v, "c"+v.String())
		const n = 60
		for i := range uint16(n) {
			c.send(&wire.Publish{Topic: "a", QoS: byte(1 + i%2), PacketID: i + 1})
		}
		for i := range uint16(n) {
			c.expectAck([]wire.Type{wire.PUBACK, wire.PUBREC}[i%2], i+1)
		}
		for i := uint16(1); i < n; i += 2 {
			c.send(&wire.Ack{Kind: wire.PUBREL, PacketID: i + 1})
		}
		for i := uint16(1); i < n; i += 2 {
			c.expectAck(wire.PUBCOMP, i+1)
		}
	}
}

// What the client has not said that it has received is not delivered.
func TestAcknowledgementOutOfOrderEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		for qos := byte(1); qos <= 2; qos++ {
			name := fmt.Sprintf("order/%v/%d", v, qos)
			sub, pub := dial(t, s, v), connected(t, s, v, "pub"+name)
			sub.connect(&wire.Connect{ClientID: "sub" + name, Properties: lastingIn(v)})
			sub.sub(name, qos)
			pub.publish(&wire.Publish{Topic: name, QoS: qos, Payload: text("x")})
			m := expect[*wire.Publish](sub)
			sub.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: m.PacketID})
			if v == wire.V5 {
				sub.expectDisconnect(wire.ProtocolError)
			} else {
				sub.expectClosed()
			}
			again := dial(t, s, v)
			again.connect(&wire.Connect{ClientID: "sub" + name, Properties: lastingIn(v)})
			if got := expect[*wire.Publish](again); !got.Dup || string(got.Payload) != string(m.Payload) {
				t.Errorf("%s: got %+v, want the message again", name, got)
			}
		}
	}
}

// lastingIn are the properties of a CONNECT whose Session lasts.
func lastingIn(v wire.Version) *wire.Properties {
	if v != wire.V5 {
		return nil
	}

	return expiry(60)
}
