package link

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// describeTLS puts into words what went wrong in the TLS handshake with t.
func describeTLS(t Target, err error) (problem, hint string) {
	cfg := t.TLS
	if cfg == nil {
		return "", ""
	}
	if problem, hint = describeCertificate(err); problem != "" {
		return problem, hint
	}
	if text := alertText(err); text != "" {
		return describeAlert(cfg, text)
	}
	var stage *stageError
	if !errors.As(err, &stage) || stage.stage != stageTLS {
		return "", ""
	}
	var record tls.RecordHeaderError
	switch text := stage.err.Error(); {
	case errors.As(err, &record):
		return "the server does not speak TLS on this port", withoutTLSHint(t)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection during the TLS handshake", "does this port speak TLS?"
	case strings.HasPrefix(text, "tls: server selected unsupported protocol version"):
		return describeAlert(cfg, alertVersion)
	case strings.HasPrefix(text, "tls: "):
		return "the TLS handshake failed: " + text[len("tls: "):], ""
	default:
		return "", ""
	}
}

// withoutTLSHint says how to connect without TLS, and where it may be.
func withoutTLSHint(t Target) string {
	if t.WebSocket != nil {
		return "without TLS it is ws://; or use the port for wss:// (often 443)"
	}
	return "leave out --tls, or use the TLS port (often 8883)"
}

// describeCertificate puts into words why the server's certificate was not accepted.
func describeCertificate(err error) (problem, hint string) {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return "certificate signed by an unknown authority" + subject(err, &verify),
			"give its CA with --cafile, or pass --insecure to test"
	case errors.As(err, &host):
		return fmt.Sprintf("certificate is not valid for %q%s", host.Host, subject(err, &verify)), namesHint(host.Certificate)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate " + validity(invalid) + subject(err, &verify), "renew it, or pass --insecure to test"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "certificate is not one for servers" + subject(err, &verify), "it needs the extended key usage serverAuth; --insecure tests without"
	case errors.As(err, &verify):
		return "certificate not accepted: " + strings.TrimPrefix(verify.Err.Error(), "x509: ") + subject(err, &verify), ""
	default:
		return "", ""
	}
}

// shownNames is how many names of a certificate a hint lists.
const shownNames = 4

// namesHint says by which names a server can be reached that has the certificate c.
func namesHint(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "it has no subject alternative name, and a common name does not count: it has to be issued anew; --insecure tests without"
	}
	more := ""
	if len(names) > shownNames {
		names, more = names[:shownNames], ", …"
	}
	return "connect by a name in the certificate, or give it with --sni: " + strings.Join(names, ", ") + more
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
	name := (*verify).UnverifiedCertificates[0].Subject.String()
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// alertText is the name of the alert by which the server ended TLS (RFC 8446, section 6), as crypto/tls has it; "" when err
// is something else.
func alertText(err error) string {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return ""
	}
	return strings.TrimPrefix(op.Err.Error(), "tls: ")
}

// alertVersion is the name of the alert protocol_version.
const alertVersion = "protocol version not supported"

// describeAlert puts an alert into words. With TLS 1.3, those about the client's certificate come after the handshake.
func describeAlert(cfg *tls.Config, text string) (problem, hint string) {
	own := len(cfg.Certificates) > 0
	switch text {
	case "certificate required":
		return "the server wants a client certificate", "give one with --cert and --key"
	case "bad certificate", "unsupported certificate", "unknown certificate", "unknown certificate authority", "access denied":
		if !own {
			return "the server wants a client certificate (" + text + ")", "give one with --cert and --key"
		}
		return "the server does not accept the client certificate (" + text + ")", "give one of an authority that the server trusts"
	case "revoked certificate", "expired certificate":
		return "the server does not accept the client certificate: it is " + strings.TrimSuffix(text, " certificate"), "renew it"
	case alertVersion:
		if cfg.MinVersion == tls.VersionTLS13 {
			return "the server does not speak TLS 1.3", "leave out --tls-version to allow TLS 1.2"
		}
		return "the server speaks neither TLS 1.2 nor TLS 1.3", "older versions are not safe: the server has to be updated"
	case "no application protocol":
		if len(cfg.NextProtos) > 0 {
			return fmt.Sprintf("the server speaks none of the application protocols %s", strings.Join(cfg.NextProtos, ", ")), "check --alpn"
		}
		return "the server wants an application protocol to be named", "often it is --alpn mqtt"
	case "unrecognized name":
		return "the server does not know the name that is asked for", "check the host, or --sni"
	case "handshake failure":
		if own {
			return "the server refused the TLS handshake", "it does not accept the client certificate, or has no cipher suite in common"
		}
		return "the server refused the TLS handshake", "it wants a client certificate (--cert, --key), or has no cipher suite in common"
	default:
		return "the server ended the TLS handshake: " + text, ""
	}
}

// AfterHandshake returns why a TLS connection to t was refused when the server did so after the handshake, as it judges a
// client's certificate in TLS 1.3 (RFC 8446, section 4.4.2.4). It returns nil when err is something else.
func AfterHandshake(t Target, err error) *DialError {
	if t.TLS == nil || alertText(err) == "" {
		return nil
	}
	e := &DialError{Target: t, Err: err}
	e.Problem, e.Hint = describeAlert(t.TLS, alertText(err))
	return e
}
