package mosquitto

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/wire"
)

// reconnectWait is the time between attempts to connect again.
const reconnectWait = time.Second

// Client turns the options into those of a client, with the same checks as for mqx's own commands; secrets asks for the
// password of an encrypted key. It reads the files of TLS. An *End says that the program ends here.
func (o *Options) Client(secrets config.Secrets) (client.Options, *End) {
	for _, check := range []func() *End{o.checkAddress, o.checkID, o.checkCredentials, o.checkKeys, o.checkVersion} {
		if end := check(); end != nil {
			return client.Options{}, end
		}
	}
	c := o.connection()
	resolved, err := c.Resolve(secrets)
	if err != nil {
		return client.Options{}, resolveEnd(err)
	}
	r := resolved.Options
	if r.Target.Unix == "" {
		r.Target.Host = o.Host // as it is: no URL, no brackets
	}
	r.Disconnect = o.Disconnect
	if o.Version != wire.V5 {
		r.Disconnect = nil
	}
	r.Retry = client.Retry{MaxWait: reconnectWait}
	if r.Target.TLS != nil && o.Ciphers != "" {
		if r.Target.TLS.CipherSuites, err = cipherSuites(o.Ciphers); err != nil {
			return r, plainEnd("Error: Problem setting TLS options: " + err.Error() + ".\n")
		}
	}
	return r, nil
}

// connection fills in what mqx's own flags would say.
func (o *Options) connection() *config.Connection {
	c := &config.Connection{
		Host: "localhost", Port: o.port(), Bind: o.Bind, Proxy: o.Proxy, KeepAlive: o.KeepAlive, Protocol: o.Version.String(),
		ClientID: o.clientID(), Resume: !o.CleanSession, ConnectTimeout: time.Duration(o.KeepAlive) * time.Second,
		MaxInflight: o.MaxInflight, WillQoS: o.WillQoS, WillRetain: o.WillRetain,
		Properties: config.PacketProperties{Connect: o.connectProperties(), Will: o.Will},
		Given:      map[string]config.Origin{"protocol": config.Flag},
	}
	give := func(flag string, given bool) {
		if given {
			c.Given[flag] = config.Flag
		}
	}
	if c.Port == 0 {
		c.Unix, c.Bind, c.Proxy = o.Host, "", ""
	}
	give("unix", c.Port == 0)
	give("port", c.Port != 0)
	give("proxy", c.Proxy != "")
	give("bind", c.Bind != "")
	give("client-id", c.ClientID != "")
	give("max-inflight", c.MaxInflight > 0)
	if o.Username != nil {
		c.Username = *o.Username
		give("username", true)
	}
	if o.Password != nil {
		c.Password = *o.Password
		give("password", true)
	}
	if o.WillTopic != nil {
		c.WillTopic = *o.WillTopic
		give("will-topic", true)
	}
	if o.WillPayload != nil {
		c.WillPayload = *o.WillPayload
		give("will-payload", true)
	}
	if o.WebSocket && c.Unix == "" {
		c.WSPath = "/mqtt"
	}
	o.secure(c)
	return c
}

// port is where to connect to.
func (o *Options) port() int {
	switch {
	case o.Port != portUnset:
		return o.Port
	case !o.NoTLS && (o.CAFile != "" || o.CAPath != "" || o.PSK != ""):
		return portTLS
	default:
		return portPlain
	}
}

// encrypts reports whether the connection is to be encrypted. A client certificate alone does not ask for it.
func (o *Options) encrypts() bool {
	return !o.NoTLS && o.port() != 0 && (o.CAFile != "" || o.CAPath != "" || o.OSCerts || o.port() == portTLS)
}

func (o *Options) secure(c *config.Connection) {
	if c.NoTLS = !o.encrypts(); c.NoTLS {
		return
	}
	c.TLS, c.CAFile, c.CAPath, c.Cert, c.Key = true, o.CAFile, o.CAPath, o.Cert, o.Key
	c.TLSVersion, c.Insecure, c.TLSKeyLog = o.TLSVersion, o.Insecure, o.KeyLog
	if o.ALPN != "" {
		c.ALPN = []string{o.ALPN}
	}
	for _, flag := range []string{"cafile", "capath", "cert", "key", "tls-version", "tls-keylog"} {
		c.Given[flag] = config.Flag // for the names in errors
	}
}

