package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
	case u.Port() != "" && !validPort(u.Port()):
		return errors.New("the proxy's port is not from 1 to 65535")
	case u.User != nil && strings.HasPrefix(u.Scheme, "socks") && !validSOCKSUser(u.User):
		return errors.New("a SOCKS proxy takes a user name of 1 to 255 bytes and a password of 255 at most")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return errors.New("a proxy's URL ends with host and port")
	}
	return nil
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// validSOCKSUser reports whether RFC 1929 can say who the user is.
func validSOCKSUser(u *url.Userinfo) bool {
	password, _ := u.Password()
	return u.Username() != "" && len(u.Username()) <= 255 && len(password) <= 255
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
	head := &io.LimitedReader{R: nc, N: maxProxyHead}
	in := bufio.NewReader(head)
	code := http.StatusContinue
	for code < http.StatusOK { // there may be interim answers (RFC 9110, section 15.2)
		answer, err := http.ReadResponse(in, r)
		if err != nil {
			return nil, because(ctx, err)
		}
		code = answer.StatusCode // its body, if there is one, ends with the connection
	}
	if code >= http.StatusMultipleChoices {
		return nil, &proxyStatusError{code}
	}
	if in.Buffered() == 0 {
		return nc, nil
	}
	head.N = math.MaxInt64
	return &prefixed{Conn: nc, in: in}, nil
}

// maxProxyHead bounds the head of a proxy's answer, in bytes.
const maxProxyHead = 64 << 10

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
