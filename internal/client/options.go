package client

import (
	"context"
	"math"
	"net"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Options say where and how to connect. The zero value of a field means its stated default.
type Options struct {
	// Target is the Server's address.
	Target link.Target
	// Dial, when set, replaces dialling Target. It is called once for each attempt.
	Dial func(ctx context.Context) (net.Conn, error)
	// Version is the protocol level to speak. 0 means "auto": MQTT 5, and 3.1.1 when the Server says that it does not
	// speak MQTT 5, unless Properties, WillProperties or subscriptions ask for what only MQTT 5 has.
	Version wire.Version
	// ClientID is the Client Identifier; empty lets the Server assign one.
	ClientID string
	// Username is nil for none.
	Username *string
	// Password is nil for none; an empty one is not nil.
	Password []byte
	// Authentication is enhanced authentication, nil for none; it needs MQTT 5.
	Authentication Authentication
	// KeepAlive is the Keep Alive in seconds, 0 turns it off.
	KeepAlive uint16
	// ResumeSession asks for an existing Session (Clean Start 0, Clean Session 0 below MQTT 5), which is then kept for ever
	// unless Properties give a Session Expiry Interval.
	ResumeSession bool
	// FreshSession begins a new Session that is kept as ResumeSession says. Below MQTT 5, which has one bit for both, an
	// existing one is gone on with.
	FreshSession bool
	// Journal, when set, is told what PublishKept's messages depend on, so that another process can go on with the Session.
	Journal Journal
	// Will is the Will Message with its properties, nil for none.
	Will *wire.Will
	// Properties are the CONNECT properties, nil for none. Receive Maximum and Maximum Packet Size are honoured here too.
	Properties *wire.Properties
	// ConnectTimeout bounds dialling, TLS and the wait for CONNACK. 0 means 10 s.
	ConnectTimeout time.Duration
	// AckTimeout is how long a Server that is there, and has read what was sent, may acknowledge nothing while messages of QoS
	// 1 or 2 wait for it. Then the connection is lost with [ErrUnacknowledged]. 0 means for ever.
	AckTimeout time.Duration
	// MaxInflight bounds the QoS 1 and 2 messages on their way out, 57,088 at most. 0 means 1,000, and 20 of
	// QoS 2 below MQTT 5. The Server's Receive Maximum is never exceeded.
	MaxInflight int
	// TopicAliases lets topics that come again travel as numbers, where the Server allows it. That is worth it for many
	// messages to few topics.
	TopicAliases bool
	// Retry says what happens when there is no connection; the zero value is the end of the Session.
	Retry Retry
	// Announce, when set, is asked before each connection for the messages that tell others whether this client is there. Its
	// Will Message takes the place of Will.
	Announce func(wire.Version) Announcement
	// Disconnect are the properties of the DISCONNECT that ends the Session, nil for none.
	Disconnect *wire.Properties
	// Trace, when set, is told of every packet: "->" for sent, "<-" for received. It may be called from any goroutine.
	Trace func(direction string, p wire.Packet)
}

// Announcement is what tells others whether a client is there: each connection has its own, so that the Will Message of an
// older one can be told apart. A field is nil for none.
type Announcement struct {
	// Will is the Will Message.
	Will *wire.Will
	// Birth is published when the connection stands, and Goodbye before DISCONNECT.
	Birth, Goodbye *message.Message
}

// Forever is the number of attempts without a limit.
const Forever = math.MaxInt

// Retry says how often a connection is tried again, and how fast. Waits begin at 250 ms, double up to MaxWait and are cut
// short at random by up to a half, so that many clients do not come back at once. What another attempt cannot mend, such as
// a refused password or a Client Identifier that another client has taken over, ends the attempts at once.
type Retry struct {
	// Connect is how many more attempts Open makes when the first has failed.
	Connect int
	// Reconnect is how many attempts are made to replace a lost connection; 0 makes its loss the end of the Session. A
	// connection that did not last as long as the wait before it counts as a failed attempt.
	Reconnect int
	// NotRefused makes a refused CONNECT the end, whatever its Reason Code is.
	NotRefused bool
	// MaxWait bounds the wait between attempts. 0 means 30 s.
	MaxWait time.Duration
	// HoldSession asks an MQTT 5 Server to keep the Session for so long after a lost connection, unless Properties give a
	// Session Expiry Interval, so that QoS 2 stays exactly once. Close ends the Session all the same.
	HoldSession time.Duration
	// Report, when set, is told how an outage goes on: when it begins, after each failed attempt, and at its end. It is
	// called on one goroutine at a time and must return soon.
	Report func(Outage)
}

// Outage is a time without a connection.
type Outage struct {
	// LostAt is when the connection was lost; zero when there was none before.
	LostAt time.Time
	// Cause is why it was lost.
	Cause error
	// Attempts is how many attempts were made, the successful one included.
	Attempts int
	// Err is why the last attempt failed, nil when none was made or it succeeded. Wait is how long until the next.
	Err  error
	Wait time.Duration
	// BackAt is when a connection stood again; zero as long as there is none.
	BackAt time.Time
	// SessionPresent says that the Server has kept the Session: it has queued messages of QoS 1 and 2, as far as its limits
	// allow. Otherwise the subscriptions were made anew, and what was published meanwhile has been missed.
	SessionPresent bool
	// SubscribedAgain is how many Topic Filters were subscribed to anew.
	SubscribedAgain int
	// SentAgain is how many messages of QoS 1 and 2 were on their way out and were sent again.
	SentAgain int
}
