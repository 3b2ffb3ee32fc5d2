package link

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Lock begins one packet of the engine.
func (c *Conn) Lock() { c.engine.Lock() }

// Write takes a part of the engine's packet. It is sent as a whole by Unlock.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Err(); err != nil {
		return 0, c.sendError(err)
	}
	c.staged = append(c.staged, p...)
	return len(p), nil
}

// Unlock ends one packet of the engine and sends it in the Server's dialect.
func (c *Conn) Unlock() {
	defer c.engine.Unlock()
	if len(c.staged) == 0 {
		return
	}
	first, body, err := wire.NewReader(bytes.NewReader(c.staged), 0).Next()
	c.staged = nil
	if err == nil {
		err = c.sendForEngine(first, body)
	}
	if err != nil {
		c.Fail(fmt.Errorf("send: %w", err))
	}
}

func (c *Conn) sendForEngine(first byte, body []byte) error {
	p, err := wire.Decode(wire.V5, first, body)
	if err != nil {
		return err
	}
	switch q := p.(type) {
	case *wire.Connect:
		p = c.cfg.Connect
	case *wire.Unsubscribe:
		if c.version != wire.V5 {
			c.openUnsubs.add(q.PacketID, len(q.Filters))
		}
	case *wire.Disconnect:
		switch {
		case c.version != wire.V5:
			p = &wire.Disconnect{}
		case c.cfg.Disconnect != nil:
			own := *c.cfg.Disconnect
			own.Code = q.Code
			p = &own
		}
	}
	return c.Send(p)
}

// openUnsubscribes remembers how many Topic Filters each open UNSUBSCRIBE has: below MQTT 5 the UNSUBACK does not tell,
// and the engine expects a Reason Code for each.
type openUnsubscribes struct {
	mu sync.Mutex
	n  map[uint16]int
}

func (o *openUnsubscribes) add(id uint16, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n == nil {
		o.n = map[uint16]int{}
	}
	o.n[id] = n
}

func (o *openUnsubscribes) take(id uint16) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.n[id]
	delete(o.n, id)
	return n
}
