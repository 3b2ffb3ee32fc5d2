package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/queue"
)

const (
	// lostInVain is how many connections are lost in a row, with messages under way and none acknowledged, before it is asked
	// whether that is because of one of them.
	lostInVain = 2
	// strikesEnough is how many connections in a row a message alone must bring down before another one is tried.
	strikesEnough = 3
	// mostAhead is how far behind the first message others are tried.
	mostAhead = 15
	// siftTries bounds the attempts, as does --retry, when the source has ended.
	siftTries = 8
	// siftMaxWait is the longest wait between them then.
	siftMaxWait = time.Second
	// standTime is how long a connection has to stand before a message is sent on it: one that falls without is no evidence.
	standTime = 200 * time.Millisecond
)

// errSuspect says that the Server may close each connection because of one message.
var errSuspect = errors.New("connections are lost in vain")

// errAgain says that there is no reason any more not to send as fast as the Server takes it.
var errAgain = errors.New("deliver again")

// errStood says that a connection was lost before a message was sent on it.
var errStood = errors.New("lost without a message")

// errUnsent says that a message has ended without being sent, which tells nothing about the Server.
var errUnsent = errors.New("ended without being sent")

// SetAsideError is a message that the Server closes the connection for, every time, while it takes others, or one that the
// protocol level of the connection has no form for. Nothing behind it in a Queue would ever be delivered.
type SetAsideError struct {
	Topic string
	// File is where the message is now.
	File string
	// Err is how the last connection ended, or why the message cannot be sent.
	Err error
}

// Error says where the message is.
func (e *SetAsideError) Error() string {
	why := e.Err.Error()
	if errors.Is(e.Err, client.ErrConnectionLost) {
		why = strings.TrimPrefix(why, client.ErrConnectionLost.Error()+": ") + ", each time that it was sent"
	}
	return fmt.Sprintf("PUBLISH %q: %s; set aside in %s", e.Topic, why, e.File)
}

// Unwrap returns Err.
func (e *SetAsideError) Unwrap() error { return e.Err }

// suspect is the first message of the Queue, as far as it is known what it does to connections.
type suspect struct {
	strikes int  // how many in a row were lost with it alone
	others  int  // how many messages behind it were tried, and their connections lost too
	other   bool // one of them has gone through
}

// skip is how many messages to leave out to come to the one that is to be tried next.
func (s *suspect) skip(kept int) int {
	if s.strikes < strikesEnough || s.other || kept < 2 {
		return 0
	}
	return 1 + s.others%min(kept-1, mostAhead)
}

// learn takes note of how a connection with one message alone has ended, nil for its acknowledgement. It reports whether
// delivering can go on, and whether the first message is in its way: it has brought down every connection that it was sent on,
// before and after another one has gone through.
func (s *suspect) learn(skipped int, lost error) (goOn, guilty bool) {
	hungUp := client.HungUp(lost)
	switch {
	case skipped == 0 && (lost == nil || errors.Is(lost, errUnsent)):
		return true, false
	case errors.Is(lost, errUnsent):
		return false, false
	case lost == nil:
		s.other = true
	case !hungUp:
		s.strikes = 0 // the link, or the Server, is bad enough to be the reason
	case skipped == 0:
		s.strikes++
		return s.other, s.other
	default:
		s.others++
		s.strikes = strikesEnough - 1 // first things first: the Server may take it by now
	}
	return false, false
}

// suspects reports whether it is worth finding out why a connection was lost. Where there is one message only, it is in
// nobody's way.
func (c *courier) suspects(err error, underWay int) bool {
	return underWay > 0 && c.queue.Kept() > 1 && client.HungUp(err)
}

// outage is told of every lost connection that is to be replaced.
func (c *courier) outage(o client.Outage) {
	if o.LostAt.IsZero() || o.Attempts > 0 || !o.BackAt.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.vain++; !c.suspects(o.Cause, c.underWay) {
		c.vain = 0
	}
	if c.vain >= lostInVain && c.doubt != nil {
		c.doubt(errSuspect)
	}
}

