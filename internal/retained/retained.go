// Package retained reads Retained Messages and knows when it has seen them all.
//
// MQTT has no end mark for them, and orders messages per topic only. [Collect] therefore looks for evidence: a message of
// its own that comes back behind them, or a barrier and a pause, and says which it was.
package retained

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// sentinelPatience is how long after the last retained message and its acknowledgement the sentinel may take, where a Server
	// that drops it acknowledges it just the same.
	sentinelPatience = time.Second
	// surePatience is how long it may take where the Server has acknowledged that it has a subscriber: it comes, unless this
	// user may not read it, and what comes first may be late on a slow machine.
	surePatience = 5 * time.Second
	// answerPatience is how long its acknowledgement may take.
	answerPatience = 10 * time.Second
	// quiet is the pause after the barrier.
	quiet = 200 * time.Millisecond
	// maxBuffered is how many bytes may wait in the sink while more messages are there to take.
	maxBuffered = 256 << 10
)

// Session is what Collect needs of a client.Session.
type Session interface {
	Subscribe(ctx context.Context, props *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error)
	Unsubscribe(ctx context.Context, filters ...string) ([]wire.ReasonCode, error)
	PublishAsync(ctx context.Context, m message.Message, done func(client.Result)) error
	Recv(ctx context.Context) (message.Message, error)
	Ready() int
	AckReceived()
}

// Sink takes the Retained Messages.
type Sink interface {
	// Message takes m and reports whether that was enough.
	Message(m message.Message) (enough bool, err error)
	Flush() error
	Buffered() int
}

// Options say what to collect.
type Options struct {
	// Subscriptions are made by Collect, with Retain Handling 0 and Retain As Published 0, so that RETAIN=1 means retained.
	Subscriptions []wire.Subscription
	// Properties are those of the SUBSCRIBE, nil for none.
	Properties *wire.Properties
	// NoPublish goes without the sentinel, for clients that may not publish.
	NoPublish bool
	// Stays says that the session goes on afterwards: Collect then ends the subscription to its sentinel as well, in the
	// background.
	Stays bool
	// Deadline ends the collection; zero is none.
	Deadline time.Time
	// Ready is called once when the subscriptions are active; it may be nil.
	Ready func() error
}

// Evidence is how Collect knows that it has seen everything.
type Evidence string

// The evidence, in the words that are shown to the user.
const (
	Sentinel   Evidence = "complete (sentinel)"
	Barrier    Evidence = "complete (barrier + quiet 200ms)"
	Incomplete Evidence = "incomplete (timeout)"
	Enough     Evidence = "stopped (enough)" // the sink had enough
)

// Collect subscribes and gives the Retained Messages to sink until it has evidence of having seen them all.
func Collect(ctx context.Context, s Session, sink Sink, o Options) (Evidence, error) {
	return newCollector(s, sink, o).collect(ctx)
}

func newCollector(s Session, sink Sink, o Options) *collector {
	return &collector{session: s, sink: sink, options: o, topic: sentinelLevel + nonce()}
}

func (c *collector) collect(ctx context.Context) (Evidence, error) {
	if !c.options.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, c.options.Deadline, errDeadline)
		defer cancel()
	}
	evidence, err := c.run(ctx)
	switch {
	case errors.Is(err, errEnough):
		evidence, err = Enough, c.ready()
	case err != nil && errors.Is(context.Cause(ctx), errDeadline):
		evidence, err = Incomplete, nil
	}
	c.holds = false
	if c.options.Stays && c.hears {
		c.giveBack(ctx)
	}
	if settled := c.settle(); !errors.Is(err, settled) { // the same failure, told once
		err = errors.Join(settled, err)
	}
	return evidence, err
}

// giveBack ends the subscription to the sentinel. Nobody waits for the answer, which comes behind all that is on its way;
// the request ends with the session at the latest.
func (c *collector) giveBack(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	go func() { _, _ = c.session.Unsubscribe(ctx, c.topic) }()
}

// Why a wait ended.
var (
	errDeadline = errors.New("the deadline has passed")
	errPause    = errors.New("nothing came")
	errEnough   = errors.New("enough")
	errAcked    = errors.New("the sentinel is acknowledged")
	errSentinel = errors.New("the sentinel is back")
	errAnswered = errors.New("the server has answered")
)

// sentinelLevel is the level below which sentinels are published.
const sentinelLevel = "_mqx/"

func nonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

type collector struct {
	session Session
	sink    Sink
	options Options
	topic   string             // of the sentinel
	acked   chan client.Result // the sentinel was, or was refused
	last    time.Time          // when the last message came
	told    bool               // Options.Ready was called
	hears   bool               // the subscription to our own topic stands
	heard   bool               // a message to our own topic has come back
	awaits  bool               // the next one is an end

	queue queueProof
	holds bool // acknowledgements are held back
}

func (c *collector) run(ctx context.Context) (Evidence, error) {
	c.acked = make(chan client.Result, 1)
	if err := c.subscribe(ctx); err != nil {
		return "", err
	}
	if c.hears {
		if err := c.sendSentinel(ctx); err != nil {
			return "", err
		}
		c.queue.held, c.holds = c.holds, false
		if found, err := c.awaitSentinel(ctx); found || err != nil {
			c.queue.sentinel = found
			return Sentinel, err
		}
	}
	if err := c.barrier(ctx); err != nil {
		return "", err
	}
	c.last = time.Now()
	if err := c.takeUntil(ctx, func() time.Time { return c.last.Add(quiet) }); !errors.Is(err, errPause) {
		return "", err
	}
	return Barrier, nil
}

