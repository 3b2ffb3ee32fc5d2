package link

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

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
		nc, err = dialWebSocket(ctx, t)
	default:
		nc, err = dialSecure(ctx, t)
	}
	if err != nil {
		return nil, newDialError(t, err)
	}
	return nc, nil
}

// stageError is a failure after there was somebody who took the connection.
type stageError struct {
	stage string // what was asked of him
	err   error
}

// Error says at which stage it was.
func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }

// Unwrap returns the cause.
func (e *stageError) Unwrap() error { return e.err }

// The stages of a connection.
const (
	stageTLS       = "TLS handshake"
	stageWebSocket = "WebSocket request"
)

func dialWebSocket(ctx context.Context, t Target) (net.Conn, error) {
	// Below it is what it claims to be without TLS: the handshake has happened when HTTP begins.
	u := "ws://" + t.address() + t.WebSocket.Path
	if zone := strings.IndexByte(t.Host, '%'); zone >= 0 { // means nothing to the server (RFC 9110, 7.2)
		u = "ws://" + Target{Host: t.Host[:zone], Port: t.Port}.address() + t.WebSocket.Path
	}
	asked := false
	nc, err := wsconn.Dial(ctx, u, t.WebSocket.Header, func(ctx context.Context) (net.Conn, error) {
		nc, err := dialSecure(ctx, t)
		asked = err == nil
		return nc, err
	})
	if err != nil && asked {
		err = &stageError{stageWebSocket, err}
	}
	return nc, err
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
		cfg.ServerName, _, _ = strings.Cut(t.Host, "%") // a certificate has no zones
	}
	return handshake(ctx, nc, cfg)
}

func handshake(ctx context.Context, nc net.Conn, cfg *tls.Config) (net.Conn, error) {
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, &stageError{stageTLS, err}
	}
	return tc, nil
}

func dialTCP(ctx context.Context, t Target) (net.Conn, error) {
	var d net.Dialer // tries IPv6 and IPv4 side by side (RFC 8305)
	if t.Bind != "" {
		local, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(t.Bind, "0"))
		if err != nil {
			return nil, err
		}
		d.LocalAddr = local
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
