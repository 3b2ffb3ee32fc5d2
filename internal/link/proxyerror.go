package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// proxyStatusError is the answer of an HTTP proxy that opens no tunnel.
type proxyStatusError struct{ code int }

// Error says what it answered.
func (e *proxyStatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", e.code, http.StatusText(e.code)))
}

// proxyHint is the hint when the proxy is not what it is said to be.
const proxyHint = "check --proxy, or the environment; --proxy none connects directly"

// describeProxy puts into words what went wrong on the way through a proxy.
func describeProxy(t Target, err error) (problem, hint string) {
	proxied, ok := errors.AsType[*proxyError](err)
	if !ok {
		return "", ""
	}
	problem, hint = describeProxied(t, proxied.err)
	return "through the proxy " + proxied.proxy + ": " + problem, hint
}

func describeProxied(t Target, err error) (problem, hint string) {
	var status *proxyStatusError
	var op *net.OpError
	switch {
	case errors.As(err, &status):
		return describeProxyStatus(t, status)
	case errors.Is(err, context.Canceled):
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the proxy closed the connection", proxyHint
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time", "neither the proxy nor the broker may be reachable; check --proxy, or raise --connect-timeout"
	case strings.HasPrefix(err.Error(), "malformed HTTP"):
		return "what listens there is no HTTP proxy", proxyHint
	case errors.As(err, &op) && op.Op == "socks connect" && !isNetwork(op.Err):
		return describeSOCKS(t, op.Err.Error())
	}
	if problem, _ = describeCertificate(err); problem != "" {
		return problem, "an https proxy needs a certificate that the system trusts"
	}
	if problem, _ = describeTLS(Target{TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, err); problem != "" {
		return problem, "many a proxy speaks plain HTTP: --proxy http://" + t.Proxy.Host
	}
	if errors.As(err, &op) && op.Op == "socks connect" {
		err = op.Err
	}
	problem, hint = describeNetwork(Target{Host: t.Proxy.Hostname(), Bind: t.Bind}, err)
	if hint == brokerHint {
		hint = proxyHint
	}
	return problem, hint
}

// isNetwork tells failures of the way to the proxy from the proxy's own answers, which have no types.
func isNetwork(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	var number syscall.Errno
	return errors.As(err, &op) || errors.As(err, &dns) || errors.As(err, &number)
}

func describeProxyStatus(t Target, e *proxyStatusError) (problem, hint string) {
	switch {
	case e.code == http.StatusProxyAuthRequired && t.Proxy.User == nil:
		return "it wants a user name and a password", "write --proxy " + t.Proxy.Scheme + "://USER:PASSWORD@" + t.Proxy.Host
	case e.code == http.StatusProxyAuthRequired:
		return "it does not accept the user name and the password", "check --proxy; in the password write @ as %40, : as %3A, / as %2F and % as %25"
	case e.code == http.StatusForbidden, e.code == http.StatusMethodNotAllowed:
		return fmt.Sprintf("it allows no connection to %s (%s)", t.address(), e), "many proxies let only port 443 through, which brokers with wss:// often have"
	case e.code >= http.StatusInternalServerError:
		return fmt.Sprintf("it does not reach %s (%s)", t.address(), e), "check host and port as the proxy sees them"
	default:
		return "it answered " + e.Error(), proxyHint
	}
}

// describeSOCKS puts an answer of a SOCKS proxy into words: text is what golang.org/x/net calls it.
func describeSOCKS(t Target, text string) (problem, hint string) {
	reply, replied := strings.CutPrefix(text, "unknown error ")
	switch {
	case text == "no acceptable authentication methods" && t.Proxy.User == nil:
		return "it wants a user name and a password", "write --proxy " + t.Proxy.Scheme + "://USER:PASSWORD@" + t.Proxy.Host
	case text == "no acceptable authentication methods":
		return "it takes no user name and password", "leave them out of --proxy"
	case strings.HasPrefix(text, "username/password authentication failed"):
		return "it does not accept the user name and the password", "check --proxy; in the password write @ as %40, : as %3A, / as %2F and % as %25"
	case reply == "connection not allowed by ruleset":
		return "it allows no connection to " + t.address(), "ask who runs it"
	case replied:
		return fmt.Sprintf("it does not reach %s (%s)", t.address(), reply), "check host and port as the proxy sees them"
	case strings.HasPrefix(text, "unexpected protocol version"):
		return "what listens there is no SOCKS 5 proxy", proxyHint
	default:
		return text, ""
	}
}
