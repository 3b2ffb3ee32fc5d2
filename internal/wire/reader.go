package wire

import (
	"fmt"
	"io"
)

// The sizes of the chunks that a Reader reads into: small while a connection is idle, large while it is busy.
const (
	minChunk = 1 << 10
	maxChunk = 64 << 10
	// minRead is the least room for which a read is worth a system call.
	minRead = 256
	// busyReads and idleReads are how many reads fill a chunk, at most and at least, so that the next one is of twice or
	// half the size.
	busyReads = 4
	idleReads = 64
)

// Reader splits a byte stream into packets. It reads ahead, but returns a packet as soon as its last byte is there.
// It is for one goroutine at a time.
type Reader struct {
	r          io.Reader
	max        int
	buf        []byte // the current chunk; buf[start:end] was read and not returned, what comes before belongs to the callers
	start, end int
	chunk      int // size of the next chunk
	least      int // size of the smallest
	reads      int // into the current chunk
	err        error
}

// NewReader returns a Reader of r that refuses packets of more than maxPacketSize bytes, fixed header included. 0 means
// what the protocol allows.
func NewReader(r io.Reader, maxPacketSize uint32) *Reader {
	reader := &Reader{r: r, chunk: minChunk, least: minChunk}
	reader.SetMaxPacketSize(maxPacketSize)
	return reader
}

// SetMaxPacketSize changes the limit for the packets that Next has not returned yet.
func (r *Reader) SetMaxPacketSize(n uint32) {
	r.max = headerRoom + MaxRemainingLength
	if n > 0 && uint64(n) < uint64(r.max) {
		r.max = int(n)
	}
}

// Spare makes the Reader begin with chunks of as few bytes, which many idle connections are glad of. A busy one gets larger
// ones all the same.
func (r *Reader) Spare(bytes int) { r.least, r.chunk = bytes, bytes }

// Buffered is the number of bytes that were read and not returned yet. At 0 nothing more is known to be under way.
func (r *Reader) Buffered() int { return r.end - r.start }

// Next returns the first byte of the next packet's fixed header and its body, for [Decode]. The body is the caller's: the
// Reader never writes to it again.
//
// At the end of the stream it returns [io.EOF], within a packet [io.ErrUnexpectedEOF]. A fixed header that is malformed or
// announces more than the limit is an [*Error]; the stream cannot be read any further then. Errors of the underlying
// reader are returned as they are, and nothing is lost when they were temporary, such as a deadline.
func (r *Reader) Next() (first byte, body []byte, err error) {
	for {
		header, total, err := r.header()
		if err != nil {
			return 0, nil, err
		}
		if header > 0 && r.end-r.start >= total {
			return r.take(header, total)
		}
		if err := r.fill(total); err != nil {
			return 0, nil, err
		}
	}
}

// header looks at the fixed header that is next: its size, 0 while it is not complete, and the size of the whole packet,
// at least as far as it is known.
func (r *Reader) header() (header, total int, err error) {
	b := r.buf[r.start:r.end]
	if len(b) < 2 {
		return 0, 2, nil
	}
	n, size := parseVarint(b[1:])
	switch size {
	case varintShort:
		return 0, len(b) + 1, nil
	case varintInvalid:
		return 0, 0, &Error{
			MalformedPacket, Type(b[0] >> 4),
			"the Remaining Length is not a Variable Byte Integer in its shortest form", "MQTT-1.5.5-1",
		}
	}
	header = 1 + size
	total = header + int(n)
	if total > r.max {
		return 0, 0, &Error{
			PacketTooLarge, Type(b[0] >> 4), fmt.Sprintf("%d bytes, the most is %d", total, r.max), "section 3.1.2.11.4",
		}
	}
	return header, total, nil
}

// take hands out the packet that is next.
func (r *Reader) take(header, total int) (first byte, body []byte, err error) {
	end := r.start + total
	first, body = r.buf[r.start], r.buf[r.start+header:end:end]
	r.start = end
	if end == len(r.buf) {
		r.buf, r.start, r.end = nil, 0, 0 // nothing is left in it: do not keep a large packet alive
	}
	return first, body, nil
}

// fill reads more of a packet of total bytes.
func (r *Reader) fill(total int) error {
	if r.err != nil {
		err := r.err
		if err != io.EOF { //nolint:errorlint // io.Reader returns io.EOF itself, and only the end of the stream lasts
			r.err = nil
		}
		return r.ended(err)
	}
	r.makeRoom(total)
	const maxEmptyReads = 100
	for range maxEmptyReads {
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		r.reads++
		r.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return r.fill(total)
		}
	}
	return io.ErrNoProgress
}

// ended is err as the caller of Next is told.
func (r *Reader) ended(err error) error {
	if err == io.EOF && r.end > r.start { //nolint:errorlint // io.Reader returns io.EOF itself
		return io.ErrUnexpectedEOF
	}
	return err
}

// makeRoom makes sure that there is room behind end for more of a packet of total bytes. A chunk that is used up is left
// to those who hold parts of it.
func (r *Reader) makeRoom(total int) {
	have, free := r.end-r.start, len(r.buf)-r.end
	switch {
	case have == 0 && free >= min(minRead, r.least/2):
		return
	case have > 0 && free > 0 && r.start+total <= len(r.buf):
		return
	case have > 0 && free > 0 && r.start == 0:
		return // a packet larger than its buffer fills it first, so that memory grows only as bytes arrive
	}
	r.resize()
	size := r.chunk
	if total > size {
		size = min(total, max(size, 2*have))
	}
	next := make([]byte, size)
	r.end = copy(next, r.buf[r.start:r.end])
	r.buf, r.start, r.reads = next, 0, 0
}

// resize chooses the size of the next chunk by how many reads the current one took.
func (r *Reader) resize() {
	switch {
	case r.reads == 0:
	case r.reads <= busyReads:
		r.chunk = min(2*r.chunk, maxChunk)
	case r.reads >= idleReads:
		r.chunk = max(r.chunk/2, r.least)
	}
}
