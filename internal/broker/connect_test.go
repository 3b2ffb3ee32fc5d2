package broker_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestConnackSaysWhatDiffersFromTheDefaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		cfg     broker.Config
		connect wire.Connect
		want    *wire.Properties
	}{
		{
			"defaults",
			broker.Config{},
			wire.Connect{ClientID: "c", KeepAlive: 60},
			(&wire.Properties{ReceiveMaximum: 1024, TopicAliasMaximum: 64}).Set(wire.PropReceiveMaximum, wire.PropTopicAliasMaximum),
		},
		{
			"limits",
			broker.Config{ReceiveMaximum: 65535, MaxPacketSize: 1000, MaxKeepAlive: 30},
			wire.Connect{ClientID: "c", KeepAlive: 60},
			(&wire.Properties{TopicAliasMaximum: 64, MaximumPacketSize: 1000, ServerKeepAlive: 30}).
				Set(wire.PropTopicAliasMaximum, wire.PropMaximumPacketSize, wire.PropServerKeepAlive),
		},
		{
			"no keep alive",
			broker.Config{ReceiveMaximum: 7, MaxKeepAlive: 30},
			wire.Connect{ClientID: "c"},
			(&wire.Properties{ReceiveMaximum: 7, TopicAliasMaximum: 64, ServerKeepAlive: 30}).
				Set(wire.PropReceiveMaximum, wire.PropTopicAliasMaximum, wire.PropServerKeepAlive),
		},
		{
			"short keep alive",
			broker.Config{MaxKeepAlive: 30},
			wire.Connect{ClientID: "c", KeepAlive: 10},
			(&wire.Properties{ReceiveMaximum: 1024, TopicAliasMaximum: 64}).Set(wire.PropReceiveMaximum, wire.PropTopicAliasMaximum),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, brokertest.Start(t, tt.cfg), wire.V5)
			got := c.connect(&tt.connect).Properties
			tt.want.UserProperties = []wire.UserProperty{{Key: "mqx-if-rev", Value: "supported"}} // ours, see condition.go
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(wire.Properties{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestAClientWithoutIdentifierGetsOne(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	seen := map[string]bool{}
	for range 3 {
		c := dial(t, s, wire.V5)
		seen[c.connect(&wire.Connect{}).Properties.AssignedClientIdentifier] = true
		old := dial(t, s, wire.V311)
		old.connect(&wire.Connect{CleanStart: true})
	}
	if len(seen) != 3 || seen[""] {
		t.Fatalf("got %v", seen)
	}
	if got := s.Broker.Stats().Sessions; got != 6 {
		t.Fatalf("%d sessions", got)
	}
}

func TestConnectIsRefusedInTheWordsOfItsLevel(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	encode := func(c wire.Connect) []byte {
		packet, err := c.Append(nil, 0)
		if err != nil {
			t.Fatal(err)
		}

		return packet
	}
	password := func(v wire.Version, user, password string) []byte {
		return encode(wire.Connect{Version: v, ClientID: "c", HasUsername: true, Username: user, HasPassword: true, Password: []byte(password)})
	}
	withMethod := (&wire.Properties{AuthenticationMethod: "SCRAM"}).Set(wire.PropAuthenticationMethod)
	for _, tt := range []struct {
		name string
		send []byte
		want string // the beginning of the answer; "" for none
	}{
		{"level 6", []byte("\x10\x0d\x00\x04MQTT\x06\x02\x00\x0a\x00\x01c"), "\x20\x02\x00\x01"},
		{"level 0", []byte("\x10\x0d\x00\x04MQTT\x00\x02\x00\x0a\x00\x01c"), "\x20\x02\x00\x01"},
		{"level 3 with the name of 4", []byte("\x10\x0d\x00\x04MQTT\x03\x02\x00\x0a\x00\x01c"), "\x20\x02\x00\x01"},
		{"level 9 of 3.1", []byte("\x10\x0f\x00\x06MQIsdp\x09\x02\x00\x0a\x00\x01c"), "\x20\x02\x00\x01"},
		{"another protocol", []byte("\x10\x0d\x00\x04HTTP\x05\x02\x00\x0a\x00\x01c"), ""},
		{"not MQTT at all", []byte("GET / HTTP/1.1\r\nHost: localhost:1883\r\nUser-Agent: somebody who looks for a web server\r\n\r\n"), ""},
		{"PINGREQ first", []byte{0xC0, 0}, ""},
		{"3.1.1 without identifier and with a Session", []byte("\x10\x0c\x00\x04MQTT\x04\x00\x00\x0a\x00\x00"), "\x20\x02\x00\x02"},
		{"3.1 without identifier", []byte("\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x00"), "\x20\x02\x00\x02"},
		{"3.1.1 bad password", password(wire.V311, "u", "wrong"), "\x20\x02\x00\x04"},
		{"3.1.1 not authorized", password(wire.V311, "nobody", ""), "\x20\x02\x00\x05"},
		{"3.1.1 banned", password(wire.V311, "banned", ""), ""},
		{"5 bad password", password(wire.V5, "u", "wrong"), "\x20*\x00\x86"},
		{"5 banned", password(wire.V5, "banned", ""), "\x20*\x00\x8A"},
		{"5 enhanced authentication", encode(wire.Connect{Version: wire.V5, ClientID: "c", Properties: withMethod}), "\x20*\x00\x8C"},
		{"5 reserved connect flag", []byte("\x10\x0e\x00\x04MQTT\x05\x03\x00\x0a\x00\x00\x01c"), "\x20*\x00\x81"},
		{"3.1.1 reserved connect flag", []byte("\x10\x0d\x00\x04MQTT\x04\x03\x00\x0a\x00\x01c"), ""},
		{"5 Receive Maximum 0", []byte("\x10\x11\x00\x04MQTT\x05\x02\x00\x0a\x03\x21\x00\x00\x00\x01c"), "\x20*\x00\x82"},
		{"5 property twice", []byte("\x10\x14\x00\x04MQTT\x05\x02\x00\x0a\x06\x21\x00\x01\x21\x00\x01\x00\x01c"), "\x20*\x00\x82"},
		{"5 will topic with a wildcard", []byte("\x10\x15\x00\x04MQTT\x05\x06\x00\x0a\x00\x00\x01c\x00\x00\x01#\x00\x01x"), "\x20*\x00\x90"},
		{"3.1.1 will topic with a wildcard", []byte("\x10\x13\x00\x04MQTT\x04\x06\x00\x0a\x00\x01c\x00\x01#\x00\x01x"), ""},
		{"3.1.1 user name that is not UTF-8", []byte("\x10\x10\x00\x04MQTT\x04\x82\x00\x0a\x00\x01c\x00\x01\xff"), ""},
		{"3.1.1 password without user name", []byte("\x10\x10\x00\x04MQTT\x04\x42\x00\x0a\x00\x01c\x00\x01p"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, s, wire.V5)
			c.sendBytes(tt.send...)
			got := c.readAll()
			if tt.want == "" {
				if len(got) > 0 {
					t.Fatalf("got % x", got)
				}

				return
			}
			if len(got) < 4 || got[0] != tt.want[0] || tt.want[1] != '*' && got[1] != tt.want[1] || string(got[2:4]) != tt.want[2:] {
				t.Fatalf("got % x, want % x", got, tt.want)
			}
		})
	}
	if got := s.Broker.Stats().Sessions; got != 0 {
		t.Fatalf("%d sessions", got)
	}
}

func TestUnusualConnectsAreAccepted(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, tt := range []struct {
		name    string
		connect wire.Connect
	}{
		{"empty password", wire.Connect{HasUsername: true, Username: "u", HasPassword: true}},
		{"empty user name", wire.Connect{HasUsername: true}},
		{"empty Will Payload", wire.Connect{Will: &wire.Will{Topic: "w"}}},
		{"long Client Identifier", wire.Connect{ClientID: strings.Repeat("é", 30_000)}},
	} {
		for _, v := range versions() {
			if tt.connect.ClientID == "" {
				tt.connect.ClientID = "c"
			}
			c := dial(t, s, v)
			c.connect(&tt.connect)
			c.ping()
			c.disconnect()
		}
	}
	c := dial(t, s, wire.V5)
	c.connect(&wire.Connect{ClientID: "c", HasPassword: true, Password: []byte("without a user name")})
}

func TestAConnectionWithoutConnectIsClosed(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		silent, half, trickle := pipe(t, b, wire.V5), pipe(t, b, wire.V5), pipe(t, b, wire.V5)
		half.sendBytes(0x10, 0x20, 0)
		begun := time.Now()
		trickle.sendBytes(0x10)
		for range 3 { // sending something does not help
			pass(3 * time.Second)
			trickle.sendBytes(0x80)
		}
		for _, c := range []*raw{silent, half, trickle} {
			c.expectClosed()
		}
		if took := time.Since(begun); took != 10*time.Second {
			t.Fatalf("after %v", took)
		}
	})
}

