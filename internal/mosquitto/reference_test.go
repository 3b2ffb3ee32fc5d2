//go:build unix

package mosquitto_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/mosquitto"
)

// reference finds one of Debian's programs, or skips or fails the test.
func reference(t *testing.T, tool mosquitto.Tool) string {
	t.Helper()
	path, err := exec.LookPath(tool.String())
	if err == nil {
		return path
	}
	if os.Getenv("MQX_REQUIRE_MOSQUITTO") != "" {
		t.Fatalf("%s is not installed, and MQX_REQUIRE_MOSQUITTO asks for it: %v", tool, err)
	}
	t.Skipf("%s is not installed (on Debian: apt-get install mosquitto-clients)", tool)
	return ""
}

// closedPort is a port of the loopback interface where nobody listens: it belongs to a socket that takes no connection, so
// that nobody else is given it meanwhile.
func closedPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	syscall.CloseOnExec(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(addr.(*syscall.SockaddrInet4).Port)
}

// ended is what a program left behind.
type ended struct {
	out, err string
	status   int
}

// runReference runs one of Debian's programs to its end.
func runReference(t *testing.T, tool mosquitto.Tool, args []string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, reference(t, tool), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = []string{"HOME=/nonexistent", "LC_ALL=C"}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ended{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// runHere runs a command line up to the network connection, which nobody takes.
func runHere(t *testing.T, tool mosquitto.Tool, args []string) ended {
	t.Helper()
	o, end := mosquitto.Parse(tool, args, mosquitto.Environment{Getenv: func(string) string { return "" }, Version: "test"})
	if end == nil {
		end = o.Incomplete("test")
	}
	if end != nil {
		return ended{end.Out, end.Err, end.Status}
	}
	options, end := o.Client(config.Secrets{})
	if end != nil {
		return ended{end.Out, end.Err, end.Status}
	}
	nc, err := link.Dial(t.Context(), options.Target)
	if err == nil {
		_ = nc.Close()
		t.Fatalf("%s %q connects to %s", tool, args, options.Target)
	}
	failure := mosquitto.Failure(o, err)
	if o.Quiet {
		failure.Err = ""
	}
	return ended{failure.Out, failure.Err, failure.Status}
}

// helpText makes the help of both programs the same: it has other words on purpose.
func helpText(e ended) ended {
	if strings.HasPrefix(e.out, "mosquitto_") {
		e.out = "the help"
	}
	return e
}

func TestRefusedCommandLinesEndAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	port := closedPort(t)
	for _, r := range refusals(t) {
		args := append([]string{"-h", "127.0.0.1", "-p", port}, r.words...)
		want, got := helpText(runReference(t, r.tool, args)), helpText(runHere(t, r.tool, args))
		switch same := want == got; {
		case r.differ == "" && !same:
			t.Errorf("%s %q:\nreference %+v\nmqx       %+v", r.tool, r.words, want, got)
		case r.differ != "" && same:
			t.Errorf("%s %q: the same as the reference, but the table says %q", r.tool, r.words, r.differ)
		}
	}
}
