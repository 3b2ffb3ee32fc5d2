package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// errRefusedDial is a Server that is not there.
var errRefusedDial = errors.New("connection refused")

// scripts returns a Dial in memory that runs one script for each connection; a nil script is a Server that is not there, and
// so is every connection after the last script.
func scripts(t *testing.T, each ...func(*peer)) func(context.Context) (net.Conn, error) {
	t.Helper()
	next := 0
	return func(ctx context.Context) (net.Conn, error) {
		if next >= len(each) || each[next] == nil {
			next++
			return nil, errRefusedDial
		}
		script := each[next]
		next++
		return overPipe(t, script)(ctx)
	}
}

// lives accepts the connection and ends it after a time.
func lives(d time.Duration) func(*peer) {
	return func(p *peer) {
		p.accept(&wire.Connack{})
		go p.drain()
		<-time.After(d)
	}
}

// stays accepts the connection and answers PINGREQ until the client has gone.
func stays(ca *wire.Connack, also ...func(*peer)) func(*peer) {
	return func(p *peer) {
		p.accept(ca)
		for _, f := range also {
			f(p)
		}
		for q := p.read(); q != nil; q = p.read() {
			if _, ok := q.(*wire.Pingreq); ok {
				p.send(&wire.Pingresp{})
			}
		}
	}
}

// outages collects what is reported.
type outages []client.Outage

func (o *outages) retry(n int) client.Retry {
	return client.Retry{Reconnect: n, Report: func(out client.Outage) { *o = append(*o, out) }}
}

func TestLostConnectionIsReplacedAndTheGapReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen outages
		s := open(t, client.Options{
			Retry: seen.retry(client.Forever),
			Dial:  scripts(t, lives(time.Minute), nil, nil, stays(&wire.Connack{})),
		})
		lostAt := time.Now().Add(time.Minute)
		advance(2 * time.Minute)
		if err := s.Err(); err != nil {
			t.Fatalf("Err() = %v", err)
		}
		last := seen[len(seen)-1]
		if len(seen) != 4 || seen[0].Attempts != 0 || !errors.Is(seen[0].Cause, client.ErrConnectionLost) ||
			!errors.Is(seen[1].Err, errRefusedDial) || seen[2].Attempts != 2 {
			t.Errorf("reported %+v", seen)
		}
		if !last.LostAt.Equal(lostAt) || last.Attempts != 3 || last.SessionPresent || last.BackAt.Sub(last.LostAt) > 2*time.Second {
			t.Errorf("reported in the end %+v", last)
		}
	})
}

func TestWaitsDoubleUpToTheLongestWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen outages
		retry := seen.retry(10)
		retry.MaxWait = 4 * time.Second
		s := open(t, client.Options{Retry: retry, Dial: scripts(t, lives(time.Minute))})
		<-s.Done()
		var gaveUp *client.GaveUpError
		if err := s.Err(); !errors.As(err, &gaveUp) || gaveUp.Attempts != 10 || !errors.Is(err, client.ErrConnectionLost) || !errors.Is(err, errRefusedDial) {
			t.Errorf("Err() = %v", s.Err())
		}
		whole := 250 * time.Millisecond
		for i, o := range seen {
			if o.Wait < whole/2 || o.Wait > whole {
				t.Errorf("wait %d is %v, want from %v to %v", i, o.Wait, whole/2, whole)
			}
			whole = min(2*whole, 4*time.Second)
		}
		if len(seen) != 10 {
			t.Errorf("%d waits, want 10", len(seen))
		}
	})
}

// A Server that accepts and hangs up at once must not be hammered.
func TestConnectionThatDoesNotLastCountsAsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen outages
		each := []func(*peer){lives(time.Minute)}
		for range 20 {
			each = append(each, lives(0))
		}
		s := open(t, client.Options{Retry: seen.retry(5), Dial: scripts(t, each...)})
		start := time.Now()
		<-s.Done()
		var gaveUp *client.GaveUpError
		if !errors.As(s.Err(), &gaveUp) || gaveUp.Attempts != 5 {
			t.Errorf("Err() = %v, want to give up after 5 attempts", s.Err())
		}
		if took := time.Since(start) - time.Minute; took < 3*time.Second {
			t.Errorf("5 attempts within %v", took)
		}
	})
}

