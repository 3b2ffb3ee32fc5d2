package boltstore_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/boltstore"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// alone is a Store without group commit: each message has a transaction of its own.
type alone struct{ *boltstore.Store }

// Queue notes and waits.
func (s alone) Queue(clientID string, d broker.StoredDelivery) {
	s.Store.Queue(clientID, d)
	_ = s.Sync() // the broker asks again
}

// BenchmarkAcknowledged measures QoS 1 messages of 64 bytes that are acknowledged to a publisher with so many under way.
// They are queued for a Session whose client is away.
func BenchmarkAcknowledged(b *testing.B) {
	for _, window := range []int{1, 100, 1000} {
		for _, kind := range []string{"memory", "group", "alone"} {
			b.Run(fmt.Sprintf("window=%d/store=%s", window, kind), func(b *testing.B) {
				config := broker.Config{MaxQueuedMessages: 1 << 30, MaxQueuedBytes: 1 << 40}
				switch kind {
				case "group":
					config.Store = opened(b, b.TempDir())
				case "alone":
					config.Store = alone{opened(b, b.TempDir())}
				}
				benchmarkAcknowledged(b, brokertest.Start(b, config).Addr, window)
			})
		}
	}
}

func benchmarkAcknowledged(b *testing.B, addr string, window int) {
	b.Helper()
	away := (&wire.Properties{SessionExpiryInterval: 3600}).Set(wire.PropSessionExpiryInterval)
	sub := connect(b, addr, &wire.Connect{Version: wire.V5, ClientID: "sub", Properties: away})
	sub.send(b, &wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "t", QoS: 1}}})
	sub.await(b)
	sub.conn.Close()
	pub := connect(b, addr, &wire.Connect{Version: wire.V5, ClientID: "pub"})
	packet, err := (&wire.Publish{Topic: "t", QoS: 1, PacketID: 1, Payload: make([]byte, 64)}).Append(nil, wire.V5)
	if err != nil {
		b.Fatal(err)
	}
	slots, done := make(chan struct{}, window), make(chan error, 1)
	b.ResetTimer()
	go func() {
		for range b.N {
			if _, _, err := pub.in.Next(); err != nil {
				done <- err

				return
			}
			<-slots
		}
		done <- nil
	}()
	for n := range b.N {
		select {
		case slots <- struct{}{}:
		default:
			pub.flush(b)
			slots <- struct{}{}
		}
		binary.BigEndian.PutUint16(packet[5:], uint16(n%window)+1)
		if _, err := pub.out.Write(packet); err != nil {
			b.Fatal(err)
		}
	}
	pub.flush(b)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// peer is a client that costs little.
type peer struct {
	conn net.Conn
	in   *wire.Reader
	out  *bufio.Writer
}

func connect(tb testing.TB, addr string, p *wire.Connect) *peer {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	c := &peer{conn: conn, in: wire.NewReader(conn, 0), out: bufio.NewWriter(conn)}
	c.send(tb, p)
	c.await(tb)

	return c
}

func (c *peer) send(tb testing.TB, p wire.Packet) {
	tb.Helper()
	packet, err := p.Append(nil, wire.V5)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := c.conn.Write(packet); err != nil {
		tb.Fatal(err)
	}
}

// await takes the next packet.
func (c *peer) await(tb testing.TB) {
	tb.Helper()
	if _, _, err := c.in.Next(); err != nil {
		tb.Fatal(err)
	}
}

func (c *peer) flush(tb testing.TB) {
	tb.Helper()
	if err := c.out.Flush(); err != nil {
		tb.Fatal(err)
	}
}
