package duration_test

import (
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
)

func TestDurationsTakeBareSeconds(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "1.5": 1500 * time.Millisecond, "90s": 90 * time.Second, "1m30s": 90 * time.Second, "200ms": 200 * time.Millisecond,
	} {
		if got, err := duration.Parse(s); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1", "-1s", "soon", "NaN", "Inf", "1e30"} {
		if got, err := duration.Parse(s); err == nil {
			t.Errorf("%q: got %v and no error", s, got)
		}
	}
}
