package publish

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/pace"
	"github.com/mqx-cli/mqx/internal/queue"
)

// courier delivers what is in a Queue.
type courier struct {
	queue   *queue.Queue
	options client.Options
	asked   client.Retry // how to try when the source has ended
	connect Connect
	trouble func(error)
	report  func(error)
	pace    *pace.Pacer

	ended     chan struct{} // closed when the source has ended
	broken    chan struct{} // closed when the Queue cannot be read
	brokenErr error

	mu      sync.Mutex
	link    linkState
	changed chan struct{}     // closed when link changes
	numbers map[uint16]uint64 // of the messages under way, by Packet Identifier

	underWay int                     // how many of them have not ended
	vain     int                     // connections lost in a row while messages were under way, and none has ended
	doubt    context.CancelCauseFunc // ends delivering, to find out why; nil for not now

	// What became of messages; guarded by mu until run has returned.
	delivered, refused, expired int
}

// linkState is what is known of the connection.
type linkState int

const (
	linkUnknown linkState = iota // the first attempt is being made
	linkUp
	linkDown
	linkGone // and no attempt will be made
)

func newCourier(q *queue.Queue, o *QueuedOptions) *courier {
	c := &courier{
		queue: q, options: o.Client, asked: o.Client.Retry, connect: o.Connect, trouble: o.Trouble, report: o.Report,
		pace: pace.New(o.Rate), ended: make(chan struct{}), broken: make(chan struct{}), changed: make(chan struct{}),
		numbers: map[uint16]uint64{},
	}
	if c.connect == nil {
		c.connect = client.Open
	}
	c.options.ResumeSession, c.options.Journal = true, c
	c.options.Retry.Report = func(outage client.Outage) {
		if outage.BackAt.IsZero() {
			c.set(linkDown)
			c.outage(outage)
		} else {
			c.set(linkUp)
		}
		if c.asked.Report != nil {
			c.asked.Report(outage)
		}
	}
	return c
}

