package output

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Trace writes one line a packet, for --debug. Passwords and payloads are not shown.
type Trace struct {
	// HideUser masks the user name, too: it may be a secret, such as an access token.
	HideUser bool

	mu sync.Mutex
	w  io.Writer
}

// NewTrace returns a Trace that writes to w.
func NewTrace(w io.Writer) *Trace { return &Trace{w: w} }

// Packet writes p. It may be called from any goroutine.
func (t *Trace) Packet(direction string, p wire.Packet) {
	line := time.Now().Format("15:04:05.000000") + " " + direction + " " + t.describe(p) + "\n"
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.w, line) // nobody is left to tell about a broken stderr
}

// describe puts the facts of a packet on one line.
func (t *Trace) describe(p wire.Packet) string {
	d := description{hideUser: t.HideUser}
	d.word("%s", p.Type())
	switch p := p.(type) {
	case *wire.Connect:
		d.connect(p)
	case *wire.Connack:
		d.flag(p.SessionPresent, "session present")
		d.word("%s", p.Code)
		d.properties(p.Properties)
	case *wire.Publish:
		d.publish(p)
	case *wire.Ack:
		d.word("id %d %s", p.PacketID, p.Code)
		d.properties(p.Properties)
	case *wire.Subscribe:
		d.word("id %d", p.PacketID)
		for _, s := range p.Subscriptions {
			d.word("%q QoS %d", s.Filter, s.QoS)
		}
		d.properties(p.Properties)
	case *wire.Suback:
		d.codes(p.PacketID, p.Codes, p.Properties)
	case *wire.Unsubscribe:
		d.word("id %d", p.PacketID)
		for _, f := range p.Filters {
			d.word("%q", f)
		}
		d.properties(p.Properties)
	case *wire.Unsuback:
		d.codes(p.PacketID, p.Codes, p.Properties)
	case *wire.Disconnect:
		d.word("%s", p.Code)
		d.properties(p.Properties)
	case *wire.Auth:
		d.word("%s", p.Code)
	}
	return string(AppendEscaped(nil, []byte(d.b.String())))
}

type description struct {
	b        strings.Builder
	hideUser bool
}

func (d *description) word(format string, args ...any) {
	if d.b.Len() > 0 {
		d.b.WriteByte(' ')
	}
	fmt.Fprintf(&d.b, format, args...)
}

func (d *description) flag(on bool, name string) {
	if on {
		d.word("%s", name)
	}
}

func (d *description) connect(p *wire.Connect) {
	d.word("MQTT %s client id %q keep alive %d", p.Version, p.ClientID, p.KeepAlive)
	d.flag(p.CleanStart, "clean start")
	switch {
	case p.HasUsername && d.hideUser:
		d.word("user ***")
	case p.HasUsername:
		d.word("user %q", p.Username)
	}
	d.flag(p.HasPassword, "password ***")
	if p.Will != nil {
		d.word("will %q QoS %d %d bytes", p.Will.Topic, p.Will.QoS, len(p.Will.Payload))
		d.flag(p.Will.Retain, "retain")
	}
	d.properties(p.Properties)
}

func (d *description) publish(p *wire.Publish) {
	d.word("%q QoS %d", p.Topic, p.QoS)
	if p.QoS > 0 {
		d.word("id %d", p.PacketID)
	}
	d.flag(p.Retain, "retain")
	d.flag(p.Dup, "dup")
	d.word("%d bytes", len(p.Payload))
	d.properties(p.Properties)
}

func (d *description) codes(id uint16, codes []wire.ReasonCode, p *wire.Properties) {
	d.word("id %d", id)
	for _, c := range codes {
		d.word("%s", c)
	}
	d.properties(p)
}

// properties names what is present; the reason string is the one whose value a person needs.
func (d *description) properties(p *wire.Properties) {
	if p.Empty() {
		return
	}
	for id := wire.PropPayloadFormatIndicator; id <= wire.PropSharedSubscriptionAvailable; id++ {
		if p.Has(id) && id != wire.PropReasonString {
			d.word("[%s]", id)
		}
	}
	if p.Has(wire.PropReasonString) {
		d.word("%q", p.ReasonString)
	}
}
