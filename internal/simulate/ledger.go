package simulate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

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
func payloadHash(p []byte) string {
	const enough = 8
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:enough])
}

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

// ParseEntry reads a line.
func ParseEntry(text []byte) (Entry, error) {
	var line entryLine
	if err := json.Unmarshal(text, &line); err != nil {
		return Entry{}, errNotEntry
	}
	e := line.Entry
	var err error
	if e.Due, err = time.Parse(time.RFC3339Nano, line.entryTimes.Due); err != nil || e.Topic == "" || e.Hash == "" || e.QoS > 2 {
		return Entry{}, errNotEntry
	}
	if line.entryTimes.Sent != "" {
		if e.Sent, err = time.Parse(time.RFC3339Nano, line.entryTimes.Sent); err != nil {
			return Entry{}, errNotEntry
		}
	}
	return e, nil
}

// ReadLedger calls fn for each entry. A line that is none is an error: a ledger that is not whole proves nothing.
func ReadLedger(r io.Reader, fn func(Entry)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		e, err := ParseEntry(lines.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		fn(e)
	}
	return lines.Err()
}
