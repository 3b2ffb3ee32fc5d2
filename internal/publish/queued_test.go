package publish_test

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/link/linktest"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/queue"
	"github.com/mqx-cli/mqx/internal/wire"
)

func openQueue(t *testing.T, dir string) *queue.Queue {
	t.Helper()
	q, err := queue.Open(dir, queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func target(addr string) link.Target {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	return link.Target{Host: host, Port: n}
}

// subscriber returns a Session that is subscribed to everything at QoS 2.
func subscriber(t *testing.T, s *brokertest.Server) *client.Session {
	t.Helper()
	sub, err := client.Open(t.Context(), client.Options{Target: target(s.Addr)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Abandon)
	if _, err := sub.Subscribe(t.Context(), nil, wire.Subscription{Filter: "#", QoS: 2}); err != nil {
		t.Fatal(err)
	}
	return sub
}

// runQueued fails the test for every message that is reported.
func runQueued(t *testing.T, q *queue.Queue, src publish.Source, o client.Options) (publish.QueuedSummary, error) {
	t.Helper()
	return publish.RunQueued(t.Context(), q, src, publish.QueuedOptions{
		Client: o, Options: publish.Options{Topics: []string{"t"}, Report: func(err error) { t.Errorf("reported: %v", err) }},
	})
}

// Over a link that breaks again and again, each line comes once and in order, and nothing is left.
func TestQueuedMessagesComeOnceOverAFlappingLink(t *testing.T) {
	const n = 3000
	s := brokertest.Start(t)
	sub := subscriber(t, s)
	proxy := linktest.Start(t, s.Addr)
	proxy.Break(1, 20_000)
	q := openQueue(t, t.TempDir())
	var lines strings.Builder
	for i := range n {
		lines.WriteString(strconv.Itoa(i) + "\n")
	}
	o := client.Options{Target: target(proxy.Addr), Retry: client.Retry{Connect: client.Forever, Reconnect: client.Forever, MaxWait: 1}}
	summary, err := runQueued(t, q, publish.NewLines(strings.NewReader(lines.String()), message.Message{QoS: 2}), o)
	if err != nil || summary.Sent != n || summary.Delivered != n || summary.Kept != 0 || q.Kept() != 0 {
		t.Errorf("%+v, %v", summary, err)
	}
	for i := range n {
		m, err := sub.Recv(t.Context())
		if err != nil || string(m.Payload) != strconv.Itoa(i) {
			t.Fatalf("line %d is %q, %v", i, m.Payload, err)
		}
		sub.AckReceived()
	}
	if proxy.Count() < 3 {
		t.Errorf("only %d connections", proxy.Count())
	}
}

// A Server that cannot be reached when the input ends is tried once more, as --retry asks, and no longer.
func TestQueuedMessagesAreKeptWhenNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := target(l.Addr().String())
	_ = l.Close()
	q := openQueue(t, t.TempDir())
	summary, err := runQueued(t, q, publish.NewLines(strings.NewReader("1\n2\n"), message.Message{QoS: 1}), client.Options{Target: nobody})
	var undelivered *publish.DeliveryError
	if !errors.As(err, &undelivered) || summary.Sent != 2 || summary.Kept != 2 || summary.Delivered != 0 {
		t.Errorf("%+v, %v", summary, err)
	}
}

func TestQueueKeepsItsClientIdentifierWhileMessagesAreUnderWay(t *testing.T) {
	s := brokertest.Start(t)
	dir := t.TempDir()
	q := openQueue(t, dir)
	if _, err := runQueued(t, q, publish.NewOnce(message.Message{Payload: []byte("x"), QoS: 1}, 1, 0), client.Options{Target: target(s.Addr)}); err != nil {
		t.Fatal(err)
	}
	id := q.ClientID()
	if id == "" {
		t.Fatal("there is no Client Identifier")
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}

	// One that was given takes its place when nothing is under way.
	q = openQueue(t, dir)
	flush := publish.NewOnce(message.Message{}, 0, 0)
	if _, err := runQueued(t, q, flush, client.Options{Target: target(s.Addr), ClientID: "given"}); err != nil || q.ClientID() != "given" {
		t.Errorf("%v, %q", err, q.ClientID())
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = openQueue(t, dir)
	if err := q.Append(t.Context(), message.Message{Topic: "t", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Next(t.Context()); err != nil { // from here on it may have been sent
		t.Fatal(err)
	}
	var other *publish.OtherClientError
	if _, err := runQueued(t, q, flush, client.Options{Target: target(s.Addr), ClientID: "another"}); !errors.As(err, &other) {
		t.Errorf("got %v, want an OtherClientError", err)
	}
}

// The interval counts from when a message was accepted. What is halfway at QoS 2 must be finished all the same.
func TestMessageExpiryCountsInTheQueue(t *testing.T) {
	accepted := time.Now()
	for name, tt := range map[string]struct {
		qos             byte
		again, received bool
		interval        uint32
		passed          time.Duration
		want            uint32
		gone            bool
	}{
		"some is left":                 {qos: 1, interval: 60, passed: 20*time.Second + 900*time.Millisecond, want: 40},
		"nothing is left":              {qos: 1, interval: 60, passed: time.Minute, gone: true},
		"a new one of QoS 2":           {qos: 2, interval: 60, passed: time.Hour, gone: true},
		"sent before at QoS 1":         {qos: 1, again: true, interval: 60, passed: time.Hour, gone: true},
		"sent before at QoS 2":         {qos: 2, again: true, interval: 60, passed: time.Hour, want: 1},
		"only PUBREL is missing":       {qos: 2, again: true, received: true, interval: 60, passed: time.Hour, want: 60},
		"at once":                      {qos: 1, interval: 0, want: 0},
		"the clock was set back":       {qos: 1, interval: 60, passed: -time.Hour, want: 60},
		"it counts in whole seconds":   {qos: 1, interval: 1, passed: 999 * time.Millisecond, want: 1},
		"the longest interval is fine": {qos: 1, interval: 1<<32 - 1, passed: time.Second, want: 1<<32 - 2},
	} {
		p := (&wire.Properties{MessageExpiryInterval: tt.interval}).Set(wire.PropMessageExpiryInterval)
		e := queue.Entry{
			Message:  message.Message{Topic: "t", QoS: tt.qos, Properties: p},
			Accepted: accepted, Again: tt.again, Received: tt.received,
		}
		left := publish.Remaining(&e, accepted.Add(tt.passed))
		if left == tt.gone || left && e.Message.Properties.MessageExpiryInterval != tt.want {
			t.Errorf("%s: %t, %d s left", name, left, e.Message.Properties.MessageExpiryInterval)
		}
		if p.MessageExpiryInterval != tt.interval {
			t.Errorf("%s: the properties of all messages were changed", name)
		}
	}
}
