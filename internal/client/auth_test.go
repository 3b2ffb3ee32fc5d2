package client_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// password is an Authentication whose Server has to answer "ready" with "proof".
type password struct{}

func (password) Method() string         { return "test" }
func (password) Begin() client.Exchange { return password{} }

func (password) Step(challenge []byte) ([]byte, error) {
	if challenge != nil && string(challenge) != "ready" {
		return nil, errors.New("unknown challenge")
	}
	return []byte("answer to " + string(challenge)), nil
}

func (password) Finish(proof []byte) error {
	if !bytes.Equal(proof, []byte("proof")) {
		return errors.New("no proof")
	}
	return nil
}

func authentication(code wire.ReasonCode, method, data string) *wire.Auth {
	p := &wire.Properties{AuthenticationMethod: method, AuthenticationData: []byte(data)}
	return &wire.Auth{Code: code, Properties: p.Set(wire.PropAuthenticationMethod, wire.PropAuthenticationData)}
}

func proven(data string) *wire.Connack {
	p := &wire.Properties{AuthenticationMethod: "test", AuthenticationData: []byte(data)}
	return &wire.Connack{Properties: p.Set(wire.PropAuthenticationMethod, wire.PropAuthenticationData)}
}

func TestServerHasToProveWhoItIs(t *testing.T) {
	challenge := authentication(wire.ContinueAuthentication, "test", "ready")
	tests := []struct {
		name string
		send []wire.Packet // after each the peer reads an AUTH, but the last
		want string        // "" for a connection
	}{
		{"it does", []wire.Packet{challenge, proven("proof")}, ""},
		{"it does at once", []wire.Packet{proven("proof")}, ""},
		{"CONNACK proves something else", []wire.Packet{challenge, proven("trust me")}, "no proof"},
		{"CONNACK proves nothing", []wire.Packet{challenge, &wire.Connack{}}, "no proof"},
		{"a challenge that makes no sense", []wire.Packet{authentication(wire.ContinueAuthentication, "test", "x")}, "unknown challenge"},
		{"a challenge of another method", []wire.Packet{authentication(wire.ContinueAuthentication, "other", "ready")}, "another Authentication Method"},
		{"success without CONNACK", []wire.Packet{authentication(wire.Success, "test", "proof")}, "before CONNACK"},
		{"success that says nothing", []wire.Packet{&wire.Auth{}}, "before CONNACK"},
		{"the client's word", []wire.Packet{authentication(wire.ReAuthenticate, "test", "ready")}, "before CONNACK"},
		{"a message in between", []wire.Packet{challenge, &wire.Publish{Topic: "a"}}, "before CONNACK"},
		{"an acknowledgement in between", []wire.Packet{challenge, &wire.Ack{Kind: wire.PUBACK, PacketID: 1}}, "before CONNACK"},
		{"a reason in between", []wire.Packet{challenge, &wire.Disconnect{Code: wire.ServerBusy}}, "Server busy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := client.Open(t.Context(), client.Options{Authentication: password{}, Dial: overTCP(t, func(p *peer) {
				want[*wire.Connect](p)
				for i, q := range tt.send {
					if i > 0 {
						want[*wire.Auth](p)
					}
					p.send(q)
				}
				p.drain()
			})})
			if err == nil {
				s.Abandon()
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAuthAfterConnackIsAProtocolError(t *testing.T) {
	for _, auth := range []client.Authentication{nil, password{}} {
		told := make(chan wire.Packet, 1)
		s := open(t, client.Options{Authentication: auth, Dial: overTCP(t, func(p *peer) {
			p.accept(proven("proof"))
			p.send(authentication(wire.ContinueAuthentication, "test", "ready"))
			told <- p.read()
			p.drain()
		})})
		<-s.Done()
		if d, ok := (<-told).(*wire.Disconnect); !ok || d.Code != wire.ProtocolError {
			t.Errorf("the server was told %+v, want DISCONNECT with Protocol Error", d)
		}
	}
}
