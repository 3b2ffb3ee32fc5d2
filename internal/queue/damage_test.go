package queue_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/queue"
)

// written returns the content of the only segment after each of some writes: the first after Open, the others after a message.
func written(t *testing.T, n int) (name string, states [][]byte) {
	t.Helper()
	dir := t.TempDir()
	q := open(t, dir)
	name = files(t, dir)[1]
	for i := range n + 1 {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, data)
		if i < n {
			fill(t, q, i, i+1)
		}
	}
	return filepath.Base(name), states
}

// put makes a folder with one file.
func put(t *testing.T, name string, data []byte) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

// A crash may come at each byte of a write. What was accepted before is there, what was being written is not, and the next
// message has its place.
func TestAWriteThatIsCutOffAtAnyByteIsTakenBack(t *testing.T) {
	const n = 3
	name, states := written(t, n)
	last := states[n]
	for size := len(states[n-1]); size < len(last); size++ {
		dir, _ := put(t, name, last[:size])
		q := open(t, dir)
		if got := q.Recovered(); got.Bytes != int64(size-len(states[n-1])) || got.Aside != "" {
			t.Errorf("cut at %d: recovered %+v", size, got)
		}
		fill(t, q, 7, 8)
		wantMessages(t, rest(t, q), 0, 1, 7)
		closeQueue(t, q)
		wantMessages(t, rest(t, open(t, dir)), 0, 1, 7)
	}
}

// A crash may also come while the first file is made.
func TestAFileThatWasNotFinishedIsMadeAnew(t *testing.T) {
	name, states := written(t, 0)
	for size := range states[0] {
		dir, _ := put(t, name, states[0][:size])
		q := open(t, dir)
		fill(t, q, 0, 1)
		wantMessages(t, rest(t, q), 0)
		closeQueue(t, q)
	}
}

// After a power failure the last write may have its length and nothing else. Nobody knows whether it was accepted, so it is kept.
func TestALastWriteThatIsWrongIsPutAside(t *testing.T) {
	const n = 3
	name, states := written(t, n)
	last := states[n]
	for at := len(states[n-1]); at < len(last); at++ {
		data := slices.Clone(last)
		data[at] ^= 0x10
		dir, _ := put(t, name, data)
		q := open(t, dir)
		found := q.Recovered()
		aside, err := os.ReadFile(found.Aside)
		if err != nil || !bytes.Equal(aside, data[len(states[n-1]):]) {
			t.Errorf("byte %d: %+v, %v", at, found, err)
		}
		wantMessages(t, rest(t, q), 0, 1)
		closeQueue(t, q)
	}
}

func TestAWrongBitInTheMiddleIsAnErrorAndChangesNothing(t *testing.T) {
	const n = 4
	name, states := written(t, n)
	last := states[n]
	for at := range states[n-1] {
		data := slices.Clone(last)
		data[at] ^= 0x04
		dir, file := put(t, name, data)
		_, err := queue.Open(dir, queue.Options{})
		var damaged *queue.DamagedError
		switch {
		case errors.Is(err, queue.ErrNewer) && at == len("mqxqueue"):
		case !errors.As(err, &damaged) || damaged.File != file || damaged.Error() == "":
			t.Errorf("byte %d: got %v, want a DamagedError", at, err)
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) || len(files(t, dir)) != 2 {
			t.Errorf("byte %d: the folder was changed: %v, %v", at, files(t, dir), err)
		}
	}
}

// Segments that are not the last are read when their messages are due.
func TestDamageInAnEarlierSegmentIsFoundWhenItIsRead(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"a wrong bit": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"a cut":       func(b []byte) []byte { return b[:len(b)-10] },
		"empty":       func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			q := open(t, dir)
			for range 3 {
				m := message.Message{Topic: "t", QoS: 1, Payload: make([]byte, queue.Segment)}
				if err := q.Append(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				if err := q.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			closeQueue(t, q)
			file := files(t, dir)[2]
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			data = damage(data)
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			q = open(t, dir)
			q.Seal()
			for err = nil; err == nil; {
				_, err = q.Next(t.Context())
			}
			var damaged *queue.DamagedError
			if !errors.As(err, &damaged) || damaged.File != file {
				t.Errorf("got %v, want a DamagedError of %s", err, file)
			}
			closeQueue(t, q)
			if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestAMissingSegmentIsAnError(t *testing.T) {
	for name, missing := range map[string]int{"the first": 1, "one in the middle": 2} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			q := open(t, dir)
			for range 4 {
				if err := q.Append(t.Context(), message.Message{Topic: "t", QoS: 1, Payload: make([]byte, queue.Segment)}); err != nil {
					t.Fatal(err)
				}
				if err := q.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			closeQueue(t, q)
			if err := os.Remove(files(t, dir)[missing]); err != nil {
				t.Fatal(err)
			}
			q, err := queue.Open(dir, queue.Options{})
			if err == nil {
				_, err = q.Next(t.Context())
				_ = q.Close()
			}
			if _, ok := errors.AsType[*queue.DamagedError](err); !ok {
				t.Errorf("got %v, want a DamagedError", err)
			}
		})
	}
}

// A payload may be the file of a queue.
func TestAQueueKeepsFilesOfQueues(t *testing.T) {
	_, states := written(t, 3)
	dir := t.TempDir()
	q := open(t, dir)
	if err := q.Append(t.Context(), message.Message{Topic: "t", QoS: 1, Payload: states[3]}); err != nil {
		t.Fatal(err)
	}
	closeQueue(t, q)
	name := files(t, dir)[1]
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cut, _ := put(t, filepath.Base(name), data[:len(data)-1])
	q = open(t, cut)
	if q.Kept() != 0 || q.Recovered().Bytes == 0 {
		t.Errorf("%d kept, %+v", q.Kept(), q.Recovered())
	}
}

// Whatever the last segment holds, opening it ends in an error that says so, or in a queue that works.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	q, err := queue.Open(dir, queue.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		_ = q.Append(f.Context(), numbered(i))
		_ = q.Sync(f.Context())
	}
	e, err := q.Next(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	q.Done(e)
	_ = q.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	seed, err := os.ReadFile(names[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, 0, byte(0))
	f.Add(seed[:len(seed)-3], 0, byte(0))
	f.Add(seed, 40, byte(0xff))
	f.Add([]byte("mqxqueue\x01\x00\x00\x00\x00\x00\x00\x00"), 0, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte) {
		if at >= 0 && at < len(data) {
			data[at] ^= flip
		}
		dir, _ := put(t, "messages-00000001.log", data)
		q, err := queue.Open(dir, queue.Options{})
		if err != nil {
			return
		}
		defer q.Close()
		if err := q.Append(t.Context(), numbered(1)); err != nil {
			t.Fatalf("a queue that opened takes nothing: %v", err)
		}
		q.Seal()
		for {
			e, err := q.Next(t.Context())
			if errors.Is(err, io.EOF) {
				return
			}
			var damaged *queue.DamagedError
			if err != nil && !errors.As(err, &damaged) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			q.Done(e)
		}
	})
}

// The records within a frame whose checksum is right come from a program that was wrong, and must do no harm either.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("S"))
	f.Add(queue.SampleRecords())
	f.Fuzz(func(t *testing.T, body []byte) {
		if kept, err := queue.Apply(body); err == nil && kept < 0 {
			t.Errorf("%d messages are kept", kept)
		}
	})
}
