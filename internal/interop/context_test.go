//go:build unix

package interop_test

import (
	"fmt"
	"strings"
	"testing"
)

// inHome returns the command line of mqx with contexts of its own.
func inHome(home string, args ...string) (program string, words []string) {
	return "env", append([]string{"XDG_CONFIG_HOME=" + home, mqx()}, args...)
}

func TestInteropContextsConnectWithTheirSecrets(t *testing.T) {
	t.Parallel()
	s, home := startGuarded(t), t.TempDir()
	at := func(status int, args ...string) *process {
		t.Helper()
		program, words := inHome(home, args...)
		return run(t, status, program, words...)
	}
	secret := writeFile(t, "secret", "s3cret\n")
	at(0, "context", "add", "good", "--url", "mqtt://127.0.0.1:"+s.port, "-u", "cmd:echo anna", "-P", "file:"+secret, "--use")
	at(0, "context", "add", "wrong", "--url", "mqtt://127.0.0.1:"+s.port, "-u", "anna", "-P", "cmd:echo wrong")
	at(0, "context", "add", "dead", "--url", "mqtt://127.0.0.1:"+freePort(t))
	for _, v := range levels() {
		checked := at(0, "context", "check", "good", "-V", v.mqx)
		if !strings.Contains(checked.stdout.String(), "protocol    MQTT "+v.mqx+"\n") {
			t.Errorf("level %s: check printed %q", v.mqx, checked.stdout.String())
		}
		at(0, "pub", "-V", v.mqx, "-q", "1", "-r", "-t", "open/a", "-m", "x")
		if got := at(0, "sub", "-V", v.mqx, "-t", "open/a", "-C", "1").stdout.String(); got != "x\n" {
			t.Errorf("level %s: sub printed %q", v.mqx, got)
		}
		at(4, "context", "check", "wrong", "-V", v.mqx)
	}
	at(3, "context", "check", "dead")
	at(4, "sub", "-t", "open/a", "-C", "1", "--context", "wrong")
	// The URL sets the credentials of the current context aside.
	at(4, "sub", "-t", "open/a", "-C", "1", "-L", "mqtt://127.0.0.1:"+s.port)
}

func TestInteropProcessesKeepContextsAtTheSameTime(t *testing.T) {
	t.Parallel()
	const n = 12
	home := t.TempDir()
	var all []*process
	for i := range n {
		program, words := inHome(home, "context", "add", fmt.Sprintf("c%d", i), "-h", "h")
		all = append(all, start(t, nil, program, words...))
	}
	for _, p := range all {
		p.mustWait(0)
	}
	program, words := inHome(home, "context", "ls")
	if got := strings.Count(run(t, 0, program, words...).stdout.String(), "\n"); got != n {
		t.Errorf("got %d contexts, want %d", got, n)
	}
}
