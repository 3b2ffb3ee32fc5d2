package mosquitto_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/mosquitto"
	"github.com/mqx-cli/mqx/internal/wire"
)

// parse reads a command line without a configuration file.
func parse(tool mosquitto.Tool, args ...string) (*mosquitto.Options, *mosquitto.End) {
	return parseIn(nil, tool, args...)
}

func parseIn(environment map[string]string, tool mosquitto.Tool, args ...string) (*mosquitto.Options, *mosquitto.End) {
	return mosquitto.Parse(tool, args, mosquitto.Environment{Getenv: func(name string) string { return environment[name] }, Version: "1.0"})
}

// mustParse expects a command line that connects, and returns its client.
func mustParse(t *testing.T, tool mosquitto.Tool, args ...string) (*mosquitto.Options, client.Options) {
	t.Helper()
	o, end := parse(tool, args...)
	if end != nil {
		t.Fatalf("%q ends: %+v", args, *end)
	}
	c, end := o.Client(config.Secrets{})
	if end != nil {
		t.Fatalf("%q ends: %+v", args, *end)
	}
	return o, c
}

func TestToolsAreKnownByNamePathAndSuffix(t *testing.T) {
	for name, want := range map[string]mosquitto.Tool{
		"mosquitto_pub": mosquitto.Pub, "/usr/local/bin/mosquitto_sub": mosquitto.Sub, `C:\bin\mosquitto_rr.exe`: mosquitto.RR,
		"./mosquitto_pub.EXE": mosquitto.Pub, "mqx": 0, "mosquitto": 0, "mosquitto_pub_old": 0, "": 0, ".exe": 0,
	} {
		if got, ok := mosquitto.ToolNamed(name); got != want || ok != (want != 0) {
			t.Errorf("%q is %v, %v", name, got, ok)
		}
	}
}

func TestHelpAndVersionAreStatus1(t *testing.T) {
	for _, tool := range mosquitto.Tools() {
		_, end := parse(tool, "-t", "a", "--version", "-q", "9")
		want := mosquitto.End{Out: tool.String() + " version 2.1.2 running on mqx 1.0.\n", Status: 1}
		if end == nil || *end != want {
			t.Errorf("%s --version: %+v", tool, end)
		}
		_, end = parse(tool, "--help")
		if end == nil || end.Status != 1 || end.Err != "" || !strings.Contains(end.Out, "Usage: "+tool.String()+" ") {
			t.Errorf("%s --help: %+v", tool, end)
		}
		for line := range strings.Lines(end.Out) {
			if len(line) > 130 {
				t.Errorf("%s --help has a line of %d bytes: %s", tool, len(line), line)
			}
		}
	}
}

// What 2.1 has changed since 2.0.11, which the comparison with Debian's programs cannot show.
func TestVersion21IsTheMeasure(t *testing.T) {
	for _, tt := range []struct {
		tool mosquitto.Tool
		args string
		want string // of the standard error of a command line that ends, empty for one that connects
	}{
		{mosquitto.Sub, "-U a", ""},
		{mosquitto.Sub, "-t a --retain-handling new", ""},
		{mosquitto.Sub, "-t a --retain-handling sometimes", "Error: Unknown value 'sometimes' for --retain-handling.\n\n"},
		{mosquitto.Sub, "-t a -w --message-rate --ws --no-tls", ""},
		{mosquitto.Sub, "-t a -F %f%d%.2:x%.4x", ""},
		{mosquitto.RR, "-t a -e b -n --latency", ""},
		{mosquitto.Pub, "-t a -m x --latency", "Error: Unknown option '--latency'.\n"},
		{mosquitto.Pub, "-t a -m x -o /a -o /b", "Error: Duplicate -o argument given.\n\n"},
		{mosquitto.Pub, "-t a -m x -o", "Error: -o argument given but no options file specified.\n\n"},
		{mosquitto.Pub, "-t a -m x -x -1", "Error: You must provide a client id if you are using an infinite session expiry interval.\n"},
		{mosquitto.Pub, "-t a -m x -L ws://h/t", ""},
		{mosquitto.Pub, "-t a -m x --insecure --ciphers no-such", ""},
	} {
		_, end := parse(tt.tool, strings.Fields(tt.args)...)
		got := ""
		if end != nil {
			got, _, _ = strings.Cut(end.Err, "\nUse '")
		}
		if got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.tool, tt.args, got, tt.want)
		}
	}
}

