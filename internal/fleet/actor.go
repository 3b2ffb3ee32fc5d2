package fleet

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// linkState is how far the connection of a device is.
type linkState byte

const (
	idle        linkState = iota
	queued                // waits until it may dial
	dialing               // up to CONNACK
	subscribing           // up to SUBACK
	standing
	parting // waits for acknowledgements before it says goodbye
)

// actor is a device with its connection. Ten thousand of them are kept, so what few need is behind pointers.
type actor struct {
	device *simulate.Device
	index  int
	place  int           // in the queue, -1 for none
	next   time.Duration // when it is due

	state     linkState
	everStood bool // has been connected
	known     bool // the same under its present Client Identifier
	wanted    bool // has wanted a connection
	taken     bool // its retained topics are recorded
	returning bool // connects once more, to say what is left, while the fleet takes leave
	stalled   bool // is due and waits for the brake
	conn      *conn
	former    *conn         // that it has ended; the next one waits for its end
	wish      time.Duration // when it wanted its connection, simulated
	stoodAt   time.Duration // since when it has one
	deadline  time.Duration // when it gives up to wait for the Server, in the states that do
	retryAt   time.Duration // when it connects again by itself
	backoff   backoff

	nextID   uint16
	inflight []flight
	counted  int              // of them, in the count of the fleet
	waiting  []*simulate.Made // for room in the window
	delayed  []*simulate.Made // on purpose, in the order in which they are to be sent
	early    []early          // came before the device knew that it is connected

	will, nextWill       simulate.WillMark
	willDelay, nextDelay time.Duration
	willAt               time.Duration // when the Server publishes the one of the last connection

	order   simulate.Order // of what was sent, for devices that something goes wrong with
	trouble *trouble
}

// early is a message that came early.
type early struct {
	id uint16
	m  message.Message
}

func (f *Fleet) newActor(d profile.Device) *actor {
	a := &actor{
		device: f.o.Run.NewDevice(d), index: d.Index, place: -1, retryAt: profile.Never, willAt: profile.Never,
	}
	if a.device.Faulty() {
		a.order, a.trouble = simulate.Order{}, newTrouble()
	}
	return a
}

// backoff gives the waits between attempts to connect.
type backoff struct{ wait time.Duration }

// firstWait is the first of them at most, and defaultMaxWait the longest.
const (
	firstWait      = time.Second
	defaultMaxWait = 30 * time.Second
)

// next is from a half to the whole of a wait that doubles each time.
func (b *backoff) next(most time.Duration) time.Duration {
	if most == 0 {
		most = defaultMaxWait
	}
	b.wait = min(most, max(firstWait, 2*b.wait))
	return b.wait/2 + rand.N(b.wait/2+1) //nolint:gosec // G404: no secret, it only spreads devices
}

// held reports whether the device is not to be woken: it waits for its connection, or the brake is on.
func (f *Fleet) held(a *actor) bool {
	return f.leaving || f.brake.on || a.device.Connecting() && a.state != idle
}

// plan works out when a device is due.
func (f *Fleet) plan(a *actor) {
	at := min(a.retryAt, a.willAt)
	if len(a.delayed) > 0 {
		at = min(at, f.real(a.delayed[0].Sent))
	}
	switch a.state {
	case subscribing, parting:
		at = min(at, a.deadline)
	case standing:
		at = min(at, f.nextPing(a))
	default:
	}
	if a.trouble != nil {
		at = min(at, a.trouble.at)
	}
	switch due := a.device.Next(); {
	case f.o.Length > 0 && due >= f.o.Length:
	case !f.held(a):
		at = min(at, f.real(due))
	case f.brake.on && !a.stalled:
		a.stalled = true
		f.stalled = append(f.stalled, a)
	}
	f.queue.put(a, at)
}

