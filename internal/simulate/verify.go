package simulate

import (
	"cmp"
	"io"
	"math"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

// Verification compares what was sent, the ledger, with what came in. Add all entries, then all messages in the order in
// which they came, and take the [Verdict]. Of each entry it keeps some fifty bytes, so that ledgers of many millions of
// lines have room. It is not safe for concurrent use.
type Verification struct {
	lateAfter time.Duration
	examples  int
	all       truths
	topics    names // of topics and devices, which many entries share
	lists     lists // of faults
	arrivals  map[uint32]*arrivals
	received  uint32
	unknown   int
	bad       int
	sorted    bool
}

// NewVerification returns a Verification for which a message is late after a time; 0 is never, for data sets that are sent at
// another time than they say. It keeps some examples of each kind of damage.
func NewVerification(lateAfter time.Duration, examples int) *Verification {
	return &Verification{lateAfter: lateAfter, examples: examples, topics: newNames(), lists: newLists(), arrivals: map[uint32]*arrivals{}}
}

// arrivals are the entries that arrive at one topic.
type arrivals struct {
	// entries are sorted by their payloads, those of one payload by when they were sent, and what was dropped last.
	entries []uint32
	free    map[int]*freeSlots // of the payloads that came often, by the place of their first entry
	cursor  int64              // when the last entry was sent that came in
	// strangers are messages like no entry.
	strangers []stranger
}

// stranger is a message that no entry tells of as it is.
type stranger struct {
	at      int64 // Unix time in microseconds, 0 where the capture does not tell
	arrival uint32
}

// Sent adds an entry of the ledger.
func (v *Verification) Sent(e Entry) {
	t := truth{
		hash: hashNumber(cmp.Or(e.SentHash, e.Hash)), due: e.Due.UnixMicro(), sent: e.Due.UnixMicro(),
		device: v.topics.number(e.Device), topic: v.topics.number(e.Topic), faults: v.lists.number(e.Faults),
		copies: uint32(min(max(0, e.Copies), math.MaxInt32)), seq: uint32(e.Seq & math.MaxUint32), qos: e.QoS,
	}
	if !e.Sent.IsZero() {
		t.sent = e.Sent.UnixMicro()
	}
	for _, effect := range e.Effects {
		t.effects |= effectBit(effect)
	}
	if e.SentHash != "" {
		t.marks |= sentAltered
	}
	topic := t.topic
	if e.SentTopic != "" {
		t.marks |= sentMisplaced
		topic = v.topics.number(e.SentTopic)
	}
	a := v.arrivals[topic]
	if a == nil {
		a = &arrivals{}
		v.arrivals[topic] = a
	}
	if e.Again {
		v.again(a, &t)
		return
	}
	a.entries = append(a.entries, v.all.add(t))
}

// again takes note that a message went out once more. It went out first not long before.
func (v *Verification) again(a *arrivals, t *truth) {
	const far = 1 << 17 // more than can be without an acknowledgement
	for _, i := range slices.Backward(a.entries[max(0, len(a.entries)-far):]) {
		if first := v.all.at(i); first.seq == t.seq && first.device == t.device {
			first.resent = byte(min(math.MaxUint8, int(first.resent)+1))
			return
		}
	}
}

// settle sorts the entries of each topic: the ledgers of parts come one after the other.
func (v *Verification) settle() {
	if v.sorted {
		return
	}
	v.sorted = true
	for _, a := range v.arrivals {
		a.entries = slices.Clip(a.entries)
		slices.SortFunc(a.entries, func(i, j uint32) int {
			x, y := v.all.at(i), v.all.at(j)
			return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.effects&droppedBit, y.effects&droppedBit), cmp.Compare(x.sent, y.sent), cmp.Compare(i, j))
		})
	}
}

// Received adds a message that came in.
func (v *Verification) Received(m message.Message) {
	v.settle()
	v.received++
	at := int64(0)
	if !m.Time.IsZero() {
		at = m.Time.UnixMicro()
	}
	number, known := v.topics.known(m.Topic)
	a := v.arrivals[number]
	if !known || a == nil {
		v.unknown++
		return
	}
	low, high := v.same(a, hashOf(m.Payload))
	if low == high {
		a.strangers = append(a.strangers, stranger{at, v.received})
		return
	}
	e := v.all.at(a.entries[v.which(a, low, high, at)])
	a.cursor = max(a.cursor, e.sent)
	if e.seen++; e.seen == 1 {
		v.arrive(e, at, v.received)
	}
}

// arrive takes note of when an entry came in first.
func (v *Verification) arrive(e *truth, at int64, arrival uint32) {
	e.arrival = arrival
	if v.lateAfter > 0 && at != 0 && at-e.due >= v.lateAfter.Microseconds() {
		e.marks |= cameLate
	}
}

