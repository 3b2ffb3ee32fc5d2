package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestShutdownEndsWithStalledAndHalfOpenConnections(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t, broker.Config{ConnectTimeout: time.Hour, WriteTimeout: time.Hour}) // it does not wait for these
	silent := dial(t, b, wire.V5)
	half := dial(t, b, wire.V5)
	half.sendBytes(0x10, 0x20, 0x00)
	stalled, pub := connected(t, b, wire.V5, "stalled"), connected(t, b, wire.V5, "pub")
	old := connected(t, b, wire.V311, "old")
	stalled.sub("a", 0)
	for range 2000 {
		pub.send(&wire.Publish{Topic: "a", Payload: make([]byte, 10_000)})
	}
	pub.ping()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Broker.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	pub.expectDisconnect(wire.ServerShuttingDown)
	old.expectClosed()
	silent.expectClosed()
	half.expectClosed()
	if err := b.Broker.Shutdown(ctx); err != nil {
		t.Fatalf("the second time: %v", err)
	}
	late := dialOrNil(t, b)
	if late != nil {
		late.expectClosed()
	}
}

func TestShutdownWaitsForNobodyForLong(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		pipe(in.t, in.b, wire.V5) // silent
		half, stalled, pub := pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5)
		half.sendBytes(0x10, 0x20, 0x00)
		stalled.connect(&wire.Connect{ClientID: "stalled"})
		stalled.sub("a", 0)
		pub.connect(&wire.Connect{ClientID: "pub"})
		for range 10 {
			pub.send(&wire.Publish{Topic: "a"})
		}
		pub.ping()
		begun := time.Now()
		if err := in.b.Shutdown(in.t.Context()); err != nil {
			in.t.Fatal(err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			in.t.Fatalf("took %v", took)
		}
	})
}

func TestShutdownClosesAtOnceWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	stalled, pub := connected(t, s, wire.V5, "stalled"), connected(t, s, wire.V5, "pub")
	stalled.sub("a", 0)
	for range 2000 {
		pub.send(&wire.Publish{Topic: "a", Payload: make([]byte, 10_000)})
	}
	pub.ping()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Broker.Shutdown(ctx); err == nil {
		t.Fatal("want the error of the context")
	}
}

func TestShutdownWhileClientsComeAndGo(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for n := 0; ; n++ {
				c := dialOrNil(t, s)
				if c == nil {
					return
				}
				packet, err := (&wire.Connect{Version: wire.V5, ClientID: fmt.Sprint(i, n%3), Will: &wire.Will{Topic: "w"}}).Append(nil, wire.V5)
				if err != nil {
					return
				}
				_, _ = c.conn.Write(packet) // the broker may be gone
				_, _ = c.next(patience)
				c.drop()
			}
		}()
	}
	s.Wait(50, func(e broker.Event) bool { return e.Kind == broker.ClientConnected })
	if err := s.Broker.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		<-done
	}
	if got := s.Broker.Stats().Clients; got != 0 {
		t.Fatalf("%d clients", got)
	}
}

func TestOrdinaryClientsMakeNoLogLines(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := brokertest.Start(t, broker.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, v := range versions() {
		c := connected(t, s, v, "c"+v.String()) // without Keep Alive
		c.ping()
		c.disconnect()
	}
	if err := s.Broker.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if log.Len() > 0 {
		t.Fatal(log.String())
	}
}

// It has half a second for that, which a busy machine may well lose: in fake time it cannot.
func TestWhatWaitsForConnectedClientsIsDeliveredBeforeShutdown(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		sub, pub := oneByOne(in)
		const n = 50
		for i := range n {
			pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: text("%d", i)})
		}
		ended := make(chan error, 1)
		go func() { ended <- in.b.Shutdown(in.t.Context()) }()
		sub.collectInOrder(0, n) // each is sent only when the last one was acknowledged
		sub.expectDisconnect(wire.ServerShuttingDown)
		pub.expectDisconnect(wire.ServerShuttingDown)
		if err := <-ended; err != nil {
			in.t.Error(err)
		}
	})
}

// oneByOne returns a subscriber to "a" that takes one message at a time, and a publisher.
func oneByOne(in inside) (sub, pub *raw) {
	sub, pub = pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5)
	sub.connect(&wire.Connect{ClientID: "sub", Properties: receiveMaximum(1)})
	sub.sub("a", 1)
	pub.connect(&wire.Connect{ClientID: "pub"})

	return sub, pub
}

func TestAStoppingBrokerTakesNoMoreMessages(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		sub, pub := oneByOne(in)
		for range 2 {
			pub.publish(&wire.Publish{Topic: "a", QoS: 1}) // the second one waits for the first
		}
		ended := make(chan error, 1)
		go func() { ended <- in.b.Shutdown(in.t.Context()) }()
		synctest.Wait() // until it is stopping
		pub.send(&wire.Publish{Topic: "a", QoS: 1, PacketID: 9})
		pub.expectDisconnect(wire.ServerShuttingDown)
		sub.collect(2)
		sub.expectDisconnect(wire.ServerShuttingDown)
		if err := <-ended; err != nil {
			in.t.Error(err)
		}
	})
}
