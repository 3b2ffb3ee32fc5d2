package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestConnectSaysWhatTheOptionsSay(t *testing.T) {
	user := "u"
	will := &wire.Will{Topic: "w", Payload: []byte{}, QoS: 1, Retain: true, Properties: (&wire.Properties{WillDelayInterval: 5}).Set(wire.PropWillDelayInterval)}
	o := client.Options{
		ClientID: "id", Username: &user, Password: []byte{}, KeepAlive: 7, ResumeSession: true, Will: will,
		Properties: (&wire.Properties{SessionExpiryInterval: 9, UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}}}).Set(wire.PropSessionExpiryInterval),
	}
	got := make(chan *wire.Connect, 1)
	o.Dial = overTCP(t, func(p *peer) {
		got <- p.accept(&wire.Connack{SessionPresent: true, Properties: (&wire.Properties{ServerKeepAlive: 11, ReceiveMaximum: 5}).Set(wire.PropServerKeepAlive, wire.PropReceiveMaximum)})
		p.drain()
	})
	s := open(t, o)
	c := <-got
	if c.Version != wire.V5 || c.ClientID != "id" || !c.HasUsername || c.Username != "u" || !c.HasPassword || len(c.Password) != 0 ||
		c.KeepAlive != 7 || c.CleanStart || c.Properties.SessionExpiryInterval != 9 || len(c.Properties.UserProperties) != 1 {
		t.Errorf("the server got %+v", c)
	}
	if w := c.Will; w == nil || w.Topic != "w" || len(w.Payload) != 0 || w.QoS != 1 || !w.Retain || w.Properties.WillDelayInterval != 5 {
		t.Errorf("the server got the Will Message %+v", c.Will)
	}
	caps := s.Caps()
	if !caps.SessionPresent || caps.KeepAlive != 11 || caps.ReceiveMaximum != 5 || caps.ClientID != "id" || caps.MaximumQoS != 2 || !caps.RetainAvailable {
		t.Errorf("Caps() = %+v", caps)
	}
}

func TestResumedSessionIsKeptForEverUnlessToldOtherwise(t *testing.T) {
	asked := (&wire.Properties{SessionExpiryInterval: 60}).Set(wire.PropSessionExpiryInterval)
	for want, o := range map[uint32]client.Options{
		0xFFFFFFFF: {ResumeSession: true, ClientID: "me"},
		60:         {ResumeSession: true, ClientID: "me", Properties: asked},
	} {
		got := make(chan *wire.Connect, 1)
		o.Dial = overTCP(t, func(p *peer) {
			got <- p.accept(&wire.Connack{})
			p.drain()
		})
		open(t, o)
		if c := <-got; c.CleanStart || !c.Properties.Has(wire.PropSessionExpiryInterval) || c.Properties.SessionExpiryInterval != want {
			t.Errorf("the server got %+v, want Session Expiry Interval %d", c, want)
		}
	}
}

func TestRefusedConnectTellsTheReason(t *testing.T) {
	props := (&wire.Properties{ReasonString: "try later", ServerReference: "other:1883"}).Set(wire.PropReasonString, wire.PropServerReference)
	_, err := client.Open(t.Context(), client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{Code: wire.UseAnotherServer, Properties: props})
	})})
	const want = `CONNECT refused: Use another server (0x9c): "try later", use server "other:1883"`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAutoFallsBackTo311WhenTheServerSaysSo(t *testing.T) {
	older := func(p *peer) {
		if c := p.accept(&wire.Connack{}); c.Version != wire.V311 {
			t.Errorf("second attempt speaks %v, want 3.1.1", c.Version)
		}
		p.drain()
	}
	tests := map[string]func(*peer){
		"CONNACK of 3.1.1 with return code 1": func(p *peer) {
			want[*wire.Connect](p)
			_, _ = p.c.Write([]byte{0x20, 2, 0, 1})
		},
		"CONNACK of MQTT 5 with 0x84": func(p *peer) {
			p.accept(&wire.Connack{Code: wire.UnsupportedProtocolVersion})
		},
		"connection closed without a byte": func(p *peer) {
			want[*wire.Connect](p)
		},
	}
	for name, refuse := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, client.Options{ClientID: "me", ResumeSession: true, Dial: overTCP(t, refuse, older)})
			if v := s.Caps().Version; v != wire.V311 {
				t.Errorf("Caps().Version = %v, want 3.1.1", v)
			}
		})
	}
}

