package wsconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

// ErrSubprotocol means that the server speaks WebSocket, but not MQTT over it.
var ErrSubprotocol = errors.New("the server did not choose the WebSocket subprotocol mqtt: is this the path of its MQTT listener?")

// StatusError means that the server answered the request for a WebSocket with something else.
type StatusError struct {
	Code int // the HTTP status
}

// Error says what the server answered.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered HTTP status %d %s instead of opening a WebSocket", e.Code, http.StatusText(e.Code))
}

// Dial asks for a WebSocket on a connection that dial makes. The URL's scheme is ws or http; what lies below, TLS for
// example, is dial's business. The header may be nil.
func Dial(ctx context.Context, url string, header http.Header, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	var under net.Conn
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := dial(ctx)
			under = c

			return c, err
		},
		DisableKeepAlives: true,
	}
	ws, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		HTTPHeader:      header,
		Subprotocols:    []string{Subprotocol},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
			return nil, &StatusError{answer.StatusCode}
		}

		return nil, err
	}
	if ws.Subprotocol() != Subprotocol {
		_ = ws.CloseNow()

		return nil, ErrSubprotocol
	}

	return newConn(ws, under, nil), nil
}
