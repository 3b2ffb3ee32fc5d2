//go:build unix

package interop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds each wait for a process or an event. It is generous: on a busy machine nothing may fail for being slow.
const patience = time.Minute

// output is a process's stream as far as it has come.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a program that runs beside the test.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	done           chan struct{} // closed when it has ended
}

// start starts a program; it is killed when the test ends and it still runs.
func start(t *testing.T, stdin io.Reader, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = environment(t)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its status is read from ProcessState
	}()
	t.Cleanup(func() {
		select {
		case <-p.done:
		default:
			_ = p.cmd.Process.Kill()
			<-p.done
		}
		if t.Failed() {
			t.Logf("%s\nstatus %d\nstdout %.2000q\nstderr %.2000q", strings.Join(p.cmd.Args, " "), p.cmd.ProcessState.ExitCode(),
				p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// wait waits for the end of the process and returns its exit status.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s did not end", strings.Join(p.cmd.Args, " "))
	}
	return p.cmd.ProcessState.ExitCode()
}

// mustWait waits for the end of the process, expects the exit status and returns stdout.
func (p *process) mustWait(status int) string {
	p.t.Helper()
	if got := p.wait(); got != status {
		p.t.Fatalf("%s: got status %d, want %d\nstderr: %s", strings.Join(p.cmd.Args, " "), got, status, p.stderr.String())
	}
	return p.stdout.String()
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %s: %v", p.cmd.Args[0], err)
	}
}

// run runs a program to its end, expects the exit status and returns the process for a look at its streams.
func run(t *testing.T, status int, name string, args ...string) *process {
	t.Helper()
	p := start(t, nil, name, args...)
	p.mustWait(status)
	return p
}

// startReady starts an mqx command and returns when it says that it is ready.
func startReady(t *testing.T, args ...string) *process {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	p := start(t, nil, mqx(), append(args, "--ready-file", ready)...)
	eventually(t, "ready: "+strings.Join(args, " "), func() bool {
		select {
		case <-p.done:
			t.Fatalf("mqx %s ended before it was ready: %s", strings.Join(args, " "), p.stderr.String())
		default:
		}
		_, err := os.Stat(ready)
		return err == nil
	})
	return p
}

// eventually waits until what happens in another process has happened.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("did not happen in %v: %s", patience, what)
		}
	}
}

// environment is the test's own without what would change the meaning of a command line.
func environment(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MQX_") && !strings.HasPrefix(kv, "XDG_CONFIG_HOME=") && !strings.HasPrefix(kv, "GORACE=") {
			env = append(env, kv)
		}
	}
	// The race detector waits a second at the end of each process otherwise.
	return append(env, "XDG_CONFIG_HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=0 halt_on_error=1")
}

// tool finds a program of Mosquitto, or skips or fails the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		path, err = exec.LookPath("/usr/sbin/" + name) // Debian's place, in root's PATH only
	}
	switch {
	case err == nil:
		return path
	case os.Getenv("MQX_REQUIRE_MOSQUITTO") != "":
		t.Fatalf("%s is not installed, and MQX_REQUIRE_MOSQUITTO asks for it: %v", name, err)
	default:
		t.Skipf("%s is not installed (on Debian: apt-get install mosquitto mosquitto-clients)", name)
	}
	return ""
}
