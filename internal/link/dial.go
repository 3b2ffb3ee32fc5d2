package link

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/mqx-cli/mqx/internal/wsconn"
)

// Dial opens the network connection to t: through its proxy, TLS and WebSocket handshakes included. Every failure is a
// [*DialError].
func Dial(ctx context.Context, t Target) (net.Conn, error) {
	var nc net.Conn
	var err error
	switch {
	case t.Unix != "":
		var d net.Dialer
		nc, err = d.DialContext(ctx, "unix", t.Unix)
	case t.WebSocket != nil:
		// Below it is what it claims to be without TLS: the handshake has happened when HTTP begins.
		u := "ws://" + t.address() + t.WebSocket.Path
		nc, err = wsconn.Dial(ctx, u, t.WebSocket.Header, func(ctx context.Context) (net.Conn, error) { return dialSecure(ctx, t) })
	default:
		nc, err = dialSecure(ctx, t)
	}
	if err != nil {
		return nil, newDialError(t, err)
	}
	return nc, nil
}

// dialSecure connects by TCP, and makes a TLS connection of that if t asks for one.
func dialSecure(ctx context.Context, t Target) (net.Conn, error) {
	nc, err := dialTCP(ctx, t)
	if err != nil || t.TLS == nil {
		return nc, err
	}
	cfg := t.TLS
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName = t.Host
	}
	return handshake(ctx, nc, cfg)
}

func handshake(ctx context.Context, nc net.Conn, cfg *tls.Config) (net.Conn, error) {
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tc, nil
}

func dialTCP(ctx context.Context, t Target) (net.Conn, error) {
	var d net.Dialer // tries IPv6 and IPv4 side by side (RFC 8305)
	if t.Bind != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(t.Bind)}
	}
	if t.Proxy == nil {
		return d.DialContext(ctx, "tcp", t.address())
	}
	nc, err := dialProxy(ctx, &d, t)
	if err != nil {
		return nil, &proxyError{t.Proxy.Host, err}
	}
	return nc, nil
}
