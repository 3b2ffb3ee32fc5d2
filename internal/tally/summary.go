package tally

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/profile"
)

// Version is what a summary calls its format.
const Version = "mqx/summary/v1"

// Summary is what came of a run, or of a part of it. Durations are in seconds; those of the run are simulated where the
// name does not say otherwise.
type Summary struct {
	Version string `json:"version"`
	// Run, Profile, Seed and ProfileHash say which run it was.
	Run         string `json:"run"`
	Profile     string `json:"profile"`
	Seed        uint64 `json:"seed,string"`
	ProfileHash string `json:"profile_hash"`
	// Shards are the parts of the fleet that are in here, counted from 0, of ShardCount.
	Shards     []int `json:"shards"`
	ShardCount int   `json:"shard_count"`
	// Began and Ended are real. Start is the simulated time at which the run began, Planned how long it was to be, 0 for
	// until it is stopped, and Ran how long it was; Took is how long that was in real time, at Speed simulated seconds in one.
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Start   time.Time `json:"start"`
	Planned float64   `json:"planned_s,omitempty"`
	Ran     float64   `json:"ran_s"`
	Took    float64   `json:"took_real_s"`
	Speed   float64   `json:"speed"`
	// Running says that the run is not over, Cause why it ended early.
	Running bool   `json:"running,omitempty"`
	Cause   string `json:"cause,omitempty"`
	// Devices are those of the fleet or its part, Connected those that were connected at the end, Most the most at once.
	Devices   int   `json:"devices"`
	Connected int64 `json:"connected"`
	Most      int64 `json:"most_connected"`
	// Watched says that somebody saw what came out of the Server, Gap for how long, in real time, he did not. Linted says that
	// what was sent was checked.
	Watched bool    `json:"watched"`
	Gap     float64 `json:"gap_real_s,omitempty"`
	Linted  bool    `json:"linted"`

	Timeline Timeline                    `json:"connected_over_time"`
	Presence map[string][]PresenceChange `json:"presence,omitempty"`
	Faults   []Fault                     `json:"faults"`
	// Scopes are the parts of the run that were counted apart. The first is everything.
	Scopes []ScopeSummary `json:"scopes"`
	Expect []string       `json:"expect"`
	// Verdicts are what came of Expect; there are none for a part of a fleet.
	Verdicts []Verdict `json:"verdicts,omitempty"`
}

// PresenceChange is that a device was seen to come or go.
type PresenceChange struct {
	At     float64 `json:"at_s"`
	Online bool    `json:"online"`
}

// Fault is a fault of the run. To is absent when it goes on to the end; Devices is how many of the whole fleet it is about,
// Begun how often it has begun at a device.
type Fault struct {
	Name    string   `json:"name"`
	Do      string   `json:"do"`
	From    float64  `json:"from_s"`
	To      *float64 `json:"to_s,omitempty"`
	Devices int      `json:"devices"`
	Begun   int      `json:"begun"`
}

// ScopeSummary is what was counted in a part of a run.
type ScopeSummary struct {
	From    float64 `json:"from_s,omitempty"`
	For     float64 `json:"for_s,omitempty"`
	During  string  `json:"during,omitempty"`
	Outside string  `json:"outside,omitempty"`
	Counts
	Times map[string]*Histogram `json:"times,omitempty"`
}

// Names are what is measured in time, in order.
func (s *ScopeSummary) Names() []string { return slices.Sorted(maps.Keys(s.Times)) }

func (s *ScopeSummary) scope() Scope {
	return Scope{From: seconds(s.From), For: seconds(s.For), During: s.During, Outside: s.Outside}
}

// Summary returns what came of the run so far.
func (r *Recorder) Summary() *Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, o := r.profile, r.options
	count := max(1, o.Shard.Count)
	s := &Summary{
		Version: Version, Run: o.Run, Profile: p.Name, Seed: p.Seed, ProfileHash: hashOf(p.Text()),
		Shards: []int{o.Shard.Index}, ShardCount: count,
		Began: o.Begin.UTC().Truncate(time.Millisecond), Ended: r.ended.UTC().Truncate(time.Millisecond), Start: o.Start.UTC(),
		Planned: o.Planned.Seconds(), Ran: r.ran.Seconds(), Took: r.took.Seconds(), Speed: o.Speed, Running: !r.left, Cause: r.cause,
		Devices: len(r.indices), Watched: r.watched, Gap: r.gap.Seconds(), Linted: o.Lint != nil,
		Timeline: r.timeline.Clone(), Presence: map[string][]PresenceChange{}, Faults: []Fault{}, Expect: []string{},
	}
	if !r.left {
		now := time.Now()
		s.Took = max(0, now.Sub(o.Begin).Seconds())
		s.Ran = s.Took * o.Speed
		s.Ended = now.UTC().Truncate(time.Millisecond)
	}
	for path, changes := range r.presence {
		s.Presence[path] = slices.Clone(changes)
	}
	s.countConnected()
	for _, f := range p.Faults {
		s.Faults = append(s.Faults, r.faultSummary(f))
	}
	for _, part := range r.scopes {
		s.Scopes = append(s.Scopes, r.scopeSummary(part))
	}
	for _, e := range p.Expect {
		s.Expect = append(s.Expect, e.Text)
	}
	return s
}

