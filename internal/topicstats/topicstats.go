// Package topicstats counts what comes on each topic: how many messages, how large, how fast, and when the last one.
//
// Start with [New] and [Table.Add]. Memory is bounded: beyond so many topics, or bytes of their names, further topics are
// counted together. The package does no I/O and has no clock.
package topicstats

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

const (
	// maxTopics is how many topics are counted one by one.
	maxTopics = 250_000
	// maxNames is how many bytes their names may have.
	maxNames = 64 << 20
)

// window is over which time a rate is taken, in seconds: a message counts less the longer ago it was.
const window = 5.0

// Topic is what came on a topic.
type Topic struct {
	// Name is the topic, empty for all those that are counted together.
	Name string
	// Messages counts them, Retained those with the RETAIN flag, Bytes those of their payloads.
	Messages, Retained int
	Bytes              int64
	// First and Last are when the first and the last message came.
	First, Last time.Time
	// QoS is that of the last message.
	QoS byte

	recent float64 // messages, each with its weight at Last
	marked int     // messages at the last Mark
}

func (t *Topic) add(m message.Message) {
	if t.Messages == 0 {
		t.First = m.Time
	}
	t.recent = t.recent*decay(m.Time.Sub(t.Last)) + 1
	t.Messages++
	if m.Retain {
		t.Retained++
	}
	t.Bytes += int64(len(m.Payload))
	t.Last, t.QoS = m.Time, m.QoS
}

func decay(d time.Duration) float64 { return math.Exp(-max(0, d.Seconds()) / window) }

// Rate is how many messages a second came lately.
func (t *Topic) Rate(now time.Time) float64 {
	const atLeast = 1 // second that a topic is taken to exist: one message is no burst
	age := max(now.Sub(t.First).Seconds(), atLeast)
	return t.recent * decay(now.Sub(t.Last)) / (window * (1 - math.Exp(-age/window)))
}

// SinceMark is how many messages came since the last [Table.Mark], or since the beginning.
func (t *Topic) SinceMark() int { return t.Messages - t.marked }

// Table counts by topic. It is not safe for concurrent use.
type Table struct {
	topics map[string]*Topic
	names  int
	others Topic
	all    Topic
	limit  int
}

// New returns an empty Table.
func New() *Table { return &Table{topics: map[string]*Topic{}, limit: maxTopics} }

// Add counts a message and returns its topic; fresh says that it is the first of it. A topic that is counted together with
// others has no name.
func (t *Table) Add(m message.Message) (of *Topic, fresh bool) {
	t.all.add(m)
	of = t.topics[m.Topic]
	if of == nil {
		fresh = true
		if len(t.topics) >= t.limit || t.names+len(m.Topic) > maxNames {
			fresh = t.others.Messages == 0
			of = &t.others
		} else {
			of = &Topic{Name: m.Topic}
			t.topics[m.Topic] = of
			t.names += len(m.Topic)
		}
	}
	of.add(m)
	return of, fresh
}

// Len is how many topics are counted one by one.
func (t *Table) Len() int { return len(t.topics) }

// All is what came on all topics together.
func (t *Table) All() *Topic { return &t.all }

// Mark begins a new time for [Topic.SinceMark].
func (t *Table) Mark() {
	for _, of := range t.topics {
		of.marked = of.Messages
	}
	t.others.marked, t.all.marked = t.others.Messages, t.all.Messages
}

// Order is what topics are sorted by.
type Order string

// The orders. All but ByTopic begin with the greatest, or the latest.
const (
	ByRate     Order = "rate"
	ByMessages Order = "messages"
	ByBytes    Order = "bytes"
	ByLast     Order = "last"
	ByTopic    Order = "topic"
)

// Orders returns all orders.
func Orders() []Order { return []Order{ByRate, ByMessages, ByBytes, ByLast, ByTopic} }

// Rank is by what an order sorts, the greatest first; topics of the same rank are in the order of their names, as all are
// with ByTopic.
func (o Order) Rank(t *Topic, now time.Time) float64 {
	switch o {
	case ByRate:
		return t.Rate(now)
	case ByMessages:
		return float64(t.Messages)
	case ByBytes:
		return float64(t.Bytes)
	case ByLast:
		return float64(t.Last.UnixMicro())
	default:
		return 0
	}
}

// Sorted returns the topics in an order, and those that are counted together at the end.
func (t *Table) Sorted(o Order, now time.Time) []*Topic {
	type ranked struct {
		*Topic
		rank float64
	}
	all := make([]ranked, 0, len(t.topics))
	for _, of := range t.topics {
		all = append(all, ranked{of, o.Rank(of, now)})
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.rank, a.rank), strings.Compare(a.Name, b.Name)) })
	topics := make([]*Topic, 0, len(all)+1)
	for _, r := range all {
		topics = append(topics, r.Topic)
	}
	if t.others.Messages > 0 {
		topics = append(topics, &t.others)
	}
	return topics
}
