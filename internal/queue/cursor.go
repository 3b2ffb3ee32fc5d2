package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

// markStep is how many messages that wait on disk may be sent before the disk knows of the next ones that they may be.
const markStep = 1024

// Entry is a message that Next gives out.
type Entry struct {
	// Number counts the messages of the folder.
	Number uint64
	// ID is the Packet Identifier to send it with.
	ID      uint16
	Message message.Message
	// Accepted is when Append was called.
	Accepted time.Time
	// Again says that an earlier run may have sent it in the Session that is there.
	Again bool
	// Received says that PUBREC came then: only PUBREL is to be sent.
	Received bool

	size uint32
}

// cursor is where Next reads.
type cursor struct {
	queue   *Queue
	segment *segment
	body    []byte // records of the frame that was read last
	next    uint64 // number of the message that is next

	again atomic.Uint64 // messages before this number may have been sent before
}

// Next returns the next message. It waits until there is one on disk, and returns [io.EOF] when there is none and Seal
// was called.
func (q *Queue) Next(ctx context.Context) (Entry, error) {
	if err := q.await(ctx); err != nil {
		return Entry{}, err
	}
	c := &q.cursor
	e, err := c.read()
	if err != nil {
		return Entry{}, err
	}
	c.next = e.Number + 1
	e.ID = uint16(FirstIdentifier + e.Number%Identifiers)
	e.Again = e.Number < c.again.Load()
	if e.Again {
		q.mu.Lock()
		_, e.Received = q.state.received[e.Number]
		q.mu.Unlock()
	}
	return e, nil
}

// await waits until the next message may be sent: it is on disk, so is the mark that it may have been sent, and so is the end
// of the message that had its Packet Identifier before.
func (q *Queue) await(ctx context.Context) error {
	c := &q.cursor
	q.mu.Lock()
	defer q.mu.Unlock()
	defer func() { q.wants = false }()
	for {
		for c.next < q.state.next && q.state.ended(c.next) {
			c.next++
		}
		if q.err != nil {
			return q.err
		}
		if q.sealed && c.next == q.state.next {
			return io.EOF
		}
		if c.next < q.synced.next {
			q.markAhead(c.next)
			if c.next < q.synced.marked && c.next-q.synced.low < Identifiers {
				return nil
			}
		}
		q.wants = c.next >= q.synced.next
		if err := q.waitLocked(ctx); err != nil {
			return err
		}
	}
}

// markAhead notes that messages from next on may be sent, before there is need to wait for it. The lock is held.
func (q *Queue) markAhead(next uint64) {
	if next+markStep/2 > q.state.marked && q.state.marked < q.synced.next {
		q.note(appendNumber(nil, recordMarked, min(next+markStep, q.synced.next)))
	}
}

// Rewind begins anew with the first message that has not ended: the connection that Next's messages went to is gone.
func (q *Queue) Rewind() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cursor.rewind()
}

// rewind is Rewind. The lock is held.
func (c *cursor) rewind() {
	_ = c.segment.close() // it was only read
	c.segment, c.body, c.next = nil, nil, c.queue.state.low
	c.again.Store(c.queue.state.marked)
}

// read returns the message that is next. It is on disk.
func (c *cursor) read() (Entry, error) {
	for {
		for len(c.body) > 0 {
			r, rest, err := nextRecord(c.body)
			if err != nil {
				return Entry{}, c.damaged(err)
			}
			c.body = rest
			if r.kind == recordMessage && r.number >= c.next {
				return c.entry(&r)
			}
		}
		if err := c.readFrame(); err != nil {
			return Entry{}, err
		}
	}
}

func (c *cursor) entry(r *record) (Entry, error) {
	if r.number > c.next {
		return Entry{}, c.damaged(fmt.Errorf("message %d is missing", c.next))
	}
	m, err := decodeMessage(r.packet)
	if err != nil {
		return Entry{}, c.damaged(err)
	}
	return Entry{Number: r.number, Message: m, Accepted: r.accepted, size: uint32(r.size)}, nil
}

func (c *cursor) damaged(err error) error {
	return &DamagedError{File: c.segment.file.Name(), Offset: c.segment.size, Msg: err.Error()}
}

// readFrame reads the next frame, in the next segment when this one is at its end.
func (c *cursor) readFrame() error {
	q := c.queue
	if c.segment == nil {
		q.mu.Lock()
		first := q.first
		q.mu.Unlock()
		return c.enter(first)
	}
	body, err := c.segment.frame()
	if errors.Is(err, io.EOF) {
		number := c.segment.number + 1
		if err := c.segment.close(); err != nil {
			return err
		}
		return c.enter(number)
	}
	c.body = body
	return err
}

// enter goes on in a segment. Its first frame says which message is the first in it.
func (c *cursor) enter(number int) error {
	segment, err := c.queue.openSegment(number)
	if err != nil {
		return err
	}
	c.segment = segment
	if c.body, err = segment.frame(); err != nil {
		return err
	}
	r, _, err := nextRecord(c.body)
	if err != nil || r.kind != recordState {
		return c.damaged(errRecord)
	}
	c.queue.passed(boundary{number, r.state.next})
	return nil
}

// boundary is where a segment begins: with the message that has this number.
type boundary struct {
	segment int
	first   uint64
}

// passed remembers that the segments before a boundary can go when all messages before have ended.
func (q *Queue) passed(b boundary) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if last := len(q.boundaries) - 1; last < 0 || q.boundaries[last].segment < b.segment {
		q.boundaries = append(q.boundaries, b)
	}
}
