// Package queue keeps messages on disk until a Server has acknowledged them: over the end of the process, a crash and a
// power failure.
//
// [Open] takes a folder. [Queue.Append] adds messages at the end, and [Queue.Next] gives them out in order, each once it is on
// disk. [Queue.Received] and [Queue.Done] note how far the Server has come with one, so that a later process can go on where
// this one ended. The package speaks no MQTT: it says which Packet Identifier a message has, and who sends it is another's work.
package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/message"
)

const (
	// DefaultMaxBytes is Options.MaxBytes's default.
	DefaultMaxBytes = 1 << 30

	// Identifiers is how many Packet Identifiers there are: a message has FirstIdentifier plus its number modulo so many.
	// Two that are under way at once never have the same.
	Identifiers = 8192
	// FirstIdentifier is the lowest of them; the highest is 0xFFFF.
	FirstIdentifier = 0x10000 - Identifiers

	segmentSize = 4 << 20 // a segment that has grown to so many bytes is followed by another
	batchSize   = 1 << 20 // so many bytes may wait to be written before Append waits
)

// ErrInUse says that another process has the folder.
var ErrInUse = errors.New("another process uses this queue")

// ErrNewer says that the files are of a later version of mqx.
var ErrNewer = errors.New("it was made by a later version of mqx")

// ErrFull says that a message would make the Queue larger than Options.MaxBytes.
var ErrFull = errors.New("the queue is full")

// ErrClosed is returned by calls after Close.
var ErrClosed = errors.New("the queue is closed")

// DamagedError is a file that is not as it was written. Nothing in the folder was changed.
type DamagedError struct {
	File   string
	Offset int64
	Msg    string
}

// Error says where and what.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.Msg)
}

// Recovered is what Open found at the end of the last file: the beginning of a write that a crash has cut off, which the Queue
// had not accepted.
type Recovered struct {
	// Bytes is how long it was, 0 when there was nothing.
	Bytes int64
	// Aside is the file that it was moved to because it is as long as it should be and yet not right, empty otherwise.
	Aside string
}

// Options say how large a Queue may be.
type Options struct {
	// MaxBytes bounds what is kept, in bytes on disk. 0 means DefaultMaxBytes.
	MaxBytes int64
}

// Queue is an open folder. Its methods may be called from any goroutine, but Next, Rewind and Forget from one at a time.
type Queue struct {
	dir       string
	max       int64
	lock      *flock.Flock
	recovered Recovered
	now       func() time.Time

	mu     sync.Mutex
	state  *state        // with everything noted
	buf    []byte        // the next frame: its head, and records that were noted and are not written yet
	after  []func(error) // to be called when they are
	err    error         // why nothing can be written any more
	adds   bool          // there is a message in buf
	sealed bool          // Append is over
	wants  bool          // Next waits for a message
	moved  chan struct{} // closed when a frame was written, a message has ended, or the Queue was sealed or has failed
	dirty  chan struct{} // capacity 1: there is something to write

	synced     synced     // what the disk has
	first      int        // number of the first segment
	boundaries []boundary // of segments that Next has come to, in order

	cursor cursor // belongs to the goroutine of Next

	writer  writer // belongs to the goroutine that writes
	closing chan struct{}
	written chan struct{} // closed when that goroutine has ended
}

// synced is what is safe on disk; guarded by the Queue's mu.
type synced struct {
	next, low, marked uint64
	tail              int   // number of the last segment
	size              int64 // where its frames end
	kept              int   // messages that have not ended
}

// Open opens a folder, and makes it when there is none. The error is [ErrInUse], [ErrNewer], a [*DamagedError] or one of the
// file system.
func Open(dir string, o Options) (*Queue, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	q := &Queue{
		dir: dir, max: o.MaxBytes, lock: flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600)), now: time.Now,
		moved: make(chan struct{}), dirty: make(chan struct{}, 1), closing: make(chan struct{}), written: make(chan struct{}),
	}
	switch locked, err := q.lock.TryLock(); {
	case err != nil:
		return nil, err
	case !locked:
		return nil, ErrInUse
	}
	if err := q.load(); err != nil {
		return nil, errors.Join(err, q.lock.Unlock())
	}
	q.buf = q.writer.room()
	q.publish()
	q.cursor.queue = q
	q.cursor.rewind()
	go q.write()
	return q, nil
}

