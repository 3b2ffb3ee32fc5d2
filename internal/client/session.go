// Package client is the Session of mqx: one connection to a Server, with the same surface for every command.
//
// Start with [Open], which returns after CONNACK. Publish with [Session.Publish] or [Session.PublishAsync], receive with
// [Session.Subscribe] and [Session.Recv], and end with [Session.Close] (DISCONNECT, no Will Message) or
// [Session.Abandon] (the Server publishes the Will Message).
//
// A lost connection ends a Session, or is replaced as [Options.Retry] says: then the package makes the subscriptions anew
// where the Server has forgotten them, and sends again what was not acknowledged.
package client

import (
	"context"
	"sync"

	"github.com/eclipse/paho.golang/paho"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Session is what a client has with a Server: one connection, or, with [Options.Retry], one after another. Its methods may
// be called from any goroutine, but Recv, Ready and AckReceived belong to one consumer at a time.
//
// During an outage Publish, PublishAsync, Subscribe and Unsubscribe wait for the next connection, Recv for messages from it.
type Session struct {
	options    Options
	assignedID string // the Client Identifier in use
	lane       *lane
	ending     sync.Once

	subscribing sync.Mutex
	granted     []grant // the subscriptions that stand, in order; guarded by subscribing

	giveUpKeeping context.CancelFunc // ends the replacing of connections; nil when they are not replaced
	kept          chan struct{}      // closed when that has ended
}

// grant is a SUBSCRIBE that the Server has granted.
type grant struct {
	props *wire.Properties
	subs  []wire.Subscription
}

// Result is how a publish ended.
type Result struct {
	// Code is the Reason Code of PUBACK, PUBREC or PUBCOMP; Success at QoS 0.
	Code wire.ReasonCode
	// Err is nil when the message was delivered as its QoS promises, a *[RefusedError] when the Server refused it, and why
	// the Session ended when that is not known.
	Err error
}

// Caps returns what the last CONNACK allowed.
func (s *Session) Caps() Caps { return s.lane.cur.Load().caps }

// Publish sends m and returns when the handshake of its QoS is complete; at QoS 0, when it was handed to the kernel.
func (s *Session) Publish(ctx context.Context, m message.Message) error {
	s.lane.awaits.add(1)
	defer s.lane.awaits.add(-1)
	result := make(chan Result, 1)
	if err := s.lane.publish(ctx, &m, func(r Result) { result <- r }); err != nil {
		return err
	}
	if m.QoS == 0 {
		return s.lane.flush(ctx)
	}
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PublishAsync sends m. It waits while the in-flight window or the outbound buffer is full, and returns an error when m
// was not sent: done is not called then. Otherwise done, which may be nil, is called exactly once with the outcome. At
// QoS 0 that is before PublishAsync returns, for a message on its way to the kernel (see Drain); at QoS 1 and 2 it is on
// the goroutine that reads, which done must not block, and m's payload and properties must not be changed before.
func (s *Session) PublishAsync(ctx context.Context, m message.Message, done func(Result)) error {
	return s.lane.publish(ctx, &m, done)
}

// Recv returns the next message. It waits until one came, ctx ends or the Session has ended; messages received before the
// end are all handed out first.
func (s *Session) Recv(ctx context.Context) (message.Message, error) { return s.lane.in.recv(ctx) }

// Ready is how many messages Recv can return without waiting: at 0 a consumer flushes its output and acknowledges.
func (s *Session) Ready() int { return s.lane.in.ready() }

// AckReceived acknowledges every QoS 1 and 2 message that Recv has returned so far. Those of a connection that was lost
// before are left alone: the Server sends them again, and then they are acknowledged.
func (s *Session) AckReceived() { s.lane.ackReceived() }

// Unacknowledged is the number of QoS 1 and 2 messages sent without a final answer yet. It keeps its value when the Session
// ends.
func (s *Session) Unacknowledged() int { return s.lane.window.open() }

// Drain waits until every publish has ended and everything sent has reached the kernel.
func (s *Session) Drain(ctx context.Context) error {
	s.lane.awaits.add(1)
	defer s.lane.awaits.add(-1)
	if err := s.lane.window.drained(ctx); err != nil {
		return err
	}
	return s.lane.flush(ctx)
}

// Done is closed when the Session has ended; Err says why.
func (s *Session) Done() <-chan struct{} { return s.lane.done }

// Err is nil while the Session lasts, also during an outage that may end. Then it is [ErrClosed] after Close or Abandon, and
// else why the last connection was not replaced: it wraps [ErrConnectionLost], and is a *[DisconnectedError] when the Server
// said why. A *[GaveUpError] tells of attempts in vain.
func (s *Session) Err() error {
	select {
	case <-s.lane.done:
		return s.lane.lostErr
	default:
		return nil
	}
}

// Close sends DISCONNECT (the Server then discards the Will Message) and closes the connection so that nothing already
// sent is lost. It does not wait for acknowledgements, see Drain, but for that of the goodbye of [Options.Announce]. When ctx
// ends first, the connection is dropped.
//
// It returns a *[DisconnectedError] when the Server's last word was that it does not take what was sent: at QoS 0 there is no
// other way for it to refuse a message. That it says nothing, or only that it goes, proves nothing.
func (s *Session) Close(ctx context.Context) error {
	s.close(ctx, wire.Success)
	if d := s.lane.cur.Load().disconnect.Load(); d != nil && refusesMessage(d.Code) {
		return newDisconnectedError(d)
	}
	return nil
}

// CloseWithWill ends the Session as Close does, and has the Server publish the Will Message (MQTT 5, 3.14.2.1). Below MQTT 5
// no DISCONNECT can say that, and the connection is dropped.
func (s *Session) CloseWithWill(ctx context.Context) {
	if s.Caps().Version != wire.V5 {
		s.Abandon()
		return
	}
	s.close(ctx, wire.DisconnectWithWill)
}

func (s *Session) close(ctx context.Context, code wire.ReasonCode) {
	s.end(func(c *connection) {
		stop := context.AfterFunc(ctx, func() { c.conn.Fail(ErrClosed) })
		defer stop()
		s.publishGoodbye(ctx, c)
		s.lane.stop()
		_ = c.engine.Disconnect(&paho.Disconnect{ReasonCode: byte(code)}) // an error says only that the connection is lost already
	})
}

// publishGoodbye announces the end. A Server that does not answer keeps the Will Message, which says the same.
func (s *Session) publishGoodbye(ctx context.Context, c *connection) {
	if c.announced.Goodbye == nil || c.isLost() {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = s.Publish(ctx, *c.announced.Goodbye) // the end goes on without it
}

// Abandon drops the connection without DISCONNECT, so that the Server publishes the Will Message.
func (s *Session) Abandon() {
	s.end(func(c *connection) {
		s.lane.stop()
		c.conn.Fail(ErrClosed)
	})
}

// end lets no connection be replaced any more, runs how on the last one, and waits until its goroutines have ended.
func (s *Session) end(how func(*connection)) {
	s.ending.Do(func() {
		if s.kept != nil {
			s.giveUpKeeping()
			<-s.kept
		}
		c := s.lane.cur.Load()
		how(c)
		<-c.engine.Done()
		s.lane.finish(ErrClosed)
	})
}
