package simulate

import "slices"

// which is the place of the entry that a message is about, of those with its payload. While there is one that has not come
// in as often as it was sent, it is that which was sent closest in time, or, where times mean nothing, the next one in
// order; what was dropped on purpose counts as a last resort. What was sent only later than the message came is not it, when
// one that did come in was sent closer before: then the message is a copy of that.
func (v *Verification) which(a *arrivals, low, high int, at int64) int {
	if high-low == 1 {
		return low
	}
	entries := a.entries[low:high]
	sent := len(entries) // those that were not dropped
	for sent > 0 && v.all.at(entries[sent-1]).effects&droppedBit != 0 {
		sent--
	}
	if sent == 0 {
		return low + v.beside(entries, at)
	}
	entries = entries[:sent]
	free := v.freeOf(a, low, entries)
	var place int
	switch {
	case at != 0 && v.lateAfter > 0:
		place = v.inTime(entries, free, at)
	default:
		place = v.inOrder(entries, free, a.cursor)
	}
	if e := v.all.at(entries[place]); int(e.seen)+1 >= e.times() { // this is the last of its copies
		free.take(place)
	}
	return low + place
}

// inTime picks by time.
func (v *Verification) inTime(entries []uint32, free slots, at int64) int {
	place, copied := v.closest(entries, free, at), v.beside(entries, at)
	switch {
	case place < 0:
		return copied
	case v.all.at(entries[place]).sent > at && v.all.at(entries[copied]).sent <= at && v.distance(entries[copied], at) < v.distance(entries[place], at):
		return copied
	default:
		return place
	}
}

// inOrder picks the next after what came in last, or else the first.
func (v *Verification) inOrder(entries []uint32, free slots, cursor int64) int {
	next, _ := slices.BinarySearchFunc(entries, cursor, func(i uint32, cursor int64) int {
		if v.all.at(i).sent >= cursor {
			return 1
		}
		return -1
	})
	if place := free.right(next); place >= 0 {
		// What went out once more may have come in only once: then the message is the next one.
		if e := v.all.at(entries[place]); e.seen > e.copies {
			if other := free.right(place + 1); other >= 0 && v.all.at(entries[other]).seen == 0 {
				return other
			}
		}
		return place
	}
	if place := free.right(0); place >= 0 {
		return place
	}
	return min(next, len(entries)-1)
}

// beside is the place of the entry that was sent closest to a time, whether it has come in or not.
func (v *Verification) beside(entries []uint32, at int64) int {
	after, _ := slices.BinarySearchFunc(entries, at, func(i uint32, at int64) int {
		if v.all.at(i).sent > at {
			return 1
		}
		return -1
	})
	switch {
	case after == 0:
		return 0
	case after == len(entries), v.distance(entries[after-1], at) <= v.distance(entries[after], at):
		return after - 1
	default:
		return after
	}
}

func (v *Verification) distance(i uint32, at int64) int64 {
	if sent := v.all.at(i).sent; sent < at {
		return at - sent
	}
	return v.all.at(i).sent - at
}

// slots tell which of some places are free. left is the next that is at or before a place, right at or after it; -1 is none.
type slots interface {
	left(place int) int
	right(place int) int
	take(place int)
}

// fewSlots is up to how many places it is faster to look at each.
const fewSlots = 16

// freeOf tells which of the entries of a payload have not come in as often as they were sent.
func (v *Verification) freeOf(a *arrivals, low int, entries []uint32) slots {
	if len(entries) <= fewSlots {
		return fewEntries{v, entries}
	}
	if known := a.free[low]; known != nil {
		return known
	}
	if a.free == nil {
		a.free = map[int]*freeSlots{}
	}
	a.free[low] = newFreeSlots(len(entries))
	return a.free[low]
}

// fewEntries looks at each.
type fewEntries struct {
	v       *Verification
	entries []uint32
}

func (f fewEntries) free(place int) bool {
	e := f.v.all.at(f.entries[place])
	return int(e.seen) < e.times()
}

func (f fewEntries) left(place int) int {
	for place >= 0 && !f.free(place) {
		place--
	}
	return place
}

func (f fewEntries) right(place int) int {
	for ; place < len(f.entries); place++ {
		if f.free(place) {
			return place
		}
	}
	return -1
}

func (fewEntries) take(int) {}

// freeSlots are places that are taken one after the other: two forests in which each place leads to the next free one.
type freeSlots struct{ before, after []int32 } // place+1, so that there is a root at both ends

func newFreeSlots(n int) *freeSlots {
	f := &freeSlots{make([]int32, n+2), make([]int32, n+2)}
	for i := range f.before {
		f.before[i], f.after[i] = int32(i), int32(i)
	}
	return f
}

// root follows a forest, and shortens the way.
func root(forest []int32, i int32) int32 {
	for forest[i] != i {
		forest[i] = forest[forest[i]]
		i = forest[i]
	}
	return i
}

func (f *freeSlots) left(place int) int { return int(root(f.before, int32(place+1))) - 1 }

func (f *freeSlots) right(place int) int {
	last := len(f.after) - 1
	if place+1 >= last {
		return -1
	}
	if found := int(root(f.after, int32(place+1))); found < last {
		return found - 1
	}
	return -1
}

func (f *freeSlots) take(place int) {
	f.before[place+1], f.after[place+1] = int32(place), int32(place+2)
}
