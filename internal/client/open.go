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
// [ErrConnectionLost] when it hangs up.
func Open(ctx context.Context, o Options) (*Session, error) {
	timeout := o.ConnectTimeout
	if timeout == 0 {
		timeout = defaultConnectTimeout
	}
	version, auto := o.Version, o.Version == 0
	if auto {
		version = wire.V5
	}
	s, err := attempt(ctx, o, version, timeout)
	if auto && canFallBack(o) && speaksOlder(err) {
		s, err = attempt(ctx, o, wire.V311, timeout)
	}
	return s, err
}

// canFallBack reports whether nothing was asked for that only MQTT 5 has.
func canFallBack(o Options) bool {
	return o.Properties.Empty() && (o.Will == nil || o.Will.Properties.Empty())
}

// speaksOlder reports whether the Server said, each in its way, that it does not speak MQTT 5.
func speaksOlder(err error) bool {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Code == wire.UnsupportedProtocolVersion
	}
	return errors.Is(err, link.ErrUnsupportedVersion) || errors.Is(err, link.ErrNoAnswer)
}

func attempt(ctx context.Context, o Options, v wire.Version, timeout time.Duration) (*Session, error) {
	connect := connectPacket(o, v)
	if _, err := connect.Append(nil, v); err != nil {
		return nil, fmt.Errorf("CONNECT: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	nc, err := dial(ctx, o)
	if err != nil {
		return nil, err
	}
	l := newLane(connect, o.MaxInflight)
	l.conn = link.NewConn(nc, link.Config{Connect: connect, Handler: l, Trace: o.Trace})
	s := &Session{lane: l, conn: l.conn}
	s.engine = paho.NewClient(paho.ClientConfig{
		Conn:               l.conn,
		Session:            &requests{},
		PingHandler:        &pinger{conn: l.conn, lane: l},
		PacketTimeout:      engineTimeout,
		OnServerDisconnect: func(*paho.Disconnect) {},
		OnPublishReceived:  []func(paho.PublishReceived) (bool, error){unused},
	})
	if err := s.handshake(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func dial(ctx context.Context, o Options) (net.Conn, error) {
	if o.Dial != nil {
		return o.Dial(ctx)
	}
	return link.Dial(ctx, o.Target)
}

func connectPacket(o Options, v wire.Version) *wire.Connect {
	p := &wire.Connect{
		Version: v, CleanStart: !o.ResumeSession, KeepAlive: o.KeepAlive, ClientID: o.ClientID,
		Will: o.Will, Properties: o.Properties,
		HasPassword: o.Password != nil, Password: o.Password,
	}
	if v == wire.V5 && o.ResumeSession && !p.Properties.Has(wire.PropSessionExpiryInterval) {
		p.Properties = keepForEver(p.Properties)
	}
	if o.Username != nil {
		p.HasUsername, p.Username = true, *o.Username
	}
	return p
}

// keepForEver gives MQTT 5 what Clean Session 0 means below: without an interval, a Session ends with its connection.
func keepForEver(p *wire.Properties) *wire.Properties {
	var q wire.Properties
	if p != nil {
		q = *p
	}
	q.SessionExpiryInterval = math.MaxUint32
	return q.Set(wire.PropSessionExpiryInterval)
}

// handshake sends CONNECT and reads CONNACK. What goes over the wire is the lane's CONNECT; the engine is given one that
// keeps its own buffers small.
func (s *Session) handshake(ctx context.Context) error {
	one := uint16(1)
	_, err := s.engine.Connect(ctx, &paho.Connect{
		CleanStart: true, Properties: &paho.ConnectProperties{ReceiveMaximum: &one},
	})
	switch ca := s.lane.connack.Load(); {
	case err == nil:
		return nil
	case ca != nil && ca.Code.IsError():
		return &RefusedError{
			Packet: wire.CONNECT, Code: ca.Code,
			Reason: reasonString(ca.Properties), ServerReference: serverReference(ca.Properties),
		}
	case errors.Is(err, context.DeadlineExceeded):
		return ErrNoConnack
	case errors.Is(err, context.Canceled):
		return err
	default:
		return s.lane.connectError(err)
	}
}

// unused keeps the engine from making a router of its own: the lane takes every PUBLISH before the engine could see it.
func unused(paho.PublishReceived) (bool, error) { return true, nil }
