package mosquitto

import (
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Mode is where mosquitto_pub and mosquitto_rr take payloads from.
type Mode int

// The modes.
const (
	NoPayload Mode = iota
	Text           // -m
	File           // -f
	Stdin          // -s
	Lines          // -l
	Null           // -n
)

// portUnset is a port that nobody has given.
const portUnset = -1

// Options are what a command line asks for. Fields follow the options; each says which program has it.
type Options struct {
	// Tool is the program.
	Tool Tool

	// Host is a name or an address; with Port 0 it is the path of a Unix socket.
	Host      string
	hostGiven bool
	// Port is 0 to 65535, and portUnset when it was not given. A URL can make it anything.
	Port      int
	Bind      string
	WebSocket bool
	Proxy     string // URL, empty for none

	// ID is nil for none, which an empty one is not.
	ID, IDPrefix       *string
	Username, Password *string
	KeepAlive          uint16 // seconds
	Version            wire.Version
	MaxInflight        int // 0: not given
	CleanSession       bool
	sessionExpiry      int64 // seconds, -1: not given
	expiryGiven        bool

	security

	WillTopic, WillPayload *string
	WillQoS                byte
	WillRetain             bool

	// The properties of packets; nil for none.
	Connect, Publish, Subscribe, Unsubscribe, Disconnect, Will *wire.Properties
	duplicates                                                 []string // packets that were given a property twice

	Debug, Quiet bool

	// Topic is where mosquitto_pub and mosquitto_rr publish; nil for not given.
	Topic *string
	// ResponseTopic is that of mosquitto_rr; nil for not given.
	ResponseTopic *string
	QoS           byte
	Retain        bool
	Mode          Mode
	Message       string // with Text
	FileName      string // with File
	Repeat        int
	RepeatDelay   time.Duration

	subscriber
}

// subscriber are the options of programs that receive.
type subscriber struct {
	Filters, Unsubscribes []string
	Exclude               []topic.Filter
	Count                 int           // 0: no limit
	Timeout               time.Duration // 0: none
	ExitAfterSuback       bool
	NoRetain              bool
	RetainedOnly          bool
	RemoveRetained        bool
	RetainAsPublished     bool
	RetainHandling        byte
	Chance                float64 // percent, 0: everything

	Verbose, NoNewline, Pretty bool
	Format                     string
	HasFormat                  bool
	Watch, MessageRate         bool
	Latency                    bool
}

// security are the options of TLS.
type security struct {
	CAFile, CAPath, Cert, Key       string
	KeyForm, Engine, EnginePassword string
	Ciphers, TLSVersion, ALPN       string
	Insecure, OSCerts, NoTLS        bool
	KeyLog                          string
	PSK, PSKIdentity                string
}

// SubscribeOptions are those of every filter. Below MQTT 5 there are none but the QoS.
func (o *Options) SubscribeOptions(filter string) wire.Subscription {
	s := wire.Subscription{Filter: filter, QoS: o.QoS}
	if o.Version == wire.V5 {
		s.RetainAsPublished, s.RetainHandling = o.RetainAsPublished, o.RetainHandling
	}
	return s
}

// TakesLines reports whether there is a message for each line of standard input.
func (o *Options) TakesLines() bool { return o.Mode == Lines }

func newOptions(t Tool) *Options {
	o := &Options{Tool: t, Port: portUnset, KeepAlive: 60, Version: wire.V311, CleanSession: true, sessionExpiry: -1, Repeat: 1}
	if t == RR {
		o.Version, o.Count = wire.V5, 1
	}
	return o
}
