package twin

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/pace"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// ifRevProperty makes a publish depend on the revision that is retained, see docs/decisions/0009.
	ifRevProperty = "mqx-if-rev"
	// noRevision and nothingRetained are values of it besides numbers.
	noRevision      = "none"
	nothingRetained = "0"
	// maxAttempts bounds the publishes for one change. Where the Server compares, each refusal means that somebody else
	// has got through, so that more of them make sense.
	maxAttempts         = 5
	maxComparedAttempts = 50
	// leastJitter is the longest pause before another attempt, where there is nothing to settle.
	leastJitter = 10 * time.Millisecond
)

// SetOptions say how to change what is desired.
type SetOptions struct {
	// IfRev, when set, is the revision that must be desired now.
	IfRev *uint64
	// IfNone asks for nothing to be desired now: no document, or one without settings.
	IfNone bool
	// ID is that of the new document; empty makes one. A document that has it already is left as it is.
	ID string
	// Layout is that of the new document; empty keeps the one that is there, or takes Wrapped.
	Layout Layout
	// Force publishes although nothing changes, lets actions pass, and replaces what is no document.
	Force bool
	// AllowSecret lets secrets pass.
	AllowSecret bool
	// NoMerge gives up when another writer was faster, also when that one has changed other settings.
	NoMerge bool
	// Existing leaves devices alone of which nothing is desired.
	Existing bool
	// Trusted lets everything pass that was desired before: see Restore.
	Trusted bool
	// DryRun publishes nothing.
	DryRun bool
	// Rate limits publishes a second; 0 is as fast as the Server takes them.
	Rate float64
}

// writing is the change of one device under way.
type writing struct {
	twin   *Twin
	change Change
	start  time.Time
	result Result

	base  *Version // what the change was applied to
	sent  *Desired
	bytes []byte
	edits []Edit
	ack   client.Result
	acked bool // compared by the Server, and stored
	// overtaken says that another document came before ours was sent.
	overtaken bool
	done      bool
	merge     []Edit // of another writer, whom we have overwritten
	least     uint64 // lowest revision to publish with
}

// Set applies a change to what is desired of devices and proves what became of it. change gives the one of each device.
// Results are in the order of twins. An error ends all: the session is lost, or ctx.
func (g *Group) Set(ctx context.Context, twins []*Twin, change func(*Twin) Change, o SetOptions) ([]Result, error) {
	work := make([]*writing, len(twins))
	for i, t := range twins {
		work[i] = &writing{twin: t, change: change(t), result: Result{
			Device: t.Device, Topic: t.topics.Desired, Before: t.Desired.rev(),
		}}
	}
	err := g.set(ctx, work, o)
	results := make([]Result, len(work))
	for i, w := range work {
		switch {
		case w.done:
		case w.result.Attempts == 0:
			w.end(NotStarted, err)
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrIncomplete):
			w.end(TimedOut, errors.New("published, and it was not to be seen in time what became of it"))
		default:
			w.end(Unknown, err)
		}
		results[i] = w.result
	}
	return results, err
}

func (g *Group) set(ctx context.Context, work []*writing, o SetOptions) error {
	compares := g.compareAndSet()
	attempts := maxAttempts
	if compares {
		attempts = maxComparedAttempts
	}
	for attempt := 1; ; attempt++ {
		if err := g.attempt(ctx, unfinished(work), compares, o); err != nil {
			return err
		}
		for _, w := range unfinished(work) {
			w.decide(o, attempt >= attempts)
		}
		if len(unfinished(work)) == 0 {
			return nil
		}
		jitter := leastJitter
		if !compares {
			jitter += g.options.Settle
		}
		if err := g.pause(ctx, mathrand.N(jitter)); err != nil { //nolint:gosec // two writers must differ, nobody must not guess
			return err
		}
	}
}

// attempt publishes what is to be published, and looks what is retained then.
func (g *Group) attempt(ctx context.Context, open []*writing, compares bool, o SetOptions) error {
	if err := g.drain(ctx); err != nil {
		return err
	}
	for _, w := range open {
		g.prepare(w, o)
	}
	if open = unfinished(open); len(open) == 0 {
		return nil
	}
	if err := g.publish(ctx, open, compares, o.Rate); err != nil {
		return err
	}
	if !compares {
		if err := g.pause(ctx, g.options.Settle); err != nil {
			return err
		}
	}
	return g.reread(ctx, twinsOf(open))
}

func unfinished(work []*writing) []*writing {
	return slices.DeleteFunc(slices.Clone(work), func(w *writing) bool { return w.done })
}

func twinsOf(work []*writing) []*Twin {
	list := make([]*Twin, len(work))
	for i, w := range work {
		list[i] = w.twin
	}
	return list
}

// end finishes the work on a device.
func (w *writing) end(outcome Outcome, why error) {
	w.done = true
	w.result.Outcome, w.result.Why = outcome, why
	if !w.start.IsZero() {
		w.result.Took = time.Since(w.start)
	}
}

