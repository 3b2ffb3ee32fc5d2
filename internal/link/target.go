// Package link connects to a Server: [Dial] makes the network connection, and [Conn] carries packets over it.
//
// A Conn is the [net.Conn] under the client engine and, at the same time, the lane for messages. Outbound packets of both
// gather in one buffer that goes to the kernel as soon as it is idle. Inbound, every PUBLISH and acknowledgement is
// decoded here and given to a [Handler]; the engine sees the rest, always as MQTT 5, whatever level the Server speaks.
package link

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Target is the address of a Server, and the way there.
type Target struct {
	// Host is a DNS name or an IP address, without brackets.
	Host string
	// Port is 1 to 65535.
	Port int
	// Unix is the path of a Unix socket; Host, Port, TLS, WebSocket, Proxy and Bind mean nothing then.
	Unix string
	// TLS is nil for a plain connection. An empty ServerName is filled in from Host.
	TLS *tls.Config
	// WebSocket is nil for MQTT directly on the connection.
	WebSocket *WebSocket
	// Proxy is nil, or the URL of a proxy: its scheme is socks5, socks5h, http or https, and it may hold credentials. The
	// proxy resolves Host.
	Proxy *url.URL
	// Bind is the IP address to connect from; empty for any.
	Bind string
}

// WebSocket is where on an HTTP server MQTT is spoken.
type WebSocket struct {
	// Path begins with a slash and may have a query.
	Path string
	// Header is sent with the request.
	Header http.Header
}

// String returns the address as a URL without credentials: "mqtt://localhost:1883". A query is left out, too, since it may
// hold a token.
func (t Target) String() string {
	switch {
	case t.Unix != "":
		return "unix://" + t.Unix
	case t.WebSocket != nil:
		path, _, _ := strings.Cut(t.WebSocket.Path, "?")
		return t.scheme("ws") + "://" + t.address() + path
	default:
		return t.scheme("mqtt") + "://" + t.address()
	}
}

func (t Target) scheme(plain string) string {
	if t.TLS != nil {
		return plain + "s"
	}
	return plain
}

func (t Target) address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }
