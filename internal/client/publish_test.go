package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestPublishCompletesWithTheHandshakeOfItsQoS(t *testing.T) {
	got := make(chan wire.Publish, 3)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		got <- *want[*wire.Publish](p)
		pub := want[*wire.Publish](p)
		got <- *pub
		p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: pub.PacketID, Code: wire.NoMatchingSubscribers})
		pub = want[*wire.Publish](p)
		got <- *pub
		p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: pub.PacketID})
		rel := want[*wire.Ack](p)
		if rel.Kind != wire.PUBREL || rel.PacketID != pub.PacketID {
			t.Errorf("got %+v, want the PUBREL of %d", rel, pub.PacketID)
		}
		p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: pub.PacketID})
		if _, ok := p.read().(*wire.Disconnect); !ok {
			t.Error("no DISCONNECT at the end")
		}
	})})
	for qos := range byte(3) {
		m := text("a/b", fmt.Sprint(qos), qos)
		m.Retain = qos == 1
		if err := s.Publish(t.Context(), m); err != nil {
			t.Errorf("QoS %d: %v", qos, err)
		}
		p := <-got
		if p.Topic != "a/b" || string(p.Payload) != fmt.Sprint(qos) || p.QoS != qos || p.Retain != m.Retain || p.Dup {
			t.Errorf("QoS %d: the server got %+v", qos, p)
		}
	}
	if n := s.Unacknowledged(); n != 0 {
		t.Errorf("Unacknowledged() = %d, want 0", n)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRefusedPublishIsAnError(t *testing.T) {
	reason := (&wire.Properties{ReasonString: "read only"}).Set(wire.PropReasonString)
	for _, tt := range []struct {
		name string
		qos  byte
		kind wire.Type
	}{{"PUBACK", 1, wire.PUBACK}, {"PUBREC", 2, wire.PUBREC}} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
				p.accept(&wire.Connack{})
				pub := want[*wire.Publish](p)
				p.send(&wire.Ack{Kind: tt.kind, PacketID: pub.PacketID, Code: wire.NotAuthorized, Properties: reason})
				p.drain()
			})})
			err := s.Publish(t.Context(), text("secret", "x", tt.qos))
			var refused *client.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a RefusedError", err)
			}
			const want = `PUBLISH "secret" refused: Not authorized (0x87): "read only"`
			if err.Error() != want || refused.Code != wire.NotAuthorized || refused.Topic != "secret" {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestLostConnectionEndsOpenPublishesAtOnce(t *testing.T) {
	const n = 5
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		for range n {
			want[*wire.Publish](p)
		}
	})})
	results := make(chan client.Result, n)
	for i := range n {
		if err := s.PublishAsync(t.Context(), text("a", "x", byte(1+i%2)), func(r client.Result) { results <- r }); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		if r := <-results; !errors.Is(r.Err, client.ErrConnectionLost) {
			t.Errorf("got %v, want ErrConnectionLost", r.Err)
		}
	}
	<-s.Done()
	if !errors.Is(s.Err(), client.ErrConnectionLost) {
		t.Errorf("Err() = %v", s.Err())
	}
	if got := s.Unacknowledged(); got != n {
		t.Errorf("Unacknowledged() = %d, want %d", got, n)
	}
	if err := s.Drain(t.Context()); !errors.Is(err, client.ErrConnectionLost) {
		t.Errorf("Drain: %v", err)
	}
	if err := s.Publish(t.Context(), text("a", "x", 1)); !errors.Is(err, client.ErrConnectionLost) {
		t.Errorf("Publish afterwards: %v", err)
	}
}

// A PUBREC that meets a disconnect crashes the client engine's own session.
func TestPubrecDuringDisconnectDoesNoHarm(t *testing.T) {
	const rounds, messages = 50, 20
	for range rounds {
		s, err := client.Open(t.Context(), client.Options{Dial: overTCP(t, func(p *peer) {
			p.accept(&wire.Connack{})
			for {
				switch q := p.read().(type) {
				case *wire.Publish:
					p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: q.PacketID})
				case nil:
					return
				}
			}
		})})
		if err != nil {
			t.Fatal(err)
		}
		for range messages {
			if err := s.PublishAsync(t.Context(), text("a", "x", 2), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Closing a socket with unread input resets the connection, which destroys what is on its way. Few messages many times: Close
// does not wait longer than three seconds, and for many a busy machine may take that.
func TestNothingPublishedIsLostOnCloseWithUnreadInput(t *testing.T) {
	const rounds, n = 15, 3_000
	flood := make([]wire.Packet, 20_000) // more than may wait for a consumer: reading stands still when Close comes
	for i := range flood {
		flood[i] = &wire.Publish{Topic: "a"}
	}
	for range rounds {
		got := 0
		end := make(chan struct{})
		s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
			defer close(end)
			p.accept(&wire.Connack{})
			p.send(flood...)
			flood = nil // once is enough
			for {
				switch q := p.read().(type) {
				case *wire.Publish:
					got++
					p.send(&wire.Publish{Topic: q.Topic, Payload: q.Payload}) // which the client never takes
				case *wire.Disconnect, nil:
					return
				}
			}
		})})
		for i := range n {
			if err := s.PublishAsync(t.Context(), text("a", fmt.Sprint(i), 0), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-end
		if got != n {
			t.Fatalf("the server got %d of %d messages", got, n)
		}
	}
}

