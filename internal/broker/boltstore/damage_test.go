package boltstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/boltstore"
	"github.com/mqx-cli/mqx/internal/wire"
)

// tryDamaged opens a file that was damaged. It must be refused and left as it is, or the damage must not matter: then it
// holds what it held, and can be written to.
func tryDamaged(t *testing.T, dir string, content []byte, want broker.Store) (refused bool) {
	t.Helper()
	name := filepath.Join(dir, boltstore.FileName)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := boltstore.Open(dir, func(err error) { t.Error(err) })
	if err != nil {
		var damaged *boltstore.DamagedError
		if !errors.As(err, &damaged) && !errors.Is(err, boltstore.ErrNewer) {
			t.Fatalf("got %v", err)
		}
		after, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(after, content) {
			t.Fatalf("the file was changed; %v", err)
		}

		return true
	}
	requireLoaded(t, s, want)
	for n := range uint64(50) {
		s.Retain(broker.StoredMessage{Number: 1e9 + n, Topic: "t/0", Payload: make([]byte, 5000)})
	}
	sync1(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := boltstore.Open(dir, func(error) {})
	if err != nil {
		t.Fatalf("after a change: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}

	return false
}

// content is a file with a good deal of everything in it.
func content(t *testing.T) ([]byte, *model) {
	t.Helper()
	dir, m := scenario(t, 7, 150, func(b *both, _ string, step int) {
		if step%20 == 0 {
			sync1(t, b.store)
		}
	})
	b, err := os.ReadFile(filepath.Join(dir, boltstore.FileName))
	if err != nil {
		t.Fatal(err)
	}

	return b, m
}

func TestAFileWithWrongBytesIsRefused(t *testing.T) {
	t.Parallel()
	whole, m := content(t)
	dir, refused, tried := t.TempDir(), 0, 0
	step := len(whole)/400 | 1
	for at := 0; at < len(whole); at += step {
		if at%4096 > 1024 && at%3 > 0 {
			continue // what is at the beginning of a page matters more
		}
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at / step % 8)
		tried++
		if tryDamaged(t, dir, b, m) {
			refused++
		}
	}
	if refused == 0 || refused == tried {
		t.Errorf("%d of %d files were refused", refused, tried)
	}
}

func TestAFileWithALostPageIsRefused(t *testing.T) {
	t.Parallel()
	whole, m := content(t)
	dir, refused := t.TempDir(), 0
	const page = 4096
	for at := 0; at < len(whole); at += page {
		b := bytes.Clone(whole)
		clear(b[at : at+page])
		if tryDamaged(t, dir, b, m) {
			refused++
		}
		copy(b[at:], whole[2*page:3*page]) // another page in its place
		if at != 2*page {
			tryDamaged(t, dir, b, m)
		}
	}
	if refused < 4 {
		t.Errorf("%d files were refused", refused)
	}
}

func TestAShortFileIsRefused(t *testing.T) {
	t.Parallel()
	whole, m := content(t)
	dir := t.TempDir()
	for size := 0; size < len(whole); size += len(whole)/40 + 1 {
		if refused := tryDamaged(t, dir, whole[:size], m); !refused && size < len(whole)/4 {
			t.Errorf("%d of %d bytes are enough", size, len(whole))
		}
	}
}

// bare makes a file with a bucket, by the library alone.
func bare(t *testing.T, bucket string) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	db, err := bolt.Open(name, 0o600, &bolt.Options{NoFreelistSync: true, PageSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte(bucket))

		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

func TestOtherFilesAreRefused(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"empty": nil, "text": bytes.Repeat([]byte("text\n"), 5000), "another database": bare(t, "widgets"),
		"zeros": make([]byte, 1<<16), "no seal": bare(t, boltstore.BucketPrefix+"1"),
	} {
		var damaged *boltstore.DamagedError
		if _, err := boltstore.Open(folder(t, b), func(error) {}); !errors.As(err, &damaged) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := boltstore.Open(folder(t, bare(t, boltstore.BucketPrefix+"2")), func(error) {}); !errors.Is(err, boltstore.ErrNewer) {
		t.Errorf("got %v", err)
	}
}

func TestAFolderInPlaceOfTheFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, boltstore.FileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(dir, func(error) {}); err == nil {
		t.Error("no error")
	}
}

func TestWhatAKilledStartHasLeftIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, boltstore.FileName+".new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	requireState(t, dir, newModel())
}

func FuzzRecord(f *testing.F) {
	m := broker.StoredMessage{Topic: "a/b", Payload: []byte("x"), From: "me", QoS: 1, Retain: true, Expires: time.Unix(1, 2)}
	m.Properties = (&wire.Properties{ContentType: "c", UserProperties: []wire.UserProperty{{Key: "k"}}}).Set(wire.PropContentType)
	message, _ := boltstore.EncodeMessage(&m)
	session, _ := boltstore.EncodeSession(&broker.StoredSession{ClientID: "c", Will: &broker.StoredWill{Message: m, Delay: 3}})
	f.Add(byte('m'), message)
	f.Add(byte('s'), session)
	f.Add(byte('u'), append([]byte("\x03a/#\x01\x03"), 0, 0, 0, 9))
	f.Add(byte('d'), append(make([]byte, 12), 1, 'x', 1, 0, 0, 0, 1))
	f.Add(byte(0), make([]byte, 16))
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		once, err := boltstore.Recode(kind, body)
		if err != nil {
			return
		}
		twice, err := boltstore.Recode(kind, once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x becomes %x, and that %x; %v", body, once, twice, err)
		}
	})
}
