package broker

import (
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Store keeps what is to outlive the process: Retained Messages, and of Sessions that may outlive their connection what
// section 4.1 counts as Session State. [Broker.Restore] reads it back.
//
// Each method but Load and Sync notes one change and returns at once, because the Broker calls it with locks held. Changes
// of one Session, and of one topic, come in the order in which they happened; others may come at the same time from many
// goroutines. What a change holds is not altered later, so a Store may keep it as it is.
//
// Before the Broker writes to a Client what the Client may rely on (an acknowledgement, a QoS 2 message, PUBREL), it calls
// Sync. So a message that was acknowledged is not lost when the process ends at any moment, and one at QoS 2 is not
// delivered twice.
type Store interface {
	// Load returns everything that was noted and not taken back.
	Load() (*StoredState, error)

	// Retain makes m the Retained Message of its topic.
	Retain(m StoredMessage)
	// Unretain removes the Retained Message of a topic.
	Unretain(topic string)

	// SaveSession notes a new Session, or what has changed of one. Its subscriptions and deliveries stay as they are.
	SaveSession(s StoredSession)
	// EndSession removes a Session and all that belongs to it.
	EndSession(clientID string)
	// Subscribe notes a subscription; it replaces the one of the Session with the same Filter.
	Subscribe(clientID string, s StoredSubscription)
	// Unsubscribe removes the subscription with that filter.
	Unsubscribe(clientID, filter string)

	// Queue notes a message at QoS 1 or 2 for the Session. Its Seq rises within the Session.
	Queue(clientID string, d StoredDelivery)
	// Sent notes that the delivery was given its Packet Identifier and is on its way.
	Sent(clientID string, seq uint64, packetID uint16)
	// Released notes that PUBREC has come: of the message only PUBREL is left.
	Released(clientID string, seq uint64)
	// Settled removes a delivery: it was acknowledged, has expired or went to somebody else.
	Settled(clientID string, seq uint64)

	// Received notes the Packet Identifier of a QoS 2 message from the Client, until Completed takes it back.
	Received(clientID string, packetID uint16)
	// Completed takes back what Received has noted.
	Completed(clientID string, packetID uint16)

	// Atomic calls f once; of the changes that are noted meanwhile by its goroutine, a crash keeps all or none. Calls of it
	// are not nested, and f does not call Sync.
	Atomic(f func())

	// Sync returns when everything that was noted before the call is safe, at once if it is already. After an error the
	// Broker does not acknowledge and closes the connection.
	Sync() error
}

// StoredState is what a [Store] holds.
type StoredState struct {
	Retained []StoredMessage
	Sessions []StoredSession
}

// StoredMessage is an Application Message in a [Store].
type StoredMessage struct {
	// Number tells messages apart: it is the same in all the places that one message is stored in, and no other message
	// has it.
	Number     uint64
	Topic      string
	Payload    []byte
	Properties *wire.Properties // nil when there are none
	From       string           // Client Identifier of the publisher, empty for none
	Expires    time.Time        // zero: never
	QoS        byte
	Retain     bool // as it was published
}

// StoredSession is the State of a Session in a [Store]. SaveSession leaves its three lists empty, Load fills them.
type StoredSession struct {
	ClientID string
	Expiry   uint32      // Session Expiry Interval in seconds, 0xFFFFFFFF: never
	Left     time.Time   // when the last connection ended, zero while there is one
	Will     *StoredWill // not published yet, nil for none

	Subscriptions []StoredSubscription
	Deliveries    []StoredDelivery // in the order of Seq
	Received      []uint16
}

// StoredWill is a Will Message in a [Store].
type StoredWill struct {
	Message StoredMessage // its Number is 0; its expiry begins when it is published and stands in Properties
	Delay   uint32        // Will Delay Interval in seconds
}

// StoredSubscription is a subscription in a [Store].
type StoredSubscription struct {
	Filter            string
	Identifier        uint32 // 0: none
	QoS               byte
	NoLocal           bool
	RetainAsPublished bool
}

// StoredDelivery is a message on its way to a Session in a [Store]. Queue leaves PacketID and Released at zero, Load sets
// them to what Sent and Released have noted.
type StoredDelivery struct {
	Seq         uint64
	Message     StoredMessage
	Identifiers []uint32 // Subscription Identifiers
	Share       string   // the Topic Filter of the Shared Subscription it came by, empty for none
	QoS         byte
	Retain      bool
	PacketID    uint16 // 0: not sent
	Released    bool
}

// stored returns m as it is stored.
func (m *message) stored() StoredMessage {
	return StoredMessage{
		Number: m.number, Topic: m.topic, Payload: m.payload, Properties: m.props, From: m.from, Expires: m.expires,
		QoS: m.qos, Retain: m.retain,
	}
}

// message returns the message that was stored.
func (m *StoredMessage) message() *message {
	return &message{
		number: m.Number, topic: m.Topic, payload: m.Payload, props: m.Properties, from: m.From, expires: m.Expires,
		qos: m.QoS, retain: m.Retain, kept: true, weight: weight(m.Properties),
	}
}

func (w *will) stored() *StoredWill {
	if w == nil {
		return nil
	}

	return &StoredWill{
		Message: StoredMessage{Topic: w.topic, Payload: w.payload, Properties: w.props, From: w.from, QoS: w.qos, Retain: w.retain},
		Delay:   w.delay,
	}
}

func (w *StoredWill) will() *will {
	if w == nil {
		return nil
	}
	m := &w.Message

	return &will{
		from: m.From, topic: m.Topic, payload: m.Payload, props: m.Properties, delay: w.Delay, qos: m.QoS, retain: m.Retain,
	}
}

// atomically calls f so that of its changes all or none are kept.
func (b *Broker) atomically(f func()) {
	if b.cfg.Store == nil {
		f()

		return
	}
	b.cfg.Store.Atomic(f)
}

// save notes that the Session exists, for how long it may be left alone, and its Will Message.
func (b *Broker) save(s *session, expiry uint32, left time.Time, w *will) {
	if s.durable {
		b.cfg.Store.SaveSession(StoredSession{ClientID: s.id, Expiry: expiry, Left: left, Will: w.stored()})
	}
}

// storeQueued notes a delivery. The session is locked.
func (b *Broker) storeQueued(s *session, d *delivery) {
	if !s.durable || d.qos == 0 {
		return
	}
	d.msg = d.msg.keep()
	s.queued++
	d.seq = s.queued
	stored := StoredDelivery{Seq: d.seq, Message: d.msg.stored(), Identifiers: d.ids, QoS: d.qos, Retain: d.retain}
	if d.share != nil {
		stored.Share = d.share.filter
	}
	b.cfg.Store.Queue(s.id, stored)
}

// storeSent notes that a delivery is on its way. The session is locked.
func (b *Broker) storeSent(s *session, d *delivery, id uint16) {
	if !s.durable {
		return
	}
	if d.seq == 0 { // a Retained Message for a new subscription
		b.storeQueued(s, d)
	}
	b.cfg.Store.Sent(s.id, d.seq, id)
}

// storeSettled notes that a delivery is over. The session is locked.
func (b *Broker) storeSettled(s *session, d *delivery) {
	if s.durable && d.seq > 0 {
		b.cfg.Store.Settled(s.id, d.seq)
	}
}
