package broker_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test. It is no part of what is tested, so it may be long: a machine with much to do may
// leave a test alone for seconds.
const patience = 30 * time.Second

// raw is a client that does nothing by itself: tests say each packet.
type raw struct {
	t       testing.TB
	conn    net.Conn
	in      *wire.Reader
	version wire.Version
}

// dial opens a connection to a broker and sends nothing.
func dial(tb testing.TB, s *brokertest.Server, v wire.Version) *raw {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr, patience)
	if err != nil {
		tb.Fatal(err)
	}

	return newRaw(tb, conn, v)
}

// pipe connects to a broker without a network, for fake time.
func pipe(tb testing.TB, b *broker.Broker, v wire.Version) *raw {
	tb.Helper()
	ours, theirs := net.Pipe()
	go b.ServeConn(theirs)

	return newRaw(tb, ours, v)
}

func newRaw(tb testing.TB, conn net.Conn, v wire.Version) *raw {
	tb.Helper()
	tb.Cleanup(func() { conn.Close() })

	return &raw{t: tb, conn: conn, in: wire.NewReader(conn, 0), version: v}
}

// connected opens a connection with a clean Session.
func connected(tb testing.TB, s *brokertest.Server, v wire.Version, id string) *raw {
	tb.Helper()
	c := dial(tb, s, v)
	c.connect(&wire.Connect{ClientID: id, CleanStart: true})

	return c
}

// connect sends CONNECT and returns CONNACK, which must be a success.
func (c *raw) connect(p *wire.Connect) *wire.Connack {
	c.t.Helper()
	p.Version = c.version
	c.send(p)
	ack := expect[*wire.Connack](c)
	if ack.Code != wire.Success {
		c.t.Fatalf("CONNACK 0x%02X", byte(ack.Code))
	}

	return ack
}

func (c *raw) send(packets ...wire.Packet) {
	c.t.Helper()
	var buf []byte
	for _, p := range packets {
		var err error
		if buf, err = p.Append(buf, c.version); err != nil {
			c.t.Fatal(err)
		}
	}
	c.sendBytes(buf...)
}

func (c *raw) sendBytes(b ...byte) {
	c.t.Helper()
	if err := c.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next packet, or the error that ended the connection.
func (c *raw) next(wait time.Duration) (wire.Packet, error) {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	first, body, err := c.in.Next()
	if err != nil {
		return nil, err
	}

	return wire.Decode(c.version, first, body)
}

// expect returns the next packet, which must be a P.
func expect[P wire.Packet](c *raw) P {
	c.t.Helper()
	packet, err := c.next(patience)
	if err != nil {
		var want P
		c.t.Fatalf("want %T, got %v", want, err)
	}
	p, ok := packet.(P)
	if !ok {
		c.t.Fatalf("want %T, got %+v", p, packet)
	}

	return p
}

// expectAck returns the next packet, which must be an acknowledgement of that kind.
func (c *raw) expectAck(kind wire.Type, id uint16) *wire.Ack {
	c.t.Helper()
	a := expect[*wire.Ack](c)
	if a.Kind != kind || a.PacketID != id {
		c.t.Fatalf("want %v %d, got %v %d", kind, id, a.Kind, a.PacketID)
	}

	return a
}

// expectDisconnect requires the next packet to be a DISCONNECT with code, and then the end of the connection.
func (c *raw) expectDisconnect(code wire.ReasonCode) {
	c.t.Helper()
	if d := expect[*wire.Disconnect](c); d.Code != code {
		c.t.Fatalf("want DISCONNECT 0x%02X, got 0x%02X", byte(code), byte(d.Code))
	}
	c.expectClosed()
}

// expectClosed requires the connection to end without another packet.
func (c *raw) expectClosed() {
	c.t.Helper()
	if p, err := c.next(patience); err == nil {
		c.t.Fatalf("want the connection closed, got %+v", p)
	} else if isTimeout(err) {
		c.t.Fatal("want the connection closed, it is open")
	}
}

func isTimeout(err error) bool {
	var timeout net.Error

	return errors.As(err, &timeout) && timeout.Timeout()
}

// ping requires that nothing has come before the answer: a way to say "no message was delivered".
func (c *raw) ping() {
	c.t.Helper()
	c.send(&wire.Pingreq{})
	expect[*wire.Pingresp](c)
}

// quiet requires that all messages routed so far have been delivered, and that none was for c: a message to itself is the
// next that comes.
func (c *raw) quiet() {
	c.t.Helper()
	c.subscribe(wire.Subscription{Filter: "quiet/marker"})
	c.send(&wire.Publish{Topic: "quiet/marker"})
	if p := expect[*wire.Publish](c); p.Topic != "quiet/marker" {
		c.t.Fatalf("want no message, got %+v", p)
	}
	c.send(&wire.Unsubscribe{PacketID: 65_000, Filters: []string{"quiet/marker"}})
	expect[*wire.Unsuback](c)
}

// subscribe sends SUBSCRIBE and returns the codes of SUBACK.
func (c *raw) subscribe(subs ...wire.Subscription) []wire.ReasonCode {
	c.t.Helper()
	c.send(&wire.Subscribe{PacketID: 65_001, Subscriptions: subs})
	ack := expect[*wire.Suback](c)
	if ack.PacketID != 65_001 {
		c.t.Fatalf("SUBACK for %d", ack.PacketID)
	}

	return ack.Codes
}

// sub is subscribe to one filter, which must be granted at the QoS that was asked for.
func (c *raw) sub(filter string, qos byte) {
	c.t.Helper()
	if codes := c.subscribe(wire.Subscription{Filter: filter, QoS: qos}); codes[0] != wire.ReasonCode(qos) {
		c.t.Fatalf("SUBACK 0x%02X for %q", byte(codes[0]), filter)
	}
}

// publish sends a message and goes through its handshake. It returns the Reason Code.
func (c *raw) publish(p *wire.Publish) wire.ReasonCode {
	c.t.Helper()
	if p.QoS > 0 && p.PacketID == 0 {
		p.PacketID = 1
	}
	c.send(p)
	switch p.QoS {
	case 1:
		return c.expectAck(wire.PUBACK, p.PacketID).Code
	case 2:
		rec := c.expectAck(wire.PUBREC, p.PacketID)
		if rec.Code.IsError() {
			return rec.Code
		}
		c.send(&wire.Ack{Kind: wire.PUBREL, PacketID: p.PacketID})
		c.expectAck(wire.PUBCOMP, p.PacketID)

		return rec.Code
	default:
		return wire.Success
	}
}

// publishToItself sends a message at QoS 1 to a topic that c has subscribed to at QoS 0. It returns the message when that and
// the acknowledgement have come: which of them comes first is not said.
func (c *raw) publishToItself(p *wire.Publish) (got *wire.Publish) {
	c.t.Helper()
	p.PacketID = 1
	c.send(p)
	for acknowledged := false; !acknowledged || got == nil; {
		switch packet := expect[wire.Packet](c).(type) {
		case *wire.Publish:
			got = packet
		case *wire.Ack:
			acknowledged = true
		default:
			c.t.Fatalf("got %+v", packet)
		}
	}

	return got
}

// receive returns the next message and goes through its handshake.
func (c *raw) receive() *wire.Publish {
	c.t.Helper()
	p := expect[*wire.Publish](c)
	switch p.QoS {
	case 1:
		c.send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
	case 2:
		c.send(&wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID})
		c.expectAck(wire.PUBREL, p.PacketID)
		c.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: p.PacketID})
	}

	return p
}

