package wsconn

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	// headerTime bounds how long a client may take to ask for the WebSocket.
	headerTime = 10 * time.Second
	// maxHeader bounds the request in bytes.
	maxHeader = 16 << 10
	// defaultMaxPending is the default of Options.MaxPending.
	defaultMaxPending = 10_000
)

// Options say who may connect to a [Listener].
type Options struct {
	// Path is the only path of the URL that is served. Default: every path.
	Path string
	// Origins are host patterns ("*.example.com", "localhost:*") of the web pages that may connect, besides pages of the
	// listener's own host; "*" lets every page in. Clients that are no browsers have no origin, and may connect.
	Origins []string
	// MaxPending bounds the connections that have not become WebSockets yet; more are closed at once. Default: 10,000.
	MaxPending int
}

// Listener accepts WebSockets as connections.
type Listener struct {
	inner   net.Listener
	server  *http.Server
	options Options
	conns   chan net.Conn
	done    chan struct{}
	once    sync.Once
	pending atomic.Int64
}

// Listen serves WebSockets on inner, which may speak TLS. Closing the Listener closes inner.
func Listen(inner net.Listener, o Options) *Listener {
	if o.MaxPending == 0 {
		o.MaxPending = defaultMaxPending
	}
	l := &Listener{inner: inner, options: o, conns: make(chan net.Conn), done: make(chan struct{})}
	l.server = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: headerTime,
		MaxHeaderBytes:    maxHeader,
		ConnState:         l.count,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // what strangers send is theirs
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, underKey{}, c)
		},
	}
	l.server.SetKeepAlivesEnabled(false) // who is refused may not hold the connection
	go func() {
		_ = l.server.Serve(inner)
		l.finish()
	}()

	return l
}

// count keeps to the most connections that are no WebSockets yet.
func (l *Listener) count(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if l.pending.Add(1) > int64(l.options.MaxPending) {
			_ = c.Close()
		}
	case http.StateHijacked, http.StateClosed:
		l.pending.Add(-1)
	case http.StateActive, http.StateIdle: // still no WebSocket
	}
}

// underKey is that of the connection in the context of its request.
type underKey struct{}

// ServeHTTP makes a request for a WebSocket a connection.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.options.Path != "" && r.URL.Path != l.options.Path {
		http.Error(w, "MQTT over WebSocket is at "+l.options.Path, http.StatusNotFound)

		return
	}
	if !offers(r.Header) {
		// The name that we select must be mqtt [MQTT-6.0.0-4], and only what was offered may be selected (RFC 6455, section
		// 4.2.2). So there is no WebSocket to be had: a client that sees one open and close again would only try again.
		http.Error(w, "offer the WebSocket subprotocol mqtt (Sec-WebSocket-Protocol: mqtt)", http.StatusBadRequest)

		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:    []string{Subprotocol},
		OriginPatterns:  l.options.Origins,
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	under, _ := r.Context().Value(underKey{}).(net.Conn)
	c := newConn(ws, under, r.TLS)
	select {
	case l.conns <- c:
	case <-l.done:
		_ = c.Close()
	}
}

// offers reports whether a client offers the subprotocol of MQTT [MQTT-6.0.0-3]. One that asks for no WebSocket at all is told
// so by the library.
func offers(h http.Header) bool {
	if !strings.EqualFold(h.Get("Upgrade"), "websocket") {
		return true
	}
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(name) == Subprotocol {
				return true
			}
		}
	}

	return false
}

// Accept returns the next WebSocket. The handshake of one that is slow delays no other.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "ws", Addr: l.inner.Addr(), Err: net.ErrClosed}
	}
}

// Close stops listening. Connections that were accepted live on.
func (l *Listener) Close() error {
	l.finish()

	return l.server.Close()
}

func (l *Listener) finish() { l.once.Do(func() { close(l.done) }) }

// Addr returns the address of the listener below.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }
