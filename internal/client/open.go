package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// defaultConnectTimeout is ConnectTimeout's default.
	defaultConnectTimeout = 10 * time.Second
	// engineTimeout keeps the engine's own time limits out of the way of the contexts.
	engineTimeout = 24 * time.Hour
)

// ErrNoConnack says that the Server took the connection but did not answer CONNECT in time.
var ErrNoConnack = errors.New("no CONNACK in time")

// Open connects and returns after CONNACK. It fails with a *[link.DialError] when the network connection cannot be made,
// a *[RefusedError] when the Server refuses, [ErrNoConnack] when it does not answer in time, and an error that wraps
// [ErrConnectionLost] when it hangs up. ctx bounds all attempts, and nothing after them.
func Open(ctx context.Context, o Options) (*Session, error) {
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	var outage Outage
	for wait := NewBackoff(o.Retry.MaxWait); ; {
		s, err := openOnce(ctx, o)
		outage.Attempts++
		outage.Err = err
		switch {
		case err == nil && outage.Attempts > 1:
			outage.BackAt, outage.SessionPresent = time.Now(), s.Caps().SessionPresent
			o.Retry.report(outage)
			return s, nil
		case err == nil, ctx.Err() != nil, outage.Attempts > o.Retry.Connect, o.Retry.ends(err):
			return s, err
		}
		outage.Wait = wait.Next()
		o.Retry.report(outage)
		if err := pause(ctx, outage.Wait); err != nil {
			return nil, err
		}
	}
}

// openOnce makes one attempt, or two when the first shows an older Server.
func openOnce(ctx context.Context, o Options) (*Session, error) {
	version, auto := o.Version, o.Version == 0
	if auto {
		version = wire.V5
	}
	s, err := attempt(ctx, o, version)
	if auto && canFallBack(o) && speaksOlder(err) {
		s, err = attempt(ctx, o, wire.V311)
	}
	return s, err
}

// canFallBack reports whether nothing was asked for that only MQTT 5 has.
func canFallBack(o Options) bool {
	return o.Properties.Empty() && o.Authentication == nil && (o.Will == nil || o.Will.Properties.Empty())
}

// speaksOlder reports whether the Server said, each in its way, that it does not speak MQTT 5.
func speaksOlder(err error) bool {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Code == wire.UnsupportedProtocolVersion
	}
	return errors.Is(err, link.ErrUnsupportedVersion) || errors.Is(err, link.ErrNoAnswer)
}

func attempt(ctx context.Context, o Options, v wire.Version) (*Session, error) {
	o.Version = v
	s := &Session{options: o, lane: newLane(o)}
	c, err := s.connect(ctx, false)
	if err != nil {
		return nil, err
	}
	limit := min(int(c.caps.ReceiveMaximum), s.lane.maxInflight)
	qos2 := limit
	if v != wire.V5 && o.MaxInflight == 0 {
		qos2 = unannounced
	}
	s.lane.window.begin(limit, qos2)
	s.lane.cur.Store(c)
	s.assignedID = c.caps.ClientID
	if s.lane.reconnects {
		s.keepUp(ctx)
	}
	if err := s.publishBirth(ctx, c); err != nil {
		s.Abandon()
		return nil, err
	}
	return s, nil
}

// publishBirth announces the first connection. It must not end silently: others rely on it.
func (s *Session) publishBirth(ctx context.Context, c *connection) error {
	if c.announced.Birth == nil {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, s.options.ConnectTimeout)
	defer cancel()
	err := s.Publish(bounded, *c.announced.Birth)
	if bounded.Err() != nil && ctx.Err() == nil {
		return ErrNoAnswer
	}
	return err
}

// connect makes a connection. again says that there was one before.
func (s *Session) connect(ctx context.Context, again bool) (*connection, error) {
	o := s.options
	var announced Announcement
	if o.Announce != nil {
		announced = o.Announce(o.Version)
		o.Will = announced.Will
	}
	connect := connectPacket(o, o.Version)
	if again {
		connect.ClientID = s.assignedID
		connect.CleanStart = connect.CleanStart && !connect.Properties.Has(wire.PropSessionExpiryInterval)
	}
	if _, err := connect.Append(nil, o.Version); err != nil {
		return nil, fmt.Errorf("CONNECT: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	c, err := newConnection(ctx, s.lane, o, connect)
	if err != nil {
		return nil, err
	}
	c.announced = announced
	if err := c.handshake(ctx); err != nil {
		return nil, err
	}
	if o.AckTimeout > 0 {
		go (&ackWatch{connection: c, patience: o.AckTimeout}).run()
	}
	return c, nil
}

func dial(ctx context.Context, o Options) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx)
	}
	return link.Dial(ctx, o.Target)
}

func connectPacket(o Options, v wire.Version) *wire.Connect {
	p := &wire.Connect{
		Version: v, CleanStart: !o.ResumeSession || o.FreshSession && v == wire.V5, KeepAlive: o.KeepAlive, ClientID: o.ClientID,
		Will: o.Will, Properties: o.Properties,
		HasPassword: o.Password != nil, Password: o.Password,
	}
	if v == wire.V5 && o.ResumeSession && !p.Properties.Has(wire.PropSessionExpiryInterval) {
		p.Properties = keepFor(p.Properties, math.MaxUint32)
	}
	if holds(o, v) {
		p.Properties = keepFor(p.Properties, uint32(o.Retry.HoldSession/time.Second))
	}
	if o.Username != nil {
		p.HasUsername, p.Username = true, *o.Username
	}
	return p
}

// holds reports whether the Session is kept only to bridge an outage.
func holds(o Options, v wire.Version) bool {
	return v == wire.V5 && o.Retry.Reconnect > 0 && o.Retry.HoldSession >= time.Second && !o.ResumeSession &&
		!o.Properties.Has(wire.PropSessionExpiryInterval)
}

// keepFor sets the Session Expiry Interval in seconds: without one, a Session of MQTT 5 ends with its connection.
func keepFor(p *wire.Properties, seconds uint32) *wire.Properties {
	var q wire.Properties
	if p != nil {
		q = *p
	}
	q.SessionExpiryInterval = seconds
	return q.Set(wire.PropSessionExpiryInterval)
}

// unused keeps the engine from making a router of its own: the lane takes every PUBLISH before the engine could see it.
func unused(paho.PublishReceived) (bool, error) { return true, nil }
