// Package fleet plays the devices of a profile over real connections.
//
// [New] makes a [Fleet] of a [simulate.Run], or of a part of one, and [Fleet.Run] plays it until its time is over or its
// context ends. One goroutine drives all devices, by one heap of what is due; a connection costs one goroutine that reads,
// and one that writes only while there is something to write. Decision 0015 says why this is no [client.Session].
//
// A device lives by the times that it was meant to: what it measures, sends and reports, and when that is due, is the same
// as in [simulate.Run.Generate], whatever the network does. What comes late because of the network or of the machine is
// sent late, and the ledger says so.
package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Options say what is played and where.
type Options struct {
	Run   *simulate.Run
	Shard simulate.Shard
	// Target is the Server's address, Version the protocol level: 0 is MQTT 5, or 3.1.1 when the Server says so.
	Target  link.Target
	Version wire.Version
	// KeepAlive is in seconds, 0 for none.
	KeepAlive uint16
	// ConnectTimeout bounds one attempt to connect, 0 is 10 s; RetryMaxWait the wait between two, 0 is 30 s.
	ConnectTimeout, RetryMaxWait time.Duration
	// Login is what a device logs in with; nil is nothing. It is called from one goroutine at a time.
	Login func(*profile.Device) (Login, error)
	// Begin is when the run begins on the clock of this machine; it is over, or almost now, when Run is called too late.
	Begin time.Time
	// Speed is how many simulated seconds go by in a real one, 0 is 1.
	Speed float64
	// Length is how long the run is in simulated time; 0 is until its context ends.
	Length time.Duration
	// MaxRate is how many messages a second are too many, 0 for no bound: then the run ends with a [*RunawayError].
	MaxRate float64
	// MaxUnacked is how many messages may wait for their acknowledgement before the brake is put on. 0 is
	// [DefaultMaxUnacked].
	MaxUnacked int
	// Observer is told what happens; nil for nobody.
	Observer Observer
	// Retain is told of topics at which Retained Messages are about to be left. An error ends the run. It may be nil.
	Retain func(topics ...string) error
	// Ready is called once, when all devices that begin with the run have been connected. It may be nil.
	Ready func() error
	// Warn is told what the user should know, in words. It may be nil.
	Warn func(text string)
}

// Login is what one device logs in with, empty for nothing.
type Login struct {
	Username *string
	Password []byte
	// Target replaces the one of the run where a device has a certificate of its own; nil for the run's.
	Target *link.Target
}

// DefaultMaxUnacked is how many messages may wait for their acknowledgement, where nothing else is said, for each device of
// the fleet, and at least leastUnacked in all.
const (
	DefaultMaxUnacked = 4
	leastUnacked      = 1000
)

const (
	defaultConnectTimeout = 10 * time.Second
	// mostDialing is how many connections are being made at a time.
	mostDialing = 128
	// patience is how long a device waits for its connection before what it had to say is too old.
	patience = 30 * time.Second
	// leaveTime bounds how long devices wait for acknowledgements before they take leave; leaveRate is how many take leave
	// each second at least.
	leaveTime = 5 * time.Second
	leaveRate = 500
)

// Fleet is a fleet that is played.
type Fleet struct {
	o       Options
	wall    time.Time // when it began, the same for all parts
	actors  []*actor
	queue   actorQueue
	wishes  []*actor // that want a connection, the first first
	stalled []*actor // whose device is due while the brake is on
	stale   staleWills
	events  chan event
	ended   chan struct{} // closed when nobody takes events any more
	dialers sync.WaitGroup
	readers sync.WaitGroup
	asides  []*attempt // of those who are no devices
	expired *tls.Certificate

	version   wire.Version
	dialing   int
	everStood bool // some device has been connected
	starting  int  // devices that have not been connected yet
	ready     bool
	leaving   bool
	over      bool // because its time is over: everybody says first what was due before
	leaveBy   time.Duration
	acting    time.Duration // when what a device does was meant to be, simulated
	stopped   error         // why it ends before its time
	brake     brake
	rate      rateGuard
	retained  map[string]struct{} // topics that are not those of every device of their kind
	pending   atomic.Int64        // bytes on their way out
	status    counters
	stats     Result
}

// New prepares a fleet.
func New(o Options) *Fleet {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.Observer == nil {
		o.Observer = Nobody{}
	}
	const eventRoom = 4096
	f := &Fleet{o: o, version: o.Version, events: make(chan event, eventRoom), ended: make(chan struct{}), retained: map[string]struct{}{}}
	if f.version == 0 {
		f.version = wire.V5
	}
	for d := range o.Run.Profile.Devices() {
		if o.Shard.Has(d.Index) {
			f.actors = append(f.actors, f.newActor(d))
		}
	}
	if f.o.MaxUnacked == 0 {
		f.o.MaxUnacked = max(leastUnacked, DefaultMaxUnacked*len(f.actors))
	}
	f.rate.most = o.MaxRate
	f.status.devices.Store(int64(len(f.actors)))
	f.starting = len(f.actors)
	return f
}

// Devices is how many devices are played.
func (f *Fleet) Devices() int { return len(f.actors) }

// now is the real time since the run began.
func (f *Fleet) now() time.Duration { return time.Since(f.o.Begin) }

