package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link/linktest"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// volume is how many messages go through a flapping link: MQX_FLAP_MESSAGES, or few enough for every run of the tests.
func volume(t *testing.T) int {
	t.Helper()
	value := os.Getenv("MQX_FLAP_MESSAGES")
	if value == "" {
		return 5_000
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatalf("MQX_FLAP_MESSAGES: %v", err)
	}
	return n
}

// flapRetry reconnects at once: the link is what is tried, not patience.
func flapRetry() client.Retry {
	return client.Retry{Reconnect: client.Forever, MaxWait: time.Millisecond}
}

// Messages go over a link that breaks again and again, from a publisher over one link and to a subscriber over another.
// Nothing is lost and, at QoS 2, nothing comes twice.
func TestNothingIsLostOverAFlappingLink(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		for _, v := range []wire.Version{wire.V5, wire.V311} {
			t.Run(fmt.Sprintf("QoS %d, %v", qos, v), func(t *testing.T) {
				server := brokertest.Start(t, broker.Config{MaxQueuedMessages: 10_000_000, MaxQueuedBytes: 1 << 40})
				through(t, server.Addr, v, qos, volume(t))
			})
		}
	}
}

// through sends n numbered messages to a Server and receives them, over flapping links.
func through(t *testing.T, server string, v wire.Version, qos byte, n int) {
	t.Helper()
	subLink, pubLink := linktest.Start(t, server), linktest.Start(t, server)
	most := max(60_000, 2*n) // bytes: some tens of breaks at least
	pubLink.Break(43, most)
	if v != wire.V5 {
		most *= 4 // the client cannot bound what the Server sends at once, and sends again on each connection
	}
	subLink.Break(42, most)
	options := func(id string, link *linktest.Proxy) client.Options {
		return client.Options{
			Version: v, ClientID: id, ResumeSession: true, Retry: flapRetry(), Dial: (&tcpDialer{link.Addr}).dial, KeepAlive: 30,
		}
	}
	receiving := options("sub", subLink)
	if v == wire.V5 {
		receiving.Properties = (&wire.Properties{ReceiveMaximum: 100}).Set(wire.PropReceiveMaximum)
	}
	sub := flapOpen(t, receiving)
	if _, err := sub.Subscribe(t.Context(), nil, wire.Subscription{Filter: "flap", QoS: qos}); err != nil {
		t.Fatal(err)
	}
	pub := flapOpen(t, options("pub", pubLink))
	ended := make([]uint8, n)
	published := make(chan error, 1)
	go func() { published <- publishNumbers(t, pub, qos, ended) }()
	received := receiveNumbers(t, sub, n)
	if err := <-published; err != nil {
		t.Errorf("publish: %v", err)
	}
	lost, twice := 0, 0
	for i, times := range received {
		switch {
		case times == 0:
			lost++
		case times > 1:
			twice++
		}
		if ended[i] != 1 {
			t.Fatalf("the function of message %d was called %d times", i, ended[i])
		}
	}
	if lost > 0 || qos == 2 && twice > 0 {
		t.Errorf("of %d messages %d were lost, and %d came more than once", n, lost, twice)
	}
	_ = pub.Close(t.Context())
	_ = sub.Close(t.Context())
	t.Logf("%d messages, %d and %d connections, %d came more than once", n, pubLink.Count(), subLink.Count(), twice)
	if pubLink.Count() < 5 || subLink.Count() < 2 {
		t.Error("the links hardly broke")
	}
}

// flapOpen opens a Session over a link that may break before CONNACK.
func flapOpen(t *testing.T, o client.Options) *client.Session {
	t.Helper()
	o.Retry.Connect = client.Forever
	s, err := client.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abandon)
	return s
}

