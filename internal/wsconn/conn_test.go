package wsconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/wsconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen returns a listener and a function that dials it.
func listen(t *testing.T, o wsconn.Options) (*wsconn.Listener, func(context.Context) (net.Conn, error)) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := wsconn.Listen(inner, o)
	t.Cleanup(func() { _ = l.Close() })
	return l, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", inner.Addr().String())
	}
}

// pair returns both ends of a WebSocket.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, dial := listen(t, wsconn.Options{})
	client, err := wsconn.Dial(t.Context(), "ws://test/mqtt", nil, dial)
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func TestWriteDeadlineEndsAWriteThatNobodyReads(t *testing.T) {
	client, server := pair(t)
	var refused net.Error
	if err := client.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("late")); !errors.As(err, &refused) || !refused.Timeout() {
		t.Errorf("a write past the deadline: %v", err)
	}
	if err := client.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatalf("a write after that: %v", err)
	}
	wrote := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = client.Write(make([]byte, 1<<20))
		}
		wrote <- err
	}()
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := client.SetWriteDeadline(time.Now()); err != nil { // while a write is under way or about to be
		t.Fatal(err)
	}
	if err := <-wrote; !errors.As(err, &refused) || !refused.Timeout() {
		t.Errorf("a write that nobody reads: %v", err)
	}
}

func TestBothDirectionsAtOnce(t *testing.T) {
	client, server := pair(t)
	go func() { // an echo
		_, _ = io.Copy(server, server)
		_ = server.Close()
	}()
	const rounds = 2000
	wrote := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < rounds && err == nil; i++ {
			_, err = client.Write([]byte{byte(i), byte(i >> 8)})
		}
		wrote <- err
	}()
	got := make([]byte, 2*rounds)
	if _, err := io.ReadFull(client, got); err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		if got[2*i] != byte(i) || got[2*i+1] != byte(i>>8) {
			t.Fatalf("round %d is % x", i, got[2*i:2*i+2])
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

func TestClosedConnSaysSo(t *testing.T) {
	client, server := pair(t)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("read from a closed connection")
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other side reads %v", err)
	}
}

func TestReadDeadlineLosesNothing(t *testing.T) {
	client, server := pair(t)
	if err := server.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if _, err := server.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read past the deadline: %v", err)
	}
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := server.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := server.Read(b); err != nil || string(b[:n]) != "hello" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	if _, err := server.Write([]byte("still open")); err != nil {
		t.Error(err)
	}
}

func TestLargeWritesArriveWhole(t *testing.T) {
	client, server := pair(t)
	sent := bytes.Repeat([]byte("0123456789"), 300_000)
	wrote := make(chan error, 1)
	go func() {
		_, err := client.Write(sent)
		wrote <- errors.Join(err, client.Close())
	}()
	got, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes, %v", len(got), len(sent), err)
	}
	_ = server.Close()
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

func TestTextFramesAreRefused(t *testing.T) {
	l, dial := listen(t, wsconn.Options{})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	ws, _, err := websocket.Dial(t.Context(), "ws://test/", &websocket.DialOptions{
		Subprotocols: []string{"mqtt"}, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := ws.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, _, err = ws.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("the client is told %v", err)
	}
	if _, err := server.Read(make([]byte, 10)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the server reads %v", err)
	}
}

func TestListenerRefusesWhatIsNotForIt(t *testing.T) {
	_, dial := listen(t, wsconn.Options{Path: "/mqtt", Origins: []string{"localhost:*"}})
	var status *wsconn.StatusError
	if _, err := wsconn.Dial(t.Context(), "ws://test/other", nil, dial); !errors.As(err, &status) || status.Code != 404 {
		t.Errorf("another path: %v", err)
	}
	header := http.Header{"Origin": {"https://evil.example"}}
	if _, err := wsconn.Dial(t.Context(), "ws://test/mqtt", header, dial); !errors.As(err, &status) || status.Code != 403 {
		t.Errorf("a page from elsewhere: %v", err)
	}
}

// A Server must select mqtt, and may select only what was offered.
func TestWhoDoesNotOfferMQTTGetsNoWebSocket(t *testing.T) {
	_, dial := listen(t, wsconn.Options{})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	client := &http.Client{Transport: transport}
	for _, offered := range [][]string{nil, {"mqttv3.1"}, {"chat", "mqtt5"}} {
		_, answer, err := websocket.Dial(t.Context(), "ws://test/mqtt", &websocket.DialOptions{HTTPClient: client, Subprotocols: offered})
		if err == nil || answer == nil || answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%q offered: %+v, %v", offered, answer, err)

			continue
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil || !strings.Contains(string(text), "offer the WebSocket subprotocol mqtt") {
			t.Errorf("%q offered: told %q, %v", offered, text, err)
		}
	}
	transport.CloseIdleConnections()
}

func TestMQTTMayBeOfferedAmongOthers(t *testing.T) {
	l, dial := listen(t, wsconn.Options{})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	ws, _, err := websocket.Dial(t.Context(), "ws://test/mqtt", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"mqttv3.1", "mqtt"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if got := ws.Subprotocol(); got != "mqtt" {
		t.Errorf("selected is %q", got)
	}
	_ = ws.CloseNow()
}

func TestPagesOfAllowedOriginsMayConnect(t *testing.T) {
	l, dial := listen(t, wsconn.Options{Origins: []string{"localhost:*"}})
	for _, origin := range []string{"", "http://localhost:3000", "http://test"} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		client, err := wsconn.Dial(t.Context(), "ws://test/any", header, dial)
		if err != nil {
			t.Fatalf("origin %q: %v", origin, err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = client.Close(), server.Close()
	}
}

func TestDialSaysWhatAnsweredInstead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for range 2 {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 301 Moved Permanently\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n")
			_ = c.Close()
		}
	}()
	var status *wsconn.StatusError
	if _, err := wsconn.Dial(t.Context(), "ws://test/mqtt", nil, dial); !errors.As(err, &status) || status.Code != 301 {
		t.Errorf("a redirection: %v", err)
	} else if !strings.Contains(status.Error(), "301 Moved Permanently") {
		t.Errorf("the error says %q", status)
	}
	_ = l.Close()
	<-served
}
