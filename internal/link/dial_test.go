package link_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority is a certificate authority made for one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue makes a certificate for the host that is valid from and until so long after now.
func (a *authority) issue(host string, from, until time.Duration) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// listen accepts connections on loopback until the test ends and hands each to serve.
func listen(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

func TestDialOverTLS(t *testing.T) {
	ca := newAuthority(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.issue("localhost", -time.Hour, time.Hour)}}
	port := listen(t, func(c net.Conn) {
		tc := tls.Server(c, server)
		_, _ = io.Copy(tc, tc)
		tc.Close()
	})
	target := link.Target{Host: "localhost", Port: port, TLS: &tls.Config{RootCAs: ca.pool()}}
	c, err := link.Dial(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if target.TLS.ServerName != "" {
		t.Error("Dial changed its argument")
	}
}

func TestEachTLSFailureHasItsOwnSentence(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := ca.issue("localhost", -time.Hour, time.Hour)
	tests := map[string]struct {
		server  *tls.Config // nil: not TLS at all
		client  *tls.Config
		problem string
	}{
		"expired": {
			&tls.Config{Certificates: []tls.Certificate{ca.issue("localhost", -48*time.Hour, -time.Hour)}},
			&tls.Config{RootCAs: ca.pool()}, `^certificate expired on \d{4}-\d\d-\d\d \(CN=localhost\)$`,
		},
		"not valid yet": {
			&tls.Config{Certificates: []tls.Certificate{ca.issue("localhost", 48*time.Hour, 72*time.Hour)}},
			&tls.Config{RootCAs: ca.pool()}, `^certificate is not valid before \d{4}-\d\d-\d\d \(CN=localhost\)$`,
		},
		"wrong host": {
			&tls.Config{Certificates: []tls.Certificate{ca.issue("broker.example", -time.Hour, time.Hour)}},
			&tls.Config{RootCAs: ca.pool()}, `^certificate is not valid for "localhost" \(CN=broker.example\)$`,
		},
		"unknown CA": {
			&tls.Config{Certificates: []tls.Certificate{good}},
			&tls.Config{RootCAs: other.pool()}, `^certificate signed by an unknown authority \(CN=localhost\)$`,
		},
		"not TLS": {nil, &tls.Config{RootCAs: ca.pool()}, `^the server does not speak TLS on this port$`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			port := listen(t, func(c net.Conn) {
				if tt.server == nil {
					_, _ = c.Write([]byte("220 not a TLS server\r\n"))
					_, _ = io.Copy(io.Discard, c)
					return
				}
				_ = tls.Server(c, tt.server).HandshakeContext(t.Context())
			})
			_, err := link.Dial(t.Context(), link.Target{Host: "localhost", Port: port, TLS: tt.client})
			var d *link.DialError
			if !errors.As(err, &d) || !regexp.MustCompile(tt.problem).MatchString(d.Problem) || d.Hint == "" {
				t.Errorf("got %v, want %s and a hint", err, tt.problem)
			}
		})
	}
}

func TestDialFailuresAreToldApart(t *testing.T) {
	closed := listen(t, func(net.Conn) {})
	const refused = 1 // nobody listens there: a port that was free a moment ago may be somebody's by now
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx     context.Context //nolint:containedctx // a row of a table
		target  link.Target
		problem string
	}{
		"refused":      {t.Context(), link.Target{Host: "127.0.0.1", Port: refused}, `^connection refused$`},
		"no such host": {t.Context(), link.Target{Host: "no-such-host.invalid", Port: 1}, `no-such-host.invalid`},
		"interrupted":  {canceled, link.Target{Host: "127.0.0.1", Port: refused}, `^interrupted$`},
		"closed in the handshake": {
			t.Context(),
			link.Target{Host: "127.0.0.1", Port: closed, TLS: &tls.Config{}},
			`^the server closed the connection during the TLS handshake$`,
		},
	}
	for name, tt := range tests {
		_, err := link.Dial(tt.ctx, tt.target)
		var d *link.DialError
		if !errors.As(err, &d) || !regexp.MustCompile(tt.problem).MatchString(d.Problem) {
			t.Errorf("%s: got %v, want %s", name, err, tt.problem)
		}
	}
}

func TestWhatNameServersSayHasNoAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"read udp 127.0.0.1:46047->127.0.0.1:53: read: connection refused": `cannot resolve "h": the name server cannot be asked (connection refused)`,
		"server misbehaving": `cannot resolve "h": server misbehaving`,
	} {
		err := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: text, Name: "h"}}
		if d := link.NewDialError(link.Target{Host: "h", Port: 1}, err); d.Problem != want || d.Hint == "" {
			t.Errorf("got %q, want %q", d.Problem, want)
		}
	}
	late := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "i/o timeout", Name: "h", IsTimeout: true}}
	if d := link.NewDialError(link.Target{Host: "h", Port: 1}, late); d.Problem != `no name server says in time where "h" is` {
		t.Errorf("got %q", d.Problem)
	}
}

func TestTheHintWithoutTLSFitsTheTransport(t *testing.T) {
	port := listen(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	for hint, ws := range map[string]*link.WebSocket{"--tls": nil, "ws://": {Path: "/"}} {
		_, err := link.Dial(t.Context(), link.Target{Host: "localhost", Port: port, TLS: &tls.Config{}, WebSocket: ws})
		var d *link.DialError
		if !errors.As(err, &d) || d.Problem != "the server does not speak TLS on this port" || !strings.Contains(d.Hint, hint) {
			t.Errorf("got %v, want a hint with %s", err, hint)
		}
	}
}

func TestTargetIsAURL(t *testing.T) {
	for want, target := range map[string]link.Target{
		"mqtt://localhost:1883": {Host: "localhost", Port: 1883},
		"mqtts://[::1]:8883":    {Host: "::1", Port: 8883, TLS: &tls.Config{}},
	} {
		if got := target.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
