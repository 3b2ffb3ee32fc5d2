package brokertest_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestEventsCanBeWaitedForBeforeAndAfterTheyHappen(t *testing.T) {
	t.Parallel()
	told := make(chan broker.Event, 10)
	s := brokertest.Start(t, broker.Config{Events: func(e broker.Event) { told <- e }})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := net.DialTimeout("tcp", s.Addr, time.Minute)
		if err != nil {
			t.Error(err)

			return
		}
		defer conn.Close()
		packet, err := (&wire.Connect{Version: wire.V311, ClientID: "c", CleanStart: true}).Append(nil, wire.V311)
		if err != nil {
			t.Error(err)
		}
		packet, err = (&wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a/#"}}}).Append(packet, wire.V311)
		if err != nil {
			t.Error(err)
		}
		if _, err := conn.Write(packet); err != nil {
			t.Error(err)
		}
		if err := s.Await(t.Context(), 1, brokertest.Subscribed("a/#")); err != nil {
			t.Error(err)
		}
	}()
	s.WaitDisconnected("c")
	s.WaitConnected("c")
	s.WaitSubscribed("a/#")
	if e := <-told; e.Kind != broker.ClientConnected || e.ClientID != "c" {
		t.Fatalf("the first event is %+v", e)
	}
	<-ended
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, err := brokertest.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Await(ctx, 1, brokertest.Subscribed("a")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
