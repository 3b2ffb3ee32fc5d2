package boltstore

import (
	"cmp"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/mqx-cli/mqx/internal/broker"
)

// entry is what is to become of a record: it gets a content, or with none it is deleted.
type entry struct {
	body    []byte
	message *broker.StoredMessage // instead of body; encoded when it is written
	fresh   bool                  // the record is not in the file
}

// put notes a record. isNew says that the Store has none with that key. The Store is locked.
func (s *Store) put(k key, e entry, isNew bool) {
	e.fresh = isNew
	if old, ok := s.pending[k]; ok {
		e.fresh = old.fresh
	}
	s.note(k, e)
}

// remove notes that a record is to go. The Store is locked.
func (s *Store) remove(k key) {
	if old, ok := s.pending[k]; ok && old.fresh {
		delete(s.pending, k)
		s.noted++

		return
	}
	s.note(k, entry{})
}

func (s *Store) note(k key, e entry) {
	if s.err != nil {
		return // nobody would take it
	}
	if len(s.pending) == 0 {
		s.late.Reset(lateness)
	}
	s.pending[k] = e
	s.noted++
}

// run writes transactions until Close.
func (s *Store) run() {
	defer close(s.ended)
	defer s.late.Stop()
	for {
		select {
		case <-s.wanted:
		case <-s.late.C:
		case <-s.quit:
			s.write()

			return
		}
		s.write()
	}
}

// write writes what is pending in one transaction.
func (s *Store) write() {
	s.cut.Lock()
	s.mu.Lock()
	batch, until, sum := s.pending, s.noted, s.seal
	s.pending = make(map[key]entry, len(batch))
	s.writing = true
	err := s.err
	s.mu.Unlock()
	s.cut.Unlock()
	if err == nil && len(batch) > 0 {
		if err = s.commit(batch, &sum); err != nil {
			err = fmt.Errorf("write %s: %w", s.db.Path(), err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	if err == nil {
		s.safe, s.seal = until, sum
	} else {
		s.fail(err)
	}
	s.synced.Broadcast()
}

// commit writes a batch, in the order of its keys, so that each page is changed once.
func (s *Store) commit(batch map[key]entry, sum *seal) error {
	keys := make([]key, 0, len(batch))
	for k := range batch {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, key.compare)

	return s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucketName))
		for _, k := range keys {
			if err := replace(b, k, batch[k], sum); err != nil {
				return err
			}
		}

		return b.Put(key{kind: kindSeal}.bytes(), sum.bytes())
	})
}

// replace writes or deletes one record.
func replace(b *bolt.Bucket, k key, e entry, sum *seal) error {
	name := k.bytes()
	if !e.fresh {
		if old := b.Get(name); old != nil {
			sum.remove(old)
		}
	}
	body := e.body
	if e.message != nil {
		var err error
		if body, err = encodeMessage(e.message); err != nil {
			return err
		}
	}
	if body == nil {
		return b.Delete(name)
	}
	value := sign(name, body)
	sum.add(value)

	return b.Put(name, value)
}

// compare orders keys as the file does.
func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.kind, other.kind), cmp.Compare(k.a, other.a), cmp.Compare(k.b, other.b))
}