// subscribe makes the subscriptions, that of the sentinel first.
func (c *collector) subscribe(ctx context.Context) error {
	if !c.options.NoPublish {
		codes, err := c.session.Subscribe(ctx, nil, c.ownSubscriptions()...)
		c.hears = err == nil || len(codes) > 0 && !codes[0].IsError() // the version may be refused
		if _, refused := errors.AsType[*client.RefusedError](err); err != nil && !refused {
			return err
		}
	}
	c.holds, c.last = c.hears && c.queue.wanted, time.Now()
	err := c.during(ctx, func(ctx context.Context) error {
		_, err := c.session.Subscribe(ctx, c.options.Properties, c.options.Subscriptions...)
		return err
	})
	if err != nil {
		return err
	}
	c.last = time.Now()
	return c.ready()
}

// barrier waits until the Server has worked off everything before it: the filter is ours and matches nothing, and the answer
// is UNSUBACK.
func (c *collector) barrier(ctx context.Context) error {
	return c.during(ctx, func(ctx context.Context) error {
		_, err := c.session.Unsubscribe(ctx, c.topic+"/none")
		return err
	})
}

// ready tells, once, that the subscriptions are active.
func (c *collector) ready() error {
	if c.told || c.options.Ready == nil {
		return nil
	}
	c.told = true
	return c.options.Ready()
}

// during runs a call that waits for an answer of the Server, and takes messages meanwhile: there may be a million of them
// in front of the answer.
func (c *collector) during(ctx context.Context, call func(context.Context) error) error {
	calling, giveUp := context.WithCancel(ctx)
	taking, answered := context.WithCancelCause(ctx)
	defer answered(nil)
	answer := make(chan error, 1)
	go func() {
		answer <- call(calling)
		answered(errAnswered)
	}()
	err := c.takeUntil(taking, c.patience())
	if errors.Is(err, errPause) { // the Server may want acknowledgements before it answers
		c.holds = false
		err = c.takeUntil(taking, nil)
	}
	giveUp()
	if result := <-answer; errors.Is(err, errAnswered) {
		return result
	}
	return err
}

// sendSentinel publishes to our own topic. A refusal is no failure: the barrier needs no right.
func (c *collector) sendSentinel(ctx context.Context) error {
	acked := c.acked
	c.awaits = true
	err := c.session.PublishAsync(ctx, message.Message{Topic: c.topic, QoS: 1}, func(r client.Result) { acked <- r })
	if _, limit := errors.AsType[*client.RefusedError](err); limit {
		acked <- client.Result{Err: err}
		return nil
	}
	return err
}

func (c *collector) awaitSentinel(ctx context.Context) (bool, error) {
	ack, err := c.awaitAck(ctx)
	if errors.Is(err, errAcked) && ack.Err == nil {
		patience := sentinelPatience
		if c.isSure(ack) {
			patience = surePatience
		}
		if now := time.Now(); now.After(c.last) {
			c.last = now
		}
		err = c.takeUntil(ctx, func() time.Time { return c.last.Add(patience) })
	}
	switch {
	case errors.Is(err, errSentinel):
		return true, nil
	case errors.Is(err, errPause), errors.Is(err, errAcked):
		c.awaits = false
		return false, nil
	default:
		return false, err
	}
}

// awaitAck takes messages until the sentinel is acknowledged, which is errAcked, or back.
func (c *collector) awaitAck(ctx context.Context) (client.Result, error) {
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	result := make(chan client.Result, 1)
	go func() {
		select {
		case r := <-c.acked:
			result <- r
			cancel(errAcked)
		case <-waiting.Done():
		}
	}()
	err := c.takeUntil(waiting, func() time.Time { return c.last.Add(answerPatience) })
	if errors.Is(err, errAcked) {
		return <-result, err
	}
	return client.Result{}, err
}

// isSure reports whether an acknowledgement says that the sentinel was taken and has a subscriber. Below MQTT 5 it says nothing.
func (c *collector) isSure(ack client.Result) bool {
	s, ok := c.session.(interface{ Caps() client.Caps })
	return ok && s.Caps().Version == wire.V5 && ack.Code == wire.Success
}

// takeUntil takes messages until none came before the time that limit gives, which moves with every retained message. A nil
// limit leaves it to ctx.
func (c *collector) takeUntil(ctx context.Context, limit func() time.Time) error {
	for {
		m, err := c.next(ctx, limit)
		if err != nil {
			return err
		}
		switch {
		case m.Topic == c.topic:
			if c.heard = true; c.awaits {
				return errSentinel
			}
		case c.queue.wanted && m.Topic == versionTopic:
			c.queue.version = string(m.Payload)
		case m.Retain:
			c.last = time.Now()
			enough, err := c.sink.Message(m)
			if err != nil {
				return err
			}
			if enough {
				return errEnough
			}
		case limit != nil && time.Now().After(limit()): // live messages keep coming, retained ones do not
			return errPause
		}
	}
}

func (c *collector) next(ctx context.Context, limit func() time.Time) (message.Message, error) {
	if ctx.Err() != nil { // messages that are there must not hide it
		return message.Message{}, context.Cause(ctx)
	}
	waits := c.session.Ready() == 0
	if waits || c.sink.Buffered() >= maxBuffered {
		start := time.Now()
		if err := c.settle(); err != nil {
			return message.Message{}, err
		}
		c.last = c.last.Add(time.Since(start)) // a slow reader of our output is no silence of the Server
	}
	if !waits {
		return c.session.Recv(ctx)
	}
	if limit != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, limit(), errPause)
		defer cancel()
	}
	m, err := c.session.Recv(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return m, err
}

// settle flushes, and then acknowledges what the sink has let go.
func (c *collector) settle() error {
	if err := c.sink.Flush(); err != nil {
		return err
	}
	if !c.holds {
		c.session.AckReceived()
	}
	return nil
}
