package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mqx-cli/mqx/internal/wsconn"
)

// DialError is a network connection that could not be made. Its text has no address: Target says where.
type DialError struct {
	Target Target
	// Problem says in words what went wrong.
	Problem string
	// Hint says what to try next, often empty.
	Hint string
	// Err is the cause.
	Err error
}

// Error returns the problem in words.
func (e *DialError) Error() string { return e.Problem }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

func newDialError(t Target, err error) *DialError {
	e := &DialError{Target: t, Err: err}
	if proxied, ok := errors.AsType[*proxyError](err); ok {
		e.Problem, e.Hint = describeProxy(t, proxied)
		return e
	}
	for _, describe := range []func(Target, error) (problem, hint string){describeTLS, describeWebSocket, describeNetwork} {
		if e.Problem, e.Hint = describe(t, err); e.Problem != "" {
			return e
		}
	}
	return e
}

func describeProxy(t Target, err *proxyError) (problem, hint string) {
	cause := err.err
	var op *net.OpError
	if errors.As(cause, &op) && op.Op == "socks connect" {
		cause = op.Err
	}
	problem, hint = describeNetwork(Target{Host: t.Proxy.Hostname()}, cause)
	if hint == brokerHint {
		hint = "check --proxy"
	}
	return "through the proxy " + err.proxy + ": " + problem, hint
}

func describeWebSocket(t Target, err error) (problem, hint string) {
	if t.WebSocket == nil {
		return "", ""
	}
	var status *wsconn.StatusError
	switch {
	case errors.As(err, &status) && status.Code == http.StatusNotFound:
		return status.Error(), "check the path of the URL or --ws-path; many brokers have MQTT at /mqtt"
	case errors.As(err, &status):
		return status.Error(), ""
	case errors.Is(err, wsconn.ErrSubprotocol):
		return err.Error(), ""
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "what listens there does not speak HTTP", "MQTT over WebSocket often has a port of its own; leave out ws:// for plain MQTT"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "server closed idle connection"): // what net/http calls it when the end comes before the request
		return "the server closed the connection during the WebSocket handshake", "does this port speak WebSocket?"
	default:
		return "", ""
	}
}

// brokerHint is the hint when nobody listens.
const brokerHint = "is a broker listening there? `mqx broker` starts one"

func describeNetwork(t Target, err error) (problem, hint string) {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted", ""
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no such host %q", t.Host), "check the spelling, or the name server"
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot resolve %q: %s", t.Host, dns.Err), ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time", "check host, port and firewall, or raise --connect-timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", brokerHint
	case t.Unix != "" && errors.Is(err, fs.ErrNotExist):
		return "there is no such socket", brokerHint
	case errors.Is(err, syscall.EADDRNOTAVAIL) && t.Bind != "":
		return "this machine does not have the address " + t.Bind, "check --bind"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host", "check the network"
	case errors.As(err, &op):
		return op.Err.Error(), ""
	default:
		return err.Error(), ""
	}
}

func describeTLS(t Target, err error) (problem, hint string) {
	if t.TLS == nil {
		return "", ""
	}
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return "certificate signed by an unknown authority" + subject(err, &verify),
			"give its CA with --cafile, or pass --insecure to test"
	case errors.As(err, &host):
		return fmt.Sprintf("certificate is not valid for %q%s", host.Host, subject(err, &verify)),
			"connect by a name in the certificate, or give it with --sni"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate " + validity(invalid) + subject(err, &verify), "renew it, or pass --insecure to test"
	case errors.As(err, &verify):
		return "certificate not accepted: " + verify.Err.Error(), ""
	case errors.As(err, &record):
		return "the server does not speak TLS on this port", "leave out --tls, or use the TLS port (often 8883)"
	case errors.As(err, &alert):
		return "the server refused the TLS handshake: " + alert.Error(), "a client certificate may be missing (--cert, --key)"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the server closed the connection during the TLS handshake", "does this port speak TLS?"
	default:
		return "", ""
	}
}

// validity tells an expired certificate from one that is not valid yet: x509 reports both as Expired.
func validity(e x509.CertificateInvalidError) string {
	const day = "2006-01-02"
	switch {
	case e.Cert == nil:
		return "expired"
	case time.Now().Before(e.Cert.NotBefore):
		return "is not valid before " + e.Cert.NotBefore.Format(day)
	default:
		return "expired on " + e.Cert.NotAfter.Format(day)
	}
}

func subject(err error, verify **tls.CertificateVerificationError) string {
	if !errors.As(err, verify) || len((*verify).UnverifiedCertificates) == 0 {
		return ""
	}
	return " (" + (*verify).UnverifiedCertificates[0].Subject.String() + ")"
}
