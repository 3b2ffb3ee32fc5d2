package commands

import (
	"context"
	"errors"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
)

func (o *subOptions) addRemoveFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&o.removeRetained, "remove-retained", false, "clear each retained message that was shown (retained clear does so in bulk)")
	fs.BoolVar(&o.yes, "yes", false, "do not ask in a guarded context")
}

// removing puts what clears Retained Messages, if that is asked for, before next.
func (o *subOptions) removing(ctx context.Context, s *client.Session, next subSink) subSink {
	if !o.removeRetained {
		return next
	}
	return &removingSink{
		subSink: next, qos: min(1, s.Caps().MaximumQoS), echoes: map[string]struct{}{},
		publish: func(m message.Message, done func(client.Result)) error { return s.PublishAsync(ctx, m, done) },
		drain: func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			return s.Drain(ctx)
		},
	}
}

// removingSink clears the Retained Messages that were shown, after they have been written.
type removingSink struct {
	subSink

	qos     byte
	publish func(m message.Message, done func(client.Result)) error
	drain   func() error
	shown   []string            // topics of what was shown and not flushed
	echoes  map[string]struct{} // topics whose deletions may come back, where a Server knows no No Local; nil to show them

	mu      sync.Mutex
	cleared int
	refused []error
}

// Message shows m. A deletion of ours that comes back is no message.
func (r *removingSink) Message(m message.Message) (bool, error) {
	if !m.Retain && len(m.Payload) == 0 {
		if _, ours := r.echoes[m.Topic]; ours {
			delete(r.echoes, m.Topic)
			return false, nil
		}
	}
	shown, err := r.subSink.Message(m)
	if shown && m.Retain && len(m.Payload) > 0 {
		r.shown = append(r.shown, m.Topic)
	}
	return shown, err
}

// Flush writes what was shown, and clears it then.
func (r *removingSink) Flush() error {
	if err := r.subSink.Flush(); err != nil {
		return err
	}
	for i, name := range r.shown {
		if r.echoes != nil {
			r.echoes[name] = struct{}{}
		}
		err := r.publish(message.Message{Topic: name, QoS: r.qos, Retain: true}, r.done)
		if _, refused := errors.AsType[*client.RefusedError](err); refused {
			r.done(client.Result{Err: err})
		} else if err != nil {
			r.shown = r.shown[i:]
			return err
		}
	}
	r.shown = r.shown[:0]
	return nil
}

// done is called by the session, on any goroutine.
func (r *removingSink) done(result client.Result) {
	_, refused := errors.AsType[*client.RefusedError](result.Err)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case result.Err == nil:
		r.cleared++
	case refused:
		r.refused = append(r.refused, result.Err)
	}
}

// end waits for the answers of the Server and says what became of the deletions.
func (r *removingSink) end(e *env, err error) error {
	drained := r.drain()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, refused := range r.refused {
		e.note("%s", refused)
	}
	e.note("%s cleared", count(r.cleared, "retained message"))
	if err = r.subSink.end(e, err); err != nil {
		return err
	}
	switch {
	case len(r.refused) > 0 && r.cleared > 0:
		return exit.New(exit.Partial, "clear", "", messages(len(r.refused))+" not cleared")
	case len(r.refused) > 0:
		return exit.New(exit.Refused, "clear", "", messages(len(r.refused))+" not cleared")
	case drained != nil:
		return exit.New(exit.Timeout, "clear", "", "the broker has not confirmed all deletions")
	default:
		return nil
	}
}
