package client_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// answers answers every packet but PUBLISH; PINGREQ only when pings says so.
func answers(p *peer, pings bool) {
	for q := p.read(); q != nil; q = p.read() {
		if _, ok := q.(*wire.Pingreq); ok && pings {
			p.send(&wire.Pingresp{})
		}
	}
}

func TestServerThatAcknowledgesNothingIsGivenUp(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, client.Options{AckTimeout: 30 * time.Second, Dial: overPipe(t, func(p *peer) {
				p.accept(&wire.Connack{})
				answers(p, true)
			})})
			began := time.Now()
			err := s.Publish(t.Context(), text("t", "x", qos))
			if !errors.Is(err, client.ErrUnacknowledged) || !errors.Is(err, client.ErrConnectionLost) {
				t.Errorf("QoS %d: %v", qos, err)
			}
			if took := time.Since(began); took < 30*time.Second || took > 40*time.Second {
				t.Errorf("QoS %d: after %v", qos, took)
			}
		})
	}
}

// Nobody is given up while acknowledgements come, if slowly, or while nothing waits for one.
func TestServerThatAcknowledgesSlowlyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, client.Options{AckTimeout: 30 * time.Second, Dial: overPipe(t, func(p *peer) {
			p.accept(&wire.Connack{})
			var ids []uint16
			for len(ids) < 5 {
				ids = append(ids, want[*wire.Publish](p).PacketID)
			}
			for _, id := range ids {
				<-time.After(14 * time.Second)
				p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: id})
			}
			answers(p, true)
		})})
		for range 5 {
			if err := s.PublishAsync(t.Context(), text("t", "x", 1), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		advance(time.Hour)
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	})
}

// A Server that does not answer a PINGREQ either may not have read the message yet: that is for the Keep Alive to judge.
func TestServerThatHasNotReadTheMessageIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, client.Options{AckTimeout: 30 * time.Second, Dial: overPipe(t, func(p *peer) {
			p.accept(&wire.Connack{})
			id := want[*wire.Publish](p).PacketID
			<-time.After(5 * time.Minute) // the link is that slow
			p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: id})
			answers(p, false)
		})})
		if err := s.Publish(t.Context(), text("t", "x", 1)); err != nil {
			t.Error(err)
		}
	})
}

// The answer to an earlier PINGREQ, which a bad link has held up, says nothing about the message behind it.
func TestAnswerToAnEarlierPingIsNoSignThatTheMessageWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, client.Options{KeepAlive: 20, AckTimeout: 30 * time.Second, Dial: overPipe(t, func(p *peer) {
			p.accept(&wire.Connack{})
			want[*wire.Pingreq](p)
			id := want[*wire.Publish](p).PacketID
			<-time.After(17 * time.Second)
			p.send(&wire.Pingresp{})
			<-time.After(25 * time.Second) // and the message takes that much longer
			p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: id})
			answers(p, true)
		})})
		advance(21 * time.Second) // the first PINGREQ is on its way
		if err := s.Publish(t.Context(), text("t", "x", 1)); err != nil {
			t.Error(err)
		}
	})
}

// Connections on which nothing is acknowledged count as attempts that have failed.
func TestAttemptsToHaveAMessageAcknowledgedEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := func(p *peer) {
			p.accept(&wire.Connack{})
			answers(p, true)
		}
		s := open(t, client.Options{
			AckTimeout: 30 * time.Second, Retry: client.Retry{Reconnect: 2},
			Dial: scripts(t, deaf, deaf, deaf, deaf, deaf),
		})
		began := time.Now()
		err := s.Publish(t.Context(), text("t", "x", 1))
		if _, ok := errors.AsType[*client.GaveUpError](err); !ok || !errors.Is(err, client.ErrUnacknowledged) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took < 90*time.Second || took > 2*time.Minute {
			t.Errorf("after %v", took)
		}
	})
}