// A caller that counts refusals in done must have counted them all when Drain returns.
func TestDrainReturnsAfterTheLastDone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(*peer, *wire.Publish)
	}{
		{"refused", func(p *peer, pub *wire.Publish) {
			p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: pub.PacketID, Code: wire.NotAuthorized})
			p.drain()
		}},
		{"lost", func(*peer, *wire.Publish) {}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, client.Options{Dial: overPipe(t, func(p *peer) {
				p.accept(&wire.Connack{})
				tt.answer(p, want[*wire.Publish](p))
			})})
			var ended atomic.Bool
			err := s.PublishAsync(t.Context(), text("a", "x", 1), func(client.Result) {
				<-time.After(time.Second) // on the fake clock
				ended.Store(true)
			})
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Drain(t.Context())
			if !ended.Load() {
				t.Errorf("%s: Drain returned before done", tt.name)
			}
		})
	}
}

func TestServersReceiveMaximumIsNeverExceeded(t *testing.T) {
	const limit, n = 3, 500
	ca := &wire.Connack{Properties: (&wire.Properties{ReceiveMaximum: limit}).Set(wire.PropReceiveMaximum)}
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(ca)
		var ids []uint16
		for seen := 0; seen < n; {
			pub := want[*wire.Publish](p)
			if pub == nil {
				return
			}
			seen++
			if ids = append(ids, pub.PacketID); len(ids) > limit {
				t.Errorf("%d messages in flight, want at most %d", len(ids), limit)
			}
			// Acknowledge only when the client cannot go on, or is at its end.
			if len(ids) == limit || seen == n {
				for _, id := range ids {
					p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: id})
				}
				ids = ids[:0]
			}
		}
		p.drain()
	})})
	var done atomic.Int64
	for range n {
		if err := s.PublishAsync(t.Context(), text("a", "x", 1), func(client.Result) { done.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done.Load() != n {
		t.Errorf("%d of %d messages ended", done.Load(), n)
	}
}

// Below MQTT 5 a Server cannot say what it takes, and Mosquitto drops what is too much in silence.
func TestFewQoS2MessagesAreOpenWhereTheServerCannotSayHowMany(t *testing.T) {
	for _, tt := range []struct{ given, want int }{{0, 20}, {50, 50}} {
		synctest.Test(t, func(t *testing.T) {
			open2 := 0
			s := open(t, client.Options{Version: wire.V311, MaxInflight: tt.given, Dial: overPipe(t, func(p *peer) {
				p.accept(&wire.Connack{})
				for p.read() != nil {
					open2++
				}
			})})
			go func() {
				for s.PublishAsync(t.Context(), text("a", "x", 2), nil) == nil {
				}
			}()
			advance(time.Minute)
			if open2 != tt.want {
				t.Errorf("MaxInflight %d: %d messages are open, want %d", tt.given, open2, tt.want)
			}
			s.Abandon()
		})
	}
}

func TestLimitsOfConnackAreHeldBeforeSending(t *testing.T) {
	props := &wire.Properties{MaximumPacketSize: 100, MaximumQoS: 1}
	props.Set(wire.PropMaximumPacketSize, wire.PropMaximumQoS, wire.PropRetainAvailable)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{Properties: props})
		if pub := want[*wire.Publish](p); pub != nil && len(pub.Payload) != 94 {
			t.Errorf("got a payload of %d bytes", len(pub.Payload))
		}
		p.drain()
	})})
	tests := []struct {
		name string
		m    message.Message
		code wire.ReasonCode
	}{
		{"packet of 101 bytes", message.Message{Topic: "a", Payload: make([]byte, 93), QoS: 1}, wire.PacketTooLarge},
		{"retained", message.Message{Topic: "a", Retain: true}, wire.RetainNotSupported},
		{"QoS 2", message.Message{Topic: "a", QoS: 2}, wire.QoSNotSupported},
		{"packet of 100 bytes", message.Message{Topic: "a", Payload: make([]byte, 94), QoS: 0}, 0},
	}
	for _, tt := range tests {
		err := s.Publish(t.Context(), tt.m)
		var refused *client.RefusedError
		if tt.code == 0 && err != nil || tt.code != 0 && (!errors.As(err, &refused) || refused.Code != tt.code) {
			t.Errorf("%s: got %v, want code %v", tt.name, err, tt.code)
		}
	}
}

func TestPublishWaitsOnlyAsLongAsItsContext(t *testing.T) {
	ca := &wire.Connack{Properties: (&wire.Properties{ReceiveMaximum: 1}).Set(wire.PropReceiveMaximum)}
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(ca)
		p.drain()
	})})
	if err := s.PublishAsync(t.Context(), text("a", "x", 1), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Publish(ctx, text("a", "y", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if n := s.Unacknowledged(); n != 1 {
		t.Errorf("Unacknowledged() = %d, want 1", n)
	}
}

func TestUnknownAcknowledgementsAreAnsweredOrIgnored(t *testing.T) {
	answered := make(chan *wire.Ack, 1)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		p.send(
			&wire.Ack{Kind: wire.PUBACK, PacketID: 7},
			&wire.Ack{Kind: wire.PUBCOMP, PacketID: 8},
			&wire.Ack{Kind: wire.PUBREC, PacketID: 9, Code: wire.NotAuthorized},
			&wire.Ack{Kind: wire.PUBREC, PacketID: 10},
		)
		answered <- want[*wire.Ack](p)
		p.drain()
	})})
	if a := <-answered; a.Kind != wire.PUBREL || a.PacketID != 10 || a.Code != wire.PacketIdentifierNotFound {
		t.Errorf("got %+v, want PUBREL 10 with Packet Identifier not found", a)
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}
