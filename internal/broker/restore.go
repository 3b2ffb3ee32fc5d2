package broker

import (
	"fmt"
	"math"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Restore takes over what [Config].Store holds. It is called once, before anything is served. A Session that had a
// connection when the process ended counts as left now. What has expired meanwhile is dropped: Sessions (their Will Messages
// are published), and messages that were not sent yet.
func (b *Broker) Restore() error {
	if b.cfg.Store == nil {
		return nil
	}
	state, err := b.cfg.Store.Load()
	if err != nil {
		return err
	}
	for i := range state.Retained {
		b.restoreRetained(state.Retained[i].message())
	}
	var over []*session
	for i := range state.Sessions {
		s, expired, err := b.restoreSession(&state.Sessions[i])
		if err != nil {
			return err
		}
		if expired {
			over = append(over, s)
		}
	}
	for _, s := range over {
		b.counters.expiredSessions.Add(1)
		b.atomically(func() { b.end(s) })
	}

	return b.cfg.Store.Sync()
}

func (b *Broker) restoreRetained(m *message) {
	if m.expired(time.Now()) {
		b.cfg.Store.Unretain(m.topic)

		return
	}
	r := &b.retained
	r.mu.Lock()
	defer r.mu.Unlock()
	b.restoreNumber(m)
	r.seq++
	m.seq = r.seq
	b.keepRetained(&retainedMessage{message: m})
}

func (b *Broker) restoreNumber(m *message) {
	if m.number > b.numbers.Load() {
		b.numbers.Store(m.number)
	}
}

// restoreSession reports whether the Session has expired; it is there nevertheless.
func (b *Broker) restoreSession(stored *StoredSession) (_ *session, expired bool, err error) {
	s := &session{id: stored.ClientID, durable: true}
	b.mu.Lock()
	b.sessions[s.id] = s
	b.mu.Unlock()
	for _, sub := range stored.Subscriptions {
		if err := b.restoreSubscription(s, sub); err != nil {
			return nil, false, err
		}
	}
	for i := range stored.Deliveries {
		b.restoreDelivery(s, &stored.Deliveries[i])
	}
	for _, id := range stored.Received {
		s.receive(id)
	}
	now := time.Now()
	if stored.Left.IsZero() {
		stored.Left = now
		b.save(s, stored.Expiry, now, stored.Will.will())
	}
	elapsed := max(0, now.Sub(stored.Left))
	if stored.Expiry != never && elapsed >= seconds(stored.Expiry) {
		s.will = stored.Will.will()

		return s, true, nil
	}
	b.wait(s, stored.Will.will(), stored.Expiry, elapsed)

	return s, false, nil
}

func (b *Broker) restoreSubscription(s *session, stored StoredSubscription) error {
	f, err := topic.ParseFilter(stored.Filter)
	if err != nil {
		return fmt.Errorf("stored subscription of client %q: %w", s.id, err)
	}
	sub := newSubscription(s, f, wire.Subscription{
		QoS: stored.QoS, NoLocal: stored.NoLocal, RetainAsPublished: stored.RetainAsPublished,
	})
	if stored.Identifier > 0 {
		sub.ids = []uint32{stored.Identifier}
	}
	b.index.add(sub, func(bool) {})

	return nil
}

func (b *Broker) restoreDelivery(s *session, stored *StoredDelivery) {
	m := stored.Message.message()
	b.restoreNumber(m)
	d := delivery{msg: m, ids: stored.Identifiers, seq: stored.Seq, qos: stored.QoS, retain: stored.Retain}
	if sub := s.subs[stored.Share]; sub != nil {
		d.share = sub.share
	}
	s.queued = max(s.queued, stored.Seq)
	if stored.PacketID == 0 && m.expired(time.Now()) {
		b.counters.expired.Add(1)
		b.storeSettled(s, &d)

		return
	}
	if stored.PacketID == 0 {
		s.bytes += m.size()
		s.queue.push(d)
		s.tell(b)

		return
	}
	if stored.Released {
		d.msg = nil
	}
	s.fly(stored.PacketID, &inflight{delivery: d, released: stored.Released})
	s.tell(b)
}

// seconds is n seconds as a Duration, the longest there is for what never ends.
func seconds(n uint32) time.Duration {
	if n == never {
		return math.MaxInt64
	}

	return time.Duration(n) * time.Second
}
