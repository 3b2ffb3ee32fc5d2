package queue

import (
	"os"
	"time"
)

// SetNow replaces the clock.
func (q *Queue) SetNow(now func() time.Time) { q.now = now }

// BreakDisk makes every write from now on fail.
func (q *Queue) BreakDisk() {
	q.mu.Lock()
	defer q.mu.Unlock()
	f, err := os.Open(q.writer.tail.file.Name())
	if err == nil {
		_ = q.writer.tail.close()
		q.writer.tail.file = f // for reading only
	}
}

// FrameHead and HeaderSize are sizes in the file.
const (
	FrameHead  = frameHead
	HeaderSize = headerSize
	Segment    = segmentSize
)