// prepare makes the document to publish, or finds that there is none to be.
func (g *Group) prepare(w *writing, o SetOptions) {
	w.base = w.twin.Desired
	w.result.Before = w.base.rev()
	w.twin.heard = nil // what is known by now is what the change is made of
	before, ok := w.readable(o)
	if !ok {
		return
	}
	switch {
	case o.ID != "" && before != nil && before.ID == o.ID && w.result.Attempts == 0:
		w.unchanged(before)
		return
	case o.Existing && w.base == nil:
		w.unchanged(&Desired{})
		return
	}
	if err := precondition(before, w.base, o); err != nil {
		w.end(Conflicted, err)
		return
	}
	if before == nil {
		before = &Desired{}
	}
	before = new(*before)
	state := redo(before.State, w.merge)
	next, edits, err := w.change.apply(state)
	if err != nil {
		outcome := Invalid
		if _, failed := errors.AsType[*PreconditionError](err); failed {
			outcome = Conflicted
		}
		w.end(outcome, err)
		return
	}
	w.edits = edits
	w.result.Edits, w.result.From, w.result.To = edits, before.State, next
	if !o.Force && w.already(before, next, o.Layout) {
		w.unchanged(before)
		return
	}
	if err := g.compose(w, before, next, o); err != nil {
		w.result.Rev, w.result.ID = before.Rev, before.ID
		w.end(Invalid, err)
		return
	}
	if o.DryRun {
		w.end(Planned, nil)
	}
}

// already reports whether what shall be desired is.
func (w *writing) already(before *Desired, next State, layout Layout) bool {
	switch {
	case w.base == nil, w.base.Doc == nil, w.least > before.Rev, layout != "" && layout != before.Layout,
		w.change.saved != nil && w.change.saved.Rev > before.Rev:
		return false
	default:
		return equalStates(before.State, next)
	}
}

func equalStates(a, b State) bool { return len(editsBetween(a, b)) == 0 }

// readable returns the document that is desired now, nil for none.
func (w *writing) readable(o SetOptions) (*Desired, bool) {
	switch {
	case w.base == nil:
		return nil, true
	case w.base.Err == nil:
		return w.base.Doc, true
	case w.change.replaces() && o.Force:
		return nil, true
	case w.change.replaces():
		w.end(BadData, fmt.Errorf("%w; --force replaces it", w.base.Err))
	default:
		w.end(BadData, w.base.Err)
	}
	return nil, false
}

func (w *writing) unchanged(d *Desired) {
	w.result.Rev, w.result.ID = d.Rev, d.ID
	if w.result.Attempts > 0 { // somebody else has made the same of it
		w.end(Stored, nil)
		return
	}
	w.end(Unchanged, nil)
}

func precondition(now *Desired, base *Version, o SetOptions) error {
	switch {
	case o.IfNone && base != nil && (now == nil || len(now.State) > 0):
		return fmt.Errorf("--if-none: %s is desired", describe(now))
	case o.IfRev != nil && now == nil && *o.IfRev != 0:
		return fmt.Errorf("--if-rev %d: nothing is desired", *o.IfRev)
	case o.IfRev != nil && now != nil && now.Rev != *o.IfRev:
		return fmt.Errorf("--if-rev %d: %s is desired", *o.IfRev, describe(now))
	default:
		return nil
	}
}

// describe names a document for people.
func describe(d *Desired) string {
	switch {
	case d == nil:
		return "something that is no document"
	case d.Rev == 0:
		return "a document without a revision"
	case d.By != "":
		return fmt.Sprintf("rev %d by %s", d.Rev, d.By)
	default:
		return fmt.Sprintf("rev %d", d.Rev)
	}
}

// publish sends the documents and waits for the acknowledgements.
func (g *Group) publish(ctx context.Context, open []*writing, compares bool, rate float64) error {
	pacer := pace.New(rate)
	for i, w := range open {
		if d := pacer.Next(); d > 0 {
			if err := g.pause(ctx, d); err != nil {
				return err
			}
		}
		if err := g.send(ctx, w, compares); err != nil {
			return err
		}
		g.options.progress("published", i+1, len(open))
		if err := g.drain(ctx); err != nil {
			return err
		}
	}
	if err := g.session.Drain(ctx); err != nil {
		return err
	}
	for _, w := range open {
		w.acked = compares && w.ack.Err == nil && !w.overtaken
	}
	return nil
}

// send sends one document.
func (g *Group) send(ctx context.Context, w *writing, compares bool) error {
	if w.overtaken = w.twin.Desired != w.base; w.overtaken { // what we have changed is not desired any more
		return nil
	}
	if w.start.IsZero() {
		w.start = time.Now()
	}
	w.twin.published(w.edits, time.Now())
	w.result.Attempts++
	w.acked, w.ack = false, client.Result{}
	// At QoS 0, where the Server knows no better, the look at what is retained tells all the same.
	m := message.Message{Topic: w.twin.topics.Desired, Payload: w.bytes, QoS: min(1, g.session.Caps().MaximumQoS), Retain: true}
	m.Properties = g.options.Publish.Clone()
	if g.session.Caps().Version == wire.V5 {
		for _, u := range w.sent.properties() {
			m.Properties = withUser(m.Properties, u.Key, u.Value)
		}
		if compares {
			m.Properties = withUser(m.Properties, ifRevProperty, w.comparison())
		}
	}
	err := g.session.PublishAsync(ctx, m, func(r client.Result) { w.ack = r })
	if _, refused := errors.AsType[*client.RefusedError](err); refused { // a limit that CONNACK has announced
		w.end(Refused, err)
		return nil
	}
	return err
}

func withUser(p *wire.Properties, key, value string) *wire.Properties {
	if p == nil {
		p = &wire.Properties{}
	}
	p.UserProperties = append(p.UserProperties, wire.UserProperty{Key: key, Value: value})
	return p
}

// comparison is the revision that the Server must retain for the publish to be carried out.
func (w *writing) comparison() string {
	switch {
	case w.base == nil:
		return nothingRetained
	case w.base.rev() == 0:
		return noRevision
	default:
		return fmt.Sprint(w.base.rev())
	}
}

// pause waits and observes what comes.
func (g *Group) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	bounded, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		_, err := g.session.Recv(bounded)
		switch {
		case err == nil:
			g.session.AckReceived()
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case bounded.Err() != nil:
			return nil
		default:
			return err
		}
	}
}
