package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
)

// signal is a signal of a device while it runs.
type signal struct {
	*profile.Signal
	index   int
	value   *signalValue
	due     *stream
	nominal time.Duration // of the measurement that comes next, without jitter
	encoder *encoder
	topic   string
	qos     byte
	retain  bool

	count   int64 // of measurements
	current any
	sent    any // last, for what is sent when it changes
	batch   []reading
}

// reading is a measurement as it is, and as the device has it.
type reading struct {
	clean, seen measurement
	due         time.Duration
}

func (d *Device) newSignal(from *profile.Signal, born time.Duration) *signal {
	s := &signal{
		Signal: from, index: len(d.signals), topic: d.topic(from.Role(), from.Name),
		encoder: newEncoder(from), due: d.stream("signal", from.Name, "due"),
	}
	s.grow(d, born)
	rule := d.run.Layout.Rule(s.topic)
	s.retain = rule.Retain == contract.RetainMust
	if from.Event {
		s.qos = 1
	}
	if rule.QoS >= 0 {
		s.qos = byte(rule.QoS)
	}
	if from.QoS != nil {
		s.qos = *from.QoS
	}
	if from.Retain != nil {
		s.retain = *from.Retain
	}
	return s
}

// grow begins with the values anew.
func (s *signal) grow(d *Device, born time.Duration) {
	s.value = newSignalValue(s.Value, born, d.run.shared, d.from.Group.Site, func(purpose string) *stream {
		return d.stream("signal", s.Name, purpose)
	})
}

// first is when a signal is measured first.
func (s *signal) first(now time.Duration) time.Duration {
	s.nominal = now
	if s.Every.Mean > 0 || s.Event {
		s.nominal += s.due.interval(s.Every)
	}
	return s.nominal + s.jitter()
}

func (s *signal) jitter() time.Duration {
	if s.Jitter == 0 {
		return 0
	}
	return s.due.interval(profile.Interval{Max: s.Jitter})
}

// following is when it is measured next.
func (s *signal) following(d *Device) time.Duration {
	if c, ok := s.value.source.(changer); ok && s.Every.IsZero() {
		return c.changes()
	}
	every := s.Every
	if d.settings.interval > 0 && !s.Event {
		every = profile.Fixed(d.settings.interval)
	}
	s.nominal += max(time.Microsecond, s.due.interval(every))
	return s.nominal + s.jitter()
}

// reschedule has the signals follow another interval at once.
func (d *Device) reschedule(now time.Duration) {
	for i, s := range d.signals {
		if s.Event || s.Every.IsZero() {
			continue
		}
		s.nominal = now
		d.timers.set(timer{s.following(d), measures, i})
	}
}

// measure takes a value, and sends it or keeps it for a batch.
func (d *Device) measure(s *signal, now time.Duration) {
	m := d.moment(now)
	value, ok := s.value.next(&m)
	s.count++
	d.timers.set(timer{max(now, s.following(d)), measures, s.index}) // a long jitter does not turn time back
	same := s.OnChange && s.sent != nil && equalValues(s.sent, value)
	s.current = value
	if !ok || same || d.dead() {
		return
	}
	s.sent = value
	if _, isBlob := value.(blobBytes); isBlob {
		s.sent = nil // cannot be compared
	}
	r := reading{clean: measurement{value: value, at: m.wall, unit: s.Unit, schema: s.Schema}, due: now}
	if s.Event {
		r.clean.id = d.eventID(s)
	}
	r.seen = r.clean
	d.mismeasure(s, &r, now)
	s.batch = append(s.batch, r)
	switch b := s.Payload.Batch; {
	case len(s.batch) >= b.Count:
		d.sendBatch(s, now)
	case len(s.batch) == 1 && b.MaxAge > 0:
		d.timers.set(timer{now + b.MaxAge, batchEnds, s.index})
	}
}

// eventID is the same whoever makes it, and another one for each event since the counters were lost.
func (d *Device) eventID(s *signal) string {
	p := d.run.Profile
	return fmt.Sprintf("%016x", profile.Hash(p.Seed, p.Name, "event", d.path, s.Name, fmt.Sprint(s.count)))
}

