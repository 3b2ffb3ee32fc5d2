package profile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func (r *reader) readFaults() {
	for _, p := range r.faults {
		f := &Fault{Chance: 1, End: Never, Copies: 1, Takes: Interval{Min: 5 * time.Second, Max: 15 * time.Second}, At: r.place(p.Key)}
		f.Delay = Interval{Min: time.Second, Max: time.Minute}
		f.Period = Fixed(10 * time.Second)
		r.fault(f, p)
		r.p.Faults = append(r.p.Faults, f)
	}
}

// fault reads one fault. The kind stands anywhere in the mapping, and says which keys there may be.
func (r *reader) fault(f *Fault, p yamlfile.Pair) {
	pairs, ok := r.Pairs(p.Value)
	if !ok {
		r.Problem(p.Key, "a mapping is expected", "- name: …")
		return
	}
	var duration time.Duration
	fields := r.faultFields(f, &duration)
	i := slices.IndexFunc(pairs, func(p yamlfile.Pair) bool { return p.Name == "do" })
	if i < 0 {
		r.Problem(p.Key, "do: is missing", "it says what goes wrong")
		return
	}
	if err := r.faultKind(f, pairs[i]); err != nil {
		r.Fault(pairs[i], err)
		return
	}
	common := []string{"name", "at", "from", "for", "to", "do", "chance", "signals"}
	allowed := slices.DeleteFunc(fields, func(known field) bool {
		return !slices.Contains(common, known.key) && !slices.Contains(f.Kind.Keys, known.key)
	})
	found := r.mapping(p, allowed...)
	if f.Name == "" {
		f.Name = f.Kind.Name
	}
	r.faultWindow(f, found, duration)
	r.checkFault(f, p, found)
}

func (r *reader) faultKind(f *Fault, p yamlfile.Pair) error {
	name, err := r.Text(p.Value)
	if err != nil {
		return err
	}
	kind, ok := LookupFault(name)
	if !ok {
		var known []string
		for _, k := range FaultKinds() {
			known = append(known, k.Name)
		}
		return yamlfile.Mistakef(yamlfile.DidYouMean(name, known), "there is no fault %q", name)
	}
	f.Kind = kind
	return nil
}

func (r *reader) faultFields(f *Fault, length *time.Duration) []field {
	return []field{
		{"name", r.text(&f.Name)},
		{"at", r.duration(&f.Start)},
		{"from", r.duration(&f.Start)},
		{"for", r.duration(length)},
		{"to", func(p yamlfile.Pair) error { return r.selector(&f.To, p) }},
		{"do", func(yamlfile.Pair) error { return nil }},
		{"chance", r.chance(&f.Chance)},
		{"signals", r.texts(&f.Signals)},
		{"backfill", func(p yamlfile.Pair) error { r.backfill(f, p); return nil }},
		{"skew", parsed(r, &f.Skew, parseSigned)},
		{"step", parsed(r, &f.Step, parseSigned)},
		{"drift", parsed(r, &f.Drift, parseDrift)},
		{"not_set", r.boolean(&f.NotSet)},
		{"mix", func(p yamlfile.Pair) error { return r.mix(f, p) }},
		{"lose", func(p yamlfile.Pair) error {
			if err := r.texts(&f.Lose)(p); err != nil {
				return err
			}
			known := []string{"state", "seq", "session"}
			for _, what := range f.Lose {
				if !slices.Contains(known, what) {
					return yamlfile.Mistakef(yamlfile.DidYouMean(what, known), "%q is not known", what)
				}
			}
			return nil
		}},
		{"takes", r.interval(&f.Takes)},
		{"delay", r.interval(&f.Delay)},
		{"period", r.interval(&f.Period)},
		{"rate", parsed(r, &f.Rate, parseByteRate)},
		{"receive_maximum", r.integer(&f.ReceiveMaximum, 1, math.MaxUint16)},
		{"bytes", parsed(r, &f.Bytes, parseSize)},
		{"copies", r.integer(&f.Copies, 1, 100)},
		{"by", r.number(&f.By)},
		{"value", r.optional(&f.Value)},
		{"topic", func(p yamlfile.Pair) error {
			if err := r.text(&f.Topic)(p); err != nil {
				return err
			}
			_, err := topic.ParseName(f.Topic)
			return err
		}},
	}
}

// faultWindow works out when a fault is.
func (r *reader) faultWindow(f *Fault, found map[string]yamlfile.Pair, length time.Duration) {
	at, hasAt := found["at"]
	if _, hasFrom := found["from"]; hasAt && hasFrom {
		r.Problem(at.Key, "at and from say the same", "leave one out")
	}
	if lasts, ok := found["for"]; ok {
		if length == 0 {
			r.Problem(lasts.Place(), "for: no time at all", "")
		}
		if length < Never-f.Start {
			f.End = f.Start + length
		}
	}
}

