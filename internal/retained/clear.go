package retained

import (
	"context"
	"errors"
	"sync"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
)

// maxRounds bounds how often Clear looks again for what a Server dropped from its queue, or somebody retains all the time.
const maxRounds = 50

// ErrStillRetained says that a topic has a Retained Message after it was cleared: the Server ignored the deletion, as below
// MQTT 5 it does without a word where it does not allow it, or somebody has retained a new one since.
var ErrStillRetained = errors.New("still retained: not allowed to clear it, or somebody has retained a new message")

// ClearSession is what Clear needs of a client.Session.
type ClearSession interface {
	Session
	Drain(ctx context.Context) error
	Unacknowledged() int
}

// ClearOptions say what to clear.
type ClearOptions struct {
	// List says where to look. Its QoS does not matter.
	List ListOptions
	// Selector picks what is cleared of it.
	Selector Selector
	// Confirm is asked once, when it is known how many messages there are, before anything is cleared. An error ends it.
	Confirm func(n int) error
	// Progress is told how many deletions of how many were sent.
	Progress func(sent, all int)
	// Report is told of every topic that was not cleared.
	Report func(name string, err error)
	// Cleared is told of every topic that was: in the end, when a look at the Server has shown it. When Clear ends before
	// that look, it is told of those whose deletion the Server has confirmed, as not verified.
	Cleared func(name string, verified bool) error
}

// Clearing is what Clear came to.
type Clearing struct {
	Evidence Evidence // of the last look
	Selected int
	Sent     int // deletions
	Cleared  int // and seen to be gone
	Refused  int
	Left     int // still retained, or again
	Unsure   int // sent, and no answer came
	// Confirmed are deletions that the Server has confirmed and nobody has verified, because Clear ended early.
	Confirmed int
}

// Clear deletes Retained Messages: it lists them first, deletes them (all deletions are on their way at once), and looks
// whether they are gone. MQTT deletes by topic: a message that replaces one after the listing is deleted in its place.
func Clear(ctx context.Context, s ClearSession, o ClearOptions) (Clearing, error) {
	c := &clearer{session: s, options: o, tried: newTopicSet(), refused: newTopicSet(), left: newTopicSet(), open: map[string]struct{}{}}
	defer c.topics.close()
	err := c.run(ctx)
	c.result.Unsure = s.Unacknowledged()
	if c.result.Sent > 0 && !c.accounted {
		err = errors.Join(err, c.accountEarly())
	}
	return c.result, err
}

type clearer struct {
	session ClearSession
	options ClearOptions
	topics  spool
	tried   topicSet // all that a deletion was sent for
	refused topicSet
	left    topicSet // those tried that the last look has found
	result  Clearing

	accounted bool

	mu       sync.Mutex
	failures []failure           // not reported yet
	open     map[string]struct{} // deletions without an answer
}

type failure struct {
	name string
	err  error
}

func (c *clearer) run(ctx context.Context) error {
	for round := range maxRounds {
		first := c.topics.n
		if err := c.look(ctx); err != nil {
			return err
		}
		c.result.Selected = c.topics.n
		if c.result.Evidence == Incomplete {
			return nil
		}
		if c.topics.n == first {
			break
		}
		if round == 0 {
			if err := c.options.Confirm(c.topics.n); err != nil {
				return err
			}
		}
		if err := c.delete(ctx, first); err != nil {
			return err
		}
	}
	return c.account()
}

// look lists what is retained: what to delete in the first round, what is left and what is new later.
func (c *clearer) look(ctx context.Context) error {
	c.left = newTopicSet()
	o := c.options.List
	o.QoS = 0 // the topics are enough
	if c.result.Selected > 0 {
		o.Ready = nil
	}
	filters := newFilterSet(o.Filters)
	listing, err := List(ctx, c.session, SinkFunc(func(m message.Message) error {
		switch {
		case c.tried.has(m.Topic):
			c.left.add(m.Topic)
		case c.options.Selector.Selects(m):
			return c.topics.add(m.Topic)
		}
		return nil
	}), o)
	c.result.Evidence = listing.Evidence
	if err != nil || listing.Evidence == Incomplete {
		return err
	}
	// Otherwise the Server would send every deletion back to us.
	names := make([]string, len(filters.filters))
	for i, f := range filters.filters {
		names[i] = f.String()
	}
	_, err = c.session.Unsubscribe(ctx, names...)
	return err
}

// delete sends the deletions of the topics from the one numbered first on.
func (c *clearer) delete(ctx context.Context, first int) error {
	err := c.topics.each(first, func(name string) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		c.tried.add(name)
		c.await(name)
		m := message.Message{Topic: name, QoS: min(1, c.maximumQoS()), Retain: true}
		err := c.session.PublishAsync(ctx, m, func(r client.Result) { c.done(name, r.Err) })
		if _, limit := errors.AsType[*client.RefusedError](err); limit {
			c.done(name, err)
		} else if err != nil {
			return err
		}
		c.result.Sent++
		c.report()
		if c.options.Progress != nil && c.result.Sent%1000 == 0 {
			c.options.Progress(c.result.Sent, c.topics.n)
		}
		return nil
	})
	if err == nil {
		err = c.session.Drain(ctx)
	}
	c.report()
	return err
}

// maximumQoS is what the Server allows, where we can know.
func (c *clearer) maximumQoS() byte {
	if s, ok := c.session.(interface{ Caps() client.Caps }); ok {
		return s.Caps().MaximumQoS
	}
	return 2
}

func (c *clearer) await(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[name] = struct{}{}
}

// done is called by the session, on any goroutine. A lost connection is told otherwise, and is no answer.
func (c *clearer) done(name string, err error) {
	_, refused := errors.AsType[*client.RefusedError](err)
	if err != nil && !refused {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, name)
	if refused {
		c.failures = append(c.failures, failure{name, err})
	}
}

func (c *clearer) isOpen(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, open := c.open[name]
	return open
}

func (c *clearer) report() {
	c.mu.Lock()
	failures := c.failures
	c.failures = nil
	c.mu.Unlock()
	for _, f := range failures {
		c.refused.add(f.name)
		c.result.Refused++
		c.options.Report(f.name, f.err)
	}
}

// account tells of every topic what became of it.
func (c *clearer) account() error {
	c.accounted = true
	return c.topics.each(0, func(name string) error {
		switch {
		case c.refused.has(name):
		case c.left.has(name), !c.tried.has(name):
			c.result.Left++
			c.options.Report(name, ErrStillRetained)
		default:
			c.result.Cleared++
			return c.options.Cleared(name, true)
		}
		return nil
	})
}

// accountEarly tells of the topics that are gone as far as the Server has said when there was no time to look.
func (c *clearer) accountEarly() error {
	c.report()
	return c.topics.each(0, func(name string) error {
		if !c.tried.has(name) || c.refused.has(name) || c.left.has(name) || c.isOpen(name) {
			return nil
		}
		c.result.Confirmed++
		return c.options.Cleared(name, false)
	})
}
