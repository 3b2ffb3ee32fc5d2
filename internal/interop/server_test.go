//go:build unix

package interop_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// server is a Server on a port of the loopback interface.
type server struct {
	*process

	port string
}

// at returns the connection options for this Server, which mqx and the Mosquitto clients share, before args.
func (s server) at(args ...string) []string {
	return append([]string{"-h", "127.0.0.1", "-p", s.port}, args...)
}

// mqx returns a command line of mqx for this Server.
func (s server) mqx(command string, args ...string) []string {
	return append([]string{command}, s.at(args...)...)
}

// awaitLog waits until the Server's log holds the text.
func (s server) awaitLog(t *testing.T, text string) {
	t.Helper()
	eventually(t, "in the Server's log: "+text, func() bool { return strings.Contains(s.stderr.String(), text) })
}

// startMosquitto starts a Mosquitto without limits that would drop messages, with more lines of configuration.
func startMosquitto(t *testing.T, conf ...string) server {
	t.Helper()
	program := tool(t, "mosquitto")
	// Mosquitto cannot say which port it picked. Another process may take a free one first, so it gets some attempts.
	for attempt := 0; ; attempt++ {
		s := server{port: freePort(t)}
		lines := append([]string{
			"listener " + s.port + " 127.0.0.1",
			"user root", // only has a meaning for root: else it would not be allowed to read the test's files
			"persistence false",
			"max_queued_messages 0",
			"max_inflight_messages 0",
			"log_dest stderr",
			"log_timestamp false",
			"log_type error", "log_type warning", "log_type notice", "log_type information", "log_type subscribe",
		}, conf...)
		if !strings.Contains(strings.Join(conf, "\n"), "password_file") {
			lines = append(lines, "allow_anonymous true")
		}
		s.process = start(t, nil, program, "-c", writeFile(t, "mosquitto.conf", strings.Join(lines, "\n")+"\n"))
		running := false
		eventually(t, "mosquitto runs", func() bool {
			running = strings.Contains(s.stderr.String(), " running")
			select {
			case <-s.done:
				return true
			default:
				return running
			}
		})
		if running {
			return s
		}
		if attempt == 4 {
			t.Fatalf("mosquitto does not start: %s", s.stderr.String())
		}
	}
}

// startEmbedded starts `mqx broker` with more arguments.
func startEmbedded(t *testing.T, args ...string) server {
	t.Helper()
	s := server{process: startReady(t, append([]string{"broker", "-p", "0", "--json"}, args...)...)}
	var ready struct {
		Port int `json:"port"`
	}
	line := ""
	eventually(t, "the ready line of mqx broker", func() (whole bool) {
		line, _, whole = strings.Cut(s.stdout.String(), "\n")
		return whole
	})
	if err := json.Unmarshal([]byte(line), &ready); err != nil || ready.Port == 0 {
		t.Fatalf("the ready line of mqx broker: %q: %v", line, err)
	}
	s.port = strconv.Itoa(ready.Port)
	return s
}

// freePort returns a port on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	return freePorts(t, 1)[0]
}

// freePorts returns ports on which nobody listens. They are none of those that the system gives to connections and to who asks
// for any port: one of these may be gone before a Server has it, or while it starts again.
func freePorts(t *testing.T, count int) []string {
	t.Helper()
	const lowest, ports, attempts = 10_000, 20_000, 1000
	var free []string
	for range attempts {
		port := strconv.Itoa(lowest + rand.IntN(ports))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // not before there are all, so that they differ
		if free = append(free, port); len(free) == count {
			return free
		}
	}
	t.Fatal("no port is free")
	return nil
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// level is a protocol level as both command lines name it.
type level struct{ mqx, mosquitto string }

func levels() []level {
	return []level{{"5", "mqttv5"}, {"3.1.1", "mqttv311"}, {"3.1", "mqttv31"}}
}

// forEachQoS runs a test for every protocol level and QoS.
func forEachQoS(t *testing.T, test func(t *testing.T, v level, qos string)) {
	t.Helper()
	for _, v := range levels() {
		for qos := range 3 {
			t.Run(fmt.Sprintf("level %s, QoS %d", v.mqx, qos), func(t *testing.T) { test(t, v, strconv.Itoa(qos)) })
		}
	}
}
