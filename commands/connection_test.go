package commands_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/commands"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/wire"
)

// summary is what the table compares: the address, the credentials and the level.
func summary(r config.Resolved) string {
	s := r.Options.Target.String()
	if r.Options.Username != nil {
		s += " user=" + *r.Options.Username
	}
	if r.Options.Password != nil {
		s += " password=" + string(r.Options.Password)
	}
	if r.Topic != "" {
		s += " topic=" + r.Topic
	}
	if r.Options.Version != 0 {
		s += " level=" + r.Options.Version.String()
	}
	return s
}

type environment = map[string]string

func TestFlagsBeatTheEnvironmentWhichBeatsDefaults(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		env  environment
		args []string
		want string
	}{
		{"defaults", nil, nil, "mqtt://localhost:1883"},
		{"flags", nil, []string{"-h", "b", "-p", "1"}, "mqtt://b:1"},
		{"environment", environment{"MQX_HOST": "e", "MQX_PORT": "2", "MQX_USERNAME": "u"}, nil, "mqtt://e:2 user=u"},
		{"an empty variable is none", environment{"MQX_HOST": ""}, nil, "mqtt://localhost:1883"},
		{"a port alone keeps the host", environment{"MQX_HOST": "e"}, []string{"-p", "3"}, "mqtt://e:3"},
		{
			"a host replaces port, TLS and credentials",
			environment{"MQX_PORT": "2", "MQX_TLS": "true", "MQX_USERNAME": "u", "MQX_PASSWORD": "p"},
			[]string{"-h", "b"},
			"mqtt://b:1883",
		},
		{"a URL does too", environment{"MQX_HOST": "e", "MQX_CAFILE": "/nowhere", "MQX_PASSWORD": "p"}, []string{"-L", "mqtt://b"}, "mqtt://b:1883"},
		{"what is no address stays", environment{"MQX_PROTOCOL": "3.1.1"}, []string{"-h", "b"}, "mqtt://b:1883 level=3.1.1"},
		{"a port flag beats the URL of the environment", environment{"MQX_URL": "mqtt://e:2/a"}, []string{"-p", "3"}, "mqtt://e:3 topic=a"},
		{"a user flag beats the URL", nil, []string{"-L", "mqtt://u:p@b", "-u", "z"}, "mqtt://b:1883 user=z password=p"},
		{
			"URL with everything", nil,
			[]string{"-L", "mqtts://us%40er:p%2Fw@[::1]:99/a/%2B/b?c#"},
			"mqtts://[::1]:99 user=us@er password=p/w topic=a/+/b?c#",
		},
		{"a URL as host", nil, []string{"-h", "mqtt://b:5"}, "mqtt://b:5"},
		{"an IPv6 literal", nil, []string{"-h", "[::1]"}, "mqtt://[::1]:1883"},
		{"mqtts has its own port", nil, []string{"-L", "MQTTS://b"}, "mqtts://b:8883"},
		{"--tls too", nil, []string{"--tls"}, "mqtts://localhost:8883"},
		{"port 8883 implies TLS", nil, []string{"-p", "8883"}, "mqtts://localhost:8883"},
		{"a TLS flag implies TLS", nil, []string{"--sni", "x", "-p", "5"}, "mqtts://localhost:5"},
		{"--no-tls cancels", nil, []string{"-p", "8883", "--no-tls"}, "mqtt://localhost:8883"},
		{"--no-tls cancels mqtts", nil, []string{"-L", "mqtts://b", "--no-tls"}, "mqtt://b:1883"},
		{"a password file", nil, []string{"-u", "u", "--password-file", secret}, "mqtt://localhost:1883 user=u password=from file"},
		{
			"a password flag silences the variable of another",
			environment{"MQX_PASSWORD_FILE": "/nowhere"},
			[]string{"-u", "u", "-P", "x"},
			"mqtt://localhost:1883 user=u password=x",
		},
		{"an empty password is one", nil, []string{"-u", "u", "-P", ""}, "mqtt://localhost:1883 user=u password="},
		{"a password alone needs MQTT 5", nil, []string{"-P", "x"}, "mqtt://localhost:1883 password=x level=5"},
		{"a v5-only flag fixes the level", nil, []string{"-x", "60"}, "mqtt://localhost:1883 level=5"},
		{"a property does too", nil, []string{"-D", "connect", "receive-maximum", "9"}, "mqtt://localhost:1883 level=5"},
		{
			"a property from the environment",
			environment{"MQX_PROPERTY": "publish content-type text/plain; charset=utf-8\nconnect user-property a b c"},
			nil,
			"mqtt://localhost:1883 level=5",
		},
		{"mosquitto's words for levels", nil, []string{"-V", "mqttv31"}, "mqtt://localhost:1883 level=3.1"},
		{"--host and --url may agree", nil, []string{"-h", "b", "-L", "mqtt://b:7"}, "mqtt://b:7"},
	} {
		r, err := commands.ResolveConnection(tt.env, tt.args...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := summary(r); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestFlagsAndEnvironmentComeBeforeTheContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mqx"), 0o700); err != nil {
		t.Fatal(err)
	}
	const contexts = `current: prod
contexts:
  prod:
    url: mqtts://up:pp@prod/t
    protocol: 3.1.1
    client_id: me
  user:
    host: u
    port: 7
    username: env:WHO
    password: file:secret
  port: {port: 9}
`
	for name, content := range map[string]string{"contexts.yaml": contexts, "secret": "filed\n"} {
		if err := os.WriteFile(filepath.Join(dir, "mqx", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		env  environment
		args []string
		want string
	}{
		{"the current one", nil, nil, "mqtts://prod:8883 user=up password=pp topic=t level=3.1.1"},
		{"none", nil, []string{"--context="}, "mqtt://localhost:1883"},
		{"a flag chooses another", nil, []string{"--context", "port"}, "mqtt://localhost:9"},
		{"a variable chooses another", environment{"MQX_CONTEXT": "user", "WHO": "w"}, nil, "mqtt://u:7 user=w password=filed"},
		{"the flag is before the variable", environment{"MQX_CONTEXT": "user"}, []string{"--context", "port"}, "mqtt://localhost:9"},
		{"a host sets address, TLS and credentials aside", nil, []string{"-h", "b"}, "mqtt://b:1883 level=3.1.1"},
		{"a host in the environment too", environment{"MQX_HOST": "b"}, nil, "mqtt://b:1883 level=3.1.1"},
		{"also when the context was asked for", environment{"MQX_URL": "mqtt://b", "WHO": "w"}, []string{"--context", "user"}, "mqtt://b:1883"},
		{"a port alone does not", environment{"MQX_PORT": "5"}, nil, "mqtts://prod:5 user=up password=pp topic=t level=3.1.1"},
		{"a user does not", nil, []string{"-u", "z"}, "mqtts://prod:8883 user=z password=pp topic=t level=3.1.1"},
		{
			"a password sets the reference aside, which is not resolved",
			environment{"MQX_PASSWORD": "p", "WHO": "w"},
			[]string{"--context", "user"},
			"mqtt://u:7 user=w password=p",
		},
		{"what the environment says counts", environment{"MQX_PROTOCOL": "5"}, nil, "mqtts://prod:8883 user=up password=pp topic=t level=5"},
	} {
		if tt.env == nil {
			tt.env = environment{}
		}
		tt.env["XDG_CONFIG_HOME"] = dir
		r, err := commands.ResolveConnection(tt.env, tt.args...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := summary(r); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	_, err := commands.ResolveConnection(environment{"XDG_CONFIG_HOME": dir}, "--context", "usr")
	if err == nil || exit.CodeOf(err) != exit.Usage || !strings.Contains(err.Error(), "did you mean user?") {
		t.Errorf("got %v", err)
	}
	_, err = commands.ResolveConnection(nil, "--context", "x")
	if err == nil || exit.CodeOf(err) != exit.Usage || !strings.Contains(err.Error(), "neither XDG_CONFIG_HOME nor HOME") {
		t.Errorf("got %v", err)
	}
}

func TestConnectionFlagsRefuse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env  environment
		args []string
		want string
	}{
		{nil, []string{"-p", "0"}, `--port: "0" is not a port`},
		{environment{"MQX_PORT": "tcp://10.0.0.1:80"}, nil, `MQX_PORT: "tcp://10.0.0.1:80" is not a port`},
		{nil, []string{"-h", "b:1884"}, `--host: "b:1884" holds a port - write --host b --port 1884`},
		{nil, []string{"-h", ""}, "--host: it is empty"},
		{nil, []string{"-h", "me:sec%ret@b"}, "--host: it holds a user name - write --url mqtt://USER@HOST"},
		{nil, []string{"-h", "me:sec%ret@b:1883"}, "--host: it holds a user name"},
		{nil, []string{"-L", "b"}, "--url: a URL like mqtt://host:1883"},
		{nil, []string{"-L", "gopher://b"}, `--url: the scheme "gopher" is none of mqtt, mqtts, ws, wss and unix`},
		{nil, []string{"-L", "https://b"}, "the scheme https is called wss here"},
		{nil, []string{"-L", "unix://"}, "the path of the socket is missing"},
		{nil, []string{"-L", "unix://u:sec%ret@/x"}, "user or password is malformed"},
		{nil, []string{"--unix", "/x", "-p", "1883"}, "--unix: it excludes --port"},
		{nil, []string{"--unix", "/x", "--tls"}, "--tls: it means nothing for a Unix socket"},
		{nil, []string{"-L", "ws://b/a b"}, "the path of the WebSocket: \"/a b\" is malformed"},
		{nil, []string{"-L", "ws://b", "--ws-header", "sec%ret"}, "--ws-header: Name:value is expected"},
		{nil, []string{"-L", "ws://b", "--ws-header", "A: b\nc"}, "--ws-header: Name:value is expected"},
		{nil, []string{"--proxy", "proxy:1080"}, "--proxy: a URL like socks5h://host:1080"},
		{nil, []string{"--proxy", "ftp://u:sec%25ret@proxy"}, "--proxy: the scheme of a proxy is socks5h, socks5, http or https"},
		{nil, []string{"--proxy", "socks5h://"}, "--proxy: the proxy's host is missing"},
		{nil, []string{"--bind", "no such.address"}, "is no address of this machine"},
		{environment{"ALL_PROXY": "ftp://x"}, []string{"-h", "broker.example"}, "the proxy in the environment: the scheme"},
		{nil, []string{"-L", "ssl://b"}, "the scheme ssl is called mqtts here"},
		{nil, []string{"-L", "mqtt://u:sec%ret@b"}, "write % as %25"},
		{nil, []string{"-L", "mqtt://b:x"}, "malformed"},
		{nil, []string{"-L", "mqtt://b:70000"}, "the port 70000"},
		{nil, []string{"-L", "mqtt:///a"}, "the host is missing"},
		{nil, []string{"-L", "mqtt://b/%zz"}, `the topic has a bad % escape`},
		{environment{"MQX_URL": "mqtt://a", "MQX_HOST": "b"}, nil, "MQX_URL: it names the host a, and MQX_HOST names b"},
		{nil, []string{"-i", "a", "-I", "b"}, "--client-id: it excludes --client-id-prefix"},
		{nil, []string{"-P", "a", "--password-file", "b"}, "--password: it excludes --password-file"},
		{nil, []string{"--password-file", "/nowhere/x"}, "--password-file: open /nowhere/x: no such file"},
		{nil, []string{"--password-prompt"}, "no terminal to ask on"},
		{nil, []string{"-c"}, "add --client-id"},
		{nil, []string{"-V", "6"}, "--protocol: auto, 5, 3.1.1 or 3.1 is expected"},
		{nil, []string{"-V", "311", "-x", "5"}, "--session-expiry: it needs MQTT 5, and --protocol asks for 3.1.1"},
		{nil, []string{"-V", "3.1", "-D", "publish", "content-type", "x"}, "--property publish content-type: it needs MQTT 5"},
		{nil, []string{"-V", "311", "--user-property", "a=b"}, "--user-property: it needs MQTT 5"},
		{nil, []string{"-V", "311", "-P", "x"}, "a password without --username: it needs MQTT 5"},
		{nil, []string{"-k", "70000"}, "--keepalive"},
		{nil, []string{"-k", "1.5"}, `"1.5" is not whole seconds`},
		{nil, []string{"--receive-maximum", "0"}, "0 is not allowed"},
		{nil, []string{"--will-payload", "x"}, "add --will-topic"},
		{nil, []string{"-D", "will", "content-type", "x"}, "add --will-topic"},
		{nil, []string{"--will-topic", "a/+"}, "--will-topic: topic name"},
		{nil, []string{"--will-topic", "a", "--will-qos", "3"}, "--will-qos: 0, 1 or 2 is expected"},
		{nil, []string{"--will-topic", "a", "--will-payload", "x", "--will-file", "y"}, "excludes"},
		{nil, []string{"--cert", "x"}, "--cert, --key: both are needed"},
		{nil, []string{"--cafile", "/nowhere/ca"}, "--cafile: open /nowhere/ca"},
		{nil, []string{"--capath", "/nowhere"}, "--capath: open /nowhere"},
		{nil, []string{"--tls-version", "1.1"}, "--tls-version: 1.2 or 1.3"},
		{nil, []string{"-D", "publish", "content-type"}, "--property: COMMAND NAME VALUE are expected"},
		{nil, []string{"-D", "puback", "content-type", "x"}, `"puback" is none of`},
		{nil, []string{"-D", "publish", "contentType", "x"}, `no property is called "contentType"`},
		{nil, []string{"-D", "publish", "topic-alias", "1"}, "not set by hand"},
		{nil, []string{"-D", "publish", "subscription-identifier", "1"}, "a client must not publish one"},
		{nil, []string{"-D", "publish", "receive-maximum", "1"}, "not a property of publish"},
		{nil, []string{"-D", "publish", "message-expiry-interval", "x"}, `"x" is not a whole number`},
		{nil, []string{"--user-property", "a"}, "KEY=VALUE is expected"},
		{nil, []string{"-i", "a\x00b"}, "holds U+0000"},
		{nil, []string{"--hots", "x"}, "did you mean --host?"},
	} {
		_, err := commands.ResolveConnection(tt.env, tt.args...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q %v: got %v, want %q", tt.args, tt.env, err, tt.want)
			continue
		}
		if code := exit.CodeOf(err); code != exit.Usage {
			t.Errorf("%q: got status %d, want %d", tt.args, code, exit.Usage)
		}
		if strings.Contains(err.Error(), "sec%ret") {
			t.Errorf("%q: the password is shown: %v", tt.args, err)
		}
	}
}

func TestTransportIsFoundFromFlagsURLAndEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env  environment
		args string
		want string
	}{
		{nil, "-L ws://b", "ws://b:80/mqtt"},
		{nil, "-L wss://b", "wss://b:443/mqtt"},
		{nil, "-L wss://b:8884/a%20b?token=x --ws-header Authorization:Bearer", "wss://b:8884/a%20b Authorization=Bearer"},
		{nil, "-L ws://b:9001/", "ws://b:9001/"},
		{nil, "-L ws://b:9001/x --ws-path y", "ws://b:9001/y"},
		{nil, "-h b -p 9001 --ws-path /mqtt", "ws://b:9001/mqtt"},
		{nil, "-h b --ws-path /mqtt --tls", "wss://b:443/mqtt"},
		{environment{"MQX_URL": "ws://b:9001"}, "", "ws://b:9001/mqtt"},
		{environment{"MQX_URL": "ws://b:9001"}, "-h c", "mqtt://c:1883"},
		{nil, "--unix /run/mqtt.sock", "unix:///run/mqtt.sock"},
		{nil, "-L unix:///run/a%20b.sock", "unix:///run/a b.sock"},
		{nil, "-L unix://mqtt.sock", "unix://mqtt.sock"},
		{nil, "-L unix://u:p%40@/run/mqtt.sock", "unix:///run/mqtt.sock user=u password=p@"},
		{environment{"MQX_UNIX": "/run/mqtt.sock"}, "-h b", "mqtt://b:1883"},
		{environment{"MQX_HOST": "b", "MQX_PORT": "8883"}, "--unix /x", "unix:///x"},
		{nil, "-h b --proxy socks5h://u:p@proxy:1080", "mqtt://b:1883 through socks5h://u:xxxxx@proxy:1080"},
		{environment{"ALL_PROXY": "socks5://proxy"}, "-h b", "mqtt://b:1883 through socks5://proxy"},
		{environment{"ALL_PROXY": "socks5://proxy"}, "-h b --proxy none", "mqtt://b:1883"},
		{environment{"ALL_PROXY": "socks5://proxy"}, "-h localhost", "mqtt://localhost:1883"},
		{environment{"ALL_PROXY": "socks5://proxy", "NO_PROXY": "b"}, "-h b", "mqtt://b:1883"},
		{environment{"HTTP_PROXY": "http://proxy", "ALL_PROXY": "socks5://all"}, "-L ws://b", "ws://b:80/mqtt through http://proxy"},
		{environment{"HTTPS_PROXY": "http://proxy"}, "-L wss://b", "wss://b:443/mqtt through http://proxy"},
		{environment{"HTTPS_PROXY": "http://proxy"}, "-L mqtts://b", "mqtts://b:8883"},
		{nil, "-h b -A 127.0.0.2", "mqtt://b:1883 from 127.0.0.2"},
	} {
		r, err := commands.ResolveConnection(tt.env, strings.Fields(tt.args)...)
		if err != nil {
			t.Errorf("%s %v: %v", tt.args, tt.env, err)
			continue
		}
		target := r.Options.Target
		got := target.String()
		if target.WebSocket != nil {
			for name, values := range target.WebSocket.Header {
				got += " " + name + "=" + values[0]
			}
		}
		if r.Options.Username != nil {
			got += " user=" + *r.Options.Username + " password=" + string(r.Options.Password)
		}
		if target.Proxy != nil {
			got += " through " + target.Proxy.Redacted()
		}
		if target.Bind != "" {
			got += " from " + target.Bind
		}
		if got != tt.want {
			t.Errorf("%s %v: got %s, want %s", tt.args, tt.env, got, tt.want)
		}
	}
}

