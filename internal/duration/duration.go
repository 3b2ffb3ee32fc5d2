// Package duration reads durations as users write them: see [Parse].
package duration

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Parse reads a duration that is not negative: 90s, 1m30s, or a bare number of seconds.
func Parse(s string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		if !(seconds >= 0 && seconds < math.MaxInt64/float64(time.Second)) {
			return 0, fmt.Errorf("%q is out of range", s)
		}
		return time.Duration(seconds * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration like 90s, 1.5 or 2m", s)
	}
	return d, nil
}