// load reads the state from the last segment.
func (q *Queue) load() error {
	list, err := q.listSegments()
	if err != nil {
		return err
	}
	w := &q.writer
	w.queue = q
	for ; len(list) > 0 && w.tail == nil; list = list[:len(list)-1] {
		q.first = list[0]
		if w.tail, w.state, err = q.recoverTail(list[len(list)-1]); err != nil {
			return err
		}
	}
	if w.tail == nil {
		q.first, w.state = 1, newState()
		if w.tail, err = q.createSegment(1, w.state); err != nil {
			return err
		}
		if err := atomicfile.SyncFolder(filepath.Dir(q.dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return errors.Join(err, w.tail.close())
		}
	}
	q.state = w.state.clone()
	w.makeReserve()
	return nil
}

// Recovered returns what Open found.
func (q *Queue) Recovered() Recovered { return q.recovered }

// Now is the time of the clock that messages are accepted by.
func (q *Queue) Now() time.Time { return q.now() }

// Dir returns the folder.
func (q *Queue) Dir() string { return q.dir }

// ClientID returns the Client Identifier that messages were sent with, empty before there is one.
func (q *Queue) ClientID() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state.client
}

// SetClientID notes the Client Identifier: what is under way belongs to its Session.
func (q *Queue) SetClientID(ctx context.Context, id string) error {
	q.mu.Lock()
	if q.state.client == id {
		q.mu.Unlock()
		return nil
	}
	return q.noteAndWait(ctx, func(dst []byte) []byte { return appendClient(dst, id) })
}

// Kept is how many messages have not ended. When the disk has failed, it is how many of them are there.
func (q *Queue) Kept() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil && !errors.Is(q.err, ErrClosed) {
		return q.synced.kept
	}
	return q.state.kept()
}

// UnderWay reports whether a message may have been sent that has not ended: the Session with the Server matters.
func (q *Queue) UnderWay() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state.marked > q.state.low
}

// Append adds a message of QoS 1 or 2. It is accepted when it is on disk: when a later Sync has returned, or Next has given it
// out. The error is [ErrFull], or why it cannot be kept at all.
func (q *Queue) Append(ctx context.Context, m message.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.err == nil && len(q.buf) > batchSize {
		if err := q.waitLocked(ctx); err != nil {
			return err
		}
	}
	if err := q.refusal(); err != nil {
		return err
	}
	before := len(q.buf)
	buf, err := appendMessage(q.buf, q.state.next, q.now(), &m)
	if err != nil {
		return err
	}
	size := int64(len(buf) - before)
	if q.state.size+size > q.max {
		return ErrFull
	}
	q.buf, q.adds = buf, true
	q.state.next++
	q.state.size += size
	signal(q.dirty)
	return nil
}

func (q *Queue) refusal() error {
	if q.err == nil && q.sealed {
		return ErrClosed
	}
	return q.err
}

// Sync waits until every message that was appended is on disk.
func (q *Queue) Sync(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for next := q.state.next; q.synced.next < next; {
		if q.err != nil {
			return q.err
		}
		if err := q.waitLocked(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Accepted is how many messages are on disk of all that ever were: those that Append has added since and Sync has failed for
// are not among them.
func (q *Queue) Accepted() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.synced.next
}

// Moved returns a channel that is closed at the next change: room for a message, or the end of the Queue.
func (q *Queue) Moved() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.moved
}

// Err is why nothing can be written any more, nil as long as it can.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Seal says that nothing will be appended any more: Next ends with the last message.
func (q *Queue) Seal() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sealed = true
	q.wake()
}

// waitLocked waits for a change. The lock is held, but not meanwhile.
func (q *Queue) waitLocked(ctx context.Context) error {
	moved := q.moved
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-moved:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue) wake() {
	close(q.moved)
	q.moved = make(chan struct{})
}

// Close writes what was noted and gives the folder back. When nothing is kept, no message is left in it.
func (q *Queue) Close() error {
	q.mu.Lock()
	select {
	case <-q.closing:
		q.mu.Unlock()
		return nil
	default:
	}
	q.sealed = true
	close(q.closing)
	q.mu.Unlock()
	<-q.written
	err := q.Err()
	if err == nil {
		err = q.writer.sweep()
	}
	q.mu.Lock()
	if q.err == nil {
		q.err = ErrClosed
	}
	q.wake()
	q.mu.Unlock()
	err = errors.Join(err, q.writer.tail.close(), q.cursor.segment.close(), q.lock.Unlock())
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
