package scram_test

import (
	"net"
	"strings"
	"testing"
	"time"

	xdg "github.com/xdg-go/scram"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/scram"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	user     = "anna"
	password = "correct horse"
)

func server(tb testing.TB) *brokertest.Server {
	tb.Helper()
	client, err := xdg.SHA256.NewClient(user, password, "")
	if err != nil {
		tb.Fatal(err)
	}
	kept, err := client.GetStoredCredentialsWithError(xdg.KeyFactors{Salt: "0123456789abcdef", Iters: scram.Iterations})
	if err != nil {
		tb.Fatal(err)
	}
	a, err := scram.New(func(name string) (scram.Credentials, bool) {
		return scram.Credentials{
			Iterations: kept.Iters, Salt: []byte(kept.Salt), StoredKey: kept.StoredKey, ServerKey: kept.ServerKey,
		}, name == user
	})
	if err != nil {
		tb.Fatal(err)
	}

	return brokertest.Start(tb, broker.Config{Authenticator: a, Access: onlyProven{}})
}

// onlyProven lets those in who have proved to be the user.
type onlyProven struct{}

func (onlyProven) Authenticate(c broker.ClientInfo, _ *wire.Connect) (broker.Rights, wire.ReasonCode) {
	if c.Method != scram.Method || c.Username != user {
		return nil, wire.NotAuthorized
	}

	return nil, wire.Success
}

// peer is a client that says each packet by itself.
type peer struct {
	tb           testing.TB
	conn         net.Conn
	in           *wire.Reader
	conversation *xdg.ClientConversation
}

func dial(tb testing.TB, s *brokertest.Server, name, secret string) *peer {
	tb.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	client, err := xdg.SHA256.NewClient(name, secret, "")
	if err != nil {
		tb.Fatal(err)
	}

	return &peer{tb, conn, wire.NewReader(conn, 0), client.NewConversation()}
}

func (p *peer) send(packet wire.Packet) {
	p.tb.Helper()
	b, err := packet.Append(nil, wire.V5)
	if err != nil {
		p.tb.Fatal(err)
	}
	if _, err := p.conn.Write(b); err != nil {
		p.tb.Fatal(err)
	}
}

func (p *peer) next() wire.Packet {
	p.tb.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.tb.Fatal(err)
	}
	first, body, err := p.in.Next()
	if err != nil {
		p.tb.Fatal(err)
	}
	packet, err := wire.Decode(wire.V5, first, body)
	if err != nil {
		p.tb.Fatal(err)
	}

	return packet
}

// step answers the server's data.
func (p *peer) step(data []byte) []byte {
	p.tb.Helper()
	answer, err := p.conversation.Step(string(data))
	if err != nil {
		p.tb.Fatal(err)
	}

	return []byte(answer)
}

func auth(code wire.ReasonCode, data []byte) *wire.Auth {
	return &wire.Auth{Code: code, Properties: properties(data)}
}

func properties(data []byte) *wire.Properties {
	props := (&wire.Properties{AuthenticationMethod: scram.Method, AuthenticationData: data}).Set(wire.PropAuthenticationMethod)
	if data != nil {
		props.Set(wire.PropAuthenticationData)
	}

	return props
}

// connect goes through the exchange and returns CONNACK.
func (p *peer) connect() *wire.Connack {
	p.tb.Helper()
	p.send(&wire.Connect{Version: wire.V5, ClientID: "c", CleanStart: true, Properties: properties(p.step(nil))})
	for {
		switch packet := p.next().(type) {
		case *wire.Auth:
			if packet.Code != wire.ContinueAuthentication || packet.Properties.AuthenticationMethod != scram.Method {
				p.tb.Fatalf("got %+v", packet)
			}
			p.send(auth(wire.ContinueAuthentication, p.step(packet.Properties.AuthenticationData)))
		case *wire.Connack:
			return packet
		default:
			p.tb.Fatalf("got %+v", packet)
		}
	}
}

func TestTheRightPasswordLetsIn(t *testing.T) {
	t.Parallel()
	p := dial(t, server(t), user, password)
	ack := p.connect()
	if ack.Code != wire.Success || ack.Properties.AuthenticationMethod != scram.Method {
		t.Fatalf("got %+v", ack)
	}
	p.step(ack.Properties.AuthenticationData)
	if !p.conversation.Valid() {
		t.Error("the server has not proved that it knows the password")
	}
}