func TestSessionOptionsReachTheClient(t *testing.T) {
	forever := (&wire.Properties{SessionExpiryInterval: 1<<32 - 1}).Set(wire.PropSessionExpiryInterval)
	for _, tt := range []struct {
		tool    mosquitto.Tool
		args    string
		version wire.Version
		resume  bool
		want    *wire.Properties
	}{
		{mosquitto.Pub, "-t a -m x", wire.V311, false, nil},
		{mosquitto.Pub, "-t a -m x -V 31", wire.V31, false, nil},
		{mosquitto.Pub, "-t a -m x -x 10", wire.V5, false, (&wire.Properties{SessionExpiryInterval: 10}).Set(wire.PropSessionExpiryInterval)},
		{mosquitto.Pub, "-t a -m x -x 0", wire.V5, false, nil},
		{mosquitto.Pub, "-t a -m x -x 10 -V 311", wire.V311, false, nil},
		{mosquitto.Pub, "-t a -m x -i me -x ∞", wire.V5, false, forever},
		{mosquitto.Pub, "-t a -m x -i me -c -V 5", wire.V5, true, forever},
		{mosquitto.Pub, "-t a -m x -i me -c", wire.V311, true, nil},
		{mosquitto.Sub, "-t a -V 5 -C 3", wire.V5, false, (&wire.Properties{ReceiveMaximum: 3}).Set(wire.PropReceiveMaximum)},
		{mosquitto.Sub, "-t a -V 5 -C 20", wire.V5, false, nil},
		{mosquitto.Sub, "-t a -C 3", wire.V311, false, nil},
		{mosquitto.RR, "-t a -e b -m x", wire.V5, false, (&wire.Properties{ReceiveMaximum: 1}).Set(wire.PropReceiveMaximum)},
		{mosquitto.RR, "-t a -e b -m x -D connect receive-maximum 7", wire.V5, false, (&wire.Properties{ReceiveMaximum: 7}).Set(wire.PropReceiveMaximum)},
		{mosquitto.Pub, "-t a -m x -D connect authentication-data x", wire.V5, false, nil},
	} {
		_, c := mustParse(t, tt.tool, strings.Fields(tt.args)...)
		if c.Version != tt.version || c.ResumeSession != tt.resume {
			t.Errorf("%s %s: version %s, resume %v", tt.tool, tt.args, c.Version, c.ResumeSession)
		}
		same := tt.want == nil && c.Properties.Empty() || cmp.Equal(tt.want, c.Properties, cmp.AllowUnexported(wire.Properties{}))
		if !same {
			t.Errorf("%s %s: properties %+v", tt.tool, tt.args, c.Properties)
		}
	}
}

func TestAddressesFollowTheOrderOfTheWords(t *testing.T) {
	for args, want := range map[string]string{
		"":                                 "mqtt://localhost:1883",
		"-p 8883":                          "mqtts://localhost:8883",
		"-p 8883 --no-tls":                 "mqtt://localhost:8883",
		"--tls-use-os-certs":               "mqtts://localhost:1883",
		"-h ::1":                           "mqtt://[::1]:1883",
		"-h mqtt://elsewhere":              "mqtt://[mqtt://elsewhere]:1883",
		"-p 99 -L mqtt://h/x":              "mqtt://h:1883",
		"-L mqtt://h/x -p 99":              "mqtt://h:99",
		"-L MQTTS://h/x":                   "mqtts://h:8883",
		"-L mqtts://h:1/x":                 "mqtts://h:1",
		"-L mqtts://h:1/x --no-tls":        "mqtt://h:1",
		"-L ws://h/x":                      "ws://h:1883/mqtt",
		"-L wss://h/x":                     "wss://h:8883/mqtt",
		"--ws -h h -p 80":                  "ws://h:80/mqtt",
		"-L mqtt://u:p%40@h:5/x?y=1":       "mqtt://h:5",
		"--unix /run/m.sock":               "unix:///run/m.sock",
		"--unix /run/m.sock -p 5":          "mqtt:///run/m.sock:5",
		"-p 0 -h rel":                      "unix://rel",
		"--cert a --key b":                 "mqtt://localhost:1883",
		"--insecure --tls-version tlsv1.2": "mqtt://localhost:1883",
	} {
		_, c := mustParse(t, mosquitto.Pub, append([]string{"-t", "a", "-m", "x"}, strings.Fields(args)...)...)
		if got := c.Target.String(); got != want {
			t.Errorf("%q connects to %s, want %s", args, got, want)
		}
	}
	_, c := mustParse(t, mosquitto.Pub, "-m", "x", "-L", "mqtt://u:p%40:q@h/a/b", "-u", "z")
	if *c.Username != "z" || string(c.Password) != "p%40:q" {
		t.Errorf("credentials %q, %q", *c.Username, c.Password)
	}
}