func TestThereIsNoFallbackWhereItWouldLieOrHide(t *testing.T) {
	v5only := (&wire.Properties{SessionExpiryInterval: 1}).Set(wire.PropSessionExpiryInterval)
	unsupported := func(p *peer) {
		want[*wire.Connect](p)
		_, _ = p.c.Write([]byte{0x20, 2, 0, 1})
	}
	tests := map[string]struct {
		o    client.Options
		peer func(*peer)
	}{
		"a version was asked for":          {client.Options{Version: wire.V5}, unsupported},
		"an MQTT 5 property was asked for": {client.Options{Properties: v5only}, unsupported},
		"bad credentials":                  {client.Options{}, func(p *peer) { p.accept(&wire.Connack{Code: wire.BadUserNameOrPassword}) }},
		"not an MQTT server": {client.Options{}, func(p *peer) {
			want[*wire.Connect](p)
			_, _ = p.c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dials := 0
			dial := overTCP(t, tt.peer)
			tt.o.Dial = func(ctx context.Context) (net.Conn, error) {
				dials++
				return dial(ctx)
			}
			_, err := client.Open(t.Context(), tt.o)
			if err == nil || dials != 1 {
				t.Errorf("got %v after %d attempts, want an error after 1", err, dials)
			}
		})
	}
}

func TestLevel4IsSpokenThroughTheSameEngine(t *testing.T) {
	for _, v := range []wire.Version{wire.V311, wire.V31} {
		t.Run(v.String(), func(t *testing.T) {
			s := open(t, client.Options{Version: v, ClientID: "c", Dial: overTCP(t, func(p *peer) {
				if c := p.accept(&wire.Connack{}); c.Version != v {
					t.Errorf("CONNECT speaks %v", c.Version)
				}
				sub := want[*wire.Subscribe](p)
				p.send(&wire.Suback{PacketID: sub.PacketID, Codes: []wire.ReasonCode{2, 0}})
				unsub := want[*wire.Unsubscribe](p)
				p.send(&wire.Unsuback{PacketID: unsub.PacketID})
				pub := want[*wire.Publish](p)
				p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: pub.PacketID})
				p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: want[*wire.Ack](p).PacketID})
				p.send(&wire.Publish{Topic: "a", QoS: 2, PacketID: 4})
				want[*wire.Ack](p)
				p.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 4})
				want[*wire.Ack](p)
				p.send(&wire.Publish{Topic: "end"})
				if _, ok := p.read().(*wire.Disconnect); !ok {
					t.Error("no DISCONNECT at the end")
				}
			})})
			codes, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a", QoS: 2}, wire.Subscription{Filter: "b"})
			if err != nil || len(codes) != 2 || codes[0] != wire.GrantedQoS2 {
				t.Errorf("Subscribe: %v %v", codes, err)
			}
			if codes, err = s.Unsubscribe(t.Context(), "a", "b", "c"); err != nil || len(codes) != 3 {
				t.Errorf("Unsubscribe: %v %v", codes, err)
			}
			if err := s.Publish(t.Context(), text("a", "x", 2)); err != nil {
				t.Error(err)
			}
			recv(t, s)
			s.AckReceived()
			recv(t, s)
			_ = s.Close(t.Context())
		})
	}
}

func TestWhatLevel4CannotSayIsRefused(t *testing.T) {
	serve := func(p *peer) {
		p.accept(&wire.Connack{})
		p.drain()
	}
	props := (&wire.Properties{ContentType: "x"}).Set(wire.PropContentType)
	s := open(t, client.Options{Version: wire.V311, Dial: overTCP(t, serve)})
	var unsupported *wire.UnsupportedError
	m := text("a", "x", 1)
	m.Properties = props
	if err := s.Publish(t.Context(), m); !errors.As(err, &unsupported) {
		t.Errorf("PUBLISH with a property: %v", err)
	}
	if n := s.Unacknowledged(); n != 0 {
		t.Errorf("Unacknowledged() = %d after a message that was not sent", n)
	}
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a", NoLocal: true}); !errors.As(err, &unsupported) {
		t.Errorf("SUBSCRIBE with No Local: %v", err)
	}
	if s.Err() != nil {
		t.Errorf("the connection did not last: %v", s.Err())
	}
	_, err := client.Open(t.Context(), client.Options{
		Version: wire.V311, Properties: (&wire.Properties{ReceiveMaximum: 1}).Set(wire.PropReceiveMaximum),
	})
	if !errors.As(err, &unsupported) {
		t.Errorf("CONNECT with a property: %v", err)
	}
}

