package client

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// inboxMessages and inboxBytes are how much may wait for the consumer before reading pauses.
	inboxMessages = 16 << 10
	inboxBytes    = 32 << 20
	// inboxKeep is the capacity above which an emptied queue is given back to the garbage collector.
	inboxKeep = 8 << 10
	// inboxStretch is by what factor the inbox may outgrow that while an answer of the Server is awaited: the consumer may
	// be the one who waits for it, and it lies behind the messages.
	inboxStretch = 16
)

// inbox holds received messages until the consumer takes them. The read loop puts, one consumer takes.
type inbox struct {
	mu      sync.Mutex
	queue   []message.Message
	bytes   int           // of the queue's payloads and topics
	total   uint64        // how many messages were ever put
	err     error         // set when the Session has ended
	arrived chan struct{} // capacity 1: a message was put, or the Session has ended
	taken   chan struct{} // capacity 1: the queue was taken, or the Session has ended

	queued atomic.Int64 // length of the queue
	paused atomic.Bool

	// The consumer's own.
	batch  []message.Message
	pos    int
	handed uint64 // how many messages were ever handed out
	toAck  []withheld
}

// withheld is an acknowledgement that waits for the consumer.
type withheld struct {
	wire.Ack

	number uint64 // of the message, see inboundState
}

func newInbox() *inbox {
	return &inbox{arrived: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

func (b *inbox) put(m message.Message) {
	b.mu.Lock()
	b.queue = append(b.queue, m)
	b.total++
	b.bytes += len(m.Payload) + len(m.Topic)
	first := len(b.queue) == 1
	b.queued.Store(int64(len(b.queue)))
	b.mu.Unlock()
	if first {
		signal(b.arrived)
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// full reports whether the queue has outgrown its limits by the factor.
func (b *inbox) full(factor int) bool {
	if b.queued.Load() < 64 {
		return false // the common case, without the lock; a few messages cannot be too many bytes to hold
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err == nil && (len(b.queue) >= factor*inboxMessages || b.bytes >= factor*inboxBytes)
}

// pace blocks the read loop while the inbox is full; factor says by how much it may be so now, changed when that is
// different.
func (b *inbox) pace(factor func() int, changed <-chan struct{}) {
	if !b.full(1) {
		return
	}
	b.paused.Store(true)
	defer b.paused.Store(false)
	for b.full(factor()) {
		select {
		case <-b.taken:
		case <-changed:
		}
	}
}

// recv returns the next message, see Session.Recv.
func (b *inbox) recv(ctx context.Context) (message.Message, error) {
	for b.pos == len(b.batch) {
		if err := b.refill(ctx); err != nil {
			return message.Message{}, err
		}
	}
	m := b.batch[b.pos]
	b.batch[b.pos] = message.Message{} // do not hold on to payloads that were handed out
	b.pos++
	b.handed++
	switch m.QoS {
	case 1:
		b.toAck = append(b.toAck, withheld{wire.Ack{Kind: wire.PUBACK, PacketID: m.PacketID}, b.handed})
	case 2:
		b.toAck = append(b.toAck, withheld{wire.Ack{Kind: wire.PUBREC, PacketID: m.PacketID}, b.handed})
	}
	return m, nil
}

func (b *inbox) refill(ctx context.Context) error {
	b.mu.Lock()
	if len(b.queue) > 0 {
		emptied := b.batch
		if cap(emptied) > inboxKeep {
			emptied = nil
		}
		b.batch, b.queue = b.queue, emptied[:0]
		b.pos, b.bytes = 0, 0
		b.queued.Store(0)
		b.mu.Unlock()
		signal(b.taken)
		return nil
	}
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-b.arrived:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count is how many messages were put so far.
func (b *inbox) count() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}

func (b *inbox) ready() int { return len(b.batch) - b.pos + int(b.queued.Load()) }

func (b *inbox) lose(err error) {
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
	signal(b.arrived)
	signal(b.taken)
}
