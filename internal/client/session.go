// Package client is the Session of mqx: one connection to a Server, with the same surface for every command.
//
// Start with [Open], which returns after CONNACK. Publish with [Session.Publish] or [Session.PublishAsync], receive with
// [Session.Subscribe] and [Session.Recv], and end with [Session.Close] (DISCONNECT, no Will Message) or
// [Session.Abandon] (the Server publishes the Will Message).
package client

import (
	"context"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Session is one connection to a Server. Its methods may be called from any goroutine, but Recv, Ready and AckReceived
// belong to one consumer at a time.
type Session struct{}

// Result is how a publish ended.
type Result struct {
	// Code is the Reason Code of PUBACK, PUBREC or PUBCOMP; Success at QoS 0 once the packet was handed to the kernel.
	Code wire.ReasonCode
	// Err is nil when the message was delivered as its QoS promises, a *[RefusedError] when the Server refused it, and an
	// error that wraps [ErrConnectionLost] when that is not known.
	Err error
}

// Subscription is one Topic Filter with its Subscription Options.
type Subscription struct {
	wire.Subscription
}

// Caps are what the Server allows, as CONNACK said, with the defaults of the specification filled in.
type Caps struct {
	Version           wire.Version
	SessionPresent    bool
	ClientID          string // the assigned one when the Server assigned one
	MaximumQoS        byte
	RetainAvailable   bool
	WildcardAvailable bool
	SharedAvailable   bool
	SubIDAvailable    bool
	ReceiveMaximum    uint16
	MaximumPacketSize uint32 // bytes, 0: no limit
	TopicAliasMaximum uint16
	KeepAlive         uint16           // seconds, what the Server decided
	Properties        *wire.Properties // everything CONNACK carried
}

// Open connects and returns after CONNACK. A refusal is a *[RefusedError]; see [link.DialError] for the rest.
func Open(ctx context.Context, o Options) (*Session, error) { panic("in work") }

// Caps returns what CONNACK allowed.
func (s *Session) Caps() Caps { panic("in work") }

// Publish sends m and returns when the handshake of its QoS is complete.
func (s *Session) Publish(ctx context.Context, m message.Message) error { panic("in work") }

// PublishAsync sends m and calls done exactly once, from another goroutine, which done must not block. It blocks while
// the in-flight window or the outbound buffer is full (back-pressure) and returns ctx's error if that ends first; done
// is not called then. m's payload and properties are not used after it returns unless the QoS is 1 or 2, where they
// must not be changed until done was called.
func (s *Session) PublishAsync(ctx context.Context, m message.Message, done func(Result)) error {
	panic("in work")
}

// Subscribe subscribes and returns the Reason Code of each Topic Filter in order, together with a *[RefusedError] when
// at least one was refused. props may be nil.
func (s *Session) Subscribe(ctx context.Context, props *wire.Properties, subs ...Subscription) ([]wire.ReasonCode, error) {
	panic("in work")
}

// Unsubscribe removes subscriptions. Below MQTT 5 all codes are Success.
func (s *Session) Unsubscribe(ctx context.Context, filters ...string) ([]wire.ReasonCode, error) {
	panic("in work")
}

// Recv returns the next message. It waits until one came, ctx ends or the connection is lost; messages received before
// the loss are all handed out first.
func (s *Session) Recv(ctx context.Context) (message.Message, error) { panic("in work") }

// Ready is how many messages Recv can return without waiting: at 0 a consumer flushes its output and acknowledges.
func (s *Session) Ready() int { panic("in work") }

// AckReceived acknowledges every QoS 1 and 2 message that Recv has returned so far.
func (s *Session) AckReceived() { panic("in work") }

// Unacknowledged is the number of QoS 1 and 2 messages sent without a final answer yet.
func (s *Session) Unacknowledged() int { panic("in work") }

// Drain waits until every publish has ended and everything written has reached the kernel.
func (s *Session) Drain(ctx context.Context) error { panic("in work") }

// Done is closed when the connection has ended; Err says why.
func (s *Session) Done() <-chan struct{} { panic("in work") }

// Err is nil while the connection is up and after Close, else why it ended: it wraps [ErrConnectionLost], or is a
// *[DisconnectedError] when the Server said why.
func (s *Session) Err() error { panic("in work") }

// Close sends DISCONNECT (the Server then discards the Will Message) and closes the connection so that nothing already
// written is lost. It does not wait for acknowledgements; see Drain.
func (s *Session) Close(ctx context.Context) error { panic("in work") }

// Abandon drops the connection without DISCONNECT, so that the Server publishes the Will Message.
func (s *Session) Abandon() { panic("in work") }
