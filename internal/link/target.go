package link

import "crypto/tls"

// Target is the address of a Server.
type Target struct {
	// Host is a DNS name or an IP address, without brackets.
	Host string
	// Port is 1 to 65535.
	Port int
	// TLS is nil for a plain connection. An empty ServerName is filled in from Host.
	TLS *tls.Config
}
