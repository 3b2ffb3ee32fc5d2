// Package config turns what flags, environment variables and contexts say about a connection into the options of
// internal/client: addresses and URLs, credentials, TLS, the Will Message and MQTT 5 properties. It keeps the file of
// contexts, which are named connections.
//
// Start with a [Connection] that holds the values and where each came from, and call [Connection.Resolve]; or with a
// [ContextFile] to read and change contexts. Nothing here parses a command line or opens a connection.
package config

import (
	"strings"
	"time"
)

// Origin is where a setting came from; a higher one wins.
type Origin int

// The origins of a setting.
const (
	Default Origin = iota
	FromContext
	Environment
	Flag
)

// Connection holds what was said about a connection. Field names follow the flags.
type Connection struct {
	// Context is the name of the context in use, empty for none.
	Context string
	// Guard says that the connection is that of a context which wants commands to ask before they destroy something.
	Guard bool

	// Embedded asks for a private broker in this process, in place of an address.
	Embedded bool

	Host string
	Port int
	URL  string
	Unix string // path of a socket

	WSPath   string
	WSHeader []string // "Name: value"
	Proxy    string   // URL; empty: what Environ says
	Bind     string

	Username       string
	Password       string
	PasswordFile   string
	PasswordPrompt bool

	AuthMethod string // of enhanced authentication, empty for none

	ClientID       string
	ClientIDPrefix string
	KeepAlive      uint16 // seconds
	Protocol       string
	Resume         bool   // --disable-clean-session
	SessionExpiry  uint32 // seconds, 0xFFFFFFFF: never
	MaxInflight    int
	ReceiveMaximum uint16
	MaxPacketSize  uint32

	TLS    bool
	NoTLS  bool
	CAFile string
	CAPath string
	Cert   string
	Key    string
	// KeyPasswordFile holds the password of an encrypted Key.
	KeyPasswordFile string

	ALPN       []string
	SNI        string
	TLSVersion string
	Insecure   bool
	TLSKeyLog  string

	WillTopic   string
	WillPayload string
	WillFile    string
	WillQoS     byte
	WillRetain  bool
	WillDelay   uint32 // seconds

	Presence string // the status topic to announce this client on

	Properties     PacketProperties
	ConnectTimeout time.Duration
	Retry          int // attempts, client.Forever without a limit
	RetryMaxWait   time.Duration

	// Environ looks up ALL_PROXY and its like; nil: there are none.
	Environ func(name string) string
	// Given says where each flag's value came from, by the flag's long name. A flag that is not in it has its default.
	Given map[string]Origin
	// NeedsV5 names options of the command, as the user wrote them, that only MQTT 5 can express.
	NeedsV5 []string
}

// EnvName returns the environment variable of a flag: MQX_HOST for a connection flag (command is empty), MQX_SUB_COUNT
// for one of a command.
func EnvName(command, flag string) string {
	name := "MQX_"
	if command != "" {
		name += command + "_"
	}
	return strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(name + flag))
}

// named is a flag as its user wrote it.
func (c *Connection) named(flag string) string {
	switch c.Given[flag] {
	case Environment:
		return EnvName("", flag)
	case FromContext:
		return "context " + c.Context + ", " + yamlKey(flag)
	default:
		return "--" + flag
	}
}

func (c *Connection) given(flag string) bool { return c.Given[flag] > Default }

// firstGiven returns the first of flags that was given, empty for none.
func (c *Connection) firstGiven(flags ...string) string {
	for _, f := range flags {
		if c.given(f) {
			return f
		}
	}
	return ""
}

// highest returns the flag with the highest origin, and a second one that shares it.
func (c *Connection) highest(flags ...string) (first, second string) {
	for _, f := range flags {
		switch o := c.Given[f]; {
		case o == Default:
		case first == "" || o > c.Given[first]:
			first, second = f, ""
		case o == c.Given[first]:
			second = f
		}
	}
	return first, second
}
