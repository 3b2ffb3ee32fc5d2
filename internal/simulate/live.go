package simulate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// ErrDone ends [Live.Run] when a function of Live returns it: the device takes leave as it does when the context ends.
var ErrDone = errors.New("done")

// Live is a device on a real connection and on the real clock. Make it with [NewLive], open the Session with its
// [Live.Options] and give that to [Live.Run]. It plays devices whose connection only the network takes away: those without
// faults and without commands that boot them anew.
type Live struct {
	// Born is called when the birth was confirmed the first time. Sent is told of every message that the device sends,
	// Received of every one that it gets, one after the other. An error ends Run.
	Born     func() error
	Sent     func(*Made) error
	Received func(message.Message) error
	// Refused is told of messages that the Server did not take, from any goroutine.
	Refused func(topic string, err error)
	// Properties are those of SUBSCRIBE, nil for none.
	Properties *wire.Properties

	start time.Time
	back  chan struct{}    // nudged when a connection stands again
	held  *message.Message // came before the device knew of its connection

	mu      sync.Mutex // guards what follows
	device  *Device
	version wire.Version
	online  bool
	lost    chan struct{} // closed when the connection is
}

// NewLive makes the first device of a run live. Its life began at run.Start.
func NewLive(run *Run) *Live {
	l := &Live{start: time.Now(), back: make(chan struct{}, 1)}
	for from := range run.Profile.Devices() {
		l.device = run.NewDevice(from)
		break
	}
	return l
}

// Options adds to the options of a Session what makes it that of the device: its Will Message, and that it learns of
// lost connections.
func (l *Live) Options(o client.Options) client.Options {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.device.Wake(0) // it boots, and asks for a connection
	o.Will, o.Announce = nil, l.announce
	report := o.Retry.Report
	o.Retry.Report = func(outage client.Outage) {
		if !outage.LostAt.IsZero() {
			l.outage(outage)
		}
		if report != nil {
			report(outage)
		}
	}
	return o
}

// announce is the Will Message of the next connection. The birth comes from the device itself, when it has subscribed.
func (l *Live) announce(v wire.Version) client.Announcement {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version = v
	m, _ := l.device.Will()
	if m == nil {
		return client.Announcement{}
	}
	*m = l.dressed(*m)
	return client.Announcement{Will: &wire.Will{
		Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, Retain: m.Retain, Properties: m.Properties,
	}}
}

// dressed is a message as the version of the protocol can carry it.
func (l *Live) dressed(m message.Message) message.Message {
	if l.version != wire.V5 {
		m.Properties = nil
	}
	return m
}