func TestWhatAnotherAttemptCannotMendStops(t *testing.T) {
	refuses := func(code wire.ReasonCode) func(*peer) {
		return func(p *peer) { p.accept(&wire.Connack{Code: code}) }
	}
	says := func(code wire.ReasonCode) func(*peer) {
		return func(p *peer) {
			p.accept(&wire.Connack{})
			<-time.After(time.Minute)
			p.send(&wire.Disconnect{Code: code})
			p.drain()
		}
	}
	tests := []struct {
		name   string
		second func(*peer)
		stops  bool
	}{
		{"bad password", refuses(wire.BadUserNameOrPassword), true},
		{"not authorised", refuses(wire.NotAuthorized), true},
		{"banned", refuses(wire.Banned), true},
		{"bad client id", refuses(wire.ClientIdentifierNotValid), true},
		{"not MQTT", func(p *peer) { p.read(); _, _ = p.c.Write([]byte("HTTP/1.1 400\r\n")) }, true},
		{"taken over", says(wire.SessionTakenOver), true},
		{"protocol error", says(wire.ProtocolError), true},
		{"busy", refuses(wire.ServerBusy), false},
		{"unavailable", refuses(wire.ServerUnavailable), false},
		{"shutting down", says(wire.ServerShuttingDown), false},
		{"no CONNACK", func(p *peer) { p.drain() }, false},
		{"hangs up", func(*peer) {}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen outages
				s := open(t, client.Options{
					Version: wire.V5, Retry: seen.retry(client.Forever),
					Dial: scripts(t, lives(time.Minute), tt.second, stays(&wire.Connack{})),
				})
				advance(5 * time.Minute)
				if stopped := s.Err() != nil; stopped != tt.stops {
					t.Errorf("Err() = %v, want an end: %v", s.Err(), tt.stops)
				}
			})
		})
	}
}

func TestRefusalEndsTheAttemptsWhereItIsToBeTheEnd(t *testing.T) {
	busy := func(p *peer) { p.accept(&wire.Connack{Code: wire.ServerBusy}) }
	for name, script := range map[string][]func(*peer){"first": {busy, stays(&wire.Connack{})}, "second": {lives(time.Minute), busy, stays(&wire.Connack{})}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := client.Open(t.Context(), client.Options{
					Version: wire.V5, Retry: client.Retry{Connect: client.Forever, Reconnect: client.Forever, NotRefused: true}, Dial: scripts(t, script...),
				})
				if err == nil {
					defer s.Abandon()
					advance(5 * time.Minute)
					err = s.Err()
				}
				if refused, ok := errors.AsType[*client.RefusedError](err); !ok || refused.Code != wire.ServerBusy {
					t.Errorf("got %v, want the refusal", err)
				}
			})
		})
	}
}

func TestFirstConnectionIsTriedAgainOnlyWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := client.Open(t.Context(), client.Options{Retry: client.Retry{Reconnect: client.Forever}, Dial: scripts(t, nil, lives(0))})
		if !errors.Is(err, errRefusedDial) {
			t.Errorf("got %v, want the first failure", err)
		}
		start := time.Now()
		_, err = client.Open(t.Context(), client.Options{Retry: client.Retry{Connect: 2}, Dial: scripts(t, nil, nil, nil, lives(0))})
		if took := time.Since(start); !errors.Is(err, errRefusedDial) || took == 0 {
			t.Errorf("got %v after %v", err, took)
		}
		var seen outages
		retry := seen.retry(0)
		retry.Connect = 2
		s := open(t, client.Options{Retry: retry, Dial: scripts(t, nil, nil, stays(&wire.Connack{}))})
		if s.Err() != nil || len(seen) != 3 || seen[2].BackAt.IsZero() || seen[2].Attempts != 3 || !seen[2].LostAt.IsZero() {
			t.Errorf("reported %+v", seen)
		}
		_, err = client.Open(t.Context(), client.Options{
			Retry: client.Retry{Connect: client.Forever},
			Dial:  scripts(t, func(p *peer) { p.accept(&wire.Connack{Code: wire.BadUserNameOrPassword}) }, lives(0)),
		})
		if refused, ok := errors.AsType[*client.RefusedError](err); !ok || refused.Code != wire.BadUserNameOrPassword {
			t.Errorf("got %v, want the refusal", err)
		}
	})
}

