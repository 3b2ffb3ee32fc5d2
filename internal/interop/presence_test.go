//go:build unix

package interop_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// presenceServers are the Servers on which presence is tried: Will Messages are theirs to publish.
func presenceServers() map[string]func(t *testing.T) server {
	return map[string]func(t *testing.T) server{
		"mosquitto":  func(t *testing.T) server { t.Helper(); return startMosquitto(t) },
		"mqx broker": func(t *testing.T) server { t.Helper(); return startEmbedded(t) },
	}
}

const watchedDevice = "acme/lyon/d1"

// device starts a device with a Will Message; it is alive when its subscription stands.
func device(t *testing.T, s server, clientID, session string, more ...string) *process {
	t.Helper()
	args := append([]string{
		"-i", clientID, "-t", watchedDevice + "/cmd", "--will-topic", watchedDevice + "/status", "--will-retain", "--will-qos", "1",
		"--will-payload", statusOf("offline", session),
	}, more...)
	p := startReady(t, s.mqx("sub", args...)...)
	run(t, 0, mqx(), s.mqx("pub", "-t", watchedDevice+"/status", "-q", "1", "-r", "-m", statusOf("online", session))...)
	return p
}

func statusOf(status, session string) string {
	if session == "" {
		return status
	}
	text, _ := json.Marshal(map[string]string{"status": status, "session": session})
	return string(text)
}

// startWatch starts a watch of the device. states returns the states it has printed.
func startWatch(t *testing.T, s server, args ...string) (states func() string) {
	t.Helper()
	p := startReady(t, append(append([]string{"presence", "watch", watchedDevice, "--json"}, s.at()...), args...)...)
	return func() string {
		var all []string
		for line := range strings.Lines(p.stdout.String()) {
			var c struct{ State string }
			if json.Unmarshal([]byte(line), &c) == nil {
				all = append(all, c.State)
			}
		}
		return strings.Join(all, " ")
	}
}

func expectStates(t *testing.T, states func() string, want string) {
	t.Helper()
	eventually(t, "states "+want, func() bool { return strings.HasPrefix(states(), want) })
}

func TestInteropAKilledDeviceIsOffline(t *testing.T) {
	for name, start := range presenceServers() {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			states := startWatch(t, s, "--debounce", "0.2")
			d := device(t, s, "d1", "s1")
			expectStates(t, states, "unknown online")
			d.signal(syscall.SIGKILL)
			expectStates(t, states, "unknown online offline")
			p := run(t, 0, mqx(), append([]string{"presence", "ls", watchedDevice, "--json"}, s.at()...)...)
			if !strings.Contains(p.stdout.String(), `"state":"offline"`) {
				t.Errorf("ls says %s", p.stdout.String())
			}
		})
	}
}

func TestInteropATakeoverIsNoOffline(t *testing.T) {
	for name, start := range presenceServers() {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			states := startWatch(t, s, "--debounce", "60")
			device(t, s, "d1", "")
			expectStates(t, states, "unknown online")
			for range 3 {
				device(t, s, "d1", "")
			}
			expectStates(t, states, "unknown online flapping")
		})
	}
}

func TestInteropTheWillOfAnOlderConnectionIsLate(t *testing.T) {
	for name, start := range presenceServers() {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			states := startWatch(t, s)
			old := device(t, s, "d1-old", "s1")
			device(t, s, "d1-new", "s2")
			expectStates(t, states, "unknown online online")
			old.signal(syscall.SIGKILL) // its Will Message comes after the newer birth
			expectStates(t, states, "unknown online online late-will")
			// Without sessions, only what the device sends shows it.
			wait := startReady(t, append([]string{"presence", "wait", watchedDevice, "--online"}, s.at()...)...)
			run(t, 0, mqx(), s.mqx("pub", "-t", watchedDevice+"/telemetry/temp", "-m", `{"v":21}`)...)
			wait.mustWait(0)
		})
	}
}

func TestInteropADeviceThatStopsIsNoticedWithinTheDeadline(t *testing.T) {
	for name, start := range presenceServers() {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			d := device(t, s, "d1", "s1", "-k", "1")
			d.signal(syscall.SIGSTOP) // the connection stays, and nothing comes
			defer d.signal(syscall.SIGCONT)
			p := run(t, 0, mqx(), append([]string{"presence", "wait", watchedDevice, "--offline", "--device-keepalive", "1"}, s.at()...)...)
			if !strings.Contains(p.stdout.String(), "offline") {
				t.Errorf("wait says %s", p.stdout.String())
			}
		})
	}
}

func TestInteropALargeFleetIsListedInSpiteOfQueueLimits(t *testing.T) {
	s := startMosquitto(t, "max_queued_messages 1000", "max_inflight_messages 20")
	const fleet = 3000
	var statuses strings.Builder
	for n := range fleet {
		fmt.Fprintf(&statuses, `{"topic":"acme/lyon/d%d/status","qos":1,"retain":true,"payload":"online"}`+"\n", n)
	}
	start(t, strings.NewReader(statuses.String()), mqx(), s.mqx("pub", "--json")...).mustWait(0)
	for _, v := range []string{"5", "3.1.1"} {
		out := run(t, 0, mqx(), append([]string{"presence", "ls", "-V", v}, s.at()...)...).stdout.String()
		if got := strings.Count(out, "\tonline\t"); got != fleet {
			t.Errorf("level %s: %d of %d devices are listed", v, got, fleet)
		}
	}
	states := startReady(t, append([]string{"presence", "watch", "--json", "--debounce", "0.2"}, s.at()...)...)
	run(t, 0, mqx(), s.mqx("pub", "-t", "acme/lyon/d7/status", "-m", "offline", "-q", "1", "-r")...)
	eventually(t, "the change of one of them", func() bool {
		return strings.Contains(states.stdout.String(), `"device":"acme/lyon/d7","state":"offline"`)
	})
}

func TestInteropWhatMayNotBeReadIsNotSeen(t *testing.T) {
	s := startGuarded(t)
	p := run(t, 4, mqx(), append([]string{"presence", "ls", "-u", "anna", "-P", "wrong"}, s.at()...)...)
	expectOneErrorLine(t, p)
	p = run(t, 0, mqx(), append([]string{"presence", "ls", "--no-publish", "-u", "anna", "-P", "s3cret"}, s.at()...)...)
	if !strings.Contains(p.stderr.String(), "saw no status of a device") {
		t.Errorf("stderr says %q", p.stderr.String())
	}
}
