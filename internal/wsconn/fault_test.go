package wsconn_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/wsconn"
)

// serve answers one request for a WebSocket with head, in which ACCEPT stands for the proof, and gives the connection to then.
// It returns what dials it, and the request when there was one.
func serve(t *testing.T, head string, then func(net.Conn)) (dial func(context.Context) (net.Conn, error), request <-chan *http.Request) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests, done := make(chan *http.Request, 1), make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r, err := answer(c, head)
		if err != nil {
			return
		}
		requests <- r
		then(c)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}, requests
}

// answer reads the request for a WebSocket and answers it with head, in which ACCEPT stands for the proof.
func answer(c net.Conn, head string) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return nil, err
	}
	proof := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = io.WriteString(c, strings.ReplaceAll(head, "ACCEPT", base64.StdEncoding.EncodeToString(proof[:])))
	return r, err
}

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"

// untilClosed reads until the client has closed the connection.
func untilClosed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestDialSaysAtOnceWhatIsWrongWithAnAnswer(t *testing.T) {
	for name, tt := range map[string]struct{ head, want string }{
		"another subprotocol": {upgraded + "Sec-WebSocket-Protocol: mqttv3.1\r\n\r\n", "did not choose the WebSocket subprotocol mqtt"},
		"no subprotocol":      {upgraded + "\r\n", "did not choose the WebSocket subprotocol mqtt"},
		"an extension":        {upgraded + "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "it chooses an extension that was not offered"},
		"no upgrade":          {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "it does not upgrade the connection"},
		"no proof":            {strings.Replace(upgraded, "ACCEPT", "AAAA", 1) + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", "it does not prove that it has read the request"},
		"another status":      {"HTTP/1.1 999 \x1b[31mred\r\nContent-Length: 0\r\n\r\n", "the server answered HTTP status 999 instead of opening a WebSocket"},
		"a title":             {"HTTP/1.1 400 Bad Request\r\nContent-Length: 48\r\n\r\n<html><title>400 No certificate</title>" + "<p></p>..", `HTTP status 400 Bad Request instead of opening a WebSocket (it says "400 No certificate")`},
		"a line":              {"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno go", `HTTP status 403 Forbidden instead of opening a WebSocket (it says "no go")`},
		"the same again":      {"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found", `HTTP status 404 Not Found instead`},
		"control characters":  {"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n\x1b[31m", `HTTP status 404 Not Found instead`},
		"a body that stops":   {"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\nnot", `HTTP status 404 Not Found`},
	} {
		dial, _ := serve(t, tt.head, untilClosed)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := wsconn.Dial(ctx, "ws://test/mqtt", nil, dial)
		if err == nil || !strings.Contains(err.Error(), tt.want) || ctx.Err() != nil {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
		cancel()
	}
}

func TestARedirectionIsShownWithoutItsSecrets(t *testing.T) {
	dial, _ := serve(t, "HTTP/1.1 302 Found\r\nLocation: https://u:p@there.example/mqtt?token=x#y\r\nContent-Length: 0\r\n\r\n", untilClosed)
	_, err := wsconn.Dial(t.Context(), "ws://test/mqtt", nil, dial)
	var status *wsconn.StatusError
	if !errors.As(err, &status) || status.Location == nil || status.Location.String() != "https://there.example/mqtt" {
		t.Errorf("got %v, %+v", err, status)
	}
}

func TestDialSendsTheHostOfTheHeader(t *testing.T) {
	dial, requests := serve(t, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", untilClosed)
	_, _ = wsconn.Dial(t.Context(), "ws://test/mqtt", http.Header{"Host": {"other.example"}, "X-Key": {"k"}}, dial)
	if r := <-requests; r.Host != "other.example" || r.Header.Get("X-Key") != "k" {
		t.Errorf("got %q, %v", r.Host, r.Header)
	}
}

func TestDialReturnsTheErrorOfTheConnection(t *testing.T) {
	refused := errors.New("refused")
	_, err := wsconn.Dial(t.Context(), "ws://test/", nil, func(context.Context) (net.Conn, error) { return nil, refused })
	if err != refused { //nolint:errorlint // nothing may be added to it
		t.Errorf("got %v", err)
	}
}

// opened dials a server that sends these frames and then what then does.
func opened(t *testing.T, frames string, then func(net.Conn)) net.Conn {
	t.Helper()
	dial, _ := serve(t, upgraded+"Sec-WebSocket-Protocol: mqtt\r\n\r\n"+frames, then)
	c, err := wsconn.Dial(t.Context(), "ws://test/mqtt", nil, dial)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadSaysHowAWebSocketWasBroken(t *testing.T) {
	for name, tt := range map[string]struct {
		frames string
		want   string
	}{
		"status with a reason":   {"\x88\x08\x03\xf0no way", `the other side closed the WebSocket with status 1008 ("no way")`},
		"status without":         {"\x88\x02\x03\xf3", "the other side closed the WebSocket with status 1011"},
		"text":                   {"\x81\x02hi", "the other side breaks the WebSocket protocol: a frame of text came, MQTT has binary ones"},
		"reserved bits":          {"\xf2\x02hi", "the other side breaks the WebSocket protocol: "},
		"no such opcode":         {"\x83\x02hi", "the other side breaks the WebSocket protocol: "},
		"a ping that is too big": {"\x89\x7e\x00\xc8" + strings.Repeat("x", 200), "the other side breaks the WebSocket protocol: "},
		"a negative length":      {"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "the other side breaks the WebSocket protocol: "},
	} {
		c := opened(t, tt.frames, untilClosed) // which never answers our Close frame
		_, err := c.Read(make([]byte, 1))
		var op *net.OpError
		if !errors.As(err, &op) || !strings.HasPrefix(op.Err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
		_ = c.(*wsconn.Conn).CloseNow()
	}
}

func TestReadTakesWhatMayStandBetweenBytes(t *testing.T) {
	c := opened(t, "\x02\x01h\x89\x05ping!\x00\x00\x80\x02el\x82\x00\x82\x02lo\x88\x02\x03\xe8", untilClosed) // fragments, a ping, empty ones, Close
	defer c.Close()
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCloseNowSaysNothing(t *testing.T) {
	sent := make(chan []byte, 1)
	c := opened(t, "", func(c net.Conn) {
		b, _ := io.ReadAll(c)
		sent <- b
	}).(*wsconn.Conn)
	if err := c.CloseNow(); err != nil {
		t.Fatal(err)
	}
	if b := <-sent; len(b) != 0 {
		t.Errorf("sent % x", b)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("it can still be read")
	}
	_ = c.Close()
}
