package profile

import (
	"encoding/json"
	"math"
)

// maxReference bounds chains of references: what is longer goes round in a circle.
const maxReference = 20

// sigmas is how far a normal deviation is taken to go.
const sigmas = 4

// Endless is the Span of all numbers.
func Endless() Span { return Span{math.Inf(-1), math.Inf(1)} }

func (s Span) widen(by float64) Span { return Span{s.Min - by, s.Max + by} }

func (s Span) with(n float64) Span { return Span{math.Min(s.Min, n), math.Max(s.Max, n)} }

// Span returns the least and the largest number that a value can be; normal deviations are taken to be within four times
// their standard deviation. It is not ok for values that are no numbers.
func (v *Value) Span(t *DeviceType) (s Span, ok bool) { return v.spanAt(t, 0) }

func (v *Value) spanAt(t *DeviceType, depth int) (Span, bool) {
	s, ok := v.Source.span(t, depth)
	if !ok {
		return s, false
	}
	for _, sine := range v.Season {
		s = s.widen(math.Abs(sine.Amplitude))
	}
	s = s.widen(sigmas*v.Noise.Gauss + v.Noise.Uniform)
	if v.Spike != nil && v.Spike.To != nil {
		s = s.with(*v.Spike.To)
	} else if v.Spike != nil {
		s = Span{math.Min(s.Min, s.Min+v.Spike.By), math.Max(s.Max, s.Max+v.Spike.By)}
	}
	if v.Clamp != nil {
		s = Span{math.Max(math.Min(s.Min, v.Clamp.Max), v.Clamp.Min), math.Min(math.Max(s.Max, v.Clamp.Min), v.Clamp.Max)}
	}
	return s, true
}

func (c *Constant) span(*DeviceType, int) (Span, bool) { return spanOf(c.Value) }

func spanOf(v any) (Span, bool) {
	n, ok := asNumber(v)
	return Span{n, n}, ok
}

// asNumber is a value of a signal as a number, if it is one.
func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	default:
		return 0, false
	}
}

func (u *Uniform) span(*DeviceType, int) (Span, bool) { return u.Span, true }

func (g *Gauss) span(*DeviceType, int) (Span, bool) {
	return Span{g.Mean, g.Mean}.widen(sigmas * g.SD), true
}

func (w *Walk) span(*DeviceType, int) (Span, bool) { return w.Bounds, true }

func (f *Follow) span(t *DeviceType, depth int) (Span, bool) {
	s, ok := f.To.span(t, depth+1)
	if ok && f.Start != nil {
		s = s.with(*f.Start)
	}
	return s, ok
}

// span returns what a reference can be. A setting can be all that the device accepts.
func (r Ref) span(t *DeviceType, depth int) (Span, bool) {
	switch {
	case r.Scope == "":
		return Span{r.Number, r.Number}, true
	case depth > maxReference || t == nil:
		return Endless(), true
	case r.Scope == ScopeSignal:
		if s := t.Signal(r.Name); s != nil {
			return s.Value.spanAt(t, depth+1)
		}
		return Endless(), true
	}
	s := Endless()
	if setting := t.Desired.Setting(r.Name); setting != nil {
		if setting.Min != nil {
			s.Min = *setting.Min
		}
		if setting.Max != nil {
			s.Max = *setting.Max
		}
	}
	return s, true
}

func (s *Season) span(*DeviceType, int) (Span, bool) {
	span := Span{s.Mean, s.Mean}
	for _, sine := range s.Sines {
		span = span.widen(math.Abs(sine.Amplitude))
	}
	return span, true
}

func (r *Ramp) span(*DeviceType, int) (Span, bool) { return Span{r.From, r.From}.with(r.To), true }

func (c *Counter) span(*DeviceType, int) (Span, bool) {
	s := Span{c.Start, math.Inf(1)}
	if c.Rollover > 0 {
		s = Span{0, c.Rollover}
	}
	return s, true
}

func (s *States) span(*DeviceType, int) (Span, bool) {
	values := make([]any, len(s.List))
	for i := range s.List {
		values[i] = s.List[i].Value
	}
	return spanOfAll(values)
}

func (p *Pick) span(*DeviceType, int) (Span, bool) {
	values := make([]any, len(p.Choices))
	for i := range p.Choices {
		values[i] = p.Choices[i].Value
	}
	return spanOfAll(values)
}

func (r *Replay) span(*DeviceType, int) (Span, bool) {
	values := make([]any, len(r.Samples))
	for i := range r.Samples {
		values[i] = r.Samples[i].Value
	}
	return spanOfAll(values)
}

// spanOfAll is the span of values that all are numbers.
func spanOfAll(values []any) (Span, bool) {
	s := Span{math.Inf(1), math.Inf(-1)}
	for _, v := range values {
		n, ok := asNumber(v)
		if !ok {
			return Span{}, false
		}
		s = s.with(n)
	}
	return s, len(values) > 0
}

func (*Track) span(*DeviceType, int) (Span, bool) { return Span{}, false }

func (*Blob) span(*DeviceType, int) (Span, bool) { return Span{}, false }

// span of what is computed is not known.
func (*Expr) span(*DeviceType, int) (Span, bool) { return Endless(), true }

func (s *SharedRef) span(_ *DeviceType, depth int) (Span, bool) {
	if depth > maxReference {
		return Endless(), true
	}
	return s.Shared.Value.spanAt(nil, depth+1)
}
