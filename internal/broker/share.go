package broker

import (
	"strings"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/topic"
)

// share is one Shared Subscription: a ShareName and a Topic Filter (section 4.8.2). Its members are guarded by the index.
type share struct {
	name    string
	filter  string // as it was subscribed to, with the name
	bare    string // without
	members []*subscription
	turn    atomic.Uint32
}

func (n *filterNode) share(f topic.Filter) *share {
	name := f.ShareName()
	if sh := n.shares[name]; sh != nil {
		return sh
	}
	if n.shares == nil {
		n.shares = make(map[string]*share, 1)
	}
	sh := &share{name: strings.Clone(name), filter: f.String(), bare: f.Bare()}
	n.shares[sh.name] = sh

	return sh
}

// pick returns the delivery to the member whose turn it is: connected ones in rotation, and only when there are none, and
// the message can wait in a queue, one of the others. The Session is nil when nobody can take the message.
func (sh *share) pick(m *message) (*session, delivery) {
	n := uint32(len(sh.members))
	if n == 0 {
		return nil, delivery{}
	}
	turn := sh.turn.Add(1)
	var absent *subscription
	for i := range n {
		sub := sh.members[(turn+i)%n]
		if sub.session.online.Load() {
			sh.turn.Add(i) // who was passed over has had a turn

			return sub.session, sub.delivery(m)
		}
		if absent == nil && min(sub.qos, m.qos) > 0 {
			absent = sub
		}
	}

	if absent == nil {
		return nil, delivery{}
	}
	d := absent.delivery(m)
	d.absent = true

	return absent.session, d
}

// another chooses again for a message that the first choice did not take. The group may have ended since, or begun anew.
func (b *Broker) another(d *delivery) (*session, delivery) {
	b.index.mu.RLock()
	defer b.index.mu.RUnlock()
	sh := b.index.living(d.share)
	if sh == nil {
		return nil, delivery{}
	}
	s, again := sh.pick(d.msg)
	if again.qos > 0 {
		again.msg = again.msg.keep()
	}

	return s, again
}

// reassign gives messages of Shared Subscriptions, which their first choice did not take, to the member whose turn it is
// now. Section 4.8.2 allows that for messages that were not sent, and at QoS 1 for unacknowledged ones.
func (b *Broker) reassign(orphans []delivery) {
	var k kicks
	for i := range orphans {
		if s, again := b.another(&orphans[i]); s != nil {
			b.push(s, &again, &k)
		}
	}
	k.flush()
}
