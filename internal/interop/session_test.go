//go:build unix

package interop_test

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestInteropWillIsPublishedAfterAKillAndNotAfterAnInterrupt(t *testing.T) {
	t.Parallel()
	for _, v := range levels() {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			watcher := start(t, nil, tool(t, "mosquitto_sub"), s.at("-V", v.mosquitto, "-i", "watcher", "-q", "1", "-t", "status/#",
				"-F", "%t %q %p", "-C", "2")...)
			s.awaitLog(t, "watcher 1 status/#")
			device := func(name string) *process {
				return startReady(t, s.mqx("sub", "-V", v.mqx, "-t", "cmd/"+name, "-i", name,
					"--will-topic", "status/"+name, "--will-payload", "offline", "--will-qos", "1")...)
			}
			interrupted, killed := device("interrupted"), device("killed")
			interrupted.signal(syscall.SIGINT)
			interrupted.mustWait(130)
			killed.signal(syscall.SIGKILL)
			s.awaitLog(t, "Client killed closed its connection")
			run(t, 0, mqx(), s.mqx("pub", "-V", v.mqx, "-q", "1", "-t", "status/end", "-m", "end")...)
			if got, want := watcher.mustWait(0), "status/killed 1 offline\nstatus/end 1 end\n"; got != want {
				t.Errorf("mosquitto_sub printed %q, want %q", got, want)
			}
		})
	}
}

func TestInteropSessionKeepsMessagesOfAnOfflineClientInOrder(t *testing.T) {
	t.Parallel()
	for _, v := range levels() {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			session := s.mqx("sub", "-V", v.mqx, "-i", "archive", "-c", "-q", "1", "-t", "log/#")
			run(t, 0, mqx(), append(session, "-E")...)
			const count = 200
			pub := start(t, strings.NewReader(numbers(count)), tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-q", "1", "-t", "log/a", "-l")...)
			pub.mustWait(0)
			got := run(t, 0, mqx(), append(session, "-C", strconv.Itoa(count))...)
			if got.stdout.String() != numbers(count) {
				t.Errorf("mqx sub printed %.200q…, want the numbers 1 to %d", got.stdout.String(), count)
			}
		})
	}
}

// A publisher whose Server dies must end, with the number of messages that nobody confirmed, and not hang.
func TestInteropPublisherEndsWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	for _, v := range levels()[:2] {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			watcher := startReady(t, s.mqx("sub", "-V", v.mqx, "-t", "stream", "-C", "1")...)
			lines, feed, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			pub := start(t, lines, mqx(), s.mqx("pub", "-V", v.mqx, "-q", "1", "-t", "stream", "-l", "-d")...)
			if _, err := io.WriteString(feed, "first\n"); err != nil {
				t.Fatal(err)
			}
			watcher.mustWait(0)
			eventually(t, "the first is confirmed", func() bool { return strings.Contains(pub.stderr.String(), "<- PUBACK") })
			s.signal(syscall.SIGSTOP) // from here on it confirms nothing
			if _, err := io.WriteString(feed, "second\nthird\n"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "all three are sent", func() bool { return strings.Count(pub.stderr.String(), "-> PUBLISH") == 3 })
			s.signal(syscall.SIGKILL)
			killed := time.Now()
			pub.mustWait(3)
			if took := time.Since(killed); took > 30*time.Second {
				t.Errorf("mqx pub ended %v after the Server", took)
			}
			_, _ = feed.Close(), lines.Close()
			if !strings.Contains(pub.stderr.String(), "3 messages sent, 2 not acknowledged") {
				t.Errorf("stderr does not say how many messages are unconfirmed: %q", pub.stderr.String())
			}
		})
	}
}

// numbers are the lines 1 to n.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strconv.Itoa(i + 1))
		b.WriteByte('\n')
	}
	return b.String()
}
