// Package linktest is a bad network for tests: a [Proxy] in front of a Server whose connections break after a number of
// bytes, are cut, or swallow everything without a word.
package linktest

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Proxy passes connections on to a Server. It is safe for concurrent use.
type Proxy struct {
	// Addr is where it listens, "127.0.0.1:PORT".
	Addr string

	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	random  *rand.Rand // nil as long as links do not break by themselves
	most    int
	links   map[*link]bool
	count   int
	hole    chan struct{} // closed when a black hole opens again; nil for none
	stopped bool
}

// link is one connection through the proxy.
type link struct {
	near, far net.Conn
	reset     bool
	once      sync.Once
}

// Start runs a proxy to the address until the test ends.
func Start(tb testing.TB, to string) *Proxy {
	tb.Helper()
	var config net.ListenConfig
	l, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), to: to, listener: l, links: map[*link]bool{}}
	p.running.Go(func() { p.serve(tb.Context()) })
	tb.Cleanup(p.stop)

	return p
}

// Break makes every later connection break after at most so many bytes in one of its directions, at random, by a reset or an
// ordinary end.
func (p *Proxy) Break(seed uint64, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.random, p.most = rand.New(rand.NewPCG(seed, seed)), most //nolint:gosec // G404: it has to be repeatable
}

// Count is how many connections there were.
func (p *Proxy) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.count
}

// Cut ends all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// Swallow lets nothing through any more, and nobody notices: connections stay open, and new ones are taken.
func (p *Proxy) Swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hole == nil {
		p.hole = make(chan struct{})
	}
}

// Pass ends Swallow. What was swallowed is passed on.
func (p *Proxy) Pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hole != nil {
		close(p.hole)
		p.hole = nil
	}
}

func (p *Proxy) stop() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.Pass()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) serve(ctx context.Context) {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.carry(ctx, near) })
	}
}

// carry passes bytes in both directions until either ends or its bytes are used up.
func (p *Proxy) carry(ctx context.Context, near net.Conn) {
	var d net.Dialer
	far, err := d.DialContext(ctx, "tcp", p.to)
	if err != nil {
		_ = near.Close()

		return
	}
	l := &link{near: near, far: far}
	up, down := p.add(l)
	defer p.remove(l)
	var both sync.WaitGroup
	both.Go(func() { p.pass(l, far, near, up) })
	both.Go(func() { p.pass(l, near, far, down) })
	both.Wait()
}

// add takes note of l and returns how many bytes it may carry in each direction, negative for any number.
func (p *Proxy) add(l *link) (up, down int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	p.links[l] = true
	if p.stopped {
		l.cut()
	}
	if p.random == nil {
		return -1, -1
	}
	l.reset = p.random.IntN(2) == 0

	return p.random.IntN(p.most), p.random.IntN(p.most)
}

func (p *Proxy) remove(l *link) {
	l.cut()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

func (p *Proxy) pass(l *link, to, from net.Conn, n int) {
	defer l.cut()
	buffer := make([]byte, 16<<10)
	for n != 0 {
		part := buffer
		if n > 0 {
			part = buffer[:min(n, len(buffer))]
		}
		got, err := from.Read(part)
		p.mu.Lock()
		hole := p.hole
		p.mu.Unlock()
		if hole != nil {
			<-hole
		}
		if _, sending := to.Write(part[:got]); err != nil || sending != nil {
			return
		}
		n = max(n-got, min(n, 0))
	}
}

func (l *link) cut() {
	l.once.Do(func() {
		for _, c := range []net.Conn{l.near, l.far} {
			if tcp, ok := c.(*net.TCPConn); ok && l.reset {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	})
}
