package broker

import (
	"crypto/tls"
	"net"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// ClientInfo says who a client is.
type ClientInfo struct {
	ID       string // the Client Identifier, the assigned one if we assigned it
	Username string
	// CommonName is that of the client certificate, "" without one. The listener has verified the certificate.
	CommonName string
	// Method is the Authentication Method by which the client has proved that it is Username, "" when it has not: then there
	// may be a password in CONNECT.
	Method  string
	Version wire.Version
	Addr    net.Addr
}

// Access decides who may connect. Its methods are called from many goroutines.
type Access interface {
	// Authenticate returns Success and what the client may do, or why it is refused: BadUserNameOrPassword, NotAuthorized,
	// Banned and ServerUnavailable are understood by all. Rights of nil allow everything.
	Authenticate(client ClientInfo, c *wire.Connect) (Rights, wire.ReasonCode)
}

// Rights decide what one client may do. They are asked for each message, from several goroutines, and may change their
// mind while the client is connected.
type Rights interface {
	// MayPublish decides about a PUBLISH and about a Will Message.
	MayPublish(topic string) bool
	// MaySubscribe decides about a Topic Filter. A wildcard may be granted although not all of what it matches may be
	// received: MayReceive holds it back.
	MaySubscribe(filter topic.Filter) bool
	// MayReceive decides about one message, when it is to be delivered.
	MayReceive(topic string) bool
}

// everybody is the Access that allows everything.
type everybody struct{}

func (everybody) Authenticate(ClientInfo, *wire.Connect) (Rights, wire.ReasonCode) {
	return nil, wire.Success
}

// mayPublish reports whether messages of the client to a topic are delivered. Topics that begin with $ are the Server's
// [MQTT-4.7.2-1].
func (c *client) mayPublish(name string) bool {
	return !strings.HasPrefix(name, "$") && (c.rights == nil || c.rights.MayPublish(name))
}

// mayReceive reports whether a message may be delivered to the client.
func (c *client) mayReceive(name string) bool { return c.rights == nil || c.rights.MayReceive(name) }

// commonName returns that of the verified certificate with which the client came, or "".
func commonName(conn net.Conn) string {
	t, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return ""
	}
	if chains := t.ConnectionState().VerifiedChains; len(chains) > 0 {
		return chains[0][0].Subject.CommonName
	}

	return ""
}

// Expel ends the connections of clients that have no place here any more: MQTT 5 clients are told code. It returns how many
// there were.
func (b *Broker) Expel(code wire.ReasonCode, who func(ClientInfo) bool) int {
	b.mu.Lock()
	var out []*client
	for c := range b.clients {
		if c.session != nil && !c.isStopping() && who(c.info) {
			out = append(out, c)
		}
	}
	b.mu.Unlock()
	for _, c := range out {
		c.stop(code)
	}

	return len(out)
}
