package boltstore

import (
	bolt "go.etcd.io/bbolt"

	"github.com/mqx-cli/mqx/internal/broker"
)

// FileName is the file in the folder.
const FileName = fileName

// BucketPrefix is the name of the bucket without the number of the format.
const BucketPrefix = bucketPrefix

// Transactions counts what was written.
func (s *Store) Transactions() int {
	n := 0
	_ = s.db.View(func(tx *bolt.Tx) error {
		n = tx.ID()

		return nil
	})

	return n
}

// Records counts the records in the file.
func (s *Store) Records() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return int(s.seal.count)
}

// Break makes the next transaction fail.
func (s *Store) Break() { _ = s.db.Close() }

// Recode decodes a record and encodes what it has read.
func Recode(k byte, body []byte) ([]byte, error) {
	r := reader{rest: body}
	var again []byte
	var err error
	switch kind(k) {
	case kindSession:
		s := r.session()
		again, err = encodeSession(&s)
	case kindSubscription:
		s := r.subscription()
		again = encodeSubscription(&s)
	case kindDelivery:
		d := r.delivery()
		again = d.encode()
	case kindMessage:
		m := r.message()
		again, err = encodeMessage(&m)
	default:
		_, err = parseSeal(body)

		return body, err
	}
	if end := r.end(); end != nil {
		return nil, end
	}

	return again, err
}

// EncodeMessage is the record of a message.
func EncodeMessage(m *broker.StoredMessage) ([]byte, error) { return encodeMessage(m) }

// EncodeSession is the record of a Session.
func EncodeSession(s *broker.StoredSession) ([]byte, error) { return encodeSession(s) }
