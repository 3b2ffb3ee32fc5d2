package output_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/wire"
)

func printed(t *testing.T, s output.Streams, o output.MessageOptions, msgs ...message.Message) string {
	t.Helper()
	var b bytes.Buffer
	s.Out = &b
	p := output.NewMessages(s, o)
	for _, m := range msgs {
		if _, err := p.Message(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if p.Buffered() != 0 {
		t.Errorf("%d bytes are left after Flush", p.Buffered())
	}
	return b.String()
}

func TestMessagesSuitTheirAudience(t *testing.T) {
	t.Parallel()
	m := message.Message{Topic: "a/\u202eb", Payload: []byte("x\x1b[2J\ny"), Retain: true, Time: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.Local)}
	pipe, terminal := output.Streams{}, output.Streams{OutTTY: true}
	for _, tt := range []struct {
		name    string
		streams output.Streams
		options output.MessageOptions
		want    string
	}{
		{"a pipe gets the bytes", pipe, output.MessageOptions{}, "x\x1b[2J\ny\n"},
		{"and the topic when asked", pipe, output.MessageOptions{Topic: true}, "a/\u202eb x\x1b[2J\ny\n"},
		{"and no line feed when asked", pipe, output.MessageOptions{NoNewline: true}, "x\x1b[2J\ny"},
		{"a terminal gets a line", terminal, output.MessageOptions{Color: output.ColorNever}, `03:04:05.006 a/\u202eb retained x\x1b[2J\ny` + "\n"},
		{
			"NO_COLOR is heard",
			output.Streams{OutTTY: true, NoColor: true},
			output.MessageOptions{Color: output.ColorAuto},
			`03:04:05.006 a/\u202eb retained x\x1b[2J\ny` + "\n",
		},
		{
			"with styles", terminal,
			output.MessageOptions{Color: output.ColorAuto},
			"\x1b[2m03:04:05.006\x1b[m \x1b[36ma/\\u202eb\x1b[m \x1b[33mretained\x1b[m x\\x1b[2J\\ny\n",
		},
		{
			"JSON on a terminal is harmless", terminal,
			output.MessageOptions{JSON: true},
			`{"time":"` + m.Time.UTC().Format("2006-01-02T15:04:05.000000Z") + `","topic":"a/\u202eb","qos":0,"retain":true,"dup":false,"payload":"x\u001b[2J\ny","encoding":"utf8"}` + "\n",
		},
	} {
		if got := printed(t, tt.streams, tt.options, m); got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestPathPrintsOneValueOfEachPayload(t *testing.T) {
	t.Parallel()
	payload := "{\"v\": 1.10, \"s\": \"a\\u001b\\\"b\", \"o\": {\"x\":\n 1}, \"big\": 12345678901234567890, \"n\": null}"
	m := message.Message{Topic: "t", Payload: []byte(payload)}
	for _, tt := range []struct {
		path string
		json bool
		tty  bool
		want string
	}{
		{"v", false, false, "1.10\n"},
		{"big", false, false, "12345678901234567890\n"},
		{"n", false, false, "null\n"},
		{"s", false, false, "a\x1b\"b\n"},
		{"s", false, true, `a\x1b"b` + "\n"},
		{"s", true, false, `"a\u001b\"b"` + "\n"},
		{"o", false, false, `{"x":1}` + "\n"},
		{"nothing", false, false, ""},
	} {
		got := printed(t, output.Streams{OutTTY: tt.tty}, output.MessageOptions{Path: tt.path, JSON: tt.json}, m)
		if got != tt.want {
			t.Errorf("%s (json %v, terminal %v): got %q, want %q", tt.path, tt.json, tt.tty, got, tt.want)
		}
	}
	p := output.NewMessages(output.Streams{Out: io.Discard}, output.MessageOptions{Path: "v"})
	for _, payload := range []string{"", "no json", `{"v":1`, strings.Repeat("[", 1000), `{"w":1}`} {
		if shown, err := p.Message(message.Message{Payload: []byte(payload)}); shown || err != nil {
			t.Errorf("%.20q: got shown %v, %v", payload, shown, err)
		}
	}
	if p.Missing() != 5 {
		t.Errorf("got %d missing, want 5", p.Missing())
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestAClosedPipeIsAQuietEndAndAnotherErrorIsNot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want exit.Code
	}{
		{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, exit.OK},
		{fmt.Errorf("disk full: %w", syscall.ENOSPC), exit.Usage},
	} {
		p := output.NewMessages(output.Streams{Out: failingWriter{tt.err}}, output.MessageOptions{})
		if _, err := p.Message(message.Message{}); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(); err == nil || exit.CodeOf(err) != tt.want {
			t.Errorf("%v: got %v with status %d, want %d", tt.err, err, exit.CodeOf(err), tt.want)
		}
	}
}

func TestTraceShowsNoSecretAndNoPayload(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	trace := output.NewTrace(&b)
	props := (&wire.Properties{ReasonString: "because\x1b"}).Set(wire.PropReasonString, wire.PropContentType)
	for _, p := range []wire.Packet{
		&wire.Connect{
			Version: wire.V5, ClientID: "c", HasUsername: true, Username: "u", HasPassword: true, Password: []byte("s3cret"),
			Will: &wire.Will{Topic: "w", Payload: []byte("s3cret"), Retain: true}, CleanStart: true,
		},
		&wire.Connack{SessionPresent: true, Code: wire.NotAuthorized, Properties: props},
		&wire.Publish{Topic: "t", QoS: 1, PacketID: 3, Payload: []byte("s3cret"), Retain: true, Dup: true},
		&wire.Ack{Kind: wire.PUBACK, PacketID: 3},
		&wire.Subscribe{PacketID: 4, Subscriptions: []wire.Subscription{{Filter: "a/#", QoS: 2}}},
		&wire.Suback{PacketID: 4, Codes: []wire.ReasonCode{wire.GrantedQoS2}},
		&wire.Unsubscribe{PacketID: 5, Filters: []string{"a/#"}},
		&wire.Unsuback{PacketID: 5, Codes: []wire.ReasonCode{wire.Success}},
		&wire.Disconnect{Code: wire.ServerShuttingDown},
		&wire.Pingreq{},
		&wire.Auth{Code: wire.ReAuthenticate},
	} {
		trace.Packet("->", p)
	}
	got := b.String()
	if strings.Contains(got, "s3cret") || strings.Contains(got, "\x1b") {
		t.Errorf("it shows too much:\n%s", got)
	}
	for _, want := range []string{
		`-> CONNECT MQTT 5 client id "c" keep alive 0 clean start user "u" password *** will "w" QoS 0 6 bytes retain`,
		"CONNACK session present Not authorized [Content Type]", `PUBLISH "t" QoS 1 id 3 retain dup 6 bytes`, "PUBACK id 3 Success",
		`SUBSCRIBE id 4 "a/#" QoS 2`, "SUBACK id 4 Granted QoS 2", `UNSUBSCRIBE id 5 "a/#"`, "UNSUBACK id 5 Success",
		"DISCONNECT Server shutting down", "PINGREQ", "AUTH Re-authenticate",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}

func TestUntilClosedNoticesThatTheReaderHasGone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("only a write notices it there")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := output.UntilClosed(t.Context(), w)
	defer cancel()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), exit.ErrOutputClosed) {
			t.Errorf("got cause %v", context.Cause(ctx))
		}
	case <-time.After(10 * time.Second):
		t.Error("it was not noticed")
	}
}
