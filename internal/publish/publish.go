// Package publish sends a stream of messages over a session and accounts for each of them: how many the broker
// confirmed, refused, and left unanswered.
//
// Start with a [Source] ([NewOnce], [NewLines] or [NewJSON]) and [Run]. The package neither connects nor prints.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/pace"
	"github.com/mqx-cli/mqx/internal/queue"
)

// Session is what Run needs of a client.Session. At QoS 0 there is no function to be told of the outcome.
type Session interface {
	PublishAsync(ctx context.Context, m message.Message, done func(client.Result)) error
	Drain(ctx context.Context) error
	Unacknowledged() int
	Done() <-chan struct{}
	Err() error
}

// Source gives the messages to publish.
type Source interface {
	// Next returns the next message and the line of the input it came from, 0 when there are no lines. It returns io.EOF
	// at the end and a *LineError for a line that is no message; the stream goes on after that.
	Next(ctx context.Context) (m message.Message, line int, err error)
}

// LineError is a part of the input that cannot be published: a line, or, where Line is 0, what Err names.
type LineError struct {
	Line int
	Err  error
}

// Error names the line.
func (e *LineError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Step changes a message before it is sent. n counts what the Source gave, from 1. An error keeps the message back: it is
// reported in a [*HeldError], and the run goes on.
type Step func(m *message.Message, n int) error

// HeldError is a message that a Step kept back.
type HeldError struct {
	Topic string
	Err   error
}

// Error says why.
func (e *HeldError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *HeldError) Unwrap() error { return e.Err }

// Options say how to publish.
type Options struct {
	// Topics each get every message that has no topic of its own.
	Topics []string
	// Steps change each message in this order, once its topic is known.
	Steps []Step
	// Rate limits messages a second; 0 is as fast as the broker takes them.
	Rate float64
	// Report is told of every line and message that failed, from the goroutine that called Run.
	Report func(err error)
}

// Summary counts messages.
type Summary struct {
	Sent           int // given to the connection
	Refused        int // by the broker, or because of the limits it announced
	BadLines       int // not sent: the input was no message
	Held           int // not sent: a Step kept it back
	Unacknowledged int // sent, and no answer came
	Unconfirmed    int // sent at QoS 0, where there is no answer
}

// Failed is how many messages are known not to have been published.
func (s Summary) Failed() int { return s.Refused + s.BadLines + s.Held }

// Total is how many messages there were, sent or not.
func (s Summary) Total() int { return s.Sent + s.BadLines + s.Held }

// Run publishes everything that src gives and waits until the broker has answered for all of it. Refused messages and bad
// lines are reported and counted, and do not end the run. The error says why it ended early: ctx's, the source's, or one
// that wraps client.ErrConnectionLost; the Summary is right in any case.
func Run(ctx context.Context, s Session, src Source, o Options) (Summary, error) {
	r := &runner{session: s, options: o, pace: pace.New(o.Rate)}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // a lost connection ends the wait for input
		select {
		case <-s.Done():
			cancel(s.Err())
		case <-inner.Done():
		}
	}()
	err := r.loop(inner, src)
	if cause := context.Cause(inner); err != nil && cause != nil {
		err = cause
	}
	if err == nil {
		// Not with inner: a connection that is lost after the last answer has done no harm, and Drain knows that.
		err = s.Drain(ctx)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err == nil && s.Unacknowledged() > 0 {
		err = errors.Join(s.Err(), client.ErrConnectionLost)
	}
	r.report()
	r.summary.Unacknowledged = s.Unacknowledged()
	return r.summary, err
}

type runner struct {
	session Session
	options Options
	pace    *pace.Pacer
	summary Summary
	n       int // messages of the source

	failed   atomic.Bool // there are failures: this is asked for each message
	mu       sync.Mutex
	failures []error // refused, not reported yet
}

func (r *runner) loop(ctx context.Context, src Source) error {
	for {
		m, line, err := src.Next(ctx)
		switch {
		case err == nil:
			err = r.send(ctx, &m, line)
		case errors.Is(err, io.EOF):
			return nil
		case isLineError(err):
			r.summary.BadLines++
			r.options.Report(err)
			continue
		}
		if err != nil {
			return err
		}
		r.report()
	}
}

// send publishes m to its own topic, or to each of the default ones.
func (r *runner) send(ctx context.Context, m *message.Message, line int) error {
	r.n++
	if m.Topic != "" {
		return r.sendOne(ctx, m, line)
	}
	for _, topic := range r.options.Topics {
		m.Topic = topic
		if err := r.sendOne(ctx, m, line); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) sendOne(ctx context.Context, m *message.Message, line int) error {
	if len(r.options.Steps) > 0 {
		changed, err := r.change(*m)
		if err != nil {
			r.hold(m.Topic, line, err)
			return nil
		}
		m = &changed
	}
	if d := r.pace.Next(); d > 0 {
		if err := pause(ctx, d); err != nil {
			return err
		}
	}
	var done func(client.Result) // none at QoS 0, where nobody answers
	if m.QoS > 0 {
		done = func(result client.Result) { r.done(line, result.Err) }
	}
	err := r.session.PublishAsync(ctx, *m, done)
	switch {
	case err == nil:
		r.summary.Sent++
		if m.QoS == 0 {
			r.summary.Unconfirmed++
		}
	case isRefused(err): // by a limit that CONNACK announced: this message alone
		r.fail(line, err)
		return nil
	case line > 0 && errors.Is(err, queue.ErrFull):
		return &LineError{Line: line, Err: err}
	}
	return err
}

// change takes m through the steps.
func (r *runner) change(m message.Message) (message.Message, error) {
	for _, step := range r.options.Steps {
		if err := step(&m, r.n); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (r *runner) hold(topic string, line int, err error) {
	r.summary.Held++
	err = &HeldError{Topic: topic, Err: err}
	if line > 0 {
		err = &LineError{Line: line, Err: err}
	}
	r.options.Report(err)
}

// done is called by the session, from any goroutine. What the connection's end left unanswered is counted by the session.
func (r *runner) done(line int, err error) {
	if err != nil && isRefused(err) {
		r.fail(line, err)
	}
}

func (r *runner) fail(line int, err error) {
	if line > 0 {
		err = &LineError{Line: line, Err: err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, err)
	r.failed.Store(true)
}

func (r *runner) report() {
	if !r.failed.Load() {
		return
	}
	r.mu.Lock()
	failures := r.failures
	r.failures = nil
	r.failed.Store(false)
	r.mu.Unlock()
	r.summary.Refused += len(failures)
	for _, err := range failures {
		r.options.Report(err)
	}
}

func isLineError(err error) bool {
	_, ok := errors.AsType[*LineError](err)
	return ok
}

func isRefused(err error) bool {
	_, ok := errors.AsType[*client.RefusedError](err)
	return ok
}