func (c *courier) set(l linkState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != l {
		c.link = l
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

func (c *courier) changes() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// hopes reports whether a full Queue may get room soon.
func (c *courier) hopes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link == linkUp || c.link == linkUnknown || c.link == linkDown && c.asked.Reconnect == client.Forever
}

func (c *courier) inputEnded() { close(c.ended) }

func (c *courier) lasts() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// errStranded says that the source has ended while there was no connection: the last attempts are made.
var errStranded = errors.New("no connection when the input ended")

// run delivers until the Queue is empty and sealed.
func (c *courier) run(ctx context.Context) error {
	err := errAgain
	for again := true; again; {
		switch {
		case errors.Is(err, errAgain), errors.Is(err, errStranded):
			err = c.deliver(ctx)
		case errors.Is(err, errSuspect):
			err = c.sift(ctx)
		default:
			again = false
		}
	}
	c.set(linkGone)
	_, damaged := errors.AsType[*queue.DamagedError](err)
	_, lost := errors.AsType[*DeliveryError](err)
	switch {
	case damaged, c.queue.Err() != nil:
		c.brokenErr = err
		close(c.broken)
	case lost && c.lasts() && c.trouble != nil:
		c.trouble(err)
	}
	return err
}

// deliver makes a connection and delivers what there is, until the source has ended and everything is acknowledged.
func (c *courier) deliver(ctx context.Context) error {
	if !c.lasts() && c.queue.Kept() == 0 {
		return nil
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.mayDoubt(cancel)
	defer c.mayDoubt(nil)
	o := c.connectOptions(inner, cancel)
	s, err := c.connect(inner, o)
	if err != nil {
		return c.why(inner, err)
	}
	c.set(linkUp)
	go func() {
		select {
		case <-s.Done():
			cancel(s.Err())
		case <-inner.Done():
		}
	}()
	if err = c.sendAll(inner, s); err == nil {
		// Not with inner: a connection that is lost after the last answer has done no harm.
		err = c.finish(ctx, s, o.Retry.Reconnect)
	} else {
		err = c.why(inner, err)
	}
	c.farewell(ctx, s, err)
	if lost, ok := errors.AsType[*DeliveryError](err); ok && c.suspects(lost.Err, s.Unacknowledged()) {
		return errSuspect
	}
	return err
}

// connectOptions are those for a connection now. ctx and cancel are of the attempts to make it.
func (c *courier) connectOptions(ctx context.Context, cancel context.CancelCauseFunc) client.Options {
	o := c.options
	if c.lasts() {
		o.Retry.Connect, o.Retry.Reconnect = client.Forever, client.Forever
		if c.asked.Reconnect != client.Forever {
			go c.leave(ctx, cancel)
		}
	}
	o.FreshSession = !c.queue.UnderWay()
	return o
}

func (c *courier) mayDoubt(cancel context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubt, c.vain = cancel, 0
}

// leave ends the attempts that are made for ever when the source has ended and there is no connection.
func (c *courier) leave(ctx context.Context, cancel context.CancelCauseFunc) {
	select {
	case <-c.ended:
	case <-ctx.Done():
		return
	}
	for {
		changed := c.changes()
		c.mu.Lock()
		down := c.link == linkDown
		c.mu.Unlock()
		if down {
			cancel(errStranded)
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// why tells a lost connection from what else may have ended a call.
func (c *courier) why(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errStranded), errors.Is(cause, errSuspect):
		return cause
	case cause != nil && errors.Is(cause, client.ErrConnectionLost):
		return &DeliveryError{cause}
	case cause != nil:
		return cause
	case c.queue.Err() != nil:
		return c.queue.Err()
	}
	if _, ok := errors.AsType[*queue.DamagedError](err); ok {
		return err
	}
	return &DeliveryError{err}
}

// finish waits for the last acknowledgements. Where the Session tries more often than was asked for, the last attempts are
// another's; where it does not, they are its own, and leaving it each time that it is lost would be without end.
func (c *courier) finish(ctx context.Context, s *client.Session, tries int) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.mayDoubt(cancel)
	if c.asked.Reconnect != tries {
		go c.leave(inner, cancel)
	}
	if err := s.Drain(inner); err != nil {
		return c.why(inner, err)
	}
	if err := s.Err(); err != nil && c.queue.Kept() > 0 {
		return &DeliveryError{err}
	}
	return nil
}

// farewell ends a connection: for good when nothing is left, and so that the Session goes on otherwise.
func (c *courier) farewell(ctx context.Context, s *client.Session, err error) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	switch {
	case errors.Is(err, errStranded), errors.Is(err, errSuspect):
		s.Abandon()
	case err == nil && c.queue.Kept() == 0:
		_ = s.CloseForGood(bounded) // everything was acknowledged
	default:
		_ = s.Close(bounded) // the messages that were not acknowledged are kept
	}
}

// sendAll sends what there is, until the Queue is sealed and nothing is left.
func (c *courier) sendAll(ctx context.Context, s *client.Session) error {
	if err := c.beginAnew(ctx, s); err != nil {
		return err
	}
	for {
		e, err := c.queue.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := c.send(ctx, s, e); err != nil {
			return err
		}
	}
}

// beginAnew goes back to the first message that has not ended.
func (c *courier) beginAnew(ctx context.Context, s *client.Session) error {
	c.queue.Rewind()
	c.mu.Lock()
	clear(c.numbers)
	c.underWay = 0
	c.mu.Unlock()
	if s.Caps().SessionPresent {
		return nil
	}
	return c.queue.Forget(ctx)
}

func (c *courier) send(ctx context.Context, s *client.Session, e queue.Entry) error {
	if !remaining(&e, c.queue.Now()) {
		c.expire(e)
		return nil
	}
	if err := lacksForm(&e, s); err != nil {
		return c.setAside(e, err)
	}
	if d := c.pace.Next(); d > 0 {
		if err := pause(ctx, d); err != nil {
			return err
		}
	}
	kept := c.underWayAs(e)
	e.Message = message.Message{} // the Session has it
	err := s.PublishKept(ctx, kept, func(r client.Result) { c.end(e, r.Err) })
	if isRefused(err) { // by a limit that CONNACK announced
		c.end(e, err)
		return nil
	}
	return err
}

// lacksForm says why no packet at the protocol level of a connection can carry a message, nil where one can. It is asked before
// the Session has the message: during an outage that would take it all the same, and find out when nobody listens any more. Of
// a message that the Server has received nothing but PUBREL is sent.
func lacksForm(e *queue.Entry, s *client.Session) error {
	if e.Received {
		return nil
	}
	return checkForm(&e.Message, s.Caps().Version)
}

// underWayAs notes that a message is about to be sent.
func (c *courier) underWayAs(e queue.Entry) client.Kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.numbers[e.ID] = e.Number
	c.underWay++
	return client.Kept{Message: e.Message, ID: e.ID, Again: e.Again, Received: e.Received}
}

// expire notes that a message is not worth being sent any more.
func (c *courier) expire(e queue.Entry) {
	c.count(&c.expired)
	c.queue.Done(e)
}

// end notes what became of a message. What a lost connection has left open stays in the Queue.
func (c *courier) end(e queue.Entry, err error) {
	switch {
	case err == nil:
		c.count(&c.delivered)
	case isRefused(err):
		c.count(&c.refused)
		c.report(err)
	default:
		return
	}
	c.arrived()
	c.queue.Done(e)
}

// arrived notes that a message is not under way any more.
func (c *courier) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay--
}

func (c *courier) count(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
	c.vain = 0
}

// Received implements client.Journal.
func (c *courier) Received(id uint16, safe func()) {
	c.mu.Lock()
	number := c.numbers[id]
	c.mu.Unlock()
	c.queue.Received(number, func(err error) {
		if err == nil {
			safe()
		}
	})
}

// Forgotten implements client.Journal.
func (c *courier) Forgotten(ctx context.Context) error { return c.queue.Forget(ctx) }
