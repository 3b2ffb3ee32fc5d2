package twin_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runMosquitto runs a Mosquitto with more lines of configuration until the test ends, and returns its address.
func runMosquitto(t *testing.T, path string, conf ...string) string {
	t.Helper()
	for range 5 { // another process may take the port first
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().(*net.TCPAddr)
		_ = l.Close()
		lines := append([]string{fmt.Sprintf("listener %d 127.0.0.1", addr.Port), "user root", "allow_anonymous true", "log_dest stderr", "set_tcp_nodelay true"}, conf...)
		file := filepath.Join(t.TempDir(), "mosquitto.conf")
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if running(t, exec.Command(path, "-c", file)) {
			return addr.String()
		}
	}
	t.Fatal("mosquitto does not start")
	return ""
}

// running starts the Server and waits until it says that it runs.
func running(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	up := make(chan bool, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), " running") {
				up <- true
			}
		}
		close(up)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait()
	})
	select {
	case ok := <-up:
		return ok
	case <-time.After(patience):
		return false
	}
}
