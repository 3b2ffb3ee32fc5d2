//go:build unix

package interop_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/queue"
)

// TestInteropNothingQueuedIsLostByKills kills `mqx pub --queue -l` at random moments, with the broker there and without it.
// What the queue has accepted arrives, in order, and at QoS 2 once.
func TestInteropNothingQueuedIsLostByKills(t *testing.T) {
	t.Parallel()
	kills := 5
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	for _, broker := range []struct {
		name  string
		start func(t *testing.T) server
	}{
		{"mosquitto", func(t *testing.T) server { t.Helper(); return startMosquitto(t) }},
		{"mqx broker", func(t *testing.T) server {
			t.Helper()
			return startEmbedded(t, "--max-queued-messages", "1000000")
		}},
	} {
		for _, v := range levels()[:2] {
			for _, qos := range []string{"1", "2"} {
				t.Run(fmt.Sprintf("%s, level %s, QoS %s", broker.name, v.mqx, qos), func(t *testing.T) {
					t.Parallel()
					killQueued(t, broker.start(t), v, qos, kills)
				})
			}
		}
	}
}

func killQueued(t *testing.T, s server, v level, qos string, kills int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "queue")
	sub := startReady(t, s.mqx("sub", "-V", v.mqx, "-q", qos, "-t", "queued")...)
	accepted := uint64(0)
	for i := range kills {
		at := s.at()
		if i%4 == 2 {
			at = []string{"-h", "127.0.0.1", "-p", "1"} // nobody listens there
		}
		lines, feed, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		const lot = 2000 // fits into the pipe
		if _, err := io.WriteString(feed, strings.TrimPrefix(numbers(int(accepted)+lot), numbers(int(accepted)))); err != nil {
			t.Fatal(err)
		}
		ready := filepath.Join(t.TempDir(), "ready")
		pub := start(t, lines, mqx(), append([]string{
			"pub", "--queue", dir, "-V", v.mqx, "-q", qos, "-t", "queued", "-l", "--ready-file", ready,
		}, at...)...)
		eventually(t, "the queue is open", func() bool { _, err := os.Stat(ready); return err == nil })
		if i%4 == 2 { // here nothing leaves the queue, so that a slow machine kills with something accepted, too
			line := strconv.FormatUint(accepted+100, 10)
			eventually(t, "the queue takes line "+line, func() bool { return holds(t, dir, line) })
		}
		<-time.After(time.Duration(rand.IntN(100)) * time.Millisecond) // a kill at random is the test
		pub.signal(os.Kill)
		<-pub.done
		_, _ = feed.Close(), lines.Close()
		q, err := queue.Open(dir, queue.Options{})
		if err != nil {
			t.Fatalf("after kill %d: %v", i, err)
		}
		accepted = q.Accepted()
		t.Logf("kill %d: %d accepted, %d kept", i, accepted, q.Kept())
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
	end := strconv.FormatUint(accepted+1, 10)
	run(t, 0, mqx(), s.mqx("pub", "--queue", dir, "-V", v.mqx, "-q", qos, "-t", "queued", "-m", end)...)
	eventually(t, "the last message", func() bool { return strings.HasSuffix("\n"+sub.stdout.String(), "\n"+end+"\n") })
	sub.signal(os.Interrupt)
	got := sub.mustWait(130)
	if qos == "1" { // may come again, but not before what comes before it
		got = firstTimes(got)
	}
	if got != numbers(int(accepted)+1) {
		t.Error(firstDifference(got, int(accepted)+1))
	}
}

// holds reports whether a text is in the files of a queue.
func holds(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "messages-*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), text) {
			return true
		}
	}
	return false
}

// firstTimes leaves out the lines that came before.
func firstTimes(text string) string {
	seen := map[string]bool{}
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		again := seen[line]
		seen[line] = true
		return again
	}), "")
}
