package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

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
	for _, describe := range []func(Target, error) (problem, hint string){
		describeProxy, describeTLS, describeWebSocket, describeUnix, describeNetwork,
	} {
		if e.Problem, e.Hint = describe(t, err); e.Problem != "" {
			return e
		}
	}
	return e
}

func describeWebSocket(t Target, err error) (problem, hint string) {
	if t.WebSocket == nil {
		return "", ""
	}
	var status *wsconn.StatusError
	switch {
	case errors.As(err, &status):
		return status.Error(), statusHint(t, status)
	case errors.Is(err, wsconn.ErrSubprotocol), errors.Is(err, wsconn.ErrHandshake):
		return err.(*stageError).err.Error(), "" //nolint:errorlint,forcetypeassert // it is the outermost
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "what listens there does not speak HTTP", "MQTT over WebSocket often has a port of its own; leave out ws:// for plain MQTT"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "server closed idle connection"): // what net/http calls it when the end comes before the request
		return "the server closed the connection during the WebSocket handshake", "does this port speak WebSocket?" + plainHint(t)
	default:
		return "", ""
	}
}

// plainHint is what to try where a plain request for a WebSocket is not understood.
func plainHint(t Target) string {
	if t.TLS == nil {
		return " With TLS it is wss://"
	}
	return ""
}

// statusHint says what an HTTP status often means where a WebSocket was asked for.
func statusHint(t Target, e *wsconn.StatusError) string {
	switch {
	case e.Location != nil && e.Code >= 300 && e.Code < 400:
		to := *e.Location
		to.Scheme = strings.Replace(to.Scheme, "http", "ws", 1)
		if to.Host == "" {
			to.Scheme, to.Host = t.scheme("ws"), t.address()
		}
		return fmt.Sprintf("it points to %q: if that is right, connect there", to.String())
	case e.Code == http.StatusNotFound:
		return "check the path of the URL or --ws-path; many brokers have MQTT at /mqtt"
	case e.Code == http.StatusUnauthorized, e.Code == http.StatusForbidden:
		return "it may want a header (--ws-header 'Authorization: …') or a token in the URL; --username is for the broker"
	case e.Code == http.StatusBadRequest && t.TLS == nil:
		return "does this port want TLS (wss://)?"
	case e.Code == http.StatusBadRequest && len(t.TLS.Certificates) == 0:
		return "it may want a client certificate (--cert, --key)"
	case e.Code == http.StatusBadGateway, e.Code == http.StatusServiceUnavailable, e.Code == http.StatusGatewayTimeout:
		return "what answers stands in front of the broker and does not reach it"
	case e.Code < 300, e.Code == http.StatusUpgradeRequired:
		return "check the path and the port: this is a web server's answer"
	default:
		return ""
	}
}

// describeUnix puts into words why a Unix socket could not be used.
func describeUnix(t Target, err error) (problem, hint string) {
	if t.Unix == "" {
		return "", ""
	}
	info, statErr := os.Stat(t.Unix)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "no permission to use the socket", "check its mode and that of its directory"
	case errors.Is(err, syscall.EINVAL) && len(t.Unix) > maxUnix:
		return fmt.Sprintf("a path of %d bytes is too long for a Unix socket", len(t.Unix)), "the limit is about a hundred: use a shorter or a relative path"
	case statErr == nil && info.Mode()&fs.ModeSocket == 0:
		return "that is no socket", "check the path"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "there is no such socket", brokerHint
	case errors.Is(err, syscall.EPROTOTYPE):
		return "that is a socket of another kind", "check the path"
	default:
		return "", ""
	}
}

// maxUnix is how long the path of a Unix socket can be everywhere, in bytes.
const maxUnix = 100

// brokerHint is the hint when nobody listens.
const brokerHint = "is a broker listening there? `mqx broker` starts one"

func describeNetwork(t Target, err error) (problem, hint string) {
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted", ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return describeDeadline(t, err)
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no such host %q", t.Host), "check the spelling, or the name server"
	case errors.As(err, &dns) && dns.IsTimeout:
		return fmt.Sprintf("no name server says in time where %q is", t.Host), "check the network and the name server"
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot resolve %q: %s", t.Host, nameServerSays(dns)), "check the network and the name server"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", brokerHint
	case errors.Is(err, syscall.EADDRNOTAVAIL) && t.Bind != "":
		return "this machine does not have the address " + t.Bind, "check --bind"
	case t.Bind != "" && strings.HasSuffix(err.Error(), "no suitable address found"): // package net has no name for it
		return fmt.Sprintf("the host has no address that %s can reach", t.Bind), "IPv4 and IPv6 do not meet: check --bind"
	case errors.Is(err, syscall.EINVAL) && strings.Contains(t.Host, ":"):
		return describeZone(t.Host)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host", "check the network"
	case errors.Is(err, syscall.ECONNRESET):
		return "the other side closed the connection", ""
	case errors.As(err, &op):
		return op.Err.Error(), ""
	default:
		return err.Error(), ""
	}
}

// nameServerSays leaves out the addresses and system calls of a name server that cannot be asked.
func nameServerSays(err *net.DNSError) string {
	if i := strings.LastIndex(err.Err, ": "); i >= 0 {
		return "the name server cannot be asked (" + err.Err[i+2:] + ")"
	}
	return err.Err
}

// describeDeadline says who has not answered.
func describeDeadline(t Target, err error) (problem, hint string) {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("no name server says in time where %q is", t.Host), "check the network and the name server"
	}
	stage, ok := errors.AsType[*stageError](err)
	switch {
	case !ok:
		return "no answer in time", "check host, port and firewall, or raise --connect-timeout"
	case stage.stage == stageTLS:
		return "no answer to the TLS handshake in time", "does this port speak TLS? --connect-timeout waits longer"
	default:
		return "no answer to the WebSocket request in time", "does this port speak WebSocket? --connect-timeout waits longer"
	}
}

// describeZone says why an address of IPv6 could not be used as it is.
func describeZone(host string) (problem, hint string) {
	address, zone, found := strings.Cut(host, "%")
	if found {
		return fmt.Sprintf("this machine has no network interface %q", zone), "check the part after %"
	}
	return "a link-local address is one of a network interface", fmt.Sprintf("name it: --host %s%%eth0", address)
}
