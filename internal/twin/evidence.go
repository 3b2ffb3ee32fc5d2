package twin

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/payload"
)

// Evidence is why a report is taken for an answer to a desired document.
type Evidence string

// The evidence, the strongest first.
const (
	// ByAck is a report that names the document's revision or id.
	ByAck Evidence = "ack"
	// ByLive is a report that came live after the document.
	ByLive Evidence = "live"
	// ByTime is a report whose timestamp is not before the document's.
	ByTime Evidence = "time"
	// ByValue is none: the values match, and may have done so for long.
	ByValue Evidence = "value"
)

// Policy says which evidence is enough.
type Policy string

// The policies.
const (
	// Auto takes an acknowledgement of devices that have ever given one; of others a live report, or the time of one if the
	// document is older than the wait.
	Auto Policy = "auto"
	// AckOnly, LiveOnly and TimeOnly take that or better, AnyEvidence takes values.
	AckOnly     Policy = "ack"
	LiveOnly    Policy = "live"
	TimeOnly    Policy = "time"
	AnyEvidence Policy = "any"
)

// find returns the best evidence that the last report of the device answers the target, "" for none that policy takes.
func (w *waiting) find(policy Policy, skew time.Duration) Evidence {
	t := w.twin
	r := t.Reported
	ack := r.acknowledges(w.target)
	live := !t.ReportedMessage.Retain && t.ReportedMessage.Time.After(w.since)
	timely := !r.Time.IsZero() && !w.target.Time.IsZero() && !r.Time.Before(w.target.Time.Add(-skew))
	switch {
	case ack:
		return ByAck
	case policy == AckOnly, policy == Auto && t.answers:
		return ""
	case live:
		return ByLive
	case policy == LiveOnly, policy == Auto && w.ours:
		return ""
	case timely:
		return ByTime
	case policy == AnyEvidence:
		return ByValue
	default:
		return ""
	}
}

// acknowledges reports whether the device says that it has seen the document, or a later one. Two writers may have given
// the same revision: the id then decides.
func (r *Reported) acknowledges(d *Desired) bool {
	if d.ID != "" && r.ID == d.ID {
		return r.Rev == 0 || r.Rev >= d.Rev
	}
	if d.Rev == 0 || r.Rev < d.Rev {
		return false
	}
	return r.Rev > d.Rev || r.ID == "" || d.ID == ""
}

// rejection returns why the device does not apply a setting that it was asked for; nil if it does, or has not said.
func rejection(list []Leaf, edits []Edit) error {
	for _, leaf := range list {
		if !leaf.Ack.Status.Refuses() || leaf.Same || !touches(edits, leaf.Pointer) {
			continue
		}
		text := fmt.Sprintf("%s %s", leaf.Ack.Status, leaf.Pointer)
		if leaf.Ack.Status == AckUnknown {
			text = "knows no " + leaf.Pointer
		}
		if leaf.Ack.Msg != "" {
			text += ": " + leaf.Ack.Msg
		}
		return errors.New(text)
	}
	return nil
}

func touches(edits []Edit, pointer string) bool {
	for _, e := range edits {
		if !e.Removed && overlaps(e.Pointer, pointer) {
			return true
		}
	}
	return false
}

// mismatches are the leaves that are not as desired.
func mismatches(list []Leaf) []Leaf {
	var found []Leaf
	for _, leaf := range list {
		if !leaf.Same {
			found = append(found, leaf)
		}
	}
	return found
}

// why says what a device that has not converged is like.
func (w *waiting) why(now time.Time) error {
	t := w.twin
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if t.Offline() {
		say("its status says offline")
	}
	switch {
	case w.target == nil:
		return errors.New("the revision that was asked for is not desired yet")
	case t.ReportedErr != nil:
		return t.ReportedErr
	case t.Reported == nil && !t.presence.seen():
		return errors.New("never seen: it has no status and no report")
	case t.Reported == nil:
		say("it has reported nothing")
		return errors.New(strings.Join(parts, "; "))
	}
	age := ""
	if d, known := t.reportAge(now); known {
		age = fmt.Sprintf(" %s ago", d.Round(time.Second))
	}
	answered := ""
	if t.Reported.Rev > 0 {
		answered = fmt.Sprintf(" for rev %d", t.Reported.Rev)
	}
	list := mismatches(w.delta)
	if len(list) == 0 {
		say("the last report%s%s matches, and nothing shows that it answers %s", age, answered, describe(w.target))
	}
	const shown = 3
	for _, leaf := range list[:min(shown, len(list))] {
		switch name := leaf.Pointer[strings.LastIndexByte(leaf.Pointer, '/')+1:]; {
		case !leaf.Reports:
			say("it has never reported %s", leaf.Pointer)
		case hidden(name, leaf.Desired), hidden(name, leaf.Reported): // this may end up in a log
			say("the last report%s%s has another %s", age, answered, leaf.Pointer)
		default:
			say("the last report%s%s has %s %.60s, not %.60s", age, answered, leaf.Pointer,
				payload.AppendValue(nil, leaf.Reported), payload.AppendValue(nil, leaf.Desired))
		}
	}
	if more := len(list) - shown; more > 0 {
		say("and %d more settings", more)
	}
	return errors.New(strings.Join(parts, "; "))
}