// receivePayload is receive for one payload.
func (c *raw) receivePayload(want string) *wire.Publish {
	c.t.Helper()
	p := c.receive()
	if string(p.Payload) != want {
		c.t.Fatalf("want payload %q, got %q on %q", want, p.Payload, p.Topic)
	}

	return p
}

// disconnect ends the connection as a client that is done does.
func (c *raw) disconnect() {
	c.t.Helper()
	c.send(&wire.Disconnect{})
	c.expectClosed()
	c.conn.Close()
}

// drop ends the connection without DISCONNECT.
func (c *raw) drop() { c.conn.Close() }

func expiry(seconds uint32) *wire.Properties {
	return (&wire.Properties{SessionExpiryInterval: seconds}).Set(wire.PropSessionExpiryInterval)
}

func text(format string, args ...any) []byte { return fmt.Appendf(nil, format, args...) }

func versions() []wire.Version { return []wire.Version{wire.V31, wire.V311, wire.V5} }

// collect receives n messages and answers everything as it comes. It returns them when no handshake is open.
func (c *raw) collect(n int) []*wire.Publish {
	c.t.Helper()
	var got []*wire.Publish
	for open := 0; len(got) < n || open > 0; {
		packet, err := c.next(patience)
		if err != nil {
			c.t.Fatalf("after %d of %d messages: %v", len(got), n, err)
		}
		switch p := packet.(type) {
		case *wire.Publish:
			got = append(got, p)
			if p.QoS == 1 {
				c.send(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
			}
			if p.QoS == 2 {
				open++
				c.send(&wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID})
			}
		case *wire.Ack:
			if p.Kind != wire.PUBREL {
				c.t.Fatalf("got %v", p.Kind)
			}
			open--
			c.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: p.PacketID})
		default:
			c.t.Fatalf("got %+v", packet)
		}
	}

	return got
}

// collectInOrder is collect for payloads that count from first.
func (c *raw) collectInOrder(first, n int) {
	c.t.Helper()
	for i, p := range c.collect(n) {
		if want := fmt.Sprint(first + i); string(p.Payload) != want {
			c.t.Fatalf("got %q as number %d", p.Payload, first+i)
		}
	}
}

// dialOrNil is dial for a broker that may have stopped listening.
func dialOrNil(tb testing.TB, s *brokertest.Server) *raw {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", s.Addr, patience)
	if err != nil {
		return nil
	}

	return newRaw(tb, conn, wire.V5)
}

// readAll reads until the other side closes the connection.
func (c *raw) readAll() []byte {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(c.conn)
	if isTimeout(err) {
		c.t.Fatal("the connection is still open")
	}

	return b
}
