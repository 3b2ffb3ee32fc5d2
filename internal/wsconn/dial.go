package wsconn

import (
	"context"
	"crypto/sha1" //nolint:gosec // G505: RFC 6455 proves with it that the server speaks WebSocket, nothing more
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"
	"golang.org/x/net/http/httpguts"
)

// ErrSubprotocol means that the server speaks WebSocket, but not MQTT over it.
var ErrSubprotocol = errors.New("the server did not choose the WebSocket subprotocol mqtt: is this the path of its MQTT listener?")

// ErrHandshake is wrapped by what [Dial] says of a server that agrees to a WebSocket in a way that RFC 6455 forbids.
var ErrHandshake = errors.New("the server's answer is no WebSocket handshake")

// keyGUID follows the key in what Sec-WebSocket-Accept hashes (RFC 6455, section 1.3).
const keyGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Dial asks for a WebSocket on a connection that dial makes. The URL's scheme is ws or http; what lies below, TLS for
// example, is dial's business. The header may be nil; its Host takes the place of the URL's. ctx bounds it all.
func Dial(ctx context.Context, url string, header http.Header, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	under, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	h := &handshake{under: under}
	h.transport = &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return under, nil }, // a fresh connection is asked once
		DisableKeepAlives: true,
	}
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: h},
		HTTPHeader:      header,
		Host:            header.Get("Host"),
		Subprotocols:    []string{Subprotocol},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		_ = under.Close()
		if h.failed != nil {
			err = h.failed
		}

		return nil, err
	}

	return newConn(ws, under, nil), nil
}

// handshake is the one request for a WebSocket. It judges the answer itself: the library would wait up to three seconds for
// the rest of one that it does not like.
type handshake struct {
	under     net.Conn
	transport *http.Transport
	failed    error
}

// RoundTrip implements [http.RoundTripper].
func (h *handshake) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := h.transport.RoundTrip(r)
	if err == nil {
		if err = h.check(r, answer); err != nil {
			_ = answer.Body.Close()
		}
	}
	if err != nil {
		h.failed = err

		return nil, err
	}

	return answer, nil
}

func (h *handshake) check(r *http.Request, answer *http.Response) error {
	proof := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + keyGUID)) //nolint:gosec // G401: as RFC 6455 says
	chosen := answer.Header.Get("Sec-WebSocket-Protocol")
	switch {
	case answer.StatusCode != http.StatusSwitchingProtocols:
		return newStatusError(answer, h.under)
	case !httpguts.HeaderValuesContainsToken(answer.Header["Connection"], "upgrade"),
		!httpguts.HeaderValuesContainsToken(answer.Header["Upgrade"], "websocket"):
		return fmt.Errorf("%w: it does not upgrade the connection", ErrHandshake)
	case answer.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(proof[:]):
		return fmt.Errorf("%w: it does not prove that it has read the request", ErrHandshake)
	case answer.Header.Get("Sec-WebSocket-Extensions") != "":
		return fmt.Errorf("%w: it chooses an extension that was not offered", ErrHandshake)
	case chosen != Subprotocol:
		return ErrSubprotocol
	default:
		return nil
	}
}