func TestWaitsEndAtOnceWithTheirContextAndWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		time.AfterFunc(time.Hour, cancel)
		_, err := client.Open(ctx, client.Options{Retry: client.Retry{Connect: client.Forever, MaxWait: 24 * time.Hour}, Dial: scripts(t)})
		if !errors.Is(err, context.Canceled) || time.Since(start) != time.Hour {
			t.Errorf("Open: %v after %v", err, time.Since(start))
		}

		s := open(t, client.Options{
			Retry: client.Retry{Reconnect: client.Forever, MaxWait: 24 * time.Hour}, Dial: scripts(t, lives(time.Minute)),
		})
		results := make(chan error, 5)
		advance(time.Hour)
		ctx, cancel = context.WithCancel(t.Context())
		go func() { results <- s.Publish(ctx, text("a", "x", 1)) }()
		go func() { results <- s.Publish(ctx, text("a", "x", 0)) }()
		go func() { _, err := s.Subscribe(ctx, nil, wire.Subscription{Filter: "a"}); results <- err }()
		go func() { _, err := s.Recv(ctx); results <- err }()
		synctest.Wait()
		start = time.Now()
		cancel()
		for range 4 {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
		}
		go func() { results <- s.Publish(t.Context(), text("a", "x", 1)) }()
		go func() { _, err := s.Recv(t.Context()); results <- err }()
		synctest.Wait()
		if err := s.Drain(t.Context()); err != nil {
			t.Errorf("Drain with nothing open: %v", err)
		}
		_ = s.Close(t.Context())
		for range 2 {
			if err := <-results; !errors.Is(err, client.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestSubscriptionsAreMadeAnewOnlyWhenTheServerForgotThem(t *testing.T) {
	for _, present := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			id := (&wire.Properties{SubscriptionIdentifiers: []uint32{7}})
			var got []wire.Subscription
			answer := func(p *peer) *wire.Subscribe {
				sub := want[*wire.Subscribe](p)
				p.send(&wire.Suback{PacketID: sub.PacketID, Codes: make([]wire.ReasonCode, len(sub.Subscriptions))})
				return sub
			}
			s := open(t, client.Options{
				ClientID: "me", ResumeSession: true, Retry: client.Retry{Reconnect: client.Forever},
				Dial: scripts(t, func(p *peer) {
					p.accept(&wire.Connack{})
					answer(p)
					answer(p)
					unsub := want[*wire.Unsubscribe](p)
					p.send(&wire.Unsuback{PacketID: unsub.PacketID, Codes: []wire.ReasonCode{0}})
					<-time.After(time.Second)
				}, func(p *peer) {
					p.accept(&wire.Connack{SessionPresent: present})
					if !present {
						first, second := answer(p), answer(p)
						got = append(first.Subscriptions, second.Subscriptions...)
						if !second.Properties.Has(wire.PropSubscriptionIdentifier) {
							t.Error("the second SUBSCRIBE has no Subscription Identifier")
						}
					}
					p.drain()
				}),
			})
			for _, err := range []error{
				subscribeTo(t, s, nil, wire.Subscription{Filter: "a", QoS: 1}, wire.Subscription{Filter: "gone"}),
				subscribeTo(t, s, id, wire.Subscription{Filter: "b", QoS: 2, NoLocal: true}),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Unsubscribe(t.Context(), "gone"); err != nil {
				t.Fatal(err)
			}
			advance(time.Minute)
			var want []wire.Subscription
			if !present {
				want = []wire.Subscription{{Filter: "a", QoS: 1}, {Filter: "b", QoS: 2, NoLocal: true}}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Session Present %v: subscribed to (-want +got)\n%s", present, diff)
			}
		})
	}
}

