package broker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/wire"
)

// modest is how many bytes every connection may send before it is let in; see [Config.MaxPendingBytes].
const modest = 4 << 10

// longestOpening is how far into CONNECT its Protocol Version can stand: behind the longest fixed header and name.
const longestOpening = 1 + 4 + 2 + len("MQIsdp") + 1

// opening is what a connection has sent before it was let in. It belongs to the goroutine that reads.
type opening struct {
	taken int64 // bytes
	head  []byte
}

// look takes notice of bytes that have come, and returns an error as soon as they cannot become a CONNECT that is accepted.
func (c *client) look(p []byte) error {
	o, b := c.opening, c.b
	if room := longestOpening - len(o.head); room > 0 {
		o.head = append(o.head, p[:min(room, len(p))]...)
		if err := c.judge(o.head); err != nil {
			return err
		}
	}
	o.taken += int64(len(p))
	if b.pendingBytes.Add(int64(len(p))) > b.cfg.MaxPendingBytes && o.taken > modest {
		return fmt.Errorf("connections that were not let in yet have sent more than %d bytes", b.cfg.MaxPendingBytes)
	}

	return nil
}

// opened ends the time before the client is let in, or is not.
func (c *client) opened() {
	c.b.pendingBytes.Add(-c.opening.taken)
	c.opening = nil
}

// judge looks at the first bytes of a connection, as many as there are [MQTT-3.1.0-1] [MQTT-3.1.2-1]. It notes the Protocol
// Version, as what a refusal has to be in.
func (c *client) judge(head []byte) error {
	const connect = byte(wire.CONNECT << 4)
	if head[0] != connect {
		return fmt.Errorf("the first byte is 0x%02X, that of CONNECT is 0x%02X%s", head[0], connect, resemblance(head[0]))
	}
	rest := head[1:]
	for i, b := range rest {
		if b < 0x80 {
			return c.judgeName(rest[i+1:])
		}
	}

	return nil // the end of the Remaining Length is yet to come, or the packet reader refuses it
}

// judgeName looks at Protocol Name and Protocol Version.
func (c *client) judgeName(b []byte) error {
	for _, protocol := range [...]struct{ name, levels string }{{"\x00\x04MQTT", "\x04\x05"}, {"\x00\x06MQIsdp", "\x03"}} {
		n := len(protocol.name)
		switch {
		case len(b) <= n && strings.HasPrefix(protocol.name, string(b)):
			return nil
		case len(b) <= n || string(b[:n]) != protocol.name:
		case strings.IndexByte(protocol.levels, b[n]) >= 0:
			c.info.Version = wire.Version(b[n])

			return nil
		default:
			c.info.Version = wire.V311 // what all clients understand who are not MQTT 5 clients

			return refuse(wire.UnsupportedProtocolVersion, "protocol %q level %d", protocol.name[2:], b[n]) // [MQTT-3.1.2-2]
		}
	}

	return errors.New("the Protocol Name is not MQTT")
}

// resemblance says what a first byte is more likely to begin.
func resemblance(first byte) string {
	const handshake = 0x16 // ContentType of a ClientHello (RFC 8446, section 5.1)
	switch {
	case first == handshake:
		return "; it may be TLS"
	case first >= 'A' && first <= 'Z':
		return "; it may be HTTP"
	default:
		return ""
	}
}