func TestProxiesAreReadWithTheirEscapes(t *testing.T) {
	for given, want := range map[string]string{
		"socks5h://h":              "socks5h://h:1080",
		"socks5h://h:9":            "socks5h://h:9",
		"socks5h://[::1]:9":        "socks5h://[::1]:9",
		"socks5h://[::1]":          "socks5h://[::1]:1080",
		"socks5h://u@h":            "socks5h://u@h:1080",
		"socks5h://u:p%40%3A%25@h": "socks5h://u:p%40%3A%25@h:1080",
		"socks5h://u:p@x@h":        "socks5h://u:p%40x@h:1080",
	} {
		_, c := mustParse(t, mosquitto.Pub, "-t", "a", "-m", "x", "--proxy", given)
		if got := c.Target.Proxy.String(); got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}

func TestConfigurationFilesComeBeforeTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := strings.Repeat("x", 5000)
	write("xdg/mosquitto_sub", "# a comment\n\n  -t from/file\r\n-q 1\n-h  two blanks \n")
	write("home/.config/mosquitto_pub", "-t a\n-m "+long+"\n")
	write("home/mosquitto_rr.conf", "-t win\n")
	other := write("other", "-t other\n-v")
	env := map[string]string{"XDG_CONFIG_HOME": filepath.Join(dir, "xdg"), "HOME": filepath.Join(dir, "home")}

	o, end := parseIn(env, mosquitto.Sub, "-t", "cli", "-q", "2")
	if end != nil {
		t.Fatal(end.Err)
	}
	if !slices.Equal(o.Filters, []string{"from/file", "cli"}) || o.QoS != 2 || o.Host != " two blanks " {
		t.Errorf("filters %q, QoS %d, host %q", o.Filters, o.QoS, o.Host)
	}
	if o, end = parseIn(env, mosquitto.Sub, "-o", other); end != nil || !slices.Equal(o.Filters, []string{"other"}) || !o.Verbose {
		t.Errorf("-o: %+v, %+v", o, end)
	}
	if o, end = parseIn(env, mosquitto.Sub, "-t", "a", "-o", filepath.Join(dir, "missing")); end != nil || len(o.Filters) != 1 {
		t.Errorf("-o of a missing file: %+v, %+v", o, end)
	}
	delete(env, "XDG_CONFIG_HOME")
	if o, end = parseIn(env, mosquitto.Pub); end != nil || o.Message != long {
		t.Errorf("a long line: %+v", end)
	}
	if _, end = parseIn(env, mosquitto.Pub, "-m", "twice"); end == nil {
		t.Error("two payloads are accepted")
	}
	o, end = mosquitto.Parse(mosquitto.RR, []string{"-e", "b", "-n"}, mosquitto.Environment{
		Getenv: func(name string) string { return map[string]string{"USERPROFILE": filepath.Join(dir, "home")}[name] }, Windows: true,
	})
	if end != nil || *o.Topic != "win" {
		t.Errorf("on Windows: %+v", end)
	}
	for text, want := range map[string]string{
		" # indented\n-t a": "Error: Unknown option '#'.\n", "-t\n": "Error: -t argument given but no topic specified.\n\n",
		"-D publish user-property k v\n": "Error: --property argument given but not enough arguments specified.\n\n",
	} {
		_, end := parse(mosquitto.Sub, "-o", write("bad", text))
		if end == nil || !strings.HasPrefix(end.Err, want) {
			t.Errorf("%q: %+v", text, end)
		}
	}
}

