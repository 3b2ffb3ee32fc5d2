// Package brokertest runs a broker for tests.
//
// [Start] listens on a free port of loopback and shuts down with the test. Tests wait for what happens in the broker, such
// as [Server.WaitSubscribed], and need no sleep. For a program that is no test there is [Open].
package brokertest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
)

// waitTimeout is how long a test waits for an event before it fails. A machine with much to do may leave a test alone for
// seconds.
const waitTimeout = 30 * time.Second

// shownEvents is how many events are shown when the one that was waited for has not come.
const shownEvents = 20

// Server is a running broker.
type Server struct {
	// Addr is the address it listens on, "127.0.0.1:PORT".
	Addr string
	// Broker is the broker itself.
	Broker *broker.Broker

	tb     testing.TB // nil after Open
	served chan error

	mu     sync.Mutex
	events []broker.Event
	more   chan struct{} // closed and replaced at each event
}

// Start runs a broker with the first of cfgs, or with its defaults, until the test ends.
func Start(tb testing.TB, cfgs ...broker.Config) *Server {
	tb.Helper()
	s, err := Open(cfgs...)
	if err != nil {
		tb.Fatal(err)
	}
	s.tb = tb
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})

	return s
}

// Open is [Start] for those who have no [testing.TB]: they call Close.
func Open(cfgs ...broker.Config) (*Server, error) {
	var cfg broker.Config
	if len(cfgs) > 0 {
		cfg = cfgs[0]
	}
	s := &Server{served: make(chan error, 1), more: make(chan struct{})}
	also := cfg.Events
	cfg.Events = func(e broker.Event) {
		s.note(e)
		if also != nil {
			also(e)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing to wait for
	if err != nil {
		return nil, fmt.Errorf("start test broker: %w", err)
	}
	s.Addr, s.Broker = l.Addr().String(), broker.New(cfg)
	go func() { s.served <- s.Broker.Serve(l) }()

	return s, nil
}

// Close shuts the broker down.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout) //nolint:forbidigo // bounded by itself
	defer cancel()
	if err := s.Broker.Shutdown(ctx); err != nil {
		return fmt.Errorf("shut down test broker: %w", err)
	}

	return <-s.served
}

// URL is the address as mqx takes it, "mqtt://127.0.0.1:PORT".
func (s *Server) URL() string { return "mqtt://" + s.Addr }

func (s *Server) note(e broker.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	close(s.more)
	s.more = make(chan struct{})
}

// Events returns what has happened so far.
func (s *Server) Events() []broker.Event {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([]broker.Event(nil), s.events...)
}

// Await waits for the nth event, counted from 1 and from the start of the broker, for which match answers true.
func (s *Server) Await(ctx context.Context, n int, match func(broker.Event) bool) error {
	seen := 0
	for from := 0; ; {
		s.mu.Lock()
		fresh, more := s.events[from:], s.more
		s.mu.Unlock()
		for _, e := range fresh {
			if match(e) {
				seen++
			}
		}
		from += len(fresh)
		if seen >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("wait for an event of the broker: %d of %d: %w", seen, n, ctx.Err())
		}
	}
}

// Wait waits for the nth event for which match answers true and fails the test when it does not come.
func (s *Server) Wait(n int, match func(broker.Event) bool) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout) //nolint:forbidigo // bounded by itself
	defer cancel()
	if err := s.Await(ctx, n, match); err != nil {
		events := s.Events()
		s.tb.Fatalf("%v\nof %d events, the last: %+v", err, len(events), events[max(0, len(events)-shownEvents):])
	}
}

// WaitSubscribed waits until somebody has subscribed to filter, written as it was subscribed to.
func (s *Server) WaitSubscribed(filter string) {
	s.tb.Helper()
	s.Wait(1, Subscribed(filter))
}

// WaitConnected waits until the client has connected.
func (s *Server) WaitConnected(clientID string) {
	s.tb.Helper()
	s.Wait(1, func(e broker.Event) bool { return e.Kind == broker.ClientConnected && e.ClientID == clientID })
}

// WaitDisconnected waits until a connection of the client has ended.
func (s *Server) WaitDisconnected(clientID string) {
	s.tb.Helper()
	s.Wait(1, func(e broker.Event) bool { return e.Kind == broker.ClientDisconnected && e.ClientID == clientID })
}

// Subscribed matches the event that somebody has subscribed to filter, for [Server.Await].
func Subscribed(filter string) func(broker.Event) bool {
	return func(e broker.Event) bool { return e.Kind == broker.Subscribed && e.Filter == filter }
}
