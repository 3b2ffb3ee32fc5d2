package broker

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// batch is about how much is handed to the kernel at once.
	batch = 64 << 10
	// maxControl is how much may wait to be written besides PUBLISH packets before we stop reading from the client: a
	// client that does not read its answers gets no more of them.
	maxControl = 64 << 10
	// keptBuffer is the largest buffer that is used again.
	keptBuffer = 4 * batch
)

// send appends a packet other than PUBLISH to what is to be written. It waits while the client leaves too much unread.
func (c *client) send(p wire.Packet) {
	c.session.mu.Lock()
	c.appendControl(p)
	c.sent(maxControl)
}

// sendBehind is send for an answer that comes behind the Retained Messages which the client waits for. Clients that may not
// publish take it for the end of them, although no statement says so. A client that makes too many of them wait gets them at
// once.
func (c *client) sendBehind(p wire.Packet) {
	s := c.session
	s.mu.Lock()
	before := len(c.control)
	c.appendControl(p)
	if r := s.lastReplay; r != nil && len(r.answers) < maxControl {
		r.answers = append(r.answers, c.control[before:]...)
		c.control = c.control[:before]
	}
	c.sent(maxControl)
}

// sendAck is send without allocation.
func (c *client) sendAck(kind wire.Type, id uint16, code wire.ReasonCode) {
	c.session.mu.Lock()
	c.appendAck(kind, id, code)
	c.sent(maxControl)
}

// sent finishes send: it waits until at most so many bytes are unread, and unlocks the session.
func (c *client) sent(most int) {
	s := c.session
	if kick := s.needsKick(); kick != nil {
		c.kicks.add(kick)
	}
	if len(c.control) > most {
		s.mu.Unlock()
		c.kicks.flush()
		s.mu.Lock()
		c.startWriting()
		for len(c.control) > most && c.writing && !c.isStopping() {
			c.idle.Wait()
		}
	}
	s.mu.Unlock()
}

func (c *client) appendControl(p wire.Packet) {
	if c.broken {
		return
	}
	out, err := p.Append(c.control, c.info.Version)
	if err != nil {
		c.b.cfg.Logger.Error("encode packet", "client", c.info.ID, "error", err)

		return
	}
	if !c.fits(len(out) - len(c.control)) {
		c.stopLocked(wire.PacketTooLarge) // the answer must not be sent [MQTT-3.1.2-24], and the client would wait for it

		return
	}
	c.control = out
	c.gave.packets++
	c.unsafe = c.b.cfg.Store != nil
}

func (c *client) appendAck(kind wire.Type, id uint16, code wire.ReasonCode) {
	if c.broken {
		return
	}
	a := wire.Ack{Kind: kind, PacketID: id}
	if c.info.Version >= wire.V5 {
		a.Code = code
	}
	out, err := a.Append(c.control, c.info.Version)
	if err == nil { // all of our Reason Codes are valid
		c.control = out
		c.gave.packets++
		c.unsafe = c.b.cfg.Store != nil
	}
}

// startWriting makes sure that the connection has a writer. There is none while there is nothing to write: an idle
// connection costs one goroutine. The session is locked.
func (c *client) startWriting() {
	if c.writing || c.broken || c.gone && len(c.control) == 0 {
		return
	}
	c.writing = true
	go c.write()
}

// buffers is a pool with the type that we put in.
type buffers struct{ pool sync.Pool }

func (p *buffers) get() *[]byte {
	if buf, ok := p.pool.Get().(*[]byte); ok {
		return buf
	}

	return new(make([]byte, 0, batch/4))
}

func (p *buffers) put(buf *[]byte) {
	if cap(*buf) <= keptBuffer {
		*buf = (*buf)[:0]
		p.pool.Put(buf)
	}
}

// write writes until there is nothing left to write.
func (c *client) write() {
	s := c.session
	buf := c.b.buffers.get()
	defer c.b.buffers.put(buf)
	s.mu.Lock()
	defer s.mu.Unlock()
	for first := true; ; first = false {
		var again bool
		*buf, again = c.fill((*buf)[:0])
		if len(*buf) == 0 && !again {
			break
		}
		switch {
		case len(*buf) == 0:
		case !c.closing:
			_ = c.conn.SetWriteDeadline(time.Now().Add(c.b.cfg.WriteTimeout)) // Write tells
		case first: // that of farewell may be over before this goroutine was given the processor
			_ = c.conn.SetWriteDeadline(time.Now().Add(lingerTime)) // Write tells
		}
		unsafe, gave := c.unsafe, c.gave
		c.unsafe, c.gave = false, tally{}
		s.mu.Unlock()
		c.countSent(&gave)
		err := c.flush(*buf, unsafe)
		s.mu.Lock()
		if err != nil {
			c.writeFailed(err)

			break
		}
		c.idle.Broadcast() // there is room again
	}
	c.writing = false
	c.idle.Broadcast()
}

// flush writes to the connection. What the client may rely on is in the Store before.
func (c *client) flush(buf []byte, unsafe bool) error {
	if len(buf) == 0 {
		return nil
	}
	if unsafe {
		if err := c.b.cfg.Store.Sync(); err != nil {
			c.b.cfg.Logger.Error("store", "client", c.info.ID, "error", err)
			c.stop(wire.UnspecifiedError)

			return err
		}
	}
	if c.b.watched() {
		return c.flushWatched(buf)
	}
	n, err := c.conn.Write(buf)
	c.b.counters.bytesSent.Add(int64(n))

	return err
}

// flushWatched is flush when each packet has to be looked at.
func (c *client) flushWatched(buf []byte) error {
	if f := c.faulty(); f != nil {
		err := c.writeFaulty(f, buf)
		if errors.Is(err, errCut) {
			c.cut.Store(true)
			c.stop(wire.UnspecifiedError)
		}

		return err
	}
	for rest := buf; len(rest) > 0; {
		var first byte
		var body []byte
		first, _, body, rest = cutPacket(rest)
		c.observe(true, first, body)
	}
	n, err := c.conn.Write(buf)
	c.b.counters.bytesSent.Add(int64(n))

	return err
}

// countSent adds what is about to be written to the counters of all.
func (c *client) countSent(gave *tally) {
	n := c.b.counters
	n.packetsSent.Add(gave.packets)
	if gave.publishes > 0 {
		n.sent.Add(gave.publishes)
		n.payloadSent.Add(gave.payload)
	}
}

// writeFailed notes that nothing more can be written. What the client has sent is read nevertheless, up to the error that
// ends reading, too: it may say DISCONNECT, and that the Will Message is not wanted. Only a client that is there and takes
// nothing is given up.
func (c *client) writeFailed(err error) {
	c.broken = true
	c.control = nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stopLocked(wire.UnspecifiedError)
	}
}