// outage follows the connection.
func (l *Live) outage(o client.Outage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.BackAt.IsZero() {
		if l.online {
			l.online = false
			close(l.lost)
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

// stands notes that there is a connection.
func (l *Live) stands() {
	if !l.online {
		l.online, l.lost = true, make(chan struct{})
	}
}

// now is the time of the device.
func (l *Live) now() time.Duration { return time.Since(l.start) }

// Run lives the device's life until the context or the Session ends, or a function says so. It subscribes, is born,
// measures and obeys. It does not close the Session: [Live.Leave] and then closing it is a clean end.
func (l *Live) Run(ctx context.Context, s *client.Session) error {
	var subs []wire.Subscription
	for _, topic := range l.device.Topics() {
		subs = append(subs, wire.Subscription{Filter: topic, QoS: 1})
	}
	if len(subs) > 0 {
		if _, err := s.Subscribe(ctx, l.Properties, subs...); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.stands()
	outputs := slices.Clone(l.device.Connected(l.now()))
	l.mu.Unlock()
	for _, o := range outputs {
		if err := l.confirm(ctx, s, o); err != nil {
			return err
		}
	}
	if l.Born != nil {
		if err := l.Born(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var receiving sync.WaitGroup
	defer receiving.Wait()
	defer cancel()
	in, handled := make(chan message.Message), make(chan struct{}, 1)
	receiving.Go(func() { receiveAll(ctx, s, in, handled) })
	return l.loop(ctx, s, in, handled)
}

// receiveAll hands over messages one by one. Each is acknowledged when the device has done what it asks for.
func receiveAll(ctx context.Context, s *client.Session, in chan<- message.Message, handled <-chan struct{}) {
	for {
		m, err := s.Recv(ctx)
		if err != nil {
			return // the loop sees why
		}
		select {
		case in <- m:
		case <-ctx.Done():
			return
		}
		select {
		case <-handled:
			s.AckReceived()
		case <-ctx.Done():
			return
		}
	}
}

func (l *Live) loop(ctx context.Context, s *client.Session, in <-chan message.Message, handled chan<- struct{}) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.Done():
			return s.Err()
		case <-timer.C:
			err = l.step(ctx, s, func(now time.Duration) []Output { return l.device.Wake(now) })
		case <-l.back:
			err = l.step(ctx, s, func(now time.Duration) []Output { return l.device.Connected(now) })
		case m := <-in:
			l.held = &m
			if l.Received != nil {
				err = l.Received(m)
			}
		}
		var obeyed bool
		if err == nil {
			obeyed, err = l.obey(ctx, s)
		}
		if err != nil {
			return err
		}
		if obeyed {
			handled <- struct{}{}
		}
		l.mu.Lock()
		next := l.device.Next()
		l.mu.Unlock()
		if next < profile.Never {
			timer.Reset(max(0, next-l.now()))
		} else {
			timer.Stop()
		}
	}
}

// obey gives the device the message that came in. Over a new connection messages may come before the device knows of it:
// then they wait.
func (l *Live) obey(ctx context.Context, s *client.Session) (bool, error) {
	if l.held == nil {
		return false, nil
	}
	obeyed := false
	err := l.step(ctx, s, func(now time.Duration) []Output {
		if !l.online {
			return nil
		}
		obeyed = true
		outputs := slices.Clone(l.device.Connected(now))
		outputs = append(outputs, l.device.Receive(now, *l.held)...)
		l.held = nil
		return outputs
	})
	return obeyed, err
}

// step has the device do something and sends what comes of it. What the end of the connection keeps from being sent is
// lost, as it is on a device without a memory.
func (l *Live) step(ctx context.Context, s *client.Session, do func(now time.Duration) []Output) error {
	l.mu.Lock()
	outputs := slices.Clone(do(l.now()))
	lost := l.lost
	l.mu.Unlock()
	for _, o := range outputs {
		if err := l.send(ctx, lost, s, o); err != nil {
			return err
		}
	}
	return nil
}

func (l *Live) send(ctx context.Context, lost <-chan struct{}, s *client.Session, o Output) error {
	if o.Kind != Publish || o.Message.Is(Dropped) {
		return nil
	}
	bounded, cancel := during(ctx, lost)
	defer cancel()
	m := l.toSend(o)
	err := s.PublishAsync(bounded, m, func(r client.Result) {
		if _, refused := errors.AsType[*client.RefusedError](r.Err); refused && l.Refused != nil {
			l.Refused(m.Topic, r.Err)
		}
	})
	if err == nil {
		return l.told(o.Message)
	}
	if bounded.Err() == nil && s.Err() == nil && !errors.Is(err, client.ErrConnectionLost) && l.Refused != nil {
		l.Refused(m.Topic, err)
	}
	return ctx.Err() // the Session tells of its own end
}

// during is a context that ends with a connection.
func during(ctx context.Context, lost <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// toSend is the message of an output for this connection.
func (l *Live) toSend(o Output) message.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dressed(o.Message.Message)
}

func (l *Live) told(m *Made) error {
	if l.Sent == nil {
		return nil
	}
	return l.Sent(m)
}

// confirm sends a message and waits until the Server has it.
func (l *Live) confirm(ctx context.Context, s *client.Session, o Output) error {
	if o.Kind != Publish || o.Message.Is(Dropped) {
		return nil
	}
	if err := s.Publish(ctx, l.toSend(o)); err != nil {
		return err
	}
	return l.told(o.Message)
}

// Leave says that the device is offline and waits until the Server has that, at most until ctx ends. Without a connection
// it says nothing: the Server has published the Will Message.
func (l *Live) Leave(ctx context.Context, s *client.Session) error {
	l.mu.Lock()
	if !l.online {
		l.mu.Unlock()
		return nil
	}
	outputs := slices.Clone(l.device.Stop(l.now()))
	lost := l.lost
	l.mu.Unlock()
	ctx, cancel := during(ctx, lost)
	defer cancel()
	for _, o := range outputs {
		if err := l.confirm(ctx, s, o); err != nil {
			return err
		}
	}
	return nil
}