// wake does what is due for a device.
func (f *Fleet) wake(a *actor, now time.Duration) {
	if a.willAt <= now {
		f.publishWill(a)
	}
	for len(a.delayed) > 0 && f.real(a.delayed[0].Sent) <= now {
		m := a.delayed[0]
		a.delayed = a.delayed[1:]
		f.transmit(a, m)
	}
	if a.retryAt <= now {
		a.retryAt = profile.Never
		f.act(a, f.simulated(now), a.device.Reconnect())
	}
	switch a.state {
	case subscribing:
		f.checkDeadline(a, now)
	case parting:
		f.checkDeadline(a, now)
	case standing:
		f.ping(a, now)
	default:
	}
	f.checkTrouble(a, now)
	for !f.held(a) {
		at := a.device.Next()
		due := f.real(at)
		if due > now || f.o.Length > 0 && at >= f.o.Length {
			break
		}
		f.lag(now - max(due, a.stoodAt))
		f.act(a, at, a.device.Wake(at))
	}
	f.plan(a)
}

// lag takes note of how much too late a device was woken.
func (f *Fleet) lag(late time.Duration) {
	late = max(0, late)
	f.o.Observer.Lag(late)
	if int64(late) > f.status.worstLag.Load() {
		f.status.worstLag.Store(int64(late))
	}
}

// act does what a device wants, at a simulated time.
func (f *Fleet) act(a *actor, at time.Duration, outputs []simulate.Output) {
	f.acting = at
	for _, o := range outputs {
		switch o.Kind {
		case simulate.Publish:
			f.publish(a, o.Message)
		case simulate.Connect:
			f.want(a, at)
		case simulate.Goodbye:
			f.sayGoodbye(a)
		case simulate.Vanish:
			f.vanish(a, false)
		case simulate.Reset:
			f.vanish(a, true)
		case simulate.WithWill:
			f.leaveWithWill(a)
		case simulate.Blackhole:
			f.blackhole(a)
		case simulate.Changeling:
			f.changeling(a)
		case simulate.FaultBegins, simulate.FaultEnds:
			f.fault(a, o.Fault, o.Kind == simulate.FaultBegins, at)
		}
	}
	clear(outputs) // the device keeps the list, and is not to keep the messages
}

// want puts a device among those that want a connection.
func (f *Fleet) want(a *actor, at time.Duration) {
	if a.state == parting {
		f.finishParting(a)
	}
	a.wanted, a.wish, a.retryAt = true, at, profile.Never
	a.state = queued
	f.wishes = append(f.wishes, a)
}

// dialNext lets those dial who may.
func (f *Fleet) dialNext(ctx context.Context) {
	for _, t := range f.asides {
		f.dialing++
		f.dialers.Go(func() { t.run(ctx) })
	}
	f.asides = nil
	for len(f.wishes) > 0 && f.dialing < mostDialing && !f.brake.on {
		a := f.wishes[0]
		f.wishes = f.wishes[1:]
		if a.state != queued || f.leaving && !a.returning {
			continue
		}
		f.dial(ctx, a)
	}
}

// dial begins an attempt.
func (f *Fleet) dial(ctx context.Context, a *actor) {
	a.state = dialing
	t, err := f.newAttempt(a, dialled)
	if err != nil {
		f.fail(err)
		return
	}
	a.nextWill, a.nextDelay = f.setWill(a, t.connect)
	if err := f.record(a); err != nil {
		f.fail(err)
		return
	}
	t.former, a.former = a.former, nil
	f.dialing++
	f.dialers.Go(func() { t.run(ctx) })
}