// sendBatch publishes what was measured.
func (d *Device) sendBatch(s *signal, now time.Duration) {
	if len(s.batch) == 0 {
		return
	}
	d.timers.clear(batchEnds, s.index)
	clean, seen := make([]measurement, len(s.batch)), make([]measurement, len(s.batch))
	differs := false
	for i, r := range s.batch {
		clean[i], seen[i] = r.clean, r.seen
		differs = differs || !same(r.clean, r.seen)
	}
	batch := s.Payload.Batch.Count > 1
	made := &Made{Signal: s.Name, Due: now}
	made.Clean = message.Message{Topic: s.topic, QoS: s.qos, Retain: s.retain, Payload: s.encoder.encode(clean, batch)}
	made.Message = made.Clean
	if differs {
		made.Message.Payload = s.encoder.encode(seen, batch)
	}
	s.batch = s.batch[:0]
	d.spoil(s, made, seen[0])
	d.send(now, made)
}

// same reports whether two measurements are written alike. Bytes are never changed by a sensor's fault.
func same(a, b measurement) bool {
	if _, isBlob := a.value.(blobBytes); isBlob {
		return a.at.Equal(b.at)
	}
	return equalValues(a.value, b.value) && a.at.Equal(b.at)
}

// moment is a time with what expressions and references see.
func (d *Device) moment(now time.Duration) moment {
	return moment{
		now: now, wall: d.run.Start.Add(now), look: d.look,
		expr: &profile.ExprEnv{N: float64(d.from.Number)},
	}
}

// look returns what a reference means.
func (d *Device) look(scope, name string) (any, bool) {
	var v any
	switch scope {
	case profile.ScopeSignal:
		for _, s := range d.signals {
			inside, isMember := strings.CutPrefix(name, s.Name+".")
			switch o, isObject := s.current.(object); {
			case s.Name != name && isMember && isObject:
				v, _ = o.find(inside)
			case s.Name == name && isObject:
				v = o.plainObject()
			case s.Name == name:
				v = s.current
			}
		}
	case profile.ScopeDesired:
		v = d.settings.wanted[name]
	default:
		v = d.settings.applied[name]
	}
	if n, ok := asNumber(v); ok {
		return n, true
	}
	return v, v != nil
}

// publish sends a message that is no measurement.
func (d *Device) publish(now time.Duration, m message.Message) {
	d.send(now, &Made{Due: now, Clean: m, Message: m})
}

// send gives a message its number and sends it, if there is a connection.
func (d *Device) send(now time.Duration, m *Made) {
	keeps := d.maxWait > 0 && m.Signal != ""
	if d.state != up && d.state != dark && !keeps {
		return // nobody ever hears of it
	}
	d.seq++
	m.Device, m.Index, m.Seq, m.Sent = d.path, d.from.Index, d.seq, now
	m.Faults = d.activeFaults()
	switch {
	case d.state == up:
		d.transmit(now, m)
	case d.state == dark && m.Message.QoS == 0:
		m.mark(Dropped)
		d.out = append(d.out, Output{Kind: Publish, Message: m})
	default:
		d.wait(m)
	}
}

// wait keeps a message until there is a connection. Of too many the oldest are given up.
func (d *Device) wait(m *Made) {
	const most = 100_000
	limit := d.maxWait
	if limit == 0 {
		limit = most
	}
	if len(d.waiting) >= limit {
		oldest := d.waiting[0]
		d.waiting = d.waiting[1:]
		oldest.mark(Dropped)
		d.out = append(d.out, Output{Kind: Publish, Message: oldest})
	}
	d.waiting = append(d.waiting, m)
}

// catchUp sends what waited, as fast as it may.
func (d *Device) catchUp(now time.Duration) {
	if d.state != up {
		return
	}
	for len(d.waiting) > 0 {
		m := d.waiting[0]
		d.waiting = d.waiting[1:]
		m.Sent = now
		d.transmit(now, m)
		if d.slow.Rate > 0 && len(d.waiting) > 0 {
			d.timers.set(timer{now + microseconds(float64(time.Second)/d.slow.Rate), catchesUp, 0})
			return
		}
	}
	d.maxWait, d.slow = 0, profile.Backfill{}
}
