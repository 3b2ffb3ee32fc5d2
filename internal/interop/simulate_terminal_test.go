//go:build linux

package interop_test

import (
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const panelDevice = "acme/lyon/dev-9"

// resize gives the terminal another size.
func (p *terminal) resize(rows, cols uint16) {
	p.t.Helper()
	if err := unix.IoctlSetWinsize(int(p.keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols}); err != nil {
		p.t.Fatal(err)
	}
	p.signal(syscall.SIGWINCH)
}

func (p *terminal) givesTheTerminalBack() {
	p.t.Helper()
	for _, sequence := range []string{"\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"} {
		if !strings.Contains(p.screen.String(), sequence) {
			p.t.Errorf("the screen never got %q", sequence)
		}
	}
}

// statusIs waits until the presence of the device is as it should be.
func (p *terminal) statusIs(s server, want string) {
	p.t.Helper()
	run(p.t, 0, mqx(), append([]string{"retained", "assert", panelDevice + "/status", "--equals", want, "--within", "20s"}, s.at()...)...)
}

func TestADeviceIsAPanelWithKeysOnATerminal(t *testing.T) {
	s := startEmbedded(t)
	p := startOnTerminal(t, 24, 80, append([]string{"simulate", "device", panelDevice, "--signal", "door=open@1h"}, s.at()...)...)
	p.shows(panelDevice)
	p.shows("SIGNAL")
	p.shows("connected, session")
	p.statusIs(s, "online")
	for _, step := range []struct{ key, shows, status string }{
		{"o", "the network is away", "offline"},
		{"o", "the network is back", "online"},
		{"c", "crashed", "offline"},
		{"c", "started again", "online"},
		{"t", "7 min behind", "online"},
	} {
		p.press(step.key)
		p.shows(step.shows)
		p.statusIs(s, step.status)
	}
	run(t, 0, mqx(), append([]string{"cmd", "send", panelDevice, "blink", "--id", "c-17", "--wait", "-W", "20"}, s.at()...)...)
	p.shows("c-17")
	p.press("d")
	p.shows("the second client has taken over")
	p.statusIs(s, "online")
	p.resize(10, 40)
	p.press("r")
	p.shows("rebooting")
	p.statusIs(s, "online")
	p.press("q")
	p.mustWait(0)
	p.statusIs(s, "offline")
	p.givesTheTerminalBack()
	p.shows("messages sent") // on the ordinary screen
}

func TestADeviceOnATerminalEndsAsItIsTold(t *testing.T) {
	s := startEmbedded(t)
	for name, test := range map[string]struct {
		args   []string
		end    func(p *terminal)
		status int
	}{
		"Ctrl-C":     {nil, func(p *terminal) { p.press("\x03") }, 130},
		"SIGTERM":    {nil, func(p *terminal) { p.signal(syscall.SIGTERM) }, 143},
		"--duration": {[]string{"--duration", "5"}, func(*terminal) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := startOnTerminal(t, 10, 40, append(append([]string{"simulate", "device", panelDevice}, test.args...), s.at()...)...)
			p.shows("connected")
			test.end(p)
			p.mustWait(test.status)
			p.givesTheTerminalBack()
			p.statusIs(s, "offline")
		})
	}
}

func TestADeviceOnATerminalPrintsLinesWhenAsked(t *testing.T) {
	s := startEmbedded(t)
	p := startOnTerminal(t, 24, 80, append([]string{"simulate", "device", panelDevice, "--lines", "--duration", "5"}, s.at()...)...)
	p.shows("sent\t" + panelDevice + "/telemetry/temp")
	p.mustWait(0)
	if strings.Contains(p.screen.String(), "\x1b[?1049h") {
		t.Error("it takes over the terminal")
	}
}
