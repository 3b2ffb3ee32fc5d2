package simulate

import (
	"maps"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// fault is a fault of a device while it runs.
type fault struct {
	*profile.Fault
	s      *stream
	on     bool
	since  time.Duration
	frozen map[string]any // the values at which signals are stuck
}

// active reports whether a fault of a kind is going on.
func (d *Device) active(kind string) bool {
	for _, f := range d.faults {
		if f.on && f.Kind.Name == kind {
			return true
		}
	}
	return false
}

// activeFaults are the names of the faults that are going on.
func (d *Device) activeFaults() []string {
	var names []string
	for _, f := range d.faults {
		if f.on {
			names = append(names, f.Name)
		}
	}
	return names
}

// hangup is how a fault ends a connection; ok says that it does.
func hangup(kind string) (how OutputKind, ok bool) {
	switch kind {
	case "offline", "backfill", "flap", "bad_credentials", "expired_cert":
		return Vanish, true
	case "crash", "reboot":
		return Reset, true
	case "graceful":
		return Goodbye, true
	case "disconnect_with_will":
		return WithWill, true
	case "blackhole":
		return Blackhole, true
	default:
		return 0, false
	}
}

// blocked reports whether a fault keeps the device from connecting.
func (d *Device) blocked() bool {
	for _, f := range d.faults {
		if _, hangs := hangup(f.Kind.Name); f.on && hangs {
			return true
		}
	}
	return false
}

// dead reports whether the device does nothing at all.
func (d *Device) dead() bool { return d.boot == 0 || d.active("crash") || d.active("reboot") }

func (d *Device) faultBegins(f *fault, now time.Duration) {
	if f.on || f.Kind.Name == "reboot" && f.Chance < 1 && !f.s.happens(f.Chance) {
		return
	}
	f.on, f.since, f.frozen = true, now, map[string]any{}
	d.out = append(d.out, Output{Kind: FaultBegins, Fault: f.Fault})
	if f.Backfill != nil {
		d.maxWait, d.slow = f.Backfill.Buffer, *f.Backfill
	}
	switch f.Kind.Name {
	case "flap":
		d.timers.set(timer{now + f.s.interval(f.Period), flaps, slices.Index(d.faults, f)})
	case "reboot":
		d.timers.set(timer{now + f.s.interval(f.Takes), faultEnds, slices.Index(d.faults, f)})
	case "new_client_id":
		d.renamed++
		if d.state == up {
			d.do(Changeling)
			d.state = connecting
			d.do(Connect)
		}
		return
	}
	if how, hangs := hangup(f.Kind.Name); hangs {
		d.lose(how, now)
	}
}

// lose ends the connection.
func (d *Device) lose(how OutputKind, now time.Duration) {
	if d.state != up {
		if d.state == connecting {
			d.state = down
		}
		return
	}
	switch how {
	case Goodbye:
		d.publish(now, d.status(now, false))
	case Blackhole:
		d.state = dark
		d.do(how)
		return
	default:
	}
	d.state = down
	d.do(how)
}

func (d *Device) faultEnds(f *fault, now time.Duration) {
	if !f.on {
		return
	}
	f.on = false
	d.out = append(d.out, Output{Kind: FaultEnds, Fault: f.Fault})
	d.timers.clear(flaps, slices.Index(d.faults, f))
	switch f.Kind.Name {
	case "crash":
		d.reboot(nil, now)
		return
	case "reboot":
		d.reboot(f.Lose, now)
		return
	case "blackhole":
		if d.state == dark && !d.blocked() {
			d.state = down
			d.do(Vanish)
		}
	}
	d.connect()
}

// reboot starts the device again, without what it has lost.
func (d *Device) reboot(lost []string, now time.Duration) {
	if slices.Contains(lost, "state") {
		d.settings.reset(d.run.defaultsOf(d.kind))
		d.twin = twin{}
		for _, s := range d.signals {
			s.grow(d, now)
		}
	}
	if slices.Contains(lost, "seq") {
		for _, s := range d.signals {
			s.count = 0
		}
	}
	if slices.Contains(lost, "session") {
		d.boot = max(0, d.boot-1) // it cannot tell this boot from the last one
	}
	for _, s := range d.signals {
		s.batch, s.sent = s.batch[:0], nil
	}
	if d.boot == 0 {
		d.boot = 1 // its signals go on
		d.links, d.booted = 0, now
		d.connect()
		return
	}
	d.start(now)
}

// flap ends a connection, or takes it up again, and waits for the next time.
func (d *Device) flap(index int, now time.Duration) {
	f := d.faults[index]
	d.timers.set(timer{now + f.s.interval(f.Period), flaps, index})
	if d.state == up {
		d.lose(Vanish, now)
		return
	}
	f.on = false // for as long as it takes to connect
	d.connect()
	f.on = true
}

// mismeasure lets the faults of sensors and of the clock loose on a measurement.
func (d *Device) mismeasure(s *signal, r *reading, now time.Duration) {
	for _, f := range d.faults {
		if !f.on || !f.Touches(s.Name) {
			continue
		}
		switch f.Kind.Name {
		case "clock":
			r.seen.at = d.wrongTime(f, r.seen.at, now)
		case "stuck":
			if _, known := f.frozen[s.Name]; !known {
				f.frozen[s.Name] = r.seen.value
			}
			r.seen.value = f.frozen[s.Name]
		case "dead":
			r.seen.value = f.silenced(r.seen.value)
		case "spike":
			r.seen.value = f.spiked(r.seen.value)
		}
	}
}

// silenced is what a dead sensor measures. Of an object only the numbers are its.
func (f *fault) silenced(v any) any {
	var dead any
	if f.Value != nil {
		dead = *f.Value
	}
	switch v.(type) {
	case object, array:
		return mapNumbers(v, func(float64) any { return dead })
	default:
		return dead
	}
}

// spiked is a value that may be far off: all numbers of an object at once.
func (f *fault) spiked(v any) any {
	switch v.(type) {
	case float64, object, array:
	default:
		return v
	}
	if !f.s.happens(f.Chance) {
		return v
	}
	return mapNumbers(v, func(n float64) any {
		if f.Value != nil {
			return *f.Value
		}
		return n + f.By
	})
}

// wrongTime is what a clock shows that goes wrong.
func (d *Device) wrongTime(f *fault, at time.Time, now time.Duration) time.Time {
	if f.NotSet {
		return time.Unix(0, 0).UTC().Add(now - d.booted)
	}
	drift := microseconds(float64(f.Drift * float64(now-f.since)))
	return at.Add(f.Skew + f.Step + drift)
}

// transmit lets the faults of the way loose on a message, and sends it.
func (d *Device) transmit(now time.Duration, m *Made) {
	held := d.held[m.Message.Topic]
	if m.Signal != "" && d.onTheWay(now, m) && held == nil {
		if d.held == nil {
			d.held = map[string]*Made{}
		}
		d.held[m.Message.Topic] = m // until the next one has overtaken it
		return
	}
	if m.Message.Topic != m.Clean.Topic {
		m.mark(Misplaced)
	}
	if m.Message.QoS > 0 && !m.Is(Dropped) && d.LosesAck() {
		m.Unconfirmed = true
		m.Copies++
		m.mark(Duplicated)
	}
	d.out = append(d.out, Output{Kind: Publish, Message: m})
	if held != nil {
		d.release(m.Message.Topic, now)
	}
}

// release sends a message that was held back.
func (d *Device) release(topic string, now time.Duration) {
	m := d.held[topic]
	delete(d.held, topic)
	if m == nil {
		return
	}
	m.Sent = max(now, m.Sent)
	d.out = append(d.out, Output{Kind: Publish, Message: m})
}

// onTheWay decides what becomes of a message. It answers whether another one is to overtake it.
func (d *Device) onTheWay(now time.Duration, m *Made) (hold bool) {
	for _, f := range d.faults {
		if f.on && f.Touches(m.Signal) {
			hold = f.hinders(m) || hold
		}
	}
	if m.Is(Dropped) { // and nothing else
		m.Copies, m.Sent, m.Effects = 0, now, []Effect{Dropped}
		return false
	}
	return hold
}

// hinders lets a fault of the way loose on a message. It answers whether another message is to overtake this one.
func (f *fault) hinders(m *Made) (hold bool) {
	switch f.Kind.Name {
	case "latency", "jitter":
		m.Sent += f.s.interval(f.Delay)
		return false
	case "drop", "duplicate", "late", "reorder":
		if !f.s.happens(f.Chance) {
			return false
		}
	}
	switch f.Kind.Name {
	case "drop":
		m.mark(Dropped)
	case "duplicate":
		m.Copies += f.Copies
		m.mark(Duplicated)
	case "late":
		m.Sent += f.s.interval(f.Delay)
	case "reorder":
		return true
	}
	return false
}

func sortedTopics(held map[string]*Made) []string { return slices.Sorted(maps.Keys(held)) }

// Plays reports whether a fault shows in a run without connections.
func Plays(f *profile.Fault) bool {
	switch f.Kind.Name {
	case "latency", "jitter", "bad_credentials", "expired_cert", "new_client_id":
		return true
	case "retain_cmd":
		return false // who sends commands is not part of the run
	default:
		return f.Kind.Needs == profile.Messages || f.Kind.Needs == profile.Presence
	}
}