func TestOpenSaysWhatWentWrong(t *testing.T) {
	t.Run("connection refused", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		_, err = client.Open(t.Context(), client.Options{Target: link.Target{Host: "127.0.0.1", Port: port}})
		var d *link.DialError
		if !errors.As(err, &d) || d.Problem != "connection refused" || d.Hint == "" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no CONNACK", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, err := client.Open(t.Context(), client.Options{Dial: overPipe(t, func(p *peer) {
				want[*wire.Connect](p)
				p.read()
			})})
			if !errors.Is(err, client.ErrNoConnack) {
				t.Errorf("got %v, want ErrNoConnack", err)
			}
		})
	})
	t.Run("not an MQTT server", func(t *testing.T) {
		_, err := client.Open(t.Context(), client.Options{Dial: overTCP(t, func(p *peer) {
			want[*wire.Connect](p)
			_, _ = p.c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
		})})
		if err == nil || !strings.Contains(err.Error(), "does not speak MQTT") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := client.Open(ctx, client.Options{Dial: overTCP(t, func(p *peer) {
			want[*wire.Connect](p)
			cancel()
			p.read()
		})})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

func TestSilentServerIsGivenUpAfterTheKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := open(t, client.Options{KeepAlive: 10, Dial: overPipe(t, func(p *peer) {
			p.accept(&wire.Connack{})
			for p.read() != nil {
			}
		})})
		<-s.Done()
		if !errors.Is(s.Err(), client.ErrConnectionLost) {
			t.Errorf("Err() = %v", s.Err())
		}
		if took := time.Since(start); took < 15*time.Second || took > 30*time.Second {
			t.Errorf("given up after %v, want about two Keep Alives of 10 s", took)
		}
	})
}

func TestKeepAliveIsKeptWhileAnsweredAndOffWhenZero(t *testing.T) {
	for _, keepAlive := range []uint16{0, 1, 60} {
		synctest.Test(t, func(t *testing.T) {
			var last time.Time
			longest := time.Duration(0)
			pings := 0
			s := open(t, client.Options{KeepAlive: keepAlive, Dial: overPipe(t, func(p *peer) {
				p.accept(&wire.Connack{})
				last = time.Now()
				for q := p.read(); q != nil; q = p.read() {
					longest = max(longest, time.Since(last))
					last = time.Now()
					if _, ok := q.(*wire.Pingreq); ok {
						pings++
						p.send(&wire.Pingresp{})
					}
				}
			})})
			advance(time.Hour)
			if s.Err() != nil {
				t.Errorf("Keep Alive %d: %v", keepAlive, s.Err())
			}
			if keepAlive == 0 && pings != 0 {
				t.Errorf("%d PINGREQ without a Keep Alive", pings)
			}
			if limit := time.Duration(keepAlive) * time.Second; keepAlive > 0 && (longest > limit || pings == 0) {
				t.Errorf("Keep Alive %v: %d PINGREQ, up to %v apart", limit, pings, longest)
			}
		})
	}
}

func TestAbandonLeavesOutTheDisconnect(t *testing.T) {
	last := make(chan wire.Packet, 1)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		last <- p.read()
	})})
	s.Abandon()
	if p := <-last; p != nil {
		t.Errorf("the server got %T, want nothing", p)
	}
	if !errors.Is(s.Err(), client.ErrClosed) {
		t.Errorf("Err() = %v, want ErrClosed", s.Err())
	}
}

func TestTraceIsToldOfEveryPacket(t *testing.T) {
	var seen []string // the handshake is over when Open returns, the rest when Close does
	s := open(t, client.Options{
		Trace: func(direction string, p wire.Packet) { seen = append(seen, direction+p.Type().String()) },
		Dial: overTCP(t, func(p *peer) {
			p.accept(&wire.Connack{})
			p.drain()
		}),
	})
	if err := s.Publish(t.Context(), text("a", "x", 0)); err != nil {
		t.Fatal(err)
	}
	_ = s.Close(t.Context())
	if got, want := strings.Join(seen, " "), "->CONNECT <-CONNACK ->PUBLISH ->DISCONNECT"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCloseWithWillAsksForTheWillMessageWhereTheProtocolCan(t *testing.T) {
	for v, want := range map[wire.Version]wire.Packet{
		wire.V5:   &wire.Disconnect{Code: wire.DisconnectWithWill},
		wire.V311: nil,
	} {
		last := make(chan wire.Packet, 1)
		s := open(t, client.Options{Version: v, Dial: overTCP(t, func(p *peer) {
			p.accept(&wire.Connack{})
			last <- p.read()
		})})
		s.CloseWithWill(t.Context())
		if diff := cmp.Diff(want, <-last); diff != "" {
			t.Errorf("%v (-want +got):\n%s", v, diff)
		}
		if err := s.Err(); !errors.Is(err, client.ErrClosed) {
			t.Errorf("%v: ended with %v", v, err)
		}
	}
}