// sift sends one message at a time, each on a connection of its own, until one is acknowledged: the first, or, when it was set
// aside, another.
func (c *courier) sift(ctx context.Context) error {
	var s suspect
	most := c.asked.MaxWait
	if !c.lasts() && c.asked.Reconnect != client.Forever {
		most = min(cmp.Or(most, siftMaxWait), siftMaxWait)
	}
	wait := client.NewBackoff(most)
	for left := max(siftTries, c.asked.Reconnect); ; {
		skip := s.skip(c.queue.Kept())
		e, lost, err := c.try(ctx, skip)
		if err != nil {
			return err
		}
		if !c.lasts() {
			left--
		}
		switch goOn, guilty := s.learn(skip, lost); {
		case guilty:
			return cmp.Or(c.setAside(e, lost), errAgain)
		case goOn:
			return errAgain
		case lost == nil, errors.Is(lost, errUnsent): // the first one is next, or another
		case left <= 0, !c.lasts() && c.queue.Kept() < 2 && c.asked.Reconnect != client.Forever:
			return &DeliveryError{lost}
		default:
			if err := c.wait(ctx, wait.Next()); err != nil {
				return c.why(ctx, err)
			}
		}
	}
}

// setAside takes a message out of the way, because of why.
func (c *courier) setAside(e queue.Entry, why error) error {
	file, err := c.queue.SetAside(e)
	if err != nil {
		return &DeliveryError{err}
	}
	c.count(&c.refused)
	c.report(&SetAsideError{Topic: e.Message.Topic, File: file, Err: why})
	return nil
}

// wait waits for d, or for the end of the source.
func (c *courier) wait(ctx context.Context, d time.Duration) error {
	ended := c.ended
	if !c.lasts() {
		ended = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// try makes a connection and sends one message on it. It returns the message, and how the connection was lost, nil when the
// message has ended, errUnsent when it has without being sent.
func (c *courier) try(ctx context.Context, skip int) (e queue.Entry, lost, err error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o := c.connectOptions(inner, cancel)
	o.Retry.Reconnect = 0
	s, err := c.connect(inner, o)
	if err != nil {
		return e, nil, c.why(inner, err)
	}
	c.set(linkUp)
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = s.Close(bounded) // what is not acknowledged is kept
	}()
	if e, err = c.pick(ctx, s, skip); err != nil {
		return e, nil, c.why(ctx, err)
	}
	timer := time.NewTimer(standTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.Done():
		return e, errStood, nil
	case <-ctx.Done():
		return e, nil, c.why(ctx, ctx.Err())
	}
	lost, err = c.sendAlone(ctx, s, e)
	return e, lost, err
}

// pick returns the message behind so many others.
func (c *courier) pick(ctx context.Context, s *client.Session, skip int) (e queue.Entry, err error) {
	if err = c.beginAnew(ctx, s); err != nil {
		return e, err
	}
	for range skip + 1 {
		if e, err = c.queue.Next(ctx); err != nil {
			return e, err
		}
	}
	return e, nil
}

// sendAlone sends a message and waits for its end. It returns how the connection was lost when that came first, or
// errUnsent.
func (c *courier) sendAlone(ctx context.Context, s *client.Session, e queue.Entry) (lost, err error) {
	if !remaining(&e, c.queue.Now()) {
		c.expire(e)
		return errUnsent, nil
	}
	if err := lacksForm(&e, s); err != nil {
		return errUnsent, c.setAside(e, err)
	}
	ended := make(chan error, 1)
	err = s.PublishKept(ctx, c.underWayAs(e), func(r client.Result) { ended <- r.Err })
	if isRefused(err) { // by a limit that CONNACK announced
		c.end(e, err)
		return errUnsent, nil
	}
	if err == nil {
		select {
		case err = <-ended:
		case <-ctx.Done():
			return nil, c.why(ctx, ctx.Err())
		}
	}
	switch {
	case err == nil, isRefused(err):
		c.end(e, err)
		return nil, nil
	case c.queue.Err() != nil, ctx.Err() != nil:
		return nil, c.why(ctx, err)
	default:
		return err, nil
	}
}
