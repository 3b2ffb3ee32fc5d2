package presence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// filtersAtOnce is how many filters are put into one SUBSCRIBE.
	filtersAtOnce = 200
	// step is how many messages are taken before changes are shown.
	step = 1000
	// rounds bounds how often the status is listed anew because more topics of it were learned of.
	rounds = 8
	// sendNone is the Retain Handling with which a SUBSCRIBE gets no Retained Messages.
	sendNone = 2
)

// Observation is a look at a fleet over a session.
type Observation struct {
	Session    retained.Session
	Convention Convention
	Fleet      *Fleet
	// Names are the devices to look at: [AllDevices], names, or names with + for levels.
	Names []string
	// Expect are the devices that are known after List, also when nothing was heard of them.
	Expect []string
	// V5 says that the session speaks MQTT 5.
	V5 bool
	// Properties are those of SUBSCRIBE, nil for none.
	Properties *wire.Properties
	// NoPublish goes without a sentinel, see [retained.Options].
	NoPublish bool
	// Deadline ends everything; zero is none.
	Deadline time.Time
	// Back tells that a lost connection was replaced, so that messages may have been missed; nil is never.
	Back <-chan struct{}
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

func (o *Observation) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

// take tells the fleet what a message means. Those of mqx itself mean nothing.
func (o *Observation) take(m message.Message) {
	if strings.HasPrefix(m.Topic, "_mqx/") {
		return
	}
	r := o.Convention.Read(m)
	r.apply(o.Fleet, m.Retain, o.now())
}

// List reads what is retained. Live messages that come meanwhile count too.
func (o *Observation) List(ctx context.Context) (retained.Evidence, error) {
	o.Fleet.BeginListing()
	defer func() { o.Fleet.EndListing(o.now()) }()
	wanted := o.filters(func(f Filters) []string { return f.Status })
	evidence := retained.Evidence("")
	for range rounds {
		for at := range slices.Chunk(wanted, filtersAtOnce) {
			var err error
			if evidence, err = o.list(ctx, at); err != nil || evidence == retained.Incomplete {
				return evidence, err
			}
		}
		if wanted = o.discovered(); len(wanted) == 0 {
			break
		}
	}
	for _, name := range o.Expect {
		o.Fleet.Expect(name, o.now())
	}
	return evidence, nil
}

// list subscribes to some filters and reads what is retained there. It asks at QoS 0 first: Servers that limit their queues
// drop at QoS 1 what does not fit (Mosquitto: 1,000 messages by default), and a fleet may be larger.
func (o *Observation) list(ctx context.Context, filters []string) (retained.Evidence, error) {
	subs := make([]wire.Subscription, len(filters))
	for i, f := range filters {
		subs[i] = wire.Subscription{Filter: f}
	}
	evidence, err := retained.Collect(ctx, &overheard{o.Session, o}, stored{o}, retained.Options{
		Subscriptions: subs, Properties: o.Properties, NoPublish: o.NoPublish, Deadline: o.Deadline, Stays: true,
	})
	if err != nil || evidence == retained.Incomplete {
		return evidence, err
	}
	return evidence, o.subscribe(ctx, o.raised(filters))
}

// raised are subscriptions at QoS 1 to filters that are subscribed to at QoS 0.
func (o *Observation) raised(filters []string) []wire.Subscription {
	subs := make([]wire.Subscription, len(filters))
	for i, f := range filters {
		subs[i] = wire.Subscription{Filter: f, QoS: 1}
		if o.V5 {
			subs[i].RetainHandling = sendNone
		}
	}
	return subs
}

func (o *Observation) discovered() []string {
	if d, ok := o.Convention.(discoverer); ok {
		return d.Discovered()
	}
	return nil
}

// filters are those of all devices that are looked at, without those that others cover.
func (o *Observation) filters(which func(Filters) []string) []string {
	var wild, plain []topic.Filter
	seen := map[string]bool{}
	for _, name := range o.Names {
		for _, text := range which(o.Convention.Filters(name)) {
			f, err := topic.ParseFilter(text)
			switch {
			case err != nil || seen[text]:
			case f.HasWildcard():
				wild = append(wild, f)
			default:
				plain = append(plain, f)
			}
			seen[text] = true
		}
	}
	var kept []string
	for i, f := range wild {
		wider := func(g topic.Filter) bool { return topic.Covers(g, f) }
		// Of two that match the same the first stays.
		if !slices.ContainsFunc(wild[:i], wider) && !slices.ContainsFunc(wild[i+1:], func(g topic.Filter) bool { return wider(g) && !topic.Covers(f, g) }) {
			kept = append(kept, f.String())
		}
	}
	for _, f := range plain {
		if !slices.ContainsFunc(wild, func(g topic.Filter) bool { return g.Match(f.String()) }) {
			kept = append(kept, f.String())
		}
	}
	return kept
}

// FollowTraffic subscribes to what the devices send besides, at QoS 0 and without what is retained. A filter that covers
// those of status messages takes their place, at QoS 1: of a message that two filters match, a Server may send two copies,
// and they may overtake each other.
func (o *Observation) FollowTraffic(ctx context.Context) error {
	statuses := o.filters(func(f Filters) []string { return f.Status })
	traffic := o.filters(func(f Filters) []string { return f.Traffic })
	var replaced []string
	subs := make([]wire.Subscription, len(traffic))
	for i, text := range traffic {
		subs[i] = wire.Subscription{Filter: text}
		if o.V5 {
			subs[i].RetainHandling = sendNone
		}
		wide, err := topic.ParseFilter(text)
		if err != nil {
			return err
		}
		for _, status := range statuses {
			if narrow, err := topic.ParseFilter(status); err == nil && topic.Covers(wide, narrow) {
				subs[i].QoS, replaced = 1, append(replaced, status)
			}
		}
	}
	for at := range slices.Chunk(subs, filtersAtOnce) {
		if err := o.subscribe(ctx, at); err != nil {
			return err
		}
	}
	for at := range slices.Chunk(replaced, filtersAtOnce) {
		err := o.during(ctx, func() error {
			_, err := o.Session.Unsubscribe(ctx, at...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Observation) subscribe(ctx context.Context, subs []wire.Subscription) error {
	return o.during(ctx, func() error {
		_, err := o.Session.Subscribe(ctx, o.Properties, subs...)
		return err
	})
}

// during makes a call that waits for an answer of the Server and takes messages meanwhile, which may lie before it.
func (o *Observation) during(ctx context.Context, call func() error) error {
	answer := make(chan error, 1)
	taking, answered := context.WithCancelCause(ctx)
	defer answered(nil)
	go func() {
		answer <- call()
		answered(errAnswered)
	}()
	for {
		m, err := o.Session.Recv(taking)
		switch {
		case err == nil:
			o.take(m)
			if o.Session.Ready() == 0 {
				o.Session.AckReceived()
			}
		case errors.Is(context.Cause(taking), errAnswered):
			return <-answer
		default:
			answered := <-answer
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return errors.Join(err, answered)
		}
	}
}

// Why a wait ended.
var (
	errAnswered = errors.New("the server has answered")
	errDue      = errors.New("it is time to look")
	errBack     = errors.New("the connection was replaced")
	errStopped  = errors.New("the step has stopped")
)

// Step is what Follow asks for after it took some messages, or when time has passed. It returns when it wants to be asked
// again at the latest, zero for when something comes, and whether to stop.
type Step func(now time.Time) (wake time.Time, stop bool, err error)

// Follow takes messages and lets time pass, until the step says to stop or the Deadline has come, which is no error. When a
// lost connection was replaced, it lists again.
func (o *Observation) Follow(ctx context.Context, next Step) error {
	for {
		err := o.untilBack(ctx, next)
		switch {
		case errors.Is(err, errStopped):
			return nil
		case !errors.Is(err, errBack):
			return err
		}
		o.Fleet.Resume(o.now())
		if d, ok := o.Convention.(discoverer); ok {
			d.Again()
		}
		evidence, err := o.List(ctx)
		if err != nil || evidence == retained.Incomplete {
			return err
		}
	}
}

// untilBack is Follow until a lost connection was replaced.
func (o *Observation) untilBack(ctx context.Context, next Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-o.Back:
			cancel(errBack)
		case <-ctx.Done():
		}
	}()
	for {
		if err := o.discover(ctx); err != nil {
			return err
		}
		o.Fleet.Advance(o.now())
		wake, stop, err := next(o.now())
		if err != nil {
			return err
		}
		o.Session.AckReceived()
		if stop || !o.Deadline.IsZero() && !o.now().Before(o.Deadline) {
			return errStopped
		}
		if err := o.some(ctx, o.wakeAt(wake)); err != nil && !errors.Is(err, errDue) {
			return err
		}
	}
}

// discover subscribes to what the convention has learned of.
func (o *Observation) discover(ctx context.Context) error {
	for at := range slices.Chunk(o.discovered(), filtersAtOnce) {
		subs := make([]wire.Subscription, len(at))
		for i, f := range at {
			subs[i] = wire.Subscription{Filter: f, QoS: 1}
		}
		err := o.subscribe(ctx, subs)
		if _, refused := errors.AsType[*client.RefusedError](err); err != nil && !refused {
			return err
		}
	}
	return nil
}

// wakeAt is the first of the times at which something is to be done.
func (o *Observation) wakeAt(wake time.Time) time.Time {
	at := o.Deadline
	if !wake.IsZero() && (at.IsZero() || wake.Before(at)) {
		at = wake
	}
	if due, ok := o.Fleet.Next(); ok && (at.IsZero() || due.Before(at)) {
		at = due
	}
	return at
}

// some waits for messages until a time, and takes those that are there.
func (o *Observation) some(ctx context.Context, until time.Time) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	waiting := ctx
	if !until.IsZero() {
		var cancel context.CancelFunc
		waiting, cancel = context.WithDeadlineCause(ctx, until, errDue)
		defer cancel()
	}
	for n := 0; n == 0 || n < step && o.Session.Ready() > 0; n++ {
		m, err := o.Session.Recv(waiting)
		if err != nil {
			if cause := context.Cause(waiting); cause != nil {
				return cause
			}
			return err
		}
		o.take(m)
	}
	return nil
}

// overheard is a session of which the observation hears what a listing of Retained Messages leaves out.
type overheard struct {
	retained.Session

	observation *Observation
}

// Recv returns the next message.
func (s *overheard) Recv(ctx context.Context) (message.Message, error) {
	m, err := s.Session.Recv(ctx)
	if err == nil && !m.Retain {
		s.observation.take(m)
	}
	return m, err
}

// stored is a sink for Retained Messages.
type stored struct{ observation *Observation }

// Message takes m. It is never enough.
func (s stored) Message(m message.Message) (bool, error) {
	s.observation.take(m)
	return false, nil
}

// Flush has nothing to write.
func (stored) Flush() error { return nil }

// Buffered is 0: nothing waits.
func (stored) Buffered() int { return 0 }
