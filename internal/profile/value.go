package profile

import (
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/mqx-cli/mqx/internal/contract"
)

// Value is how the values of a signal come about: a source, and what a sensor makes of it. The wrappers work in the order
// of the fields.
type Value struct {
	Source Source
	// Season is added: sums of sines in the time of day.
	Season []Sine
	// Noise is added.
	Noise Noise
	// Delay is how old a value is when it is seen.
	Delay time.Duration
	// Stuck keeps a value for a while, Spike replaces it once.
	Stuck *Stuck
	Spike *Spike
	// Clamp bounds the value, Quantise is its least step (0 for none), Round the digits behind the point (nil for all).
	Clamp    *Span
	Quantise float64
	Round    *int
	// Dropout is how often there is no value at all: 0 to 1.
	Dropout float64
	At      contract.Position
}

// Noise is what a sensor adds: a normal deviation, and an even one of at most Uniform to either side.
type Noise struct{ Gauss, Uniform float64 }

// Stuck is a sensor that hangs, with a chance at each measurement.
type Stuck struct {
	Chance float64
	For    Interval
}

// Spike is a value far off, with a chance at each measurement: By is added, or To is the value where that is given.
type Spike struct {
	Chance float64
	By     float64
	To     *float64
}

// Sine is a sum of sines' one: Amplitude around 0 in Period, its highest point at Peak after midnight UTC.
type Sine struct {
	Period    time.Duration
	Amplitude float64
	Peak      time.Duration
}

// Source is where values come from: one of the types below.
type Source interface {
	// span returns the numbers that can come out, before the wrappers. It is not ok for values that are no numbers.
	span(t *DeviceType, depth int) (s Span, ok bool)
}

// Ref is a number, or the value of something else: a setting, what was reported, another signal.
type Ref struct {
	Number float64
	Scope  string // desired, reported or signal; empty for a number
	Name   string
}

// The scopes of a [Ref].
const (
	ScopeDesired  = "desired"
	ScopeReported = "reported"
	ScopeSignal   = "signal"
)

// Constant is always the same: float64, [json.Number], string or bool.
type Constant struct{ Value any }

// Uniform is evenly spread.
type Uniform struct {
	Span
	Integer bool
}

// Gauss is normally distributed.
type Gauss struct{ Mean, SD float64 }

// Walk goes up or down by at most Step each time and turns at the bounds. Revert, from 0 to 1, is the part of the way
// back to Mean that it goes each time.
type Walk struct {
	Start, Step  float64
	Bounds       Span
	Mean, Revert float64
}

// Follow approaches To: after Lag it has gone 63 % of the way.
type Follow struct {
	To    Ref
	Lag   time.Duration
	Start *float64
}

// Season is nothing but sines around a mean.
type Season struct {
	Mean  float64
	Sines []Sine
}

// Ramp goes from From to To in Over, and then stays there or begins anew.
type Ramp struct {
	From, To float64
	Over     time.Duration
	Repeat   bool
}

// Counter only grows: by PerHour, or by Step each time it is read. At Rollover it begins at 0 again, and after Reset at
// Start; both are 0 for never.
type Counter struct {
	Start, PerHour, Step float64
	Rollover             float64
	Reset                time.Duration
}

// States goes from one state to another.
type States struct{ List []State }

// State is a state: how long it lasts, and where it goes with which weights.
type State struct {
	Name  string
	Value any // what is published; the name where the profile does not say
	Stay  Interval
	Next  []Choice
}

// Choice is something with a weight.
type Choice struct {
	Value  any     // float64, json.Number, string or bool
	Index  int     // of a state
	Weight float64 // above 0
}

// Pick takes one of some values each time.
type Pick struct{ Choices []Choice }

// Track is a journey: the position is an object with lat, lon, speed and heading.
type Track struct {
	Points []Point
	// Speed in metres a second replaces the times of the points; 0 keeps them.
	Speed float64
	Loop  bool
	Name  string // of the file
}

// Point is a place at a time, which counts from the first point.
type Point struct {
	Lat, Lon float64
	Alt      float64
	HasAlt   bool
	At       time.Duration
}

// Replay plays recorded values.
type Replay struct {
	Samples []Sample
	// Original keeps the recorded times; else there is a value each time.
	Original bool
	Loop     bool
	Name     string // of the file
}

// Sample is a recorded value with its time, which counts from the first.
type Sample struct {
	Value any // float64, json.Number, string or bool
	At    time.Duration
}

// Expr is computed: see [ExprEnv].
type Expr struct {
	Text    string
	Program *vm.Program
	Refs    []Ref
}

// SharedRef is a value of the whole site.
type SharedRef struct{ Shared *Shared }

// Blob is random bytes, written in base64 or hex where the encoding knows no bytes.
type Blob struct {
	Min, Max int // bytes
	Hex      bool
}

// Numeric reports whether the values are numbers.
func (v *Value) Numeric(t *DeviceType) bool {
	_, ok := v.Source.span(t, 0)
	return ok
}
