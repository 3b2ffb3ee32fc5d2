package twin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Command is what a device shall do once.
type Command struct {
	Name string
	// Members are the other members of the document.
	Members State
	// ID is what the answer is known by; empty makes one.
	ID string
	// Expires is how long the command makes sense; 0 is for ever. MQTT 5 Servers drop it then, and devices that look at
	// "expires" do not carry it out.
	Expires time.Duration
	// Properties are those of the PUBLISH besides its expiry; they may be nil.
	Properties *wire.Properties
	// Wait, when more than 0, is how long to wait for the answer.
	Wait time.Duration
}

// Answer is what became of a command.
type Answer struct {
	Topic string
	ID    string
	// Payload is what was sent.
	Payload []byte
	// Answer is the device's, nil without Command.Wait.
	Answer []byte
	// Refused says that the device has not carried it out, and Why what it says about it.
	Refused bool
	Why     string
	Took    time.Duration
	// Unheard says that there was no matching subscription, when the Server has said so: nobody has got the command.
	Unheard bool
	// Foreign is how many answers to other commands came meanwhile.
	Foreign int
}

// Why there is no answer.
var (
	// ErrNoAnswer says that the device has not answered in time.
	ErrNoAnswer = errors.New("no answer in time")
	// ErrNoTopic says that the contract has no topic for commands, or for their results.
	ErrNoTopic = errors.New("the contract has no such topic")
)

// Send sends a command at QoS 1, not retained, and waits for the answer if asked to. An answer is known by its id; those to
// other commands, and late ones to earlier commands, do not count.
func Send(ctx context.Context, s Session, topics Topics, c Command) (Answer, error) {
	a := Answer{Topic: topics.Command, ID: c.ID}
	if topics.Command == "" || c.Wait > 0 && topics.Result == "" {
		return a, ErrNoTopic
	}
	start := time.Now()
	if a.ID == "" {
		a.ID = NewID(start)
	}
	m, err := c.message(a.ID, start)
	if err != nil {
		return a, err
	}
	m.Topic, a.Payload = topics.Command, m.Payload
	if c.Expires > 0 && s.Caps().Version == wire.V5 && !m.Properties.Has(wire.PropMessageExpiryInterval) {
		m.Properties = expiring(m.Properties, c.Expires)
	}
	if c.Wait > 0 {
		if _, err := s.Subscribe(ctx, nil, wire.Subscription{Filter: topics.Result, QoS: 1}); err != nil {
			return a, err
		}
	}
	start = time.Now()
	result := make(chan client.Result, 1)
	if err := s.PublishAsync(ctx, m, func(r client.Result) { result <- r }); err != nil {
		return a, err
	}
	if err := s.Drain(ctx); err != nil {
		return a, err
	}
	r := <-result
	if r.Err != nil {
		return a, r.Err
	}
	a.Unheard = r.Code == wire.NoMatchingSubscribers
	a.Took = time.Since(start)
	if c.Wait <= 0 {
		return a, nil
	}
	err = a.await(ctx, s, topics.Result, start.Add(c.Wait))
	a.Took = time.Since(start)
	return a, err
}

// message makes the document.
func (c Command) message(id string, now time.Time) (message.Message, error) {
	doc := State{"id": id, "ts": now.UTC().Format(timeLayout), "name": c.Name}
	for name, value := range c.Members {
		if _, ours := doc[name]; ours {
			return message.Message{}, fmt.Errorf("%q is set by mqx itself", name)
		}
		doc[name] = value
	}
	m := message.Message{QoS: 1, Properties: c.Properties.Clone()}
	if _, given := doc["expires"]; c.Expires > 0 && !given {
		doc["expires"] = now.Add(c.Expires).UTC().Format(timeLayout)
	}
	m.Payload = payload.AppendValue(nil, doc)
	if len(m.Payload) > maxDocument {
		return m, fmt.Errorf("the command has %d bytes, more than %d", len(m.Payload), maxDocument)
	}
	return m, nil
}

// expiring adds a Message Expiry Interval.
func expiring(p *wire.Properties, d time.Duration) *wire.Properties {
	if p == nil {
		p = &wire.Properties{}
	}
	p.MessageExpiryInterval = uint32(min(math.MaxUint32, math.Ceil(d.Seconds())))
	return p.Set(wire.PropMessageExpiryInterval)
}

// await takes answers until one has the id and is final.
func (a *Answer) await(ctx context.Context, s Session, topic string, until time.Time) error {
	bounded, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for {
		m, err := s.Recv(bounded)
		switch {
		case err == nil:
		case ctx.Err() == nil && bounded.Err() != nil:
			return ErrNoAnswer
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return err
		}
		s.AckReceived()
		if m.Topic != topic || m.Retain { // a retained answer is one of the past
			continue
		}
		doc, err := parseObject(m.Payload)
		if err != nil || doc["id"] != a.ID {
			a.Foreign++
			continue
		}
		if isInterim(doc) {
			continue
		}
		a.Answer = m.Payload
		a.Refused, a.Why = refusal(doc)
		return nil
	}
}

// outcomeWords are the members of an answer in which devices say how it went.
func outcomeWords(doc State) []string {
	var said []string
	for _, name := range []string{"result", "status", "outcome"} {
		if word, ok := doc[name].(string); ok {
			said = append(said, strings.ToLower(word))
		}
	}
	return said
}

// isInterim reports whether more is to come.
func isInterim(doc State) bool {
	return slices.ContainsFunc(outcomeWords(doc), func(word string) bool {
		switch word {
		case "accepted", "pending", "queued", "in_progress", "in progress", "received":
			return true
		default:
			return false
		}
	})
}

// refusal reads an answer that is a no: {"error":…}, {"ok":false}, or a result such as rejected.
func refusal(doc State) (refused bool, why string) {
	for _, word := range outcomeWords(doc) {
		switch word {
		case "rejected", "refused", "error", "failed", "failure", "denied", "unknown", "invalid", "unsupported", "not_supported", "aborted", "expired":
			refused, why = true, word
		}
	}
	for _, name := range []string{"ok", "success", "accepted"} {
		if doc[name] == false {
			refused = true
		}
	}
	switch e := doc["error"].(type) {
	case nil:
	case bool:
		refused = refused || e
	case string:
		if e != "" {
			refused, why = true, e
		}
	default:
		refused, why = true, string(payload.AppendValue(nil, e))
	}
	for _, name := range []string{"msg", "message", "reason", "detail"} {
		if text, ok := doc[name].(string); ok && refused && text != "" {
			why = strings.TrimPrefix(why+": "+text, ": ")
			break
		}
	}
	return refused, why
}
