// Package faults says what is to go wrong between a broker and its clients: a small language for rules, and the decision,
// packet by packet, which of them strike.
//
// [Parse] reads rules, [Plan.Connect] begins to apply them to a connection. A decision depends on the seed, the rule, the
// Client Identifier and how many packets of the client the rule has looked at, and on nothing else: the same traffic meets
// the same faults. Nothing here sleeps, writes or closes; that is the broker's.
package faults

import (
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Action is what goes wrong.
type Action string

// The actions.
const (
	// Delay sends a packet later, and all that come behind it.
	Delay Action = "delay"
	// Drop does not send a packet.
	Drop Action = "drop"
	// Duplicate sends a PUBLISH of QoS 1 or 2 twice, the second time with DUP.
	Duplicate Action = "duplicate"
	// Disconnect closes the connection instead of handling or sending a packet.
	Disconnect Action = "disconnect"
	// Refuse answers CONNECT, SUBSCRIBE or PUBLISH with a Reason Code.
	Refuse Action = "refuse"
	// Truncate sends half of a packet and closes the connection.
	Truncate Action = "truncate"
	// Blackhole lets nothing through in either direction while the connection stays open.
	Blackhole Action = "blackhole"
	// Bandwidth limits how many bytes a second go through in each direction.
	Bandwidth Action = "bandwidth"
)

// Rule is one line of a plan.
type Rule struct {
	Action  Action
	Packets []wire.Type // empty: all
	// Client is a pattern of Client Identifiers with * and ?, empty for all.
	Client string
	// Topic, if not the zero Filter, is matched against the topic that a packet is about.
	Topic topic.Filter

	By, Jitter time.Duration // the time that Delay takes, or that passes before Drop and Disconnect
	For        time.Duration // how long Blackhole lasts, 0 for ever
	Code       wire.ReasonCode
	Rate       int64 // bytes a second
	// Then says that the connection is closed afterwards.
	Then bool

	Probability float64 // of striking, from 0 to 1
	After       int     // so many packets of a connection go by first
	Every       int     // strikes each so manieth packet of a client, 0: each
	Count       int     // strikes a client so often at most, 0: without end
}

// Packet is what a rule looks at.
type Packet struct {
	Out   bool // from the broker to the client
	Type  wire.Type
	Topic string // of a PUBLISH or what acknowledges it, or the Topic Filter of a SUBSCRIBE; empty when there is none
	QoS   byte
}

// looksAt reports whether the rule is about packets such as p.
func (r *Rule) looksAt(p Packet) bool {
	switch r.Action {
	case Refuse:
		if p.Out {
			return false
		}
	case Disconnect, Blackhole:
	case Bandwidth:
		return false
	case Duplicate:
		if !p.Out || p.Type != wire.PUBLISH || p.QoS == 0 {
			return false
		}
	default:
		if !p.Out {
			return false
		}
	}
	if len(r.Packets) > 0 && !slices.Contains(r.Packets, p.Type) {
		return false
	}

	return r.Topic.String() == "" || p.Topic != "" && r.Topic.Match(p.Topic)
}

// glob reports whether pattern, with * for any text and ? for any one character, matches all of s.
func glob(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}

	return i == len(p)
}
