package profile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// wrapperKeys are what a value may have beside its source; modifierKeys belong to certain sources.
func wrapperKeys() []string {
	return []string{"noise", "delay", "stuck", "spike", "clamp", "quantise", "round", "dropout"}
}

// value reads how a signal's values come about. On a mistake, which is noted, it returns nil.
func (r *reader) value(t *DeviceType, p yamlfile.Pair) *Value { return r.valueAt(t, p, 0) }

// valueAt reads a value that stands as deep in others.
func (r *reader) valueAt(t *DeviceType, p yamlfile.Pair, depth int) *Value {
	v := &Value{At: r.place(p.Key)}
	before := r.Problems()
	if _, err := r.Scalar(p.Value); err == nil {
		constant, err := r.scalar(p.Value)
		if err != nil {
			r.Fault(p, err)
			return nil
		}
		v.Source = &Constant{constant}
		return v
	}
	s := &sourceReader{reader: r, t: t, v: v, depth: depth}
	found := r.mapping(p, append(s.sources(), s.wrappers()...)...)
	if v.Source != nil || r.Problems() == before {
		s.finish(p, found)
	}
	if v.Source == nil || r.Invalid() {
		r.incomplete = true
		return nil
	}
	r.checks = append(r.checks, func() { r.checkWrappers(t, v, p, found) })
	return v
}

// sourceReader reads one value.
type sourceReader struct {
	*reader
	t *DeviceType
	v *Value
	// depth is in how many values this one stands.
	depth int

	loop       bool
	speed      float64
	column     string
	seasonMean float64
	original   bool
}

// sourceKeys are the kinds of generators.
func sourceKeys() []string {
	return []string{
		"constant", "uniform", "gauss", "walk", "follow", "season", "ramp", "sawtooth", "counter", "states", "pick", "enum", "track",
		"replay", "expr", "shared", "blob", "members", "items", "time",
	}
}

func (s *sourceReader) sources() []field {
	set := func(read func(yamlfile.Pair) (Source, error)) func(yamlfile.Pair) error {
		return func(p yamlfile.Pair) error {
			source, err := read(p)
			if err != nil {
				return err
			}
			if s.v.Source != nil {
				return errors.New("a value has one source, and this is the second")
			}
			s.v.Source = source
			return nil
		}
	}
	return []field{
		{"constant", set(s.constant)},
		{"uniform", set(s.uniform)},
		{"gauss", set(s.gauss)},
		{"walk", set(s.walk)},
		{"follow", set(s.follow)},
		{"season", s.season},
		{"ramp", set(s.ramp)},
		{"sawtooth", set(s.sawtooth)},
		{"counter", set(s.counter)},
		{"states", set(s.states)},
		{"pick", set(s.pick)},
		{"enum", set(s.pick)},
		{"track", set(s.track)},
		{"replay", set(s.replay)},
		{"expr", set(s.expr)},
		{"shared", set(s.sharedRef)},
		{"blob", set(s.blob)},
		{"members", set(s.members)},
		{"items", set(s.items)},
		{"time", set(s.time)},
		{"loop", s.boolean(&s.loop)},
		{"speed", parsed(s.reader, &s.speed, parseGroundSpeed)},
		{"column", s.text(&s.column)},
		{"pace", func(p yamlfile.Pair) error {
			pace := ""
			err := word(s.reader, &pace, "fixed", "original")(p)
			s.original = pace == "original"
			return err
		}},
	}
}

func (s *sourceReader) wrappers() []field {
	v := s.v
	return []field{
		{"noise", func(p yamlfile.Pair) error {
			if _, err := s.Scalar(p.Value); err == nil {
				return s.amount(&v.Noise.Gauss)(p)
			}
			s.mapping(p, field{"gauss", s.amount(&v.Noise.Gauss)}, field{"uniform", s.amount(&v.Noise.Uniform)})
			return nil
		}},
		{"delay", s.duration(&v.Delay)},
		{"stuck", func(p yamlfile.Pair) error {
			v.Stuck = &Stuck{}
			found := s.mapping(p, field{"chance", s.chance(&v.Stuck.Chance)}, field{"for", s.interval(&v.Stuck.For)})
			s.required(p, found, "chance", "for")
			return nil
		}},
		{"spike", func(p yamlfile.Pair) error {
			v.Spike = &Spike{}
			found := s.mapping(p,
				field{"chance", s.chance(&v.Spike.Chance)}, field{"by", s.number(&v.Spike.By)}, field{"to", s.optional(&v.Spike.To)})
			s.required(p, found, "chance")
			if v.Spike.To == nil && v.Spike.By == 0 {
				return yamlfile.Mistakef("write by: 10, or to: 85", "it does not say how far")
			}
			return nil
		}},
		{"clamp", func(p yamlfile.Pair) error { v.Clamp = new(Span); return s.bounds(v.Clamp)(p) }},
		{"quantise", s.amount(&v.Quantise)},
		{"round", func(p yamlfile.Pair) error { v.Round = new(int); return s.integer(v.Round, 0, 12)(p) }},
		{"dropout", s.chance(&v.Dropout)},
	}
}

