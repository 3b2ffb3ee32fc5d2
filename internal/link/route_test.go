package link_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wsconn"
)

// echoed dials, and expects to get back what it sends.
func echoed(t *testing.T, target link.Target) net.Conn {
	t.Helper()
	c, err := link.Dial(t.Context(), target)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("%s: got %q, %v", target, got, err)
	}
	return c
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// join copies both ways until one side ends.
func join(a, b net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(a, b); _ = a.Close() })
	wg.Go(func() { _, _ = io.Copy(b, a); _ = b.Close() })
	wg.Wait()
}

func dialTCP(address string) net.Conn {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil
	}
	return c
}

// httpProxy is a proxy that wants user and password.
func httpProxy(c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != "Basic dTpw" { // u:p
		_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return
	}
	target := dialTCP(r.Host)
	if target == nil {
		_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	join(c, target)
}

// socksProxy is a SOCKS 5 proxy (RFC 1928) without authentication. It must be given names, not addresses.
func socksProxy(c net.Conn) {
	b := make([]byte, 256)
	if _, err := io.ReadFull(c, b[:2]); err != nil {
		return
	}
	if _, err := io.ReadFull(c, b[:b[1]]); err != nil {
		return
	}
	_, _ = c.Write([]byte{5, 0})
	if _, err := io.ReadFull(c, b[:5]); err != nil || b[3] != 3 {
		return
	}
	name := make([]byte, int(b[4])+2)
	if _, err := io.ReadFull(c, name); err != nil {
		return
	}
	port := binary.BigEndian.Uint16(name[len(name)-2:])
	target := dialTCP(net.JoinHostPort(string(name[:len(name)-2]), strconv.Itoa(int(port))))
	if target == nil {
		_, _ = c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(c, target)
}

// answer sends each text after something has come, and then only reads.
func answer(texts ...string) func(net.Conn) {
	return func(c net.Conn) {
		for _, text := range texts {
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
		}
		_, _ = io.Copy(io.Discard, c)
	}
}

func proxyURL(t *testing.T, scheme, user string, port int) *url.URL {
	t.Helper()
	u, err := url.Parse(scheme + "://" + user + "127.0.0.1:" + strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestDialGoesThroughProxies(t *testing.T) {
	port := listen(t, echo)
	for _, u := range []*url.URL{
		proxyURL(t, "http", "u:p@", listen(t, httpProxy)),
		proxyURL(t, "socks5h", "", listen(t, socksProxy)),
		proxyURL(t, "socks5", "", listen(t, socksProxy)),
	} {
		_ = echoed(t, link.Target{Host: "localhost", Port: port, Proxy: u}).Close()
	}
}

func TestProxyFailuresAreToldApart(t *testing.T) {
	free := listen(t, func(net.Conn) {})
	for name, tt := range map[string]struct {
		proxy   *url.URL
		problem string
	}{
		"no such proxy": {proxyURL(t, "http", "", 1), `^through the proxy 127\.0\.0\.1:1: connection refused$`},
		"no user":       {proxyURL(t, "http", "", listen(t, httpProxy)), `: it wants a user name and a password$`},
		"no server":     {proxyURL(t, "http", "u:p@", listen(t, httpProxy)), `: it does not reach localhost:1 \(HTTP status 502 Bad Gateway\)$`},
		"socks":         {proxyURL(t, "socks5h", "", listen(t, socksProxy)), `^through the proxy 127\.0\.0\.1:\d+: it does not reach localhost:1 \(connection refused\)$`},
		"wrong user":    {proxyURL(t, "http", "u:x@", listen(t, httpProxy)), `: it does not accept the user name and the password$`},
		"not a proxy":   {proxyURL(t, "http", "", listen(t, echo)), `: what listens there is no HTTP proxy$`},
		"not SOCKS":     {proxyURL(t, "socks5h", "", listen(t, answer("HTTP/1.1 400 Bad Request\r\n\r\n"))), `: what listens there is no SOCKS 5 proxy$`},
		"not TLS":       {proxyURL(t, "https", "", listen(t, answer("HTTP/1.1 400 Bad Request\r\n\r\n"))), `: the server does not speak TLS on this port$`},
		"closes":        {proxyURL(t, "socks5h", "", free), `: the proxy closed the connection$`},
		"closes early":  {proxyURL(t, "http", "", free), `: the proxy closed the connection$`},
		"forbids":       {proxyURL(t, "http", "", listen(t, answer("HTTP/1.1 403 Forbidden\r\n\r\n"))), `: it allows no connection to localhost:1 \(HTTP status 403 Forbidden\)$`},
		"redirects":     {proxyURL(t, "http", "", listen(t, answer("HTTP/1.1 301 Moved Permanently\r\nContent-Length: 9\r\n\r\n"))), `: it answered HTTP status 301 Moved Permanently$`},
		"never ends":    {proxyURL(t, "http", "", listen(t, answer("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)))), `: the proxy closed the connection$`},
		"wants a user":  {proxyURL(t, "socks5h", "", listen(t, answer("\x05\xff"))), `: it wants a user name and a password$`},
		"ruleset":       {proxyURL(t, "socks5h", "", listen(t, answer("\x05\x00", "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"))), `: it allows no connection to localhost:1$`},
	} {
		_, err := link.Dial(t.Context(), link.Target{Host: "localhost", Port: 1, Proxy: tt.proxy})
		var d *link.DialError
		if !errors.As(err, &d) || !regexp.MustCompile(tt.problem).MatchString(d.Problem) {
			t.Errorf("%s: got %v, want %s", name, err, tt.problem)
		}
	}
}

func TestDialThroughAProxyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1024))
		cancel()
		_, _ = io.Copy(io.Discard, c)
	})
	for _, scheme := range []string{"http", "socks5h"} {
		if _, err := link.Dial(ctx, link.Target{Host: "localhost", Port: 1, Proxy: proxyURL(t, scheme, "", silent)}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestDialBindsAnAddress(t *testing.T) {
	c := echoed(t, link.Target{Host: "127.0.0.1", Port: listen(t, echo), Bind: "127.0.0.1"})
	if host, _, _ := net.SplitHostPort(c.LocalAddr().String()); host != "127.0.0.1" {
		t.Errorf("connected from %s", c.LocalAddr())
	}
	_ = c.Close()
	_, err := link.Dial(t.Context(), link.Target{Host: "127.0.0.1", Port: 1, Bind: "192.0.2.1"})
	var d *link.DialError
	if !errors.As(err, &d) || d.Problem != "this machine does not have the address 192.0.2.1" {
		t.Errorf("an address of others: %v", err)
	}
}

func TestDialConnectsToUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, err := link.Dial(t.Context(), link.Target{Unix: path})
	var d *link.DialError
	if !errors.As(err, &d) || d.Problem != "there is no such socket" {
		t.Errorf("no socket: %v", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip("no Unix sockets here: ", err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if c, err := l.Accept(); err == nil {
			echo(c)
			_ = c.Close()
		}
	}()
	_ = echoed(t, link.Target{Unix: path}).Close()
	<-served
	_ = l.Close()
}

func TestDialOpensWebSockets(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := wsconn.Listen(inner, wsconn.Options{Path: "/mqtt"})
	defer l.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			echo(c)
			_ = c.Close()
		}
	}()
	port := inner.Addr().(*net.TCPAddr).Port
	target := link.Target{Host: "localhost", Port: port, WebSocket: &link.WebSocket{Path: "/mqtt?token=x"}}
	_ = echoed(t, target).Close()
	target.Proxy = proxyURL(t, "http", "u:p@", listen(t, httpProxy))
	_ = echoed(t, target).Close()
	for name, tt := range map[string]struct {
		port    int
		path    string
		problem string
	}{
		"another path":   {port, "/", "^the server answered HTTP status 404 Not Found"},
		"plain MQTT":     {listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 9)); _, _ = c.Write([]byte{0x20, 2, 0, 1}) }), "/", "^what listens there does not speak HTTP$"},
		"closes":         {listen(t, func(net.Conn) {}), "/", "the WebSocket handshake$|reset"},
		"nobody listens": {1, "/", "^connection refused$"},
		"wants a login":  {listen(t, answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")), "/", "^the server answered HTTP status 401 Unauthorized instead"},
		"redirects":      {listen(t, answer("HTTP/1.1 302 Found\r\nLocation: /there?token=x\r\nContent-Length: 0\r\n\r\n")), "/", "^the server answered HTTP status 302 Found instead"},
		"no upgrade":     {listen(t, answer("HTTP/1.1 101 Switching Protocols\r\n\r\n")), "/", "^the server's answer is no WebSocket handshake: it does not upgrade the connection$"},
	} {
		_, err := link.Dial(t.Context(), link.Target{Host: "localhost", Port: tt.port, WebSocket: &link.WebSocket{Path: tt.path}})
		var d *link.DialError
		if !errors.As(err, &d) || !regexp.MustCompile(tt.problem).MatchString(d.Problem) {
			t.Errorf("%s: got %v, want %s", name, err, tt.problem)
		}
	}
	_ = l.Close()
	<-served
}

func TestHTTPProxiesMayAnswerInSeveralWays(t *testing.T) {
	for name, head := range map[string]string{
		"another 2xx":     "HTTP/1.1 204 No Content\r\n\r\n",
		"first 1xx":       "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		"a length":        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
		"with the stream": "HTTP/1.1 200 OK\r\n\r\nhe",
	} {
		greeting := strings.TrimPrefix("hello", head[strings.LastIndex(head, "\n")+1:])
		port := listen(t, func(c net.Conn) {
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil && r.Method == http.MethodConnect {
				_, _ = io.WriteString(c, head+greeting)
			}
		})
		c, err := link.Dial(t.Context(), link.Target{Host: "localhost", Port: 1, Proxy: proxyURL(t, "http", "", port)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		_ = c.Close()
	}
}

func TestBindMustFitTheHost(t *testing.T) {
	_, err := link.Dial(t.Context(), link.Target{Host: "127.0.0.1", Port: 1, Bind: "::1"})
	var d *link.DialError
	if !errors.As(err, &d) || d.Problem != "the host has no address that ::1 can reach" || d.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestUnixSocketFailuresAreToldApart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("other errors there")
	}
	t.Chdir(t.TempDir()) // paths must be short
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, problem := range map[string]string{
		"file":                         "that is no socket",
		".":                            "that is no socket",
		"file/below":                   "there is no such socket",
		"no/such/place":                "there is no such socket",
		"/" + strings.Repeat("x", 120): "a path of 121 bytes is too long for a Unix socket",
	} {
		_, err := link.Dial(t.Context(), link.Target{Unix: path})
		var d *link.DialError
		if !errors.As(err, &d) || d.Problem != problem || d.Hint == "" {
			t.Errorf("%s: got %v, want %s", path, err, problem)
		}
	}
}

func TestAddressesOfNoInterfaceAreToldApart(t *testing.T) {
	_, err := link.Dial(t.Context(), link.Target{Host: "fe80::1%no-such-interface", Port: 1})
	var d *link.DialError
	if !errors.As(err, &d) || !regexp.MustCompile(`^this machine has no network interface "no-such-interface"$|^no route|address family`).MatchString(d.Problem) {
		t.Errorf("got %v", err)
	}
}
