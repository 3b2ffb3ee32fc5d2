// Package broker is the Server of mqx: MQTT 5.0, 3.1.1 and 3.1, in one process, in memory and with a [Store]
// also on disk.
//
// Start with [New] and [Broker.Serve]; end with [Broker.Shutdown]. [Broker.ServeConn] serves one connection of any kind,
// for tests over [net.Pipe].
//
// Each connection has a goroutine that reads and routes, and one that writes while there is something to write. A message
// goes from the publisher's reader into the queues of the subscribers' Sessions and from there to their writers, so that
// a slow subscriber delays nobody: its queue is bounded, and what happens at the bound is stated at [Config].
//
// What the specification leaves open is decided like this:
//   - Messages that clients publish to topics that begin with $ are not delivered. MQTT 5 clients are told so at QoS 1 and
//     2 (Reason Code 0x87); to older ones the publish is acknowledged, because they cannot be told.
//   - The queue of a Session without a connection keeps QoS 1 and 2 messages, never QoS 0.
//   - Overlapping subscriptions of a Session make one delivery, at the highest QoS and with every Subscription Identifier.
//   - An invalid Topic Filter is refused in SUBACK (0x8F, or 0x80 below MQTT 5) and costs nobody the connection.
//   - A Will Message to a topic that the client may not publish to is refused at CONNECT.
//   - Shutdown discards pending Will Messages (section 3.1.2.5 lets a stopping Server defer them).
//
// It does not do bridges or clusters.
package broker

import (
	"hash/maphash"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/broker/faults"
)

// stripes is how many locks keep order for topics and for Client Identifiers. More would let more of them go on at once,
// which only matters with many more cores than publishers.
const stripes = 64

// Broker is an MQTT Server. Make one with [New].
type Broker struct {
	// attentive says that packets are looked at one by one: for a log, for faults, or because the Broker stops. It stands
	// first, among what is read for each packet and seldom written.
	attentive atomic.Bool

	cfg          Config
	seed         maphash.Seed
	_            [cacheLine]byte // the locks of what follows are written all the time
	index        index
	retained     retained
	counters     *counters     // apart: it is written all the time, and what is here is mostly read
	numbers      atomic.Uint64 // of messages, given when there is a Store
	backlog      atomic.Int64  // bytes that wait for Sessions or are in flight; see session.tell
	routers      routers
	pendingBytes atomic.Int64 // that came from connections not let in yet
	connects     rate
	draining     atomic.Bool // nothing more is accepted from publishers
	faults       atomic.Pointer[faults.Plan]
	sysOnce      sync.Once
	quit         chan struct{} // closed when the Broker stops
	buffers      buffers

	// publishing keeps, for a topic, the order in which messages are retained and the order in which they are delivered
	// the same: the last message that subscribers see is the one that is retained.
	publishing [stripes]sync.Mutex
	// connecting lets one CONNECT at a time decide about the Session of a Client Identifier.
	connecting [stripes]sync.Mutex

	mu                       sync.Mutex // guards what follows
	sessions                 map[string]*session
	clients                  map[*client]struct{}
	listeners                map[net.Listener]struct{}
	closing                  bool
	connected, mostConnected int            // clients that were let in, now and at most
	work                     sync.WaitGroup // connections and timers under way; added to under mu while not closing
}

// New returns a Broker that serves nothing yet.
func New(cfg Config) *Broker {
	b := &Broker{
		cfg:       cfg.WithDefaults(),
		seed:      maphash.MakeSeed(),
		sessions:  make(map[string]*session),
		clients:   make(map[*client]struct{}),
		quit:      make(chan struct{}),
		counters:  &counters{},
		listeners: make(map[net.Listener]struct{}),
	}
	b.SetFaults(cfg.Faults)

	return b
}

func (b *Broker) stripe(s string) uint64 {
	return maphash.String(b.seed, s) % stripes
}

// after runs f after d, unless the Broker stops before.
func (b *Broker) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		b.mu.Lock()
		if b.closing {
			b.mu.Unlock()

			return
		}
		b.work.Add(1)
		b.mu.Unlock()
		defer b.work.Done()
		f()
	})
}
