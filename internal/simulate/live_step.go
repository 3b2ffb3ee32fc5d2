package simulate

import (
	"container/heap"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
)

// step has the device do something, and does what it wants then.
func (l *Live) step(ctx context.Context, do func(now time.Duration) []Output) error {
	l.mu.Lock()
	outputs := slices.Clone(do(l.now()))
	lost := l.lost
	l.mu.Unlock()
	for _, o := range outputs {
		if err := l.output(ctx, lost, o); err != nil {
			return err
		}
	}
	if err := l.sendLater(ctx, lost); err != nil {
		return err
	}
	return l.obey(ctx)
}

// obey gives the device the message that came in. Over a new connection messages may come before the device knows of it:
// then they wait.
func (l *Live) obey(ctx context.Context) error {
	if l.held == nil {
		return nil
	}
	l.mu.Lock()
	if !l.online || l.at == nil {
		l.mu.Unlock()
		return nil
	}
	now := l.now()
	outputs := slices.Clone(l.device.Connected(now))
	outputs = append(outputs, l.device.Receive(now, *l.held)...)
	lost, a := l.lost, l.at
	l.held = nil
	l.mu.Unlock()
	for _, o := range outputs {
		if err := l.output(ctx, lost, o); err != nil {
			return err
		}
	}
	a.handled <- struct{}{}
	return nil
}

// output does one thing that the device wants. That it wants a connection is seen by its state.
func (l *Live) output(ctx context.Context, lost <-chan struct{}, o Output) error {
	switch o.Kind {
	case Publish:
		return l.publish(ctx, lost, o.Message)
	case Blackhole:
		if l.at != nil {
			l.at.line.darken()
		}
	case Goodbye, WithWill, Vanish, Reset, Changeling:
		l.hangUp(ctx, o.Kind)
	case FaultBegins:
		l.tellFault(o.Fault, "begins")
	case FaultEnds:
		l.tellFault(o.Fault, "ends")
	default:
	}
	return nil
}

// tellFault tells of a fault of the profile. Those by hand are told of otherwise.
func (l *Live) tellFault(f *profile.Fault, what string) {
	if made := l.manual[f.Name]; made == nil || made.Fault != f {
		l.tell("fault " + what + ": " + f.Name)
	}
}

// publish sends a message, all of its copies, when it is time.
func (l *Live) publish(ctx context.Context, lost <-chan struct{}, m *Made) error {
	if m.Is(Dropped) {
		return nil
	}
	if m.Sent > l.now() {
		l.serial++
		heap.Push(&l.later, sent{m, l.serial})
		return nil
	}
	for range 1 + m.Copies {
		if err := l.send(ctx, lost, m); err != nil {
			return err
		}
	}
	return nil
}

// sendLater sends the delayed messages whose time has come.
func (l *Live) sendLater(ctx context.Context, lost <-chan struct{}) error {
	for len(l.later) > 0 && l.later[0].Sent <= l.now() {
		m, _ := heap.Pop(&l.later).(sent)
		if err := l.publish(ctx, lost, m.Made); err != nil {
			return err
		}
	}
	return nil
}

// send sends a message. What the end of the connection keeps from being sent is lost, as it is on a device without a
// memory.
func (l *Live) send(ctx context.Context, lost <-chan struct{}, made *Made) error {
	if l.at == nil {
		return nil
	}
	s := l.at.session
	bounded, cancel := during(ctx, lost)
	defer cancel()
	m := l.toSend(made)
	err := s.PublishAsync(bounded, m, func(r client.Result) {
		if _, refused := errors.AsType[*client.RefusedError](r.Err); refused && l.Refused != nil {
			l.Refused(m.Topic, r.Err)
		}
	})
	if err == nil {
		return l.told(made)
	}
	if bounded.Err() == nil && s.Err() == nil && !errors.Is(err, client.ErrConnectionLost) && l.Refused != nil {
		l.Refused(m.Topic, err)
	}
	return ctx.Err() // the Session tells of its own end
}

// during is a context that ends with a connection.
func during(ctx context.Context, lost <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// toSend is a message for this connection.
func (l *Live) toSend(m *Made) message.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dressed(m.Message)
}

func (l *Live) told(m *Made) error {
	if l.Sent == nil {
		return nil
	}
	return l.Sent(m)
}

// confirm sends a message and waits until the Server has it.
func (l *Live) confirm(ctx context.Context, s *client.Session, o Output) error {
	if o.Kind != Publish || o.Message.Is(Dropped) {
		return nil
	}
	if err := s.Publish(ctx, l.toSend(o.Message)); err != nil {
		return err
	}
	return l.told(o.Message)
}

// Leave ends what Run has left: it says that the device is offline, waits until the Server has that, at most until ctx
// ends, and closes the Session. Without a connection it says nothing: the Server has published the Will Message. The error
// says that the Server has not confirmed it.
func (l *Live) Leave(ctx context.Context) error {
	for _, s := range l.left {
		s.Abandon()
	}
	l.others.Wait()
	if l.at == nil {
		return nil
	}
	err := l.sayGoodbye(ctx)
	s := l.detach().session
	if s.Err() != nil {
		err = nil // it ended before, which is known
	}
	_ = s.Close(ctx) // what counts was confirmed
	return err
}

func (l *Live) sayGoodbye(ctx context.Context) error {
	l.mu.Lock()
	if !l.online {
		l.mu.Unlock()
		return nil
	}
	outputs := slices.Clone(l.device.Stop(l.now()))
	lost := l.lost
	l.mu.Unlock()
	ctx, cancel := during(ctx, lost)
	defer cancel()
	for _, o := range outputs {
		if err := l.confirm(ctx, l.at.session, o); err != nil {
			return err
		}
	}
	return nil
}
