package simulate

import (
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Device is one simulated device. It has neither a clock nor a connection: ask [Device.Next] when it wants to be woken,
// and do what [Device.Wake] and the others answer. Times are simulated, since the run began. It is not safe for concurrent
// use.
type Device struct {
	run     *Run
	from    profile.Device
	kind    *profile.DeviceType
	path    string
	timers  timers
	signals []*signal
	faults  []*fault
	out     []Output
	seq     int64

	boot      int // how often it has booted
	links     int // how often it has connected since
	booted    time.Duration
	state     linkState
	held      map[string]*Made // to be overtaken, by topic
	waiting   []*Made          // for a connection
	maxWait   int
	slow      profile.Backfill // how what waited is sent
	settings  settings
	twin      twin
	settled   *document // that the next report is the answer to
	orders    orders
	calm      bool
	renamed   int // how often it took another Client Identifier
	statusTop string
}

// linkState is what a device knows about its connection.
type linkState int

const (
	down linkState = iota
	connecting
	up
	dark // up for the device, and nothing gets through
)

// NewDevice makes a device of the fleet. It starts at its place in the ramp.
func (r *Run) NewDevice(from profile.Device) *Device {
	d := &Device{run: r, from: from, kind: from.Group.Use, path: from.Path()}
	start := from.Offset.Truncate(time.Microsecond)
	if j := from.Group.StartJitter; j > 0 {
		start += d.stream("start").interval(profile.Interval{Max: j})
	}
	d.statusTop = d.topic(contract.Status, "")
	d.settings.reset(d.run.defaultsOf(d.kind))
	for _, f := range r.faults {
		if f.devices[from.Index] {
			d.faults = append(d.faults, &fault{Fault: f.Fault, s: d.stream("fault", f.Name)})
		}
	}
	for i, f := range d.faults {
		if f.End <= start {
			continue
		}
		if f.Start > 0 {
			d.timers.set(timer{max(f.Start, start), faultBegins, i})
		}
		if f.End < profile.Never {
			d.timers.set(timer{f.End, faultEnds, i})
		}
	}
	for _, s := range d.kind.Signals {
		d.signals = append(d.signals, d.newSignal(s, start))
	}
	d.timers.set(timer{start, boots, 0})
	return d
}

// stream makes a stream of the device.
func (d *Device) stream(names ...string) *stream {
	p := d.run.Profile
	return newStream(p.Seed, append([]string{p.Name, "device", d.path}, names...)...)
}

// topic is a topic of the device; the layout was checked for all of them.
func (d *Device) topic(role contract.Role, signal string) string {
	name, _ := d.run.Layout.Topic(&d.from, role, signal)
	return name
}

// Next is when the device wants to be woken, [profile.Never] for never.
func (d *Device) Next() time.Duration { return d.timers.next() }

// Wake does what is due. What it answers is valid until the next call.
func (d *Device) Wake(now time.Duration) []Output {
	d.out = d.out[:0]
	for {
		t, ok := d.timers.due(now)
		if !ok {
			return d.out
		}
		d.fire(t, t.at)
		if n := len(d.out); n > 0 && d.out[n-1].Kind == Connect {
			return d.out // what else is due may need the connection
		}
	}
}

func (d *Device) fire(t timer, now time.Duration) {
	switch t.what {
	case boots:
		d.start(now)
	case measures:
		d.measure(d.signals[t.index], now)
	case batchEnds:
		d.sendBatch(d.signals[t.index], now)
	case faultBegins:
		d.faultBegins(d.faults[t.index], now)
	case faultEnds:
		d.faultEnds(d.faults[t.index], now)
	case flaps:
		d.flap(t.index, now)
	case catchesUp:
		d.catchUp(now)
	case obeys:
		d.obey(now)
	case commandEnds:
		d.commandEnds(now)
	}
}

// start boots the device and has it connect.
func (d *Device) start(now time.Duration) {
	d.boot++
	d.links, d.booted = 0, now
	if d.boot == 1 {
		for i, s := range d.signals {
			d.timers.set(timer{s.first(now), measures, i})
		}
		for _, f := range d.faults {
			if f.Start == 0 && f.End > now {
				d.faultBegins(f, now)
			}
		}
	}
	d.connect()
}

// connect asks for a connection, unless a fault is in the way.
func (d *Device) connect() {
	if d.state != down || d.blocked() {
		return
	}
	d.state = connecting
	d.do(Connect)
}

func (d *Device) do(kind OutputKind) { d.out = append(d.out, Output{Kind: kind}) }

// Connected tells the device that its connection stands. It publishes its birth and its state.
func (d *Device) Connected(now time.Duration) []Output {
	d.out = d.out[:0]
	d.connected(now)
	return d.out
}

func (d *Device) connected(now time.Duration) {
	if d.state != connecting {
		return
	}
	d.state = up
	d.links++
	d.publish(now, d.status(now, true))
	d.reportState(now)
	if len(d.waiting) > 0 {
		d.timers.set(timer{now, catchesUp, 0})
	}
}

// Disconnected tells the device that its connection was lost, or refused. It is for the caller to try again: with
// [Device.Reconnect].
func (d *Device) Disconnected() { d.state = down }

// Reconnect has the device ask for a connection again.
func (d *Device) Reconnect() []Output {
	d.out = d.out[:0]
	d.connect()
	return d.out
}

// Stop takes leave: what waits is sent or given up, and the device says that it is offline.
func (d *Device) Stop(now time.Duration) []Output {
	d.out = d.out[:0]
	for i := range d.signals {
		d.sendBatch(d.signals[i], now)
	}
	if d.state == up {
		for _, topic := range sortedTopics(d.held) {
			d.release(topic, now)
		}
		d.publish(now, d.status(now, false))
		d.do(Goodbye)
	}
	d.state = down
	return d.out
}

// session tells boots and connections apart, in a way that does not hang on when they were.
func (d *Device) session() string { return fmt.Sprintf("%s/%d", d.bootID(), d.links) }

func (d *Device) bootID() string {
	p := d.run.Profile
	return fmt.Sprintf("b-%04x", uint16(profile.Hash(p.Seed, p.Name, "boot", d.path, fmt.Sprint(d.boot))))
}

// status is a presence message.
func (d *Device) status(now time.Duration, online bool) message.Message {
	s := &d.kind.Status
	word := s.Offline
	if online {
		word = s.Online
	}
	m := message.Message{Topic: d.statusTop, QoS: 1, Retain: s.Retain, Payload: []byte(word)}
	if s.JSON {
		m.Payload = d.statusJSON(word, now, online)
		return m
	}
	m.Properties = &wire.Properties{}
	m.Properties.UserProperties = append(m.Properties.UserProperties, wire.UserProperty{Key: "session", Value: d.session()})
	if d.kind.BootID {
		m.Properties.UserProperties = append(m.Properties.UserProperties, wire.UserProperty{Key: "boot", Value: d.bootID()})
	}
	return m
}

// statusJSON says the same in an object. A Will Message is written when the device connects, so it has no time.
func (d *Device) statusJSON(word string, now time.Duration, stamped bool) []byte {
	text := message.AppendJSONString([]byte(`{"status":`), word)
	text = message.AppendJSONString(append(text, `,"session":`...), d.session())
	if d.kind.BootID {
		text = message.AppendJSONString(append(text, `,"boot":`...), d.bootID())
	}
	if stamped {
		text = fmt.Appendf(text, `,"ts":%d`, d.run.Start.Add(now).UnixMilli())
	}
	return append(text, '}')
}

// Will is the Will Message of the next connection, or of this one; nil for none. Delay is its Will Delay Interval.
func (d *Device) Will() (will *message.Message, delay time.Duration) {
	if !d.kind.Status.Will || d.active("no_will") {
		return nil, 0
	}
	if d.state == connecting {
		d.links++ // it is that of the session to come
		defer func() { d.links-- }()
	}
	m := d.status(0, false)
	if d.active("will_not_retained") {
		m.Retain = false
	}
	return &m, d.kind.Status.WillDelay
}
