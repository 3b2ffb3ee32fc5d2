package broker

import (
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
)

// retained holds the Retained Messages.
//
// A new subscription gets them by a replay, which stands in the queue of its Session where the subscription began and
// is taken from the store in portions, as the client reads: a million of them neither fill the queue nor hold the lock.
// Live messages queue up behind it, so no older message comes after a newer one of its topic.
//
// Meanwhile the store changes. Each publish with RETAIN set has a sequence number, and a subscription takes those up to a
// number by replay and those above live: none twice, none not at all. A message that a replay under way still has to
// deliver stays reachable behind the one that replaced it.
type retained struct {
	mu      sync.Mutex
	store   topic.Store[*retainedMessage]
	seq     uint64
	replays map[*replay]struct{}
	count   int    // of the messages that clients have retained
	bytes   int64  // of the same
	newest  uint64 // the largest until of all replays
}

// retainedMessage is the Retained Message of a topic.
type retainedMessage struct {
	*message
	before *retainedMessage // an older one that a replay needs, or nil
	expiry *time.Timer      // nil when the message does not expire
}

const (
	// replayPage is how many messages a replay takes from the store at once, replayLook how many names it looks at for them.
	replayPage = 64
	replayLook = 256
)

// replay is the delivery of the Retained Messages that match a new subscription.
type replay struct {
	sub   *subscription
	until uint64 // newer ones come live
	after string // the topic that the store is to go on behind
	more  bool
	page  []*message

	answers []byte // packets that follow the messages; guarded by the Session
}

// size returns how many messages clients have retained, and their bytes.
func (r *retained) size() (count int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.count, r.bytes
}

// retain makes m the Retained Message of its topic, or removes that when m is empty [MQTT-3.3.1-6]. The caller holds the
// topic's lock of Broker.publishing.
func (b *Broker) retain(m *message) {
	r := &b.retained
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	m.seq = r.seq
	old, _ := r.store.Get(m.topic)
	if old != nil && old.expiry != nil {
		old.expiry.Stop()
	}
	if len(m.payload) == 0 {
		b.unretain(m.topic)

		return
	}
	if b.cfg.Store != nil && !isServerTopic(m.topic) {
		b.cfg.Store.Retain(m.stored())
	}
	b.keepRetained(&retainedMessage{message: m, before: r.needed(old)})
}

// keepRetained puts a Retained Message in its place, until it expires. The retained messages are locked.
func (b *Broker) keepRetained(e *retainedMessage) {
	if !e.expires.IsZero() {
		e.expiry = b.after(time.Until(e.expires), func() { b.expireRetained(e) })
	}
	r := &b.retained
	r.forget(e.topic)
	if !isServerTopic(e.topic) {
		r.count++
		r.bytes += e.size()
	}
	r.store.Set(e.topic, e)
}

// forget takes a topic's message out of the count.
func (r *retained) forget(name string) {
	if old, ok := r.store.Get(name); ok && !isServerTopic(name) {
		r.count--
		r.bytes -= old.size()
	}
}

// unretain removes the Retained Message of a topic. The retained messages are locked.
func (b *Broker) unretain(name string) {
	b.retained.forget(name)
	b.retained.store.Delete(name)
	if b.cfg.Store != nil && !isServerTopic(name) {
		b.cfg.Store.Unretain(name)
	}
}

// needed returns the newest message from old back that a replay may have to deliver.
func (r *retained) needed(old *retainedMessage) *retainedMessage {
	for old != nil && old.seq > r.newest {
		old = old.before
	}
	if len(r.replays) == 0 {
		return nil
	}

	return old
}

func (b *Broker) expireRetained(e *retainedMessage) {
	r := &b.retained
	r.mu.Lock()
	defer r.mu.Unlock()
	if now, _ := r.store.Get(e.topic); now == e {
		b.unretain(e.topic)
	}
}

// begin sets where sub's replay ends and its live messages begin, and returns the replay, nil when there is nothing to
// deliver. No subscription may be looked up meanwhile.
func (r *retained) begin(sub *subscription) *replay {
	r.mu.Lock()
	defer r.mu.Unlock()
	sub.since = r.seq
	if r.store.Len() == 0 {
		return nil
	}
	p := &replay{sub: sub, until: r.seq, more: true}
	if r.replays == nil {
		r.replays = make(map[*replay]struct{})
	}
	r.replays[p] = struct{}{}
	r.newest = r.seq // never less than that of an older replay

	return p
}

// end is for a replay that is complete or given up.
func (r *retained) end(p *replay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.replays, p)
	p.page, p.more = nil, false
}

// fetch takes the next portion from the store. It may turn out empty while there are more.
func (r *retained) fetch(p *replay) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	alone := len(r.replays) == 1
	p.after, p.more = r.store.MatchFrom(p.sub.filter.Bare(), p.after, replayLook, func(_ string, e *retainedMessage) bool {
		if m := e.asOf(p.until); m != nil && !m.expired(now) && !p.sub.isOwn(m) {
			p.page = append(p.page, m)
		}
		if alone {
			e.before = nil
		}

		return len(p.page) < replayPage
	})
}

// asOf returns the message that was retained when the sequence stood at seq.
func (e *retainedMessage) asOf(seq uint64) *message {
	for e != nil && e.seq > seq {
		e = e.before
	}
	if e == nil {
		return nil
	}

	return e.message
}

// next takes the next message from the portion in hand.
func (p *replay) next() delivery {
	m := p.page[0]
	p.page[0], p.page = nil, p.page[1:]
	if len(p.page) == 0 {
		p.page = nil
	}

	return delivery{msg: m, ids: p.sub.ids, qos: min(m.qos, p.sub.qos), retain: true}
}
