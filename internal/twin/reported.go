package twin

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// AckStatus is what a device says about one setting.
type AckStatus string

// The statuses. A device may use other words, which mean nothing to us.
const (
	AckApplied  AckStatus = "applied"
	AckPending  AckStatus = "pending"
	AckRejected AckStatus = "rejected"
	AckUnknown  AckStatus = "unknown" // the device has no such setting
	AckDevice   AckStatus = "device"  // changed at the device
)

// Refuses reports whether the device will not apply the setting.
func (s AckStatus) Refuses() bool { return s == AckRejected || s == AckUnknown }

// Ack is what a device says about one setting, and why.
type Ack struct {
	Status AckStatus
	Msg    string
}

// Reported is a reported document: what a device is like.
type Reported struct {
	State State
	// Time is what the device says about the age of the document; zero when it does not.
	Time time.Time
	// Answers says that Rev or ID name the desired document that the device has seen last.
	Answers bool
	Rev     uint64
	ID      string
	// Acks are by JSON Pointer; they hold for what is below it, too.
	Acks map[string]Ack
}

// ParseReported reads a reported document: with its settings in the member "state", or beside the others. The error is a
// [*DocumentError].
func ParseReported(m message.Message) (*Reported, error) {
	r, err := parseReported(m)
	if err != nil {
		return nil, &DocumentError{m.Topic, err}
	}
	return r, nil
}

func parseReported(m message.Message) (*Reported, error) {
	members, err := parseObject(m.Payload)
	if err != nil {
		return nil, err
	}
	r := &Reported{State: members}
	if layoutOf(members) == Wrapped {
		r.State, _ = members[stateMember].(State) // layoutOf has looked
	}
	for _, name := range []string{"ts", "_ts"} {
		if made, err := payload.TimeOf(members[name]); err == nil {
			r.Time = made
		}
	}
	for _, name := range []string{"desired_rev", "_desired_rev"} {
		if value := members[name]; value != nil {
			if r.Rev, err = wholeNumber(value); err != nil {
				return nil, fmt.Errorf("%q %w", name, err)
			}
			r.Answers = true
		}
	}
	for _, name := range []string{"desired_id", "_desired_id"} {
		if id, ok := members[name].(string); ok && id != "" {
			r.ID, r.Answers = id, true
		}
	}
	if rev, err := strconv.ParseUint(userProperty(m.Properties, desiredRevProperty), 10, 64); err == nil {
		r.Rev, r.Answers = rev, true
	}
	if id := userProperty(m.Properties, desiredIDProperty); id != "" {
		r.ID, r.Answers = id, true
	}
	r.Acks = parseAcks(members["acks"])
	return r, nil
}

// parseAcks takes {"/mode":{"status":"rejected","msg":"why"}}, and the short forms {"mode":"rejected"}.
func parseAcks(value any) map[string]Ack {
	members, _ := value.(State) // what is no object says nothing
	acks := make(map[string]Ack, len(members))
	for name, value := range members {
		if !strings.HasPrefix(name, "/") {
			name = "/" + escapeToken(name)
		}
		switch v := value.(type) {
		case string:
			acks[name] = Ack{Status: AckStatus(v)}
		case State:
			status, _ := v["status"].(string)
			msg, _ := v["msg"].(string)
			acks[name] = Ack{AckStatus(status), msg}
		}
	}
	return acks
}

// ackOf returns what the device says about the setting at pointer, or the nearest one above it.
func (r *Reported) ackOf(pointer string) Ack {
	for pointer != "" {
		if ack, ok := r.Acks[pointer]; ok {
			return ack
		}
		pointer = pointer[:strings.LastIndexByte(pointer, '/')]
	}
	return Ack{}
}
