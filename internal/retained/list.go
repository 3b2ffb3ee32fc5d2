package retained

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// smallestLimit is below what any Server known to us lets wait for a client: Mosquitto drops Retained Messages of QoS 1
	// and 2 that are more than max_queued_messages, 1,000 unless configured, and tells nobody.
	smallestLimit = 500
	// slowOutput is how long the output may take at once before a Server may have dropped messages at QoS 0.
	slowOutput = 250 * time.Millisecond
	// countTopic is where Mosquitto and others say how many Retained Messages they hold.
	countTopic = "$SYS/broker/retained messages/count"
	// ownTopics is how many of these may be below $SYS.
	ownTopics = 100
)

// ListOptions say what to list.
type ListOptions struct {
	// Filters of which one must match.
	Filters []topic.Filter
	// QoS is the highest to ask for; a message comes with the lower one of this and its own.
	QoS byte
	// Properties, NoPublish, Deadline and Ready are those of [Options].
	Properties *wire.Properties
	NoPublish  bool
	Deadline   time.Time
	Ready      func() error

	stays bool // Options.Stays
}

// Listing is what List came to.
type Listing struct {
	Evidence Evidence
	// Messages were given to the sink.
	Messages int
	// Recovered of them came only when asked for at QoS 0: the Server had dropped them from its queue.
	Recovered int
	// Counted is how many Retained Messages the Server says it holds, when that is more than came; else 0. Servers renew the
	// number every few seconds.
	Counted int
	// Slow says that the output was slower than the Server, which may have dropped messages.
	Slow bool
}

// List gives the Retained Messages of filters to sink, each topic once, as [Collect] does.
//
// A Server that limits its queues drops what does not fit, and sooner at QoS 1 and 2 than at QoS 0. So unless it is proven
// that nothing was dropped, see queueProof, it is asked a second time, at QoS 0, for what is missing. The memory this takes is that of a hash a topic; at
// QoS 0 it takes none.
func List(ctx context.Context, s Session, sink Sink, o ListOptions) (Listing, error) {
	g := newGate(sink, o)
	listing, err := g.list(ctx, s, o)
	listing.Messages = g.passed
	listing.Slow = g.last == 0 && !g.agrees && g.passed > smallestLimit && g.blocked > slowOutput
	return listing, err
}

// gate lets each topic through once.
type gate struct {
	Sink

	filters  filterSet
	remember bool     // all topics, for a second look
	seen     topicSet // those that passed
	passed   int
	queued   int           // of those that passed, at QoS 1 and 2
	last     byte          // highest QoS of the subscription
	agrees   bool          // the Server's own count
	blocked  time.Duration // longest wait for the output
}

func newGate(sink Sink, o ListOptions) *gate {
	return &gate{Sink: sink, filters: newFilterSet(o.Filters), remember: o.QoS > 0, seen: newTopicSet(), last: o.QoS}
}

func (g *gate) list(ctx context.Context, s Session, o ListOptions) (listing Listing, err error) {
	options := Options{
		Subscriptions: g.subscriptions(o.QoS), Properties: o.Properties,
		NoPublish: o.NoPublish, Deadline: o.Deadline, Ready: o.Ready, Stays: o.stays,
	}
	c := newCollector(s, g, options)
	c.queue.wanted = o.QoS > 0 && !hides(o.Filters)
	listing.Evidence, err = c.collect(ctx)
	if !listing.complete(err) || c.queue.stands() {
		return listing, err
	}
	counted := 0
	if all := (wire.Subscription{Filter: "#"}); g.passed > smallestLimit && slices.Contains(g.subscriptions(0), all) {
		counted = count(ctx, s, options)
	}
	g.agrees = counted > 0 && counted >= g.passed && counted <= g.passed+ownTopics // as good as a second look
	if g.queued > smallestLimit && !g.agrees {
		if listing.Recovered, err = g.again(ctx, s, &options, &listing.Evidence); !listing.complete(err) {
			return listing, err
		}
	}
	if counted > g.passed+ownTopics {
		listing.Counted = counted
	}
	return listing, nil
}

// again looks at QoS 0 for what has not come, and once more as long as the output was so slow that more may be missing.
func (g *gate) again(ctx context.Context, s Session, o *Options, evidence *Evidence) (recovered int, err error) {
	o.Subscriptions, o.Ready, g.last = g.subscriptions(0), nil, 0
	for first := g.passed; ; {
		before := g.passed
		g.blocked = 0
		*evidence, err = Collect(ctx, s, g, *o)
		recovered = g.passed - first
		if complete := *evidence == Sentinel || *evidence == Barrier; err != nil || !complete || g.passed == before || g.blocked <= slowOutput {
			return recovered, err
		}
	}
}

func (l *Listing) complete(err error) bool {
	return err == nil && (l.Evidence == Sentinel || l.Evidence == Barrier)
}

func (g *gate) subscriptions(qos byte) []wire.Subscription {
	subs := make([]wire.Subscription, len(g.filters.filters))
	for i, f := range g.filters.filters {
		subs[i] = wire.Subscription{Filter: f.String(), QoS: qos}
	}
	return subs
}

// Message passes m on unless its topic has passed before.
func (g *gate) Message(m message.Message) (bool, error) {
	if len(m.Payload) == 0 { // nothing is retained (MQTT 5, section 3.3.1.3)
		return false, nil
	}
	if g.remember && !g.seen.add(m.Topic) || !g.remember && g.filters.isCopy(m.Topic) {
		return false, nil
	}
	g.passed++
	if m.QoS > 0 {
		g.queued++
	}
	return g.Sink.Message(m)
}

// Flush measures how long the output holds us up.
func (g *gate) Flush() error {
	start := time.Now()
	err := g.Sink.Flush()
	g.blocked = max(g.blocked, time.Since(start))
	return err
}

// count asks the Server how many Retained Messages it holds; 0 is no answer. It is a second opinion: nothing depends on it.
func count(ctx context.Context, s Session, o Options) int {
	o.Subscriptions, o.Properties, o.Ready = []wire.Subscription{{Filter: countTopic}}, nil, nil
	var c counter
	if _, err := Collect(ctx, s, &c, o); err != nil {
		return 0
	}
	return c.n
}

// counter is the Sink of one number.
type counter struct{ n int }

// Message takes the number.
func (c *counter) Message(m message.Message) (bool, error) {
	if m.Topic != countTopic {
		return false, nil
	}
	c.n, _ = strconv.Atoi(string(m.Payload)) // 0 is no answer
	return true, nil
}

// Flush has nothing to do.
func (*counter) Flush() error { return nil }

// Buffered is nothing.
func (*counter) Buffered() int { return 0 }

// SinkFunc is a Sink that takes every message and keeps no output.
type SinkFunc func(m message.Message) error

// Message calls f.
func (f SinkFunc) Message(m message.Message) (bool, error) { return false, f(m) }

// Flush has nothing to do.
func (SinkFunc) Flush() error { return nil }

// Buffered is nothing.
func (SinkFunc) Buffered() int { return 0 }
