package boltstore_test

import (
	"cmp"
	"maps"
	"slices"

	"github.com/mqx-cli/mqx/internal/broker"
)

// model is the plainest Store there is, to compare with.
type model struct {
	retained map[string]broker.StoredMessage
	sessions map[string]*broker.StoredSession
}

func newModel() *model {
	return &model{retained: map[string]broker.StoredMessage{}, sessions: map[string]*broker.StoredSession{}}
}

func (m *model) Load() (*broker.StoredState, error) {
	state := &broker.StoredState{}
	for _, topic := range slices.Sorted(maps.Keys(m.retained)) {
		state.Retained = append(state.Retained, m.retained[topic])
	}
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		s := *m.sessions[id]
		s.Subscriptions, s.Deliveries, s.Received = slices.Clone(s.Subscriptions), slices.Clone(s.Deliveries), slices.Clone(s.Received)
		state.Sessions = append(state.Sessions, s)
	}

	return sorted(state), nil
}

// sorted brings what has no order into one.
func sorted(state *broker.StoredState) *broker.StoredState {
	slices.SortFunc(state.Retained, func(a, b broker.StoredMessage) int { return cmp.Compare(a.Topic, b.Topic) })
	for i := range state.Sessions {
		s := &state.Sessions[i]
		slices.SortFunc(s.Subscriptions, func(a, b broker.StoredSubscription) int { return cmp.Compare(a.Filter, b.Filter) })
		slices.Sort(s.Received)
		if len(s.Subscriptions) == 0 {
			s.Subscriptions = nil
		}
		if len(s.Deliveries) == 0 {
			s.Deliveries = nil
		}
		if len(s.Received) == 0 {
			s.Received = nil
		}
	}

	return state
}

func (m *model) Retain(msg broker.StoredMessage) { m.retained[msg.Topic] = msg }

func (m *model) Unretain(topic string) { delete(m.retained, topic) }

func (m *model) SaveSession(s broker.StoredSession) {
	if old := m.sessions[s.ClientID]; old != nil {
		old.Expiry, old.Left, old.Will = s.Expiry, s.Left, s.Will

		return
	}
	m.sessions[s.ClientID] = &s
}

func (m *model) EndSession(id string) { delete(m.sessions, id) }

func (m *model) Subscribe(id string, sub broker.StoredSubscription) {
	m.Unsubscribe(id, sub.Filter)
	m.sessions[id].Subscriptions = append(m.sessions[id].Subscriptions, sub)
}

func (m *model) Unsubscribe(id, filter string) {
	s := m.sessions[id]
	s.Subscriptions = slices.DeleteFunc(s.Subscriptions, func(s broker.StoredSubscription) bool { return s.Filter == filter })
}

func (m *model) Queue(id string, d broker.StoredDelivery) {
	m.sessions[id].Deliveries = append(m.sessions[id].Deliveries, d)
}

func (m *model) delivery(id string, seq uint64) *broker.StoredDelivery {
	s := m.sessions[id]

	return &s.Deliveries[slices.IndexFunc(s.Deliveries, func(d broker.StoredDelivery) bool { return d.Seq == seq })]
}

func (m *model) Sent(id string, seq uint64, packetID uint16) { m.delivery(id, seq).PacketID = packetID }

func (m *model) Released(id string, seq uint64) {
	d := m.delivery(id, seq)
	d.Released, d.Message, d.Identifiers = true, broker.StoredMessage{}, nil
}

func (m *model) Settled(id string, seq uint64) {
	s := m.sessions[id]
	s.Deliveries = slices.DeleteFunc(s.Deliveries, func(d broker.StoredDelivery) bool { return d.Seq == seq })
}

func (m *model) Received(id string, packetID uint16) {
	m.Completed(id, packetID)
	m.sessions[id].Received = append(m.sessions[id].Received, packetID)
}

func (m *model) Completed(id string, packetID uint16) {
	s := m.sessions[id]
	s.Received = slices.DeleteFunc(s.Received, func(n uint16) bool { return n == packetID })
}

func (m *model) Atomic(f func()) { f() }

func (m *model) Sync() error { return nil }
