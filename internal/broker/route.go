package broker

import (
	"slices"
	"sync"
)

// router finds the deliveries that one message makes. Routers are used again.
type router struct {
	msg     *message
	targets []target
	visit   func(*filterNode) // r.node, made once
	nodes   int               // visited ones with ordinary subscriptions
	overlap map[*session]int  // the place in targets, once a second node was visited
}

type target struct {
	session *session
	delivery
}

// routers is a pool with the type that we put in.
type routers struct{ pool sync.Pool }

func (p *routers) get() *router {
	if r, ok := p.pool.Get().(*router); ok {
		return r
	}

	r := &router{}
	r.visit = r.node

	return r
}

func (p *routers) put(r *router) {
	clear(r.targets)
	clear(r.overlap)
	r.msg, r.targets, r.nodes = nil, r.targets[:0], 0
	p.pool.Put(r)
}

// node adds the subscribers of one Topic Filter that matches.
func (r *router) node(n *filterNode) {
	for _, sh := range n.shares {
		if s, d := sh.pick(r.msg); s != nil {
			r.targets = append(r.targets, target{s, d})
		}
	}
	if len(n.direct) == 0 {
		return
	}
	r.nodes++
	if r.nodes == 2 {
		r.startOverlap()
	}
	for _, sub := range n.direct {
		if sub.wants(r.msg) {
			r.direct(sub)
		}
	}
}

// startOverlap notes who has a delivery, from when on a Session can match a second time. Deliveries by Shared Subscriptions
// stand alone [MQTT-4.8.2-4].
func (r *router) startOverlap() {
	if r.overlap == nil {
		r.overlap = make(map[*session]int)
	}
	for i, t := range r.targets {
		if t.share == nil {
			r.overlap[t.session] = i
		}
	}
}

func (r *router) direct(sub *subscription) {
	d := sub.delivery(r.msg)
	if r.nodes > 1 {
		if i, ok := r.overlap[sub.session]; ok {
			r.targets[i].merge(d)

			return
		}
		r.overlap[sub.session] = len(r.targets)
	}
	r.targets = append(r.targets, target{sub.session, d})
}

// merge makes one delivery of two: at the highest QoS, with all Subscription Identifiers [MQTT-3.3.4-2] [MQTT-3.3.4-3].
func (d *delivery) merge(other delivery) {
	d.qos = max(d.qos, other.qos)
	d.retain = d.retain || other.retain
	d.ids = append(slices.Clip(d.ids), other.ids...)
}

// publish retains the message if it says so and delivers it to all subscribers. It reports whether there were any. The
// writers that have new work are noted in k.
func (b *Broker) publish(m *message, k *kicks) bool {
	heard, err := b.publishIf(m, condition{}, k)
	if err != nil {
		b.counters.dropped.Add(1) // there is no room among the Retained Messages
	}

	return heard
}

// publishIf is publish for a message with RETAIN set that depends on what is retained.
func (b *Broker) publishIf(m *message, depends condition, k *kicks) (heard bool, err error) {
	if b.cfg.Store != nil {
		m.number = b.numbers.Add(1)
	}
	if m.retain {
		lock := &b.publishing[b.stripe(m.topic)]
		lock.Lock()
		defer lock.Unlock()
		if err := b.check(depends, m.topic); err != nil {
			return false, err
		}
		if err := b.retainable(m); err != nil {
			return false, err
		}
		m = m.keep()
		b.retain(m)
	}
	r := b.routers.get()
	defer b.routers.put(r)
	r.msg = m
	b.index.mu.RLock()
	b.index.tree.Match(m.topic, r.visit)
	b.index.mu.RUnlock()
	for i := range r.targets {
		t := &r.targets[i]
		t.msg = r.msg
		if t.qos > 0 {
			t.msg = t.msg.keep() // it may wait for an acknowledgement for long
		}
		b.push(t.session, &t.delivery, k)
		r.msg = t.msg // one copy serves all
	}

	return len(r.targets) > 0, nil
}
