package boltstore

import (
	"fmt"

	"github.com/mqx-cli/mqx/internal/broker"
)

// state is what is known about the records without reading them: who they belong to, and under which key.
type state struct {
	sessions map[string]*session // by Client Identifier
	retained map[string]uint64   // Number of the Retained Message, by topic
	messages map[uint64]int      // how many records need the message, by Number
	numbered uint64              // the highest number of a Session
}

type session struct {
	number        uint64
	subscriptions map[string]uint64 // number by filter
	subscribed    uint64            // the highest of them
	deliveries    map[uint64]*delivery
	received      map[uint16]struct{}
}

// delivery is a [broker.StoredDelivery] without its message.
type delivery struct {
	message  uint64 // Number, 0: released
	ids      []uint32
	share    string
	packetID uint16
	qos      byte
	retain   bool
	released bool
}

func newState() state {
	return state{sessions: make(map[string]*session), retained: make(map[string]uint64), messages: make(map[uint64]int)}
}

// newSession returns an empty Session; its maps are made when something comes into them.
func newSession(number uint64) *session { return &session{number: number} }

// hold notes that one more record needs a message.
func (s *Store) hold(m *broker.StoredMessage) {
	n := s.state.messages[m.Number]
	if n == 0 {
		s.put(key{kind: kindMessage, a: m.Number}, entry{message: m}, true)
	}
	s.state.messages[m.Number] = n + 1
}

// release notes that one record less needs a message.
func (s *Store) release(number uint64) {
	n := s.state.messages[number]
	if n > 1 {
		s.state.messages[number] = n - 1

		return
	}
	delete(s.state.messages, number)
	s.remove(key{kind: kindMessage, a: number})
}

// Retain implements [broker.Store].
func (s *Store) Retain(m broker.StoredMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold(&m)
	s.unretain(m.Topic)
	s.state.retained[m.Topic] = m.Number
	s.put(key{kind: kindRetained, a: m.Number}, entry{body: []byte{}}, true)
}

// Unretain implements [broker.Store].
func (s *Store) Unretain(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unretain(topic)
}

func (s *Store) unretain(topic string) {
	number, ok := s.state.retained[topic]
	if !ok {
		return
	}
	delete(s.state.retained, topic)
	s.remove(key{kind: kindRetained, a: number})
	s.release(number)
}

// SaveSession implements [broker.Store].
func (s *Store) SaveSession(saved broker.StoredSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.state.sessions[saved.ClientID]
	isNew := known == nil
	if isNew {
		s.state.numbered++
		known = newSession(s.state.numbered)
		s.state.sessions[saved.ClientID] = known
	}
	body, err := encodeSession(&saved)
	if err != nil { // a Will Message that came in a packet fits into one
		s.fail(fmt.Errorf("client %q: %w", saved.ClientID, err))

		return
	}
	s.put(key{kind: kindSession, a: known.number}, entry{body: body}, isNew)
}

// EndSession implements [broker.Store].
func (s *Store) EndSession(clientID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.state.sessions[clientID]
	if known == nil {
		return
	}
	delete(s.state.sessions, clientID)
	for _, number := range known.subscriptions {
		s.remove(key{kindSubscription, known.number, number})
	}
	for seq := range known.deliveries {
		s.settle(known, seq)
	}
	for id := range known.received {
		s.remove(key{kindReceived, known.number, uint64(id)})
	}
	s.remove(key{kind: kindSession, a: known.number})
}

// in calls f with the Session and everything locked. A Session that has ended is not there any more.
func (s *Store) in(clientID string, f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.state.sessions[clientID]; known != nil {
		f(known)
	}
}

// Subscribe implements [broker.Store].
func (s *Store) Subscribe(clientID string, sub broker.StoredSubscription) {
	s.in(clientID, func(known *session) {
		number, ok := known.subscriptions[sub.Filter]
		if !ok {
			known.subscribed++
			number = known.subscribed
			known.subscribe(sub.Filter, number)
		}
		s.put(key{kindSubscription, known.number, number}, entry{body: encodeSubscription(&sub)}, !ok)
	})
}

func (known *session) subscribe(filter string, number uint64) {
	if known.subscriptions == nil {
		known.subscriptions = make(map[string]uint64)
	}
	known.subscriptions[filter] = number
	known.subscribed = max(known.subscribed, number)
}

// Unsubscribe implements [broker.Store].
func (s *Store) Unsubscribe(clientID, filter string) {
	s.in(clientID, func(known *session) {
		if number, ok := known.subscriptions[filter]; ok {
			delete(known.subscriptions, filter)
			s.remove(key{kindSubscription, known.number, number})
		}
	})
}

// Queue implements [broker.Store].
func (s *Store) Queue(clientID string, d broker.StoredDelivery) {
	s.in(clientID, func(known *session) {
		s.hold(&d.Message)
		one := &delivery{message: d.Message.Number, ids: d.Identifiers, share: d.Share, qos: d.QoS, retain: d.Retain}
		known.deliver(d.Seq, one)
		s.put(key{kindDelivery, known.number, d.Seq}, entry{body: one.encode()}, true)
	})
}

func (known *session) deliver(seq uint64, d *delivery) {
	if known.deliveries == nil {
		known.deliveries = make(map[uint64]*delivery)
	}
	known.deliveries[seq] = d
}

// Sent implements [broker.Store].
func (s *Store) Sent(clientID string, seq uint64, packetID uint16) {
	s.in(clientID, func(known *session) {
		if d := known.deliveries[seq]; d != nil {
			d.packetID = packetID
			s.put(key{kindDelivery, known.number, seq}, entry{body: d.encode()}, false)
		}
	})
}

// Released implements [broker.Store].
func (s *Store) Released(clientID string, seq uint64) {
	s.in(clientID, func(known *session) {
		d := known.deliveries[seq]
		if d == nil || d.released {
			return
		}
		s.release(d.message)
		d.released, d.message, d.ids = true, 0, nil
		s.put(key{kindDelivery, known.number, seq}, entry{body: d.encode()}, false)
	})
}

// Settled implements [broker.Store].
func (s *Store) Settled(clientID string, seq uint64) {
	s.in(clientID, func(known *session) {
		s.settle(known, seq)
		if len(known.deliveries) == 0 {
			known.deliveries = nil // the room of a long queue is not kept
		}
	})
}

func (s *Store) settle(known *session, seq uint64) {
	d := known.deliveries[seq]
	if d == nil {
		return
	}
	delete(known.deliveries, seq)
	if !d.released {
		s.release(d.message)
	}
	s.remove(key{kindDelivery, known.number, seq})
}

// Received implements [broker.Store].
func (s *Store) Received(clientID string, packetID uint16) {
	s.in(clientID, func(known *session) {
		_, again := known.received[packetID]
		known.receive(packetID)
		s.put(key{kindReceived, known.number, uint64(packetID)}, entry{body: []byte{}}, !again)
	})
}

func (known *session) receive(id uint16) {
	if known.received == nil {
		known.received = make(map[uint16]struct{})
	}
	known.received[id] = struct{}{}
}

// Completed implements [broker.Store].
func (s *Store) Completed(clientID string, packetID uint16) {
	s.in(clientID, func(known *session) {
		if _, ok := known.received[packetID]; ok {
			delete(known.received, packetID)
			s.remove(key{kindReceived, known.number, uint64(packetID)})
		}
	})
}
