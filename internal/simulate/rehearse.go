package simulate

import (
	"errors"
	"iter"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
)

const (
	// rehearsed is how many messages of each signal are enough.
	rehearsed = 5
	// longestRehearsal and mostRehearsed bound what rare signals ask for.
	longestRehearsal = 24 * time.Hour
	mostRehearsed    = 5_000
)

// errRehearsed ends a rehearsal.
var errRehearsed = errors.New("seen enough")

// Rehearse plays the beginning of a fleet's life without any fault, one device of each group, until each signal was seen a
// few times: what the linter looks at. With each message comes the place in the profile that makes it.
func Rehearse(p *profile.Profile, l *profile.Layout) iter.Seq2[contract.Position, message.Message] {
	return func(yield func(contract.Position, message.Message) bool) {
		start := p.Clock.Start
		if start.IsZero() {
			start = DefaultStart()
		}
		r := &rehearsal{missing: map[*profile.Signal]int{}, types: map[string]*profile.DeviceType{}, yield: yield}
		w := &world{run: NewRun(p, l, start, nil), length: longestRehearsal, order: Order{}, fn: r.take}
		_ = w.play(r.keep) // whatever it is that ends the rehearsal, what was seen was seen
	}
}

// rehearsal is what was seen so far.
type rehearsal struct {
	missing map[*profile.Signal]int
	types   map[string]*profile.DeviceType // by the path of the device
	seen    int
	yield   func(contract.Position, message.Message) bool
}

// keep chooses the first device of each group.
func (r *rehearsal) keep(d *profile.Device) bool {
	if d.Number > 1 {
		return false
	}
	r.types[d.Path()] = d.Group.Use
	for _, s := range d.Group.Use.Signals {
		r.missing[s] = rehearsed
	}
	return true
}

func (r *rehearsal) take(m *Made) error {
	t := r.types[m.Device]
	at, signal := t.At, t.Signal(m.Signal)
	switch {
	case signal != nil:
		at = signal.At
		if r.missing[signal]--; r.missing[signal] <= 0 {
			delete(r.missing, signal)
		}
	case t.Status.At.Line > 0:
		at = t.Status.At
	}
	r.seen++
	if !r.yield(at, m.Message) || len(r.missing) == 0 || r.seen >= mostRehearsed {
		return errRehearsed
	}
	return nil
}
