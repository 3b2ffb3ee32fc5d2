package main

import (
	"bufio"
	"encoding/binary"
	"net"

	"github.com/mqx-cli/mqx/internal/wire"
)

// payloadSize is that of all messages, and benchTopic their topic.
const (
	payloadSize = 64
	benchTopic  = "bench/t"
)

// lane is a client that costs as little as possible.
type lane struct {
	conn net.Conn
	in   *wire.Reader
	out  *bufio.Writer
}

// dial connects as id.
func dial(addr, id string) (*lane, error) {
	conn, err := net.Dial("tcp", addr) //nolint:noctx // loopback answers at once
	if err != nil {
		return nil, err
	}
	l := &lane{conn: conn, in: wire.NewReader(conn, 0), out: bufio.NewWriterSize(conn, 64<<10)}
	return l, l.request(&wire.Connect{Version: wire.V5, ClientID: id, CleanStart: true})
}

// request sends a packet and waits for any answer.
func (l *lane) request(p wire.Packet) error {
	packet, err := p.Append(nil, wire.V5)
	if err != nil {
		return err
	}
	if _, err := l.conn.Write(packet); err != nil {
		return err
	}
	_, _, err = l.in.Next()
	return err
}

func (l *lane) subscribe(filter string, qos byte) error {
	return l.request(&wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: filter, QoS: qos}}})
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
			if err := l.acknowledge(first, body); err != nil {
				return err
			}
		}
		if slots != nil {
			<-slots
		}
	}
	return l.out.Flush()
}

func (l *lane) acknowledge(first byte, body []byte) error {
	var p wire.Publish
	if err := p.Decode(wire.V5, first, body); err != nil {
		return err
	}
	a := wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID}
	ack, err := a.Append(l.out.AvailableBuffer(), wire.V5)
	if err != nil {
		return err
	}
	_, err = l.out.Write(ack)
	return err
}

// drainAcks receives n packets.
func (l *lane) drainAcks(n int) error {
	for range n {
		if _, _, err := l.in.Next(); err != nil {
			return err
		}
	}
	return nil
}

// publish sends n messages, each when there is a free slot.
func (l *lane) publish(n int, qos byte, slots chan struct{}) error {
	packet, err := (&wire.Publish{Topic: benchTopic, QoS: qos, PacketID: uint16(qos), Payload: make([]byte, payloadSize)}).Append(nil, wire.V5)
	if err != nil {
		return err
	}
	id := 2 + 2 + len(benchTopic) // where the Packet Identifier stands
	for i := range n {
		select {
		case slots <- struct{}{}:
		default:
			if err := l.out.Flush(); err != nil {
				return err
			}
			slots <- struct{}{}
		}
		if qos > 0 {
			binary.BigEndian.PutUint16(packet[id:], uint16(i%cap(slots))+1)
		}
		if _, err := l.out.Write(packet); err != nil {
			return err
		}
	}
	return l.out.Flush()
}
