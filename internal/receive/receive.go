// Package receive takes messages from a session to a sink until a stated end, and acknowledges them only after the sink
// has flushed them: a slow reader never loses a QoS 1 or 2 message.
//
// Start with [Run]. The package neither connects nor prints.
package receive

import (
	"context"
	"errors"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
)

// maxBuffered is how many bytes may wait in the sink while more messages are there to take.
const maxBuffered = 256 << 10

// Session is what Run needs of a client.Session.
type Session interface {
	Recv(ctx context.Context) (message.Message, error)
	Ready() int
	AckReceived()
}

// Sink takes messages.
type Sink interface {
	// Message takes m and reports whether it was shown; what was not shown does not count.
	Message(m message.Message) (shown bool, err error)
	// Flush hands everything taken so far on.
	Flush() error
	// Buffered is how many bytes wait for Flush.
	Buffered() int
}

// Options say what is shown and when to end.
type Options struct {
	// Count ends the run after so many shown messages; 0 is no limit.
	Count int
	// Deadline ends the run; zero is none.
	Deadline time.Time
	// Idle ends the run when no message was shown for so long; 0 is never.
	Idle time.Duration
	// Exclude are the Topic Filters of messages that are not shown.
	Exclude []topic.Filter
	// HideRetained leaves out messages with the RETAIN flag.
	HideRetained bool
}

// End is why a run ended without an error.
type End int

// The ends of a run.
const (
	Counted  End = iota + 1 // Options.Count was reached
	TimedOut                // Options.Deadline has passed
	WentIdle                // Options.Idle has passed
)

// Result is what a run came to.
type Result struct {
	Shown int
	End   End // 0 when the run ended with an error
}

// Why a wait ended.
var (
	errTimedOut = errors.New("the deadline has passed")
	errIdle     = errors.New("no message came")
)

// Run takes messages from s to sink. It returns an error when ctx ends, the connection is lost or the sink fails; what was
// received before has been flushed and acknowledged then, unless the sink failed.
func Run(ctx context.Context, s Session, sink Sink, o Options) (Result, error) {
	r := &runner{session: s, sink: sink, options: o, last: time.Now()}
	for o.Count == 0 || r.result.Shown < o.Count {
		m, err := r.next(ctx)
		if end := endOf(err); end != 0 {
			r.result.End = end
			return r.result, r.settle()
		}
		if r.unwritten {
			return r.result, err
		}
		if err != nil {
			return r.result, errors.Join(r.settle(), err)
		}
		if err := r.take(m); err != nil {
			return r.result, err
		}
	}
	r.result.End = Counted
	return r.result, r.settle()
}

func endOf(err error) End {
	switch {
	case errors.Is(err, errTimedOut):
		return TimedOut
	case errors.Is(err, errIdle):
		return WentIdle
	default:
		return 0
	}
}

type runner struct {
	session Session
	sink    Sink
	options Options
	result  Result
	last    time.Time // when a message was shown last

	unwritten bool // the sink has lost messages, which must not be acknowledged
}

func (r *runner) take(m message.Message) error {
	o := &r.options
	if o.HideRetained && m.Retain || r.excluded(m.Topic) {
		return nil
	}
	shown, err := r.sink.Message(m)
	if shown {
		r.result.Shown++
		if o.Idle > 0 {
			r.last = time.Now()
		}
	}
	return err
}

func (r *runner) excluded(name string) bool {
	for _, f := range r.options.Exclude {
		if f.Match(name) {
			return true
		}
	}
	return false
}

// next returns the next message. Before it waits, and when much has piled up, it flushes and acknowledges.
func (r *runner) next(ctx context.Context) (message.Message, error) {
	waits := r.session.Ready() == 0
	if waits || r.sink.Buffered() >= maxBuffered {
		if err := r.settle(); err != nil {
			return message.Message{}, err
		}
	}
	if !waits {
		return r.recvReady(ctx)
	}
	ctx, cancel := r.limited(ctx)
	defer cancel()
	m, err := r.session.Recv(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return m, err
}

// recvReady returns a message that is there. A context for each would cost more than the message, so that the clock is
// looked at here.
func (r *runner) recvReady(ctx context.Context) (message.Message, error) {
	if d := r.options.Deadline; !d.IsZero() && time.Now().After(d) {
		return message.Message{}, errTimedOut
	}
	return r.session.Recv(ctx)
}

// limited bounds ctx by the deadline and the idle time, whichever comes first.
func (r *runner) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	at, cause := r.options.Deadline, errTimedOut
	if r.options.Idle > 0 {
		if idle := r.last.Add(r.options.Idle); at.IsZero() || idle.Before(at) {
			at, cause = idle, errIdle
		}
	}
	if at.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, at, cause)
}

// settle flushes, and then acknowledges what the sink has let go.
func (r *runner) settle() error {
	if err := r.sink.Flush(); err != nil {
		r.unwritten = true
		return err
	}
	r.session.AckReceived()
	return nil
}
