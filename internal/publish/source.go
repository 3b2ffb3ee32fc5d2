package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Once is a Source of one message, given once or again and again.
type Once struct {
	m     message.Message
	times int
	delay time.Duration
	given int
}

// NewOnce returns a Source of m, times over, with a pause of delay between.
func NewOnce(m message.Message, times int, delay time.Duration) *Once {
	return &Once{m: m, times: times, delay: delay}
}

// Next returns the message.
func (o *Once) Next(ctx context.Context) (message.Message, int, error) {
	if o.given == o.times {
		return message.Message{}, 0, io.EOF
	}
	if o.given > 0 && o.delay > 0 {
		if err := pause(ctx, o.delay); err != nil {
			return message.Message{}, 0, err
		}
	}
	o.given++
	return o.m, 0, nil
}

// Lines is a Source of a message a line. Only the line feed is taken off; NUL and carriage return are payload.
type Lines struct {
	reader *lineReader
	m      message.Message
}

// NewLines returns a Source that reads r, where every message is m with a line as its payload. A line is given as soon as
// its line feed was read.
func NewLines(r io.Reader, m message.Message) *Lines {
	return &Lines{reader: newLineReader(r, wire.MaxRemainingLength), m: m}
}

// Next returns the next line.
func (l *Lines) Next(ctx context.Context) (message.Message, int, error) {
	line, n, err := l.reader.next(ctx)
	if err != nil {
		return message.Message{}, n, err
	}
	m := l.m
	m.Payload = line
	return m, n, nil
}

// JSON is a Source of messages in the JSON form of mqx, one a line. Empty lines are skipped.
type JSON struct {
	reader   *lineReader
	defaults message.Message
}

// NewJSON returns a Source that reads r; defaults hold for what a line does not say.
func NewJSON(r io.Reader, defaults message.Message) *JSON {
	// Base64 and escapes make a line longer than its payload: at most six times, for control characters.
	return &JSON{reader: newLineReader(r, 6*wire.MaxRemainingLength), defaults: defaults}
}

// Next returns the message of the next line.
func (j *JSON) Next(ctx context.Context) (message.Message, int, error) {
	for {
		line, n, err := j.reader.next(ctx)
		if err != nil {
			return message.Message{}, n, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := message.ParseJSONOver(line, j.defaults)
		if err == nil {
			_, err = topic.ParseName(m.Topic)
		}
		if err != nil {
			return message.Message{}, n, &LineError{Line: n, Err: err}
		}
		return m, n, nil
	}
}

// chunkSize is how much is read at once.
const chunkSize = 256 << 10

// errTooLong is a line that no MQTT packet can carry.
var errTooLong = errors.New("longer than an MQTT packet can be")

// lineReader splits a stream into lines on a goroutine of its own, so that a wait for input can be given up. Lines refer
// to the chunks they were read into, which are never written to again.
type lineReader struct {
	batches chan batch
	current []byte
	failed  error
	line    int
}

// batch is one or more whole lines with their line feeds, or the last line without one.
type batch struct {
	lines []byte
	err   error // after the lines: io.EOF, errTooLong for a line that was left out, or the reader's error
}

func newLineReader(r io.Reader, longest int) *lineReader {
	l := &lineReader{batches: make(chan batch, 1)}
	s := splitter{r: r, longest: longest, out: l.batches, buf: make([]byte, chunkSize)}
	go s.run()
	return l
}

// next returns the next line without its line feed, and its number.
func (l *lineReader) next(ctx context.Context) ([]byte, int, error) {
	for len(l.current) == 0 {
		if err := l.failed; err != nil {
			return nil, l.line, l.afterBatch(err)
		}
		select {
		case b := <-l.batches:
			l.current, l.failed = b.lines, b.err
		case <-ctx.Done():
			return nil, l.line, ctx.Err()
		}
	}
	l.line++
	line, rest, found := bytes.Cut(l.current, []byte{'\n'})
	l.current = rest
	if !found {
		l.current = nil
	}
	return slices.Clip(line), l.line, nil
}

func (l *lineReader) afterBatch(err error) error {
	if errors.Is(err, errTooLong) {
		l.failed = nil
		l.line++
		return &LineError{Line: l.line, Err: err}
	}
	if !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read the input: %w", err)
	}
	return err
}

// splitter reads chunks and sends the whole lines in them.
type splitter struct {
	r       io.Reader
	longest int
	out     chan<- batch

	buf        []byte
	start, end int  // buf[start:end] is the line that is not complete yet
	skipping   bool // the rest of a line that is too long
}

func (s *splitter) run() {
	for {
		s.makeRoom()
		n, err := s.r.Read(s.buf[s.end:])
		s.take(n)
		if err != nil {
			s.out <- batch{lines: s.buf[s.start:s.end], err: err}
			return
		}
	}
}

// makeRoom gets a new chunk when the current one is full; the unfinished line moves along.
func (s *splitter) makeRoom() {
	if len(s.buf)-s.end > 0 {
		return
	}
	pending := s.buf[s.start:s.end]
	next := make([]byte, max(chunkSize, 2*len(pending)))
	s.end = copy(next, pending)
	s.buf, s.start = next, 0
}

// take looks at n new bytes.
func (s *splitter) take(n int) {
	fresh := s.buf[s.end : s.end+n]
	if s.skipping {
		i := bytes.IndexByte(fresh, '\n')
		if i < 0 {
			return // overwritten by the next read
		}
		s.skipping = false
		s.start = s.end + i + 1
		fresh = fresh[i+1:]
		s.end = s.start
	}
	last := bytes.LastIndexByte(fresh, '\n')
	lineEnd := s.end + last + 1
	s.end += len(fresh)
	if last >= 0 {
		s.out <- batch{lines: s.buf[s.start:lineEnd]}
		s.start = lineEnd
	}
	if s.end-s.start > s.longest {
		s.out <- batch{err: errTooLong}
		s.skipping = true
		s.end = s.start
	}
}

// ReadAll reads r to its end, or limit bytes of it, unless ctx ends before.
func ReadAll(ctx context.Context, r io.Reader, limit int64) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(r, limit))
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
