package twin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Wave is up to how many devices a part of a rollout goes: a number of them, or percent of all.
type Wave struct {
	Count   int
	Percent float64
}

// ParseWaves reads waves like 1,10%,100%: each goes further than the one before. A last wave for all is added if it is
// missing.
func ParseWaves(text string) ([]Wave, error) {
	var waves []Wave
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		number, percent := strings.CutSuffix(part, "%")
		n, err := strconv.ParseFloat(number, 64)
		switch {
		case err != nil, !(n > 0), percent && n > 100, !percent && (n != math.Trunc(n) || n > math.MaxInt32):
			return nil, fmt.Errorf("%q is neither a number of devices nor a percentage", part)
		case percent:
			waves = append(waves, Wave{Percent: n})
		default:
			waves = append(waves, Wave{Count: int(n)})
		}
	}
	return append(waves, Wave{Percent: 100}), nil
}

// upTo is how many of all devices belong to the wave and those before it.
func (w Wave) upTo(all int) int {
	if w.Count > 0 {
		return min(w.Count, all)
	}
	return min(all, int(math.Ceil(w.Percent/100*float64(all))))
}

// RolloutOptions say how a change goes to many devices.
type RolloutOptions struct {
	Set SetOptions
	// Wait, when set, waits for each wave to converge before the next; its Deadline, Done and Enough are set by Rollout.
	Wait *WaitOptions
	// Timeout bounds each wave, or each part of it when Parallel divides it; 0 is no bound.
	Timeout time.Duration
	// Parallel is how many devices are worked on at a time; 0 is a whole wave.
	Parallel int
	// Waves are the parts; none is one for all.
	Waves []Wave
	// MaxFailures, when set, is how many devices may fail before the rollout stops.
	MaxFailures *int
	// Stored, when set, is told of each device whose document was published, and Finished of each when it is done with.
	Stored, Finished func(Result)
}

// errTooMany says why devices were not worked on.
var errTooMany = errors.New("too many devices before had failed (--max-failures)")

// Rollout changes what is desired of devices in waves, and waits for each to converge if asked to. An error means that the
// session is lost, or that ctx has ended; the results are right in any case.
func (g *Group) Rollout(ctx context.Context, twins []*Twin, change func(*Twin) Change, o RolloutOptions) ([]Result, error) {
	r := &rollout{group: g, options: o, change: change, all: len(twins)}
	waves := o.Waves
	if len(waves) == 0 {
		waves = []Wave{{Percent: 100}}
	}
	done := 0
	for _, w := range waves {
		for end := w.upTo(len(twins)); done < end && !r.stops(); {
			part := twins[done:end]
			if o.Parallel > 0 {
				part = part[:min(len(part), o.Parallel)]
			}
			done += len(part)
			if err := r.wave(ctx, part); err != nil {
				r.rest(twins[done:], err)
				return r.results, err
			}
		}
	}
	r.rest(twins[done:], errTooMany)
	return r.results, nil
}

type rollout struct {
	group   *Group
	options RolloutOptions
	change  func(*Twin) Change
	all     int
	results []Result
	failed  int
}

func (r *rollout) stops() bool {
	return r.options.MaxFailures != nil && r.failed > *r.options.MaxFailures
}

// finish takes the final result of a device.
func (r *rollout) finish(result Result) {
	if !result.Outcome.Done() {
		r.failed++
	}
	r.results = append(r.results, result)
	if r.options.Finished != nil {
		r.options.Finished(result)
	}
}

// rest is for devices that were not worked on.
func (r *rollout) rest(twins []*Twin, why error) {
	for _, t := range twins {
		r.finish(Result{Device: t.Device, Topic: t.topics.Desired, Before: t.Desired.rev(), Outcome: NotStarted, Why: why})
	}
}

func (r *rollout) wave(ctx context.Context, twins []*Twin) error {
	bounded, deadline := ctx, time.Time{}
	if r.options.Timeout > 0 {
		deadline = time.Now().Add(r.options.Timeout)
		var cancel context.CancelFunc
		bounded, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	results, err := r.group.Set(bounded, twins, r.change, r.options.Set)
	if r.options.Stored != nil {
		for _, result := range results {
			if result.Attempts > 0 {
				r.options.Stored(result)
			}
		}
	}
	overdue := err != nil && ctx.Err() == nil && bounded.Err() != nil
	if r.options.Wait == nil || err != nil && !overdue {
		for _, result := range results {
			r.finish(result)
		}
		if overdue {
			err = nil
		}
		return err
	}
	return r.wait(ctx, twins, results, deadline)
}

// wait waits for the devices of a wave whose document is stored.
func (r *rollout) wait(ctx context.Context, twins []*Twin, stored []Result, deadline time.Time) error {
	var waits []*Twin
	before := map[string]Result{}
	for i, result := range stored {
		if !result.Outcome.Done() || result.Outcome == Planned {
			r.finish(result)
			continue
		}
		waits = append(waits, twins[i])
		before[result.Device] = result
	}
	finished := 0
	o := *r.options.Wait
	o.Deadline, o.Enough = deadline, r.stops
	o.Done = func(waited Result) {
		r.finish(before[waited.Device].then(waited))
		finished++
		r.group.options.progress("converged", finished, len(waits))
	}
	_, err := r.group.Wait(ctx, waits, o)
	return err
}

// then is what a device came to after the wait for what was stored.
func (r Result) then(waited Result) Result {
	r.Outcome, r.Why, r.Evidence, r.Leaves = waited.Outcome, waited.Why, waited.Evidence, waited.Leaves
	if waited.Rev > 0 {
		r.Rev, r.ID = waited.Rev, waited.ID
	}
	r.Took = waited.Took
	r.Warnings = append(r.Warnings, waited.Warnings...)
	return r
}
