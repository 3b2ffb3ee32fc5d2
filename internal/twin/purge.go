package twin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
)

// Purge deletes the desired documents of devices, revision and all, by an empty Retained Message, and looks whether they are
// gone. Results are in the order of twins. An error ends all: the session is lost, or ctx.
func (g *Group) Purge(ctx context.Context, twins []*Twin) ([]Result, error) {
	compares := g.compareAndSet()
	work := make([]*writing, 0, len(twins))
	places := make([]int, 0, len(twins)) // of the work in results
	results := make([]Result, len(twins))
	for i, t := range twins {
		results[i] = Result{Device: t.Device, Topic: t.topics.Desired, Outcome: Unchanged, Before: t.Desired.rev()}
		if t.Desired == nil {
			continue
		}
		if t.Desired.Doc != nil {
			results[i].From = t.Desired.Doc.State
		}
		w := &writing{twin: t, base: t.Desired, start: time.Now()}
		work, places = append(work, w), append(places, i)
		m := message.Message{Topic: t.topics.Desired, QoS: min(1, g.session.Caps().MaximumQoS), Retain: true}
		m.Properties = g.options.Publish.Clone()
		if compares && t.Desired.Doc != nil {
			m.Properties = withUser(m.Properties, ifRevProperty, w.comparison())
		}
		if err := g.session.PublishAsync(ctx, m, func(r client.Result) { w.ack = r }); err != nil {
			return results, err
		}
	}
	if err := g.session.Drain(ctx); err != nil {
		return results, err
	}
	if len(work) > 0 {
		if err := g.reread(ctx, twinsOf(work)); err != nil {
			return results, err
		}
	}
	latest := uint64(0)
	for i, w := range work {
		w.purged()
		r := &results[places[i]]
		r.Outcome, r.Why, r.Took, r.Attempts = w.result.Outcome, w.result.Why, w.result.Took, 1
		if r.Outcome == Cleared {
			latest = max(latest, w.base.rev())
			if w.base.rev() > uint64(time.Now().Add(longestPause).Unix()) {
				r.Warnings = append(r.Warnings, fmt.Sprintf(
					"a document that is set anew begins below revision %d, and a device that remembers it ignores that", w.base.rev()))
			}
		}
	}
	return results, g.passRevision(ctx, latest)
}

// longestPause is how far ahead of the clock a purged revision may be to be waited for.
const longestPause = 5 * time.Second

// passRevision waits until the Unix time, which a document that is set anew begins with, has passed a revision that was purged:
// devices that remember it ignore what is not above.
func (g *Group) passRevision(ctx context.Context, rev uint64) error {
	if rev > uint64(time.Now().Add(longestPause).Unix()) {
		return nil
	}
	ahead := time.Until(time.Unix(int64(rev)+1, 0))
	if ahead <= 0 {
		return nil
	}
	return g.pause(ctx, ahead)
}

// purged says what became of a deletion.
func (w *writing) purged() {
	now := w.twin.Desired
	switch {
	case w.refusedByRev() && !now.is(w.base):
		w.end(Conflicted, errors.New("somebody has changed it at the same time"))
	case w.ack.Err != nil:
		w.end(Refused, w.ack.Err)
	case now == nil:
		w.end(Cleared, nil)
	case now.is(w.base):
		w.end(Refused, errDropped)
	default:
		w.end(Conflicted, errors.New("somebody has set it again at the same time"))
	}
}
