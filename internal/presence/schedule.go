package presence

import (
	"container/heap"
	"time"
)

// Next is when a state may change without a message; it is not ok when none does.
func (f *Fleet) Next() (at time.Time, ok bool) {
	if len(f.due) == 0 {
		return time.Time{}, false
	}
	return f.due[0].due, true
}

// Advance lets time pass.
func (f *Fleet) Advance(now time.Time) {
	for _, d := range f.fresh {
		if d.State == "" {
			f.settle(d, now)
		}
	}
	f.fresh = nil
	for len(f.due) > 0 && !f.due[0].due.After(now) {
		f.settle(f.due[0], now)
	}
}

// Release believes now each offline that is held back, because nobody will look later.
func (f *Fleet) Release(now time.Time) {
	for _, d := range f.devices {
		if now.Before(d.heldUntil) {
			d.heldUntil = now
			f.settle(d, now)
		}
	}
}

// plan puts d where it belongs among those that are due.
func (f *Fleet) plan(d *device, due time.Time) {
	switch {
	case due.IsZero() && d.index >= 0:
		heap.Remove(&f.due, d.index)
	case due.IsZero():
	case d.index < 0:
		d.due = due
		heap.Push(&f.due, d)
	case !due.Equal(d.due):
		d.due = due
		heap.Fix(&f.due, d.index)
	}
}

// dueHeap orders devices by when they are due.
type dueHeap []*device

// Len is the number of devices.
func (h *dueHeap) Len() int { return len(*h) }

// Less reports which is due first.
func (h *dueHeap) Less(i, j int) bool { return (*h)[i].due.Before((*h)[j].due) }

// Swap swaps two devices.
func (h *dueHeap) Swap(i, j int) {
	list := *h
	list[i], list[j] = list[j], list[i]
	list[i].index, list[j].index = i, j
}

// Push adds a device.
func (h *dueHeap) Push(x any) {
	d := x.(*device) //nolint:forcetypeassert // heap.Push is given devices only
	d.index = len(*h)
	*h = append(*h, d)
}

// Pop takes the last device away.
func (h *dueHeap) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	d.index = -1
	return d
}
