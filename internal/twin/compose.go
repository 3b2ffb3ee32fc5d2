package twin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// compose makes the new document.
func (g *Group) compose(w *writing, before *Desired, next State, o SetOptions) error {
	now := time.Now()
	rev := before.Rev + 1
	if before.Rev == 0 || w.change.saved != nil { // a topic that was purged must not begin below what devices have applied
		rev = max(rev, uint64(max(1, now.Unix())))
	}
	more := before.more
	if saved := w.change.saved; saved != nil {
		rev, more = max(rev, saved.Rev+1), saved.more
		before.Layout, before.Schema = saved.Layout, saved.Schema
	}
	rev = max(rev, w.least)
	if before.Rev == math.MaxUint64 || w.change.saved != nil && w.change.saved.Rev == math.MaxUint64 {
		return errors.New("the revision cannot be raised any more: purge the document (mqx desired clear --purge) and set it anew")
	}
	id := o.ID
	if id == "" {
		id = NewID(now)
	}
	w.sent = &Desired{
		Layout: before.Layout, Rev: rev, ID: id, Schema: before.Schema, By: g.options.By, Base: before.Rev, Time: now,
		State: next, more: more,
	}
	if o.Layout != "" {
		w.sent.Layout = o.Layout
	}
	if w.sent.Layout == "" {
		w.sent.Layout = Wrapped
	}
	if w.sent.Schema == "" && w.sent.Layout == Wrapped {
		w.sent.Schema = g.convention.schemaName()
	}
	if w.sent.State == nil {
		w.sent.State = State{}
	}
	if w.sent.Layout == Bare && g.session.Caps().Version != wire.V5 && w.result.Attempts == 0 {
		w.result.Warnings = append(w.result.Warnings, "below MQTT 5 a bare document has no revision and no id")
	}
	w.bytes = w.sent.Encode()
	w.result.Payload, w.result.Rev, w.result.ID = w.bytes, rev, id
	return g.check(w, o)
}

// NewID returns a ULID: unique, and sorted by time.
func NewID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), rand.Reader).String()
}

// check holds a new document against what may be desired.
func (g *Group) check(w *writing, o SetOptions) error {
	if len(w.bytes) > maxDocument {
		return fmt.Errorf("the document would have %d bytes, more than the %d that one may have", len(w.bytes), maxDocument)
	}
	if d, err := ParseDesired(message.Message{Payload: w.bytes}); err != nil || d.Layout != w.sent.Layout {
		return fmt.Errorf("as a %s document the state would be read as another one: choose another layout", w.sent.Layout)
	}
	if schema := g.convention.schemaOf(w.sent.Schema); schema != nil {
		if err := schema.Check(w.bytes); err != nil {
			return fmt.Errorf("the schema %s does not allow it: %w", schema.Name, err)
		}
	}
	if o.Trusted {
		return nil
	}
	return w.checkSettings(o)
}
