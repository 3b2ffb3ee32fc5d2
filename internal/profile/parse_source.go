package profile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func (s *sourceReader) constant(p yamlfile.Pair) (Source, error) {
	v, err := s.scalar(p.Value)
	return &Constant{v}, err
}

func (s *sourceReader) uniform(p yamlfile.Pair) (Source, error) {
	u := &Uniform{}
	if s.short(p) {
		return u, parsed(s.reader, &u.Span, ParseSpan)(p)
	}
	found := s.mapping(p, field{"min", s.number(&u.Min)}, field{"max", s.number(&u.Max)}, field{"integer", s.boolean(&u.Integer)})
	s.required(p, found, "min", "max")
	if u.Min > u.Max {
		return u, errors.New("min is above max")
	}
	return u, nil
}

func (s *sourceReader) gauss(p yamlfile.Pair) (Source, error) {
	g := &Gauss{}
	found := s.mapping(p, field{"mean", s.number(&g.Mean)}, field{"sd", s.amount(&g.SD)})
	s.required(p, found, "mean", "sd")
	return g, nil
}

// walkParts is into how many steps a range is divided when a walk does not say how far it steps.
const walkParts = 20

// walk reads a walk. What is left out follows from the bounds: it starts in the middle, with steps of a twentieth.
func (s *sourceReader) walk(p yamlfile.Pair) (Source, error) {
	w := &Walk{Bounds: Endless(), Start: math.NaN(), Step: math.NaN(), Mean: math.NaN()}
	if s.short(p) {
		if err := parsed(s.reader, &w.Bounds, ParseSpan)(p); err != nil {
			return w, err
		}
	} else {
		s.mapping(p,
			field{"start", s.number(&w.Start)}, field{"step", s.amount(&w.Step)},
			field{"min", s.number(&w.Bounds.Min)}, field{"max", s.number(&w.Bounds.Max)},
			field{"mean", s.number(&w.Mean)}, field{"revert", s.chance(&w.Revert)},
		)
	}
	bounded := !math.IsInf(w.Bounds.Min, 0) && !math.IsInf(w.Bounds.Max, 0)
	if math.IsNaN(w.Step) {
		if !bounded {
			return w, yamlfile.Mistakef("write step, or min and max", "it does not say how far a step goes")
		}
		w.Step = (w.Bounds.Max - w.Bounds.Min) / walkParts
	}
	if math.IsNaN(w.Start) {
		w.Start = finite(w.Bounds.Min, finite(w.Bounds.Max, 0))
		if bounded {
			w.Start = mid(w.Bounds)
		}
	}
	if math.IsNaN(w.Mean) {
		w.Mean = w.Start
	}
	switch {
	case w.Bounds.Min > w.Bounds.Max:
		return w, errors.New("min is above max")
	case w.Start < w.Bounds.Min || w.Start > w.Bounds.Max:
		return w, errors.New("start is out of bounds")
	}
	return w, nil
}

func (s *sourceReader) follow(p yamlfile.Pair) (Source, error) {
	f := &Follow{}
	found := s.mapping(p,
		field{"to", s.ref(&f.To)}, field{"lag", s.duration(&f.Lag)}, field{"start", s.optional(&f.Start)})
	s.required(p, found, "to", "lag")
	return f, nil
}

// ref reads a number, or "{desired.setpoint_c}".
func (s *sourceReader) ref(dst *Ref) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		text, err := s.Text(p.Value)
		if err != nil {
			return errors.New("a number or a reference is expected")
		}
		inside, isRef := strings.CutPrefix(text, "{")
		if !isRef {
			return s.number(&dst.Number)(p)
		}
		inside, closed := strings.CutSuffix(inside, "}")
		scope, name, _ := strings.Cut(inside, ".")
		if !closed || !slices.Contains(scopes(), scope) || name == "" {
			return yamlfile.Mistakef("like {desired.setpoint_c}, {reported.mode} or {signal.temp}", "%q is not a reference", text)
		}
		dst.Scope, dst.Name = scope, name
		s.checkRef(*dst, p)
		return nil
	}
}

func scopes() []string { return []string{ScopeDesired, ScopeReported, ScopeSignal} }

