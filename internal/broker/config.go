package broker

import (
	"log/slog"
	"time"

	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Defaults of [Config].
const (
	defaultReceiveMaximum    = 1024
	defaultMaxQueuedMessages = 100_000
	defaultMaxQueuedBytes    = 64 << 20
	defaultMaxPending        = 10_000
	defaultMaxPendingBytes   = 64 << 20
	defaultMaxRetainedBytes  = 4 << 30
	defaultMaxSubscriptions  = 100_000
	defaultConnectTimeout    = 10 * time.Second
	defaultWriteTimeout      = 30 * time.Second
)

const (
	// maxPacket is the size of the largest packet of the protocol: a fixed header of five bytes and what it can announce.
	maxPacket = 5 + wire.MaxRemainingLength
	// maxConnectPacket bounds a packet before CONNECT was accepted. Client Identifier, Will Topic, Will Payload, User Name
	// and Password of 64 KiB each fit, with as much again for properties.
	maxConnectPacket = 640 << 10
	// topicAliasMaximum is how many Topic Aliases a client may use towards us.
	topicAliasMaximum = 64
	// lingerTime bounds how long a connection that we close is kept open for the other side to read why.
	lingerTime = time.Second
)

// Config says how a [Broker] behaves. The zero value of a field means its stated default.
type Config struct {
	// MaxPacketSize is the size in bytes of the largest packet that is accepted. Default: the protocol's maximum, 256 MiB.
	MaxPacketSize uint32
	// ReceiveMaximum is how many QoS 2 messages a client may have open towards the Broker; it is announced to MQTT 5
	// clients. Default: 1,024.
	ReceiveMaximum uint16
	// MaxQueuedMessages and MaxQueuedBytes (topics, payloads and properties) bound what waits for one Session. Messages that
	// were sent and not yet acknowledged may take MaxQueuedBytes once more; then nothing is sent at QoS 1 and 2 until one
	// is. Beyond them QoS 0 messages are dropped; at QoS 1 or 2 a connected client is disconnected with Reason Code 0x97 and keeps its Session, and for a Session without a connection the new message is
	// dropped. Dropped messages are counted in [Stats]. Retained Messages for a new subscription do not count: they are
	// taken from the store as fast as the client reads. Defaults: 100,000 messages and 64 MiB.
	MaxQueuedMessages int
	MaxQueuedBytes    int64
	// MaxTotalQueuedBytes bounds what waits for all Sessions together, counted for each of them, in flight or not. Beyond it a
	// Session with more than 64 KiB is treated as if it had MaxQueuedBytes. Default: no limit.
	MaxTotalQueuedBytes int64
	// MaxClients bounds the connected clients, MaxSessions the Sessions with and without a connection. Who comes too many is
	// refused (ServerBusy, QuotaExceeded). Defaults: no limit.
	MaxClients, MaxSessions int
	// MaxConnectRate is how many clients a second are let in; others are refused (ConnectionRateExceeded). Default: no limit.
	MaxConnectRate int
	// MaxPending bounds the connections from which CONNECT has not come yet; more are closed at once. Default: 10,000.
	MaxPending int
	// MaxPendingBytes bounds what has come from them. Beyond it, those that have sent more than 4 KiB are closed when they
	// send more. Default: 64 MiB.
	MaxPendingBytes int64
	// MaxRetained and MaxRetainedBytes bound the Retained Messages. Beyond, a publish that would retain one more is refused
	// (QuotaExceeded) and delivered to nobody; at QoS 0 and below MQTT 5 it is only counted as dropped. Defaults: no limit
	// and 4 GiB.
	MaxRetained      int
	MaxRetainedBytes int64
	// MaxTopicLevels bounds the levels of Topic Names and Topic Filters. Default: what 65,535 bytes hold.
	MaxTopicLevels int
	// MaxSubscriptions bounds the subscriptions of a Session; SUBACK refuses more (QuotaExceeded). Default: 100,000.
	MaxSubscriptions int
	// MaxKeepAlive is the longest Keep Alive in seconds that MQTT 5 clients may ask for, none included; they are told in
	// CONNACK. Default: no limit.
	MaxKeepAlive uint16
	// ConnectTimeout bounds the time from accepting a connection to its CONNECT packet. Default: 10 s.
	ConnectTimeout time.Duration
	// WriteTimeout is how long a client may take nothing of what is written to it and send no PINGREQ either, before the
	// connection is given up. Default: 30 s.
	WriteTimeout time.Duration
	// SysInterval is how often $SYS topics are published, from the first [Broker.Serve] on. Default: never.
	SysInterval time.Duration
	// Version is what $SYS/broker/version says.
	Version string
	// Access decides who may connect, and what they may do. Default: everybody may do everything.
	Access Access
	// Authenticator offers enhanced authentication. Who has passed it is still given to Access. Default: none is offered.
	Authenticator Authenticator
	// Store keeps what is to outlive the process; see [Broker.Restore]. Default: nothing does.
	Store Store
	// Events, when set, is told what happens. It is called from many goroutines and must neither block for long nor call
	// the Broker's methods that end it.
	Events func(Event)
	// Packets, when set, is told each packet from and to clients that were let in. It is called from many goroutines.
	Packets func(PacketEvent)
	// Faults is what is to go wrong; see [Broker.SetFaults]. Default: nothing.
	Faults *faults.Plan
	// FaultControl lets clients on this machine change that by a publish to $CONTROL/mqx/faults, if their rights allow it.
	FaultControl bool
	// OnFault, when set, is told each fault that strikes. It is called from many goroutines.
	OnFault func(FaultEvent)
	// Logger gets one line for each connection that ends with an error. Default: none.
	Logger *slog.Logger
}

// WithDefaults returns c with the stated defaults in place of zeros.
func (c Config) WithDefaults() Config {
	if c.MaxPacketSize == 0 || c.MaxPacketSize > maxPacket {
		c.MaxPacketSize = maxPacket
	}
	if c.ReceiveMaximum == 0 {
		c.ReceiveMaximum = defaultReceiveMaximum
	}
	if c.MaxQueuedMessages == 0 {
		c.MaxQueuedMessages = defaultMaxQueuedMessages
	}
	if c.MaxQueuedBytes == 0 {
		c.MaxQueuedBytes = defaultMaxQueuedBytes
	}
	if c.MaxPending == 0 {
		c.MaxPending = defaultMaxPending
	}
	if c.MaxPendingBytes == 0 {
		c.MaxPendingBytes = defaultMaxPendingBytes
	}
	if c.MaxRetainedBytes == 0 {
		c.MaxRetainedBytes = defaultMaxRetainedBytes
	}
	if c.MaxSubscriptions == 0 {
		c.MaxSubscriptions = defaultMaxSubscriptions
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = defaultWriteTimeout
	}
	if c.Access == nil {
		c.Access = everybody{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}

	return c
}