// Single bytes of a packet that never ends are no life; a large packet on a slow link is.
func TestKeepAliveIsForPacketsAndNotForBytes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lot   int
		lasts bool
	}{{"a byte at a time", 1, false}, {"a KiB at a time", 1 << 10, true}} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, broker.Config{}, func(in inside) {
				t := in.t
				c := pipe(t, in.b, wire.V5)
				c.connect(&wire.Connect{ClientID: "c", CleanStart: true, KeepAlive: 10})
				packet, err := (&wire.Publish{Topic: "t", Payload: make([]byte, 1<<20)}).Append(nil, wire.V5)
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					for ; len(packet) > tt.lot; packet = packet[tt.lot:] {
						_ = c.conn.SetWriteDeadline(time.Time{})
						if _, err := c.conn.Write(packet[:tt.lot]); err != nil {
							return
						}
						<-time.After(time.Second)
					}
				}()
				p, err := c.next(59 * time.Second)
				if _, told := p.(*wire.Disconnect); told == tt.lasts {
					t.Errorf("got %+v %v within 59 s, want the connection to last: %v", p, err, tt.lasts)
				}
				c.conn.Close()
				<-ended // time stands still afterwards
			})
		})
	}
}

func TestASilentClientIsDisconnectedAfterOneAndAHalfKeepAlives(t *testing.T) {
	t.Parallel()
	for _, keepAlive := range []uint16{1, 10, 43_691, 65_535} { // 1.5 times 43,691 does not fit 16 bits
		bubble(t, broker.Config{}, func(in inside) {
			t, b := in.t, in.b
			c := pipe(t, b, wire.V5)
			c.connect(&wire.Connect{ClientID: "c", KeepAlive: keepAlive})
			for range 3 {
				pass(time.Duration(keepAlive) * time.Second * 14 / 10)
				c.ping()
			}
			begun := time.Now()
			d, err := c.next(100 * time.Hour)
			if err != nil || d.(*wire.Disconnect).Code != wire.KeepAliveTimeout {
				t.Fatalf("got %+v, %v", d, err)
			}
			if took, want := time.Since(begun), time.Duration(keepAlive)*time.Second*3/2; took != want {
				t.Fatalf("after %v, want %v", took, want)
			}
		})
	}
}

