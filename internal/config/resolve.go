package config

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Resolved is a connection ready to be opened.
type Resolved struct {
	Options client.Options
	// Topic is the path of the URL, empty for none.
	Topic string
	// Warnings are to be shown to the user.
	Warnings []string
}

// Resolve checks c and turns it into options. It reads the files that c names; secrets are only asked for those that are
// needed. Every error is an [exit.Error] with the code for usage.
func (c *Connection) Resolve(secrets Secrets) (Resolved, error) {
	var r Resolved
	for _, step := range []func(*Resolved) error{
		c.resolveAddress, c.resolveTLS(secrets), c.resolveClientID, c.resolveWill(secrets), c.resolveProperties, c.resolveDisconnect, c.resolveLimits,
	} {
		if err := step(&r); err != nil {
			return Resolved{}, err
		}
	}
	if err := c.resolveRoute(&r.Options.Target); err != nil {
		return Resolved{}, err
	}
	if err := c.resolveUsername(&r, secrets); err != nil {
		return Resolved{}, err
	}
	if err := c.resolvePassword(&r, secrets); err != nil {
		return Resolved{}, err
	}
	if err := c.resolveAuthentication(&r.Options); err != nil {
		return Resolved{}, err
	}
	if err := c.resolveVersion(&r); err != nil {
		return Resolved{}, err
	}
	r.Options.KeepAlive = c.KeepAlive
	r.Options.ResumeSession = c.Resume
	r.Options.ConnectTimeout = c.ConnectTimeout
	r.Options.MaxInflight = c.MaxInflight
	r.Options.Retry = c.retry()
	return r, nil
}

// RetryDefault is the number of attempts to reconnect when --retry does not say: the command decides.
const RetryDefault = -1

func (c *Connection) retry() client.Retry {
	r := client.Retry{Reconnect: RetryDefault, MaxWait: c.RetryMaxWait}
	if c.given("retry") {
		r.Connect, r.Reconnect = c.Retry, c.Retry
	}
	return r
}

func usage(where, why string) *exit.Error { return exit.New(exit.Usage, where, "", why) }

// resolveAddress finds host, port, TLS, credentials and topic. What stands beside a URL in flags of their own wins over
// the URL, but two different hosts from one source are a contradiction that only the user can solve.
func (c *Connection) resolveAddress(r *Resolved) error {
	if c.Embedded {
		if f := c.firstGiven("host", "url", "port", "unix", "ws-path", "ws-header", "proxy", "bind", "tls", "cafile", "capath", "cert", "key", "alpn", "sni", "tls-version", "insecure", "tls-keylog"); f != "" {
			return usage(c.named("embedded"), "it excludes "+c.named(f))
		}
	}
	host, address, err := c.parseAddress()
	if err != nil {
		return err
	}
	target := &r.Options.Target
	target.Host, target.Port, r.Topic = address.Host, address.Port, address.Topic
	if host != "" && address.Unix == "" {
		if c.given("host") && address.Host != "" && c.Given["host"] == c.Given["url"] && host != address.Host {
			return usage(c.named("url"), fmt.Sprintf("it names the host %s, and %s names %s", address.Host, c.named("host"), host))
		}
		if address.Host == "" || c.Given["host"] > c.Given["url"] {
			target.Host = host
		}
	}
	if c.given("port") && (address.Port == 0 || c.Given["port"] >= c.Given["url"]) {
		target.Port = c.Port
	}
	c.TLS = c.TLS || address.TLS
	if err := c.resolveTransport(target, address); err != nil {
		return err
	}
	r.Options.Username = address.Username
	if address.Password != nil {
		r.Options.Password = []byte(*address.Password)
	}
	return nil
}

