package link_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
)

// issueAs makes a certificate that template says more about.
func (a *authority) issueAs(template x509.Certificate) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	template.SerialNumber, template.NotAfter = big.NewInt(3), time.Now().Add(time.Hour)
	template.Subject = pkix.Name{CommonName: "localhost"}
	der, err := x509.CreateCertificate(rand.Reader, &template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS makes the handshake and reads until the end.
func serveTLS(t *testing.T, cfg *tls.Config) int {
	t.Helper()
	return listen(t, func(c net.Conn) {
		tc := tls.Server(c, cfg)
		if tc.HandshakeContext(t.Context()) == nil {
			_, _ = io.Copy(io.Discard, tc)
			return
		}
		_, _ = io.Copy(io.Discard, c) // a connection with unread input would be reset, and the alert with it
	})
}

// dialTLS returns why a connection is refused, in the handshake or with the first read.
func dialTLS(t *testing.T, port int, cfg *tls.Config) *link.DialError {
	t.Helper()
	target := link.Target{Host: "localhost", Port: port, TLS: cfg}
	c, err := link.Dial(t.Context(), target)
	if err == nil {
		_, err = c.Read(make([]byte, 1))
		_ = c.Close()
		return link.AfterHandshake(target, err)
	}
	d, _ := errors.AsType[*link.DialError](err)
	return d
}

func TestServersThatRefuseTLSAreToldApart(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := []tls.Certificate{ca.issue("localhost", -time.Hour, time.Hour)}
	stranger := []tls.Certificate{other.issue("me", -time.Hour, time.Hour)}
	old := []tls.Certificate{ca.issue("me", -2*time.Hour, -time.Hour)}
	mutual := func(version uint16) *tls.Config {
		return &tls.Config{Certificates: good, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(), MinVersion: version, MaxVersion: version}
	}
	tests := map[string]struct {
		server, client *tls.Config
		problem, hint  string
	}{
		"no client certificate, TLS 1.3":       {mutual(tls.VersionTLS13), &tls.Config{}, "the server wants a client certificate", "--cert"},
		"no client certificate, TLS 1.2":       {mutual(tls.VersionTLS12), &tls.Config{}, "the server refused the TLS handshake", "--cert"},
		"a stranger's certificate, TLS 1.3":    {mutual(tls.VersionTLS13), &tls.Config{Certificates: stranger}, "the server does not accept the client certificate", "authority"},
		"a stranger's certificate, TLS 1.2":    {mutual(tls.VersionTLS12), &tls.Config{Certificates: stranger}, "the server does not accept the client certificate", "authority"},
		"an expired client certificate":        {mutual(tls.VersionTLS13), &tls.Config{Certificates: old}, "the server does not accept the client certificate", ""},
		"only TLS 1.2 there, 1.3 asked for":    {&tls.Config{Certificates: good, MaxVersion: tls.VersionTLS12}, &tls.Config{MinVersion: tls.VersionTLS13}, "the server does not speak TLS 1.3", "--tls-version"},
		"only TLS 1.1 there":                   {&tls.Config{Certificates: good, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, &tls.Config{MinVersion: tls.VersionTLS12}, "the server speaks neither TLS 1.2 nor TLS 1.3", "updated"},
		"another application protocol":         {&tls.Config{Certificates: good, NextProtos: []string{"h2"}}, &tls.Config{NextProtos: []string{"mqtt", "x"}}, "the server speaks none of the application protocols mqtt, x", "--alpn"},
		"a certificate without an alt name":    {&tls.Config{Certificates: []tls.Certificate{ca.issueAs(x509.Certificate{})}}, &tls.Config{}, `certificate is not valid for "localhost" (CN=localhost)`, "no subject alternative name"},
		"a certificate for other names":        {&tls.Config{Certificates: []tls.Certificate{ca.issueAs(x509.Certificate{DNSNames: []string{"a", "b"}, IPAddresses: []net.IP{{192, 0, 2, 1}}})}}, &tls.Config{}, `certificate is not valid for "localhost" (CN=localhost)`, "--sni: a, b, 192.0.2.1"},
		"a certificate that is for clients":    {&tls.Config{Certificates: []tls.Certificate{ca.issueAs(x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})}}, &tls.Config{}, "certificate is not one for servers (CN=localhost)", "serverAuth"},
		"a certificate of nobody that's known": {&tls.Config{Certificates: []tls.Certificate{other.issue("localhost", -time.Hour, time.Hour)}}, &tls.Config{}, "certificate signed by an unknown authority (CN=localhost)", "--cafile"},
	}
	for name, tt := range tests {
		tt.client.RootCAs = ca.pool()
		d := dialTLS(t, serveTLS(t, tt.server), tt.client)
		if d == nil || !strings.HasPrefix(d.Problem, tt.problem) || !strings.Contains(d.Hint, tt.hint) {
			t.Errorf("%s: got %v, want %s and a hint with %q", name, d, tt.problem, tt.hint)
		}
	}
}

// expiring is a context whose deadline is when its parent is cancelled.
type expiring struct{ context.Context } //nolint:containedctx // it is one

func (c expiring) Err() error {
	if c.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

func (expiring) Value(any) any { return nil } // what comes from it must not find its parent

func TestWhoDoesNotAnswerIsNamed(t *testing.T) {
	ca := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.issue("localhost", -time.Hour, time.Hour)}}
	client := &tls.Config{RootCAs: ca.pool()}
	asked := make(chan struct{}, 1)
	silent := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, c)
	})
	secure := listen(t, func(c net.Conn) {
		tc := tls.Server(c, server)
		_, _ = tc.Read(make([]byte, 1))
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, tc)
	})
	for name, tt := range map[string]struct {
		target  link.Target
		problem string
	}{
		"TLS":               {link.Target{Port: silent, TLS: client}, "no answer to the TLS handshake in time"},
		"WebSocket":         {link.Target{Port: silent, WebSocket: &link.WebSocket{Path: "/"}}, "no answer to the WebSocket request in time"},
		"WebSocket and TLS": {link.Target{Port: secure, TLS: client, WebSocket: &link.WebSocket{Path: "/"}}, "no answer to the WebSocket request in time"},
		"TLS below that":    {link.Target{Port: silent, TLS: client, WebSocket: &link.WebSocket{Path: "/"}}, "no answer to the TLS handshake in time"},
		"HTTP proxy":        {link.Target{Port: 1, Proxy: proxyURL(t, "http", "", silent)}, "through the proxy 127.0.0.1:"},
		"SOCKS proxy":       {link.Target{Port: 1, Proxy: proxyURL(t, "socks5h", "", silent)}, "through the proxy 127.0.0.1:"},
	} {
		tt.target.Host = "localhost"
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-asked; cancel() }()
		_, err := link.Dial(expiring{ctx}, tt.target)
		cancel()
		var d *link.DialError
		if !errors.As(err, &d) || !strings.HasPrefix(d.Problem, tt.problem) || !strings.Contains(d.Problem, "in time") || !strings.Contains(d.Hint, "--connect-timeout") {
			t.Errorf("%s: got %v, want %s", name, err, tt.problem)
		}
	}
}
