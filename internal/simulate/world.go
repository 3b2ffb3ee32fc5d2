package simulate

import (
	"container/heap"
	"context"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// Generate plays the run, or a part of it, on a virtual clock: nothing waits, every connection stands at once, and what a
// Server would do, publish Will Messages, is done here. Messages are given to fn in the order in which they are sent; those
// that get lost, with the effect [Dropped], are among them. It ends after length, with the context, or with the first error.
func (r *Run) Generate(ctx context.Context, shard Shard, length time.Duration, fn func(*Made) error) error {
	w := &world{run: r, length: length, fn: fn, order: Order{}, stopped: ctx.Err}
	return w.play(func(d *profile.Device) bool { return shard.Has(d.Index) })
}

// world is everything that happens in a run without connections.
type world struct {
	run     *Run
	length  time.Duration
	fn      func(*Made) error
	devices []*actor // a heap by what comes next
	pending sentQueue
	serial  int64
	order   Order
	stopped func() error // why it is to end early; may be nil
}

// actor is a device with what the Server does for it.
type actor struct {
	device *Device
	next   time.Duration
	// will is when the Server publishes the Will Message, stale when it does so for a session that was left behind.
	will, stale        time.Duration
	message, staleWill *Made
	delay              time.Duration
	blackholed         bool
	connectedWill      *Made
}

// keepAliveGrace is after how much of Keep Alive a Server gives a client up (MQTT 5, 3.1.2.10).
const keepAliveGrace = 1.5

// defaultKeepAlive is that of a profile which says nothing.
const defaultKeepAlive = 60 * time.Second

// play plays some of the devices.
func (w *world) play(keep func(*profile.Device) bool) error {
	for d := range w.run.Profile.Devices() {
		if keep(&d) {
			w.devices = append(w.devices, &actor{device: w.run.NewDevice(d), will: profile.Never, stale: profile.Never})
		}
	}
	for _, a := range w.devices {
		a.plan()
	}
	all := append([]*actor(nil), w.devices...)
	queue := actorQueue(w.devices)
	heap.Init(&queue)
	for n := 0; len(queue) > 0 && queue[0].next < w.length; n++ {
		const often = 1024
		if n%often == 0 && w.stopped != nil && w.stopped() != nil {
			return w.stopped()
		}
		a := queue[0]
		if err := w.flush(a.next); err != nil {
			return err
		}
		w.wake(a, a.next)
		a.plan()
		heap.Fix(&queue, 0)
	}
	for _, a := range all {
		w.act(a, w.length, a.device.Stop(w.length))
	}
	return w.flush(profile.Never)
}

// plan works out when something happens next.
func (a *actor) plan() { a.next = min(a.device.Next(), a.will, a.stale) }

func (w *world) wake(a *actor, now time.Duration) {
	if a.will <= now {
		w.publishWill(a.message, a.will)
		a.will = profile.Never
	}
	if a.stale <= now {
		w.publishWill(a.staleWill, a.stale)
		a.stale = profile.Never
	}
	w.act(a, now, a.device.Wake(now))
}

// act does what a device wants.
func (w *world) act(a *actor, now time.Duration, outputs []Output) {
	for i := 0; i < len(outputs); i++ {
		out := outputs[i]
		switch out.Kind {
		case Publish:
			w.send(out.Message)
		case Connect:
			w.connect(a, now)
			outputs, i = a.device.afterConnect(outputs, i, now), -1
		case Goodbye:
			a.connectedWill = nil
		case Vanish, Reset, WithWill:
			if !a.blackholed {
				a.losing(now)
			}
			a.blackholed = false
		case Blackhole:
			a.losing(now + w.grace())
			a.blackholed = true
		case Changeling:
			a.staleWill, a.stale = a.connectedWill, now+w.grace()+a.delay
		case FaultBegins, FaultEnds:
			// what they do to a connection, they do to none here
		}
	}
}

// afterConnect answers a device that its connection stands, and returns what it does then, before what it wanted after.
func (d *Device) afterConnect(outputs []Output, at int, now time.Duration) []Output {
	rest := append([]Output(nil), outputs[at+1:]...)
	return append(append([]Output(nil), d.Connected(now)...), rest...)
}

func (w *world) grace() time.Duration {
	alive := w.run.Profile.Target.KeepAlive
	if alive == 0 {
		alive = defaultKeepAlive
	}
	return time.Duration(keepAliveGrace * float64(alive))
}

// connect remembers the Will Message of a connection and forgets that of the last one, whose delay has not passed.
func (w *world) connect(a *actor, _ time.Duration) {
	a.will = profile.Never
	a.connectedWill = nil
	m, delay := a.device.Will()
	if m == nil {
		return
	}
	a.delay = delay
	a.connectedWill = &Made{Device: a.device.path, Index: a.device.from.Index, Clean: *m, Message: *m, Will: true}
}

// losing has the Server publish the Will Message after its delay.
func (a *actor) losing(at time.Duration) {
	if a.connectedWill == nil {
		return
	}
	a.message, a.will = a.connectedWill, at+a.delay
	a.message.Faults = a.device.activeFaults()
	a.connectedWill = nil
}

func (w *world) publishWill(m *Made, at time.Duration) {
	m.Due, m.Sent = at, at
	w.send(m)
}

func (w *world) send(m *Made) {
	w.serial++
	heap.Push(&w.pending, sent{m, w.serial})
}

// flush gives out what was sent before a time.
func (w *world) flush(before time.Duration) error {
	for len(w.pending) > 0 && w.pending[0].Sent < before {
		m, _ := heap.Pop(&w.pending).(sent)
		m.Leave(w.order, w.run.Start.Add(m.Due), w.run.Start.Add(m.Sent))
		if err := w.fn(m.Made); err != nil {
			return err
		}
	}
	return nil
}

// actorQueue is a heap of devices by what comes next.
type actorQueue []*actor

// Len is for package heap.
func (q *actorQueue) Len() int { return len(*q) }

// Swap is for package heap.
func (q *actorQueue) Swap(i, j int) { (*q)[i], (*q)[j] = (*q)[j], (*q)[i] }

// Less is for package heap.
func (q *actorQueue) Less(i, j int) bool {
	a, b := (*q)[i], (*q)[j]
	if a.next != b.next {
		return a.next < b.next
	}
	return a.device.from.Index < b.device.from.Index
}

// Push is for package heap.
func (q *actorQueue) Push(x any) {
	if a, ok := x.(*actor); ok {
		*q = append(*q, a)
	}
}

// Pop is for package heap.
func (q *actorQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// sent is a message with its place among those of one device at one time.
type sent struct {
	*Made
	serial int64
}

// sentQueue is a heap of messages by the time at which they are sent; at one time, those of the first device come first.
type sentQueue []sent

// Len is for package heap.
func (q *sentQueue) Len() int { return len(*q) }

// Swap is for package heap.
func (q *sentQueue) Swap(i, j int) { (*q)[i], (*q)[j] = (*q)[j], (*q)[i] }

// Less is for package heap.
func (q *sentQueue) Less(i, j int) bool {
	a, b := (*q)[i], (*q)[j]
	switch {
	case a.Sent != b.Sent:
		return a.Sent < b.Sent
	case a.Index != b.Index:
		return a.Index < b.Index
	default:
		return a.serial < b.serial
	}
}

// Push is for package heap.
func (q *sentQueue) Push(x any) {
	if m, ok := x.(sent); ok {
		*q = append(*q, m)
	}
}

// Pop is for package heap.
func (q *sentQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
