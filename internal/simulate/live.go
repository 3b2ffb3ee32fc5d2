package simulate

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// ErrDone ends [Live.Run] when a function of Live returns it: the device takes leave as it does when the context ends.
var ErrDone = errors.New("done")

// Live is a device on real connections and on the real clock. Make it with [NewLive], give [Live.Run] the options of its
// Session, and end with [Live.Leave]. Faults of the profile that [Plays] takes happen to it, and what [Live.Do] says.
type Live struct {
	// Open connects; it must be set.
	Open func(context.Context, client.Options) (*client.Session, error)
	// Born is called when the birth was confirmed the first time. Sent is told of every message that the device sends,
	// Received of every one that it gets, one after the other. An error ends Run.
	Born     func() error
	Sent     func(*Made) error
	Received func(message.Message) error
	// Refused is told of messages that the Server did not take, and Happened in a few words of what happens to the device
	// and its connection. Both may be called from any goroutine, and may be nil.
	Refused  func(topic string, err error)
	Happened func(what string)
	// Properties are those of SUBSCRIBE, nil for none.
	Properties *wire.Properties

	start   time.Time
	speed   float64
	options client.Options
	back    chan struct{} // nudged when a lost connection stands again
	actions chan Action
	born    bool
	rivals  atomic.Int32 // second clients that are under way
	others  sync.WaitGroup

	at        *attached         // nil without a Session
	left      []*client.Session // whose connections the device has turned away from
	opening   *opening          // nil while none is opened
	notBefore time.Time         // when it may connect again
	held      *message.Message
	later     sentQueue // messages that are delayed
	serial    int64

	mu      sync.Mutex // guards what follows
	device  *Device
	manual  map[string]*fault
	version wire.Version
	online  bool
	lost    chan struct{} // closed when the connection is
}

// NewLive makes a device of a run live. Its life begins at run.Start, whatever its place in a ramp.
func NewLive(run *Run, from profile.Device) *Live {
	alone := *from.Group
	alone.StartJitter = 0
	from.Group, from.Offset = &alone, 0
	l := &Live{
		back: make(chan struct{}, 1), actions: make(chan Action, 1), speed: run.Profile.Clock.Speed, manual: map[string]*fault{},
		device: run.NewDevice(from),
	}
	if l.speed <= 0 {
		l.speed = 1
	}
	return l
}

// announce is the Will Message of the next connection. The birth comes from the device itself, when it has subscribed.
func (l *Live) announce(v wire.Version) client.Announcement {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version = v
	m, delay := l.device.Will()
	if m == nil {
		return client.Announcement{}
	}
	*m = l.dressed(*m)
	w := &wire.Will{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, Properties: m.Properties}
	if seconds := uint32(delay / time.Second); seconds > 0 && v == wire.V5 {
		p := wire.Properties{}
		if m.Properties != nil {
			p = *m.Properties
		}
		p.WillDelayInterval = seconds
		w.Properties = p.Set(wire.PropWillDelayInterval)
	}
	return client.Announcement{Will: w}
}

// dressed is a message as the version of the protocol can carry it.
func (l *Live) dressed(m message.Message) message.Message {
	if l.version != wire.V5 {
		m.Properties = nil
	}
	return m
}

// outage follows the connection of the Session that there is.
func (l *Live) outage(o client.Outage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.BackAt.IsZero() {
		if l.online {
			l.offline()
			l.device.Disconnected()
			l.device.Reconnect()
		}
		return
	}
	l.stands()
	select {
	case l.back <- struct{}{}:
	default:
	}
}

// stands notes that there is a connection, offline that there is none.
func (l *Live) stands() {
	if !l.online {
		l.online, l.lost = true, make(chan struct{})
	}
}

func (l *Live) offline() {
	if l.online {
		l.online = false
		close(l.lost)
	}
}

// now is the time of the device.
func (l *Live) now() time.Duration { return time.Duration(float64(time.Since(l.start)) * l.speed) }

func (l *Live) tell(what string) {
	if l.Happened != nil {
		l.Happened(what)
	}
}

// Run lives the device's life until the context or the Session ends for good, or a function says so. It connects,
// subscribes, is born, measures and obeys.
func (l *Live) Run(ctx context.Context, o client.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.start, l.options = time.Now(), o
	l.mu.Lock()
	l.device.Wake(0) // it boots, and asks for a connection
	l.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer l.giveUpOpening()
	for {
		l.connectOrNot(ctx)
		l.plan(timer)
		if err := l.next(ctx, timer); err != nil {
			return err
		}
	}
}

// next waits for one thing to happen and does what comes of it.
func (l *Live) next(ctx context.Context, timer *time.Timer) error {
	var (
		opened <-chan opened
		ended  <-chan struct{}
		in     <-chan message.Message
	)
	if l.opening != nil {
		opened = l.opening.result
	}
	if l.at != nil {
		ended, in = l.at.session.Done(), l.at.in
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r := <-opened:
		return l.opened(ctx, r)
	case <-ended:
		return l.ended()
	case <-timer.C:
		if l.opening != nil && !l.born {
			return nil // its life begins with the first connection
		}
		return l.step(ctx, l.device.Wake)
	case <-l.back:
		return l.connected(ctx)
	case a := <-l.actions:
		return l.act(ctx, a)
	case m := <-in:
		l.held = &m
		if l.Received != nil {
			if err := l.Received(m); err != nil {
				return err
			}
		}
		return l.obey(ctx)
	}
}

// plan sets the timer to when the device wants to be woken.
func (l *Live) plan(timer *time.Timer) {
	l.mu.Lock()
	next := l.device.Next()
	l.mu.Unlock()
	if len(l.later) > 0 {
		next = min(next, l.later[0].Sent)
	}
	wait := time.Duration(-1)
	if next < profile.Never {
		wait = max(0, time.Duration(float64(next-l.now())/l.speed))
	}
	if until := time.Until(l.notBefore); l.at == nil && until > 0 && (wait < 0 || until < wait) {
		wait = until
	}
	if l.opening != nil && !l.born {
		wait = -1
	}
	if wait < 0 {
		timer.Stop()
		return
	}
	timer.Reset(wait)
}
