package broker

import (
	"fmt"
	"math"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Restore takes over what [Config].Store holds. It is called once, before anything is served. A Session that had a
// connection when the process ended counts as left now.
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
	for i := range state.Sessions {
		if err := b.restoreSession(&state.Sessions[i]); err != nil {
			return err
		}
	}

	return nil
}

func (b *Broker) restoreRetained(m *message) {
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

func (b *Broker) restoreSession(stored *StoredSession) error {
	s := &session{id: stored.ClientID, durable: true}
	b.mu.Lock()
	b.sessions[s.id] = s
	b.mu.Unlock()
	for _, sub := range stored.Subscriptions {
		if err := b.restoreSubscription(s, sub); err != nil {
			return err
		}
	}
	for i := range stored.Deliveries {
		b.restoreDelivery(s, &stored.Deliveries[i])
	}
	for _, id := range stored.Received {
		s.receive(id)
	}
	elapsed := time.Duration(0)
	if !stored.Left.IsZero() {
		elapsed = max(0, time.Since(stored.Left))
	}
	b.wait(s, stored.Will.will(), stored.Expiry, elapsed)

	return nil
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
	if stored.PacketID == 0 {
		s.bytes += m.size()
		s.queue.push(d)

		return
	}
	if stored.Released {
		d.msg = nil
	}
	s.fly(stored.PacketID, &inflight{delivery: d, released: stored.Released})
}

// seconds is n seconds as a Duration, the longest there is for what never ends.
func seconds(n uint32) time.Duration {
	if n == never {
		return math.MaxInt64
	}

	return time.Duration(n) * time.Second
}
