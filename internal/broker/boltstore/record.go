package boltstore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/wire"
)

// bucketPrefix and the number of the format, from 1, are the name of the bucket with all records. A format with another
// number may be different in everything else.
const (
	bucketPrefix = "mqx broker "
	bucketName   = bucketPrefix + "1"
)

// kind is what a record is about, and how its key is to be read.
type kind byte

const (
	kindSeal         kind = 0   // the [seal]
	kindDelivery     kind = 'd' // number of the Session, Seq
	kindMessage      kind = 'm' // Number
	kindReceived     kind = 'q' // number of the Session, Packet Identifier
	kindRetained     kind = 'r' // Number of the message; the record is empty
	kindSession      kind = 's' // number of the Session
	kindSubscription kind = 'u' // number of the Session, number of the subscription
)

// key is the key of a record. Names (topics, filters, Client Identifiers) are not part of keys: they may be longer than a
// key can be.
type key struct {
	kind kind
	a, b uint64
}

const keySize = 1 + 8 + 8

func (k key) bytes() []byte {
	b := make([]byte, 0, keySize)
	b = append(b, byte(k.kind))

	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, k.a), k.b)
}

func parseKey(b []byte) (key, bool) {
	if len(b) != keySize {
		return key{}, false
	}

	return key{kind(b[0]), binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:])}, true
}

// checksumSize is what sign appends.
const checksumSize = 4

// sign returns the value of a record: its body and the checksum of key and body.
func sign(name, body []byte) []byte {
	value := append(make([]byte, 0, len(body)+checksumSize), body...)

	return binary.BigEndian.AppendUint32(value, checksum(name, body))
}

// signed returns the body of a value whose checksum is right.
func signed(name, value []byte) (body []byte, ok bool) {
	if len(value) < checksumSize {
		return nil, false
	}
	body = value[:len(value)-checksumSize]

	return body, checksumOf(value) == checksum(name, body)
}

func checksum(name, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)

	return crc32.Update(crc32.Checksum(name, table), table, body)
}

func checksumOf(value []byte) uint32 { return binary.BigEndian.Uint32(value[len(value)-checksumSize:]) }

// seal counts the records besides itself, and sums up their checksums. It changes with them, so a record that has got lost
// shows.
type seal struct{ count, sum uint64 }

func (s *seal) add(value []byte) {
	s.count++
	s.sum += uint64(checksumOf(value))
}

func (s *seal) remove(value []byte) {
	s.count--
	s.sum -= uint64(checksumOf(value))
}

// bytes returns the signed value of the seal.
func (s *seal) bytes() []byte {
	body := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.count), s.sum)

	return sign(key{kind: kindSeal}.bytes(), body)
}

func parseSeal(body []byte) (seal, error) {
	r := reader{rest: body}
	s := seal{count: r.uint64(), sum: r.uint64()}

	return s, r.end()
}

// A time is stored in nanoseconds since 1970, and as noTime when it is zero.
const noTime = math.MinInt64

