package fleet

import (
	"fmt"
	"time"
)

// brake holds back new connections and new measurements while the Server does not keep up.
type brake struct {
	on    bool
	since time.Duration
}

// Bytes on their way out at which the brake is put on, whatever their QoS.
const mostPending = 64 << 20

// applyBrake puts the brake on or takes it off.
func (f *Fleet) applyBrake(now time.Duration) {
	unacked, pending := int(f.status.unacked.Load()), f.pending.Load()
	switch {
	case !f.brake.on && !f.leaving && (unacked > f.o.MaxUnacked || pending > mostPending):
		f.brake = brake{on: true, since: now}
		f.status.braked.Store(true)
		f.warn("the broker does not keep up: %d messages wait for an acknowledgement, %d MiB to be taken; nothing new is sent until it is half",
			unacked, pending>>20)
	case f.brake.on && unacked <= f.o.MaxUnacked/2 && pending <= mostPending/2:
		f.warn("the broker keeps up again, after %s", (now - f.brake.since).Round(time.Millisecond))
		f.releaseBrake(now)
	}
}

// releaseBrake lets those go on who were held back.
func (f *Fleet) releaseBrake(now time.Duration) {
	if !f.brake.on {
		return
	}
	f.stats.Braked += now - f.brake.since
	f.brake.on = false
	f.status.braked.Store(false)
	stalled := f.stalled
	f.stalled = nil
	for _, a := range stalled {
		a.stalled = false
		f.plan(a)
	}
}

// rateGuard ends a run that sends more than it may.
type rateGuard struct {
	most  float64
	since time.Duration
	n     int
}

// rateWindow is the time over which messages are counted.
const rateWindow = 10 * time.Second

// births is how many messages a device sends when it connects: they come in a burst.
const births = 3

func (g *rateGuard) count(f *Fleet) {
	if g.most == 0 {
		return
	}
	if now := f.now(); now-g.since >= rateWindow {
		g.since, g.n = now, 0
	}
	g.n++
	if float64(g.n) > g.most*rateWindow.Seconds()+births*float64(len(f.actors)) {
		f.fail(&RunawayError{float64(g.n) / max(1, (f.now()-g.since).Seconds()), g.most})
	}
}

// RunawayError says that a fleet sends more than its profile allows.
type RunawayError struct {
	// Rate is how many messages a second it sent, Most how many it may.
	Rate, Most float64
}

// Error returns both.
func (e *RunawayError) Error() string {
	return fmt.Sprintf("%.0f messages a second are more than max_rate, which is %g/s", e.Rate, e.Most)
}

// record has the topics recorded at which a device leaves Retained Messages by itself, before it connects the first time.
func (f *Fleet) record(a *actor) error {
	if f.o.Retain == nil || a.taken {
		return nil
	}
	a.taken = true
	if topics := a.device.Retained(); len(topics) > 0 {
		return f.o.Retain(topics...)
	}
	return nil
}

// recordOne does so for a topic that only some devices have.
func (f *Fleet) recordOne(topic string) error {
	if _, known := f.retained[topic]; known || f.o.Retain == nil {
		return nil
	}
	f.retained[topic] = struct{}{}
	return f.o.Retain(topic)
}
