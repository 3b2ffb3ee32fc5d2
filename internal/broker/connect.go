package broker

import (
	"crypto/rand"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// connect reads CONNECT and answers it. After an error the connection has no Session and is to be closed.
func (c *client) connect() error {
	defer c.opened()
	if err := c.conn.SetReadDeadline(time.Now().Add(c.b.cfg.ConnectTimeout)); err != nil {
		return err
	}
	first, body, err := c.in.Next()
	if err != nil {
		if _, known := errors.AsType[*refusal](err); known {
			c.refuse(err)
		}

		return err
	}
	packet, err := wire.Decode(wire.V5, first, body)
	if err != nil {
		c.refuse(err)

		return err
	}
	p, ok := packet.(*wire.Connect)
	if !ok {
		return errors.New("the first packet is not CONNECT") // [MQTT-3.1.0-1]
	}
	c.info.Version, c.info.ID = p.Version, strings.Clone(p.ClientID)
	if c.b.watched() {
		if err := c.admitPacket(first, body); err != nil {
			return err
		}
	}
	var connack *wire.Properties
	if err = c.b.mayConnect(); err == nil {
		connack, err = c.accept(p)
	}
	if err == nil {
		err = c.checkSize(connack)
	}
	if err == nil {
		err = c.b.admit(c)
	}
	if err != nil {
		c.refuse(err)

		return err
	}
	c.in.SetMaxPacketSize(c.b.cfg.MaxPacketSize)
	if c.keepAlive == 0 {
		if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
	}

	c.join(p.CleanStart, connack)

	return nil
}

// refuse sends CONNACK with the reason that err holds. Below MQTT 5 there are five reasons; for others the connection is
// just closed.
func (c *client) refuse(err error) {
	if errors.Is(err, errLeft) {
		return
	}
	code := wire.UnspecifiedError
	var fault *wire.Error
	var refused *refusal
	switch {
	case errors.As(err, &fault):
		code = fault.Code
	case errors.As(err, &refused):
		code = refused.code
	}
	connack := wire.Connack{Code: code}
	if c.info.Version >= wire.V5 {
		connack.Properties = reasonString(err, c.maxPacket)
	} else {
		connack.Code = olderCode(code)
	}
	packet, err := connack.Append(nil, c.info.Version)
	if err != nil || !c.fits(len(packet)) || c.conn.SetWriteDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	c.observeOwn(packet)
	if _, err := c.conn.Write(packet); err == nil {
		linger(c.conn)
	}
}

// checkSize refuses a client that does not take our CONNACK. It must not be sent [MQTT-3.1.2-24], and there is no
// connection without it.
func (c *client) checkSize(props *wire.Properties) error {
	if c.maxPacket == 0 {
		return nil
	}
	packet, err := (&wire.Connack{Properties: props}).Append(nil, c.info.Version)
	if err == nil && !c.fits(len(packet)) {
		err = refuse(wire.PacketTooLarge, "CONNACK has %d bytes", len(packet))
	}

	return err
}

// fits reports whether the client takes a packet of that size.
func (c *client) fits(size int) bool { return c.maxPacket == 0 || size <= c.maxPacket }

// accept checks CONNECT, takes from it what the connection needs to know, and returns the properties of CONNACK.
func (c *client) accept(p *wire.Connect) (*wire.Properties, error) {
	connack := &wire.Properties{}
	c.info.Username = strings.Clone(p.Username)
	c.info.Addr, c.info.CommonName = c.conn.RemoteAddr(), commonName(c.conn)
	c.takeLimits(p)
	if err := c.authenticate(p.Properties, connack); err != nil {
		return nil, err
	}
	if c.info.ID == "" {
		c.info.ID = "auto-" + rand.Text()
		c.fault.Store(nil) // rules may be about that name
		connack.AssignedClientIdentifier = c.info.ID
		connack.Set(wire.PropAssignedClientIdentifier)
	}
	if code, ok := c.refusal(PacketEvent{Type: wire.CONNECT}); ok {
		return nil, refuse(code, "refused by a fault")
	}
	rights, code := c.b.cfg.Access.Authenticate(c.info, p)
	if code != wire.Success {
		return nil, refuse(code, "access denied")
	}
	c.rights = rights
	if w := p.Will; w != nil {
		if !topic.ValidName(w.Topic) || c.b.tooDeep(w.Topic) {
			return nil, refuse(wire.TopicNameInvalid, "invalid Will Topic")
		}
		if !c.mayPublish(w.Topic) {
			return nil, refuse(wire.NotAuthorized, "access denied to the Will Topic")
		}
	}
	c.will = newWill(c.info.ID, p.Will)
	c.announce(connack, p)

	return connack, nil
}

// takeLimits notes what the client asks for.
func (c *client) takeLimits(p *wire.Connect) {
	c.receiveMaximum = math.MaxUint16
	if p.Version < wire.V5 {
		if !p.CleanStart {
			c.expiry = never // section 3.1.2.4 of MQTT 3.1.1 knows no end
		}
	} else if p.Properties.Has(wire.PropSessionExpiryInterval) {
		c.expiry = p.Properties.SessionExpiryInterval
	}
	if p.Properties.Has(wire.PropReceiveMaximum) {
		c.receiveMaximum = int(p.Properties.ReceiveMaximum)
	}
	c.terse = p.Properties.Has(wire.PropRequestProblemInformation) && p.Properties.RequestProblemInformation == 0
	// TCP does not lose a message, but a fault may: then nobody is to depend on it.
	if p.Properties.Has(wire.PropTopicAliasMaximum) && c.b.faults.Load().Empty() {
		c.out.limit = min(p.Properties.TopicAliasMaximum, maxOutboundAliases)
	}
	if p.Properties.Has(wire.PropMaximumPacketSize) {
		c.maxPacket = int(p.Properties.MaximumPacketSize)
	}
}

// announce puts into CONNACK what differs from the defaults of the specification, and sets the Keep Alive.
func (c *client) announce(connack *wire.Properties, p *wire.Connect) {
	cfg, keepAlive := &c.b.cfg, p.KeepAlive
	if p.Version >= wire.V5 && cfg.MaxKeepAlive > 0 && (keepAlive == 0 || keepAlive > cfg.MaxKeepAlive) {
		keepAlive = cfg.MaxKeepAlive
		connack.ServerKeepAlive = keepAlive
		connack.Set(wire.PropServerKeepAlive)
	}
	c.keepAlive = time.Duration(keepAlive) * time.Second * 3 / 2 // [MQTT-3.1.2-22]
	if cfg.ReceiveMaximum != math.MaxUint16 {
		connack.ReceiveMaximum = cfg.ReceiveMaximum
		connack.Set(wire.PropReceiveMaximum)
	}
	if cfg.MaxPacketSize < maxPacket {
		connack.MaximumPacketSize = cfg.MaxPacketSize
		connack.Set(wire.PropMaximumPacketSize)
	}
	connack.TopicAliasMaximum = topicAliasMaximum
	connack.Set(wire.PropTopicAliasMaximum)
	c.announceCondition(connack)
}

// join gives the connection its Session and sends CONNACK.
func (c *client) join(cleanStart bool, props *wire.Properties) {
	present := c.b.open(c, cleanStart)
	connack := wire.Connack{SessionPresent: present && c.info.Version > wire.V31}
	if c.info.Version >= wire.V5 {
		connack.Properties = props
	}
	c.session.attach(c, &connack)
	c.b.counters.connections.Add(1)
	c.b.emit(Event{Kind: ClientConnected, ClientID: c.info.ID})
}
