package queue

import "context"

// Received notes that the Server has answered a message of QoS 2 with PUBREC, and calls then when that is on disk, or with why
// it cannot be. PUBLISH must not be sent again after PUBREL, so PUBREL waits for it.
func (q *Queue) Received(number uint64, then func(error)) {
	q.mu.Lock()
	if err := q.err; err != nil {
		q.mu.Unlock()
		then(err)
		return
	}
	q.note(appendNumber(nil, recordReceived, number))
	q.after = append(q.after, then)
	q.mu.Unlock()
}

// Done notes that a message has ended, with the size that Next gave.
func (q *Queue) Done(e Entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.note(appendDone(nil, e.Number, e.size))
	q.wake()
}

// Forget notes that the Server does not know the Session any more: to it, every message is new.
func (q *Queue) Forget(ctx context.Context) error {
	q.mu.Lock()
	q.cursor.again.Store(0)
	if len(q.state.received) == 0 {
		q.mu.Unlock()
		return nil
	}
	return q.noteAndWait(ctx, func(dst []byte) []byte { return append(dst, recordForgot) })
}

// note adds a record. The lock is held.
func (q *Queue) note(body []byte) {
	if q.err != nil {
		return
	}
	_ = q.state.apply(body) // its own records make sense
	q.buf = append(q.buf, body...)
	signal(q.dirty)
}

// noteAndWait adds a record and waits until it is on disk. The lock is held, and released.
func (q *Queue) noteAndWait(ctx context.Context, record func([]byte) []byte) error {
	done := make(chan error, 1)
	q.after = append(q.after, func(err error) { done <- err })
	q.note(record(nil))
	err := q.err
	q.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