func TestFailuresHaveTheStatusesOf21(t *testing.T) {
	refused := func(code wire.ReasonCode) error { return &client.RefusedError{Packet: wire.CONNECT, Code: code} }
	for _, tt := range []struct {
		tool mosquitto.Tool
		args string
		err  error
		want mosquitto.End
	}{
		{mosquitto.Pub, "", refused(wire.NotAuthorized), mosquitto.End{Err: "Connection error: Connection Refused: not authorised.\nError: The connection was refused.\n", Status: 5}},
		{mosquitto.Sub, "", refused(wire.BadUserNameOrPassword), mosquitto.End{Err: "Connection error: Connection Refused: bad user name or password.\n", Status: 4}},
		{mosquitto.Sub, "", refused(wire.UnsupportedProtocolVersion), mosquitto.End{Err: "Connection error: Connection Refused: unacceptable protocol version.\n", Status: 1}},
		{mosquitto.RR, "-V 311", refused(wire.ServerUnavailable), mosquitto.End{Err: "Connection error: Connection Refused: broker unavailable.\n", Status: 3}},
		{mosquitto.Sub, "-V 5", refused(wire.Banned), mosquitto.End{Err: "Connection error: Banned\n", Status: 138}},
		{mosquitto.Pub, "", client.ErrNoConnack, mosquitto.End{Err: "Error: Keepalive exceeded.\n", Status: 19}},
		{mosquitto.Pub, "", link.ErrNotMQTT, mosquitto.End{Err: "Error: A network protocol error occurred when communicating with the broker.\n", Status: 14}},
		{mosquitto.RR, "", link.ErrUnsupportedVersion, mosquitto.End{Err: "Error: Malformed packet.\n", Status: 21}},
		{mosquitto.Pub, "", &wire.Error{Code: wire.MalformedPacket, Packet: wire.CONNACK}, mosquitto.End{Err: "Error: Malformed packet.\n", Status: 21}},
		{mosquitto.Pub, "", &wire.Error{Code: wire.ProtocolError}, mosquitto.End{Err: "Error: A network protocol error occurred when communicating with the broker.\n", Status: 2}},
		{mosquitto.Pub, "", fmt.Errorf("x: %w", client.ErrConnectionLost), mosquitto.End{Err: "Error: The connection was lost.\n", Status: 7}},
		{mosquitto.Pub, "", &link.DialError{Err: context.DeadlineExceeded}, mosquitto.End{Err: "Error: Connection timed out\n", Status: 1}},
	} {
		args := append([]string{"-t", "a"}, strings.Fields(tt.args)...)
		if tt.tool != mosquitto.Sub {
			args = append(args, "-n")
		}
		if tt.tool == mosquitto.RR {
			args = append(args, "-e", "b")
		}
		o, _ := mustParse(t, tt.tool, args...)
		if diff := cmp.Diff(tt.want, mosquitto.Failure(o, tt.err)); diff != "" {
			t.Errorf("%s, %v: (-want +got)\n%s", tt.tool, tt.err, diff)
		}
	}
}

func TestCertificatesAreReadBeforeConnecting(t *testing.T) {
	for args, want := range map[string]string{
		"--cafile /nonexistent":                              "Error: Problem setting TLS options: File not found.\n",
		"--tls-use-os-certs --cert /nonexistent --key /none": "Error: Problem setting TLS options: File not found.\n",
		"--cafile mosquitto_test.go":                         "Unable to connect (A TLS error occurred.).\n",
		"--tls-use-os-certs --ciphers NO-SUCH":               "Error: Problem setting TLS options: mqx does not know the cipher suite \"NO-SUCH\".\n",
		"--psk ab --psk-identity i":                          "Error: Problem setting TLS-PSK options.\nError: mqx does not speak TLS with pre-shared keys; use certificates (--cafile).\n",
	} {
		o, end := parse(mosquitto.Pub, append([]string{"-t", "a", "-n"}, strings.Fields(args)...)...)
		if end == nil {
			_, end = o.Client(config.Secrets{})
		}
		if end == nil || end.Err != want || end.Status != 1 {
			t.Errorf("%s: %+v", args, end)
		}
	}
	_, c := mustParse(t, mosquitto.Pub, "-t", "a", "-n", "--tls-use-os-certs", "--insecure", "--tls-alpn", "mqtt", "--tls-version", "tlsv1.3",
		"--ciphers", "ECDHE-RSA-AES128-GCM-SHA256:HIGH:!MD5:TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:ECDHE-ECDSA-CHACHA20-POLY1305")
	if tls := c.Target.TLS; !tls.InsecureSkipVerify || tls.NextProtos[0] != "mqtt" || tls.MinVersion != 0x0304 || len(tls.CipherSuites) != 3 {
		t.Errorf("TLS: %+v", tls)
	}
}

