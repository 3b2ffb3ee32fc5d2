package tally

import (
	"fmt"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/profile"
)

// What is measured in time. Those of acknowledgements and of desired state have the QoS or the setting behind them.
const (
	Connect     = "connect"      // from dialling to CONNACK
	ScheduleLag = "schedule_lag" // from when a message was due until it was sent
	PublishAck  = "publish_ack"  // from PUBLISH to PUBACK or PUBCOMP
	Converge    = "converge:"    // from when a desired state was seen until it was reported
	unconverged = "unconverged:" // how long desired states have waited that were not reported by the end
)

// ackOf is what acknowledgements of a QoS are measured as.
func ackOf(qos byte) string { return fmt.Sprintf("%s:%d", PublishAck, qos) }

// Scope is a part of a run that is counted apart: what happened between two times, within a fault or outside of it. The zero
// Scope is everything.
type Scope struct {
	// From and For are simulated time since the run began; a For of 0 is to the end.
	From time.Duration
	For  time.Duration
	// During and Outside are names of faults; empty is none.
	During, Outside string
}

// scopeOf is what an expectation counts.
func scopeOf(e *profile.Expectation, start func(fault string) time.Duration) Scope {
	s := Scope{For: e.Within, Outside: e.OutsideFault}
	if e.OfFault != "" {
		s.From = start(e.OfFault)
	}
	return s
}

// String says what is meant, in words.
func (s Scope) String() string {
	text := "all"
	switch {
	case s.During != "":
		text = fmt.Sprintf("during %q", s.During)
	case s.Outside != "":
		text = fmt.Sprintf("outside %q", s.Outside)
	}
	if s.For > 0 {
		text += fmt.Sprintf(", %s from %s on", duration.Text(s.For), duration.Text(s.From))
	}
	return text
}

// scope is a Scope with what was counted.
type scope struct {
	Scope

	during, outside *faultReach // nil for none
	counts          Counts
	times           map[string]*Histogram // what is measured here
}

// has reports whether something that happened to a device is in the scope.
func (s *scope) has(device int, at time.Duration) bool {
	switch {
	case s.For > 0 && (at < s.From || at >= s.From+s.For):
		return false
	case s.during != nil:
		return s.during.touches(device, at)
	case s.outside != nil:
		return !s.outside.touches(device, at)
	default:
		return true
	}
}

// makeScopes makes the parts that are counted: all, each fault, and what is expected something of.
func (r *Recorder) makeScopes() {
	all := r.scope(Scope{})
	for _, name := range []string{Connect, ScheduleLag, ackOf(1), ackOf(2)} {
		all.measures(name)
	}
	for _, f := range r.faults {
		r.scope(Scope{During: f.name})
	}
	for _, e := range r.profile.Expect {
		s := r.scope(scopeOf(e, r.faultStart))
		for _, name := range measuresOf(e) {
			s.measures(name)
			all.measures(name)
		}
	}
}

// measuresOf are the times that an expectation looks at.
func measuresOf(e *profile.Expectation) []string {
	switch name, _ := e.Measure(); name {
	case PublishAck:
		var names []string
		for qos := byte(1); qos <= 2; qos++ {
			if e.Counts(qos) {
				names = append(names, ackOf(qos))
			}
		}
		return names
	case "converge":
		return []string{Converge + e.Argument, unconverged + e.Argument}
	case Connect, ScheduleLag:
		return []string{name}
	default:
		return nil
	}
}

func (r *Recorder) faultStart(name string) time.Duration {
	f := r.reach(name)
	start := profile.Never
	for _, part := range f.parts {
		start = min(start, part.Start)
	}
	return start
}

// reach returns the fault of a name, which there is.
func (r *Recorder) reach(name string) *faultReach {
	i := slices.IndexFunc(r.faults, func(f faultReach) bool { return f.name == name })
	return &r.faults[i]
}

// scope returns the scope that counts a part of the run.
func (r *Recorder) scope(s Scope) *scope {
	for _, known := range r.scopes {
		if known.Scope == s {
			return known
		}
	}
	made := &scope{Scope: s, times: map[string]*Histogram{}}
	if s.During != "" {
		made.during = r.reach(s.During)
	}
	if s.Outside != "" {
		made.outside = r.reach(s.Outside)
	}
	r.scopes = append(r.scopes, made)
	return made
}

func (s *scope) measures(name string) {
	if s.times[name] == nil {
		s.times[name] = &Histogram{}
	}
}

// record adds a time where it is measured.
func (s *scope) record(name string, d time.Duration) {
	if h := s.times[name]; h != nil {
		h.Record(d)
	}
}
