package retained

import (
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// versionTopic is where Mosquitto says what it is, always.
	versionTopic = "$SYS/broker/version"
	// holdPatience is how long acknowledgements are held back when nothing comes.
	holdPatience = 250 * time.Millisecond
)

// queueProof is what proves that Mosquitto has dropped nothing for want of room.
//
// Mosquitto puts all Retained Messages of QoS 1 and 2 into the client's queue while it works off the SUBSCRIBE, and drops
// the newest once the queue is full. Only acknowledgements empty it. So the sentinel, when it is published before the
// first of them, finds the queue as the Retained Messages have left it: it comes back only if there was room to the end.
type queueProof struct {
	wanted   bool   // somebody asks
	version  string // what the Server calls itself
	held     bool   // no acknowledgement was sent before the sentinel
	sentinel bool   // it came back
}

// stands reports whether the proof is complete. Other Servers may drop the oldest message instead of the newest.
func (q *queueProof) stands() bool {
	return q.held && q.sentinel && strings.HasPrefix(q.version, "mosquitto ")
}

// hides reports whether asking for the version would hide it from a listing of these filters.
func hides(filters []topic.Filter) bool {
	for _, f := range filters {
		if f.Match(versionTopic) {
			return true
		}
	}
	return false
}

// ownSubscriptions are those that Collect makes for itself, that of the sentinel first.
func (c *collector) ownSubscriptions() []wire.Subscription {
	subs := []wire.Subscription{{Filter: c.topic, QoS: 1}}
	if c.queue.wanted {
		subs = append(subs, wire.Subscription{Filter: versionTopic})
	}
	return subs
}

// patience limits the wait for an answer while acknowledgements are held back; nil is no limit.
func (c *collector) patience() func() time.Time {
	if !c.holds {
		return nil
	}
	return func() time.Time { return c.last.Add(holdPatience) }
}
