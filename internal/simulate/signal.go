package simulate

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// signalValue gives the values of a signal: its source, and what the sensor makes of it. Each part that looks like chance
// has a stream of its own, so that a profile can get another part without changing the values of the rest.
type signalValue struct {
	*profile.Value
	source source
	noise  *stream
	stuck  *stream
	spike  *stream
	drop   *stream

	delayed    []delayedValue
	stuckUntil time.Duration
	stuckAt    any
}

type delayedValue struct {
	at    time.Duration
	value any
}

func newSignalValue(v *profile.Value, born time.Duration, shared *sharedValues, site string, streams func(string) *stream) *signalValue {
	s := &signalValue{Value: v}
	switch v.Source.(type) {
	case *profile.Members, *profile.Items:
		s.source = newComposite(v, func(part *profile.Value, name string) *signalValue {
			return newSignalValue(part, born, shared, site, func(purpose string) *stream {
				return streams(strconv.Quote(name) + " " + purpose)
			})
		})
	default:
		s.source = newSource(v.Source, streams("source"), born, shared, site)
	}
	if v.Noise != (profile.Noise{}) {
		s.noise = streams("noise")
	}
	if v.Stuck != nil {
		s.stuck = streams("stuck")
	}
	if v.Spike != nil {
		s.spike = streams("spike")
	}
	if v.Dropout > 0 {
		s.drop = streams("dropout")
	}
	return s
}

// next returns the value at a moment, or that there is none.
func (s *signalValue) next(m *moment) (value any, ok bool) {
	value = s.source.next(m)
	if literal, ok := value.(json.Number); ok && s.computes() {
		value, _ = literal.Float64() // as near as it gets
	}
	if n, numeric := value.(float64); numeric {
		value = s.disturbed(n, m)
	}
	value = s.delay(value, m.now)
	value = s.hang(value, m.now)
	if n, numeric := value.(float64); numeric {
		value = s.shaped(n)
	}
	return value, s.drop == nil || !s.drop.happens(s.Dropout)
}

// computes reports whether the value is computed with, and not only passed on.
func (s *signalValue) computes() bool {
	return len(s.Season) > 0 || s.noise != nil || s.spike != nil || s.Clamp != nil || s.Quantise > 0 || s.Round != nil
}

// disturbed adds season and noise.
func (s *signalValue) disturbed(n float64, m *moment) float64 {
	for _, one := range s.Season {
		n += sine(one, m.wall)
	}
	if s.noise == nil {
		return n
	}
	if s.Noise.Gauss > 0 {
		n = fma(s.Noise.Gauss, s.noise.gauss(), n)
	}
	if s.Noise.Uniform > 0 {
		n += s.noise.between(-s.Noise.Uniform, s.Noise.Uniform)
	}
	return n
}

// delay keeps values back. Until the first is old enough it is what is seen.
func (s *signalValue) delay(v any, now time.Duration) any {
	if s.Delay == 0 {
		return v
	}
	s.delayed = append(s.delayed, delayedValue{now, v})
	for len(s.delayed) > 1 && s.delayed[1].at <= now-s.Delay {
		s.delayed = s.delayed[1:]
	}
	return s.delayed[0].value
}

func (s *signalValue) hang(v any, now time.Duration) any {
	if s.stuck == nil {
		return v
	}
	happens := s.stuck.happens(s.Stuck.Chance)
	if now < s.stuckUntil {
		return s.stuckAt
	}
	if happens {
		s.stuckUntil, s.stuckAt = now+s.stuck.interval(s.Stuck.For), v
	}
	return v
}

func (s *signalValue) shaped(n float64) float64 {
	if s.spike != nil && s.spike.happens(s.Spike.Chance) {
		if n += s.Spike.By; s.Spike.To != nil {
			n = *s.Spike.To
		}
	}
	if s.Clamp != nil {
		n = max(s.Clamp.Min, min(s.Clamp.Max, n))
	}
	if s.Quantise > 0 {
		n = float64(math.Round(n/s.Quantise) * s.Quantise)
	}
	switch {
	case s.Round != nil:
		n = decimals(n, *s.Round)
	case math.Abs(n) >= 1:
		n = decimals(n, 3)
	default:
		n, _ = strconv.ParseFloat(strconv.FormatFloat(n, 'g', 6, 64), 64) // it was one a moment ago
	}
	return n + 0 // no negative zero
}