// season is a source of its own, with a mean, or what is added to another one.
func (s *sourceReader) season(p yamlfile.Pair) error {
	items, ok := s.Items(p.Value)
	if !ok {
		items = []ast.Node{p.Value}
	}
	source := &Season{}
	for _, item := range items {
		sine := Sine{}
		pair := yamlfile.Pair{Name: p.Name, Key: p.Key, Value: item}
		found := s.mapping(pair,
			field{"period", s.duration(&sine.Period)}, field{"amplitude", s.number(&sine.Amplitude)},
			field{"peak", s.duration(&sine.Peak)}, field{"mean", s.number(&source.Mean)})
		s.required(pair, found, "period", "amplitude")
		if _, ok := found["period"]; ok && sine.Period < shortest {
			return yamlfile.Mistakef("", "period: less than %s", shortest)
		}
		source.Sines = append(source.Sines, sine)
	}
	s.v.Season = source.Sines
	s.seasonMean = source.Mean
	return nil
}

// finish puts together what belongs together.
func (s *sourceReader) finish(p yamlfile.Pair, found map[string]yamlfile.Pair) {
	if _, ok := found["season"]; ok && s.v.Source == nil {
		s.v.Source, s.v.Season = &Season{Mean: s.seasonMean, Sines: s.v.Season}, nil
	} else if ok && s.seasonMean != 0 {
		s.Problem(found["season"].Key, "season: mean has no place beside another source", "")
	}
	if s.v.Source == nil {
		s.Problem(p.Key, p.Name+": no source of values", "one of "+strings.Join(sourceKeys(), ", "))
		return
	}
	for key, ok := range map[string]bool{
		"loop": isOne[*Track](s.v.Source) || isOne[*Replay](s.v.Source), "speed": isOne[*Track](s.v.Source),
		"column": isOne[*Replay](s.v.Source), "pace": isOne[*Replay](s.v.Source),
	} {
		if at, there := found[key]; there && !ok {
			s.Problem(at.Key, key+" has no place beside this source", "")
		}
	}
	switch source := s.v.Source.(type) {
	case *Track:
		s.finishTrack(source, p)
	case *Replay:
		s.finishReplay(source, p)
	}
}

func isOne[T Source](s Source) bool { _, ok := s.(T); return ok }

// checkWrappers looks for what has no meaning for the values of a source.
func (r *reader) checkWrappers(t *DeviceType, v *Value, p yamlfile.Pair, found map[string]yamlfile.Pair) {
	if v.Numeric(t) {
		return
	}
	for _, key := range append(wrapperKeys(), "season") {
		if at, ok := found[key]; ok && !slices.Contains([]string{"delay", "stuck", "dropout"}, key) {
			r.Problem(at.Key, fmt.Sprintf("%s: %s is about numbers, and these values are none", p.Name, key), "")
		}
	}
}

// bounds reads two numbers: [low, high], or low..high.
func (r *reader) bounds(dst *Span) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		items, ok := r.Items(p.Value)
		if !ok {
			return parsed(r, dst, ParseSpan)(p)
		}
		if len(items) != 2 {
			return yamlfile.Mistakef("like [0, 100]", "two numbers are expected")
		}
		for i, n := range []*float64{&dst.Min, &dst.Max} {
			if err := r.number(n)(yamlfile.Pair{Value: items[i]}); err != nil {
				return err
			}
		}
		if dst.Min > dst.Max {
			return yamlfile.Mistakef("", "the first is above the second")
		}
		return nil
	}
}

// short reports whether a value is written as one word, like 18..26.
func (r *reader) short(p yamlfile.Pair) bool {
	_, err := r.Scalar(p.Value)
	return err == nil
}

// mid is the middle of a range that may have been given.
func mid(s Span) float64 { return s.Min + (s.Max-s.Min)/2 }

// finite bounds what is not bounded.
func finite(n, otherwise float64) float64 {
	if math.IsInf(n, 0) {
		return otherwise
	}
	return n
}