func TestAClientWithoutKeepAliveMayBeSilent(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		c := pipe(t, b, wire.V311)
		c.connect(&wire.Connect{ClientID: "c"})
		pass(1000 * time.Hour)
		c.ping()
	})
}

func TestAClientThatTakesNothingIsGivenUpUnlessItPings(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{WriteTimeout: 10 * time.Second}, func(in inside) {
		t, b := in.t, in.b
		stalled, pub := pipe(t, b, wire.V5), pipe(t, b, wire.V5)
		stalled.connect(&wire.Connect{ClientID: "stalled", Properties: expiry(60)})
		stalled.sub("a", 1)
		pub.connect(&wire.Connect{ClientID: "pub"})
		pub.publish(&wire.Publish{Topic: "a", QoS: 1})
		for range 5 {
			pass(9 * time.Second)
			stalled.send(&wire.Pingreq{})
		}
		if got := b.Stats().Clients; got != 2 {
			t.Fatalf("%d clients", got)
		}
		pass(11 * time.Second)
		if got := b.Stats().Clients; got != 1 {
			t.Fatalf("%d clients", got)
		}
	})
}

func TestAReasonReachesAClientThatKeepsSending(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for range 5 {
		c := connected(t, s, wire.V5, "c")
		flood := bytes.Repeat([]byte{0xC0, 0}, 100_000) // a lot that is never read
		c.sendBytes(append([]byte{0x30, 4, 0, 1, '#', 0}, flood...)...)
		for {
			p, err := c.next(patience)
			if err != nil {
				t.Fatalf("the connection ended without a reason: %v", err)
			}
			if d, ok := p.(*wire.Disconnect); ok {
				if d.Code != wire.TopicNameInvalid {
					t.Fatalf("DISCONNECT 0x%02X", byte(d.Code))
				}

				break
			}
		}
	}
}