func TestAClientMayLetTheServerBegin(t *testing.T) {
	t.Parallel()
	p := dial(t, server(t), user, password)
	p.send(&wire.Connect{Version: wire.V5, ClientID: "c", CleanStart: true, Properties: properties(nil)})
	if a, ok := p.next().(*wire.Auth); !ok || a.Code != wire.ContinueAuthentication || a.Properties.Has(wire.PropAuthenticationData) {
		t.Fatalf("got %+v", a)
	}
	p.send(auth(wire.ContinueAuthentication, p.step(nil)))
	a, ok := p.next().(*wire.Auth)
	if !ok {
		t.Fatalf("got %+v", a)
	}
	p.send(auth(wire.ContinueAuthentication, p.step(a.Properties.AuthenticationData)))
	if ack, ok := p.next().(*wire.Connack); !ok || ack.Code != wire.Success {
		t.Fatalf("got %+v", ack)
	}
}

func TestAWrongPasswordAndAnUnknownUserAreRefusedAlike(t *testing.T) {
	t.Parallel()
	s := server(t)
	for _, name := range []string{user, "nobody"} {
		ack := dial(t, s, name, "wrong").connect()
		if ack.Code != wire.NotAuthorized || ack.Properties.Has(wire.PropAuthenticationData) {
			t.Errorf("%s: got %+v", name, ack)
		}
	}
}

func TestSaltsOfUnknownUsersStayTheSame(t *testing.T) {
	t.Parallel()
	s := server(t)
	salt := func() string {
		p := dial(t, s, "nobody", "x")
		p.send(&wire.Connect{Version: wire.V5, ClientID: "c", Properties: properties(p.step(nil))})
		a, ok := p.next().(*wire.Auth)
		if !ok {
			t.Fatalf("got %+v", a)
		}
		_, rest, _ := strings.Cut(string(a.Properties.AuthenticationData), ",s=")

		return rest
	}
	if a, b := salt(), salt(); a != b || a == "" {
		t.Errorf("%q, then %q", a, b)
	}
}

func TestAnotherMethodOrPacketDuringTheExchangeIsRefused(t *testing.T) {
	t.Parallel()
	s := server(t)
	other := auth(wire.ContinueAuthentication, []byte("x"))
	other.Properties.AuthenticationMethod = "PLAIN"
	for name, packet := range map[string]wire.Packet{
		"PUBLISH":        &wire.Publish{Topic: "a"},
		"another method": other,
		"another code":   auth(wire.ReAuthenticate, []byte("x")),
	} {
		p := dial(t, s, user, password)
		p.send(&wire.Connect{Version: wire.V5, ClientID: "c", Properties: properties(p.step(nil))})
		p.next()
		p.send(packet)
		if ack, ok := p.next().(*wire.Connack); !ok || ack.Code != wire.ProtocolError {
			t.Errorf("%s: got %+v", name, ack)
		}
	}
	p := dial(t, s, user, password)
	props := properties(nil)
	props.AuthenticationMethod = "PLAIN"
	p.send(&wire.Connect{Version: wire.V5, ClientID: "c", Properties: props})
	if ack, ok := p.next().(*wire.Connack); !ok || ack.Code != wire.BadAuthenticationMethod {
		t.Errorf("got %+v", ack)
	}
}

// again authenticates a connected client again and returns the last answer.
func (p *peer) again(name, secret string) wire.Packet {
	p.tb.Helper()
	client, err := xdg.SHA256.NewClient(name, secret, "")
	if err != nil {
		p.tb.Fatal(err)
	}
	p.conversation = client.NewConversation()
	p.send(auth(wire.ReAuthenticate, p.step(nil)))
	a, ok := p.next().(*wire.Auth)
	if !ok {
		p.tb.Fatalf("got %+v", a)
	}
	p.send(auth(wire.ContinueAuthentication, p.step(a.Properties.AuthenticationData)))

	return p.next()
}

func TestAClientMayAuthenticateAgain(t *testing.T) {
	t.Parallel()
	p := dial(t, server(t), user, password)
	p.connect()
	for range 2 {
		if a, ok := p.again(user, password).(*wire.Auth); !ok || a.Code != wire.Success {
			t.Fatalf("got %+v", a)
		}
	}
	p.send(&wire.Pingreq{})
	if a, ok := p.next().(*wire.Pingresp); !ok {
		t.Fatalf("got %+v", a)
	}
}

func TestWhoFailsToAuthenticateAgainIsDisconnected(t *testing.T) {
	t.Parallel()
	s := server(t)
	p := dial(t, s, user, password)
	p.connect()
	if d, ok := p.again(user, "wrong").(*wire.Disconnect); !ok || d.Code != wire.NotAuthorized {
		t.Errorf("got %+v", d)
	}
	p = dial(t, s, user, password)
	p.connect()
	other := auth(wire.ReAuthenticate, nil)
	other.Properties.AuthenticationMethod = "PLAIN"
	p.send(other)
	if d, ok := p.next().(*wire.Disconnect); !ok || d.Code != wire.ProtocolError {
		t.Errorf("got %+v", d)
	}
}
