package queue

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// A segment is a file: a header, then frames. The header has the magic, the version of the format, and a salt that the
// checksums of its frames begin with, so that a frame of another file (which may be a payload) is no frame here.
//
// A frame is what was written and synced at once: its length, the checksum of its body, the checksum of these two, and the
// body, which is a sequence of records. All numbers are little-endian. The first frame of a segment begins with the whole state
// (recordState), so that only the last segment has to be read to know it.
const (
	magic         = "mqxqueue"
	formatVersion = 1
	headerSize    = 16
	frameHead     = 12
)

// The records, by their first byte.
const (
	recordState    = 'S' // next, low, marked, size: uint64 each
	recordClient   = 'C' // length: uint16, the Client Identifier
	recordMessage  = 'M' // number: uint64, accepted: int64 (ms), length: uint32, a PUBLISH of MQTT 5
	recordMarked   = 'A' // number: uint64: those before may have been sent
	recordReceived = 'R' // number: uint64: PUBREC came
	recordDone     = 'D' // number: uint64, size: uint32: it has ended
	recordForgot   = 'F' // the Server has forgotten the Session: no PUBREC counts any more
)

// mostMessages is more than there will ever be.
const mostMessages = 1 << 60

// messageHead is the length of a message record before its packet.
const messageHead = 1 + 8 + 8 + 4

// salted is the beginning of every checksum in a segment.
type salted uint32

func newSalted(header []byte) salted { return salted(crc32.Checksum(header, castagnoli())) }

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (s salted) sum(b []byte) uint32 { return crc32.Update(uint32(s), castagnoli(), b) }

// seal writes the head of a frame whose body is behind it.
func (s salted) seal(frame []byte) {
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-frameHead))
	binary.LittleEndian.PutUint32(frame[4:], s.sum(frame[frameHead:]))
	binary.LittleEndian.PutUint32(frame[8:], s.sum(frame[:8]))
}

// The reasons why there is no frame.
var (
	errShort    = errors.New("it is cut off")
	errChecksum = errors.New("its checksum is wrong")
)

// frame returns the body of the frame that data begins with.
func (s salted) frame(data []byte) ([]byte, error) {
	n, err := s.length(data)
	if err != nil {
		return nil, err
	}
	if len(data)-frameHead < n {
		return nil, errShort
	}
	body := data[frameHead : frameHead+n]
	return body, s.check(data, body)
}

// length returns the length of the body from the head of a frame.
func (s salted) length(head []byte) (int, error) {
	if len(head) < frameHead {
		return 0, errShort
	}
	if binary.LittleEndian.Uint32(head[8:]) != s.sum(head[:8]) {
		return 0, errChecksum
	}
	return int(binary.LittleEndian.Uint32(head)), nil
}

func (s salted) check(head, body []byte) error {
	if binary.LittleEndian.Uint32(head[4:]) != s.sum(body) {
		return errChecksum
	}
	return nil
}

// state is what the records say.
type state struct {
	next   uint64 // number of the next message
	low    uint64 // every message before has ended
	marked uint64 // every message that was sent has a number before
	size   int64  // of the records of the messages that are kept
	client string // Client Identifier

	done     map[uint64]struct{} // ended, and not before low
	received map[uint64]struct{} // PUBREC came, and not ended
}

func newState() *state {
	return &state{done: map[uint64]struct{}{}, received: map[uint64]struct{}{}}
}

func (s *state) ended(number uint64) bool {
	_, done := s.done[number]
	return done || number < s.low
}

// kept is how many messages have not ended.
func (s *state) kept() int { return int(s.next-s.low) - len(s.done) }

func (s *state) end(number uint64, size uint32) {
	if number >= s.next || s.ended(number) {
		return
	}
	s.size -= int64(size)
	delete(s.received, number)
	s.done[number] = struct{}{}
	for s.ended(s.low) && s.low < s.next {
		delete(s.done, s.low)
		s.low++
	}
}

// appendTo appends the records that make the state.
func (s *state) appendTo(dst []byte) []byte {
	dst = append(dst, recordState)
	for _, n := range []uint64{s.next, s.low, s.marked, uint64(s.size)} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	dst = appendClient(dst, s.client)
	for number := range s.done {
		dst = appendDone(dst, number, 0) // size is without them already
	}
	for number := range s.received {
		dst = appendNumber(dst, recordReceived, number)
	}
	return dst
}

func appendClient(dst []byte, id string) []byte {
	dst = append(dst, recordClient)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(id)))
	return append(dst, id...)
}

func appendNumber(dst []byte, kind byte, number uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, kind), number)
}

