package twin

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// Record is one line of the audit log: what was done to what is desired of a device, by whom.
type Record struct {
	TS      time.Time `json:"ts"`
	Run     string    `json:"run"`
	By      string    `json:"by"`
	Broker  string    `json:"broker"`
	Topic   string    `json:"topic"`
	Device  string    `json:"device"`
	Action  string    `json:"action"`
	Outcome Outcome   `json:"outcome"`
	// Before and Rev are the revisions before and after.
	Before  uint64         `json:"before,omitempty"`
	Rev     uint64         `json:"rev,omitempty"`
	ID      string         `json:"id,omitempty"`
	Changes []RecordChange `json:"changes,omitempty"`
	// Hash is that of the document that was published.
	Hash     string   `json:"hash,omitempty"`
	Why      string   `json:"why,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Attempts int      `json:"attempts,omitempty"`
	TookMS   int64    `json:"took_ms"`
}

// ErrNoAuditTopic says that the contract has no events of devices.
var ErrNoAuditTopic = errors.New("the contract has no kind for events of a device, whose topic would end with {name}")

// PublishRecord tells a record as an event of the device: QoS 1, not retained. done is called once with what became of it,
// during this call or a later one of the session.
func (g *Group) PublishRecord(ctx context.Context, r Record, done func(error)) error {
	topics, err := g.convention.Topics(r.Device)
	if err != nil {
		return err
	}
	if topics.Audit == "" || strings.ContainsAny(topics.Audit, "+#") {
		return ErrNoAuditTopic
	}
	r.ID = cmp.Or(r.ID, r.Run) // an event has an id
	line, err := r.Append(nil)
	if err != nil {
		return err
	}
	m := message.Message{Topic: topics.Audit, Payload: bytes.TrimSuffix(line, []byte("\n")), QoS: min(1, g.session.Caps().MaximumQoS)}
	m.Properties = g.options.Publish.Clone()
	return g.session.PublishAsync(ctx, m, func(result client.Result) { done(result.Err) })
}

// RecordChange is a setting before and after. A side that is missing is left out.
type RecordChange struct {
	Pointer string          `json:"pointer"`
	From    json.RawMessage `json:"from,omitempty"`
	To      json.RawMessage `json:"to,omitempty"`
}

// NewRecord makes a record of a result. Values of settings that look secret are replaced by a salted hash, so that the log
// can be kept and read.
func NewRecord(r Result) Record {
	record := Record{
		TS: time.Now().UTC(), Topic: r.Topic, Device: r.Device, Outcome: r.Outcome, Before: r.Before, Rev: r.Rev, ID: r.ID,
		Warnings: r.Warnings, Attempts: r.Attempts, TookMS: r.Took.Milliseconds(),
	}
	if r.Why != nil {
		record.Why = r.Why.Error()
	}
	if r.Payload != nil {
		sum := sha256.Sum256(r.Payload)
		record.Hash = "sha256:" + hex.EncodeToString(sum[:])
	}
	for _, e := range editsBetween(r.From, r.To) {
		tokens, err := parsePointer(e.Pointer)
		if err != nil {
			continue
		}
		change := RecordChange{Pointer: e.Pointer}
		if from, found := lookup(r.From, tokens); found {
			change.From = recorded(tokens, from)
		}
		if !e.Removed {
			change.To = recorded(tokens, e.Value)
		}
		record.Changes = append(record.Changes, change)
	}
	return record
}

// recorded is a value as it may be kept.
func recorded(tokens []string, v any) json.RawMessage {
	return payload.AppendValue(nil, masked(tokens, v))
}

func masked(tokens []string, v any) any {
	name := ""
	if len(tokens) > 0 {
		name = tokens[len(tokens)-1]
	}
	if hidden(name, v) {
		return hashOf(v)
	}
	switch v := v.(type) {
	case State:
		safe := make(State, len(v))
		for name, below := range v {
			safe[name] = masked([]string{name}, below)
		}
		return safe
	case []any:
		safe := make([]any, len(v))
		for i, below := range v {
			safe[i] = masked(tokens, below)
		}
		return safe
	default:
		return v
	}
}

// hidden reports whether a value is not for a log: what looks secret, and whatever is named like it.
func hidden(name string, v any) bool {
	if text, ok := v.(string); ok && payload.Secret(name, text) != "" {
		return true
	}
	small := strings.ToLower(name)
	for _, word := range []string{"password", "passwd", "passphrase", "token", "secret", "key", "psk", "pwd"} {
		if strings.Contains(small, word) {
			return true
		}
	}
	return false
}

// hashOf tells values apart without telling them. The salt keeps equal secrets from being recognised.
func hashOf(v any) string {
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // crypto/rand.Read never fails
	sum := sha256.Sum256(append(salt[:], payload.AppendValue(nil, v)...))
	return "sha256:" + hex.EncodeToString(salt[:]) + ":" + hex.EncodeToString(sum[:16])
}

// Append returns the record as a line.
func (r Record) Append(dst []byte) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return dst, err
	}
	return append(append(dst, text...), '\n'), nil
}

// ReadRecords calls yield with the records of a log and their lines until it returns an error. A line that is none, as a
// crash may leave one, is counted and left out.
func ReadRecords(log io.Reader, yield func(r Record, line []byte) error) (bad int, err error) {
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var r Record
			if json.Unmarshal(line, &r) != nil || r.Device == "" {
				bad++
			} else if err := yield(r, line); err != nil {
				return bad, err
			}
		}
		if errors.Is(err, io.EOF) {
			return bad, nil
		} else if err != nil {
			return bad, err
		}
	}
}
