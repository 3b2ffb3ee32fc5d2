package simulate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

// Verification compares what was sent, the ledger, with what came in. Add all entries, then all messages in the order in
// which they came, and take the [Verdict]. It is not safe for concurrent use.
type Verification struct {
	lateAfter time.Duration
	examples  int
	topics    map[string]*topicTruth // by the topic at which messages arrive
	strangers []stranger
	all       []*truth
	received  int
	bad       int
	sorted    bool
	// words and lists are those that many entries have, kept once.
	words map[string]string
	lists map[string][]string
}

// truth is an entry with what came of it.
type truth struct {
	Entry
	seen      int
	at        time.Time // when it came in first
	arrival   int       // as the how manieth
	reordered bool
	altered   bool // on the way, and not by its device
}

// topicTruth are the entries that arrive at one topic.
type topicTruth struct {
	inOrder []*truth
	byHash  map[string][]*truth
}

// stranger is a message that no entry tells of as it is.
type stranger struct {
	topic   string
	at      time.Time
	arrival int
}

// NewVerification returns a Verification for which a message is late after a time; 0 is never, for data sets that are sent at
// another time than they say. It keeps some examples of each kind of damage.
func NewVerification(lateAfter time.Duration, examples int) *Verification {
	return &Verification{lateAfter: lateAfter, examples: examples, topics: map[string]*topicTruth{}, words: map[string]string{}, lists: map[string][]string{}}
}

// once returns the first copy of a word.
func (v *Verification) once(word string) string {
	if first, ok := v.words[word]; ok {
		return first
	}
	v.words[word] = word
	return word
}

// listOnce returns the first copy of a list.
func (v *Verification) listOnce(list []string) []string {
	key := strings.Join(list, "\x00")
	if first, ok := v.lists[key]; ok {
		return first
	}
	v.lists[key] = list
	return list
}

// Sent adds an entry of the ledger.
func (v *Verification) Sent(e Entry) {
	e.Device, e.Topic, e.SentTopic, e.Faults = v.once(e.Device), v.once(e.Topic), v.once(e.SentTopic), v.listOnce(e.Faults)
	t := &truth{Entry: e}
	v.all = append(v.all, t)
	topic := cmp.Or(e.SentTopic, e.Topic)
	at := v.topics[topic]
	if at == nil {
		at = &topicTruth{byHash: map[string][]*truth{}}
		v.topics[topic] = at
	}
	if e.Again {
		v.all = v.all[:len(v.all)-1]
		at.again(&e)
		return
	}
	at.inOrder = append(at.inOrder, t)
}

// again takes note that a message went out once more.
func (t *topicTruth) again(e *Entry) {
	for _, first := range slices.Backward(t.inOrder) {
		if first.Seq == e.Seq && first.Device == e.Device {
			first.Copies++
			return
		}
	}
}

// settle puts the entries of each topic in the order in which they were due: the ledgers of parts come one after the other.
func (v *Verification) settle() {
	if v.sorted {
		return
	}
	v.sorted = true
	for _, t := range v.topics {
		slices.SortStableFunc(t.inOrder, func(a, b *truth) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Seq, b.Seq)) })
		for _, e := range t.inOrder {
			hash := cmp.Or(e.SentHash, e.Hash)
			t.byHash[hash] = append(t.byHash[hash], e)
		}
	}
}

// Received adds a message that came in.
func (v *Verification) Received(m message.Message) {
	v.settle()
	v.received++
	t := v.topics[m.Topic]
	var same []*truth
	if t != nil {
		same = t.byHash[payloadHash(m.Payload)]
	}
	if len(same) == 0 {
		v.strangers = append(v.strangers, stranger{m.Topic, m.Time, v.received})
		return
	}
	e := nearest(same, m.Time)
	if e.seen++; e.seen == 1 {
		e.at, e.arrival = m.Time, v.received
	}
}

// untangle gives messages that are alike their arrivals in the order in which they were due: nobody can tell them apart, so
// nothing says that one has overtaken the other.
func (t *topicTruth) untangle() {
	for _, same := range t.byHash {
		var came []*truth
		for _, e := range same {
			if e.seen > 0 && !e.altered {
				came = append(came, e)
			}
		}
		if len(came) < 2 {
			continue
		}
		arrivals := make([]truth, len(came))
		for i, e := range came {
			arrivals[i] = truth{at: e.at, arrival: e.arrival}
		}
		slices.SortFunc(arrivals, func(a, b truth) int { return a.arrival - b.arrival })
		for i, e := range came { // in the order in which they were due
			e.at, e.arrival = arrivals[i].at, arrivals[i].arrival
		}
	}
}

// markReordered marks what came in after something that was due later.
func (t *topicTruth) markReordered() {
	var came []*truth
	for _, e := range t.inOrder {
		if e.seen > 0 {
			came = append(came, e)
		}
	}
	slices.SortFunc(came, func(a, b *truth) int { return a.arrival - b.arrival })
	var last time.Time
	for _, e := range came {
		e.reordered = e.Due.Before(last)
		if !e.reordered {
			last = e.Due
		}
	}
}

// nearest picks the entry that a message is about, of those with the same payload: the first that has not come in, and was
// not dropped on purpose, while there is one; else a copy of the one closest in time. One that was not sent yet comes after a
// copy that is still to come.
func nearest(same []*truth, at time.Time) *truth {
	best := unseen(same, at)
	if best == nil || at.IsZero() || !best.Sent.After(at) {
		if best != nil {
			return best
		}
		return closestCopy(same, at)
	}
	for _, e := range same {
		if e.seen > 0 && e.seen <= e.Copies {
			return e
		}
	}
	return best
}

// unseen is the entry closest in time of those that have not come in; nil for none.
func unseen(same []*truth, at time.Time) *truth {
	var best *truth
	for _, e := range same {
		if e.seen > 0 || slices.Contains(e.Effects, Dropped) {
			continue
		}
		if best == nil || !at.IsZero() && distanceInTime(e, at) < distanceInTime(best, at) {
			best = e
		}
	}
	return best
}

// closestCopy is the entry of which another copy came in: one that is to have one, or the one closest in time.
func closestCopy(same []*truth, at time.Time) *truth {
	for _, e := range same {
		if e.seen > 0 && e.seen <= e.Copies {
			return e
		}
	}
	var best *truth
	for _, e := range same {
		if best == nil || e.seen > 0 && best.seen == 0 || e.seen > 0 && distanceInTime(e, at) < distanceInTime(best, at) {
			best = e
		}
	}
	return best
}

func distanceInTime(e *truth, at time.Time) time.Duration {
	sent := e.Sent
	if sent.IsZero() {
		sent = e.Due
	}
	return at.Sub(sent).Abs()
}

// BadLine takes note of a line of the capture that is no message.
func (v *Verification) BadLine() { v.bad++ }

// pairStrangers takes messages that are like no entry for those that are missing on their topic, closest in time first:
// they were altered on the way. It returns how many belong to nothing.
func (v *Verification) pairStrangers() (unknown int) {
	for _, s := range v.strangers {
		t := v.topics[s.topic]
		if t == nil {
			unknown++
			continue
		}
		var best *truth
		for _, e := range t.inOrder {
			if e.seen > 0 || slices.Contains(e.Effects, Dropped) {
				continue
			}
			if best == nil || distanceInTime(e, s.at) < distanceInTime(best, s.at) {
				best = e
			}
		}
		if best == nil {
			unknown++
			continue
		}
		best.seen, best.altered = 1, true
		best.at, best.arrival = s.at, s.arrival
	}
	v.strangers = nil
	return unknown
}
