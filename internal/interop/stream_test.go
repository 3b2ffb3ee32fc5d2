//go:build unix

package interop_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// streamed is how many messages a stream carries.
func streamed(t *testing.T) int {
	t.Helper()
	value := os.Getenv("MQX_INTEROP_MESSAGES")
	if value == "" {
		return 10_000
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatalf("MQX_INTEROP_MESSAGES: %v", err)
	}
	return n
}

// Every message of `mqx pub -l` comes out of `mqx sub` once and in order, through either broker.
func TestInteropStreamLosesAndRepeatsNothing(t *testing.T) {
	count := streamed(t)
	brokers := []struct {
		name  string
		start func(t *testing.T) server
	}{
		{"mosquitto", func(t *testing.T) server { t.Helper(); return startMosquitto(t) }},
		{"mqx broker", func(t *testing.T) server {
			t.Helper()
			return startEmbedded(t, "--max-queued-messages", strconv.Itoa(2*count), "--max-queued-bytes", "268435456")
		}},
	}
	for _, broker := range brokers {
		for _, v := range levels()[:2] {
			for qos := range 3 {
				t.Run(broker.name+", level "+v.mqx+", QoS "+strconv.Itoa(qos), func(t *testing.T) {
					streamThrough(t, broker.start(t), v, strconv.Itoa(qos), count)
				})
			}
		}
	}
}

func streamThrough(t *testing.T, s server, v level, qos string, count int) {
	t.Helper()
	sub := startReady(t, s.mqx("sub", "-V", v.mqx, "-q", qos, "-t", "stream", "-C", strconv.Itoa(count))...)
	began := time.Now()
	pub := start(t, strings.NewReader(numbers(count)), mqx(), s.mqx("pub", "-V", v.mqx, "-q", qos, "-t", "stream", "-l")...)
	pub.mustWait(0)
	published := time.Since(began)
	got := sub.mustWait(0)
	t.Logf("%d messages at QoS %s: published in %v, received in %v", count, qos, published.Round(time.Millisecond),
		time.Since(began).Round(time.Millisecond))
	if got == numbers(count) {
		return
	}
	for i, line := range strings.Split(got, "\n") {
		if line != strconv.Itoa(i+1) {
			t.Fatalf("line %d of mqx sub is %q", i+1, line)
		}
	}
}
