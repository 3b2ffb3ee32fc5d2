package queue

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

// writer owns the last segment. It writes what has gathered while the last write was synced: one sync for many messages under
// load, and none is delayed when idle.
type writer struct {
	queue *Queue
	state *state // of what is on disk
	tail  *segment
	spare []byte
}

// room returns room for the next frame.
func (w *writer) room() []byte {
	next := w.spare
	w.spare = nil
	if next == nil {
		next = make([]byte, frameHead, 4096)
	}
	return next
}

// reuse keeps the memory of a frame that was written.
func (w *writer) reuse(frame []byte) {
	if cap(frame) <= 2*batchSize {
		w.spare = frame[:frameHead]
	}
}

// write is the goroutine that writes, until Close.
func (q *Queue) write() {
	defer close(q.written)
	for {
		select {
		case <-q.dirty:
		case <-q.closing:
			q.commit()
			return
		}
		q.commit()
	}
}

// commit writes what was noted.
func (q *Queue) commit() {
	q.mu.Lock()
	if q.wants && q.state.next > q.state.marked { // they are sent as soon as they are on disk
		q.note(appendNumber(nil, recordMarked, q.state.next))
	}
	frame, after, adds := q.buf, q.after, q.adds
	if len(frame) == frameHead || q.err != nil {
		q.mu.Unlock()
		return
	}
	q.buf, q.after, q.adds = q.writer.room(), nil, false
	q.mu.Unlock()
	err := q.writer.append(frame)
	if err != nil && !adds && q.writer.useReserve() {
		err = q.writer.append(frame)
	}
	if err == nil {
		_ = q.writer.remove(q.emptyBefore()) // a file that cannot go now can go the next time
	}
	q.mu.Lock()
	if err != nil {
		q.err = fmt.Errorf("the queue cannot be written to: %w", err)
		err = q.err
		after = append(after, q.after...)
	} else {
		q.writer.reuse(frame)
		q.publish()
	}
	q.wake()
	q.mu.Unlock()
	for _, f := range after {
		f(err)
	}
}

// publish tells what is on disk. The lock is held.
func (q *Queue) publish() {
	w := &q.writer
	q.synced = synced{next: w.state.next, low: w.state.low, marked: w.state.marked, tail: w.tail.number, size: w.tail.size, kept: w.state.kept()}
}

// append writes a frame and syncs it. After an error the segment ends where it ended before, as far as that is possible.
func (w *writer) append(frame []byte) error {
	if w.tail.size >= segmentSize {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	w.tail.salt.seal(frame)
	_, err := w.tail.file.WriteAt(frame, w.tail.size)
	if err == nil {
		err = w.tail.file.Sync()
	}
	if err != nil {
		return errors.Join(err, w.tail.file.Truncate(w.tail.size))
	}
	w.tail.size += int64(len(frame))
	return w.state.apply(frame[frameHead:])
}

// reserveSize is what is put by for the time when the disk is full: to note that messages have ended, so that their files can
// go, needs room too.
const reserveSize = 64 << 10

func (w *writer) reserve() string { return filepath.Join(w.queue.dir, "reserve") }

// makeReserve puts room by, where there is some.
func (w *writer) makeReserve() {
	if info, err := os.Stat(w.reserve()); err == nil && info.Size() == reserveSize {
		return
	}
	if err := os.WriteFile(w.reserve(), bytes.Repeat([]byte{0xFF}, reserveSize), 0o600); err != nil {
		_ = os.Remove(w.reserve()) // the disk is full already
	}
}

// useReserve gives up what was put by. It reports whether there was any.
func (w *writer) useReserve() bool { return os.Remove(w.reserve()) == nil }

// rotate goes on in a new segment.
func (w *writer) rotate() error {
	next, err := w.queue.createSegment(w.tail.number+1, w.state)
	if err != nil {
		return err
	}
	last := w.tail
	w.tail = next
	return last.close()
}

// emptyBefore returns the number of the first segment that may have a message in it which has not ended.
func (q *Queue) emptyBefore() (number int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	number = q.first
	for len(q.boundaries) > 0 && q.boundaries[0].first <= q.writer.state.low {
		number = q.boundaries[0].segment
		q.boundaries = q.boundaries[1:]
	}
	return number
}

// remove removes the segments before one.
func (w *writer) remove(before int) error {
	q := w.queue
	for {
		q.mu.Lock()
		number := q.first
		q.first = max(q.first, min(number+1, before))
		q.mu.Unlock()
		if number >= before {
			return nil
		}
		if err := os.Remove(q.segmentName(number)); err != nil {
			return err
		}
	}
}

// sweep leaves no message that has ended when nothing is kept.
func (w *writer) sweep() error {
	if w.state.kept() > 0 || w.state.next == 0 {
		return nil
	}
	if err := w.rotate(); err != nil {
		return err
	}
	w.useReserve()
	return w.remove(w.tail.number)
}

func (s *state) clone() *state {
	c := *s
	c.done, c.received = maps.Clone(s.done), maps.Clone(s.received)
	return &c
}
