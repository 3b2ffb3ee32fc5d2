package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/wire"
)

// peer is what stands in a broker's place so that a client is what is measured: a sink that takes messages and acknowledges
// them, and a blaster that sends messages to whoever subscribes, as fast as they are read.
type peer struct {
	addr    string
	blast   int // messages for each subscriber, 0: none
	records atomic.Int64
	got     chan int // for each connection, how many messages came

	listener net.Listener
	work     sync.WaitGroup
}

// listen starts a peer. With encryption conf is not nil.
func listen(blast int, conf *tls.Config) (*peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		return nil, err
	}
	p := &peer{addr: l.Addr().String(), blast: blast, got: make(chan int, 1), listener: l}
	p.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.work.Go(func() { p.serve(conn, conf) })
		}
	})
	return p, nil
}

func (p *peer) close() {
	p.listener.Close()
	p.work.Wait()
}

func (p *peer) port() string {
	_, port, _ := net.SplitHostPort(p.addr)
	return port
}

// serve handles one connection and tells how many messages it has brought.
func (p *peer) serve(conn net.Conn, conf *tls.Config) {
	defer conn.Close()
	if conf != nil {
		conn = tls.Server(&recordCounter{Conn: conn, n: &p.records}, conf)
	}
	c := &visitor{peer: p, in: wire.NewReader(conn, 0), out: bufio.NewWriterSize(conn, 64<<10)}
	if err := c.talk(); err == nil {
		_ = c.out.Flush() // the client has left
	}
	p.got <- c.messages
}

// visitor is a client of a peer.
type visitor struct {
	peer     *peer
	in       *wire.Reader
	out      *bufio.Writer
	version  wire.Version
	messages int
}

// talk answers packets until DISCONNECT.
func (c *visitor) talk() error {
	for {
		if c.in.Buffered() == 0 {
			if err := c.out.Flush(); err != nil {
				return err
			}
		}
		first, body, err := c.in.Next()
		if err != nil {
			return err
		}
		switch wire.Type(first >> 4) {
		case wire.PUBLISH:
			err = c.take(first, body)
		case wire.DISCONNECT:
			return nil
		default:
			err = c.answer(first, body)
		}
		if err != nil {
			return err
		}
	}
}

// take counts a message and acknowledges it.
func (c *visitor) take(first byte, body []byte) error {
	c.messages++
	if first&0x06 == 0 {
		return nil
	}
	var p wire.Publish
	if err := p.Decode(c.version, first, body); err != nil {
		return err
	}
	return c.write(&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID})
}

func (c *visitor) answer(first byte, body []byte) error {
	packet, err := wire.Decode(c.version, first, body)
	if err != nil {
		return err
	}
	switch p := packet.(type) {
	case *wire.Connect:
		c.version = p.Version
		return c.write(&wire.Connack{})
	case *wire.Subscribe:
		if err := c.write(&wire.Suback{PacketID: p.PacketID, Codes: make([]wire.ReasonCode, len(p.Subscriptions))}); err != nil {
			return err
		}
		return c.blast()
	case *wire.Unsubscribe:
		return c.write(&wire.Unsuback{PacketID: p.PacketID, Codes: make([]wire.ReasonCode, len(p.Filters))})
	case *wire.Pingreq:
		return c.write(&wire.Pingresp{})
	default:
		return fmt.Errorf("unexpected %s", packet.Type())
	}
}

func (c *visitor) write(p wire.Packet) error {
	packet, err := p.Append(c.out.AvailableBuffer(), c.version)
	if err != nil {
		return err
	}
	_, err = c.out.Write(packet)
	return err
}

// blast sends the messages. The client may leave when it has enough.
func (c *visitor) blast() error {
	packet, err := (&wire.Publish{Topic: benchTopic, Payload: []byte(text())}).Append(nil, c.version)
	if err != nil {
		return err
	}
	for range c.peer.blast {
		if _, err := c.out.Write(packet); err != nil {
			return err
		}
	}
	return c.out.Flush()
}

// recordCounter counts the TLS records that are read from a connection, by their headers.
type recordCounter struct {
	net.Conn

	n    *atomic.Int64
	head []byte
	left int
}

// Read reads and counts.
func (r *recordCounter) Read(p []byte) (int, error) {
	const header = 5
	n, err := r.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if r.left > 0 {
			skip := min(r.left, len(b))
			r.left -= skip
			b = b[skip:]
			continue
		}
		take := min(header-len(r.head), len(b))
		r.head = append(r.head, b[:take]...)
		b = b[take:]
		if len(r.head) == header {
			r.left = int(r.head[3])<<8 | int(r.head[4])
			r.head = r.head[:0]
			r.n.Add(1)
		}
	}
	return n, err
}

// received waits for the end of a connection on which n messages had to come.
func (p *peer) received(n int) error {
	if got := <-p.got; got != n {
		return fmt.Errorf("%d messages came of %d", got, n)
	}
	return nil
}
