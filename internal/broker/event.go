package broker

import (
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/wire"
)

// EventKind says what happened.
type EventKind int

// The kinds of events.
const (
	// ClientConnected: CONNACK with Success was sent.
	ClientConnected EventKind = iota + 1
	// ClientDisconnected: a connection has left its Session; Code says why. A Will Message that was due has been published.
	ClientDisconnected
	// Subscribed: Filter is active for the client. SUBACK is sent after that.
	Subscribed
	// Unsubscribed: Filter is no longer active for the client.
	Unsubscribed
	// SessionEnded: the Session of the client is gone.
	SessionEnded
	// WillPublished: the Will Message of the client was published to Topic.
	WillPublished
	// MessageDropped: a message to Topic was not delivered to the client because a limit was reached.
	MessageDropped
)

// String returns the kind in words.
func (k EventKind) String() string {
	switch k {
	case ClientConnected:
		return "client connected"
	case ClientDisconnected:
		return "client disconnected"
	case Subscribed:
		return "subscribed"
	case Unsubscribed:
		return "unsubscribed"
	case SessionEnded:
		return "session ended"
	case WillPublished:
		return "will published"
	case MessageDropped:
		return "message dropped"
	default:
		return "unknown event"
	}
}

// Event is something that happened in a [Broker].
type Event struct {
	Kind     EventKind
	ClientID string
	Filter   string
	Topic    string
	// Code is the Reason Code with which the client or the Broker ended the connection; UnspecifiedError when the
	// connection just broke.
	Code wire.ReasonCode
}

func (b *Broker) emit(e Event) {
	if b.cfg.Events != nil {
		b.cfg.Events(e)
	}
}

// Stats is what a [Broker] has and has done.
type Stats struct {
	Clients       int // connected
	Sessions      int // with and without a connection
	Subscriptions int
	Retained      int   // by clients
	RetainedBytes int64 // of those, with what keeping them costs

	MessagesReceived int64 // PUBLISH packets from clients
	MessagesSent     int64 // PUBLISH packets to clients
	// MessagesDropped counts messages not delivered to a subscriber because a limit was reached: a full queue or a Maximum
	// Packet Size.
	MessagesDropped int64
	// MessagesExpired counts messages that waited for a subscriber for longer than their Message Expiry Interval.
	MessagesExpired int64
}

// counters are kept in three groups, a cache line or more apart: what readers count, what writers count, and the rest.
type counters struct {
	received, packetsReceived, bytesReceived, payloadReceived atomic.Int64

	_ [cacheLine]byte

	sent, packetsSent, bytesSent, payloadSent atomic.Int64

	_ [cacheLine]byte

	dropped, expired, sockets, connections, expiredSessions atomic.Int64
}

// cacheLine is the size of what processors exchange, in bytes, or a multiple of it.
const cacheLine = 128

// Stats returns the numbers of now.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	st := Stats{Clients: b.connected, Sessions: len(b.sessions)}
	b.mu.Unlock()
	st.Subscriptions, _ = b.index.len()
	st.Retained, st.RetainedBytes = b.retained.size()
	st.MessagesReceived = b.counters.received.Load()
	st.MessagesSent = b.counters.sent.Load()
	st.MessagesDropped = b.counters.dropped.Load()
	st.MessagesExpired = b.counters.expired.Load()

	return st
}
