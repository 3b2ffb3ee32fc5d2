package broker

import (
	"errors"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Authenticator offers enhanced authentication (section 4.12). Its methods are called from many goroutines.
type Authenticator interface {
	// Begin starts an exchange by an Authentication Method; nil when that is not offered.
	Begin(method string) Exchange
}

// Exchange is one run of an Authentication Method with one client. It is used by one goroutine.
type Exchange interface {
	// Step takes Authentication Data from the client and returns what the client is to be sent, and whether it has proved
	// who it is. An error ends the exchange: the client is refused with Reason Code NotAuthorized and is told nothing else.
	Step(data []byte) (reply []byte, done bool, err error)
	// Username is who the client is, once Step has said done.
	Username() string
}

// maxAuthSteps bounds the AUTH packets of one exchange.
const maxAuthSteps = 16

// errNotProven is what a client is told whose proof did not hold.
var errNotProven = refuse(wire.NotAuthorized, "access denied")

// authenticate runs the exchange that CONNECT asks for, and puts its end into CONNACK.
func (c *client) authenticate(p, connack *wire.Properties) error {
	if !p.Has(wire.PropAuthenticationMethod) {
		return nil
	}
	method := strings.Clone(p.AuthenticationMethod)
	x := c.begin(method)
	if x == nil {
		return refuse(wire.BadAuthenticationMethod, "authentication method %q", method) // [MQTT-4.12.0-1]
	}
	data, given := p.AuthenticationData, p.Has(wire.PropAuthenticationData)
	for range maxAuthSteps {
		reply, done, err := step(x, data, given)
		if err != nil {
			return err
		}
		if done {
			c.info.Username, c.info.Method = x.Username(), method
			connack.AuthenticationMethod, connack.AuthenticationData = method, reply
			connack.Set(wire.PropAuthenticationMethod)
			if len(reply) > 0 {
				connack.Set(wire.PropAuthenticationData)
			}

			return nil
		}
		if data, err = c.challenge(method, reply); err != nil {
			return err
		}
		given = true
	}

	return refuse(wire.NotAuthorized, "the authentication does not end")
}

func (c *client) begin(method string) Exchange {
	if c.b.cfg.Authenticator == nil {
		return nil
	}

	return c.b.cfg.Authenticator.Begin(method)
}

// step is Step, or asks for data when the client has sent none.
func step(x Exchange, data []byte, given bool) (reply []byte, done bool, err error) {
	if !given {
		return nil, false, nil
	}
	if reply, done, err = x.Step(data); err != nil {
		return nil, false, errNotProven
	}

	return reply, done, nil
}

// challenge sends AUTH before CONNACK and returns the data of the answer. Nothing but AUTH and DISCONNECT may come
// [MQTT-3.1.2-30].
func (c *client) challenge(method string, data []byte) ([]byte, error) {
	packet, err := newAuth(wire.ContinueAuthentication, method, data).Append(nil, c.info.Version)
	if err != nil {
		return nil, err
	}
	if !c.fits(len(packet)) {
		return nil, refuse(wire.PacketTooLarge, "AUTH has %d bytes", len(packet))
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(lingerTime)); err != nil {
		return nil, err
	}
	c.observeOwn(packet)
	if _, err := c.conn.Write(packet); err != nil {
		return nil, err
	}
	first, body, err := c.in.Next()
	if err != nil {
		return nil, err
	}
	if c.b.watched() {
		c.observe(false, first, body)
	}
	answer, err := wire.Decode(c.info.Version, first, body)
	if err != nil {
		return nil, err
	}
	switch p := answer.(type) {
	case *wire.Auth:
		return p.Properties.AuthenticationData, checkAuth(p, wire.ContinueAuthentication, method)
	case *wire.Disconnect:
		return nil, errLeft
	default:
		return nil, refuse(wire.ProtocolError, "%s during authentication", answer.Type())
	}
}

// errLeft is a client that sent DISCONNECT before it was let in: there is nothing to answer.
var errLeft = errors.New("client sent DISCONNECT during authentication")

// checkAuth requires an AUTH packet of a client to carry on with its method [MQTT-4.12.0-3] [MQTT-4.12.0-5].
func checkAuth(p *wire.Auth, code wire.ReasonCode, method string) error {
	switch {
	case p.Code != code:
		return refuse(wire.ProtocolError, "AUTH with Reason Code 0x%02X", byte(p.Code))
	case !p.Properties.Has(wire.PropAuthenticationMethod) || p.Properties.AuthenticationMethod != method:
		return refuse(wire.ProtocolError, "AUTH by another method than CONNECT")
	default:
		return nil
	}
}

func newAuth(code wire.ReasonCode, method string, data []byte) *wire.Auth {
	props := &wire.Properties{AuthenticationMethod: method, AuthenticationData: data}
	props.Set(wire.PropAuthenticationMethod)
	if len(data) > 0 {
		props.Set(wire.PropAuthenticationData)
	}

	return &wire.Auth{Code: code, Properties: props}
}

// handleAuth is for AUTH from a connected client: it authenticates again (section 4.12.1).
func (c *client) handleAuth(p *wire.Auth) error {
	if c.info.Method == "" {
		return refuse(wire.ProtocolError, "AUTH from a client that connected without a method") // [MQTT-4.12.0-7]
	}
	want := wire.ContinueAuthentication
	if c.exchange == nil {
		want = wire.ReAuthenticate
	}
	if err := checkAuth(p, want, c.info.Method); err != nil {
		return err
	}
	if c.exchange == nil {
		c.exchange, c.authSteps = c.begin(c.info.Method), 0
	}
	if c.authSteps++; c.exchange == nil || c.authSteps > maxAuthSteps {
		return errNotProven
	}
	given := want == wire.ContinueAuthentication || p.Properties.Has(wire.PropAuthenticationData)
	reply, done, err := step(c.exchange, p.Properties.AuthenticationData, given)
	if err != nil {
		return err // [MQTT-4.12.1-2]
	}
	code := wire.ContinueAuthentication
	if done {
		if c.exchange.Username() != c.info.Username {
			return errNotProven
		}
		c.exchange, code = nil, wire.Success
	}
	c.send(newAuth(code, c.info.Method, reply))

	return nil
}