func TestConnectionFlagsReachTheOptions(t *testing.T) {
	t.Parallel()
	r, err := commands.ResolveConnection(nil, "-i", "me", "-k", "2m", "-c", "-M", "7", "--connect-timeout", "3", "--receive-maximum", "8",
		"--max-packet-size", "9000", "-x", "forever", "--will-topic", "w", "--will-payload", "gone", "--will-qos", "1", "--will-retain",
		"--will-delay", "30", "-D", "will", "content-type", "text/plain", "--user-property", "k=v=w",
		"--tls", "--alpn", "mqtt,x", "--sni", "name", "--tls-version", "tlsv1.3", "--insecure")
	if err != nil {
		t.Fatal(err)
	}
	o := r.Options
	if o.ClientID != "me" || o.KeepAlive != 120 || !o.ResumeSession || o.MaxInflight != 7 || o.ConnectTimeout != 3*time.Second || o.Version != wire.V5 {
		t.Errorf("got %+v", o)
	}
	if p := o.Properties; p.ReceiveMaximum != 8 || p.MaximumPacketSize != 9000 || p.SessionExpiryInterval != 0xffffffff {
		t.Errorf("CONNECT properties: got %+v", p)
	}
	w := o.Will
	if w == nil || w.Topic != "w" || string(w.Payload) != "gone" || w.QoS != 1 || !w.Retain ||
		w.Properties.WillDelayInterval != 30 || w.Properties.ContentType != "text/plain" {
		t.Errorf("Will Message: got %+v", w)
	}
	cfg := o.Target.TLS
	if cfg == nil || cfg.ServerName != "name" || len(cfg.NextProtos) != 2 || cfg.MinVersion != tls.VersionTLS13 || !cfg.InsecureSkipVerify {
		t.Errorf("TLS: got %+v", cfg)
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "--insecure") {
		t.Errorf("warnings: got %q", r.Warnings)
	}
}

func TestClientIDPrefixGetsARandomEnd(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 20 {
		r, err := commands.ResolveConnection(nil, "-I", "pre-")
		if err != nil {
			t.Fatal(err)
		}
		if id := r.Options.ClientID; !strings.HasPrefix(id, "pre-") || len(id) != 12 || seen[id] {
			t.Errorf("got %q", id)
		} else {
			seen[id] = true
		}
	}
}
