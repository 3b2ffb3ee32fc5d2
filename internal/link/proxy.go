package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// proxyError is a failure on the way through a proxy.
type proxyError struct {
	proxy string
	err   error
}

// Error names the proxy.
func (e *proxyError) Error() string { return fmt.Sprintf("through proxy %s: %v", e.proxy, e.err) }

// Unwrap returns the cause.
func (e *proxyError) Unwrap() error { return e.err }

// CheckProxy returns an error when a proxy's URL cannot be used.
func CheckProxy(u *url.URL) error {
	switch {
	case defaultProxyPort(u.Scheme) == "":
		return errors.New("the scheme of a proxy is socks5h, socks5, http or https")
	case u.Hostname() == "":
		return errors.New("the proxy's host is missing")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return errors.New("a proxy's URL ends with host and port")
	}
	return nil
}

// defaultProxyPort returns "" for a scheme that is none of a proxy.
func defaultProxyPort(scheme string) string {
	switch scheme {
	case "socks5", "socks5h":
		return "1080"
	case "http":
		return "80"
	case "https":
		return "443"
	default:
		return ""
	}
}

// dialProxy connects to the proxy and has it connect to t.
func dialProxy(ctx context.Context, d *net.Dialer, t Target) (net.Conn, error) {
	u := t.Proxy
	port := u.Port()
	if port == "" {
		port = defaultProxyPort(u.Scheme)
	}
	at := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "socks5" || u.Scheme == "socks5h" {
		var auth *proxy.Auth
		if u.User != nil {
			password, _ := u.User.Password()
			auth = &proxy.Auth{User: u.User.Username(), Password: password}
		}
		s, err := proxy.SOCKS5("tcp", at, auth, d)
		if err != nil {
			return nil, err
		}
		return s.(proxy.ContextDialer).DialContext(ctx, "tcp", t.address())
	}
	nc, err := d.DialContext(ctx, "tcp", at)
	if err == nil && u.Scheme == "https" {
		nc, err = handshake(ctx, nc, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	}
	if err != nil {
		return nil, err
	}
	tunnel, err := connectTunnel(ctx, nc, t)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tunnel, nil
}

// connectTunnel asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6).
func connectTunnel(ctx context.Context, nc net.Conn, t Target) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: t.address()}, Host: t.address(), Header: http.Header{}}
	if user := t.Proxy.User; user != nil {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
		r.Header.Set("Proxy-Authorization", r.Header.Get("Authorization"))
		r.Header.Del("Authorization")
	}
	if err := r.Write(nc); err != nil {
		return nil, because(ctx, err)
	}
	in := bufio.NewReader(nc)
	answer, err := http.ReadResponse(in, r)
	if err != nil {
		return nil, because(ctx, err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered HTTP status %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	if in.Buffered() == 0 {
		return nc, nil
	}
	return &prefixed{Conn: nc, in: in}, nil
}

// because returns the end of ctx, if that is why a connection failed.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// prefixed is a connection of which some bytes were read ahead.
type prefixed struct {
	net.Conn

	in io.Reader
}

// Read reads what was read ahead, and then from the connection.
func (p *prefixed) Read(b []byte) (int, error) { return p.in.Read(b) }
