// Package link connects to a Server: [Dial] makes the network connection, and [Conn] carries packets over it.
//
// A Conn is the [net.Conn] under the client engine and, at the same time, the lane for messages. Outbound packets of both
// gather in one buffer that goes to the kernel as soon as it is idle. Inbound, every PUBLISH and acknowledgement is
// decoded here and given to a [Handler]; the engine sees the rest, always as MQTT 5, whatever level the Server speaks.
package link

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
)

// Target is the address of a Server.
type Target struct {
	// Host is a DNS name or an IP address, without brackets.
	Host string
	// Port is 1 to 65535.
	Port int
	// TLS is nil for a plain connection. An empty ServerName is filled in from Host.
	TLS *tls.Config
}

// String returns the address as a URL without credentials: "mqtt://localhost:1883".
func (t Target) String() string {
	scheme := "mqtt"
	if t.TLS != nil {
		scheme = "mqtts"
	}
	return scheme + "://" + t.address()
}

func (t Target) address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

// Dial opens the network connection to t, TLS handshake included. Every failure is a [*DialError].
func Dial(ctx context.Context, t Target) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", t.address())
	if err != nil {
		return nil, newDialError(t, err)
	}
	if t.TLS == nil {
		return nc, nil
	}
	cfg := t.TLS
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName = t.Host
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, newDialError(t, err)
	}
	return tc, nil
}
