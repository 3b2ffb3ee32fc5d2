package broker_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// brokerUnderTest is the address of another broker that the benchmarks measure instead, for comparison.
const brokerUnderTest = "MQX_BENCH_BROKER"

// BenchmarkPubSub measures messages of 64 bytes from one client to another, of which no more than a window is under way:
// the publisher sends the next as the subscriber has received one, and at QoS 1 as the broker has acknowledged it, too.
func BenchmarkPubSub(b *testing.B) {
	for qos := range byte(2) {
		for _, window := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("qos=%d/window=%d", qos, window), func(b *testing.B) { benchmarkPubSub(b, qos, window) })
		}
	}
}

func benchmarkPubSub(b *testing.B, qos byte, window int) {
	b.Helper()
	addr := os.Getenv(brokerUnderTest)
	if addr == "" {
		addr = brokertest.Start(b).Addr
	}
	sub, pub := newLane(b, addr, "sub"), newLane(b, addr, "pub")
	sub.subscribe(b, "bench/t", qos)
	packet, err := (&wire.Publish{Topic: "bench/t", QoS: qos, PacketID: uint16(qos), Payload: make([]byte, 64)}).Append(nil, wire.V5)
	if err != nil {
		b.Fatal(err)
	}
	slots := make(chan struct{}, window)
	received := make(chan error, 1)
	b.ResetTimer()
	go func() { received <- sub.drain(b.N, qos, slots) }()
	acked := make(chan error, 1)
	go func() {
		if qos == 0 {
			acked <- nil

			return
		}
		acked <- pub.drainAcks(b.N)
	}()
	for n := 0; n < b.N; n++ {
		select {
		case slots <- struct{}{}:
		default:
			if err := pub.out.Flush(); err != nil {
				b.Fatal(err)
			}
			slots <- struct{}{}
		}
		if qos > 0 {
			binary.BigEndian.PutUint16(packet[11:], uint16(n%window)+1)
		}
		if _, err := pub.out.Write(packet); err != nil {
			b.Fatal(err)
		}
	}
	if err := pub.out.Flush(); err != nil {
		b.Fatal(err)
	}
	for _, done := range []chan error{received, acked} {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// BenchmarkFanOut measures deliveries of one message to 100 subscribers.
func BenchmarkFanOut(b *testing.B) {
	s := brokertest.Start(b)
	const subscribers, window = 100, 100
	pub := newLane(b, s.Addr, "pub")
	slots := make(chan struct{}, window*subscribers)
	done := make(chan error, subscribers)
	for i := range subscribers {
		sub := newLane(b, s.Addr, fmt.Sprint("sub", i))
		sub.subscribe(b, "bench/t", 0)
		go func() { done <- sub.drain(b.N, 0, slots) }()
	}
	packet, err := (&wire.Publish{Topic: "bench/t", Payload: make([]byte, 64)}).Append(nil, wire.V5)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		for range subscribers {
			slots <- struct{}{}
		}
		if _, err := pub.conn.Write(packet); err != nil {
			b.Fatal(err)
		}
	}
	for range subscribers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*subscribers)/b.Elapsed().Seconds(), "deliveries/s")
}

// lane is a client that costs as little as possible.
type lane struct {
	conn net.Conn
	in   *wire.Reader
	out  *bufio.Writer
}

func newLane(b *testing.B, addr, id string) *lane {
	b.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	l := &lane{conn: conn, in: wire.NewReader(conn, 0), out: bufio.NewWriterSize(conn, 64<<10)}
	l.request(b, &wire.Connect{Version: wire.V5, ClientID: id, CleanStart: true})

	return l
}

// request sends a packet and waits for any answer.
func (l *lane) request(b *testing.B, p wire.Packet) {
	b.Helper()
	packet, err := p.Append(nil, wire.V5)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := l.conn.Write(packet); err != nil {
		b.Fatal(err)
	}
	if _, _, err := l.in.Next(); err != nil {
		b.Fatal(err)
	}
}

func (l *lane) subscribe(b *testing.B, filter string, qos byte) {
	b.Helper()
	l.request(b, &wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: filter, QoS: qos}}})
}

// drain receives n messages, acknowledges them and frees a slot for each.
func (l *lane) drain(n int, qos byte, slots chan struct{}) error {
	for range n {
		if l.in.Buffered() == 0 {
			if err := l.out.Flush(); err != nil {
				return err
			}
		}
		first, body, err := l.in.Next()
		if err != nil {
			return err
		}
		if qos > 0 {
			var p wire.Publish
			if err := p.Decode(wire.V5, first, body); err != nil {
				return err
			}
			a := wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID}
			ack, err := a.Append(l.out.AvailableBuffer(), wire.V5)
			if err != nil {
				return err
			}
			if _, err := l.out.Write(ack); err != nil {
				return err
			}
		}
		<-slots
	}

	return l.out.Flush()
}

func (l *lane) drainAcks(n int) error {
	for range n {
		if _, _, err := l.in.Next(); err != nil {
			return err
		}
	}

	return nil
}
