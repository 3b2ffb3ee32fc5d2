// Package request is the request and response of MQTT 5 (section 4.10), and what is left of it on MQTT 3.1.1, where both
// sides have agreed on a topic for responses.
//
// [Do] sends a request and takes its responses; [Serve] answers requests. The package neither connects nor prints.
package request

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// retainNever is Retain Handling 2 (MQTT 5, 3.8.3.1): a response or request that is retained is one of the past.
const retainNever = 2

// ErrorKey is the User Property, and the member of a JSON object, by which a response says that the request has failed.
const ErrorKey = "error"

// Session is what the package needs of a client.Session.
type Session interface {
	PublishAsync(ctx context.Context, m message.Message, done func(client.Result)) error
	Subscribe(ctx context.Context, props *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error)
	Recv(ctx context.Context) (message.Message, error)
	AckReceived()
	Caps() client.Caps
}

// Why a request has no response.
var (
	// ErrTooFew says that not all responses came in time.
	ErrTooFew = errors.New("too few responses in time")
	// ErrNoResponseTopic says that the connection is older than MQTT 5, which has no Response Topic, and none was agreed on.
	ErrNoResponseTopic = errors.New("below MQTT 5 a request cannot name a topic for its response")
)

// Request is what is asked.
type Request struct {
	// Message is the request. Response Topic and Correlation Data among its properties are kept.
	Message message.Message
	// ResponseTopic is where responses come; empty makes one that only this request has. Below MQTT 5 it is needed, and any
	// message there is taken for a response.
	ResponseTopic string
	// Replies is how many responses are waited for; 0 is all that come before Deadline.
	Replies int
	// Deadline ends the wait; zero is none.
	Deadline time.Time
	// Subscribe are the properties of the SUBSCRIBE, nil for none.
	Subscribe *wire.Properties
	// Plain, when set, goes without Correlation Data.
	Plain *Plain
}

// Plain is the way of peers that know no Correlation Data, mosquitto_rr's: whatever comes on the Response Topic is the
// response, also what was there before the request.
type Plain struct {
	// Subscription is made in place of the package's own; its filter is the Response Topic.
	Subscription wire.Subscription
	// SkipRetained ignores messages with the RETAIN flag.
	SkipRetained bool
}

// Response is an answer to a request.
type Response struct {
	Message message.Message
	// Took is the time from the request to the response.
	Took time.Duration
	// Failed says that the response tells of an error, and Why which.
	Failed bool
	Why    string
}

// Outcome is what became of a request. It is right also beside an error.
type Outcome struct {
	// ResponseTopic is where responses were expected.
	ResponseTopic string
	// Responses and Failed count the responses, and those among them that tell of an error.
	Responses, Failed int
	// Foreign counts messages that are responses to other requests: their Correlation Data is another one.
	Foreign int
	// Uncorrelated counts messages on a topic shared with others that carry no Correlation Data.
	Uncorrelated int
	// Stale counts messages that were there before the request, retained or not.
	Stale int
	// Acknowledged says that the Server has taken the request, as far as its QoS can tell.
	Acknowledged bool
	// Unheard says that the Server knew nobody who is subscribed to the topic of the request.
	Unheard bool
}

// Do sends a request and gives its responses to take, until there are enough. The error is ErrTooFew after the deadline,
// ErrNoResponseTopic, a *client.RefusedError, what take returned, ctx's cause, or wraps client.ErrConnectionLost.
func Do(ctx context.Context, s Session, r Request, take func(Response) error) (Outcome, error) {
	d := &dialogue{session: s, request: r, v5: s.Caps().Version == wire.V5}
	if err := d.address(); err != nil {
		return d.outcome, err
	}
	bounded, cancel := limited(ctx, r.Deadline)
	defer cancel()
	if err := d.subscribe(bounded); err != nil {
		return d.outcome, causeOf(bounded, err)
	}
	bounded, refuse := context.WithCancelCause(bounded)
	defer refuse(nil)
	d.start = time.Now()
	err := s.PublishAsync(bounded, d.request.Message, func(result client.Result) {
		if result.Err != nil {
			if r.Plain == nil || r.Deadline.IsZero() { // otherwise there is an end to the wait all the same
				refuse(result.Err)
			}
			return
		}
		d.unheard.Store(result.Code == wire.NoMatchingSubscribers)
		d.acknowledged.Store(true)
	})
	if err == nil {
		err = d.await(bounded, take)
	}
	d.outcome.Acknowledged, d.outcome.Unheard = d.acknowledged.Load(), d.unheard.Load()
	if errors.Is(err, ErrTooFew) && r.Replies == 0 && d.outcome.Responses > 0 {
		return d.outcome, nil
	}
	return d.outcome, err
}

