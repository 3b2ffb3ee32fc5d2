package commands

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/config"
)

// addConnectionFlags gives cmd the flags of every command that talks to a broker. packet is the one that
// --user-property is for.
func addConnectionFlags(cmd *cobra.Command, c *config.Connection, packet string) {
	fs := pflag.NewFlagSet("connection", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Var(contextFlag{c}, "context", "use this context (see mqx context), an empty name for none")
	addAddressFlags(fs, c)
	addSessionFlags(fs, c)
	addTLSFlags(fs, c)
	addWillFlags(fs, c)
	fs.VarP(propertyFlag{&c.Properties}, "property", "D", "MQTT 5 property of connect, publish, subscribe, unsubscribe, disconnect or will (repeatable)")
	fs.Var(userPropertyFlag{&c.Properties, packet}, "user-property", "User Property of the command's own packet, "+packet+" (repeatable)")
	c.ConnectTimeout = 10 * time.Second
	fs.Var(durationFlag{&c.ConnectTimeout}, "connect-timeout", "longest wait for the connection and CONNACK")
	fs.Var(retryFlag{&c.Retry}, "retry", "attempts to get a connection, also in place of a lost one (default: a watch reconnects for ever, others not at all)")
	c.RetryMaxWait = 30 * time.Second
	fs.Var(durationFlag{&c.RetryMaxWait}, "retry-max-wait", "longest wait between attempts")
	fs.BoolP("debug", "d", false, "trace packets on stderr, without secrets and payloads")
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[connectionFlag] = []string{"true"}
	})
	cmd.Flags().AddFlagSet(fs)
}

func addAddressFlags(fs *pflag.FlagSet, c *config.Connection) {
	fs.StringVarP(&c.Host, "host", "h", "localhost", "broker's name or address, or a URL")
	fs.VarP(portFlag{&c.Port}, "port", "p", "broker's port (default 1883, with TLS 8883)")
	fs.StringVarP(&c.URL, "url", "L", "", "mqtt[s]://[user[:password]@]host[:port][/topic], ws[s]://...host[:port][/path] or unix:///path")
	fs.StringVar(&c.Unix, "unix", "", "path of the broker's Unix socket")
	fs.BoolVar(&c.Embedded, "embedded", false, "start a private broker in this process, for this command")
	fs.StringVarP(&c.Username, "username", "u", "", "user name")
	fs.StringVarP(&c.Password, "password", "P", "", "password; others can see it in the process list, prefer --password-file")
	fs.StringVar(&c.PasswordFile, "password-file", "", "file that holds the password")
	fs.BoolVar(&c.PasswordPrompt, "password-prompt", false, "ask for the password")
	fs.StringVar(&c.WSPath, "ws-path", "", "path of MQTT over WebSocket, which it implies (default /mqtt)")
	fs.StringVar(&c.AuthMethod, "auth-method", "", "prove the password instead of sending it: SCRAM-SHA-256 (MQTT 5)")
	fs.Var(textsFlag{&c.WSHeader}, "ws-header", "Name:value to send with the request for the WebSocket (repeatable)")
	fs.StringVar(&c.Proxy, "proxy", "", "connect through socks5h://[user:password@]host[:port] or http://..., none for no proxy (default: ALL_PROXY)")
	fs.StringVarP(&c.Bind, "bind", "A", "", "address of this machine to connect from")
	inGroup(fs, groupAddress, "host", "port", "url", "unix", "embedded", "ws-path", "ws-header", "proxy", "username", "password", "password-file", "password-prompt", "auth-method")
	inGroup(fs, groupPassword, "password", "password-file", "password-prompt")
}

func addSessionFlags(fs *pflag.FlagSet, c *config.Connection) {
	fs.StringVarP(&c.ClientID, "client-id", "i", "", "client identifier (default: the broker assigns one)")
	fs.StringVarP(&c.ClientIDPrefix, "client-id-prefix", "I", "", "random client identifier with this prefix")
	inGroup(fs, groupClientID, "client-id", "client-id-prefix")
	c.KeepAlive = 60
	fs.VarP(&secondsFlag{set: func(n uint32) { c.KeepAlive = uint16(n) }, text: "60", most: 65535}, "keepalive", "k", "keep alive in seconds, 0 for none")
	fs.StringVarP(&c.Protocol, "protocol", "V", "auto", "auto, 5, 3.1.1 or 3.1; auto is 5, or 3.1.1 when the broker says so")
	fs.BoolVarP(&c.Resume, "disable-clean-session", "c", false, "keep the session after the end and resume it")
	fs.VarP(&secondsFlag{set: func(n uint32) { c.SessionExpiry = n }, most: 1<<32 - 1, forever: true}, "session-expiry", "x", "how long the broker keeps the session")
	fs.IntVarP(&c.MaxInflight, "max-inflight", "M", 0, "QoS 1 and 2 messages on their way out at most (default: what the broker allows)")
	fs.Uint16Var(&c.ReceiveMaximum, "receive-maximum", 0, "QoS 1 and 2 messages on their way in at most")
	fs.Uint32Var(&c.MaxPacketSize, "max-packet-size", 0, "largest packet to accept, in bytes")
}

func addTLSFlags(fs *pflag.FlagSet, c *config.Connection) {
	fs.BoolVar(&c.TLS, "tls", false, "encrypt (implied by the flags below, an mqtts URL and port 8883)")
	fs.BoolVar(&c.NoTLS, "no-tls", false, "do not encrypt, whatever implies it")
	fs.StringVar(&c.CAFile, "cafile", "", "PEM file of trusted certificates (default: the system's)")
	fs.StringVar(&c.CAPath, "capath", "", "directory of such files")
	fs.StringVar(&c.Cert, "cert", "", "PEM file of the client's certificate")
	fs.StringVar(&c.Key, "key", "", "PEM file of its private key")
	fs.StringVar(&c.KeyPasswordFile, "key-password-file", "", "file that holds the password of the key")
	fs.Var(wordsFlag{&c.ALPN}, "alpn", "application protocols to offer, separated by commas")
	fs.StringVar(&c.SNI, "sni", "", "server name to ask for and to check")
	fs.StringVar(&c.TLSVersion, "tls-version", "", "lowest TLS version, 1.2 or 1.3")
	fs.BoolVar(&c.Insecure, "insecure", false, "do not check the broker's certificate")
	fs.StringVar(&c.TLSKeyLog, "tls-keylog", "", "append TLS secrets to this file, for Wireshark")
	inGroup(fs, groupAddress, "tls", "no-tls", "cafile", "capath", "cert", "key", "key-password-file", "alpn", "sni", "tls-version", "insecure", "tls-keylog")
}

func addWillFlags(fs *pflag.FlagSet, c *config.Connection) {
	fs.StringVar(&c.WillTopic, "will-topic", "", "topic of the Will Message")
	fs.StringVar(&c.WillPayload, "will-payload", "", "its payload")
	fs.StringVar(&c.WillFile, "will-file", "", "file that holds its payload")
	inGroup(fs, groupWillPayload, "will-payload", "will-file")
	fs.Var(qosFlag{&c.WillQoS}, "will-qos", "its QoS")
	fs.BoolVar(&c.WillRetain, "will-retain", false, "retain it")
	fs.Var(&secondsFlag{set: func(n uint32) { c.WillDelay = n }, most: 1<<32 - 1}, "will-delay", "how long the broker waits before it publishes it")
	fs.StringVar(&c.Presence, "presence", "", "announce a `device` on its status topic: online while connected, offline afterwards, also by the Will Message")
}
