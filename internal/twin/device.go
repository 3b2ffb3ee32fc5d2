package twin

import (
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
)

// Version is a desired document as it came in.
type Version struct {
	Message message.Message
	// Doc is nil when Err says why the payload is no document.
	Doc *Desired
	Err error
}

func newVersion(m message.Message) *Version {
	doc, err := ParseDesired(m)
	return &Version{m, doc, err}
}

// is reports whether two versions are the same document, as far as documents can say.
func (v *Version) is(other *Version) bool {
	if v == nil || other == nil {
		return v == other
	}
	if v.Doc != nil && other.Doc != nil && v.Doc.ID != "" && other.Doc.ID != "" {
		return v.Doc.ID == other.Doc.ID && v.Doc.Rev == other.Doc.Rev
	}
	return string(v.Message.Payload) == string(other.Message.Payload)
}

// rev is the revision of a document that may not be there.
func (v *Version) rev() uint64 {
	if v == nil || v.Doc == nil {
		return 0
	}
	return v.Doc.Rev
}

// Twin is a device and what was seen of its documents.
type Twin struct {
	// Device is the base topic.
	Device string
	// Desired is what is desired now, nil for nothing.
	Desired *Version
	// Reported is what the device has reported last; nil when it never has, or when ReportedErr says why it is no document.
	Reported    *Reported
	ReportedErr error
	// ReportedMessage is the message of the two.
	ReportedMessage message.Message

	topics   Topics
	presence presence
	unfit    bool     // [Options.Where] does not hold for it
	request  *request // the last document of ours, nil for none

	fresh bool       // a retained desired document came since the read began
	heard []*Version // desired documents that came live since the read began; nil for one that was cleared

	answers bool     // the device has named a desired document in a report
	told    Reported // what it has reported, pieced together from partial reports
	partial bool     // it does not report everything each time
}

// Offline reports whether the device says that it is offline and does not publish.
func (t *Twin) Offline() bool { return t.presence.offline() }

// observe takes a message of the device.
func (t *Twin) observe(role contract.Role, m message.Message) {
	switch role {
	case contract.Desired:
		t.observeDesired(m)
	case contract.Reported:
		t.presence.observeLife(m)
		t.observeReported(m)
	case contract.Status:
		t.presence.observeStatus(m)
	default:
		t.presence.observeLife(m)
	}
}

func (t *Twin) observeDesired(m message.Message) {
	var v *Version
	if len(m.Payload) > 0 {
		v = newVersion(m)
	}
	if m.Retain {
		t.fresh = true
	} else {
		t.heard = append(t.heard, v)
	}
	t.Desired = v
}

func (t *Twin) observeReported(m message.Message) {
	if len(m.Payload) == 0 { // cleared
		t.Reported, t.ReportedErr, t.ReportedMessage = nil, nil, message.Message{}
		return
	}
	again := m.Retain && string(m.Payload) == string(t.ReportedMessage.Payload)
	if again { // the Server retains what came live before: that it did is the better evidence
		return
	}
	t.ReportedMessage = m
	t.Reported, t.ReportedErr = ParseReported(m)
	if t.Reported == nil {
		return
	}
	t.answers = t.answers || t.Reported.Answers
	t.piece(t.Reported)
}

// piece adds a report to what was told before. A device that reports only what has changed is understood, as long as
// somebody listens.
func (t *Twin) piece(r *Reported) {
	if t.told.State != nil && losesMembers(t.told.State, r.State) {
		t.partial = true
	}
	if !t.partial {
		t.told = *r
		return
	}
	state := merge(t.told.State, r.State)
	t.told = *r
	t.told.State = state
}

func losesMembers(before, now State) bool {
	for name := range before {
		if _, still := now[name]; !still {
			return true
		}
	}
	return false
}

// beginRead forgets what was heard before a read of what is desired.
func (t *Twin) beginRead() { t.fresh, t.heard = false, nil }

// endRead settles what is desired when all retained messages have come.
func (t *Twin) endRead() {
	if !t.fresh && len(t.heard) == 0 {
		t.Desired = nil
	}
}

// reportAge is how long ago the last report came in or was made; known is false when nobody can tell.
func (t *Twin) reportAge(now time.Time) (age time.Duration, known bool) {
	switch {
	case t.ReportedMessage.Payload == nil:
		return 0, false
	case !t.ReportedMessage.Retain:
		return now.Sub(t.ReportedMessage.Time), true
	case t.Reported != nil && !t.Reported.Time.IsZero():
		return now.Sub(t.Reported.Time), true
	default:
		return 0, false
	}
}

// clearedLive reports whether the desired document was cleared since the read began.
func (t *Twin) clearedLive() bool { return slices.Contains(t.heard, nil) }