// limited bounds ctx by the deadline, if there is one.
func limited(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, deadline, ErrTooFew)
}

// causeOf is why ctx has ended, if that is why there is an error.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// dialogue is a request on its way.
type dialogue struct {
	session Session
	request Request
	v5      bool
	own     bool // nobody else knows the Response Topic
	start   time.Time
	outcome Outcome

	acknowledged, unheard atomic.Bool
}

// address completes the request with Response Topic and Correlation Data.
func (d *dialogue) address() error {
	m := &d.request.Message
	if !d.v5 {
		d.outcome.ResponseTopic = d.request.ResponseTopic
		if d.outcome.ResponseTopic == "" {
			return ErrNoResponseTopic
		}
		return nil
	}
	p := m.Properties.Clone()
	if p == nil {
		p = &wire.Properties{}
	}
	switch {
	case d.request.ResponseTopic != "":
		p.ResponseTopic = d.request.ResponseTopic
	case !p.Has(wire.PropResponseTopic):
		p.ResponseTopic, d.own = d.ownTopic(), true
	}
	if !p.Has(wire.PropCorrelationData) && d.request.Plain == nil {
		p.CorrelationData = []byte(rand.Text())
	}
	if len(p.CorrelationData) > 0 {
		p.Set(wire.PropCorrelationData)
	}
	m.Properties = p.Set(wire.PropResponseTopic)
	d.outcome.ResponseTopic = p.ResponseTopic
	return nil
}

// ownTopic makes a topic below the Server's Response Information, when it was asked for (MQTT 5, 4.10.1), else below _mqx.
func (d *dialogue) ownTopic() string {
	if info := d.session.Caps().Properties; info.Has(wire.PropResponseInformation) {
		if name := info.ResponseInformation + "/" + rand.Text(); topic.ValidName(name) {
			return name
		}
	}
	return "_mqx/response/" + rand.Text()
}

func (d *dialogue) subscribe(ctx context.Context) error {
	sub := wire.Subscription{Filter: d.outcome.ResponseTopic, QoS: max(1, d.request.Message.QoS)}
	if d.v5 {
		sub.RetainHandling = retainNever
	}
	if plain := d.request.Plain; plain != nil {
		sub = plain.Subscription
	}
	_, err := d.session.Subscribe(ctx, d.request.Subscribe, sub)
	return err
}

func (d *dialogue) await(ctx context.Context, take func(Response) error) error {
	for d.request.Replies == 0 || d.outcome.Responses < d.request.Replies {
		m, err := d.session.Recv(ctx)
		if err != nil {
			return causeOf(ctx, err)
		}
		if d.expects(m) {
			failed, why := failure(m)
			d.outcome.Responses++
			if failed {
				d.outcome.Failed++
			}
			if err := take(Response{Message: m, Took: m.Time.Sub(d.start), Failed: failed, Why: why}); err != nil {
				return err
			}
		}
		d.session.AckReceived()
	}
	return nil
}

// expects reports whether m is a response to the request, and counts it when it is not.
func (d *dialogue) expects(m message.Message) bool {
	switch {
	case m.Topic != d.outcome.ResponseTopic: // of a Session that was resumed
		return false
	case d.request.Plain != nil:
		return !m.Retain || !d.request.Plain.SkipRetained
	case m.Retain || m.Time.Before(d.start):
		d.outcome.Stale++
		return false
	case !d.v5:
		return true
	case !m.Properties.Has(wire.PropCorrelationData):
		if !d.own { // a peer that knows no Correlation Data can only be told apart by the topic
			d.outcome.Uncorrelated++
		}
		return d.own
	case !bytes.Equal(m.Properties.CorrelationData, d.request.Message.Properties.CorrelationData):
		d.outcome.Foreign++
		return false
	default:
		return true
	}
}

// failure reports whether a response tells of an error: by a User Property, or a member of a JSON object that is neither
// null, false nor empty.
func failure(m message.Message) (failed bool, why string) {
	if m.Properties != nil {
		isError := func(p wire.UserProperty) bool { return p.Key == ErrorKey }
		if i := slices.IndexFunc(m.Properties.UserProperties, isError); i >= 0 {
			return true, m.Properties.UserProperties[i].Value
		}
	}
	value, err := payload.Parse(m.Payload)
	object, ok := value.(map[string]any)
	if err != nil || !ok {
		return false, ""
	}
	switch e := object[ErrorKey].(type) {
	case nil:
		return false, ""
	case bool:
		return e, ""
	case string:
		return e != "", e
	default:
		return true, string(payload.AppendValue(nil, e))
	}
}
