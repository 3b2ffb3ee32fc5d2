package demo_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/demo"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// With a fake clock: each step has some seconds for its effect, which a busy machine may need for itself.
func TestEveryStepIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Config{})
		defer func() { _ = b.Shutdown(context.WithoutCancel(t.Context())) }()
		var titles []string
		err := demo.Run(t.Context(), inMemory(b), func(s demo.Step) {
			if s.Evidence == "" {
				t.Errorf("no evidence for %q", s.Title)
			}
			titles = append(titles, s.Title)
		})
		if err != nil {
			t.Error(err)
		}
		if len(titles) != 7 {
			t.Errorf("%d steps, want 7: %q", len(titles), titles)
		}
	})
}

func TestInterruptedDemoLeavesNothingBehind(t *testing.T) {
	srv := brokertest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	err := demo.Run(ctx, opener(srv.Addr), func(demo.Step) {
		if steps++; steps == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || steps != 2 {
		t.Errorf("got %v after %d steps", err, steps)
	}
}

func TestDemoWithoutABrokerSaysSo(t *testing.T) {
	broken := errors.New("no broker")
	err := demo.Run(t.Context(), func(context.Context, client.Options) (*client.Session, error) { return nil, broken }, func(demo.Step) {})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func opener(addr string) demo.Opener {
	return func(ctx context.Context, o client.Options) (*client.Session, error) {
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		}
		return client.Open(ctx, o)
	}
}

// inMemory connects without a socket, for a fake clock.
func inMemory(b *broker.Broker) demo.Opener {
	return func(ctx context.Context, o client.Options) (*client.Session, error) {
		o.Dial = func(context.Context) (net.Conn, error) {
			c, s := net.Pipe()
			go b.ServeConn(s)
			return c, nil
		}
		return client.Open(ctx, o)
	}
}

// silent is a broker that drops what one device reports.
type silent struct{}

func (s silent) Authenticate(broker.ClientInfo, *wire.Connect) (broker.Rights, wire.ReasonCode) {
	return s, wire.Success
}

func (silent) MaySubscribe(topic.Filter) bool { return true }

func (silent) MayReceive(string) bool { return true }

func (silent) MayPublish(name string) bool { return name != "acme/site-1/device-2/reported" }

func TestStepWithoutItsEffectFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Config{Access: silent{}})
		defer func() { _ = b.Shutdown(context.WithoutCancel(t.Context())) }()
		steps := 0
		err := demo.Run(t.Context(), inMemory(b), func(demo.Step) { steps++ })
		var e *demo.NotObservedError
		if !errors.As(err, &e) || steps != 4 {
			t.Errorf("got %v after %d steps, want a NotObservedError after 4", err, steps)
		}
	})
}