// Address returns the address that c connects to, without credentials.
func (c *Connection) Address() (string, error) {
	var r Resolved
	if err := c.resolveAddress(&r); err != nil {
		return "", err
	}
	if r.Options.Target.Unix == "" && c.encrypts(r.Options.Target) {
		r.Options.Target.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c.defaultPort(&r.Options.Target)
	return r.Options.Target.String(), nil
}

// parseAddress reads --url, and --host, which may hold a URL too.
func (c *Connection) parseAddress() (host string, a Address, err error) {
	if c.given("url") && c.URL == "" {
		return "", a, usage(c.named("url"), "it is empty")
	}
	text, name := c.URL, "url"
	host = c.Host
	if text == "" && strings.Contains(host, "://") {
		text, name, host = host, "host", ""
	}
	if text != "" {
		if a, err = ParseURL(text); err != nil {
			return "", a, usage(c.named(name), err.Error())
		}
		return host, a, nil
	}
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	if strings.Contains(host, "@") { // what is before it may be a password, which no error may show
		return "", a, usage(c.named("host"), "it holds a user name").Hint("write --url mqtt://USER@HOST")
	}
	if h, p, splitErr := net.SplitHostPort(host); splitErr == nil && p != "" {
		return "", a, usage(c.named("host"), fmt.Sprintf("%q holds a port", host)).
			Hint(fmt.Sprintf("write --host %s --port %s", h, p))
	}
	if host == "" {
		return "", a, usage(c.named("host"), "it is empty")
	}
	return host, a, nil
}

func (c *Connection) resolveClientID(r *Resolved) error {
	first, second := c.highest("client-id", "client-id-prefix")
	switch {
	case second != "":
		return usage(c.named(first), "it excludes "+c.named(second))
	case first == "client-id-prefix":
		r.Options.ClientID = c.ClientIDPrefix + randomHex()
	default:
		r.Options.ClientID = c.ClientID
	}
	if c.Resume && r.Options.ClientID == "" {
		return usage(c.named("disable-clean-session"), "the session needs a name to be found again").Hint("add --client-id")
	}
	return checkText("client id", r.Options.ClientID)
}

func (c *Connection) resolveUsername(r *Resolved, secrets Secrets) error {
	if c.given("username") {
		name := c.Username
		if c.Given["username"] == FromContext {
			var err error
			if name, err = secrets.Reveal(name); err != nil {
				return exit.Wrap(exit.Usage, c.named("username"), "", err)
			}
		}
		r.Options.Username = &name
	}
	if r.Options.Username == nil {
		return nil
	}
	return checkText("user name", *r.Options.Username)
}

func randomHex() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

func (c *Connection) resolvePassword(r *Resolved, secrets Secrets) (err error) {
	first, second := c.highest("password", "password-file", "password-prompt")
	if second != "" {
		return usage(c.named(first), "it excludes "+c.named(second))
	}
	secret := ""
	switch first {
	case "":
		if r.Options.Password == nil {
			return nil
		}
		secret = string(r.Options.Password)
	case "password":
		if secret = c.Password; c.Given["password"] == FromContext {
			secret, err = secrets.Reveal(secret)
		}
	case "password-file":
		secret, err = secrets.readSecret(c.PasswordFile)
	case "password-prompt":
		if !c.PasswordPrompt {
			return nil
		}
		secret, err = secrets.Prompt("Password: ")
	}
	if err != nil {
		failure := exit.Wrap(exit.Usage, c.named(first), "", err)
		if first == "password-prompt" {
			failure = failure.Hint("a file can hold it: --password-file")
		}
		return failure
	}
	if len(secret) > wire.MaxString {
		return usage("password", fmt.Sprintf("longer than %d bytes", wire.MaxString))
	}
	r.Options.Password = []byte(secret)
	if r.Options.Username == nil { // [MQTT-3.1.2-22] of MQTT 3.1.1; MQTT 5 dropped it
		c.NeedsV5 = append(c.NeedsV5, "a password without --username")
	}
	return nil
}

// readSecret reads a file that holds a secret and perhaps a line feed after it.
func (s Secrets) readSecret(file string) (string, error) {
	b, err := s.read(file)
	if err != nil {
		return "", err
	}
	return withoutLineFeed(string(b)), nil
}

// resolveLimits refuses what would be taken for something else.
func (c *Connection) resolveLimits(*Resolved) error {
	if c.given("max-inflight") && (c.MaxInflight < 1 || c.MaxInflight > math.MaxUint16) {
		return usage(c.named("max-inflight"), fmt.Sprintf("%d is not from 1 to 65535", c.MaxInflight))
	}
	if c.given("retry-max-wait") && c.RetryMaxWait <= 0 {
		return usage(c.named("retry-max-wait"), "it must be more than 0")
	}
	return nil
}

// resolveDisconnect checks the properties of DISCONNECT ([MQTT-3.14.2-2]: a Session that was to end with its connection
// cannot be kept in the end).
func (c *Connection) resolveDisconnect(r *Resolved) error {
	p := c.Properties.Disconnect
	kept := c.Resume && !r.Options.Properties.Has(wire.PropSessionExpiryInterval) ||
		r.Options.Properties.Has(wire.PropSessionExpiryInterval) && r.Options.Properties.SessionExpiryInterval > 0
	if p.Has(wire.PropSessionExpiryInterval) && p.SessionExpiryInterval > 0 && !kept {
		return usage("--property disconnect session-expiry-interval", "the session ends with its connection").
			Hint("add --session-expiry")
	}
	r.Options.Disconnect = p
	return nil
}

func (c *Connection) resolveWill(secrets Secrets) func(*Resolved) error {
	return func(r *Resolved) error { return c.will(r, secrets) }
}

func (c *Connection) will(r *Resolved, secrets Secrets) error {
	if f := c.firstGiven("will-topic", "will-payload", "will-file", "will-qos", "will-retain", "will-delay"); f != "" && c.Presence != "" {
		return usage(c.named("presence"), "it makes the Will Message, and so excludes "+c.named(f))
	}
	if c.Presence != "" && c.Properties.Will != nil {
		return usage(c.named("presence"), "it makes the Will Message, and so excludes --property will")
	}
	if c.Presence != "" {
		r.Options.Announce = presence{topic: c.Presence}.announce
		return nil
	}
	if !c.given("will-topic") {
		if f := c.firstGiven("will-payload", "will-file", "will-qos", "will-retain", "will-delay"); f != "" {
			return usage(c.named(f), "there is no Will Message without a topic").Hint("add --will-topic")
		}
		if c.Properties.Will != nil {
			return usage("--property will", "there is no Will Message without a topic").Hint("add --will-topic")
		}
		return nil
	}
	if _, err := topic.ParseName(c.WillTopic); err != nil {
		return exit.Wrap(exit.Usage, c.named("will-topic"), "", err)
	}
	w := &wire.Will{Topic: c.WillTopic, Payload: []byte(c.WillPayload), QoS: c.WillQoS, Retain: c.WillRetain, Properties: c.Properties.Will}
	switch first, second := c.highest("will-payload", "will-file"); {
	case second != "":
		return usage(c.named(first), "it excludes "+c.named(second))
	case first == "will-file":
		b, err := secrets.read(c.WillFile)
		if err != nil {
			return exit.Wrap(exit.Usage, c.named("will-file"), "", err)
		}
		w.Payload = b
	}
	if len(w.Payload) > wire.MaxString { // Will Payload is binary data (MQTT 5, 3.1.3.4)
		return usage("will payload", fmt.Sprintf("%d bytes, and MQTT allows %d", len(w.Payload), wire.MaxString))
	}
	if c.given("will-delay") {
		w.Properties = ensure(w.Properties).Set(wire.PropWillDelayInterval)
		w.Properties.WillDelayInterval = c.WillDelay
		c.NeedsV5 = append(c.NeedsV5, c.named("will-delay"))
	}
	r.Options.Will = w
	return nil
}

func ensure(p *wire.Properties) *wire.Properties {
	if p == nil {
		return &wire.Properties{}
	}
	return p
}

func (c *Connection) resolveProperties(r *Resolved) error {
	p := c.Properties.Connect
	set := func(flag string, id wire.PropertyID, assign func(*wire.Properties)) {
		if c.given(flag) {
			p = ensure(p).Set(id)
			assign(p)
			c.NeedsV5 = append(c.NeedsV5, c.named(flag))
		}
	}
	set("session-expiry", wire.PropSessionExpiryInterval, func(p *wire.Properties) { p.SessionExpiryInterval = c.SessionExpiry })
	set("receive-maximum", wire.PropReceiveMaximum, func(p *wire.Properties) { p.ReceiveMaximum = c.ReceiveMaximum })
	set("max-packet-size", wire.PropMaximumPacketSize, func(p *wire.Properties) { p.MaximumPacketSize = c.MaxPacketSize })
	if c.given("receive-maximum") && c.ReceiveMaximum == 0 || c.given("max-packet-size") && c.MaxPacketSize == 0 {
		return usage("--receive-maximum, --max-packet-size", "0 is not allowed")
	}
	c.NeedsV5 = append(c.NeedsV5, c.Properties.given...)
	r.Options.Properties = p
	return nil
}

// resolveVersion settles the protocol level: what only MQTT 5 can say is refused below it and never dropped, and "auto"
// then means MQTT 5.
func (c *Connection) resolveVersion(r *Resolved) error {
	v, err := ParseVersion(c.Protocol)
	if err != nil {
		return usage(c.named("protocol"), err.Error())
	}
	if len(c.NeedsV5) > 0 {
		if v != 0 && v != wire.V5 {
			return usage(c.NeedsV5[0], fmt.Sprintf("it needs MQTT 5, and %s asks for %s", c.named("protocol"), v))
		}
		v = wire.V5
	}
	r.Options.Version = v
	if v == wire.V31 && r.Options.ClientID == "" {
		r.Options.ClientID = "mqx-" + randomHex() // MQTT 3.1, section 3.1: from 1 to 23 characters
	}
	return nil
}

// ParseVersion reads a protocol level: auto is 0.
func ParseVersion(s string) (wire.Version, error) {
	switch strings.ToLower(s) {
	case "", "auto":
		return 0, nil
	case "5", "v5", "5.0", "mqttv5":
		return wire.V5, nil
	case "3.1.1", "311", "mqttv311", "4":
		return wire.V311, nil
	case "3.1", "31", "mqttv31", "3":
		return wire.V31, nil
	default:
		return 0, errors.New("auto, 5, 3.1.1 or 3.1 is expected")
	}
}

// checkText refuses what cannot stand in a UTF-8 Encoded String (MQTT 5, 1.5.4).
func checkText(what, s string) error {
	if err := validText(s); err != nil {
		return usage(what, err.Error())
	}
	return nil
}
