package twin

import (
	"errors"
	"fmt"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Why a document is not stored.
var (
	errDropped = errors.New("the broker has acknowledged the document and did not keep it, as far as this user can see: its access rules " +
		"drop it silently, or do not let this user read it; then it has taken the place of what was there, unseen")
	errCleared = errors.New("somebody cleared the document at the same time")
	errGaveUp  = errors.New("other writers were faster each time")
)

// decide says, after a fresh look, what became of a document that was published. What is not done then is tried again.
func (w *writing) decide(o SetOptions, last bool) {
	if w.done || w.overtaken && !last {
		return
	}
	if w.overtaken {
		w.end(Conflicted, errGaveUp)
		return
	}
	now, heard := w.twin.Desired, w.twin.heard
	conflict := w.refusedByRev()
	switch {
	case w.ack.Err != nil && !conflict:
		w.end(Refused, w.ack.Err)
	case w.isOurs(now) && w.acked:
		w.stored()
	case w.isOurs(now):
		w.overwrote(heard, o, last)
	case now == nil && w.twin.clearedLive():
		w.end(Conflicted, errCleared)
	case conflict && now.is(w.base): // the broker reads another revision in it than we do
		w.end(Refused, w.ack.Err)
	case now == nil, now.is(w.base):
		w.end(Refused, errDropped)
	case now.Err != nil:
		w.end(Conflicted, fmt.Errorf("overwritten: %w", now.Err))
	case w.acked, !conflict && now.Doc.Base >= w.sent.Rev && w.sent.Rev > 0, holds(now.Doc.State, w.edits):
		w.result.Warnings = append(w.result.Warnings, describe(now.Doc)+" has come after it already")
		w.stored()
	default:
		w.lost(now, o, last)
	}
}

// refusedByRev reports whether the Server has compared revisions and refused.
func (w *writing) refusedByRev() bool {
	refused, ok := errors.AsType[*client.RefusedError](w.ack.Err)
	return ok && refused.Code == wire.ImplementationSpecificError
}

func (w *writing) isOurs(v *Version) bool {
	if v == nil || v.Doc == nil {
		return false
	}
	if v.Doc.ID != "" {
		return v.Doc.ID == w.sent.ID && v.Doc.Rev == w.sent.Rev
	}
	return string(v.Message.Payload) == string(w.bytes)
}

func (w *writing) stored() {
	outcome := Stored
	if w.sent.tombstone() {
		outcome = Cleared
	}
	w.end(outcome, nil)
}

// tombstone reports whether nothing is desired by the document.
func (d *Desired) tombstone() bool { return len(d.State) == 0 }

// overwrote looks for documents of others which came between our read and our publish, and which nobody sees any more.
func (w *writing) overwrote(heard []*Version, o SetOptions, last bool) {
	var theirs *Version
	for _, v := range heard {
		switch {
		case w.isOurs(v):
			// What came before ours was overwritten by it. What came after would be retained in its place.
		case v == nil || v.Doc == nil || v.is(w.base):
		default:
			theirs = v
		}
	}
	if theirs == nil {
		w.stored()
		return
	}
	var before State
	if w.base != nil && w.base.Doc != nil {
		before = w.base.Doc.State
	}
	edits := editsBetween(before, theirs.Doc.State)
	pointer, both := collide(w.edits, edits)
	warning := "overwrote " + describe(theirs.Doc)
	if both {
		if pointer == "" {
			pointer = wholeState
		}
		warning += ": both have changed " + pointer
	}
	switch {
	case !both && (o.NoMerge || last):
		w.result.Warnings = append(w.result.Warnings, warning+", and its changes are lost")
		w.stored()
	case !both:
		// Theirs goes in again below ours.
		w.result.Warnings = append(w.result.Warnings, warning+", and merged its changes again")
		w.merge = append(w.merge, edits...)
		w.least = max(theirs.Doc.Rev, w.sent.Rev) + 1
	case theirs.Doc.Rev >= w.sent.Rev && !last && w.result.Attempts == 1:
		// A device that has applied theirs ignores ours unless its revision is higher.
		w.result.Warnings = append(w.result.Warnings, warning)
		w.least = max(theirs.Doc.Rev, w.sent.Rev) + 1
	default:
		w.result.Warnings = append(w.result.Warnings, warning)
		w.stored()
	}
}

// lost is for a document that another writer's has replaced, or that was refused because of one.
func (w *writing) lost(now *Version, o SetOptions, last bool) {
	var before State
	if w.base != nil && w.base.Doc != nil {
		before = w.base.Doc.State
	}
	pointer, both := collide(w.edits, editsBetween(before, now.Doc.State))
	if pointer == "" {
		pointer = wholeState
	}
	switch {
	case both:
		w.end(Conflicted, fmt.Errorf("%s has changed %s, too", describe(now.Doc), pointer))
	case o.IfRev != nil, o.IfNone, o.NoMerge:
		w.end(Conflicted, fmt.Errorf("%s was faster", describe(now.Doc)))
	case last:
		w.end(Conflicted, errGaveUp)
	}
	w.result.Rev, w.result.ID = now.Doc.Rev, now.Doc.ID
}