// clientID is the Client Identifier. MQTT 3.1 has no empty one.
func (o *Options) clientID() string {
	switch {
	case o.ID != nil:
		return *o.ID
	case o.IDPrefix != nil:
		return *o.IDPrefix + itoa(os.Getpid())
	case o.Version == wire.V31:
		var b [12]byte
		_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
		return "mosq-" + base64.RawURLEncoding.EncodeToString(b[:])
	default:
		return ""
	}
}

// connectProperties adds to the properties of CONNECT that no more messages may be on their way than are wanted.
func (o *Options) connectProperties() *wire.Properties {
	const enough = 20
	if o.Connect.Has(wire.PropAuthenticationData) && !o.Connect.Has(wire.PropAuthenticationMethod) {
		o.Connect.Clear(wire.PropAuthenticationData) // means nothing
	}
	if o.Version != wire.V5 || o.Count == 0 || o.Count >= enough || o.Connect.Has(wire.PropReceiveMaximum) {
		return o.Connect
	}
	p := o.Connect.Clone()
	if p == nil {
		p = &wire.Properties{}
	}
	p.ReceiveMaximum = uint16(o.Count)
	return p.Set(wire.PropReceiveMaximum)
}

func (o *Options) checkAddress() *End {
	switch {
	case o.port() < 0 || o.port() > 65535:
		return plainEnd("Unable to connect (Invalid function arguments provided.).\n")
	case o.Host == "":
		return plainEnd("Unable to connect (Lookup error.).\n")
	}
	return nil
}

func (o *Options) checkID() *End {
	if o.ID == nil || *o.ID != "" && isText(*o.ID) {
		return nil
	}
	if o.Tool == Pub {
		return plainEnd("Error: Invalid id.\n")
	}
	return plainEnd("Error: Invalid id and/or clean_session.\n")
}

func (o *Options) checkCredentials() *End {
	name, nameless := o.Username, o.Username == nil && o.Password != nil && o.Version != wire.V5
	if nameless || name != nil && !isText(*name) {
		return plainEnd("Error: Problem setting username and/or password.\n")
	}
	return nil
}

// checkKeys refuses what can only fail, and what this program has no means for: engines and pre-shared keys.
func (o *Options) checkKeys() *End {
	switch {
	case o.PSK != "":
		if _, err := hex.DecodeString(o.PSK); err != nil {
			return plainEnd("Error: Problem setting TLS-PSK options.\n")
		}
		return plainEnd("Error: Problem setting TLS-PSK options.\nError: mqx does not speak TLS with pre-shared keys; use certificates (--cafile).\n")
	case o.Engine != "":
		return plainEnd("Error: Problem setting TLS engine, is " + o.Engine + " a valid engine?\n")
	case o.KeyForm != "" && o.KeyForm != "pem":
		return plainEnd("Error: Problem setting key form, it must be one of 'pem' or 'engine'.\n")
	case o.TLSVersion != "" && !slices.Contains([]string{"tlsv1.1", "tlsv1.2", "tlsv1.3"}, o.TLSVersion):
		return plainEnd("Error: Problem setting TLS options, check the options are valid.\n")
	}
	if o.TLSVersion == "tlsv1.1" { // as the lowest that is allowed, which is higher here
		o.TLSVersion = ""
	}
	return nil
}

// checkVersion refuses properties below MQTT 5.
func (o *Options) checkVersion() *End {
	switch {
	case o.Version == wire.V5:
		return nil
	case o.Will != nil:
		return plainEnd("Error: Problem setting will.\n")
	case !o.Connect.Empty(), o.Tool == Sub && !o.Subscribe.Empty():
		return plainEnd("Unable to connect (This feature is not supported.).\n")
	}
	return nil
}

// resolveEnd puts into mosquitto's words what cannot be connected with.
func resolveEnd(err error) *End {
	what := ""
	if e, ok := errors.AsType[*exit.Error](err); ok {
		what = e.What
	}
	switch flag, _, _ := strings.Cut(what, ","); flag {
	case "--bind":
		return plainEnd("Unable to connect (Lookup error.).\n")
	case "--cafile", "--capath", "--cert", "--key", "--tls-keylog", "--tls-version":
		if errors.Is(err, fs.ErrNotExist) {
			return plainEnd("Error: Problem setting TLS options: File not found.\n")
		}
		return plainEnd(tlsFailed)
	case "--will-topic", "will payload":
		return plainEnd("Error: Problem setting will.\n")
	default:
		return plainEnd("Unable to connect (Invalid function arguments provided.).\n")
	}
}
