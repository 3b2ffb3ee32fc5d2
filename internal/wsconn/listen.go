package wsconn

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// headerTime bounds how long a client may take to ask for the WebSocket.
	headerTime = 10 * time.Second
	// maxHeader bounds the request in bytes.
	maxHeader = 16 << 10
)

// Options say who may connect to a [Listener].
type Options struct {
	// Path is the only path of the URL that is served. Default: every path.
	Path string
	// Origins are host patterns ("*.example.com", "localhost:*") of the web pages that may connect, besides pages of the
	// listener's own host; "*" lets every page in. Clients that are no browsers have no origin, and may connect.
	Origins []string
}

// Listener accepts WebSockets as connections.
type Listener struct {
	inner   net.Listener
	server  *http.Server
	options Options
	conns   chan net.Conn
	done    chan struct{}
	once    sync.Once
}

// Listen serves WebSockets on inner, which may speak TLS. Closing the Listener closes inner.
func Listen(inner net.Listener, o Options) *Listener {
	l := &Listener{inner: inner, options: o, conns: make(chan net.Conn), done: make(chan struct{})}
	l.server = &http.Server{
		Handler:           l,
		ReadHeaderTimeout: headerTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // what strangers send is theirs
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, underKey{}, c)
		},
	}
	go func() {
		_ = l.server.Serve(inner)
		l.finish()
	}()

	return l
}

// underKey is the key of a request's connection in its context.
type underKey struct{}

// ServeHTTP makes a request for a WebSocket a connection.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.options.Path != "" && r.URL.Path != l.options.Path {
		http.Error(w, "MQTT over WebSocket is at "+l.options.Path, http.StatusNotFound)

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
	if ws.Subprotocol() != Subprotocol {
		_ = ws.Close(websocket.StatusPolicyViolation, "the subprotocol is mqtt") // [MQTT-6.0.0-3]

		return
	}
	under, _ := r.Context().Value(underKey{}).(net.Conn)
	c := newConn(ws, under, r.TLS)
	select {
	case l.conns <- c:
	case <-l.done:
		_ = c.Close()
	}
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
