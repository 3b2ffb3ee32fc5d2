package mosquitto

import (
	"fmt"
	"strings"
	"sync"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Trace tells of packets as mosquitto does with -d.
type Trace struct {
	out   func(text string)
	quick bool // mosquitto_rr says less

	mu   sync.Mutex
	id   string
	last int            // the last identifier that was shown
	ids  map[uint16]int // identifiers on the wire, as they are shown
}

// NewTrace returns a Trace that gives whole lines to out, one call at a time.
func NewTrace(o *Options, out func(text string)) *Trace {
	t := &Trace{id: o.clientID(), out: out, quick: o.Tool == RR, ids: map[uint16]int{}}
	if t.id == "" {
		t.id = "(null)"
	}
	return t
}

// Packet tells of a packet; direction is "->" for a sent one. It may be called from any goroutine.
func (t *Trace) Packet(direction string, p wire.Packet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	describe := t.received
	if direction == "->" {
		describe = t.sent
	}
	if text := describe(p); text != "" {
		t.out(text)
	}
}

// number is how an identifier is shown: mosquitto counts from 1.
func (t *Trace) number(id uint16) int {
	if n, ok := t.ids[id]; ok && id > 0 {
		return n
	}
	t.last = t.last%65535 + 1
	if id > 0 {
		t.ids[id] = t.last
	}
	return t.last
}

// answered is the number of an identifier that is not in use any more.
func (t *Trace) answered(id uint16) int {
	n, ok := t.ids[id]
	if !ok {
		return int(id)
	}
	delete(t.ids, id)
	return n
}

func (t *Trace) line(direction, format string, args ...any) string {
	return "Client " + t.id + " " + direction + " " + fmt.Sprintf(format, args...) + "\n"
}

func (t *Trace) sent(p wire.Packet) string {
	const to = "sending"
	switch p := p.(type) {
	case *wire.Publish:
		return t.line(to, "PUBLISH (d%d, q%d, r%d, m%d, '%s', ... (%d bytes))", bit(p.Dup), p.QoS, bit(p.Retain), t.number(p.PacketID), p.Topic, len(p.Payload))
	case *wire.Subscribe:
		var b strings.Builder
		n := t.number(p.PacketID)
		for _, s := range p.Subscriptions {
			b.WriteString(t.line(to, "SUBSCRIBE (Mid: %d, Topic: %s, QoS: %d, Options: 0x%02x)", n, s.Filter, s.QoS, subscribeBits(s)))
		}
		return b.String()
	case *wire.Unsubscribe:
		var b strings.Builder
		n := t.number(p.PacketID)
		for _, f := range p.Filters {
			b.WriteString(t.line(to, "UNSUBSCRIBE (Mid: %d, Topic: %s)", n, f))
		}
		return b.String()
	case *wire.Ack:
		switch p.Kind {
		case wire.PUBREL:
			return t.line(to, "PUBREL (m%d)", t.number(p.PacketID))
		case wire.PUBCOMP:
			return t.line(to, "PUBCOMP (m%d)", p.PacketID)
		default:
			return t.line(to, "%s (m%d, rc%d)", p.Kind, p.PacketID, p.Code)
		}
	case *wire.Disconnect:
		if t.quick {
			return ""
		}
		return t.line(to, "DISCONNECT")
	default:
		return t.line(to, "%s", p.Type())
	}
}

func (t *Trace) received(p wire.Packet) string {
	const from = "received"
	switch p := p.(type) {
	case *wire.Connack:
		if p.Properties.Has(wire.PropAssignedClientIdentifier) {
			t.id = p.Properties.AssignedClientIdentifier
		}
		return t.line(from, "CONNACK (%d)", p.Code)
	case *wire.Publish:
		return t.line(from, "PUBLISH (d%d, q%d, r%d, m%d, '%s', ... (%d bytes))", bit(p.Dup), p.QoS, bit(p.Retain), p.PacketID, p.Topic, len(p.Payload))
	case *wire.Suback:
		n := t.answered(p.PacketID)
		if t.quick {
			return t.line(from, "SUBACK")
		}
		return t.line(from, "SUBACK") + subscribed(n, p.Codes)
	case *wire.Ack:
		switch p.Kind {
		case wire.PUBREC:
			return t.line(from, "PUBREC (Mid: %d)", t.number(p.PacketID))
		case wire.PUBREL:
			return t.line(from, "PUBREL (Mid: %d)", p.PacketID)
		default:
			return t.line(from, "%s (Mid: %d, RC:%d)", p.Kind, t.answered(p.PacketID), p.Code)
		}
	case *wire.Disconnect:
		return fmt.Sprintf("Received DISCONNECT (%d)\n", p.Code)
	default:
		return t.line(from, "%s", p.Type())
	}
}

// subscribed is the line with what was granted.
func subscribed(n int, codes []wire.ReasonCode) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Subscribed (mid: %d): ", n)
	for i, c := range codes {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d", c)
	}
	b.WriteByte('\n')
	return b.String()
}

// subscribeBits are the Subscription Options without the QoS (MQTT 5, section 3.8.3.1).
func subscribeBits(s wire.Subscription) byte {
	return bit(s.NoLocal)<<2 | bit(s.RetainAsPublished)<<3 | s.RetainHandling<<4
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}