func TestTracesCountAsMosquittoDoes(t *testing.T) {
	o, _ := mustParse(t, mosquitto.Sub, "-t", "a", "-i", "me")
	var got strings.Builder
	trace := mosquitto.NewTrace(o, func(text string) { got.WriteString(text) })
	trace.Packet("->", &wire.Connect{})
	trace.Packet("<-", &wire.Connack{})
	trace.Packet("->", &wire.Subscribe{PacketID: 9, Subscriptions: []wire.Subscription{{Filter: "a", QoS: 1}, {Filter: "b", RetainAsPublished: true, RetainHandling: 2}}})
	trace.Packet("<-", &wire.Suback{PacketID: 9, Codes: []wire.ReasonCode{1, 128}})
	trace.Packet("->", &wire.Publish{Topic: "t", Payload: []byte("xy")})
	trace.Packet("->", &wire.Publish{Topic: "t", QoS: 2, PacketID: 300, Retain: true})
	trace.Packet("<-", &wire.Ack{Kind: wire.PUBREC, PacketID: 300})
	trace.Packet("->", &wire.Ack{Kind: wire.PUBREL, PacketID: 300})
	trace.Packet("<-", &wire.Ack{Kind: wire.PUBCOMP, PacketID: 300})
	trace.Packet("<-", &wire.Publish{Topic: "t", QoS: 1, PacketID: 7, Dup: true})
	trace.Packet("->", &wire.Ack{Kind: wire.PUBACK, PacketID: 7})
	trace.Packet("->", &wire.Unsubscribe{PacketID: 10, Filters: []string{"a"}})
	trace.Packet("<-", &wire.Disconnect{Code: 142})
	want := `Client me sending CONNECT
Client me received CONNACK (0)
Client me sending SUBSCRIBE (Mid: 1, Topic: a, QoS: 1, Options: 0x00)
Client me sending SUBSCRIBE (Mid: 1, Topic: b, QoS: 0, Options: 0x28)
Client me received SUBACK
Subscribed (mid: 1): 1, 128
Client me sending PUBLISH (d0, q0, r0, m2, 't', ... (2 bytes))
Client me sending PUBLISH (d0, q2, r1, m3, 't', ... (0 bytes))
Client me received PUBREC (Mid: 3)
Client me sending PUBREL (m3)
Client me received PUBCOMP (Mid: 3, RC:0)
Client me received PUBLISH (d1, q1, r0, m7, 't', ... (0 bytes))
Client me sending PUBACK (m7, rc0)
Client me sending UNSUBSCRIBE (Mid: 4, Topic: a)
Received DISCONNECT (142)
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMessagesThatCannotBeSentHaveAnEnd(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want mosquitto.End
	}{
		{errors.New("an empty topic"), mosquitto.End{Err: mosquitto.BadTopic}},
		{&client.RefusedError{Code: wire.QoSNotSupported}, mosquitto.End{Err: "Error: Message QoS not supported on broker, try a lower QoS.\n"}},
		{&client.RefusedError{Code: wire.PacketTooLarge}, mosquitto.End{Err: "Error: Packet larger than supported by the server.\n", Status: 7}},
	} {
		if got := mosquitto.PublishProblem(tt.err); got != tt.want {
			t.Errorf("%v: %+v", tt.err, got)
		}
	}
	if got := mosquitto.PublishWarning(2, wire.NotAuthorized); got != "Warning: Publish 2 failed: Not authorized.\n" {
		t.Errorf("warning %q", got)
	}
}

func TestNumbersAreReadAsCReadsThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0.5": 500 * time.Millisecond, "1e1": 10 * time.Second, " 2": 2 * time.Second, "3s": 3 * time.Second, "x": 0, "": 0, ".25x": 250 * time.Millisecond,
	} {
		o, _ := mustParse(t, mosquitto.Pub, "-t", "a", "-n", "--repeat-delay", text)
		if o.RepeatDelay != want {
			t.Errorf("--repeat-delay %q is %s", text, o.RepeatDelay)
		}
	}
}

func FuzzCommandLines(f *testing.F) {
	for _, line := range []string{
		"-t\x00a\x00-m\x00x", "-D\x00publish\x00user-property\x00k\x00v", "-L\x00mqtt://u:p@h:1/t", "-F\x00%.2:x@q\\n%j", "-x\x00∞", "--proxy\x00socks5h://u:%40@[::1]:1",
		"-p\x0099999999999999999999", "-t\x00a\x00-e\x00b\x00-n\x00--ciphers\x00A:B\x00-p\x008883", "-o\x00-o",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		if slices.ContainsFunc(args, func(s string) bool { return strings.HasPrefix(s, "--tls-keylog") || s == "-A" }) {
			t.Skip("it would write a file, or look up a name")
		}
		for _, tool := range mosquitto.Tools() {
			o, end := parse(tool, args...)
			if end == nil {
				_, end = o.Client(config.Secrets{Prompt: func(string) (string, error) { return "", errors.New("none") }})
			}
			if end == nil {
				continue
			}
			if end.Status != 1 || end.Out == "" && !strings.HasSuffix(end.Err, "\n") {
				t.Errorf("%s %q: %+v", tool, args, *end)
			}
		}
	})
}
