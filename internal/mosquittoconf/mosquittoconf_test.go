package mosquittoconf_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/mosquittoconf"
)

func whole() mosquittoconf.Server {
	return mosquittoconf.Server{
		Listeners: []mosquittoconf.Listener{
			{Port: 1883, Address: "127.0.0.1"},
			{Port: 8883, Address: "127.0.0.1", TLS: true},
			{Port: 9002, Address: "127.0.0.1", TLS: true, WebSocket: true},
			{Address: "/run/broker.sock"},
		},
		Users: "/etc/m/passwords", ACL: "/etc/m/acl", Data: "/var/lib/m",
		TLS: mosquittoconf.TLS{Cert: "/etc/m/server.crt", Key: "/etc/m/server.key", ClientCA: "/etc/m/client-ca.crt"},
		Limits: mosquittoconf.Limits{
			Clients: 10, PacketSize: 1024, Inflight: 5, QueuedMessages: 6, QueuedBytes: 7, KeepAlive: 60,
		},
		SysInterval: 1500 * time.Millisecond,
		Bridge: &mosquittoconf.Bridge{
			Name: "to-cloud", Address: "cloud:8883", TLS: true, Username: "u", Password: "p",
			Topics: []mosquittoconf.BridgeTopic{{Filter: "plant/#", Direction: "out"}},
		},
	}
}

// options are the lines of a configuration without comments and empty ones.
func options(conf []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(conf)) {
		if line != "\n" && line[0] != '#' {
			b.WriteString(line)
		}
	}

	return b.String()
}

func TestEachPartOfTheServerHasItsOptions(t *testing.T) {
	t.Parallel()
	s := whole()
	want := `per_listener_settings false
allow_anonymous false
password_file /etc/m/passwords
acl_file /etc/m/acl
max_packet_size 1024
max_inflight_messages 5
max_queued_messages 6
max_queued_bytes 7
max_keepalive 60
set_tcp_nodelay true
persistence true
persistence_location /var/lib/m/
autosave_interval 30
persistent_client_expiration 1y
sys_interval 2
log_dest stderr
listener 1883 127.0.0.1
max_connections 10
listener 8883 127.0.0.1
max_connections 10
certfile /etc/m/server.crt
keyfile /etc/m/server.key
cafile /etc/m/client-ca.crt
require_certificate true
use_identity_as_username true
listener 9002 127.0.0.1
protocol websockets
max_connections 10
certfile /etc/m/server.crt
keyfile /etc/m/server.key
cafile /etc/m/client-ca.crt
require_certificate true
use_identity_as_username true
listener 0 /run/broker.sock
max_connections 10
connection to-cloud
address cloud:8883
bridge_protocol_version mqttv50
cleansession false
notifications false
remote_username u
remote_password p
bridge_capath /etc/ssl/certs
topic plant/# out 1
`
	if diff := cmp.Diff(want, options(s.Conf(""))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheComposeFilePublishesThePortsWhereTheBrokerListened(t *testing.T) {
	t.Parallel()
	s := whole()
	for _, test := range []struct {
		address string
		uid     int
		ports   []string
		user    string
		config  string
	}{
		{"127.0.0.1", 1000, []string{"127.0.0.1:1883:1883", "127.0.0.1:8883:8883", "127.0.0.1:9002:9002"}, "1000:100", ".:/mosquitto/config:ro"},
		{"::1", 0, []string{"[::1]:1883:1883", "[::1]:8883:8883", "[::1]:9002:9002"}, "", ".:/mosquitto/config"},
		{"", 0, []string{"1883:1883", "8883:8883", "9002:9002"}, "", ".:/mosquitto/config"},
	} {
		var got struct {
			Services map[string]struct {
				Image, User    string
				Ports, Volumes []string
			}
		}
		if err := yaml.Unmarshal(s.Compose(test.address, test.uid, 100), &got); err != nil {
			t.Fatal(err)
		}
		service := got.Services["mosquitto"]
		if diff := cmp.Diff(test.ports, service.Ports); diff != "" {
			t.Errorf("ports on %q: -want +got:\n%s", test.address, diff)
		}
		if diff := cmp.Diff([]string{test.config, "./data:/mosquitto/data"}, service.Volumes); diff != "" {
			t.Errorf("volumes for user %d: -want +got:\n%s", test.uid, diff)
		}
		if service.User != test.user || service.Image == "" {
			t.Errorf("user %q, image %q; want user %q", service.User, service.Image, test.user)
		}
	}
}

func TestWhatTheFileCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*mosquittoconf.Server){
		"a line break in a path":     func(s *mosquittoconf.Server) { s.ACL = "/etc/a\nallow_anonymous true" },
		"a line break in a password": func(s *mosquittoconf.Server) { s.Bridge.Password = "p\r" },
		"a socket with a space":      func(s *mosquittoconf.Server) { s.Listeners[3].Address = "/a b" },
		"a topic with a space":       func(s *mosquittoconf.Server) { s.Bridge.Topics[0].Filter = "a b/#" },
		"a bridge without topics":    func(s *mosquittoconf.Server) { s.Bridge.Topics = nil },
	} {
		s := whole()
		if change(&s); s.Check() == nil {
			t.Errorf("%s is taken", what)
		}
	}
	s := whole()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func TestWriteReplacesNothingUnasked(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	files := []mosquittoconf.File{{Name: "a", Data: []byte("1")}, {Name: "b", Data: []byte("1"), Secret: true}}
	paths, err := mosquittoconf.Write(dir, files, false)
	if err != nil || len(paths) != 2 {
		t.Fatal(paths, err)
	}
	if runtime.GOOS != "windows" {
		for name, mode := range map[string]os.FileMode{"a": 0o644, "b": 0o600} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, mode)
			}
		}
	}
	files = []mosquittoconf.File{{Name: "c", Data: []byte("2")}, {Name: "b", Data: []byte("2")}}
	var exists *mosquittoconf.ExistsError
	if _, err := mosquittoconf.Write(dir, files, false); !errors.As(err, &exists) || exists.Path != filepath.Join(dir, "b") {
		t.Errorf("got %v, want that b exists", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "c")); err == nil {
		t.Error("a part was written")
	}
	if _, err := mosquittoconf.Write(dir, files, true); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "b")); string(got) != "2" {
		t.Errorf("b holds %q", got)
	}
}
