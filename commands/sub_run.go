package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/receive"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

// retainNever is Retain Handling 2 (MQTT 5, 3.8.3.1).
const retainNever = 2

// subscriber is a `sub` that is connected.
type subscriber struct {
	*subOptions
	env     *env
	session *client.Session
	target  link.Target
	printer subSink
}

func (s *subscriber) run(ctx context.Context) error {
	if len(s.unsubscribe) > 0 {
		filters := make([]string, len(s.unsubscribe))
		for i, f := range s.unsubscribe {
			filters[i] = f.String()
		}
		requests, cancel := s.untilDeadline(ctx)
		defer cancel()
		if _, err := s.session.Unsubscribe(requests, filters...); err != nil {
			return s.late(ctx, requestError("unsubscribe", err), "no UNSUBACK")
		}
	}
	if len(s.filters) == 0 {
		return readyFile(s.ready, "")
	}
	ctx, cancel := output.UntilClosed(ctx, s.env.streams.Out)
	defer cancel()
	if s.retainedOnly {
		return s.collect(ctx)
	}
	subs := s.subscriptions(s.session.Caps().Version)
	requests, stop := s.untilDeadline(ctx)
	defer stop()
	if err := subscribe(requests, s.session, s.connection.Properties.Subscribe, subs); err != nil {
		return s.unsubscribed(ctx, err)
	}
	if err := readyFile(s.ready, ""); err != nil || s.onlyAck {
		return err
	}
	return s.receive(ctx)
}

// unsubscribed is why there is no subscription: that nobody reads the output is no failure of it.
func (s *subscriber) unsubscribed(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), exit.ErrOutputClosed) {
		return exit.ErrOutputClosed
	}
	return s.late(ctx, err, "no SUBACK")
}

// receive prints messages until the stated end.
func (s *subscriber) receive(ctx context.Context) error {
	result, err := receive.Run(ctx, s.session, seeingSink{s.printer, s.env}, receive.Options{
		Count: s.count, Deadline: s.deadline, Idle: s.idle, Exclude: s.exclude, HideRetained: s.hidesRetained(),
	})
	if err != nil {
		return s.endedEarly(ctx, result.Shown, err)
	}
	if result.End == receive.Counted || s.count == 0 && result.Shown > 0 {
		return nil
	}
	after, why := s.timeout, "--timeout"
	if result.End == receive.WentIdle {
		after, why = s.idle, "--idle"
	}
	return s.tooFew(result.Shown, fmt.Sprintf("within %s (%s)", after, why))
}

// seeingSink remembers the topics of messages.
type seeingSink struct {
	receive.Sink

	env *env
}

// Message hands m on.
func (s seeingSink) Message(m message.Message) (bool, error) {
	s.env.saw(m.Topic)
	return s.Sink.Message(m)
}

// hidesRetained reports whether messages with the RETAIN flag are to be left out: not where the Server does it, because
// with Retain As Published the flag then means something else.
func (s *subscriber) hidesRetained() bool {
	byServer := s.session.Caps().Version == wire.V5 && !s.retainHandling.given && s.retainAsPublished
	return s.noRetained && !byServer
}

func (s *subscriber) tooFew(shown int, when string) error {
	if s.count > 0 {
		return exit.New(exit.Timeout, "receive", "", fmt.Sprintf("%d of %s %s", shown, messages(s.count), when))
	}
	return exit.New(exit.Timeout, "receive", "", "no message "+when)
}

// endedEarly is a signal, a closed output or a lost connection.
func (s *subscriber) endedEarly(ctx context.Context, shown int, err error) error {
	var cause *exit.Error
	switch {
	case errors.Is(err, exit.ErrOutputClosed), errors.Is(context.Cause(ctx), exit.ErrOutputClosed):
		return exit.ErrOutputClosed
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", messages(shown)+" received")
	case errors.Is(err, client.ErrConnectionLost):
		return lostError("receive from", s.target, err, messages(shown)+" received")
	default:
		return err
	}
}

// collect prints the retained messages and says how it knows that they are all.
func (s *subscriber) collect(ctx context.Context) error {
	sink := &retainedSink{subscriber: s}
	evidence, err := retained.Collect(ctx, s.session, sink, retained.Options{
		Subscriptions: s.subscriptions(s.session.Caps().Version),
		Properties:    s.connection.Properties.Subscribe,
		NoPublish:     s.noSentinel,
		Deadline:      s.deadline,
		Ready:         func() error { return readyFile(s.ready, "") },
	})
	if err != nil {
		if _, refused := errors.AsType[*client.RefusedError](err); refused {
			return requestError("subscribe", err)
		}
		return s.endedEarly(ctx, sink.shown, err)
	}
	if evidence != retained.Enough {
		s.env.note("%s", evidence)
	}
	switch {
	case evidence == retained.Incomplete:
		return s.tooFew(sink.shown, fmt.Sprintf("within %s (--timeout), and there may be more", s.timeout))
	case s.count > 0 && sink.shown < s.count:
		return s.tooFew(sink.shown, "are retained")
	}
	return nil
}

// retainedSink prints retained messages and counts.
type retainedSink struct {
	*subscriber
	shown int
}

// Message prints m and reports whether --count is reached.
func (r *retainedSink) Message(m message.Message) (bool, error) {
	for _, f := range r.exclude {
		if f.Match(m.Topic) {
			return false, nil
		}
	}
	r.env.saw(m.Topic)
	shown, err := r.printer.Message(m)
	if shown {
		r.shown++
	}
	return r.count > 0 && r.shown == r.count, err
}

// Flush writes what was printed.
func (r *retainedSink) Flush() error { return r.printer.Flush() }

// Buffered is how many bytes wait for Flush.
func (r *retainedSink) Buffered() int { return r.printer.Buffered() }

// retainHandlingFlag takes always, new or never.
type retainHandlingFlag struct {
	value byte
	given bool
}

// Set parses a Retain Handling.
func (f *retainHandlingFlag) Set(s string) error {
	switch s {
	case "always", "0":
		f.value = 0
	case "new", "1":
		f.value = 1
	case "never", "2":
		f.value = retainNever
	default:
		return errors.New("always, new or never is expected")
	}
	f.given = true
	return nil
}

// String returns the value.
func (f *retainHandlingFlag) String() string {
	if !f.given {
		return ""
	}
	return [...]string{"always", "new", "never"}[f.value]
}

// Type names the values in help.
func (*retainHandlingFlag) Type() string { return "always|new|never" }
