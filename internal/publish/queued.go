package publish

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/queue"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Connect is client.Open.
type Connect func(ctx context.Context, o client.Options) (*client.Session, error)

// QueuedOptions say how to publish by way of a Queue.
type QueuedOptions struct {
	Options

	// Client says how to connect. Retry holds for the time when the source has ended: as long as it gives messages, attempts
	// are made for ever.
	Client client.Options
	// ClientIDPrefix is what a Client Identifier that was made up earlier has to begin with to be used again.
	ClientIDPrefix string
	// Connect is client.Open unless a test replaces it.
	Connect Connect
	// Single says that the source is at its end at once: messages are taken before a connection is made.
	Single bool
	// Trouble, when set, is told why nothing is delivered any more while messages are still taken.
	Trouble func(err error)
}

// QueuedSummary counts messages. Sent are those that were accepted in this run, Refused and the fields below are about those
// of earlier runs too.
type QueuedSummary struct {
	Summary

	Delivered int // acknowledged
	Expired   int // not sent, or not sent again: their Message Expiry Interval has passed
	Kept      int // still in the Queue
}

// OtherClientError says that messages are under way in the Session of another Client Identifier.
type OtherClientError struct{ Has, Asked string }

// Error says which.
func (e *OtherClientError) Error() string {
	return fmt.Sprintf("messages of the queue are under way with the client id %q, and not %q", e.Has, e.Asked)
}

// DeliveryError is why messages stay in the Queue: there is no connection.
type DeliveryError struct{ Err error }

// Error says why.
func (e *DeliveryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// errNotKept is a message that has no acknowledgement to wait for.
var errNotKept = errors.New("QoS 0: a queue keeps messages of QoS 1 and 2")

// RunQueued takes what src gives into q, and delivers what is in q: first what earlier runs have left. It returns when src has
// ended and everything is acknowledged, or cannot be. A *[DeliveryError] says that there is no connection; then, and when ctx
// ends, what is not acknowledged stays in q. queue.ErrFull and other errors say that a message of src was not accepted.
func RunQueued(ctx context.Context, q *queue.Queue, src Source, o QueuedOptions) (QueuedSummary, error) {
	if err := chooseClientID(ctx, q, &o); err != nil {
		return QueuedSummary{Summary: Summary{}, Kept: q.Kept()}, err
	}
	var reporting sync.Mutex
	report := o.Report
	o.Report = func(err error) {
		reporting.Lock()
		defer reporting.Unlock()
		report(err)
	}
	before := q.Accepted()
	c := newCourier(q, &o)
	in := &intake{courier: c, delivered: make(chan error, 1)}
	options := o.Options
	options.Rate = 0 // holds for what is sent
	options.Steps = append(slices.Clip(options.Steps), keepable)
	if !o.Single {
		in.deliver(ctx)
	}
	sum, err := Run(ctx, in, src, options)
	if syncErr := q.Sync(context.WithoutCancel(ctx)); err == nil {
		err = syncErr
	}
	q.Seal()
	c.inputEnded()
	if err == nil {
		in.deliver(ctx)
	}
	if in.delivering {
		if lost := <-in.delivered; err == nil {
			err = lost
		}
	}
	summary := QueuedSummary{Summary: sum, Delivered: c.delivered, Expired: c.expired, Kept: q.Kept()}
	summary.Refused += c.refused
	summary.Sent = int(q.Accepted() - before) // what the disk did not take is not accepted
	return summary, err
}

// chooseClientID settles the Client Identifier, which a Session needs that outlasts the process.
func chooseClientID(ctx context.Context, q *queue.Queue, o *QueuedOptions) error {
	has := q.ClientID()
	switch id := o.Client.ClientID; {
	case has != "" && (id == "" || o.ClientIDPrefix != "" && strings.HasPrefix(has, o.ClientIDPrefix)):
		o.Client.ClientID = has
	case id == "":
		var random [8]byte
		_, _ = rand.Read(random[:]) // it never fails
		o.Client.ClientID = "mqx-q-" + hex.EncodeToString(random[:])
	case has != "" && has != id && q.UnderWay():
		return &OtherClientError{Has: has, Asked: id}
	}
	return q.SetClientID(ctx, o.Client.ClientID)
}

// keepable is the last step of each message.
func keepable(m *message.Message, _ int) error {
	if m.QoS == 0 {
		return fmt.Errorf("%q: %w", m.Topic, errNotKept)
	}
	return nil
}

// intake is the Queue as a Session that messages are published on.
type intake struct {
	courier    *courier
	delivering bool
	delivered  chan error // how the courier has ended
}

var _ Session = (*intake)(nil)

// deliver lets the courier begin, unless it has.
func (in *intake) deliver(ctx context.Context) {
	if !in.delivering {
		in.delivering = true
		go func() { in.delivered <- in.courier.run(ctx) }()
	}
}

// PublishAsync appends m, unless the protocol level that was asked for has no form for it. While the Queue is full it waits, as
// long as there is hope of room.
func (in *intake) PublishAsync(ctx context.Context, m message.Message, _ func(client.Result)) error {
	c := in.courier
	if err := checkForm(&m, cmp.Or(c.options.Version, wire.V5)); err != nil {
		return err
	}
	for {
		moved, changed := c.queue.Moved(), c.changes()
		err := c.queue.Append(ctx, m)
		if !errors.Is(err, queue.ErrFull) || !c.hopes() || c.queue.Kept() == 0 {
			return err
		}
		in.deliver(ctx)
		select {
		case <-moved:
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// checkForm says why no packet of a protocol level can carry m, nil where one can.
func checkForm(m *message.Message, v wire.Version) error {
	p := wire.Publish{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS, PacketID: 1, Properties: m.Properties}
	return p.Check(v)
}

// Drain implements Session.
func (in *intake) Drain(ctx context.Context) error { return in.courier.queue.Sync(ctx) }

// Unacknowledged implements Session: what is accepted is somebody else's to deliver.
func (in *intake) Unacknowledged() int { return 0 }

// Done implements Session.
func (in *intake) Done() <-chan struct{} { return in.courier.broken }

// Err implements Session.
func (in *intake) Err() error { return in.courier.brokenErr }
