package fleet

import (
	"math"
	"net"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// outbox gathers packets of one connection. The goroutine that writes them is there only while there is something to write,
// and keeps no buffer when it ends: ten thousand connections are idle most of the time.
type outbox struct {
	conn *conn

	mu      sync.Mutex
	buf     []byte
	rate    float64 // bytes a second, 0 for all there is
	writing bool
	gone    bool
	after   func() // what is to be done when everything is written; then nothing more is taken
}

// lingerTime bounds how long a connection that says goodbye waits for the Server to close it.
const lingerTime = 2 * time.Second

func (o *outbox) init(c *conn) { o.conn = c }

// add takes a packet. It never blocks. After the end of the connection it does nothing: the reader tells of that.
func (o *outbox) add(p wire.Packet) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone || o.after != nil {
		return nil
	}
	before := len(o.buf)
	buf, err := p.Append(o.buf, o.conn.version)
	if err != nil {
		return err
	}
	o.buf = buf
	o.conn.fleet.pending.Add(int64(len(buf) - before))
	o.run()
	return nil
}

// run has the writer run. The lock is held.
func (o *outbox) run() {
	if !o.writing {
		o.writing = true
		go o.write()
	}
}

// setRate bounds how many bytes a second are written.
func (o *outbox) setRate(rate float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rate = rate
}

// end has f called when everything is written, and takes nothing more. What a Server does not take in time is given up.
func (o *outbox) end(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return
	}
	nc := o.conn.nc
	watchdog := time.AfterFunc(lingerTime, func() { _ = nc.Close() })
	o.after = func() {
		watchdog.Stop()
		f()
	}
	o.run()
}

// seal takes nothing more; what it has taken still goes out.
func (o *outbox) seal() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.after == nil {
		o.after = func() {}
	}
}

// abandon gives up what is left.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone = true
	o.conn.fleet.pending.Add(-int64(len(o.buf)))
	o.buf = nil
}

func (o *outbox) write() {
	for {
		o.mu.Lock()
		text, rate, after := o.buf, o.rate, o.after
		o.buf = nil
		if len(text) == 0 || o.gone {
			o.writing = false
			o.mu.Unlock()
			if after != nil {
				after()
			}
			return
		}
		o.mu.Unlock()
		err := o.writeSlowly(text, rate)
		o.conn.fleet.pending.Add(-int64(len(text)))
		if err != nil {
			o.abandon()
			_ = o.conn.nc.Close() // the reader tells of it
		}
	}
}

// writeSlowly writes a tenth of a second's share at a time when the rate is bounded.
func (o *outbox) writeSlowly(text []byte, rate float64) error {
	if rate == 0 {
		_, err := o.conn.nc.Write(text)
		return err
	}
	const shares = 10
	for len(text) > 0 {
		n := min(len(text), max(1, int(rate/shares)))
		if _, err := o.conn.nc.Write(text[:n]); err != nil {
			return err
		}
		text = text[n:]
		timer := time.NewTimer(time.Duration(float64(n) / rate * float64(time.Second)))
		select {
		case <-timer.C:
		case <-o.conn.fleet.ended: // the DISCONNECT does not wait
			timer.Stop()
			rate = math.MaxInt32
		}
	}
	return nil
}

// part sends a DISCONNECT, lets everything go out and closes the connection so that nothing is lost: the reader reads until
// the Server has closed its side.
func (c *conn) part(code wire.ReasonCode) {
	if c.version == wire.V5 || code == wire.Success {
		_ = c.out.add(&wire.Disconnect{Code: code}) // encodable at this level
	}
	c.out.end(c.halfClose)
}

// cut closes the connection without a word, after what was sent before; with a reset if one is wanted.
func (c *conn) cut(reset bool) {
	c.dark.Store(true)
	c.out.end(func() {
		tcp, ok := c.nc.(*net.TCPConn)
		if !ok || !reset {
			c.halfClose()
			return
		}
		// A reset destroys what is on its way: what the ledger says was sent before is to arrive.
		const onItsWay = 10 * time.Millisecond
		time.AfterFunc(onItsWay, func() {
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		})
	})
}

// halfClose closes the side that sends. The reader reads until the Server has closed its own, because a socket that is closed
// with input that nobody has read resets the connection.
func (c *conn) halfClose() {
	nc := c.nc
	time.AfterFunc(lingerTime, func() { _ = nc.Close() })
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		_ = nc.Close()
	}
}
