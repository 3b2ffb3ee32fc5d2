package retained

import (
	"context"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

// retryPause is the time between two looks while expectations do not hold yet.
const retryPause = 200 * time.Millisecond

// Assert holds expectations against what is retained. Those that do not hold are looked at again until they do, or their
// Within has passed. The outcomes are those of the last complete look; there are none when the first one was not complete.
func Assert(ctx context.Context, s Session, expectations []*Expectation, o ListOptions) ([]Outcome, Listing, error) {
	start := time.Now()
	o.stays = slices.ContainsFunc(expectations, func(x *Expectation) bool { return x.Within() > 0 })
	outcomes := make([]Outcome, len(expectations))
	pending := make([]int, len(expectations))
	for i := range pending {
		pending[i] = i
	}
	var complete Listing
	for {
		looked := time.Now()
		listing, err := look(ctx, s, expectations, outcomes, pending, &o)
		switch {
		case err != nil:
			return nil, listing, err
		case listing.Evidence != Incomplete:
			complete = listing
		case complete.Evidence == "":
			return nil, listing, nil
		default:
			return outcomes, complete, nil
		}
		var wait time.Duration
		pending, wait = unmet(outcomes, pending, looked.Sub(start))
		if len(pending) == 0 {
			return outcomes, complete, nil
		}
		if over, err := pause(ctx, s, wait, &o); over || err != nil {
			return outcomes, complete, err
		}
	}
}

// look evaluates the pending expectations once and notes what came of them, if the look was complete.
//
//nolint:revive // argument-limit: the two lists and the indexes into both belong together
func look(ctx context.Context, s Session, all []*Expectation, outcomes []Outcome, pending []int, o *ListOptions) (Listing, error) {
	some := make([]*Expectation, len(pending))
	for i, n := range pending {
		some[i] = all[n]
	}
	e := NewEvaluator(some, time.Now)
	o.Filters = e.Filters()
	listing, err := List(ctx, s, SinkFunc(func(m message.Message) error { e.Observe(m); return nil }), *o)
	o.Ready = nil
	if err != nil || listing.Evidence == Incomplete {
		return listing, err
	}
	for i, outcome := range e.Outcomes() {
		outcomes[pending[i]] = outcome
	}
	return listing, nil
}

// unmet returns which expectations did not hold and have time left, and how long to wait before the next look.
func unmet(outcomes []Outcome, pending []int, elapsed time.Duration) (again []int, wait time.Duration) {
	for _, n := range pending {
		left := outcomes[n].Expectation.Within() - elapsed
		if outcomes[n].Verdict == Held || left <= 0 {
			continue
		}
		again = append(again, n)
		wait = max(wait, min(left, retryPause))
	}
	return again, wait
}

// pause waits, without subscriptions, so that live messages do not pile up. It is over when the deadline comes first.
func pause(ctx context.Context, s Session, wait time.Duration, o *ListOptions) (over bool, err error) {
	names := make([]string, len(o.Filters))
	for i, f := range o.Filters {
		names[i] = f.String()
	}
	if _, err := s.Unsubscribe(ctx, names...); err != nil {
		return false, err
	}
	if !o.Deadline.IsZero() && time.Until(o.Deadline) < wait {
		return true, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
