package fleet

import (
	"container/heap"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// actorQueue is a heap of devices by when something is due. It knows where each of them is.
type actorQueue struct{ list actorHeap }

// next is when the first is due.
func (q *actorQueue) next() time.Duration {
	if len(q.list) == 0 {
		return profile.Never
	}
	return q.list[0].next
}

func (q *actorQueue) first() *actor { return q.list[0] }

// put puts a device where it belongs.
func (q *actorQueue) put(a *actor, at time.Duration) {
	a.next = at
	switch {
	case a.place >= 0 && at == profile.Never:
		heap.Remove(&q.list, a.place)
	case a.place >= 0:
		heap.Fix(&q.list, a.place)
	case at < profile.Never:
		heap.Push(&q.list, a)
	}
}

// actorHeap is for package heap.
type actorHeap []*actor

// Len is for package heap.
func (h *actorHeap) Len() int { return len(*h) }

// Less is for package heap. Of two at one time, the first of the fleet comes first.
func (h *actorHeap) Less(i, j int) bool {
	a, b := (*h)[i], (*h)[j]
	if a.next != b.next {
		return a.next < b.next
	}
	return a.index < b.index
}

// Swap is for package heap.
func (h *actorHeap) Swap(i, j int) {
	l := *h
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}

// Push is for package heap.
func (h *actorHeap) Push(x any) {
	if a, ok := x.(*actor); ok {
		a.place = len(*h)
		*h = append(*h, a)
	}
}

// Pop is for package heap.
func (h *actorHeap) Pop() any {
	l := *h
	last := l[len(l)-1]
	l[len(l)-1] = nil
	*h = l[:len(l)-1]
	last.place = -1
	return last
}
