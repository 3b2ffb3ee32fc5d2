// Package tally counts what happens in a run of a fleet, and judges it: how many devices were connected when, what was sent,
// acknowledged and lost, how long things took.
//
// Who runs the fleet makes a [Recorder] and tells it what happens. [Recorder.Summary] is what came of it so far: a document
// that [Merge] adds to those of the other parts of the fleet, and that [Judge] compares with what the profile expects. What
// only somebody else can see, such as whether a message came out of the Server, a [Watch] tells the Recorder.
// [WriteMetrics] writes the numbers for Prometheus.
//
// Times that say when something happened are simulated, since the run began, as those of faults are. How long it took to
// connect, to be acknowledged and how late something was sent are real.
package tally

import (
	"slices"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// Options say which run it is.
type Options struct {
	// Run names the run: all parts of a fleet say the same.
	Run string
	// Shard is the part of the fleet that runs here.
	Shard simulate.Shard
	// Planned is how long it is to run, in simulated time; 0 is until it is stopped.
	Planned time.Duration
	// Begin is when it begins on the clock of this machine, Start in simulated time. Speed is how many simulated seconds go by
	// in a real one, 0 is 1.
	Begin, Start time.Time
	Speed        float64
	// Lint returns how many errors and warnings there are in a message as it is sent; nil looks at none. It is called by one
	// goroutine at a time.
	Lint func(message.Message) (errors, warnings int)
	// Recent keeps the times of the last minute apart, for [WriteMetrics].
	Recent bool
}

// Needs are what a run must be given so that all that is expected can be judged.
type Needs struct {
	// Watch is somebody who sees what comes out of the Server, Lint somebody who looks at what is sent.
	Watch, Lint bool
}

// NeedsOf looks at what a profile expects.
func NeedsOf(p *profile.Profile) Needs {
	var n Needs
	for _, e := range p.Expect {
		switch e.Metric {
		case "lost", "duplicated", "reordered", "late", "altered", "presence", "converge":
			n.Watch = true
		case "lint.errors", "lint.warnings":
			n.Lint = true
		}
	}
	return n
}

// Recorder counts. It is a fleet's observer, and safe for concurrent use: all methods are short, and none waits for anything
// but the others. Devices are named by their paths, see [profile.Device.Path].
type Recorder struct {
	options Options
	profile *profile.Profile
	faults  []faultReach
	indices map[string]int // of the devices of this part in the whole fleet, by their paths

	linting sync.Mutex // guards Options.Lint

	mu        sync.Mutex   // guards what follows
	connected map[int]bool // devices, by their numbers
	begun     map[string]int
	open      map[int][]unanswered // by the numbers of the devices
	timeline  Timeline
	scopes    []*scope
	presence  map[string][]PresenceChange
	watch     *Watch
	watched   bool
	gap       time.Duration // in which nobody watched
	recent    map[string]*recentTimes
	left      bool
	ran       time.Duration // simulated
	took      time.Duration // real
	ended     time.Time
	cause     string
}

// faultReach is when and to whom a fault happens. Faults of one name are one.
type faultReach struct {
	name    string
	parts   []*profile.Fault
	devices []map[int]bool
}

// touches reports whether a time is within the fault for a device. A negative device is none: then it is within when any is.
func (f *faultReach) touches(device int, at time.Duration) bool {
	for i, part := range f.parts {
		if part.Active(at) && (device < 0 || f.devices[i][device]) {
			return true
		}
	}
	return false
}

// New returns a Recorder for a run.
func New(p *profile.Profile, o Options) *Recorder {
	if o.Speed == 0 {
		o.Speed = 1
	}
	r := &Recorder{
		options: o, profile: p, indices: map[string]int{}, connected: map[int]bool{}, begun: map[string]int{}, open: map[int][]unanswered{},
		timeline: Timeline{Step: timelineStep}, presence: map[string][]PresenceChange{}, recent: map[string]*recentTimes{},
	}
	for d := range p.Devices() {
		if o.Shard.Has(d.Index) {
			r.indices[d.Path()] = d.Index
		}
	}
	for _, f := range p.Faults {
		i := slices.IndexFunc(r.faults, func(known faultReach) bool { return known.name == f.Name })
		if i < 0 {
			i = len(r.faults)
			r.faults = append(r.faults, faultReach{name: f.Name})
		}
		r.faults[i].parts = append(r.faults[i].parts, f)
		r.faults[i].devices = append(r.faults[i].devices, p.Targets(f))
	}
	r.makeScopes()
	if o.Recent {
		for _, name := range []string{Connect, ScheduleLag, PublishAck} {
			r.recent[name] = &recentTimes{}
		}
	}
	return r
}
