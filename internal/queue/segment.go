package queue

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/atomicfile"
)

const (
	segmentPrefix = "messages-"
	segmentSuffix = ".log"
)

func (q *Queue) segmentName(number int) string {
	return filepath.Join(q.dir, fmt.Sprintf("%s%08d%s", segmentPrefix, number, segmentSuffix))
}

// listSegments returns the numbers of the segments, in order and without a gap.
func (q *Queue) listSegments() ([]int, error) {
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		return nil, err
	}
	var list []int
	for _, e := range entries {
		name, found := strings.CutPrefix(e.Name(), segmentPrefix)
		name, ends := strings.CutSuffix(name, segmentSuffix)
		if number, err := strconv.Atoi(name); found && ends && err == nil && number > 0 {
			list = append(list, number)
		}
	}
	slices.Sort(list)
	for i := 1; i < len(list); i++ {
		if list[i] != list[i-1]+1 {
			return nil, &DamagedError{File: q.segmentName(list[i-1] + 1), Msg: "it is missing"}
		}
	}
	return list, nil
}

// segment is an open file of the Queue.
type segment struct {
	file   *os.File
	number int
	salt   salted
	size   int64 // the frames end here
}

func (s *segment) close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}

// createSegment makes a segment that begins with a state.
func (q *Queue) createSegment(number int, st *state) (*segment, error) {
	header := make([]byte, headerSize, 512)
	copy(header, magic)
	header[len(magic)] = formatVersion
	_, _ = rand.Read(header[len(magic)+1:]) // it never fails
	s := &segment{number: number, salt: newSalted(header)}
	frame := st.appendTo(append(header, make([]byte, frameHead)...))
	s.salt.seal(frame[headerSize:])
	f, err := os.OpenFile(q.segmentName(number), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	s.file, s.size = f, int64(len(frame))
	_, err = f.Write(frame)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = atomicfile.SyncFolder(q.dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return s, nil
}

// openSegment opens a segment to be read.
func (q *Queue) openSegment(number int) (*segment, error) {
	f, err := os.Open(q.segmentName(number))
	if err != nil {
		return nil, err
	}
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(f, header); err != nil {
		return nil, errors.Join(&DamagedError{File: f.Name(), Msg: errShort.Error()}, f.Close())
	}
	if err := checkHeader(f.Name(), header); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{file: f, number: number, salt: newSalted(header), size: headerSize}, nil
}

func checkHeader(name string, header []byte) error {
	switch {
	case string(header[:len(magic)]) != magic:
		return &DamagedError{File: name, Msg: "it does not begin as a file of a queue does"}
	case header[len(magic)] != formatVersion:
		return fmt.Errorf("%s: %w", name, ErrNewer)
	default:
		return nil
	}
}

// frame reads the frame that begins where the segment has been read to, and returns its body.
func (s *segment) frame() ([]byte, error) {
	damaged := func(err error) error {
		return &DamagedError{File: s.file.Name(), Offset: s.size, Msg: err.Error()}
	}
	head := make([]byte, frameHead)
	switch n, err := s.file.ReadAt(head, s.size); {
	case errors.Is(err, io.EOF) && n == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, damaged(errShort)
	case err != nil:
		return nil, err
	}
	n, err := s.salt.length(head)
	if err != nil {
		return nil, damaged(err)
	}
	if info, err := s.file.Stat(); err != nil || info.Size() < s.size+frameHead+int64(n) {
		return nil, errors.Join(damaged(errShort), err)
	}
	body := make([]byte, n)
	if _, err := s.file.ReadAt(body, s.size+frameHead); err != nil {
		return nil, err
	}
	if err := s.salt.check(head, body); err != nil {
		return nil, damaged(err)
	}
	s.size += frameHead + int64(n)
	return body, nil
}

// recoverTail opens the last segment for writing, and takes back a write that was cut off. It returns nil when there was
// nothing in it yet: a crash came while it was made.
func (q *Queue) recoverTail(number int) (*segment, *state, error) {
	name := q.segmentName(number)
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	if len(data) < headerSize || allZero(data) {
		return nil, nil, q.takeBack(name, data, 0, errShort)
	}
	if err := checkHeader(name, data); err != nil {
		return nil, nil, err
	}
	salt, st := newSalted(data[:headerSize]), newState()
	at, why := replay(salt, data, st)
	if why != nil {
		damaged := &DamagedError{File: name, Offset: int64(at), Msg: why.Error()}
		cut := errors.Is(why, errShort) || allZero(data[at:])
		if errors.Is(why, errRecord) || nextFrame(salt, data, at+1) > 0 || !cut && at == headerSize {
			return nil, nil, damaged
		}
		if err := q.takeBack(name, data, at, why); err != nil || at == headerSize {
			return nil, nil, err
		}
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	return &segment{file: f, number: number, salt: salt, size: int64(at)}, st, nil
}

// replay applies the frames of a segment. It returns where the last of them ends, and why there is nothing more, nil for the
// end of the file.
func replay(salt salted, data []byte, st *state) (at int, why error) {
	for at = headerSize; at < len(data) || at == headerSize; {
		body, err := salt.frame(data[at:])
		if err == nil && at == headerSize && (len(body) == 0 || body[0] != recordState) {
			err = errRecord
		}
		if err == nil {
			err = st.apply(body)
		}
		if err != nil {
			return at, err
		}
		at += frameHead + len(body)
	}
	return at, nil
}

// allZero reports whether a power failure has left nothing but room.
func allZero(data []byte) bool { return len(bytes.TrimLeft(data, "\x00")) == 0 }

// nextFrame returns where a frame begins at or behind a place, 0 when there is none.
func nextFrame(salt salted, data []byte, at int) int {
	for ; at+frameHead <= len(data); at++ {
		if _, err := salt.frame(data[at:]); err == nil {
			return at
		}
	}
	return 0
}

// takeBack removes what stands behind the last frame. What is only cut off was never taken by the Queue. Anything else may
// be the trace of a power failure, or of a faulty disk, and is put aside.
func (q *Queue) takeBack(name string, data []byte, at int, why error) error {
	if !errors.Is(why, errShort) {
		aside := filepath.Join(q.dir, "damaged-"+time.Now().UTC().Format("20060102T150405.000000000")+".bin")
		if err := atomicfile.Write(aside, 0o600, data[at:]); err != nil {
			return err
		}
		q.recovered.Aside = aside
	}
	q.recovered.Bytes += int64(len(data) - at)
	if at <= headerSize { // there is no state in it
		err := os.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(int64(at))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
