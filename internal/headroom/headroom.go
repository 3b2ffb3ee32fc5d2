// Package headroom lets a small heap grow before it is collected: see [Keep].
//
// A process that passes messages on makes garbage quickly and keeps little. The runtime collects when the heap has doubled,
// at 4 MiB at the earliest: so often that it takes a third of the CPU time of `mqx broker`.
package headroom

import (
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// room is about how much the heap may grow, in bytes.
	room = 16 << 20
	// usual is the growth in percent that the runtime allows, and most what we allow. The runtime takes 4 MiB for the least
	// heap, so that most gives the smallest heaps their room.
	usual, most = 100, 400
	// period is how often the heap is looked at. A heap that has grown in between is collected late by that much.
	period = time.Second
)

// Keep lets the heap grow by about 16 MiB, or as much as it holds when that is more, before the garbage collector runs, until
// stop is called. It is for the whole process, and for one caller at a time.
func Keep() (stop func()) {
	before := debug.SetGCPercent(most)
	done := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		tick := time.NewTicker(period)
		defer tick.Stop()
		for now := most; ; {
			if p := percent(live()); p != now {
				debug.SetGCPercent(p)
				now = p
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		work.Wait()
		debug.SetGCPercent(before)
	}
}

// percent is by how much a heap may grow of which as many bytes are alive. There are few steps, because each change stops
// the process for a moment.
func percent(live uint64) int {
	for p := most; p > usual; p /= 2 {
		if live*uint64(p)/100 <= room {
			return p
		}
	}
	return usual
}

// live is how much was alive when the heap was last collected, 0 before.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return room // an unknown runtime is left alone
	}
	return sample[0].Value.Uint64()
}
