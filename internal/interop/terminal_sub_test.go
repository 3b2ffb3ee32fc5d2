//go:build linux

package interop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// startReadyOnTerminal starts a command on a terminal and returns when it is ready: its table is drawn before it subscribes.
func startReadyOnTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	p := startOnTerminal(t, 12, 100, append(args, "--ready-file", ready)...)
	eventually(t, "ready: "+strings.Join(args, " "), func() bool { _, err := os.Stat(ready); return err == nil })
	return p
}

func TestReportIsALiveTableOnATerminal(t *testing.T) {
	s := startEmbedded(t)
	p := startReadyOnTerminal(t, append([]string{"sub", "acme/#", "--report", "--color", "never"}, s.at()...)...)
	p.shows("acme/#: 0 topics")
	for topic, n := range map[string]string{"acme/a": "3", "acme/b": "1"} {
		run(t, 0, mqx(), s.mqx("pub", "-t", topic, "-m", "12345", "-q", "1", "--repeat", n)...)
	}
	p.shows("acme/b") // of what is there already, only what differs is drawn
	p.press("/acme/+\r")
	p.shows(`with "acme/+"`)
	p.press("s")
	p.shows("messages  p pause")
	p.press("q")
	p.mustWait(0)
	if !strings.Contains(p.screen.String(), "\x1b[?1049l") {
		t.Error("the terminal was not given back")
	}

	p = startReadyOnTerminal(t, append([]string{"sub", "acme/#", "--report", "-C", "1"}, s.at()...)...)
	p.shows("acme/#: 0 topics")
	run(t, 0, mqx(), s.mqx("pub", "-t", "acme/c", "-n", "-q", "1")...)
	p.mustWait(0)
	if left := p.screen.String(); !strings.Contains(left[strings.LastIndex(left, "\x1b[?1049l"):], "acme/c") {
		t.Error("the list is not what stays on the terminal")
	}
}

func TestMessagesOnATerminalFitItsWidth(t *testing.T) {
	s := startEmbedded(t)
	for topic, payload := range map[string]string{
		"t/1": `{"short":1.10}`, "t/2": `{"first":"` + strings.Repeat("a", 30) + `","second":{"n":9007199254740993,"list":[1,2,3]},"third":null}`, "t/3": "\xff\x00binary",
	} {
		file := filepath.Join(t.TempDir(), "payload")
		if err := os.WriteFile(file, []byte(payload), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, 0, mqx(), s.mqx("pub", "-t", topic, "-f", file, "-q", "1", "-r")...)
	}
	p := startOnTerminal(t, 24, 50, append([]string{"sub", "t/#", "-C", "3", "--color", "never"}, s.at()...)...)
	p.mustWait(0)
	screen := p.screen.String()
	for _, want := range []string{
		"t/1 retained {\"short\":1.10}\r\n",
		"t/2 retained\r\n  {\r\n    \"first\": \"" + strings.Repeat("a", 30) + "\",\r\n    \"second\": {\r\n      \"n\": 9007199254740993,\r\n      \"list\": [1,2,3]\r\n    },\r\n    \"third\": null\r\n  }\r\n",
		"t/3 retained (8 bytes) ff 00 62 69 6e 61 72 79  ..binary\r\n",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen has no %q", want)
		}
	}
}
