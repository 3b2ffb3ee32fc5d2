package link

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// outboxLimit is how many bytes may wait for the kernel before senders are held back.
	outboxLimit = 256 << 10
	// outboxKeep is the largest buffer that is kept for reuse.
	outboxKeep = 512 << 10
)

// outbox gathers encoded packets and writes what has gathered while the kernel took the last lot: one system call for
// many packets under load, none delayed when idle. The goroutine that writes exists only while there is something to
// write, so an idle connection costs none.
type outbox struct {
	w       io.Writer
	version wire.Version
	failed  func(error) // told once, without the lock
	sentAt  atomic.Int64
	full    atomic.Bool // a sender of many packets has to look whether it may go on; asked for each of them

	mu      sync.Mutex
	buf     []byte // waiting
	spare   []byte // for the next swap
	writing bool
	err     error         // of a write: nothing goes out any more
	refused error         // the connection is ending: what was added still goes out, nothing more is taken
	changed chan struct{} // closed when a write has ended, nil while nobody waits
}

// add encodes p behind what waits already. It never blocks.
func (o *outbox) add(p wire.Packet) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.state(); err != nil {
		return err
	}
	buf, err := p.Append(o.buf, o.version)
	if err != nil {
		return err
	}
	o.buf = buf
	if len(buf) >= outboxLimit {
		o.full.Store(true)
	}
	if !o.writing {
		o.writing = true
		go o.write()
	}
	return nil
}

func (o *outbox) write() {
	o.mu.Lock()
	for len(o.buf) > 0 && o.err == nil {
		b := o.buf
		o.buf, o.spare = o.spare[:0], nil
		o.full.Store(o.state() != nil)
		o.mu.Unlock()
		_, err := o.w.Write(b)
		o.sentAt.Store(time.Now().UnixNano())
		o.mu.Lock()
		if cap(b) <= outboxKeep {
			o.spare = b
		}
		if err != nil {
			o.err = fmt.Errorf("%w: %w", ErrBroken, err)
			o.full.Store(true)
			defer o.failed(err)
		}
		o.wake()
	}
	o.writing = false
	o.wake()
	o.mu.Unlock()
}

func (o *outbox) wake() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// state is why nothing more can be added, nil when it can. The lock is held.
func (o *outbox) state() error {
	if o.err != nil {
		return o.err
	}
	return o.refused
}

// room waits until less than the limit waits for the kernel.
func (o *outbox) room(ctx context.Context) error {
	if !o.full.Load() {
		return nil
	}
	return o.wait(ctx, func() (bool, error) { return len(o.buf) < outboxLimit, o.state() })
}

// flush waits until everything added so far is in the kernel.
func (o *outbox) flush(ctx context.Context) error {
	return o.wait(ctx, func() (bool, error) { return len(o.buf) == 0 && !o.writing, o.err })
}

func (o *outbox) wait(ctx context.Context, ready func() (bool, error)) error {
	for {
		o.mu.Lock()
		if ok, err := ready(); ok || err != nil {
			o.mu.Unlock()
			return err
		}
		if o.changed == nil {
			o.changed = make(chan struct{})
		}
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refuse lets what was added go out and makes every later call return err.
func (o *outbox) refuse(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = err
	o.full.Store(true)
	o.wake()
}
