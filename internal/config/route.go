package config

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http/httpproxy"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
)

// The ports of WebSockets (RFC 6455, section 3).
const (
	portWS  = 80
	portWSS = 443
)

// defaultPath is where most brokers have MQTT over WebSocket.
const defaultPath = "/mqtt"

// resolveTransport finds out whether the connection is one to a Unix socket or a WebSocket.
func (c *Connection) resolveTransport(t *link.Target, a Address) error {
	t.Unix = a.Unix
	if c.given("unix") && c.Unix == "" {
		return usage(c.named("unix"), "it is empty")
	}
	if c.Unix != "" && c.Given["unix"] >= max(c.Given["url"], c.Given["host"], c.Given["port"]) {
		if other := c.firstGiven("url", "host", "port"); other != "" && c.Given[other] == c.Given["unix"] {
			return usage(c.named("unix"), "it excludes "+c.named(other))
		}
		t.Unix = c.Unix
	}
	if t.Unix != "" {
		t.Host, t.Port = "", 0
		for _, flag := range []string{"tls", "cafile", "capath", "cert", "key", "ws-path", "ws-header", "proxy", "bind"} {
			if c.given(flag) {
				return usage(c.named(flag), "it means nothing for a Unix socket")
			}
		}
		return nil
	}
	if !a.WebSocket && c.WSPath == "" && len(c.WSHeader) == 0 {
		return nil
	}
	ws, err := c.webSocket(a)
	t.WebSocket = ws
	return err
}

func (c *Connection) webSocket(a Address) (*link.WebSocket, error) {
	ws := &link.WebSocket{Path: a.Path, Header: http.Header{}}
	if c.given("ws-path") && (a.Path == "" || c.Given["ws-path"] >= c.Given["url"]) {
		ws.Path = c.WSPath
	}
	if ws.Path == "" || ws.Path[0] == '?' {
		ws.Path = defaultPath + ws.Path
	}
	if !strings.HasPrefix(ws.Path, "/") {
		ws.Path = "/" + ws.Path
	}
	if _, err := url.ParseRequestURI(ws.Path); err != nil || strings.ContainsFunc(ws.Path, notInPath) {
		return nil, usage("the path of the WebSocket", fmt.Sprintf("%q is malformed; write # as %%23 and a space as %%20", ws.Path))
	}
	for _, line := range c.WSHeader {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, usage(c.named("ws-header"), "Name:value is expected, in printable characters") // the value may be a secret
		}
		if isHandshake(name) {
			return nil, usage(c.named("ws-header"), name+" is set by mqx itself")
		}
		ws.Header.Add(name, value)
	}
	return ws, nil
}

// isHandshake reports whether a header is one of the WebSocket's handshake (RFC 6455, section 4.1).
func isHandshake(name string) bool {
	name = strings.ToLower(name)
	return name == "connection" || name == "upgrade" || strings.HasPrefix(name, "sec-websocket-")
}

// notInPath reports whether a URL cannot have r in its path or query (RFC 3986, section 3.3).
func notInPath(r rune) bool { return r <= ' ' || r == '#' || r >= 0x7F }

// resolveRoute finds the proxy and the address to connect from.
func (c *Connection) resolveRoute(t *link.Target) error {
	if t.Unix != "" {
		return nil
	}
	if c.Bind != "" {
		ip, err := net.ResolveIPAddr("ip", c.Bind)
		if err != nil {
			return usage(c.named("bind"), fmt.Sprintf("%q is no address of this machine", c.Bind))
		}
		t.Bind = ip.String()
	}
	var err error
	if c.given("proxy") {
		if c.Proxy == "" || c.Proxy == "none" {
			return nil
		}
		if t.Proxy, err = parseProxy(c.Proxy); err != nil {
			return exit.Wrap(exit.Usage, c.named("proxy"), "", err)
		}
		return nil
	}
	if t.Proxy, err = environmentProxy(*t, c.Environ); err != nil {
		return exit.Wrap(exit.Usage, "the proxy in the environment", "", err).Hint("--proxy none connects directly")
	}
	return nil
}

// parseProxy reads the URL of a proxy. An error shows no part of it, since it may hold a password.
func parseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || !strings.Contains(s, "://") {
		return nil, errProxyURL
	}
	u.Scheme = strings.ToLower(u.Scheme)
	return u, link.CheckProxy(u)
}

// environmentProxy returns the proxy that ALL_PROXY names, for WebSockets HTTP_PROXY or HTTPS_PROXY before it, unless
// NO_PROXY has the host. This machine is always reached directly.
func environmentProxy(t link.Target, getenv func(string) string) (*url.URL, error) {
	if getenv == nil {
		return nil, nil
	}
	first := func(names ...string) string {
		for _, n := range names {
			if v := getenv(n); v != "" {
				return v
			}
		}
		return ""
	}
	all := first("ALL_PROXY", "all_proxy")
	config := httpproxy.Config{HTTPProxy: all, HTTPSProxy: all, NoProxy: first("NO_PROXY", "no_proxy")}
	if t.WebSocket != nil {
		config.HTTPProxy = first("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
		config.HTTPSProxy = first("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
	}
	if config.HTTPProxy == "" && config.HTTPSProxy == "" {
		return nil, nil
	}
	u, value := &url.URL{Scheme: "http", Host: net.JoinHostPort(t.Host, fmt.Sprint(t.Port))}, config.HTTPProxy
	if t.TLS != nil {
		u.Scheme, value = "https", config.HTTPSProxy
	}
	readable := parsesAsProxy(value)
	if !readable { // httpproxy would go without: find out whether it matters here
		config.HTTPProxy, config.HTTPSProxy = "http://proxy", "http://proxy"
	}
	found, err := config.ProxyFunc()(u)
	if err != nil || found != nil && !readable {
		return nil, errProxyURL
	}
	if found == nil {
		return nil, nil
	}
	return found, link.CheckProxy(found)
}

// parsesAsProxy reports whether httpproxy can read a proxy's URL, which may lack the scheme.
func parsesAsProxy(s string) bool {
	if s == "" {
		return true
	}
	if u, err := url.Parse(s); err == nil && u.Scheme != "" && u.Host != "" {
		return true
	}
	_, err := url.Parse("http://" + s)
	return err == nil
}
