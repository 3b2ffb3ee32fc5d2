package simulate

import (
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// The functions of exact.go, which tests compare with package math.
func CosTurns(x float64) float64  { return cosTurns(x) }
func Decay(x float64) float64     { return decay(x) }
func Logarithm(x float64) float64 { return logarithm(x) }

// Stream gives tests a stream.
type Stream struct{ s *stream }

func NewStream(seed uint64, names ...string) Stream        { return Stream{newStream(seed, names...)} }
func (s Stream) Gauss() float64                            { return s.s.gauss() }
func (s Stream) Float() float64                            { return s.s.float() }
func (s Stream) Interval(i profile.Interval) time.Duration { return s.s.interval(i) }
func (s Stream) Choose(c []profile.Choice) int             { return s.s.choose(c) }

// FreeSlots gives tests the places that were not taken.
type FreeSlots struct{ f *freeSlots }

func NewFreeSlots(n int) FreeSlots      { return FreeSlots{newFreeSlots(n)} }
func (f FreeSlots) Left(place int) int  { return f.f.left(place) }
func (f FreeSlots) Right(place int) int { return f.f.right(place) }
func (f FreeSlots) Take(place int)      { f.f.take(place) }
