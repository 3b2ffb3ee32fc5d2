// Package simulate makes devices of a profile: what they measure, how they obey, and what goes wrong with them.
//
// A [Device] is a state machine without a clock or a connection: it is told what time it is and what came in, and answers
// what it does. [Run.Generate] plays a whole fleet on a virtual clock, where nothing waits, and [Run.Rehearse] its
// beginning for the linter. What was sent is the truth of a [Ledger], which [Verify] compares with what came in elsewhere.
// [Learn] makes a profile of recorded traffic. [Live] plays one device on the real clock, over Sessions.
//
// Values, choices and due times depend on the seed, the name of the profile and the identifier of the device, and on
// nothing else: not on the other devices, not on which part of a fleet runs where, not on the machine.
package simulate

import (
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// Run is a profile that is played.
type Run struct {
	Profile *profile.Profile
	Layout  *profile.Layout
	// Start is the simulated time at which it begins.
	Start time.Time

	shared   *sharedValues
	faults   []plannedFault
	defaults map[*profile.DeviceType]map[string]any
}

// plannedFault is a fault with the devices that it happens to, by their index.
type plannedFault struct {
	*profile.Fault
	devices map[int]bool
}

// NewRun prepares a run that begins at a simulated time. Of the faults those go wrong that plays takes; nil takes none.
func NewRun(p *profile.Profile, l *profile.Layout, start time.Time, plays func(*profile.Fault) bool) *Run {
	r := &Run{Profile: p, Layout: l, Start: start.UTC().Truncate(time.Microsecond), defaults: map[*profile.DeviceType]map[string]any{}}
	r.shared = &sharedValues{run: r, sites: map[string]*sharedValue{}}
	for _, f := range p.Faults {
		if plays != nil && plays(f) {
			r.faults = append(r.faults, plannedFault{f, p.Targets(f)})
		}
	}
	return r
}

// DefaultStart is when a run begins that must give the same bytes each time and was not told when.
func DefaultStart() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// OutputKind is what a device does.
type OutputKind int

// What devices do. After Connect they wait for [Device.Connected].
const (
	Publish OutputKind = iota
	Connect
	Goodbye    // a DISCONNECT: no Will Message
	WithWill   // a DISCONNECT that asks for the Will Message
	Vanish     // the Network Connection is gone
	Reset      // the same, and whoever is at the other end is told by a reset
	Blackhole  // the Network Connection stays, and nothing gets through
	Changeling // the Network Connection is left as it is for one under another Client Identifier
	FaultBegins
	FaultEnds
)

// Output is one thing that a device does.
type Output struct {
	Kind OutputKind
	// Message is what is published.
	Message *Made
	// Fault is what begins or ends.
	Fault *profile.Fault
}
