package commands_test

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/wire"
)

// scripted is a Server that answers each connection's packets as answer says, until that returns false.
func scripted(t *testing.T, answer func(wire.Packet) (wire.Packet, bool)) (args []string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	count := 0
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			count++
			mu.Unlock()
			done.Go(func() { serveScript(c, answer) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	return []string{"-h", "127.0.0.1", "-p", port}, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

func serveScript(c net.Conn, answer func(wire.Packet) (wire.Packet, bool)) {
	defer c.Close()
	in := wire.NewReader(c, 0)
	for {
		first, body, err := in.Next()
		if err != nil {
			return
		}
		p, err := wire.Decode(wire.V5, first, body)
		if err != nil {
			return
		}
		reply, on := answer(p)
		if reply != nil {
			b, err := reply.Append(nil, wire.V5)
			if err != nil {
				return
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		}
		if !on {
			return
		}
	}
}

// A Server that names another one is refusing: mqx says where to go, and neither goes there nor tries again.
func TestRedirectionIsToldAndNotFollowed(t *testing.T) {
	t.Parallel()
	reference := (&wire.Properties{ServerReference: "other.example:1884"}).Set(wire.PropServerReference)
	for _, code := range []wire.ReasonCode{wire.UseAnotherServer, wire.ServerMoved} {
		for name, answer := range map[string]func(wire.Packet) (wire.Packet, bool){
			"CONNACK": func(wire.Packet) (wire.Packet, bool) {
				return &wire.Connack{Code: code, Properties: reference}, false
			},
			"DISCONNECT": func(p wire.Packet) (wire.Packet, bool) {
				if _, ok := p.(*wire.Connect); ok {
					return &wire.Connack{}, true
				}
				return &wire.Disconnect{Code: code, Properties: reference}, false
			},
		} {
			for _, line := range [][]string{
				{"pub", "-t", "a", "-m", "x", "-q", "1"},
				{"pub", "-t", "a", "-m", "x", "-q", "1", "--retry", "3"},
				{"sub", "a"},
				{"retained", "ls", "#"},
			} {
				args, connections := scripted(t, answer)
				got, _, stderr := mqx(t, append(line, args...)...)
				last := stderr[strings.LastIndex(strings.TrimSuffix(stderr, "\n"), "\n")+1:]
				if got != exit.Refused || !strings.Contains(last, `use server "other.example:1884"`) ||
					!strings.Contains(last, "mqx does not go there by itself") || connections() != 1 {
					t.Errorf("%s %s, %v: status %d, %d connections, stderr %q", name, code, line, got, connections(), stderr)
				}
			}
		}
	}
}
