package pace_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/pace"
)

func TestEventsAreSpreadEvenlyWithoutDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, start := pace.New(10), time.Now()
		for i := range 20 {
			time.Sleep(p.Next())
			if i%5 == 0 {
				time.Sleep(30 * time.Millisecond) // the work itself
			}
			if got, want := time.Since(start).Truncate(100*time.Millisecond), time.Duration(i)*100*time.Millisecond; got != want {
				t.Fatalf("event %d came after %v, want %v", i, got, want)
			}
		}
	})
}

func TestWithoutALimitNobodyWaits(t *testing.T) {
	t.Parallel()
	p := pace.New(0)
	for range 3 {
		if d := p.Next(); d != 0 {
			t.Fatalf("wait %v", d)
		}
	}
}