func publishNumbers(t *testing.T, s *client.Session, qos byte, ended []uint8) error {
	t.Helper()
	var mu sync.Mutex
	var failure error
	for i := range ended {
		m := message.Message{Topic: "flap", Payload: fmt.Appendf(nil, "%50d", i), QoS: qos}
		err := s.PublishAsync(t.Context(), m, func(r client.Result) {
			mu.Lock()
			defer mu.Unlock()
			ended[i]++
			failure = errors.Join(failure, r.Err)
		})
		if err != nil {
			return err
		}
	}
	err := s.Drain(t.Context())
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(err, failure)
}

// receiveNumbers counts how often each message comes, until each has come once, and nothing more does for a moment.
func receiveNumbers(t *testing.T, s *client.Session, n int) []int {
	t.Helper()
	times := make([]int, n)
	for missing := n; ; {
		wait := 20 * time.Second
		if missing == 0 {
			wait = 200 * time.Millisecond // whether something comes twice
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		m, err := s.Recv(ctx)
		cancel()
		if err != nil {
			if missing > 0 || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("receive: %v, %d messages missing", err, missing)
			}
			return times
		}
		i, err := strconv.Atoi(strings.TrimSpace(string(m.Payload)))
		if err != nil || i >= n {
			t.Fatalf("received %q", m.Payload)
		}
		if times[i]++; times[i] == 1 {
			missing--
		}
		if s.Ready() == 0 {
			s.AckReceived()
		}
	}
}

// A link that swallows everything without a word is noticed by Keep Alive, and a half-open one too: the Server has gone,
// and nobody has told the client.
func TestBlackHoleIsNoticedByKeepAlive(t *testing.T) {
	server := brokertest.Start(t)
	link := linktest.Start(t, server.Addr)
	var swallows atomic.Bool
	var once sync.Once
	noticed := make(chan struct{})
	s, err := client.Open(t.Context(), client.Options{
		ClientID: "me", KeepAlive: 1, ConnectTimeout: 300 * time.Millisecond, Dial: (&tcpDialer{link.Addr}).dial,
		// A busy machine may take longer than that: there is always another attempt, the first one included.
		Retry: client.Retry{Connect: client.Forever, Reconnect: client.Forever, MaxWait: 50 * time.Millisecond, Report: func(o client.Outage) {
			if swallows.Load() && o.BackAt.IsZero() {
				once.Do(func() { close(noticed) })
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abandon()
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	link.Swallow()
	swallows.Store(true)
	published := make(chan error, 1)
	go func() { published <- s.Publish(t.Context(), text("a", "through the hole", 1)) }()
	select {
	case <-noticed:
	case <-time.After(time.Minute):
		t.Fatal("the black hole was not noticed")
	}
	link.Pass()
	if err := <-published; err != nil {
		t.Error(err)
	}
	if m := recv(t, s); string(m.Payload) != "through the hole" {
		t.Errorf("received %q", m.Payload)
	}
}

// A Server that is killed and started again on the same port, without its state, is found again.
func TestServerThatIsStartedAgainIsFoundAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	serve := func(l net.Listener) func() {
		b := broker.New(broker.Config{})
		served := make(chan struct{})
		go func() { defer close(served); _ = b.Serve(l) }()
		return func() {
			now, cancel := context.WithCancel(t.Context())
			cancel() // at once, whoever is connected
			_ = b.Shutdown(now)
			<-served
		}
	}
	kill := serve(l)
	s, err := client.Open(t.Context(), client.Options{Dial: (&tcpDialer{address}).dial, Retry: flapRetry()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abandon()
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "a", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		kill()
		published := make(chan error, 1)
		go func() { published <- s.Publish(t.Context(), text("a", strconv.Itoa(i), 1)) }()
		if l, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		kill = serve(l)
		if err := <-published; err != nil {
			t.Fatal(err)
		}
		if m := recv(t, s); string(m.Payload) != strconv.Itoa(i) {
			t.Errorf("received %q, want %d", m.Payload, i)
		}
		s.AckReceived()
	}
	kill()
}