// checkRef looks, when all is read, whether there is what a reference means.
func (s *sourceReader) checkRef(ref Ref, p yamlfile.Pair) {
	s.checks = append(s.checks, func() {
		var known []string
		if s.t == nil {
			s.Problem(p.Place(), fmt.Sprintf("%s: a shared value knows no %s", p.Name, ref.Scope), "")
			return
		}
		if ref.Scope == ScopeSignal {
			for _, signal := range s.t.Signals {
				known = append(known, signal.Name)
				if members, ok := sourceOf(signal.Value).(*Members); ok {
					known = members.paths(signal.Name+".", known)
				}
			}
		} else {
			for _, setting := range s.t.Desired.Accepts {
				known = append(known, setting.Name)
			}
		}
		if slices.Contains(known, ref.Name) {
			return
		}
		next := ""
		if len(known) > 0 {
			next = yamlfile.DidYouMean(ref.Name, known)
		}
		s.Problem(p.Place(), fmt.Sprintf("%s: there is no {%s.%s}", p.Name, ref.Scope, ref.Name), next)
	})
}

func (s *sourceReader) ramp(p yamlfile.Pair) (Source, error) {
	ramp, then := &Ramp{}, ""
	found := s.mapping(p,
		field{"from", s.number(&ramp.From)}, field{"to", s.number(&ramp.To)}, field{"over", s.duration(&ramp.Over)},
		field{"then", word(s.reader, &then, "hold", "repeat")})
	s.required(p, found, "from", "to", "over")
	ramp.Repeat = then == "repeat"
	return ramp, positive("over", ramp.Over, found)
}

func (s *sourceReader) sawtooth(p yamlfile.Pair) (Source, error) {
	ramp := &Ramp{Repeat: true}
	found := s.mapping(p,
		field{"min", s.number(&ramp.From)}, field{"max", s.number(&ramp.To)}, field{"period", s.duration(&ramp.Over)})
	s.required(p, found, "min", "max", "period")
	return ramp, positive("period", ramp.Over, found)
}

func positive(key string, d time.Duration, found map[string]yamlfile.Pair) error {
	if _, ok := found[key]; ok && d < shortest {
		return yamlfile.Mistakef("", "%s: less than %s", key, shortest)
	}
	return nil
}

func (s *sourceReader) counter(p yamlfile.Pair) (Source, error) {
	c := &Counter{}
	found := s.mapping(p,
		field{"start", s.number(&c.Start)}, field{"per_hour", s.amount(&c.PerHour)}, field{"step", s.amount(&c.Step)},
		field{"rollover", s.amount(&c.Rollover)}, field{"reset", s.duration(&c.Reset)})
	_, hour := found["per_hour"]
	_, step := found["step"]
	switch {
	case hour == step:
		return c, yamlfile.Mistakef("write per_hour or step", "it does not say how fast it counts")
	case c.Rollover > 0 && c.Start >= c.Rollover:
		return c, errors.New("start is beyond rollover")
	}
	return c, nil
}

// states reads a mapping of names to states.
func (s *sourceReader) states(p yamlfile.Pair) (Source, error) {
	states := &States{}
	type edge struct {
		from int
		pair yamlfile.Pair
		to   string
		at   Choice
	}
	var edges []edge
	s.each(p, func(p yamlfile.Pair) error {
		if err := s.name(p.Key, p.Name); err != nil {
			return err
		}
		state := State{Name: p.Name, Value: p.Name}
		found := s.mapping(p,
			field{"stay", s.interval(&state.Stay)}, field{"value", s.any(&state.Value)},
			field{"next", func(p yamlfile.Pair) error {
				return s.weights(p, func(p yamlfile.Pair, name string, weight float64) error {
					edges = append(edges, edge{len(states.List), p, name, Choice{Weight: weight}})
					return nil
				})
			}})
		s.required(p, found, "stay")
		if at, ok := found["stay"]; ok && state.Stay.Average() < shortest {
			s.Problem(at.Place(), "stay: less than "+shortest.String(), "")
		}
		states.List = append(states.List, state)
		return nil
	})
	names := make([]string, len(states.List))
	for i := range states.List {
		names[i] = states.List[i].Name
	}
	for _, e := range edges {
		if e.at.Index = slices.Index(names, e.to); e.at.Index < 0 {
			s.Problem(e.pair.Place(), fmt.Sprintf("next: there is no state %q", e.to), yamlfile.DidYouMean(e.to, names))
			continue
		}
		states.List[e.from].Next = append(states.List[e.from].Next, e.at)
	}
	if len(states.List) == 0 {
		return states, yamlfile.Mistakef("closed: { stay: 4m..20m, next: { open: 1 } }", "there is no state")
	}
	return states, nil
}

