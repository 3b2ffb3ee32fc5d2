package tally

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

const (
	// timelineStep is how exactly a Timeline begins, mostChanges when it becomes half as exact.
	timelineStep = 100 * time.Millisecond
	mostChanges  = 50_000
	profileNever = profile.Never
)

// Timeline is a number that changes over time: how many devices are connected. Within a step changes are added up, so that
// its size is bounded; those of several processes can be added.
type Timeline struct {
	Step    time.Duration
	changes []change // in order of their steps
}

// change is by how much the number changed within a step.
type change struct {
	slot  int64
	delta int64
}

// Change adds a change. Those of other goroutines may come a little out of order.
func (t *Timeline) Change(at time.Duration, delta int64) {
	slot := int64(at / t.Step)
	i := len(t.changes)
	for i > 0 && t.changes[i-1].slot > slot {
		i--
	}
	if i > 0 && t.changes[i-1].slot == slot {
		t.changes[i-1].delta += delta
		return
	}
	t.changes = slices.Insert(t.changes, i, change{slot, delta})
	for len(t.changes) > mostChanges {
		t.coarsen(2 * t.Step)
	}
}

// coarsen makes steps longer: step is a multiple of what it was.
func (t *Timeline) coarsen(step time.Duration) {
	factor := int64(step / t.Step)
	kept := t.changes[:0]
	for _, c := range t.changes {
		c.slot /= factor
		if n := len(kept); n > 0 && kept[n-1].slot == c.slot {
			kept[n-1].delta += c.delta
		} else {
			kept = append(kept, c)
		}
	}
	t.changes, t.Step = kept, step
}

// Add adds another Timeline.
func (t *Timeline) Add(o Timeline) {
	o = o.Clone()
	if step := max(t.Step, o.Step); step > 0 {
		t.coarsen(step)
		o.coarsen(step)
	}
	for _, c := range o.changes {
		t.Change(time.Duration(c.slot)*o.Step, c.delta)
	}
}

// Clone is a copy.
func (t *Timeline) Clone() Timeline { return Timeline{t.Step, slices.Clone(t.changes)} }

// Each calls fn with the number from each time on, first with that at the beginning. A change counts from the end of its
// step. It ends when fn returns false.
func (t *Timeline) Each(fn func(from time.Duration, n int64) bool) {
	n := int64(0)
	if !fn(0, n) {
		return
	}
	for _, c := range t.changes {
		n += c.delta
		if c.delta != 0 && !fn(time.Duration(c.slot+1)*t.Step, n) {
			return
		}
	}
}

// between calls fn with the number at a time and with those that follow, up to another time, until fn returns false.
func (t *Timeline) between(from, to time.Duration, fn func(at time.Duration, n int64) bool) {
	before, begun := int64(0), false
	t.Each(func(at time.Duration, n int64) bool {
		if at <= from {
			before = n
			return true
		}
		if !begun {
			begun = true
			if !fn(from, before) {
				return false
			}
		}
		return at <= to && fn(at, n)
	})
	if !begun {
		fn(from, before)
	}
}

// timelineText is a Timeline as it is written: pairs of a number of steps and a change.
type timelineText struct {
	StepMS  int64      `json:"step_ms"`
	Changes [][2]int64 `json:"changes"`
}

// MarshalJSON writes the steps and changes.
func (t *Timeline) MarshalJSON() ([]byte, error) {
	text := timelineText{StepMS: t.Step.Milliseconds(), Changes: make([][2]int64, len(t.changes))}
	for i, c := range t.changes {
		text.Changes[i] = [2]int64{c.slot, c.delta}
	}
	return json.Marshal(text)
}

// errTimeline says that a timeline is none.
var errTimeline = errors.New("a timeline cannot be read")

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Timeline) UnmarshalJSON(body []byte) error {
	var text timelineText
	if err := json.Unmarshal(body, &text); err != nil {
		return err
	}
	base := timelineStep.Milliseconds()
	factor := text.StepMS / base
	if text.StepMS < base || text.StepMS%base != 0 || factor&(factor-1) != 0 || factor > 1<<30 || len(text.Changes) > mostChanges {
		return errTimeline // steps are doubled from the first one
	}
	*t = Timeline{Step: time.Duration(text.StepMS) * time.Millisecond}
	last := int64(-1)
	for _, c := range text.Changes {
		if c[0] <= last || c[0] >= int64(profileNever/t.Step) {
			return errTimeline
		}
		last = c[0]
		t.changes = append(t.changes, change{c[0], c[1]})
	}
	return nil
}
