package duration_test

import (
	"math"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
)

func TestDurationsTakeBareSeconds(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "1.5": 1500 * time.Millisecond, "90s": 90 * time.Second, "1m30s": 90 * time.Second, "200ms": 200 * time.Millisecond,
		"1d": duration.Day, "2w": 14 * duration.Day, "1w2d3h": 9*duration.Day + 3*time.Hour, "1.5d": 36 * time.Hour, "0d1s": time.Second, "0d": 0,
	} {
		if got, err := duration.Parse(s); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1", "-1s", "soon", "NaN", "Inf", "1e30", "d", "1d2", "1d1w", "-1d", "1dd", "1h1d", "NaNd", "1e9w", "106751d24h", "1d-2h", "106752d", "9223372036.854775807"} {
		if got, err := duration.Parse(s); err == nil {
			t.Errorf("%q: got %v and no error", s, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "1.5d", "1w2d3h4m5s", "1e3", "106751d23h48m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := duration.Parse(s)
		if err != nil {
			return
		}
		if again, err := duration.Parse(duration.Text(d)); d < 0 || err != nil || again != d {
			t.Errorf("%q: %v, written %s and read %v, %v", s, d, duration.Text(d), again, err)
		}
	})
}

func TestTextHasNoUnitsThatAreZero(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s": 0, "1ms": time.Millisecond, "10s": 10 * time.Second, "10m": 10 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute,
		"1h0m5s": time.Hour + 5*time.Second, "1d": duration.Day, "2d12h0m0.5s": 60*time.Hour + 500*time.Millisecond, "7d1m": 7*duration.Day + time.Minute,
		"-1d": -duration.Day, "-106751d23h47m16.854775807s": math.MinInt64,
	} {
		if got := duration.Text(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