// weights reads a mapping of names to weights, or one name.
func (s *sourceReader) weights(p yamlfile.Pair, add func(p yamlfile.Pair, name string, weight float64) error) error {
	if s.short(p) {
		name, err := s.Text(p.Value)
		if err != nil {
			return err
		}
		return add(p, name, 1)
	}
	s.each(p, func(p yamlfile.Pair) error {
		if err := s.name(p.Key, p.Name); err != nil {
			return err
		}
		weight := 0.0
		if err := s.weight(&weight)(p); err != nil {
			return err
		}
		return add(p, p.Name, weight)
	})
	return nil
}

// weight reads how often something is chosen.
func (r *reader) weight(dst *float64) func(yamlfile.Pair) error {
	return parsed(r, dst, func(text string) (float64, error) {
		n, err := parseNumber(strings.TrimSuffix(text, "%"))
		if err != nil || n <= 0 {
			return 0, fmt.Errorf("%q is not a weight above 0", text)
		}
		return n, nil
	})
}

// pick reads a list of values, or a mapping of values to weights.
func (s *sourceReader) pick(p yamlfile.Pair) (Source, error) {
	pick := &Pick{}
	if items, ok := s.Items(p.Value); ok {
		for _, item := range items {
			v, err := s.scalar(item)
			if err != nil {
				return pick, err
			}
			pick.Choices = append(pick.Choices, Choice{Value: v, Weight: 1})
		}
	} else if err := s.weights(p, func(_ yamlfile.Pair, name string, weight float64) error {
		pick.Choices = append(pick.Choices, Choice{Value: scalarOfKey(name), Weight: weight})
		return nil
	}); err != nil {
		return pick, err
	}
	if len(pick.Choices) == 0 {
		return pick, errors.New("there is nothing to pick")
	}
	return pick, nil
}

// scalarOfKey is a number where a key looks like one.
func scalarOfKey(name string) any {
	if n, err := exact(name); err == nil {
		return n
	}
	return name
}

func (s *sourceReader) sharedRef(p yamlfile.Pair) (Source, error) {
	ref, name := &SharedRef{}, ""
	if err := s.text(&name)(p); err != nil {
		return ref, err
	}
	if s.t == nil && s.depth > 0 {
		return ref, errors.New("a shared value cannot have another one in it")
	}
	ref.Shared = &Shared{Value: &Value{Source: &Constant{0.0}}}
	s.checks = append(s.checks, func() {
		if found := s.p.SharedValue(name); found != nil {
			ref.Shared = found
			return
		}
		var known []string
		for _, shared := range s.p.Shared {
			known = append(known, shared.Name)
		}
		next := "describe it under shared:"
		if len(known) > 0 {
			next = yamlfile.DidYouMean(name, known)
		}
		s.Problem(p.Place(), fmt.Sprintf("shared: there is no %q", name), next)
	})
	return ref, nil
}

// shared reads a value of the whole site.
func (r *reader) shared(p yamlfile.Pair) error {
	shared := &Shared{Name: p.Name, Every: time.Minute, At: r.place(p.Key)}
	r.p.Shared = append(r.p.Shared, shared)
	found := r.mapping(p,
		field{"every", r.duration(&shared.Every)},
		field{"value", func(p yamlfile.Pair) error {
			shared.Value = r.value(nil, p)
			if shared.Value != nil && isOne[*SharedRef](shared.Value.Source) {
				return errors.New("a shared value cannot be another one")
			}
			return nil
		}})
	r.required(p, found, "value")
	if _, ok := found["every"]; ok && shared.Every < time.Second {
		return errors.New("every: less than 1s")
	}
	return nil
}

func (s *sourceReader) blob(p yamlfile.Pair) (Source, error) {
	b, as, size := &Blob{}, "", ""
	found := s.mapping(p, field{"size", s.text(&size)}, field{"as", word(s.reader, &as, "base64", "hex")})
	s.required(p, found, "size")
	b.Hex = as == "hex"
	from, to, ranged := strings.Cut(size, "..")
	var err error
	if b.Min, err = parseSize(strings.TrimSpace(from)); err != nil {
		return b, err
	}
	if b.Max = b.Min; ranged {
		b.Max, err = parseSize(strings.TrimSpace(to))
	}
	const most = 16 << 20
	if err == nil && (b.Max < b.Min || b.Max > most) {
		err = fmt.Errorf("%q is no range of sizes up to 16 MiB", size)
	}
	return b, err
}
