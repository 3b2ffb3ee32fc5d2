package commands

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/output"
)

func newContextCheck(e *env) *cobra.Command {
	var c config.Connection
	cmd := &cobra.Command{
		Use:   "check [NAME]",
		Short: "Connect as a context says, and tell what is there",
		Long: "Connect as a context says, and tell what is there: the transport, the protocol level, and what the broker allows.\n" +
			"Without NAME it is that of --context, MQX_CONTEXT or the current one. Connection flags come before what the\n" +
			"context says; for a NAME, what it says comes before the environment. Nothing is published or subscribed to.\n\n" +
			"Status 0: connected; 3: not reached; 4: refused; 1: there is no such context.",
		Args:              atMostOne,
		ValidArgsFunction: e.completeFirst,
		Annotations:       readOnly(),
	}
	e.addJSONFlag(cmd, "print a JSON object")
	addConnectionFlags(cmd, &c, "publish")
	cmd.RunE = e.runAfter(func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			if err := e.applyEnvironment(cmd); err != nil {
				return err
			}
			return e.applyContext(cmd)
		}
		if given(cmd, "context") {
			return usageError(cmd, "either a name or --context")
		}
		return e.takeContext(cmd, &c, args[0])
	}, func(ctx context.Context, _ []string) error { return e.checkConnection(ctx, cmd, &c) })
	return cmd
}

// takeContext sets the flags of cmd from the context that is the command's subject, and then from the environment.
func (e *env) takeContext(cmd *cobra.Command, c *config.Connection, name string) error {
	file, contexts, err := e.contexts()
	if err != nil {
		return err
	}
	x, err := e.findContext(contexts, []string{name})
	if err != nil {
		return err
	}
	return e.applyNamedContext(cmd, c, x, file)
}

// checkObject is what a connection came to, in JSON. Durations are in seconds.
type checkObject struct {
	Context    string     `json:"context,omitempty"`
	Address    string     `json:"address"`
	Peer       string     `json:"peer"`
	Dial       float64    `json:"dial_seconds"`
	Connect    float64    `json:"connect_seconds"` // with CONNACK
	TLS        *tlsObject `json:"tls,omitempty"`
	Protocol   string     `json:"protocol"`
	ClientID   string     `json:"client_id"`
	Present    bool       `json:"session_present"`
	KeepAlive  uint16     `json:"keep_alive"`
	MaximumQoS byte       `json:"maximum_qos"`
	Retain     bool       `json:"retain_available"`
	Wildcard   bool       `json:"wildcard_subscription_available"`
	Shared     bool       `json:"shared_subscription_available"`
	SubID      bool       `json:"subscription_identifier_available"`
	Receive    uint16     `json:"receive_maximum"`
	MaxPacket  uint32     `json:"maximum_packet_size,omitempty"` // none: no limit
	TopicAlias uint16     `json:"topic_alias_maximum"`
}

// tlsObject is what is known about the encryption.
type tlsObject struct {
	Version  string `json:"version"`
	Cipher   string `json:"cipher_suite"`
	Subject  string `json:"subject,omitempty"`
	NotAfter string `json:"not_after,omitempty"`
	Verified bool   `json:"verified"`
}

func (e *env) checkConnection(ctx context.Context, cmd *cobra.Command, c *config.Connection) error {
	r, err := e.resolve(ctx, cmd, c)
	if err != nil {
		return err
	}
	found := checkObject{Context: c.Context, Address: r.Options.Target.String()}
	start := time.Now()
	dial := r.Options.Dial
	if dial == nil {
		dial = func(ctx context.Context) (net.Conn, error) { return link.Dial(ctx, r.Options.Target) }
	}
	r.Options.Dial = func(ctx context.Context) (net.Conn, error) {
		began := time.Now()
		conn, err := dial(ctx)
		if err == nil {
			found.Dial = time.Since(began).Seconds()
			found.dialled(conn)
		}
		return conn, err
	}
	s, err := e.open(ctx, r.Options)
	if err != nil {
		return err
	}
	found.Connect = time.Since(start).Seconds()
	found.connected(s.Caps())
	closeSession(ctx, s)
	if e.json {
		return e.printObject(found)
	}
	lines := output.NewLines(e.streams)
	for _, row := range found.rows() {
		lines.Escaped(fmt.Sprintf("%-11s %s", row[0], row[1]))
	}
	return lines.Flush()
}

// dialled notes what the network connection is like.
func (o *checkObject) dialled(conn net.Conn) {
	if a := conn.RemoteAddr(); a != nil {
		o.Peer = a.String()
	}
	secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return
	}
	state := secure.ConnectionState()
	if !state.HandshakeComplete { // a WebSocket without TLS
		return
	}
	o.TLS = &tlsObject{Version: tls.VersionName(state.Version), Cipher: tls.CipherSuiteName(state.CipherSuite), Verified: len(state.VerifiedChains) > 0}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		o.TLS.Subject, o.TLS.NotAfter = leaf.Subject.String(), leaf.NotAfter.UTC().Format(time.RFC3339)
	}
}

// connected notes what CONNACK said.
func (o *checkObject) connected(caps client.Caps) {
	o.Protocol, o.ClientID, o.Present, o.KeepAlive = caps.Version.String(), caps.ClientID, caps.SessionPresent, caps.KeepAlive
	o.MaximumQoS, o.Retain, o.Wildcard, o.Shared, o.SubID = caps.MaximumQoS, caps.RetainAvailable, caps.WildcardAvailable, caps.SharedAvailable, caps.SubIDAvailable
	o.Receive, o.MaxPacket, o.TopicAlias = caps.ReceiveMaximum, caps.MaximumPacketSize, caps.TopicAliasMaximum
}

// rows are what people are told.
func (o *checkObject) rows() [][2]string {
	rows := [][2]string{
		{"context", said(o.Context)},
		{"address", fmt.Sprintf("%s (%s)", o.Address, o.Peer)},
	}
	if o.TLS != nil {
		verified := "verified"
		if !o.TLS.Verified {
			verified = "not verified"
		}
		rows = append(rows, [2]string{"tls", fmt.Sprintf("%s, %s", o.TLS.Version, o.TLS.Cipher)},
			[2]string{"certificate", fmt.Sprintf("%s until %s, %s", said(o.TLS.Subject), o.TLS.NotAfter, verified)})
	}
	packet := "no limit"
	if o.MaxPacket > 0 {
		packet = strconv.FormatUint(uint64(o.MaxPacket), 10) + " bytes"
	}
	return append(rows,
		[2]string{"connected", fmt.Sprintf("in %.3f s, %.3f s of it for the network", o.Connect, o.Dial)},
		[2]string{"protocol", "MQTT " + o.Protocol},
		[2]string{"client id", said(o.ClientID)},
		[2]string{"keep alive", fmt.Sprintf("%d s", o.KeepAlive)},
		[2]string{"limits", fmt.Sprintf("QoS %d, %d messages in flight, packets: %s", o.MaximumQoS, o.Receive, packet)},
		[2]string{"features", o.features()},
	)
}

func (o *checkObject) features() string {
	if o.Protocol != "5" {
		return "not told below MQTT 5"
	}
	var has, lacks []string
	for _, f := range []struct {
		name string
		on   bool
	}{
		{"retained messages", o.Retain},
		{"wildcards", o.Wildcard},
		{"shared subscriptions", o.Shared},
		{"subscription identifiers", o.SubID},
	} {
		if f.on {
			has = append(has, f.name)
		} else {
			lacks = append(lacks, "no "+f.name)
		}
	}
	return strings.Join(append(has, lacks...), ", ")
}
