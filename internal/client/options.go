package client

import (
	"context"
	"net"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
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
	// KeepAlive is the Keep Alive in seconds, 0 turns it off.
	KeepAlive uint16
	// ResumeSession asks for an existing Session (Clean Start 0, Clean Session 0 below MQTT 5), which is then kept for ever
	// unless Properties give a Session Expiry Interval.
	ResumeSession bool
	// Will is the Will Message with its properties, nil for none.
	Will *wire.Will
	// Properties are the CONNECT properties, nil for none. Receive Maximum and Maximum Packet Size are honoured here too.
	Properties *wire.Properties
	// ConnectTimeout bounds dialling, TLS and the wait for CONNACK. 0 means 10 s.
	ConnectTimeout time.Duration
	// MaxInflight bounds the QoS 1 and 2 messages on their way out, 65,280 at most. 0 means 1,000. The Server's Receive
	// Maximum is never exceeded.
	MaxInflight int
	// Trace, when set, is told of every packet: "->" for sent, "<-" for received. It may be called from any goroutine.
	Trace func(direction string, p wire.Packet)
}
