package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// stream is a row of numbers that looks like chance. What it gives depends on the seed and the names it was made with.
type stream struct{ pcg rand.PCG }

// newStream makes the stream of a purpose: adding another one changes none that was there.
func newStream(seed uint64, names ...string) *stream {
	s := &stream{}
	s.pcg.Seed(profile.Seeds(seed, names...))
	return s
}

// float is from 0 up to, but not including, 1.
func (s *stream) float() float64 { return float64(s.pcg.Uint64()>>11) / (1 << 53) }

// below is a whole number from 0 up to, but not including, n.
func (s *stream) below(n int) int { return int(s.float() * float64(n)) }

// between is from low to high.
func (s *stream) between(low, high float64) float64 { return fma(s.float(), high-low, low) }

// happens is true with a chance from 0 to 1.
func (s *stream) happens(chance float64) bool { return s.float() < chance }

// gauss is normally distributed around 0 with a standard deviation of 1 (Box and Muller).
func (s *stream) gauss() float64 {
	u := 1 - s.float() // above 0
	return float64(math.Sqrt(float64(-2*logarithm(u))) * cosTurns(s.float()))
}

// interval draws a time, to the microsecond. What is exponential ends at twenty times its mean.
func (s *stream) interval(i profile.Interval) time.Duration {
	const most = 20
	if i.Mean > 0 {
		factor := min(most, -logarithm(1-s.float()))
		return microseconds(float64(factor * float64(i.Mean)))
	}
	if i.Min == i.Max {
		return i.Min
	}
	return i.Min + microseconds(float64(s.float()*float64(i.Max-i.Min)))
}

// microseconds is a number of nanoseconds without what comes behind the microseconds, which captures do not keep.
func microseconds(nanoseconds float64) time.Duration {
	return time.Duration(nanoseconds).Truncate(time.Microsecond)
}

// choose draws an index by weight.
func (s *stream) choose(choices []profile.Choice) int {
	sum := 0.0
	for i := range choices {
		sum += choices[i].Weight
	}
	at := float64(s.float() * sum)
	for i := range choices {
		if at -= choices[i].Weight; at < 0 {
			return i
		}
	}
	return len(choices) - 1
}