func subscribeTo(t *testing.T, s *client.Session, props *wire.Properties, subs ...wire.Subscription) error {
	t.Helper()
	_, err := s.Subscribe(t.Context(), props, subs...)
	return err
}

func TestSubscribeThatLosesItsConnectionIsMadeOnTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, client.Options{Retry: client.Retry{Reconnect: 3}, Dial: scripts(t, func(p *peer) {
			p.accept(&wire.Connack{})
			want[*wire.Subscribe](p)
		}, nil, func(p *peer) {
			p.accept(&wire.Connack{})
			sub := want[*wire.Subscribe](p)
			p.send(&wire.Suback{PacketID: sub.PacketID, Codes: []wire.ReasonCode{1}})
			p.drain()
		})})
		codes, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a", QoS: 1})
		if err != nil || len(codes) != 1 || codes[0] != wire.GrantedQoS1 {
			t.Errorf("got %v %v", codes, err)
		}
	})
}

func TestSubscriptionThatIsRefusedNowEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, client.Options{Retry: client.Retry{Reconnect: client.Forever}, Dial: scripts(t, func(p *peer) {
			p.accept(&wire.Connack{})
			sub := want[*wire.Subscribe](p)
			p.send(&wire.Suback{PacketID: sub.PacketID, Codes: []wire.ReasonCode{1}})
			<-time.After(time.Second)
		}, func(p *peer) {
			p.accept(&wire.Connack{})
			sub := want[*wire.Subscribe](p)
			p.send(&wire.Suback{PacketID: sub.PacketID, Codes: []wire.ReasonCode{wire.NotAuthorized}})
			p.drain()
		})})
		if err := subscribeTo(t, s, nil, wire.Subscription{Filter: "a"}); err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		if refused, ok := errors.AsType[*client.RefusedError](s.Err()); !ok || refused.Topic != "a" {
			t.Errorf("Err() = %v, want the refusal", s.Err())
		}
	})
}

// A durable Session's queue comes before SUBSCRIBE has been sent.
func TestQueuedMessagesAreReceivedBeforeSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, client.Options{ClientID: "me", ResumeSession: true, Dial: overPipe(t, func(p *peer) {
			p.accept(&wire.Connack{SessionPresent: true})
			for i := range 100 {
				p.send(&wire.Publish{Topic: "t", Payload: fmt.Append(nil, i), QoS: 1, PacketID: uint16(i + 1)})
			}
			p.drain()
		})})
		for i := range 100 {
			if m := recv(t, s); string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Payload)
			}
		}
	})
}

func TestHeldSessionIsResumedAndEndsWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second *wire.Connect
		var last wire.Packet
		s := open(t, client.Options{
			Retry: client.Retry{Reconnect: 1, HoldSession: 5 * time.Minute},
			Dial: scripts(t, func(p *peer) {
				first = p.accept(&wire.Connack{Properties: (&wire.Properties{AssignedClientIdentifier: "given"}).Set(wire.PropAssignedClientIdentifier)})
			}, func(p *peer) {
				second = p.accept(&wire.Connack{SessionPresent: true})
				last = p.read()
				p.c.Close()
			}),
		})
		advance(time.Minute)
		_ = s.Close(t.Context())
		synctest.Wait()
		if !first.CleanStart || first.Properties.SessionExpiryInterval != 300 {
			t.Errorf("first CONNECT %+v", first)
		}
		if second.CleanStart || second.ClientID != "given" || second.Properties.SessionExpiryInterval != 300 {
			t.Errorf("second CONNECT %+v", second)
		}
		d, ok := last.(*wire.Disconnect)
		if !ok || !d.Properties.Has(wire.PropSessionExpiryInterval) || d.Properties.SessionExpiryInterval != 0 {
			t.Errorf("ended with %+v, want a DISCONNECT that ends the Session", last)
		}
	})
}
