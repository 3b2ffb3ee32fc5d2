package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestSubscribeReturnsEveryReasonCodeAndTheFirstRefusal(t *testing.T) {
	reason := (&wire.Properties{ReasonString: "quota"}).Set(wire.PropReasonString)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		sub := want[*wire.Subscribe](p)
		wantSubs := []wire.Subscription{
			{Filter: "a/#", QoS: 1},
			{Filter: "b", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
		}
		if diff := cmp.Diff(wantSubs, sub.Subscriptions); diff != "" {
			t.Error(diff)
		}
		if !sub.Properties.Has(wire.PropSubscriptionIdentifier) || sub.Properties.SubscriptionIdentifiers[0] != 300 {
			t.Errorf("properties %+v, want Subscription Identifier 300", sub.Properties)
		}
		if diff := cmp.Diff([]wire.UserProperty{{Key: "k", Value: "v"}}, sub.Properties.UserProperties); diff != "" {
			t.Error(diff)
		}
		p.send(&wire.Suback{PacketID: sub.PacketID, Properties: reason, Codes: []wire.ReasonCode{wire.GrantedQoS1, wire.QuotaExceeded}})
		unsub := want[*wire.Unsubscribe](p)
		p.send(&wire.Unsuback{PacketID: unsub.PacketID, Codes: []wire.ReasonCode{wire.NoSubscriptionExisted}})
		p.drain()
	})})
	props := &wire.Properties{SubscriptionIdentifiers: []uint32{300}, UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}}}
	codes, err := s.Subscribe(t.Context(), props,
		wire.Subscription{Filter: "a/#", QoS: 1},
		wire.Subscription{Filter: "b", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2})
	if diff := cmp.Diff([]wire.ReasonCode{wire.GrantedQoS1, wire.QuotaExceeded}, codes); diff != "" {
		t.Error(diff)
	}
	if want := `SUBSCRIBE "b" refused: Quota exceeded (0x97): "quota"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	codes, err = s.Unsubscribe(t.Context(), "a/#")
	if diff := cmp.Diff([]wire.ReasonCode{wire.NoSubscriptionExisted}, codes); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestSubscribeEndsAtOnceWhenTheConnectionIsLost(t *testing.T) {
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		want[*wire.Subscribe](p)
	})})
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a"}); !errors.Is(err, client.ErrConnectionLost) {
		t.Errorf("got %v, want ErrConnectionLost", err)
	}
}

func TestSubscribeDoesNotWaitForAServerThatMakesNoSense(t *testing.T) {
	returned := make(chan struct{})
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		want[*wire.Subscribe](p)
		_, _ = p.c.Write([]byte("\x90\x03\x00\x01\x00")) // SUBACK without a Reason Code; the connection stays open
		// A Subscribe that waited for the Server to close would end with another error, when its patience does.
		<-returned
	})})
	defer close(returned)
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a"}); !errors.Is(err, client.ErrConnectionLost) {
		t.Errorf("got %v, want ErrConnectionLost", err)
	}
}

func TestSubscribeWaitsAsLongAsSomethingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, client.Options{Dial: overPipe(t, func(p *peer) {
			p.accept(&wire.Connack{})
			sub := want[*wire.Subscribe](p)
			for range 5 {
				<-time.After(20 * time.Second)
				p.send(&wire.Publish{Topic: "a"})
			}
			p.send(&wire.Suback{PacketID: sub.PacketID, Codes: []wire.ReasonCode{0}})
			want[*wire.Subscribe](p) // never answered
			p.drain()
		})})
		if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a"}); err != nil {
			t.Errorf("Subscribe behind messages that take 100 s: %v", err)
		}
		start := time.Now()
		_, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "b"})
		if took := time.Since(start); !errors.Is(err, client.ErrNoAnswer) || took > time.Minute {
			t.Errorf("Subscribe without an answer: %v after %v", err, took)
		}
	})
}

func TestMessagesArriveWhole(t *testing.T) {
	props := &wire.Properties{
		ContentType: "text/plain", MessageExpiryInterval: 60,
		UserProperties:          []wire.UserProperty{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}},
		SubscriptionIdentifiers: []uint32{1, 268_435_455},
	}
	props.Set(wire.PropContentType, wire.PropMessageExpiryInterval)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		p.send(&wire.Publish{Topic: "a", Payload: []byte{0, 255}, Retain: true, QoS: 1, PacketID: 5, Dup: true, Properties: props})
		p.drain()
	})})
	before := time.Now()
	m := recv(t, s)
	if m.Topic != "a" || string(m.Payload) != "\x00\xff" || !m.Retain || !m.Dup || m.QoS != 1 || m.PacketID != 5 {
		t.Errorf("got %+v", m)
	}
	if m.Time.After(time.Now()) || m.Time.Before(before.Add(-time.Minute)) {
		t.Errorf("received at %v", m.Time)
	}
	if diff := cmp.Diff(props, m.Properties, cmp.AllowUnexported(wire.Properties{})); diff != "" {
		t.Error(diff)
	}
}

func TestAcknowledgementsWaitForTheConsumerAndKeepTheOrder(t *testing.T) {
	asked := make(chan struct{})
	acks := make(chan wire.Ack, 4)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		p.send(
			&wire.Publish{Topic: "a", QoS: 1, PacketID: 3},
			&wire.Publish{Topic: "a", QoS: 2, PacketID: 2},
			&wire.Publish{Topic: "a", QoS: 1, PacketID: 1},
		)
		// The answer to SUBSCRIBE comes before any acknowledgement: the consumer has taken the messages but not said so.
		sub := want[*wire.Subscribe](p)
		p.send(&wire.Suback{PacketID: sub.PacketID, Codes: []wire.ReasonCode{0}})
		close(asked)
		for range 3 {
			acks <- *want[*wire.Ack](p)
		}
		p.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 2}, &wire.Ack{Kind: wire.PUBREL, PacketID: 2})
		acks <- *want[*wire.Ack](p)
		acks <- *want[*wire.Ack](p)
		p.drain()
	})})
	for range 3 {
		recv(t, s)
	}
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a"}); err != nil {
		t.Fatal(err)
	}
	<-asked
	s.AckReceived()
	for _, want := range []wire.Ack{
		{Kind: wire.PUBACK, PacketID: 3},
		{Kind: wire.PUBREC, PacketID: 2},
		{Kind: wire.PUBACK, PacketID: 1},
		{Kind: wire.PUBCOMP, PacketID: 2},
		{Kind: wire.PUBCOMP, PacketID: 2, Code: wire.PacketIdentifierNotFound},
	} {
		if got := <-acks; got.Kind != want.Kind || got.PacketID != want.PacketID || got.Code != want.Code {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestRepeatedQoS2MessageIsHandedOutOnce(t *testing.T) {
	end := make(chan struct{})
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		defer close(end)
		p.accept(&wire.Connack{})
		pub := &wire.Publish{Topic: "a", Payload: []byte("once"), QoS: 2, PacketID: 9}
		dup := &wire.Publish{Topic: "a", Payload: []byte("once"), QoS: 2, PacketID: 9, Dup: true}
		p.send(pub, dup)
		want[*wire.Ack](p) // the PUBREC, when the consumer has taken it
		p.send(dup)
		if a := want[*wire.Ack](p); a.Kind != wire.PUBREC {
			t.Errorf("got %+v for a repeated PUBLISH, want PUBREC again", a)
		}
		p.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 9})
		want[*wire.Ack](p)
		p.send(&wire.Publish{Topic: "a", Payload: []byte("next"), QoS: 2, PacketID: 9})
		p.drain()
	})})
	if m := recv(t, s); string(m.Payload) != "once" {
		t.Errorf("got %q", m.Payload)
	}
	s.AckReceived()
	if m := recv(t, s); string(m.Payload) != "next" {
		t.Errorf("got %q, want the next message", m.Payload)
	}
	_ = s.Close(t.Context())
	<-end
}

func TestServerThatBreaksTheRulesIsToldWhy(t *testing.T) {
	tests := []struct {
		name  string
		props *wire.Properties
		send  []wire.Packet
		raw   []byte
		want  wire.ReasonCode
	}{
		{
			name:  "a packet above the Maximum Packet Size",
			props: (&wire.Properties{MaximumPacketSize: 20}).Set(wire.PropMaximumPacketSize),
			send:  []wire.Packet{&wire.Publish{Topic: "a", Payload: make([]byte, 20)}},
			want:  wire.PacketTooLarge,
		},
		{
			name: "a Topic Alias that was not allowed",
			send: []wire.Packet{&wire.Publish{Topic: "a", Properties: (&wire.Properties{TopicAlias: 1}).Set(wire.PropTopicAlias)}},
			want: wire.TopicAliasInvalid,
		},
		{name: "a second CONNACK", send: []wire.Packet{&wire.Connack{}}, want: wire.ProtocolError},
		{name: "a packet only clients send", send: []wire.Packet{&wire.Pingreq{}}, want: wire.ProtocolError},
		{name: "a malformed packet", raw: []byte{0x36, 0x00}, want: wire.MalformedPacket},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			told := make(chan wire.Packet, 1)
			s := open(t, client.Options{Properties: tt.props, Dial: overTCP(t, func(p *peer) {
				p.accept(&wire.Connack{})
				p.send(tt.send...)
				_, _ = p.c.Write(tt.raw)
				told <- p.read()
				p.drain()
			})})
			<-s.Done()
			if !errors.Is(s.Err(), client.ErrConnectionLost) {
				t.Errorf("Err() = %v", s.Err())
			}
			if d, ok := (<-told).(*wire.Disconnect); !ok || d.Code != tt.want {
				t.Errorf("the server was told %+v, want DISCONNECT with %v", d, tt.want)
			}
		})
	}
}

func TestAnnouncedTopicAliasesAreResolved(t *testing.T) {
	alias := func(n uint16) *wire.Properties { return (&wire.Properties{TopicAlias: n}).Set(wire.PropTopicAlias) }
	s := open(t, client.Options{
		Properties: (&wire.Properties{TopicAliasMaximum: 2}).Set(wire.PropTopicAliasMaximum),
		Dial: overTCP(t, func(p *peer) {
			p.accept(&wire.Connack{})
			p.send(
				&wire.Publish{Topic: "first", Properties: alias(1)},
				&wire.Publish{Topic: "second", Properties: alias(2)},
				&wire.Publish{Properties: alias(1)},
				&wire.Publish{Topic: "third", Properties: alias(1)},
				&wire.Publish{Properties: alias(1)},
			)
			p.drain()
		}),
	})
	var got []string
	for range 5 {
		got = append(got, recv(t, s).Topic)
	}
	if diff := cmp.Diff([]string{"first", "second", "first", "third", "third"}, got); diff != "" {
		t.Error(diff)
	}
}

// flood sends n QoS 0 messages, then what comes after.
func flood(p *peer, n int, after func()) {
	go func() {
		for i := range n {
			p.send(&wire.Publish{Topic: "a", Payload: fmt.Append(nil, i)})
		}
		after()
	}()
}

// As in the client engine's own dispatch, a consumer that stands still would make PINGRESP unseen and the connection drop.
func TestSlowConsumerKeepsTheConnectionAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100_000
		pings := 0
		s := open(t, client.Options{KeepAlive: 2, Dial: overPipe(t, func(p *peer) {
			p.accept(&wire.Connack{})
			flood(p, n, func() {})
			for q := p.read(); q != nil; q = p.read() {
				if _, ok := q.(*wire.Pingreq); ok {
					pings++ // PINGRESP would have to wait behind the messages
				}
			}
		})})
		advance(10 * time.Minute)
		if err := s.Err(); err != nil {
			t.Fatalf("the connection did not last: %v", err)
		}
		if pings < 250 {
			t.Errorf("%d PINGREQ in 10 minutes at a Keep Alive of 2 s", pings)
		}
		for i := range n {
			if m := recv(t, s); string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Payload)
			}
		}
	})
}

// Mosquitto 2.0 does so.
func TestServerMaySendMoreThanTheReceiveMaximum(t *testing.T) {
	s := open(t, client.Options{
		Properties: (&wire.Properties{ReceiveMaximum: 1}).Set(wire.PropReceiveMaximum),
		Dial: overTCP(t, func(p *peer) {
			p.accept(&wire.Connack{})
			for id := range uint16(10) {
				p.send(&wire.Publish{Topic: "a", QoS: 1 + byte(id%2), PacketID: id + 1})
			}
			p.drain()
		}),
	})
	for range 10 {
		recv(t, s)
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// The acknowledgement that the consumer waits for lies behind more messages than the queue holds.
func TestConsumerMayPublishWhileTheQueueIsFull(t *testing.T) {
	const n = 100_000
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		for i := range n {
			p.send(&wire.Publish{Topic: "a", Payload: fmt.Append(nil, i)})
		}
		pub := want[*wire.Publish](p)
		p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: pub.PacketID})
		p.drain()
	})})
	recv(t, s)
	if err := s.Publish(t.Context(), text("answer", "x", 1)); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < n; i++ {
		if m := recv(t, s); string(m.Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Payload)
		}
	}
}

func TestRecvHandsOutEverythingBeforeTheLoss(t *testing.T) {
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		p.send(&wire.Publish{Topic: "a"}, &wire.Publish{Topic: "b"})
		p.send(&wire.Disconnect{Code: wire.SessionTakenOver})
	})})
	<-s.Done()
	if n := s.Ready(); n != 2 {
		t.Errorf("Ready() = %d, want 2", n)
	}
	recv(t, s)
	recv(t, s)
	_, err := s.Recv(t.Context())
	var d *client.DisconnectedError
	if !errors.As(err, &d) || d.Code != wire.SessionTakenOver || !errors.Is(err, client.ErrConnectionLost) {
		t.Errorf("got %v, want the server's DISCONNECT", err)
	}
}

func TestRecvEndsWithItsContextAndWithClose(t *testing.T) {
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		p.drain()
	})})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Recv(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	ended := make(chan error)
	go func() {
		_, err := s.Recv(t.Context())
		ended <- err
	}()
	_ = s.Close(t.Context())
	if err := <-ended; !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