// real is when something simulated is due.
func (f *Fleet) real(at time.Duration) time.Duration {
	if at == profile.Never || f.o.Speed == 1 {
		return at
	}
	if scaled := float64(at) / f.o.Speed; scaled < math.MaxInt64 {
		return time.Duration(scaled)
	}
	return profile.Never
}

// simulated is what a real time is for the devices.
func (f *Fleet) simulated(at time.Duration) time.Duration {
	if f.o.Speed == 1 {
		return at
	}
	return time.Duration(float64(at) * f.o.Speed).Truncate(time.Microsecond)
}

// Run plays the fleet until its length is over or ctx ends; then all devices take leave, for which it takes some seconds at
// most. The error is nil in both cases. It is a [*ConnectError] when the very first connections could not be made.
func (f *Fleet) Run(ctx context.Context) (Result, error) {
	if !waitUntil(ctx, f.o.Begin) {
		return f.result(), nil
	}
	f.wall = f.o.Begin.Round(0)
	f.o.Begin = time.Now().Add(-time.Since(f.o.Begin)) // with a clock that nobody sets
	dialCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer f.drain()
	defer f.readers.Wait()
	defer f.dialers.Wait()
	defer close(f.ended)
	defer f.closeAll()
	defer cancel()
	f.begin()
	f.loop(ctx, dialCtx)
	f.finishWills()
	return f.result(), f.stopped
}

// waitUntil waits for a time on the clock of the machine. It is false when ctx has ended before.
func waitUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin puts all devices into the queue. A part that begins late, because it was started again, takes up where it would be.
func (f *Fleet) begin() {
	const late = 5 * time.Second
	now := f.now()
	for _, a := range f.actors {
		if now > late {
			f.catchUp(a, now)
		}
		f.plan(a)
	}
}

// catchUp lives the life of a device up to now, without telling anybody.
func (f *Fleet) catchUp(a *actor, now time.Duration) {
	for {
		at := a.device.Next()
		if f.real(at) > now {
			break
		}
		connects := false
		for _, o := range a.device.Wake(at) {
			switch o.Kind {
			case simulate.Connect:
				connects = true
			case simulate.FaultBegins, simulate.FaultEnds:
				f.fault(a, o.Fault, o.Kind == simulate.FaultBegins, at)
			default:
			}
		}
		if connects {
			a.device.Connected(at)
		}
	}
	if a.device.Up() {
		a.device.Disconnected()
		f.act(a, f.simulated(now), a.device.Reconnect())
	}
}

// loop drives everything.
func (f *Fleet) loop(ctx, dialCtx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	end := f.real(f.o.Length)
	if f.o.Length == 0 {
		end = profile.Never
	}
	done := ctx.Done()
	for {
		select {
		case e := <-f.events:
			f.handle(&e)
			f.handleMore()
		case <-timer.C:
		case <-done:
			done = nil
			f.leave()
		}
		now := f.now()
		f.wakeDue(now, end)
		if now >= end && f.queue.next() >= end && !f.brake.on || f.stopped != nil {
			f.over = f.stopped == nil
			f.leave()
		}
		f.dialNext(dialCtx)
		if f.leaving && (f.allGone() || f.now() >= f.leaveBy) {
			return
		}
		timer.Reset(min(f.queue.next(), f.stale.next(), f.until(end)) - f.now())
	}
}

// until is when the loop must look again even if no device is due.
func (f *Fleet) until(end time.Duration) time.Duration {
	switch {
	case f.leaving:
		return min(f.leaveBy, f.now()+soon)
	case f.brake.on:
		return f.now() + soon
	case f.now() >= end:
		return f.now() + soon
	default:
		return end
	}
}

// handleMore takes what else has happened, up to a lot.
func (f *Fleet) handleMore() {
	const lot = 512
	for range lot {
		select {
		case e := <-f.events:
			f.handle(&e)
		default:
			return
		}
	}
}

// wakeDue wakes the devices that are due, up to a lot. What is due after the end is not.
func (f *Fleet) wakeDue(now, end time.Duration) {
	const lot = 1024
	f.stale.publish(f, now)
	f.applyBrake(now)
	for range lot {
		if next := f.queue.next(); next > now || next >= end && !f.leaving {
			return
		}
		if f.leaving {
			f.wake(f.queue.first(), f.now())
			continue
		}
		f.wake(f.queue.first(), min(f.now(), end))
	}
}

// drain closes connections that were made when nobody wanted them any more.
func (f *Fleet) drain() {
	for len(f.events) > 0 {
		if e := <-f.events; e.conn != nil {
			_ = e.conn.nc.Close()
		}
	}
}

// fail ends the run.
func (f *Fleet) fail(err error) {
	if f.stopped == nil {
		f.stopped = err
	}
}

func (f *Fleet) warn(format string, args ...any) {
	if f.o.Warn != nil {
		f.o.Warn(fmt.Sprintf(format, args...))
	}
}

// ConnectError says that the first connection of a fleet could not be made.
type ConnectError struct {
	// Device is whose connection it was.
	Device string
	Err    error
}

// Error returns what went wrong.
func (e *ConnectError) Error() string { return fmt.Sprintf("device %s: %s", e.Device, e.Err) }

// Unwrap returns Err.
func (e *ConnectError) Unwrap() error { return e.Err }

// errTimeout says that the Server did not answer.
var errTimeout = errors.New("the server did not answer in time")
