package retained

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spoolMemory is how many bytes of topics are kept in memory before they go to a file.
const spoolMemory = 1 << 20

// spool is a list of topics of any length: in memory while it is short, then in a temporary file.
type spool struct {
	buf  []byte // not in the file yet
	file *os.File
	n    int
}

func (s *spool) add(name string) error {
	s.buf = binary.AppendUvarint(s.buf, uint64(len(name)))
	s.buf = append(s.buf, name...)
	s.n++
	if len(s.buf) < spoolMemory {
		return nil
	}
	return s.spill()
}

func (s *spool) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp("", "mqx-topics-")
		if err != nil {
			return fmt.Errorf("keep the topics: %w", err)
		}
		s.file = f
	}
	if _, err := s.file.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("keep the topics: %w", err)
	}
	if _, err := s.file.Write(s.buf); err != nil {
		return fmt.Errorf("keep the topics: %w", err)
	}
	s.buf = s.buf[:0]
	return nil
}

// each calls f with the topics from the one numbered first on. f must not add any.
func (s *spool) each(first int, f func(name string) error) error {
	if s.file != nil {
		if err := s.spill(); err != nil {
			return err
		}
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read the topics: %w", err)
		}
		return eachTopic(bufio.NewReaderSize(s.file, 1<<16), first, f)
	}
	return eachTopic(&byteCursor{rest: s.buf}, first, f)
}

// byteCursor reads bytes where they lie.
type byteCursor struct{ rest []byte }

// Read reads.
func (c *byteCursor) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// ReadByte reads one byte.
func (c *byteCursor) ReadByte() (byte, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b, nil
}

type byteReader interface {
	io.Reader
	io.ByteReader
}

func eachTopic(r byteReader, first int, f func(name string) error) error {
	for i := 0; ; i++ {
		size, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		name := make([]byte, size)
		if err == nil {
			_, err = io.ReadFull(r, name)
		}
		if err != nil {
			return fmt.Errorf("read the topics: %w", err)
		}
		if i < first {
			continue
		}
		if err := f(string(name)); err != nil {
			return err
		}
	}
}

// close removes the file.
func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}
