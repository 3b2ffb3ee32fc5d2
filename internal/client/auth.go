package client

import (
	"errors"
	"fmt"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/mqx-cli/mqx/internal/wire"
)

// ErrAuthentication means that enhanced authentication came to no good end on our side: the Server did not prove who it is.
var ErrAuthentication = errors.New("authentication failed")

// Authentication is enhanced authentication (MQTT 5, 4.12), which each connection begins anew.
type Authentication interface {
	// Method is the Authentication Method.
	Method() string
	// Begin starts an exchange.
	Begin() Exchange
}

// Exchange is one run of an Authentication Method. It is used by one goroutine at a time.
type Exchange interface {
	// Step returns the Authentication Data that answers the Server's; for CONNECT there is none to answer to.
	Step(challenge []byte) ([]byte, error)
	// Finish checks the Authentication Data of the CONNACK that says Success.
	Finish(proof []byte) error
}

// authHandler answers AUTH packets during the handshake. It is the engine's Author.
type authHandler struct {
	connection *connection
	exchange   Exchange
	method     string
}

// HandleAuth implements link.Handler. Only what may be answered goes on to the engine.
func (c *connection) HandleAuth(p *wire.Auth) error {
	switch {
	case c.auth == nil:
		return authFault("no Authentication Method was asked for", "MQTT-4.12.0-6")
	case c.connack.Load() != nil:
		return authFault("nobody has asked to authenticate again", "section 4.12.1")
	case p.Code != wire.ContinueAuthentication:
		return authFault(fmt.Sprintf("%s (0x%02x) before CONNACK", p.Code, byte(p.Code)), "MQTT-4.12.0-2")
	case p.Properties.AuthenticationMethod != c.auth.method:
		return authFault("another Authentication Method than in CONNECT", "MQTT-4.12.0-5")
	}
	return nil
}

func authFault(msg, ref string) error {
	return &wire.Error{Code: wire.ProtocolError, Packet: wire.AUTH, Msg: msg, Ref: ref}
}

// Authenticate implements paho.Author. It cannot fail, so a failure ends the connection.
func (h *authHandler) Authenticate(p *paho.Auth) *paho.Auth {
	answer, err := h.exchange.Step(p.Properties.AuthData)
	if err != nil {
		h.connection.authErr.Store(&err)
		h.connection.conn.Fail(err)
	}
	return &paho.Auth{
		ReasonCode: packets.AuthContinueAuthentication,
		Properties: &paho.AuthProperties{AuthMethod: h.method, AuthData: answer},
	}
}

// Authenticated implements paho.Author. What CONNACK says is checked by the handshake.
func (h *authHandler) Authenticated() {}

// beginAuth puts the start of an exchange into CONNECT. Without Authentication there is none.
func beginAuth(o Options, connect *wire.Connect) (*authHandler, error) {
	if o.Authentication == nil {
		return nil, nil
	}
	h := &authHandler{exchange: o.Authentication.Begin(), method: o.Authentication.Method()}
	first, err := h.exchange.Step(nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
	p := wire.Properties{}
	if connect.Properties != nil {
		p = *connect.Properties
	}
	p.AuthenticationMethod, p.AuthenticationData = h.method, first
	connect.Properties = p.Set(wire.PropAuthenticationMethod).Set(wire.PropAuthenticationData)
	return h, nil
}

// finish checks what CONNACK says, and returns why the exchange has failed.
func (h *authHandler) finish(connack *wire.Connack) error {
	var proof []byte
	if connack.Properties != nil {
		proof = connack.Properties.AuthenticationData
	}
	if err := h.exchange.Finish(proof); err != nil {
		return fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
	return nil
}
