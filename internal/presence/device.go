package presence

import (
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
)

// maxFlaps is how many returns of a device are remembered: the largest useful Options.FlapCount.
const maxFlaps = 16

// device is a device of a Fleet.
type device struct {
	Device

	hidden bool  // nobody looks at it; it is somebody's parent, or came along
	own    State // what it would be if there were no others and it did not flap
	word   Word
	stored bool      // the last status message came from the store
	made   time.Time // when the newest birth was made, by the device's clock
	saidAt time.Time // when the last status message came
	stale  bool      // it was an offline of an older session
	why    string    // what the last status message was, in words

	heldUntil    time.Time // until then an offline is not believed
	trafficAfter bool      // messages came after the offline

	returns  []time.Time   // when it came back last; a ring of maxFlaps that Flaps counts through, or nil
	traffic  time.Time     // when the last message came
	learned  time.Duration // the largest pause of late
	pauses   int
	children []*device

	due   time.Time // when the state may change by itself; zero for never
	index int       // in the heap of those that have a due time, or -1
}

// view is the device as others may keep it.
func (d *device) view() Device { return d.Device }

// judge says what to believe at a time.
func (f *Fleet) judge(d *device, now time.Time) (State, string) {
	own, why := f.own(d, now)
	if f.flapping(d, now) {
		return Flapping, fmt.Sprintf("it came back %d times within %s", f.options.FlapCount, duration.Text(f.options.FlapWindow))
	}
	if parent := f.devices[d.Parent]; parent != nil && parent != d {
		if above, _ := f.own(parent, now); above == Offline || above == Sleeping {
			return above, parent.Name + " is " + string(above)
		}
	}
	return own, why
}

// own is what to believe of a device by itself: neither whether it flaps nor its parent counts.
func (f *Fleet) own(d *device, now time.Time) (State, string) {
	switch d.word {
	case SaysOnline:
		if at := f.silentAt(d); !at.IsZero() && !now.Before(at) {
			return Silent, fmt.Sprintf("nothing came for %v", f.quiet(d))
		}
		return Online, d.why
	case SaysSleeping:
		return Sleeping, d.why
	case SaysOffline:
		return f.doubted(d, now)
	case SaysNothing:
	}
	if d.why == "" && d.Faults == 0 {
		return Unknown, "no status came"
	}
	return Unknown, d.why
}

// doubted is what to believe of a device that says offline.
func (f *Fleet) doubted(d *device, now time.Time) (State, string) {
	quiet := d.trafficAfter && !now.Before(d.traffic.Add(f.quiet(d)))
	switch {
	case now.Before(d.heldUntil):
		return Online, d.Reason // as it was; a return within the time is a flap
	case quiet:
		return Offline, fmt.Sprintf("it said offline, and nothing came for %v", f.quiet(d))
	case d.trafficAfter:
		return LateWill, "it said offline, and sends"
	case d.stale:
		return LateWill, d.why
	default:
		return Offline, d.why
	}
}

func (f *Fleet) flapping(d *device, now time.Time) bool {
	at := f.flapsUntil(d)
	return !at.IsZero() && now.Before(at)
}

// flapsUntil is when a device stops flapping unless it comes back once more; zero when it does not flap.
func (f *Fleet) flapsUntil(d *device) time.Time {
	n := min(f.options.FlapCount, maxFlaps)
	if n <= 0 || d.Flaps < n {
		return time.Time{}
	}
	first := d.returns[(d.Flaps-n)%maxFlaps]
	last := d.returns[(d.Flaps-1)%maxFlaps]
	if last.Sub(first) >= f.options.FlapWindow {
		return time.Time{}
	}
	return last.Add(f.options.FlapWindow)
}

// period is how often the device sends, 0 when that is not known.
func (f *Fleet) period(d *device) time.Duration {
	const enough = 3
	if f.options.Period > 0 {
		return f.options.Period
	}
	if d.pauses < enough {
		return 0
	}
	return d.learned
}

// quiet is how long a device that is alive may send nothing.
func (f *Fleet) quiet(d *device) time.Duration {
	return max(f.options.Deadline(), time.Duration(f.options.Periods)*f.period(d)).Round(time.Second)
}

// silentAt is when a device that says online counts as silent; zero for never.
func (f *Fleet) silentAt(d *device) time.Time {
	if !f.options.Traffic || f.period(d) == 0 {
		return time.Time{}
	}
	from := d.traffic
	for _, at := range []time.Time{d.saidAt, f.listening} {
		if at.After(from) {
			from = at
		}
	}
	return from.Add(f.quiet(d))
}

// dueAt is when the state may change without a message; zero for never.
func (f *Fleet) dueAt(d *device, now time.Time) time.Time {
	var due time.Time
	consider := func(at time.Time) {
		if at.After(now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	consider(f.flapsUntil(d))
	switch d.word {
	case SaysOnline:
		consider(f.silentAt(d))
	case SaysOffline:
		consider(d.heldUntil)
		if d.trafficAfter {
			consider(d.traffic.Add(f.quiet(d)))
		}
	case SaysNothing, SaysSleeping:
	}
	return due
}

// heard learns from a message of the device.
func (d *device) heard(now time.Time) {
	if !d.traffic.IsZero() && now.After(d.traffic) {
		pause := now.Sub(d.traffic)
		const forget = 8
		d.learned = max(pause, d.learned-d.learned/forget)
		d.pauses++
	}
	d.traffic = now
	d.seen(now)
	if d.word == SaysOffline {
		d.trafficAfter = true
	}
}

// cameBack notes a return.
func (d *device) cameBack(now time.Time) {
	if d.returns == nil {
		d.returns = make([]time.Time, maxFlaps)
	}
	d.returns[d.Flaps%maxFlaps] = now
	d.Flaps++
}

func (d *device) seen(at time.Time) {
	if at.After(d.LastSeen) {
		d.LastSeen = at
	}
}