func (r *reader) checkFault(f *Fault, p yamlfile.Pair, found map[string]yamlfile.Pair) {
	for _, other := range r.p.Faults {
		if other.Name == f.Name {
			r.Problem(p.Key, fmt.Sprintf("there are two faults called %q", f.Name), "give each a name")
		}
	}
	var missing string
	switch f.Kind.Name {
	case "clock":
		if f.Skew == 0 && f.Drift == 0 && f.Step == 0 && !f.NotSet {
			missing = "skew, drift, step or not_set"
		}
	case "oversize":
		if f.Bytes == 0 {
			missing = "bytes"
		}
	case "backfill":
		if f.Backfill == nil {
			missing = "backfill"
		}
	case "slow_consumer", "bandwidth":
		if f.Rate == 0 {
			missing = "rate"
		}
	case "spike":
		if f.By == 0 && f.Value == nil {
			missing = "by or value"
		}
	case "malformed":
		if _, ok := found["mix"]; !ok {
			f.Mix = []Malformation{{"truncated_json", 1}, {"number_as_string", 1}, {"missing_ts", 1}}
		}
	}
	if missing != "" {
		r.Problem(p.Key, fmt.Sprintf("fault %q: %s is missing", f.Name, missing), "")
	}
	if at, ok := found["signals"]; ok {
		r.checkSignals(f, at)
	}
}

// checkSignals looks whether any device has the signals that a fault names.
func (r *reader) checkSignals(f *Fault, at yamlfile.Pair) {
	for _, name := range f.Signals {
		known := []string{}
		for _, t := range r.p.Types {
			for _, s := range t.Signals {
				known = append(known, s.Name)
			}
		}
		if !slices.Contains(known, name) {
			r.Problem(at.Place(), fmt.Sprintf("signals: no device has %q", name), yamlfile.DidYouMean(name, known))
		}
	}
}

// selector reads all, a device, or which of the devices.
func (r *reader) selector(s *Selector, p yamlfile.Pair) error {
	if text, err := r.Text(p.Value); err == nil {
		if text != "all" {
			s.IDs = []string{text}
		}
		return nil
	}
	r.mapping(p,
		field{"device", r.texts(&s.IDs)}, field{"devices", r.texts(&s.IDs)}, field{"site", r.text(&s.Site)}, field{"use", r.text(&s.Use)},
		field{"pick", r.integer(&s.Pick, 1, mostDevices)},
		field{"percent", func(p yamlfile.Pair) error {
			s.HasPart = true
			return parsed(r, &s.Percent, parsePercent)(p)
		}},
	)
	if s.HasPart && s.Pick > 0 {
		return errors.New("pick and percent exclude each other")
	}
	return nil
}

// parsePercent reads a percentage: 5, or 5%.
func parsePercent(text string) (float64, error) {
	n, err := parseNumber(strings.TrimSpace(strings.TrimSuffix(text, "%")))
	if err != nil || n < 0 || n > 100 {
		return 0, fmt.Errorf("%q is not from 0 to 100 percent", text)
	}
	return n, nil
}

func (r *reader) backfill(f *Fault, p yamlfile.Pair) {
	f.Backfill = &Backfill{Buffer: 1000, Rate: 10}
	r.mapping(p, field{"buffer", r.integer(&f.Backfill.Buffer, 1, 1_000_000)}, field{"rate", r.rate(&f.Backfill.Rate)})
}

func (r *reader) mix(f *Fault, p yamlfile.Pair) error {
	r.each(p, func(p yamlfile.Pair) error {
		m := Malformation{Kind: p.Name}
		if !slices.Contains(Malformations(), m.Kind) {
			return yamlfile.Mistakef(yamlfile.DidYouMean(m.Kind, Malformations()), "no way to be malformed is called so")
		}
		err := r.weight(&m.Weight)(p)
		f.Mix = append(f.Mix, m)
		return err
	})
	if len(f.Mix) == 0 {
		return errors.New("there is nothing in it")
	}
	return nil
}

// parseSigned reads a time that may go back: -7m, -400d.
func parseSigned(text string) (time.Duration, error) {
	digits, back := strings.CutPrefix(text, "-")
	d, err := duration.Parse(strings.TrimPrefix(digits, "+"))
	switch {
	case err != nil || strings.HasPrefix(digits, "-") || back && strings.HasPrefix(digits, "+"):
		return 0, fmt.Errorf("%q is not a time like -7m or 30s", text)
	case back:
		return -d, nil
	default:
		return d, nil
	}
}

// parseDrift reads how much faster a clock goes: 40ppm, 1%.
func parseDrift(text string) (float64, error) {
	for suffix, factor := range map[string]float64{"ppm": 1e6, "%": 100} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			n, err := parseNumber(strings.TrimSpace(digits))
			if err == nil && math.Abs(n) <= factor {
				return n / factor, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a drift like 40ppm", text)
}

// parseByteRate reads bytes a second: 100B/s, 2kB/s.
func parseByteRate(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "/s")
	n, err := parseSize(strings.TrimSpace(digits))
	if err != nil || !ok || n == 0 {
		return 0, fmt.Errorf("%q is not a rate like 2kB/s", text)
	}
	return float64(n), nil
}
