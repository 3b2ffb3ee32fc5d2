package queue

import (
	"os"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

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

// SampleRecords are records of every kind.
func SampleRecords() []byte {
	s := newState()
	s.next, s.low, s.marked, s.client = 9, 4, 8, "client"
	s.done[6], s.received[5] = struct{}{}, struct{}{}
	b := s.appendTo(nil)
	b, _ = appendMessage(b, 9, time.Now(), &message.Message{Topic: "t", QoS: 1, Payload: []byte("x")})
	b = appendNumber(b, recordMarked, 10)
	return append(appendDone(b, 4, 10), recordForgot)
}

// Apply applies records and returns how many messages are kept then.
func Apply(body []byte) (int, error) {
	s := newState()
	for rest := body; len(rest) > 0; {
		r, next, err := nextRecord(rest)
		if err != nil {
			break
		}
		if r.kind == recordMessage {
			_, _ = decodeMessage(r.packet)
		}
		rest = next
	}
	err := s.apply(body)
	return s.kept(), err
}
