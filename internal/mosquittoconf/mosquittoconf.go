// Package mosquittoconf writes what Mosquitto 2.0 needs to take the place of an embedded broker: its mosquitto.conf with
// [Server.Conf], and a compose file with [Server.Compose]. [Write] puts them into a folder.
//
// It knows Mosquitto's options and nothing of files: password files and access lists have the same format on both sides, so
// they are copied and not written. What Mosquitto has no option for is for the caller to say.
package mosquittoconf

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Server is what a Mosquitto is to be. Paths are those that Mosquitto sees.
type Server struct {
	Listeners []Listener
	// Users is a password file, ACL an access list; empty for none.
	Users, ACL string
	// Anonymous lets clients in who give no user name.
	Anonymous bool
	TLS       TLS
	// Data is the folder for what outlives the process; empty: nothing does.
	Data   string
	Limits Limits
	// SysInterval is how often $SYS is published, whole seconds, 0 for never.
	SysInterval time.Duration
	Bridge      *Bridge
}

// Listener is one place where clients connect.
type Listener struct {
	Port    int    // 0 for a Unix socket
	Address string // an address, or the path of a Unix socket; empty for all addresses
	TLS     bool
	// WebSocket says that clients speak MQTT over WebSocket here.
	WebSocket bool
}

// TLS are the files of the listeners with TLS, PEM.
type TLS struct {
	Cert, Key string
	// ClientCA, when set, lets in only clients with a certificate of this CA, whose common name is their user name.
	ClientCA string
}

// Limits are what clients may ask for; 0 is no limit where Mosquitto has one.
type Limits struct {
	Clients        int // for each listener
	PacketSize     uint32
	Inflight       uint16
	QueuedMessages int
	QueuedBytes    int64
	KeepAlive      uint16 // seconds, for MQTT 5
}

// Bridge joins the Server to another one.
type Bridge struct {
	Name    string
	Address string // host:port
	TLS     bool
	// CA is a file with the authority of the other Server; empty: those of the system.
	CA                 string
	Username, Password string
	Topics             []BridgeTopic
}

// BridgeTopic is what a bridge carries.
type BridgeTopic struct {
	Filter string
	// Direction is in, out or both, as seen from the Server with the bridge.
	Direction string
}

const (
	// autosave is how often Mosquitto writes what it keeps, in seconds. Its own default of 30 minutes is much to lose.
	autosave = 30
	// longestKeepAlive is what a Keep Alive can be, in seconds, and Mosquitto's default.
	longestKeepAlive = 65535
	// largestPacket is what the protocol allows, in bytes.
	largestPacket = 268435455
	// systemCAs is where Debian and its kin have their authorities.
	systemCAs = "/etc/ssl/certs"
)

// Check returns an error when the configuration could not be written down: Mosquitto's file has one option a line, and some
// of them are words.
func (s *Server) Check() error {
	for _, text := range s.texts() {
		if strings.ContainsAny(text, "\r\n\x00") {
			return fmt.Errorf("%q has a line break, which mosquitto.conf cannot hold", text)
		}
	}
	for _, l := range s.Listeners {
		if l.Port == 0 && strings.ContainsAny(l.Address, " \t") {
			return fmt.Errorf("Mosquitto takes no Unix socket with a space in its path: %q", l.Address) //nolint:staticcheck // a name
		}
	}
	if s.Bridge == nil {
		return nil
	}
	if len(s.Bridge.Topics) == 0 {
		return errors.New("the bridge carries nothing")
	}
	for _, t := range s.Bridge.Topics {
		if strings.ContainsAny(t.Filter, " \t\"") {
			return fmt.Errorf("Mosquitto's bridges take no topic with spaces or quotes: %q", t.Filter) //nolint:staticcheck // a name
		}
	}

	return nil
}

// texts are all values that come from outside.
func (s *Server) texts() []string {
	all := []string{s.Users, s.ACL, s.Data, s.TLS.Cert, s.TLS.Key, s.TLS.ClientCA}
	for _, l := range s.Listeners {
		all = append(all, l.Address)
	}
	if b := s.Bridge; b != nil {
		all = append(all, b.Name, b.Address, b.CA, b.Username, b.Password)
		for _, t := range b.Topics {
			all = append(all, t.Filter, t.Direction)
		}
	}

	return all
}
