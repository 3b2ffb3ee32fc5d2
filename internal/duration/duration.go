// Package duration reads durations as users write them: see [Parse].
package duration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Day is what d stands for: always 24 hours, also where a clock change makes a day longer.
const Day = 24 * time.Hour

// Parse reads a duration that is not negative: 90s, 1m30s, 2d12h, 1w, or a bare number of seconds.
func Parse(s string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		return scaled(s, seconds, time.Second)
	}
	var days time.Duration
	rest := s
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * Day}, {"d", Day}} {
		number, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		count, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, malformed(s)
		}
		part, err := scaled(s, count, unit.length)
		if err != nil {
			return 0, err
		}
		days, rest = days+part, after
	}
	if rest == "" && s != "" && days >= 0 {
		return days, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || days < 0 {
		return 0, malformed(s)
	}
	if d > math.MaxInt64-days {
		return 0, outOfRange(s)
	}
	return days + d, nil
}

// scaled is count units.
func scaled(s string, count float64, unit time.Duration) (time.Duration, error) {
	if !(count >= 0 && count < math.MaxInt64/float64(unit)) {
		return 0, outOfRange(s)
	}
	return time.Duration(count * float64(unit)), nil
}

func outOfRange(s string) error { return fmt.Errorf("%q is out of range", s) }
func malformed(s string) error  { return fmt.Errorf("%q is not a duration like 90s, 1.5, 2m or 7d", s) }

// Text writes a duration as [Parse] reads it, with days and without units that are zero: 1h, 2d12h0m0.5s. A negative one has a
// minus sign in front, which Parse refuses.
func Text(d time.Duration) string {
	if d < 0 {
		if d == math.MinInt64 { // has no positive counterpart
			d++
		}
		return "-" + Text(-d)
	}
	days, rest := d/Day, d%Day
	text := rest.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	switch {
	case days == 0:
		return text
	case rest == 0:
		text = ""
	}
	return strconv.FormatInt(int64(days), 10) + "d" + text
}
