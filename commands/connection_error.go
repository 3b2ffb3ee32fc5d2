package commands

import (
	"errors"

	"github.com/mqx-cli/mqx/internal/link"
)

// unansweredHint says what a server often wants that did not answer CONNECT, or not in MQTT.
func unansweredHint(t link.Target, err error) string {
	plain := t.TLS == nil && t.WebSocket == nil && t.Unix == ""
	switch {
	case errors.Is(err, link.ErrSpeaksTLS) && plain:
		return "this is a TLS port: try --tls, or mqtts://"
	case errors.Is(err, link.ErrSpeaksHTTP) && t.WebSocket == nil:
		return "MQTT over WebSocket is ws:// or wss://, or --ws-path"
	case !errors.Is(err, link.ErrNoAnswer):
		return ""
	case plain:
		return "a TLS port does that: try --tls, or mqtts://"
	case t.TLS != nil && len(t.TLS.Certificates) == 0:
		return "the broker may want a client certificate (--cert, --key)"
	case t.TLS != nil:
		return "the broker may not accept the client certificate"
	default:
		return ""
	}
}