// same are the places of the entries with a payload, from low up to and without high.
func (v *Verification) same(a *arrivals, hash uint64) (low, high int) {
	byHash := func(i uint32, hash uint64) int { return cmp.Compare(v.all.at(i).hash, hash) }
	low, found := slices.BinarySearchFunc(a.entries, hash, byHash)
	if !found {
		return low, low
	}
	for high = low + 1; high < len(a.entries) && v.all.at(a.entries[high]).hash == hash; high++ {
		if high-low >= fewSlots { // many: the end is searched for as well
			n, _ := slices.BinarySearchFunc(a.entries[high:], hash, func(i uint32, hash uint64) int {
				if v.all.at(i).hash > hash {
					return 1
				}
				return -1
			})
			return low, high + n
		}
	}
	return low, high
}

// untangle gives messages that are alike their arrivals in the order in which they were due: nobody can tell them apart, so
// nothing says that one has overtaken the other, unless that was done on purpose.
func (v *Verification) untangle(a *arrivals) {
	for low := 0; low < len(a.entries); {
		high := low + 1
		for hash := v.all.at(a.entries[low]).hash; high < len(a.entries) && v.all.at(a.entries[high]).hash == hash; {
			high++
		}
		if high-low > 1 {
			v.untangleAlike(a.entries[low:high])
		}
		low = high
	}
}

func (v *Verification) untangleAlike(entries []uint32) {
	var came, order []uint32
	for _, i := range entries {
		if e := v.all.at(i); e.seen > 0 && e.marks&cameAltered == 0 && !e.has(Reordered) {
			came, order = append(came, i), append(order, e.arrival)
		}
	}
	slices.Sort(order)
	slices.SortFunc(came, func(i, j uint32) int { return cmp.Or(cmp.Compare(v.all.at(i).due, v.all.at(j).due), cmp.Compare(i, j)) })
	for n, i := range came {
		v.all.at(i).arrival = order[n]
	}
}

// markReordered marks what came in after something that was due later.
func (v *Verification) markReordered(a *arrivals) {
	var came []uint32
	for _, i := range a.entries {
		if v.all.at(i).seen > 0 {
			came = append(came, i)
		}
	}
	slices.SortFunc(came, func(i, j uint32) int { return cmp.Compare(v.all.at(i).arrival, v.all.at(j).arrival) })
	var last int64
	for n, i := range came {
		switch e := v.all.at(i); {
		case n > 0 && e.due < last:
			e.marks |= cameReordered
		default:
			last = e.due
		}
	}
}

// ReadCapture adds the messages of a capture. A line that is no message loses nothing but itself, and is counted.
func (v *Verification) ReadCapture(r io.Reader) error {
	return readCapture(r, v.Received, func() { v.bad++ })
}

// pairStrangers takes messages that are like no entry for those that are missing on their topic, closest in time first:
// they were altered on the way. It returns how many belong to nothing.
func (v *Verification) pairStrangers() (unknown int) {
	unknown = v.unknown
	for _, a := range v.arrivals {
		if len(a.strangers) == 0 {
			continue
		}
		var missing []uint32
		for _, i := range a.entries {
			if e := v.all.at(i); e.seen == 0 && e.effects&droppedBit == 0 {
				missing = append(missing, i)
			}
		}
		slices.SortFunc(missing, func(i, j uint32) int {
			return cmp.Or(cmp.Compare(v.all.at(i).sent, v.all.at(j).sent), cmp.Compare(i, j))
		})
		free := newFreeSlots(len(missing))
		for n, s := range a.strangers {
			if n >= len(missing) {
				unknown += len(a.strangers) - n
				break
			}
			place := v.closest(missing, free, s.at)
			e := v.all.at(missing[place])
			free.take(place)
			e.seen, e.marks = 1, e.marks|cameAltered
			v.arrive(e, s.at, s.arrival)
		}
		a.strangers = nil
	}
	v.unknown = unknown
	return unknown
}

// closest is the place of the free entry that was sent closest to a time, of entries that are sorted by that; -1 for none.
// Without a time, or where times mean nothing, it is the first.
func (v *Verification) closest(entries []uint32, free slots, at int64) int {
	if at == 0 || v.lateAfter == 0 {
		return free.right(0)
	}
	after, _ := slices.BinarySearchFunc(entries, at, func(i uint32, at int64) int {
		if v.all.at(i).sent > at {
			return 1
		}
		return -1
	})
	before, later := free.left(after-1), free.right(after)
	if later < 0 || before >= 0 && at-v.all.at(entries[before]).sent <= v.all.at(entries[later]).sent-at {
		return before
	}
	return later
}
