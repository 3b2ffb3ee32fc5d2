package simulate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
)

// Entry is a line of a ledger: a message as its device meant it, and what was done to it on purpose. Every entry stands for
// itself, so that the ledgers of the parts of a fleet are put together by concatenation, in any order.
type Entry struct {
	Device string `json:"device"`
	// Seq counts the messages of a device from 1; it is 0 for a Will Message, which the Server publishes.
	Seq    int64  `json:"seq,omitempty"`
	Will   bool   `json:"will,omitempty"`
	Topic  string `json:"topic"`
	QoS    byte   `json:"qos"`
	Retain bool   `json:"retain"`
	// Due is when it was to be sent, Sent when it was; a message that was dropped was never sent.
	Due  time.Time `json:"-"`
	Sent time.Time `json:"-"`
	// Bytes and Hash are of the payload.
	Bytes int    `json:"bytes"`
	Hash  string `json:"hash"`
	// SentTopic and SentHash are those of the message as it was sent, where they differ.
	SentTopic string `json:"sent_topic,omitempty"`
	SentHash  string `json:"sent_hash,omitempty"`
	Copies    int    `json:"copies,omitempty"`
	// Again says that the entry is no other message: the one of this number went out once more, because the connection was
	// lost before its acknowledgement came.
	Again   bool     `json:"again,omitempty"`
	Faults  []string `json:"faults,omitempty"`
	Effects []Effect `json:"effects,omitempty"`
}

// entryTimes are the times of an entry in its line.
type entryTimes struct {
	Due  string `json:"due"`
	Sent string `json:"sent,omitempty"`
}

type entryLine struct {
	entryTimes
	Entry
}

// payloadHash tells payloads apart.
func payloadHash(p []byte) string { return fmt.Sprintf("%016x", hashOf(p)) }

// Entry is the line of a ledger for a message.
func (m *Made) Entry() Entry {
	e := Entry{
		Device: m.Device, Seq: m.Seq, Will: m.Will, Topic: m.Clean.Topic, QoS: m.Clean.QoS, Retain: m.Clean.Retain,
		Due: m.Clean.Time, Sent: m.Message.Time, Bytes: len(m.Clean.Payload), Hash: payloadHash(m.Clean.Payload), Copies: m.Copies, Again: m.Again,
		Faults: m.Faults, Effects: m.Effects,
	}
	if m.Is(Dropped) {
		e.Sent = time.Time{}
	}
	if m.Message.Topic != m.Clean.Topic {
		e.SentTopic = m.Message.Topic
	}
	if !bytes.Equal(m.Message.Payload, m.Clean.Payload) {
		e.SentHash = payloadHash(m.Message.Payload)
	}
	return e
}

// AppendJSON appends the entry as one line.
func (e *Entry) AppendJSON(dst []byte) []byte {
	line := entryLine{Entry: *e, entryTimes: entryTimes{Due: string(message.AppendTime(nil, e.Due))}}
	if !e.Sent.IsZero() {
		line.entryTimes.Sent = string(message.AppendTime(nil, e.Sent))
	}
	text, _ := json.Marshal(line) // plain values
	return append(append(dst, text...), '\n')
}

// errNotEntry says that a line is none of a ledger.
var errNotEntry = errors.New("not a line of a ledger")

// ParseEntry reads a line. Its texts are parts of the line's.
func ParseEntry(text []byte) (Entry, error) {
	if !gjson.ValidBytes(text) {
		return Entry{}, errNotEntry
	}
	line := gjson.ParseBytes(text)
	r := entryReader{ok: line.IsObject()}
	line.ForEach(func(key, value gjson.Result) bool {
		r.member(key.Str, value)
		return r.ok
	})
	e := &r.entry
	if !r.ok || e.Due.IsZero() || e.Topic == "" || !isHash(e.Hash) || e.SentHash != "" && !isHash(e.SentHash) {
		return Entry{}, errNotEntry
	}
	return *e, nil
}

// entryReader reads the members of a line. Those that it does not know are left to later versions.
type entryReader struct {
	entry Entry
	ok    bool
}

func (r *entryReader) member(key string, v gjson.Result) {
	e := &r.entry
	switch key {
	case "due":
		e.Due = r.time(v)
	case "sent":
		e.Sent = r.time(v)
	case "device":
		e.Device = r.text(v)
	case "topic":
		e.Topic = r.text(v)
	case "sent_topic":
		e.SentTopic = r.text(v)
	case "hash":
		e.Hash = r.text(v)
	case "sent_hash":
		e.SentHash = r.text(v)
	case "seq":
		e.Seq = r.number(v, math.MaxInt64)
	case "qos":
		e.QoS = byte(r.number(v, 2))
	case "bytes":
		e.Bytes = int(r.number(v, math.MaxInt32))
	case "copies":
		e.Copies = int(r.number(v, math.MaxInt32))
	case "retain":
		e.Retain = r.flag(v)
	case "will":
		e.Will = r.flag(v)
	case "again":
		e.Again = r.flag(v)
	case "faults":
		e.Faults = r.texts(v)
	case "effects":
		for _, effect := range r.texts(v) {
			e.Effects = append(e.Effects, Effect(effect))
		}
	}
}

func (r *entryReader) text(v gjson.Result) string {
	r.ok = r.ok && v.Type == gjson.String && utf8.ValidString(v.Str)
	return v.Str
}

func (r *entryReader) flag(v gjson.Result) bool {
	r.ok = r.ok && v.IsBool()
	return v.Bool()
}

func (r *entryReader) number(v gjson.Result, most int64) int64 {
	n, err := strconv.ParseInt(v.Raw, 10, 64)
	r.ok = r.ok && err == nil && n >= 0 && n <= most
	return n
}

func (r *entryReader) time(v gjson.Result) time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.text(v))
	r.ok = r.ok && err == nil
	return at
}

func (r *entryReader) texts(v gjson.Result) []string {
	r.ok = r.ok && v.IsArray()
	var list []string
	v.ForEach(func(_, item gjson.Result) bool {
		list = append(list, r.text(item))
		return r.ok
	})
	return list
}

// isHash reports whether a text is what payloadHash makes.
func isHash(text string) bool {
	const digits = 16
	_, err := strconv.ParseUint(text, 16, 64)
	return err == nil && len(text) == digits
}

// longestEntry bounds a line of a ledger: two topics of the longest kind, and what stands beside them.
const longestEntry = 1 << 20

// ReadLedger calls fn for each entry. A line that is none is an error: a ledger that is not whole proves nothing.
func ReadLedger(r io.Reader, fn func(Entry)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), longestEntry)
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		e, err := ParseEntry(lines.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		fn(e)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: %w", n+1, errNotEntry)
	}
	return lines.Err()
}
