// Package boltstore keeps what a broker is to remember in a folder, in one bbolt file.
//
// Every change is noted in memory and returns at once. [Store.Sync] waits until a transaction holds it: one transaction
// takes all that was noted while the one before was written, so that however many acknowledgements wait, they share its
// two calls of fsync (group commit). Changes are noted by record, so that of a message that is queued, sent and
// acknowledged between two transactions nothing is written at all.
//
// The file is refused, and left as it is, when anything in it is not as it was written: each record has a checksum, a seal
// counts and sums up all records, and the structure is checked before the library is let at it.
package boltstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/broker"
)

// ErrInUse says that another process has the folder.
var ErrInUse = errors.New("another broker uses this folder")

// ErrNewer says that the file was written in a format that came after ours.
var ErrNewer = errors.New("broker.db was written by a newer mqx")

// DamagedError says that the file is not as it was written. It was not changed.
type DamagedError struct {
	// File is its name.
	File string
	// What is wrong with it.
	What string
}

// Error names the file and what is wrong.
func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.File, e.What) }

// errClosed is what Sync answers after Close.
var errClosed = errors.New("the store is closed")

const (
	// fileName and lockName are the files in the folder, newSuffix is what a file is called until it is complete.
	fileName, lockName, newSuffix = "broker.db", "broker.lock", ".new"
	// lateness bounds how long something may be noted and not written when nobody waits for it.
	lateness = 200 * time.Millisecond
)

// Store is a [broker.Store] in a folder. Make one with [Open].
type Store struct {
	db     *bolt.DB
	lock   *flock.Flock
	failed func(error)
	loaded *broker.StoredState

	// cut is held for writing while it is decided what a transaction takes, and for reading by Atomic.
	cut sync.RWMutex

	mu      sync.Mutex // guards what follows
	state   state
	pending map[key]entry
	seal    seal   // of what is written
	noted   uint64 // counts changes
	safe    uint64 // how many of them are written
	writing bool
	err     error // nothing is written any more
	synced  sync.Cond

	wanted chan struct{} // somebody waits for a transaction
	late   *time.Timer
	quit   chan struct{}
	ended  chan struct{}
}

// Open opens the store in a folder, which is made if it is not there. Until Close nobody else can open it.
//
// When a transaction fails, failed is called once, from another goroutine; from then on Sync answers with that error, and
// nothing more is written.
//
// The error is [ErrInUse], [ErrNewer], a [*DamagedError] or one of the file system. The folder is then as it was.
func Open(dir string, failed func(error)) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, err
	case !locked:
		return nil, ErrInUse
	}
	s, err := open(filepath.Join(dir, fileName))
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock, s.failed = lock, failed
	s.synced.L = &s.mu
	s.wanted, s.quit, s.ended = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	s.late = time.NewTimer(lateness)
	go s.run()

	return s, nil
}

func open(name string) (*Store, error) {
	if err := create(name); err != nil {
		return nil, err
	}
	if err := inspectFile(name); err != nil {
		return nil, err
	}
	db, err := openBolt(name)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}

	return s, nil
}

// openBolt opens a file that was inspected, or makes one. The list of free pages is not kept in it: it is made anew from
// the pages that are in use, so nothing can be wrong in it.
func openBolt(name string) (*bolt.DB, error) {
	db, err := bolt.Open(name, 0o600, &bolt.Options{
		Timeout: time.Second, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, PageSize: pageSize, NoStatistics: true,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		err = ErrInUse
	}

	return db, err
}

// create makes an empty file when there is none. It gets its name when it is complete and on disk.
func create(name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh := name + newSuffix
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openBolt(fresh)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucketName))
		if err != nil {
			return err
		}

		return b.Put(key{kind: kindSeal}.bytes(), new(seal).bytes())
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, name); err != nil {
		return err
	}

	return atomicfile.SyncFolder(filepath.Dir(name))
}

// fail notes that nothing can be written any more. The Store is locked.
func (s *Store) fail(err error) {
	if s.err == nil {
		s.err = err
		s.synced.Broadcast()
		go s.failed(err)
	}
}

// Close writes what was noted, and gives the folder free.
func (s *Store) Close() error {
	close(s.quit)
	<-s.ended
	s.mu.Lock()
	err := s.err
	if s.err == nil {
		s.err = errClosed
	}
	s.synced.Broadcast()
	s.mu.Unlock()

	return errors.Join(err, s.db.Close(), s.lock.Close())
}

// Load returns what the file held when it was opened, once.
func (s *Store) Load() (*broker.StoredState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.loaded
	s.loaded = nil
	if state == nil {
		return nil, errors.New("the store was loaded already")
	}

	return state, nil
}

// Atomic implements [broker.Store].
func (s *Store) Atomic(f func()) {
	s.cut.RLock()
	defer s.cut.RUnlock()
	f()
}

// Sync implements [broker.Store].
func (s *Store) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && len(s.pending) == 0 && !s.writing {
		s.safe = s.noted // what was noted has cancelled out
	}
	for until := s.noted; s.safe < until && s.err == nil; {
		select {
		case s.wanted <- struct{}{}:
		default:
		}
		s.synced.Wait()
	}

	return s.err
}
