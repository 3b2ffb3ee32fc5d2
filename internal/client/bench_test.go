package client_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// serve runs one Server connection on loopback for a benchmark and opens a Session to it.
func serve(b *testing.B, script func(net.Conn, *wire.Reader)) *client.Session {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := wire.NewReader(c, 0)
		if _, _, err := r.Next(); err != nil {
			return
		}
		ca, _ := (&wire.Connack{}).Append(nil, wire.V5)
		if _, err := c.Write(ca); err == nil {
			script(c, r)
		}
	}()
	s, err := client.Open(b.Context(), client.Options{Dial: (&tcpDialer{l.Addr().String()}).dial})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		s.Abandon()
		l.Close()
		<-done
	})
	return s
}

// sink takes everything and acknowledges QoS 1, many at a time.
func sink(c net.Conn, r *wire.Reader) {
	var out []byte
	var p wire.Publish
	for {
		first, body, err := r.Next()
		if err != nil {
			return
		}
		if wire.Type(first>>4) == wire.PUBLISH && p.Decode(wire.V5, first, body) == nil && p.QoS == 1 {
			out, _ = (&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID}).Append(out, wire.V5)
		}
		if len(out) > 0 && r.Buffered() == 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	payload := make([]byte, 64)
	for _, qos := range []byte{0, 1} {
		b.Run(fmt.Sprintf("QoS%d", qos), func(b *testing.B) {
			s := serve(b, sink)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.PublishAsync(b.Context(), message.Message{Topic: "bench/t", Payload: payload, QoS: qos}, nil); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Drain(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.Run("QoS1Window1", func(b *testing.B) {
		s := serve(b, sink)
		for b.Loop() {
			if err := s.Publish(b.Context(), message.Message{Topic: "bench/t", Payload: payload, QoS: 1}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReceive(b *testing.B) {
	for _, qos := range []byte{0, 1} {
		b.Run(fmt.Sprintf("QoS%d", qos), func(b *testing.B) {
			s := serve(b, blaster(qos))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Recv(b.Context()); err != nil {
					b.Fatal(err)
				}
				if s.Ready() == 0 {
					s.AckReceived()
				}
			}
		})
	}
}

// blaster sends for ever, at QoS 1 as the acknowledgements allow.
func blaster(qos byte) func(net.Conn, *wire.Reader) {
	return func(c net.Conn, r *wire.Reader) {
		const lot = 1000
		var out []byte
		for i := range lot {
			p := wire.Publish{Topic: "bench/t", Payload: make([]byte, 64), QoS: qos}
			if qos > 0 {
				p.PacketID = uint16(i + 1)
			}
			out, _ = p.Append(out, wire.V5)
		}
		for {
			if _, err := c.Write(out); err != nil {
				return
			}
			for i := 0; qos > 0 && i < lot; i++ {
				if _, _, err := r.Next(); err != nil {
					return
				}
			}
		}
	}
}

type tcpDialer struct{ addr string }

func (d *tcpDialer) dial(ctx context.Context) (net.Conn, error) {
	var n net.Dialer
	return n.DialContext(ctx, "tcp", d.addr)
}
