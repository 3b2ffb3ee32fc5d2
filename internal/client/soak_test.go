//go:build unix

package client_test

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link/linktest"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// fewestBreaks is how often the link breaks at least.
	fewestBreaks = 10
	// lostAfter is after which silence a message is lost.
	lostAfter = 30 * time.Second
)

// soakTime is how long the soak test runs: MQX_SOAK=2h for a night, a few seconds otherwise.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	value := os.Getenv("MQX_SOAK")
	if value == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		t.Fatalf("MQX_SOAK: %v", err)
	}
	return d
}

// footprint is what a process holds.
type footprint struct{ goroutines, files, heapKiB int }

// measure looks when what is going to end has ended.
func measure(t *testing.T) footprint {
	t.Helper()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f := footprint{goroutines: runtime.NumGoroutine(), heapKiB: int(m.HeapAlloc >> 10)}
	if entries, err := os.ReadDir("/dev/fd"); err == nil {
		f.files = len(entries)
	}
	return f
}

// A Session that publishes to itself and loses its connection all the time holds, in the end, what it held in the beginning.
func TestSoakWithReconnectsStaysFlat(t *testing.T) {
	link := linktest.Start(t, forgetfulBroker(t))
	s, err := client.Open(t.Context(), client.Options{
		ClientID: "soak", ResumeSession: true, KeepAlive: 5, Dial: (&tcpDialer{link.Addr}).dial, Retry: flapRetry(),
		Properties: (&wire.Properties{ReceiveMaximum: 100, SessionExpiryInterval: 60}).Set(wire.PropReceiveMaximum, wire.PropSessionExpiryInterval),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abandon()
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "soak/#", QoS: 2}); err != nil {
		t.Fatal(err)
	}
	link.Break(7, 50_000)
	link.Cut()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var received atomic.Int64
	ended := make(chan struct{})
	go func() { defer close(ended); receiveAll(ctx, s, &received) }()

	end := time.Now().Add(soakTime(t))
	warm := time.Now().Add(time.Until(end) / 3)
	var before footprint
	sent, breaks := 0, 0
	// On a busy machine the time is over before the link has broken often enough to tell anything.
	for before == (footprint{}) || link.Count()-breaks < fewestBreaks || time.Now().Before(end) {
		if time.Since(end) > time.Minute {
			t.Fatal("the link hardly broke")
		}
		if err := s.PublishAsync(t.Context(), text("soak/a", "sixty-four bytes of payload, which is what a sensor sends a day", byte(1+sent%2)), nil); err != nil {
			t.Fatal(err)
		}
		if sent++; before == (footprint{}) && time.Now().After(warm) {
			settle(t, s, &received, sent)
			before, breaks = measure(t), link.Count()
		}
	}
	settle(t, s, &received, sent)
	after := measure(t)
	t.Logf("%d messages, %d connections since the first look; %+v, then %+v", sent, link.Count()-breaks, before, after)
	if after.goroutines > before.goroutines+10 || after.files > before.files+10 || after.heapKiB > before.heapKiB+before.heapKiB/2+4<<10 {
		t.Errorf("it grew from %+v to %+v", before, after)
	}
	stop()
	<-ended
}

// forgetfulBroker runs a broker and returns its address. That of brokertest would keep every event of hours.
func forgetfulBroker(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b, served := broker.New(broker.Config{}), make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(b.Shutdown(context.WithoutCancel(t.Context())), <-served); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// settle waits until everything sent is acknowledged and has been received, and nothing more is.
func settle(t *testing.T, s *client.Session, received *atomic.Int64, sent int) {
	t.Helper()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	came := time.Now()
	for last := int64(-1); received.Load() != last || last < int64(sent); {
		if n := received.Load(); n != last {
			last, came = n, time.Now()
		} else if time.Since(came) > lostAfter {
			t.Fatalf("received %d of %d messages, and nothing more for %v", n, sent, lostAfter)
		}
		<-time.After(200 * time.Millisecond)
	}
}

// receiveAll receives, acknowledges and counts until ctx ends.
func receiveAll(ctx context.Context, s *client.Session, received *atomic.Int64) {
	for {
		if _, err := s.Recv(ctx); err != nil {
			return
		}
		received.Add(1)
		if s.Ready() == 0 {
			s.AckReceived()
		}
	}
}
