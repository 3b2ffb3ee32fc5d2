package broker

// fifo is a queue in a ring that grows as needed and gives its memory back when it runs empty.
type fifo[T any] struct {
	ring    []T
	head, n int
}

// keptRing is the largest ring that an empty queue keeps.
const keptRing = 64

func (q *fifo[T]) len() int { return q.n }

// front returns the first element, which stays valid until the queue is changed.
func (q *fifo[T]) front() *T { return &q.ring[q.head] }

func (q *fifo[T]) push(v T) {
	if q.n == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = v
	q.n++
}

func (q *fifo[T]) pop() T {
	var none T
	v := q.ring[q.head]
	q.ring[q.head] = none
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	if q.n == 0 && len(q.ring) > keptRing {
		*q = fifo[T]{}
	}

	return v
}

// keep drops the elements for which f answers false and leaves the others in order.
func (q *fifo[T]) keep(f func(*T) bool) {
	for range q.n {
		if v := q.pop(); f(&v) {
			q.push(v)
		}
	}
}

func (q *fifo[T]) grow() {
	ring := make([]T, max(8, 2*len(q.ring))) // a power of two
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