func appendTime(dst []byte, t time.Time) []byte {
	n := int64(noTime)
	if !t.IsZero() {
		n = t.UnixNano()
	}

	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

func appendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendFlags appends up to eight truth values.
func appendFlags(dst []byte, flags ...bool) []byte {
	var b byte
	for i, set := range flags {
		if set {
			b |= 1 << i
		}
	}

	return append(dst, b)
}

// encodeMessage returns the body of a message without its Number, which is in the key.
func encodeMessage(m *broker.StoredMessage) ([]byte, error) {
	dst := make([]byte, 0, 32+len(m.Topic)+len(m.From)+len(m.Payload))
	dst = appendFlags(append(dst, m.QoS), m.Retain)
	dst = appendTime(dst, m.Expires)
	dst = appendBytes(appendBytes(dst, m.Topic), m.From)
	dst, err := appendProperties(dst, m.Properties)

	return appendBytes(dst, m.Payload), err
}

func (r *reader) message() broker.StoredMessage {
	m := broker.StoredMessage{QoS: r.byte(2), Retain: r.flags(1)&1 != 0, Expires: r.time()}
	m.Topic, m.From = string(r.bytes()), string(r.bytes())
	m.Properties = r.properties()
	if payload := r.bytes(); len(payload) > 0 {
		m.Payload = slices.Clone(payload)
	}

	return m
}

// Properties are stored as those of a PUBLISH packet, which is what they are or will become.
const carrierTopic = "p"

func appendProperties(dst []byte, p *wire.Properties) ([]byte, error) {
	if p.Empty() {
		return appendBytes(dst, ""), nil
	}
	packet, err := (&wire.Publish{Topic: carrierTopic, Properties: p}).Append(nil, wire.V5)

	return appendBytes(dst, packet), err
}

func (r *reader) properties() *wire.Properties {
	b := r.bytes()
	if len(b) == 0 {
		return nil
	}
	_, size := binary.Uvarint(b[1:]) // Remaining Length has the same form
	if size <= 0 {
		r.fail("a packet header")

		return nil
	}
	var p wire.Publish
	if err := p.Decode(wire.V5, b[0], slices.Clone(b[1+size:])); err != nil {
		r.fail("properties")
	}

	return p.Properties
}

func encodeSession(s *broker.StoredSession) ([]byte, error) {
	dst := appendBytes(nil, s.ClientID)
	dst = binary.BigEndian.AppendUint32(dst, s.Expiry)
	dst = appendTime(dst, s.Left)
	dst = appendFlags(dst, s.Will != nil)
	if s.Will == nil {
		return dst, nil
	}
	m := s.Will.Message
	m.Properties = m.Properties.Clone()
	m.Properties.Clear(wire.PropWillDelayInterval) // it is Delay, and no property of a PUBLISH
	will, err := encodeMessage(&m)

	return append(binary.BigEndian.AppendUint32(dst, s.Will.Delay), will...), err
}

func (r *reader) session() broker.StoredSession {
	s := broker.StoredSession{ClientID: string(r.bytes()), Expiry: r.uint32(), Left: r.time()}
	if r.flags(1) != 0 {
		s.Will = &broker.StoredWill{Delay: r.uint32()}
		s.Will.Message = r.message()
	}

	return s
}

func encodeSubscription(s *broker.StoredSubscription) []byte {
	dst := append(appendBytes(nil, s.Filter), s.QoS)
	dst = appendFlags(dst, s.NoLocal, s.RetainAsPublished)

	return binary.BigEndian.AppendUint32(dst, s.Identifier)
}

func (r *reader) subscription() broker.StoredSubscription {
	s := broker.StoredSubscription{Filter: string(r.bytes()), QoS: r.byte(2)}
	flags := r.flags(2)
	s.NoLocal, s.RetainAsPublished = flags&1 != 0, flags&2 != 0
	s.Identifier = r.uint32()

	return s
}

// encode returns the body of a delivery without its Seq, which is in the key. Of the message there is the Number, 0 when
// it was released.
func (d *delivery) encode() []byte {
	dst := binary.BigEndian.AppendUint64(nil, d.message)
	dst = appendFlags(append(dst, d.qos), d.retain, d.released)
	dst = binary.BigEndian.AppendUint16(dst, d.packetID)
	dst = appendBytes(dst, d.share)
	dst = binary.AppendUvarint(dst, uint64(len(d.ids)))
	for _, id := range d.ids {
		dst = binary.BigEndian.AppendUint32(dst, id)
	}

	return dst
}

func (r *reader) delivery() delivery {
	d := delivery{message: r.uint64(), qos: r.byte(2)}
	flags := r.flags(2)
	d.retain, d.released = flags&1 != 0, flags&2 != 0
	d.packetID = r.uint16()
	d.share = string(r.bytes())
	n := r.uvarint()
	if n > uint64(len(r.rest))/4 {
		r.fail("Subscription Identifiers")

		return d
	}
	for range n {
		d.ids = append(d.ids, r.uint32())
	}

	return d
}

// reader takes a record apart. After an error it reads zeros.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = errors.New("its " + what + " cannot be read")
	}
	r.rest = nil
}

// end returns the error, which is also that something is left.
func (r *reader) end() error {
	if len(r.rest) > 0 {
		r.fail("end")
	}

	return r.err
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("content")

		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]

	return b
}

// byte reads a number up to limit.
func (r *reader) byte(limit byte) byte {
	b := r.take(1)
	if b == nil {
		return 0
	}
	if b[0] > limit {
		r.fail("content")

		return 0
	}

	return b[0]
}

// flags reads up to n truth values.
func (r *reader) flags(n int) byte { return r.byte(1<<n - 1) }

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}

	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}

	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}

	return 0
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail("content")

		return 0
	}
	r.rest = r.rest[size:]

	return n
}

// bytes reads a string of bytes. They belong to the file.
func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

func (r *reader) time() time.Time {
	n := int64(r.uint64())
	if r.err != nil || n == noTime {
		return time.Time{}
	}

	return time.Unix(0, n)
}
