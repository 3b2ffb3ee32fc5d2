package headroom_test

import (
	"runtime/debug"
	"testing"

	"github.com/mqx-cli/mqx/internal/headroom"
)

func TestOnlySmallHeapsGrowByMoreThanTheyHold(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for live, want := range map[uint64]int{0: 400, 4 * mib: 400, 5 * mib: 200, 8 * mib: 200, 9 * mib: 100, 1000 * mib: 100} {
		if got := headroom.Percent(live); got != want {
			t.Errorf("%d MiB alive: %d %%, want %d", live/mib, got, want)
		}
	}
}

// The percentage is the process's, so nothing here runs at the same time.
func TestASmallHeapHasRoomUntilStop(t *testing.T) {
	const before = 70
	outer := debug.SetGCPercent(before)
	defer debug.SetGCPercent(outer)
	stop := headroom.Keep()
	if now := debug.SetGCPercent(400); now != 400 {
		t.Errorf("the heap may grow by %d %%", now)
	}
	stop()
	if now := debug.SetGCPercent(before); now != before {
		t.Errorf("afterwards the heap may grow by %d %%", now)
	}
}