// newAttempt puts together what it takes to connect.
func (f *Fleet) newAttempt(a *actor, kind eventKind) (*attempt, error) {
	from := a.device.From()
	t := &attempt{fleet: f, actor: a, kind: kind, target: f.o.Target}
	c := &wire.Connect{Version: f.version, KeepAlive: f.o.KeepAlive, ClientID: a.device.ClientID()}
	if f.o.Login != nil {
		login, err := f.o.Login(&from)
		if err != nil {
			return nil, err
		}
		if login.Username != nil {
			c.HasUsername, c.Username = true, *login.Username
		}
		if login.Password != nil {
			c.HasPassword, c.Password = true, login.Password
		}
		if login.Target != nil {
			t.target = *login.Target
		}
	}
	target := &f.o.Run.Profile.Target
	// A Will Delay is for those who come back to their Session.
	c.CleanStart = target.CleanStart && (!a.known || !a.device.HasWillDelay())
	if f.version == wire.V5 {
		c.Properties = &wire.Properties{}
		if target.SessionExpiry > 0 {
			c.Properties.SessionExpiryInterval = seconds(target.SessionExpiry)
			c.Properties.Set(wire.PropSessionExpiryInterval)
		}
		if s := a.device.ActiveFault("slow_consumer"); s != nil && s.ReceiveMaximum > 0 {
			c.Properties.ReceiveMaximum = uint16(s.ReceiveMaximum)
			c.Properties.Set(wire.PropReceiveMaximum)
		}
	}
	t.connect = c
	if s := a.device.ActiveFault("slow_consumer"); s != nil {
		t.rate = int64(s.Rate)
	}
	return t, nil
}

// seconds rounds up, to what fits an interval of the protocol.
func seconds(d time.Duration) uint32 {
	const most = 1<<32 - 1
	return uint32(min(most, (d+time.Second-1)/time.Second))
}

// stand is what happens when a connection stands: what is open goes out again, and the device is told.
func (f *Fleet) stand(a *actor) {
	now := f.now()
	again := a.everStood
	a.state, a.everStood, a.known, f.everStood = standing, true, true, true
	a.stoodAt = now
	f.status.connected.Add(1)
	took := time.Since(a.conn.began)
	f.o.Observer.Connected(a.device.Path(), took, again)
	if again {
		f.stats.Reconnects++
	} else {
		f.starting--
	}
	if !f.ready && f.starting == 0 {
		f.ready = true
		f.tellReady()
	}
	f.resume(a)
	at := a.wish
	if now-f.real(at) > patience {
		at = f.simulated(now)
	}
	f.act(a, at, a.device.Connected(at))
	came := a.early
	a.early = nil
	for i := range came {
		f.obey(a, came[i].id, came[i].m)
	}
	if f.leaving {
		f.takeLeave(a)
	}
}

func (f *Fleet) tellReady() {
	if f.o.Ready == nil {
		return
	}
	if err := f.o.Ready(); err != nil {
		f.fail(err)
	}
}

// arrived is a message for the device.
func (f *Fleet) arrived(a *actor, id uint16, m message.Message) {
	if a.state == subscribing {
		m.Topic = strings.Clone(m.Topic)
		m.Payload = slices.Clone(m.Payload)
		a.early = append(a.early, early{id, m})
		return
	}
	f.obey(a, id, m)
}

// obey gives a message to the device. It is acknowledged when the device has it, unless a fault loses that.
func (f *Fleet) obey(a *actor, id uint16, m message.Message) {
	at := f.simulated(f.now())
	f.o.Observer.Received(a.device.Path(), len(m.Payload))
	f.act(a, at, a.device.Receive(at, m))
	if m.QoS != 1 || a.conn == nil {
		return
	}
	if a.device.WithholdsAck() {
		a.trouble.owes = true // there is trouble where there is a fault
		return
	}
	_ = a.conn.send(&wire.Ack{Kind: wire.PUBACK, PacketID: id}) // encodable
}

// checkDeadline gives up to wait for the Server.
func (f *Fleet) checkDeadline(a *actor, now time.Duration) {
	if now < a.deadline {
		return
	}
	a.deadline = profile.Never
	if a.state == parting {
		f.finishParting(a)
		return
	}
	c := a.conn
	a.conn, a.state = nil, idle
	c.cut(false)
	f.attemptFailed(a, errTimeout)
}
