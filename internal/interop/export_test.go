//go:build unix

package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exported is a broker with all that `mqx broker export` can say, in a folder of its own.
type exported struct {
	dir   string
	ports []string // plain, TLS, WebSocket
	flags []string
}

func newExported(t *testing.T) *exported {
	t.Helper()
	x := &exported{dir: t.TempDir(), ports: freePorts(t, 3)}
	for _, name := range []string{"dashboard", "d42"} {
		p := start(t, strings.NewReader("pw-"+name+"\n"), mqx(), "broker", "passwd", x.path("users"), name, "--scram")
		p.mustWait(0)
	}
	list := "user dashboard\ntopic read acme/#\npattern write acme/s1/%u/#\npattern read acme/s1/%u/cmd\ntopic deny acme/secret\n"
	if err := os.WriteFile(x.path("list"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	x.flags = []string{
		"--users", x.path("users"), "--acl", x.path("list"), "--tls-auto=" + x.path("tls"), "--data-dir", x.path("data"),
		"-p", x.ports[0], "--tls-port", x.ports[1], "--ws-port", x.ports[2], "--unix", x.path("s"), "--max-packet-size", "10000",
	}
	return x
}

func (x *exported) path(name string) string { return filepath.Join(x.dir, name) }

// mosquitto exports the configuration and starts Mosquitto with it. It returns nil when a port was taken in the meantime.
func (x *exported) mosquitto(t *testing.T, flags ...string) *process {
	t.Helper()
	program := tool(t, "mosquitto")
	run(t, 0, mqx(), slices.Concat([]string{"broker", "export", "--to", "mosquitto", "-o", x.path("out"), "--force"}, x.flags, flags)...)
	return x.start(t, program)
}

// start starts Mosquitto with what was exported.
func (x *exported) start(t *testing.T, program string) *process {
	t.Helper()
	conf := x.path("out/mosquitto.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	more := "\nuser root\n" // for root only: it would not be allowed to read the test's files otherwise
	if strings.Contains(string(text), "\nconnection ") {
		more += "restart_timeout 1\n" // by default a bridge waits for up to 30 s after a failure
	}
	own := x.path("own.conf")
	if err := os.WriteFile(own, append(text, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, program, "-c", own)
	running := false
	eventually(t, "mosquitto runs", func() bool {
		running = strings.Contains(p.stderr.String(), " running")
		select {
		case <-p.done:
			return true
		default:
			return running
		}
	})
	if !running && strings.Contains(p.stderr.String(), "in use") {
		return nil
	}
	if !running {
		t.Fatalf("mosquitto does not start: %s", p.stderr.String())
	}
	return p
}

// behaviour is what clients see of a Server: the exit status of each command and what it prints. restart ends the Server and
// starts it again.
func (x *exported) behaviour(t *testing.T, restart func()) []string {
	t.Helper()
	var seen []string
	see := func(args ...string) {
		p := start(t, nil, mqx(), args...)
		status := p.wait()
		lines := strings.Split(p.stdout.String(), "\n")
		slices.Sort(lines) // Retained Messages have no order
		seen = append(seen, fmt.Sprintf("%s: %d %q", strings.Join(args, " "), status, lines))
	}
	plain := []string{"-h", "127.0.0.1", "-p", x.ports[0]}
	device := []string{"-u", "d42", "-P", "pw-d42"}
	user := []string{"-u", "dashboard", "-P", "pw-dashboard"}
	pub := func(login []string, topic, payload string, more ...string) {
		see(slices.Concat([]string{"pub"}, plain, login, []string{"-q", "1", "-t", topic, "-m", payload}, more)...)
	}
	read := func(where ...string) {
		see(slices.Concat([]string{"sub", "--retained-only", "-v", "-t", "acme/#"}, where, user)...)
	}
	pub(device, "acme/s1/d42/status", "online", "-r")
	pub(device, "acme/s1/d42/status", "offline", "-r")
	pub(device, "acme/s1/d42/gone", "x", "-r")
	pub(device, "acme/s1/d42/gone", "", "-r")
	pub(device, "acme/s1/d42/plain", "x", "-V", "3.1.1", "-r")
	pub(device, "acme/s1/d7/status", "online", "-r") // not his
	pub(user, "acme/s1/dashboard/x", "1", "-r")      // his own, by the pattern
	pub(user, "acme/secret", "1")
	pub([]string{"-u", "d42", "-P", "wrong"}, "acme/s1/d42/status", "x")
	pub([]string{"-u", "nobody", "-P", "pw-d42"}, "acme/s1/d42/status", "x")
	pub(nil, "acme/s1/d42/status", "x")
	pub(device, "acme/s1/d42/large", strings.Repeat("x", 20000))
	read(plain...)
	read("-h", "127.0.0.1", "-p", x.ports[1], "--cafile", x.path("tls/ca.crt"))
	read("-h", "127.0.0.1", "-p", x.ports[1], "--tls") // whose CA nobody knows
	read("-L", "ws://127.0.0.1:"+x.ports[2]+"/mqtt")
	read("--unix", x.path("s"))
	restart()
	read(plain...)
	return seen
}

func TestInteropExportedMosquittoBehavesLikeTheBroker(t *testing.T) {
	program := tool(t, "mosquitto")
	for attempt := range 5 { // another process may take a port in the meantime
		x := newExported(t)
		broker := startReady(t, append([]string{"broker"}, x.flags...)...)
		want := x.behaviour(t, func() {
			broker.signal(syscall.SIGTERM)
			broker.mustWait(143)
			broker = startReady(t, append([]string{"broker"}, x.flags...)...)
		})
		broker.signal(syscall.SIGTERM)
		broker.mustWait(143)
		m := x.mosquitto(t)
		if m == nil && attempt < 4 {
			continue
		}
		got := x.behaviour(t, func() {
			m.signal(syscall.SIGTERM)
			m.mustWait(0)
			m = x.start(t, program)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-mqx broker +mosquitto:\n%s", diff)
		}
		if status := `: 0 ["" "acme/s1/d42/plain x"`; !strings.Contains(strings.Join(want, "\n"), status) {
			t.Errorf("nobody saw %s:\n%s", status, strings.Join(want, "\n"))
		}
		run(t, 0, mqx(), "lint", "conf", "--fail-on", "info", x.path("out/mosquitto.conf"))
		run(t, 0, mqx(), "lint", "acl", "--fail-on", "warning", x.path("out/acl"))
		return
	}
}

func TestInteropExportedBridgeCarriesMessagesOverTLS(t *testing.T) {
	tool(t, "mosquitto")
	other := newExported(t)
	startReady(t, append([]string{"broker"}, other.flags...)...)
	at := []string{"-h", "127.0.0.1", "-p", other.ports[0], "-u", "dashboard", "-P", "pw-dashboard"}
	sub := startReady(t, append([]string{"sub", "-t", "acme/#", "-v", "-C", "1"}, at...)...)
	for range 5 {
		x := &exported{dir: t.TempDir(), ports: []string{freePort(t)}}
		x.flags = []string{"-p", x.ports[0]}
		m := x.mosquitto(t, "--bridge", "mqtts://d42:pw-d42@localhost:"+other.ports[1], "--bridge-cafile", other.path("tls/ca.crt"),
			"--bridge-out", "acme/s1/d42/#")
		if m == nil {
			continue
		}
		eventually(t, "the message comes over the bridge", func() bool {
			run(t, 0, mqx(), "pub", "-h", "127.0.0.1", "-p", x.ports[0], "-q", "1", "-t", "acme/s1/d42/temp", "-m", "21.5")
			return sub.stdout.String() != ""
		})
		if got := sub.mustWait(0); got != "acme/s1/d42/temp 21.5\n" {
			t.Errorf("got %q", got)
		}
		return
	}
}
