package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// maxAcceptPause is the longest pause after a failed Accept.
const maxAcceptPause = time.Second

// Serve accepts connections and serves them until l fails or the Broker shuts down, when it returns nil. It closes l.
func (b *Broker) Serve(l net.Listener) error {
	defer l.Close()
	b.mu.Lock()
	if b.closing {
		b.mu.Unlock()

		return nil
	}
	b.listeners[l] = struct{}{}
	b.mu.Unlock()
	b.startSys()
	defer func() {
		b.mu.Lock()
		delete(b.listeners, l)
		b.mu.Unlock()
	}()
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			if c := b.track(conn); c != nil {
				go b.serve(c)
			}
		case b.stopping():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept connections: %w", err)
		default:
			// Too many open files, or a connection that is gone already: neither ends a server.
			b.cfg.Logger.Warn("accept connection", "error", err)
			<-time.After(pause)
			pause = min(2*pause, maxAcceptPause)
		}
	}
}

// ServeConn serves one connection until it ends, and closes it.
func (b *Broker) ServeConn(conn net.Conn) {
	if c := b.track(conn); c != nil {
		b.serve(c)
	}
}

// track notes a connection that begins, or closes it and returns nil when the Broker shuts down.
func (b *Broker) track(conn net.Conn) *client {
	c := newClient(b, conn)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing || len(b.clients)-b.connected >= b.cfg.MaxPending {
		conn.Close()

		return nil
	}
	b.counters.sockets.Add(1)
	b.clients[c] = struct{}{}
	b.work.Add(1)

	return c
}

func (b *Broker) serve(c *client) {
	defer func() {
		b.mu.Lock()
		delete(b.clients, c)
		b.discharge(c)
		b.mu.Unlock()
		b.work.Done()
	}()
	err := c.connect()
	if c.session == nil {
		b.cfg.Logger.Info("connection refused", "addr", c.conn.RemoteAddr(), "error", err)
		c.conn.Close()

		return
	}
	if err == nil {
		err = c.serve()
	}
	c.finish(err)
}

// Shutdown ends the Broker: it accepts no more connections and messages, writes what waits for connected clients, tells
// MQTT 5 clients why it ends (0x8B), and closes all connections, within about two seconds even if some do not read. When ctx ends first it closes
// them at once and returns ctx's error. Afterwards the Broker is of no use, and its Sessions are gone.
func (b *Broker) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	if !b.closing {
		b.closing = true
		close(b.quit)
	}
	listeners := slices.Collect(maps.Keys(b.listeners))
	clients := slices.Collect(maps.Keys(b.clients))
	b.mu.Unlock()
	b.draining.Store(true) // before anybody can see that we stop
	for _, l := range listeners {
		l.Close()
	}
	b.drain(ctx, slices.Clone(clients))
	for _, c := range clients {
		c.stop(wire.ServerShuttingDown)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.work.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range clients {
		c.conn.Close()
	}
	<-done

	return ctx.Err()
}

const (
	// drainTime bounds how long a stopping Broker goes on to deliver, drainTick is how often it looks whether it is done.
	drainTime = 500 * time.Millisecond
	drainTick = 2 * time.Millisecond
)

// drain waits until the clients have been sent what is in their queues.
func (b *Broker) drain(ctx context.Context, clients []*client) {
	b.attend()
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for {
		clients = slices.DeleteFunc(clients, (*client).isDrained)
		if len(clients) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// isDrained reports whether there is nothing left to write to the client.
func (c *client) isDrained() bool {
	c.b.mu.Lock()
	s := c.session
	c.b.mu.Unlock()
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	return c.gone || c.broken || s.queue.len() == 0 && len(c.control) == 0 && !c.writing && !c.kicked
}
