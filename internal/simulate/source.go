package simulate

import (
	"math"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// moment is when a value is asked for, and by whom.
type moment struct {
	now  time.Duration // since the run began, in simulated time
	wall time.Time     // the same as a time of day
	// look returns the value of a reference of the device. It is false where there is none yet.
	look func(scope, name string) (any, bool)
	expr *profile.ExprEnv
}

// source gives one value after the other: float64, string, bool, []byte or [Position]. Time never goes back.
type source interface {
	next(m *moment) any
}

// changer is a source that knows when it changes next.
type changer interface {
	changes() time.Duration
}

// Position is where something is.
type Position struct {
	Lat, Lon float64
	Alt      float64
	HasAlt   bool
}

// newSource makes the generator of a source. born is when it begins.
func newSource(from profile.Source, s *stream, born time.Duration, shared *sharedValues, site string) source {
	switch from := from.(type) {
	case *profile.Constant:
		return constant{from.Value}
	case *profile.Uniform:
		return &uniform{from, s}
	case *profile.Gauss:
		return &gaussian{from, s}
	case *profile.Walk:
		return &walk{Walk: from, s: s, at: from.Start, first: true}
	case *profile.Follow:
		return &follow{Follow: from}
	case *profile.Season:
		return season{from}
	case *profile.Ramp:
		return ramp{from, born}
	case *profile.Counter:
		return &counter{Counter: from, born: born}
	case *profile.States:
		return newStates(from, s, born)
	case *profile.Pick:
		return pick{from, s}
	case *profile.Track:
		return newTrack(from, born)
	case *profile.Replay:
		return &replay{Replay: from, born: born}
	case *profile.Expr:
		return &expression{Expr: from}
	case *profile.SharedRef:
		return sharedSource{shared, from.Shared, site}
	case *profile.Blob:
		return blob{from, s}
	case *profile.Time:
		return timeSource{from}
	default:
		return constant{0.0}
	}
}

type constant struct{ value any }

func (c constant) next(*moment) any { return c.value }

type uniform struct {
	*profile.Uniform
	s *stream
}

func (u *uniform) next(*moment) any {
	if u.Integer {
		low := math.Ceil(u.Min)
		return low + float64(u.s.below(int(math.Floor(u.Max)-low)+1))
	}
	return u.s.between(u.Min, u.Max)
}

type gaussian struct {
	*profile.Gauss
	s *stream
}

func (g *gaussian) next(*moment) any { return fma(g.SD, g.s.gauss(), g.Mean) }

type walk struct {
	*profile.Walk
	s     *stream
	at    float64
	first bool
}

func (w *walk) next(*moment) any {
	if w.first {
		w.first = false
		return w.at
	}
	to := fma(w.Revert, w.Mean-w.at, w.at)
	to = fma(w.Step, w.s.between(-1, 1), to)
	// It turns at the bounds; a step longer than the range ends there.
	if to > w.Bounds.Max {
		to = w.Bounds.Max - (to - w.Bounds.Max)
	} else if to < w.Bounds.Min {
		to = w.Bounds.Min + (w.Bounds.Min - to)
	}
	w.at = max(w.Bounds.Min, min(w.Bounds.Max, to))
	return w.at
}

type follow struct {
	*profile.Follow
	at      float64
	last    time.Duration
	started bool
}

func (f *follow) next(m *moment) any {
	target := f.To.Number
	if f.To.Scope != "" {
		v, ok := m.look(f.To.Scope, f.To.Name)
		if target, _ = v.(float64); !ok && f.started {
			target = f.at
		}
	}
	if !f.started {
		f.started, f.at, f.last = true, target, m.now
		if f.Start != nil {
			f.at = *f.Start
		}
		return f.at
	}
	part := 1.0
	if f.Lag > 0 {
		part = 1 - decay(float64(m.now-f.last)/float64(f.Lag))
	}
	f.at, f.last = fma(target-f.at, part, f.at), m.now
	return f.at
}

// sine is the value of one sine at a time of day.
func sine(s profile.Sine, wall time.Time) float64 {
	period := int64(s.Period)
	phase := (wall.UnixNano() - int64(s.Peak)) % period
	return float64(s.Amplitude * cosTurns(float64(phase)/float64(period)))
}

type season struct{ *profile.Season }

func (s season) next(m *moment) any {
	sum := s.Mean
	for _, one := range s.Sines {
		sum += sine(one, m.wall)
	}
	return sum
}

type ramp struct {
	*profile.Ramp
	born time.Duration
}

func (r ramp) next(m *moment) any {
	age := m.now - r.born
	if r.Repeat {
		age %= r.Over
	}
	part := min(1, float64(age)/float64(r.Over))
	return fma(r.To-r.From, part, r.From)
}

type counter struct {
	*profile.Counter
	born  time.Duration
	reads float64
	epoch time.Duration // of the last reset
}

func (c *counter) next(m *moment) any {
	age := m.now - c.born
	if c.Reset > 0 {
		if epoch := age - age%c.Reset; epoch != c.epoch {
			c.epoch, c.reads = epoch, 0
		}
		age -= c.epoch
	}
	grown := float64(c.PerHour * (float64(age) / float64(time.Hour)))
	if c.Step > 0 {
		grown = float64(c.Step * c.reads)
		c.reads++
	}
	v := c.Start + grown
	if c.Rollover > 0 {
		v -= float64(c.Rollover * math.Floor(v/c.Rollover))
	}
	return v
}

type states struct {
	*profile.States
	s     *stream
	at    int
	until time.Duration
}

func newStates(from *profile.States, s *stream, born time.Duration) *states {
	st := &states{States: from, s: s}
	st.until = born + max(time.Millisecond, s.interval(from.List[0].Stay))
	return st
}

func (s *states) next(m *moment) any {
	for m.now >= s.until {
		here := &s.List[s.at]
		if len(here.Next) == 0 {
			s.until = profile.Never
			break
		}
		s.at = here.Next[s.s.choose(here.Next)].Index
		s.until += max(time.Millisecond, s.s.interval(s.List[s.at].Stay))
	}
	return s.List[s.at].Value
}

func (s *states) changes() time.Duration { return s.until }

type pick struct {
	*profile.Pick
	s *stream
}

func (p pick) next(*moment) any { return p.Choices[p.s.choose(p.Choices)].Value }

type replay struct {
	*profile.Replay
	born time.Duration
	at   int
}

func (r *replay) next(m *moment) any {
	last := len(r.Samples) - 1
	if !r.Original {
		v := r.Samples[min(r.at, last)].Value
		if r.at++; r.at > last && r.Loop {
			r.at = 0
		}
		return v
	}
	age := m.now - r.born
	if length := r.Samples[last].At; r.Loop && length > 0 {
		if age %= length; age < r.Samples[r.at].At {
			r.at = 0
		}
	}
	for r.at < last && r.Samples[r.at+1].At <= age {
		r.at++
	}
	return r.Samples[r.at].Value
}

type blob struct {
	*profile.Blob
	s *stream
}

func (b blob) next(*moment) any {
	bytes := make([]byte, b.Min+b.s.below(b.Max-b.Min+1))
	for i := range bytes {
		bytes[i] = byte(b.s.pcg.Uint64() >> 56)
	}
	return blobBytes{bytes, b.Hex}
}

// blobBytes are bytes, with how they are written where the encoding knows none.
type blobBytes struct {
	bytes []byte
	hex   bool
}
