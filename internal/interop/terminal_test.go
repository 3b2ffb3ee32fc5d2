//go:build linux

package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a program on a terminal of its own.
type terminal struct {
	*process

	keyboard *os.File
	screen   output // everything that was drawn
}

// startOnTerminal starts mqx on a terminal of a size.
func startOnTerminal(t *testing.T, rows, cols uint16, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{process: &process{t: t, cmd: exec.Command(mqx(), args...), done: make(chan struct{})}, keyboard: master}
	p.cmd.Env = append(environment(t), "TERM=xterm-256color")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		buf := make([]byte, 64<<10)
		for {
			n, err := master.Read(buf) // EIO when the program has ended
			_, _ = p.screen.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its status is read from ProcessState
		<-drawn
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		_ = master.Close()
		if t.Failed() {
			t.Logf("the screen: %.3000q", p.screen.String())
		}
	})
	return p
}

func (p *terminal) press(keys string) {
	p.t.Helper()
	if _, err := p.keyboard.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

func (p *terminal) shows(text string) {
	p.t.Helper()
	eventually(p.t, "on the screen: "+text, func() bool { return strings.Contains(p.screen.String(), text) })
}

func TestPresenceIsATableOnATerminal(t *testing.T) {
	s := startEmbedded(t)
	publish := func(device, status string) {
		run(t, 0, mqx(), s.mqx("pub", "-t", "acme/lyon/"+device+"/status", "-m", status, "-q", "1", "-r")...)
	}
	publish("pump-1", "online")
	publish("pump-2", "offline")
	p := startOnTerminal(t, 20, 100, append([]string{"presence", "watch", "--color", "never"}, s.at()...)...)
	p.shows("presence: 2 devices  4:offline 1  7:online 1")
	p.shows("acme/lyon/pump-2")
	p.press("/pump-1\r") // and of what is there already, only what differs is drawn
	p.shows(`with "pump-1"`)
	p.press("q")
	p.mustWait(0)
	for _, sequence := range []string{"\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"} {
		if !strings.Contains(p.screen.String(), sequence) {
			t.Errorf("the screen never got %q", sequence)
		}
	}
}

func TestATableIsGivenUpOnCtrlCAndOnSignals(t *testing.T) {
	s := startEmbedded(t)
	for name, test := range map[string]struct {
		end    func(p *terminal)
		status int
	}{
		"Ctrl-C":  {func(p *terminal) { p.press("\x03") }, 130},
		"SIGTERM": {func(p *terminal) { p.signal(syscall.SIGTERM) }, 143},
	} {
		t.Run(name, func(t *testing.T) {
			p := startOnTerminal(t, 24, 80, append([]string{"presence", "watch"}, s.at()...)...)
			p.shows("presence: 0 devices")
			test.end(p)
			p.mustWait(test.status)
			if !strings.Contains(p.screen.String(), "\x1b[?1049l") {
				t.Error("the terminal was not given back")
			}
		})
	}
}

func TestAPasswordIsAskedForOnTheTerminalWhenStandardInputIsData(t *testing.T) {
	s := startEmbedded(t)
	command := `echo data | "$0" pub -t a -s -q 1 -r -u u --password-prompt "$@" && echo confirmed`
	p := startOnTerminal(t, 24, 80, append([]string{"broker", "run", "--", "sh", "-c", command, mqx()}, s.at()...)...)
	p.shows("Password: ")
	p.press("hunter2\r")
	p.mustWait(0)
	if screen := p.screen.String(); !strings.Contains(screen, "confirmed") || strings.Contains(screen, "hunter2") {
		t.Errorf("the screen shows %q", screen)
	}
}
