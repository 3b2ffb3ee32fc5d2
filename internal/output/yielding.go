package output

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// yieldGrace is how long a write may still take when the program is to end: enough for a reader that is there.
	yieldGrace = 500 * time.Millisecond
	// keepYielded is the largest buffer that a Yielding keeps.
	keepYielded = 1 << 20
)

// errYielded is the error of a write that was given up, and of all after it.
var errYielded = errors.New("nobody reads the output, and the program is to end")

// Yielding is a writer for a standard stream that nobody may be reading: a write that blocks is given up soon after the
// program is asked to end. Without it a pager or a stopped process at the other end of a pipe would hold up Ctrl-C.
type Yielding struct {
	w     io.Writer
	ended <-chan struct{}

	mu    sync.Mutex
	buf   []byte // what is being written: the caller may use its own again
	given bool   // a write was given up, and may still be under way
}

// NewYielding returns a Yielding around w. The program is asked to end when ended is closed.
func NewYielding(w io.Writer, ended <-chan struct{}) *Yielding { return &Yielding{w: w, ended: ended} }

// Underlying returns the stream below w, for a program that is given a terminal.
func Underlying(w io.Writer) io.Writer {
	if y, ok := w.(*Yielding); ok {
		return y.w
	}
	return w
}

// Write writes p. It may be called from any goroutine. When nobody reads any more the error wraps exit.ErrOutputClosed.
func (y *Yielding) Write(p []byte) (int, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.given {
		return 0, errYielded
	}
	y.buf = append(y.buf[:0], p...)
	n, err := y.write(y.buf)
	if y.given || cap(y.buf) > keepYielded {
		y.buf = nil
	}
	return n, writeError(err)
}

func (y *Yielding) write(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := y.w.Write(p)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-y.ended:
	}
	grace := time.NewTimer(yieldGrace)
	defer grace.Stop()
	select {
	case r := <-done:
		return r.n, r.err
	case <-grace.C:
		y.given = true
		return 0, errYielded
	}
}
