package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// attached is the Session of a device.
type attached struct {
	session *client.Session
	line    *line
	in      chan message.Message
	handled chan struct{} // takes one for each message that was obeyed

	stop      context.CancelFunc // of receiving
	receiving sync.WaitGroup
}

// opening is a Session on its way.
type opening struct {
	cancel context.CancelFunc
	result chan opened
}

// opened is what came of it.
type opened struct {
	at  *attached
	err error
}

// wants is what a device wants of its connection: one, none, or that all stays as it is.
func (l *Live) wants() linkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.device.state
}

// connectOrNot begins or ends a connection where the device wants that.
func (l *Live) connectOrNot(ctx context.Context) {
	switch state := l.wants(); {
	case state == down && l.at != nil:
		l.hangUp(ctx, Vanish) // it was lost already
	case state == down:
		l.giveUpOpening()
	case state == connecting && l.at == nil && l.opening == nil && !time.Now().Before(l.notBefore):
		l.open(ctx)
	}
}

// open begins to connect and to subscribe.
func (l *Live) open(ctx context.Context) {
	o := l.options
	if l.born {
		o.Retry.Connect = max(o.Retry.Connect, o.Retry.Reconnect)
	}
	way := newLine(o)
	o.Dial = way.open
	l.mu.Lock()
	o.ClientID = l.clientID()
	var subs []wire.Subscription
	for _, topic := range l.device.Topics() {
		subs = append(subs, wire.Subscription{Filter: topic, QoS: 1})
	}
	l.mu.Unlock()
	o.Will, o.Announce = nil, l.announce
	report := o.Retry.Report
	o.Retry.Report = func(outage client.Outage) {
		if way.dark.Load() {
			return // the device has turned away
		}
		if !outage.LostAt.IsZero() {
			l.outage(outage)
		}
		if report != nil {
			report(outage)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	l.opening = &opening{cancel, make(chan opened, 1)}
	result := l.opening.result
	go func() {
		s, err := l.Open(ctx, o)
		if err != nil {
			result <- opened{err: err}
			return
		}
		a := &attached{session: s, line: way, in: make(chan message.Message), handled: make(chan struct{}, 1)}
		if len(subs) > 0 {
			if _, err = s.Subscribe(ctx, l.Properties, subs...); err != nil && s.Err() != nil {
				err = s.Err() // tells more
			}
		}
		result <- opened{a, err}
	}()
}

// clientID is the Client Identifier that the device has at the time: the one that it was given, or else that of the
// profile, which may change at each boot.
func (l *Live) clientID() string {
	given := l.options.ClientID
	if given == l.device.run.Profile.ClientID(&l.device.from) {
		return l.device.ClientID()
	}
	if n := l.device.renamed; n > 0 {
		return fmt.Sprintf("%s-%d", given, n)
	}
	return given
}

// giveUpOpening drops a Session that is on its way.
func (l *Live) giveUpOpening() {
	if l.opening == nil {
		return
	}
	l.opening.cancel()
	if r := <-l.opening.result; r.at != nil {
		r.at.session.Abandon()
	}
	l.opening = nil
}

// opened takes a new Session. The first birth must be confirmed.
func (l *Live) opened(ctx context.Context, r opened) error {
	l.opening.cancel()
	l.opening = nil
	if r.at == nil {
		return r.err
	}
	switch {
	case r.err != nil:
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTimeout)
		defer cancel()
		_ = r.at.session.Close(ctx) // it was refused, and nobody knows of it yet
		return r.err
	case l.wants() != connecting:
		r.at.session.Abandon()
		return nil
	}
	a := r.at
	receiving, stop := context.WithCancel(ctx)
	l.at, a.stop = a, stop
	a.receiving.Go(func() { receiveAll(receiving, a) })
	l.mu.Lock()
	l.stands()
	l.mu.Unlock()
	if l.born {
		return l.connected(ctx)
	}
	l.born = true
	return l.bear(ctx, a.session)
}

// bear gives the device its life, and returns when the Server has its birth.
func (l *Live) bear(ctx context.Context, s *client.Session) error {
	l.mu.Lock()
	l.begin()
	outputs := slices.Clone(l.device.Connected(0))
	l.mu.Unlock()
	for _, o := range outputs {
		if err := l.confirm(ctx, s, o); err != nil {
			return err
		}
	}
	l.tellSession()
	if l.Born != nil {
		return l.Born()
	}
	return nil
}

// begin has time begin, now that the first connection stands.
func (l *Live) begin() {
	waited := time.Since(l.start)
	l.start = l.start.Add(waited)
	if run := l.device.run; run.Profile.Clock.Start.IsZero() {
		run.Start = run.Start.Add(waited)
	}
}

// connected tells the device that a connection stands again.
func (l *Live) connected(ctx context.Context) error {
	fits := false
	err := l.step(ctx, func(now time.Duration) []Output {
		if fits = l.online && l.device.state == connecting; !fits {
			return nil // it was another one
		}
		return l.device.Connected(now)
	})
	if fits && err == nil {
		l.tellSession()
	}
	return err
}

func (l *Live) tellSession() {
	l.mu.Lock()
	session := l.device.session()
	l.mu.Unlock()
	l.tell("connected, session " + session)
}

// ended is told that the Session has ended. A device that had no use for it, or whose identifier a second client of ours
// has taken, goes on.
func (l *Live) ended() error {
	err := l.at.session.Err()
	l.mu.Lock()
	blocked := l.device.blocked()
	l.mu.Unlock()
	said, ok := errors.AsType[*client.DisconnectedError](err)
	taken := l.rivals.Load() > 0 && (ok && said.Code == wire.SessionTakenOver || errors.Is(err, client.ErrTakenOver))
	if !blocked && !taken {
		return err
	}
	l.detach()
	l.mu.Lock()
	l.offline()
	l.device.Disconnected()
	l.device.Reconnect()
	l.mu.Unlock()
	if taken {
		l.tell("the second client has taken over; the device comes back")
		l.notBefore = time.Now().Add(comesBackAfter)
	}
	return nil
}

// comesBackAfter is how long a device waits whose Client Identifier was taken.
const comesBackAfter = time.Second

// detach forgets the Session.
func (l *Live) detach() *attached {
	a := l.at
	l.at, l.held = nil, nil
	a.stop()
	a.receiving.Wait()
	return a
}

// hangUp ends the connection as the device wants it.
func (l *Live) hangUp(ctx context.Context, how OutputKind) {
	if l.at == nil {
		return
	}
	a := l.detach()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpTimeout)
	defer cancel()
	switch how {
	case Goodbye:
		_ = a.session.Drain(ctx) // what is not acknowledged by then is lost, as on a device without a memory
		_ = a.session.Close(ctx)
	case WithWill:
		a.session.CloseWithWill(ctx)
	case Changeling:
		a.line.darken() // the Server finds out by itself
		l.left = append(l.left, a.session)
	default:
		a.line.tear()
		a.session.Abandon()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offline()
}

// hangUpTimeout bounds a polite end.
const hangUpTimeout = 3 * time.Second

// receiveAll hands over messages one by one. Each is acknowledged when the device has done what it asks for.
func receiveAll(ctx context.Context, a *attached) {
	for {
		m, err := a.session.Recv(ctx)
		if err != nil {
			return // the loop sees why
		}
		select {
		case a.in <- m:
		case <-ctx.Done():
			return
		}
		select {
		case <-a.handled:
			a.session.AckReceived()
		case <-ctx.Done():
			return
		}
	}
}
