package profile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
)

// Interval is a time that may differ from one time to the next: 10s is always the same, 4m..20m is evenly spread, ~5m is
// exponential with that mean.
type Interval struct {
	Min, Max time.Duration // the same for a fixed time
	Mean     time.Duration // of an exponential one, else 0
}

// Fixed is an Interval that is always the same.
func Fixed(d time.Duration) Interval { return Interval{Min: d, Max: d} }

// IsZero reports whether i is no time at all.
func (i Interval) IsZero() bool { return i == Interval{} }

// Average is the mean.
func (i Interval) Average() time.Duration {
	if i.Mean > 0 {
		return i.Mean
	}
	return i.Min + (i.Max-i.Min)/2
}

// String returns the interval as it is written.
func (i Interval) String() string {
	switch {
	case i.Mean > 0:
		return "~" + i.Mean.String()
	case i.Min == i.Max:
		return i.Min.String()
	default:
		return i.Min.String() + ".." + i.Max.String()
	}
}

// ParseInterval reads an interval.
func ParseInterval(text string) (Interval, error) {
	if mean, ok := strings.CutPrefix(text, "~"); ok {
		d, err := duration.Parse(strings.TrimSpace(mean))
		if err == nil && d == 0 {
			err = fmt.Errorf("%q has no mean", text)
		}
		return Interval{Mean: d}, err
	}
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		d, err := duration.Parse(text)
		return Fixed(d), err
	}
	low, err := duration.Parse(strings.TrimSpace(from))
	if err != nil {
		return Interval{}, err
	}
	high, err := duration.Parse(strings.TrimSpace(to))
	if err == nil && high < low {
		err = fmt.Errorf("%q ends before it begins", text)
	}
	return Interval{Min: low, Max: high}, err
}

// Span is a range of numbers. It may be unbounded: see [Endless].
type Span struct{ Min, Max float64 }

// ParseSpan reads a range of numbers: 18..26.
func ParseSpan(text string) (Span, error) {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return Span{}, fmt.Errorf("%q is not a range like 18..26", text)
	}
	low, err := parseNumber(strings.TrimSpace(from))
	if err != nil {
		return Span{}, err
	}
	high, err := parseNumber(strings.TrimSpace(to))
	if err == nil && high < low {
		err = fmt.Errorf("%q ends before it begins", text)
	}
	return Span{low, high}, err
}

// largest bounds the numbers of a profile: what is computed with them stays a number.
const largest = 1e15

func parseNumber(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= -largest && n <= largest) {
		return 0, fmt.Errorf("%q is not a number, or too large", text)
	}
	return n, nil
}

// parseRate reads a number of messages a second: 20/s, 30/m, 5/h.
func parseRate(text string) (float64, error) {
	digits, unit, ok := strings.Cut(text, "/")
	n, err := parseNumber(strings.TrimSpace(digits))
	per := 1.0
	switch strings.TrimSpace(unit) {
	case "s", "":
	case "m", "min":
		per = 60
	case "h":
		per = 3600
	default:
		ok = false
	}
	if err != nil || n <= 0 || !ok && unit != "" {
		return 0, fmt.Errorf("%q is not a rate like 20/s", text)
	}
	return n / per, nil
}

// parseChance reads a probability: 1%, or a number from 0 to 1.
func parseChance(text string) (float64, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := parseNumber(strings.TrimSpace(digits))
	if percent {
		n /= 100
	}
	if err != nil || n < 0 || n > 1 {
		return 0, fmt.Errorf("%q is not a chance like 1%% or 0.01", text)
	}
	return n, nil
}
