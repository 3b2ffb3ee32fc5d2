package boltstore

import (
	"cmp"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/mqx-cli/mqx/internal/broker"
)

// loader puts together what the records say. They come in the order of their keys.
type loader struct {
	state    state
	messages map[uint64]*broker.StoredMessage
	retained []uint64
	sessions map[uint64]*loading
	seal     seal // as it was stored
	found    seal // as it ought to be
	sealed   bool
	wrong    string
}

// loading is a Session whose records are coming.
type loading struct {
	stored broker.StoredSession
	known  *session
	there  bool // the record of the Session itself has come
}

// load reads all records. The file was inspected.
func (s *Store) load() error {
	l := loader{state: newState(), messages: make(map[uint64]*broker.StoredMessage), sessions: make(map[uint64]*loading)}
	err := s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucketName))
		if b == nil {
			l.fail("it has no records")

			return nil
		}

		return b.ForEach(func(name, value []byte) error {
			l.record(name, value)

			return nil
		})
	})
	if err != nil {
		return err
	}
	if !l.sealed {
		l.fail("its seal is missing")
	}
	if l.seal != l.found {
		l.fail("of %d records %d are there, or some are not the last ones", l.seal.count, l.found.count)
	}
	s.loaded = l.assemble()
	if l.wrong != "" {
		return &DamagedError{File: s.db.Path(), What: l.wrong}
	}
	s.state, s.seal, s.pending = l.state, l.seal, make(map[key]entry)
	for number := range l.messages {
		if l.state.messages[number] == 0 {
			s.pending[key{kind: kindMessage, a: number}] = entry{} // nobody needs it
		}
	}

	return nil
}

// fail notes the first thing that is wrong.
func (l *loader) fail(format string, args ...any) {
	if l.wrong == "" {
		l.wrong = fmt.Sprintf(format, args...)
	}
}

func (l *loader) record(name, value []byte) {
	k, ok := parseKey(name)
	body, valid := signed(name, value)
	if !ok || !valid {
		l.fail("the checksum of record %x is wrong", name)

		return
	}
	r := reader{rest: body}
	switch k.kind {
	case kindSeal:
		var err error
		l.sealed = true
		if l.seal, err = parseSeal(body); err != nil {
			l.fail("seal: %v", err)
		}

		return
	case kindDelivery:
		d := r.delivery()
		l.session(k.a).known.deliver(k.b, &d)
	case kindMessage:
		m := r.message()
		m.Number = k.a
		l.messages[k.a] = &m
	case kindReceived:
		in := l.session(k.a)
		in.known.receive(uint16(k.b))
		in.stored.Received = append(in.stored.Received, uint16(k.b))
	case kindRetained:
		l.retained = append(l.retained, k.a)
	case kindSession:
		in := l.session(k.a)
		in.stored, in.there = withLists(r.session(), &in.stored), true
		l.state.sessions[in.stored.ClientID] = in.known
		l.state.numbered = max(l.state.numbered, k.a)
	case kindSubscription:
		sub, in := r.subscription(), l.session(k.a)
		in.known.subscribe(sub.Filter, k.b)
		in.stored.Subscriptions = append(in.stored.Subscriptions, sub)
	default:
		r.fail("kind")
	}
	if err := r.end(); err != nil {
		l.fail("record %x: %v", name, err)
	}
	l.found.add(value)
}

// withLists returns s with the lists of old.
func withLists(s broker.StoredSession, old *broker.StoredSession) broker.StoredSession {
	s.Subscriptions, s.Deliveries, s.Received = old.Subscriptions, old.Deliveries, old.Received

	return s
}

func (l *loader) session(number uint64) *loading {
	in := l.sessions[number]
	if in == nil {
		in = &loading{known: newSession(number)}
		l.sessions[number] = in
	}

	return in
}

// assemble joins the records.
func (l *loader) assemble() *broker.StoredState {
	stored := &broker.StoredState{}
	for _, number := range l.retained {
		if m := l.need(number); m != nil {
			stored.Retained = append(stored.Retained, *m)
			l.state.retained[m.Topic] = number
		}
	}
	for _, in := range l.sessions {
		if !in.there {
			l.fail("the Session of a record is missing")
		}
		l.deliveries(in)
		stored.Sessions = append(stored.Sessions, in.stored)
	}
	slices.SortFunc(stored.Sessions, func(a, b broker.StoredSession) int { return cmp.Compare(a.ClientID, b.ClientID) })

	return stored
}

// need returns a message that a record needs.
func (l *loader) need(number uint64) *broker.StoredMessage {
	m := l.messages[number]
	if m == nil {
		l.fail("message %d is missing", number)

		return nil
	}
	l.state.messages[number]++

	return m
}

func (l *loader) deliveries(in *loading) {
	for seq, d := range in.known.deliveries {
		one := broker.StoredDelivery{
			Seq: seq, Identifiers: d.ids, Share: d.share, QoS: d.qos, Retain: d.retain, PacketID: d.packetID, Released: d.released,
		}
		if !d.released {
			if m := l.need(d.message); m != nil {
				one.Message = *m
			}
		}
		in.stored.Deliveries = append(in.stored.Deliveries, one)
	}
	slices.SortFunc(in.stored.Deliveries, func(a, b broker.StoredDelivery) int { return cmp.Compare(a.Seq, b.Seq) })
}