// countConnected takes from the timeline how many were connected in the end and at most.
func (s *Summary) countConnected() {
	s.Most, s.Connected = 0, 0
	s.Timeline.Each(func(_ time.Duration, n int64) bool {
		s.Most, s.Connected = max(s.Most, n), n
		return true
	})
}

func (r *Recorder) faultSummary(f *profile.Fault) Fault {
	made := Fault{Name: f.Name, Do: f.Kind.Name, From: f.Start.Seconds(), Devices: len(r.profile.Targets(f)), Begun: r.begun[f.Name]}
	if f.End < profile.Never {
		end := f.End.Seconds()
		made.To = &end
	}
	return made
}

func (r *Recorder) scopeSummary(s *scope) ScopeSummary {
	made := ScopeSummary{
		From: s.From.Seconds(), For: s.For.Seconds(), During: s.During, Outside: s.Outside, Counts: s.counts,
		Times: map[string]*Histogram{},
	}
	for name, h := range s.times {
		made.Times[name] = h.Clone()
	}
	for device, open := range r.open {
		for _, m := range open {
			if s.has(device, m.due) {
				made.QoS[m.qos].Unanswered++
			}
		}
	}
	return made
}

// hashOf tells profiles apart.
func hashOf(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it never fails
	return fmt.Sprintf("%016x", h.Sum64())
}

// All is what was counted in the whole run.
func (s *Summary) All() *ScopeSummary { return &s.Scopes[0] }

// Whole reports whether all parts of the fleet are in here.
func (s *Summary) Whole() bool { return len(s.Shards) == s.ShardCount }

// WriteFile writes the summary in one step: who reads the file meanwhile finds the old one or the new one.
func (s *Summary) WriteFile(name string) error {
	text, err := s.JSON()
	if err != nil {
		return err
	}
	const everybody = 0o644
	return atomicfile.Write(name, everybody, text)
}

// JSON is the summary as one line.
func (s *Summary) JSON() ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // expectations are full of < and >
	err := e.Encode(s)
	return text.Bytes(), err
}

// ErrNotSummary says that a document is no summary of a run.
var ErrNotSummary = errors.New("not a summary of a run")

// Parse reads a summary.
func Parse(text []byte) (*Summary, error) {
	var version struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &version); err != nil || version.Version == "" {
		return nil, ErrNotSummary
	}
	if version.Version != Version {
		return nil, fmt.Errorf("it is a summary of version %q, and this mqx reads %s", version.Version, Version)
	}
	s := &Summary{}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSummary, err)
	}
	return s, s.check()
}

// check refuses what no run has written: what follows relies on it.
func (s *Summary) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrNotSummary, what) }
	switch {
	case len(s.Scopes) == 0 || s.Scopes[0].scope() != Scope{}:
		return bad("it does not count the whole run")
	case s.ShardCount < 1 || s.ShardCount > 1<<20 || len(s.Shards) == 0:
		return bad("it does not say which part of the fleet it is about")
	case s.Devices < 0 || s.Ran < 0 || s.Took < 0:
		return bad("a count is negative")
	case s.Timeline.Step == 0:
		return bad("it has no connected_over_time")
	}
	for i, shard := range s.Shards {
		if shard < 0 || shard >= s.ShardCount || slices.Contains(s.Shards[:i], shard) {
			return bad(fmt.Sprintf("part %d of %d", shard, s.ShardCount))
		}
	}
	for i := range s.Scopes {
		scope := &s.Scopes[i]
		if scope.negative() {
			return bad("a count is negative")
		}
		if slices.Contains(slices.Collect(maps.Values(scope.Times)), nil) {
			return bad("a time is null")
		}
	}
	names := make([]string, len(s.Faults))
	for i := range s.Faults {
		names[i] = s.Faults[i].Name
	}
	for _, text := range s.Expect {
		e, err := profile.ParseExpectation(text, names)
		if err != nil {
			return bad(fmt.Sprintf("expect: %q: %s", text, err))
		}
		if s.find(e) == nil {
			return bad(fmt.Sprintf("it does not count what %q expects", text))
		}
	}
	return nil
}

// faultStart is when the first of the faults of a name begins.
func (s *Summary) faultStart(name string) time.Duration {
	start := profile.Never
	for _, f := range s.Faults {
		if f.Name == name {
			start = min(start, seconds(f.From))
		}
	}
	return start
}

// find returns the part of the run that an expectation is about, nil when it was not counted.
func (s *Summary) find(e *profile.Expectation) *ScopeSummary {
	wanted := scopeOf(e, s.faultStart)
	for i := range s.Scopes {
		if s.Scopes[i].scope() == wanted {
			return &s.Scopes[i]
		}
	}
	return nil
}
