package link_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

// handler records what it is given.
type handler struct {
	mu     sync.Mutex
	topics []string
	lost   chan error
}

func newHandler() *handler { return &handler{lost: make(chan error, 1)} }

func (h *handler) HandleConnack(*wire.Connack) error { return nil }
func (h *handler) HandleAuth(*wire.Auth) error       { return nil }
func (h *handler) HandleAck(*wire.Ack) error         { return nil }
func (h *handler) HandleDisconnect(*wire.Disconnect) {}
func (h *handler) Pace()                             {}
func (h *handler) Lost(err error)                    { h.lost <- err }
func (h *handler) HandlePublish(p *wire.Publish, _ time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.topics = append(h.topics, p.Topic)
	return nil
}

// gate is a [net.Conn] whose writes wait until they are let through.
type gate struct {
	net.Conn
	begun  chan struct{} // closed when the first write has begun
	once   sync.Once
	pass   chan error // one for each write: its outcome
	writes [][]byte
}

func (g *gate) Write(p []byte) (int, error) {
	g.once.Do(func() { close(g.begun) })
	if err := <-g.pass; err != nil {
		return 0, err
	}
	g.writes = append(g.writes, bytes.Clone(p))
	return len(p), nil
}

func newGate(t *testing.T) (*gate, *link.Conn, *handler) {
	t.Helper()
	near, far := net.Pipe()
	g := &gate{Conn: near, begun: make(chan struct{}), pass: make(chan error)}
	h := newHandler()
	c := link.NewConn(g, link.Config{Connect: &wire.Connect{Version: wire.V5}, Handler: h})
	t.Cleanup(func() {
		far.Close()
		_ = c.Close()
	})
	return g, c, h
}

func TestPacketsThatWaitGoOutInOneWrite(t *testing.T) {
	g, c, _ := newGate(t)
	for range 100 {
		if err := c.Send(&wire.Pingreq{}); err != nil {
			t.Fatal(err)
		}
	}
	g.pass <- nil // at the latest, the second write takes all that the first did not
	close(g.pass)
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, w := range g.writes {
		sent += len(w)
	}
	if len(g.writes) > 2 || sent != 200 {
		t.Errorf("%d bytes in %d writes, want 200 in at most 2", sent, len(g.writes))
	}
}

func TestRoomHoldsSendersBackUntilTheKernelTakesMore(t *testing.T) {
	g, c, _ := newGate(t)
	big := &wire.Publish{Topic: "a", Payload: make([]byte, 300<<10)}
	if err := c.Send(big); err != nil {
		t.Fatal(err)
	}
	<-g.begun // the first is with the kernel now, the second has to wait
	if err := c.Send(big); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Room(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Room on a full buffer: %v, want it to wait", err)
	}
	close(g.pass)
	if err := c.Room(t.Context()); err != nil {
		t.Errorf("Room: %v", err)
	}
}

func TestFailedWriteIsToldToEverySender(t *testing.T) {
	g, c, _ := newGate(t)
	if err := c.Send(&wire.Pingreq{}); err != nil {
		t.Fatal(err)
	}
	g.pass <- errors.New("no route")
	if err := c.Flush(t.Context()); !errors.Is(err, link.ErrBroken) {
		t.Errorf("Flush: %v, want ErrBroken", err)
	}
	if err := c.Send(&wire.Pingreq{}); !errors.Is(err, link.ErrBroken) {
		t.Errorf("Send: %v, want ErrBroken", err)
	}
}

func TestFailedConnectionRefusesToSend(t *testing.T) {
	_, c, h := newGate(t)
	why := errors.New("why")
	c.Fail(why)
	if err := <-h.lost; !errors.Is(err, why) {
		t.Errorf("Lost(%v), want %v", err, why)
	}
	if err := c.Send(&wire.Pingreq{}); !errors.Is(err, link.ErrBroken) || !errors.Is(err, why) {
		t.Errorf("Send: %v, want ErrBroken and the reason", err)
	}
	if _, err := c.Write([]byte{0xC0, 0}); !errors.Is(err, link.ErrBroken) || !errors.Is(err, why) {
		t.Errorf("Write: %v, want ErrBroken and the reason", err)
	}
	<-c.Lost()
	if !errors.Is(c.Err(), why) {
		t.Errorf("Err() = %v", c.Err())
	}
}

func TestMessagesPassTheEngineBy(t *testing.T) {
	near, far := net.Pipe()
	h := newHandler()
	c := link.NewConn(near, link.Config{Connect: &wire.Connect{Version: wire.V311}, Handler: h})
	defer c.Close()
	var stream []byte
	for _, p := range []wire.Packet{
		&wire.Connack{}, &wire.Publish{Topic: "a"}, &wire.Publish{Topic: "b"},
		&wire.Suback{PacketID: 1, Codes: []wire.ReasonCode{0}}, &wire.Pingresp{},
	} {
		stream, _ = p.Append(stream, wire.V311)
	}
	go func() {
		_, _ = far.Write(stream)
		far.Close()
	}()
	got, err := io.ReadAll(c)
	if !errors.Is(err, link.ErrClosedByServer) {
		t.Errorf("the stream ended with %v", err)
	}
	// As MQTT 5 has them: CONNACK and SUBACK with a property length.
	want := []byte{0x20, 3, 0, 0, 0, 0x90, 4, 0, 1, 0, 0, 0xD0, 0}
	if !bytes.Equal(got, want) {
		t.Errorf("the engine got % x, want % x", got, want)
	}
	if len(h.topics) != 2 || h.topics[0] != "a" || h.topics[1] != "b" {
		t.Errorf("the handler got %q", h.topics)
	}
	if at := c.LastReceived(); at.IsZero() || time.Since(at) > time.Minute {
		t.Errorf("LastReceived() = %v", at)
	}
}