func appendDone(dst []byte, number uint64, size uint32) []byte {
	return binary.LittleEndian.AppendUint32(appendNumber(dst, recordDone, number), size)
}

// appendMessage appends the record of a message. The packet has an identifier only because it needs one.
func appendMessage(dst []byte, number uint64, accepted time.Time, m *message.Message) ([]byte, error) {
	start := len(dst)
	dst = appendNumber(dst, recordMessage, number)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(accepted.UnixMilli()))
	dst = append(dst, 0, 0, 0, 0)
	packet := wire.Publish{
		Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, PacketID: 1, Properties: m.Properties,
	}
	dst, err := packet.Append(dst, wire.V5)
	if err != nil {
		return dst[:start], err
	}
	binary.LittleEndian.PutUint32(dst[start+messageHead-4:], uint32(len(dst)-start-messageHead))
	return dst, nil
}

// record is one record of a body.
type record struct {
	kind   byte
	number uint64
	size   int // of the whole record; of a recordDone that of its message

	accepted time.Time
	packet   []byte
	client   string
	state    state // without its maps
}

var errRecord = errors.New("a record makes no sense")

// nextRecord takes a record off a body.
func nextRecord(body []byte) (r record, rest []byte, err error) {
	d := decoder{rest: body}
	r.kind = d.byte()
	switch r.kind {
	case recordState:
		r.state.next, r.state.low, r.state.marked, r.state.size = d.uint64(), d.uint64(), d.uint64(), int64(d.uint64())
	case recordClient:
		r.client = string(d.bytes(int(d.uint16())))
	case recordMessage:
		r.number = d.uint64()
		r.accepted = time.UnixMilli(int64(d.uint64()))
		r.packet = d.bytes(int(d.uint32()))
	case recordMarked, recordReceived:
		r.number = d.uint64()
	case recordDone:
		r.number, r.size = d.uint64(), int(d.uint32())
		return r, d.rest, d.err
	case recordForgot:
	default:
		return r, nil, errRecord
	}
	r.size = len(body) - len(d.rest)
	return r, d.rest, d.err
}

// decoder takes numbers off a body.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) bytes(n int) []byte {
	if len(d.rest) < n {
		d.rest, d.err = nil, errRecord
		return make([]byte, min(n, 8)) // nobody looks at more: a longer one is not a number
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte     { return d.bytes(1)[0] }
func (d *decoder) uint16() uint16 { return binary.LittleEndian.Uint16(d.bytes(2)) }
func (d *decoder) uint32() uint32 { return binary.LittleEndian.Uint32(d.bytes(4)) }
func (d *decoder) uint64() uint64 { return binary.LittleEndian.Uint64(d.bytes(8)) }

// apply changes the state as the records of a body say.
func (s *state) apply(body []byte) error {
	for len(body) > 0 {
		r, rest, err := nextRecord(body)
		if err != nil {
			return err
		}
		if err := s.applyOne(&r); err != nil {
			return err
		}
		body = rest
	}
	return nil
}

func (s *state) applyOne(r *record) error {
	switch r.kind {
	case recordState:
		*s = r.state
		s.done, s.received = map[uint64]struct{}{}, map[uint64]struct{}{}
		if s.next > mostMessages || s.low > s.next || s.marked > s.next || s.size < 0 {
			return errRecord
		}
	case recordClient:
		s.client = r.client
	case recordMessage:
		if r.number != s.next {
			return errRecord
		}
		s.next++
		s.size += int64(r.size)
	case recordMarked:
		s.marked = max(s.marked, min(r.number, s.next))
	case recordReceived:
		if r.number < s.next && !s.ended(r.number) {
			s.received[r.number] = struct{}{}
		}
	case recordDone:
		s.end(r.number, uint32(r.size))
	case recordForgot:
		clear(s.received)
	}
	return nil
}

// decodeMessage returns the message of a record. It shares memory with the packet.
func decodeMessage(packet []byte) (message.Message, error) {
	if len(packet) == 0 {
		return message.Message{}, errRecord
	}
	n, size := binary.Uvarint(packet[1:]) // which is MQTT's Variable Byte Integer
	body := packet[1+max(size, 0):]
	if uint64(len(body)) != n {
		return message.Message{}, errRecord
	}
	var p wire.Publish
	if err := p.Decode(wire.V5, packet[0], body); err != nil {
		return message.Message{}, err
	}
	return message.Message{Topic: p.Topic, Payload: p.Payload, QoS: p.QoS, Retain: p.Retain, Properties: p.Properties}, nil
}
