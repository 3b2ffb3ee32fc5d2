package retained_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// queueing is a keeper that calls itself something, and whose queue is emptied by acknowledgements only: what is
// published while it is full is dropped, as Mosquitto does.
type queueing struct {
	*keeper

	open      int  // messages of QoS 1 and 2 that are not acknowledged
	published bool // a sentinel
	early     bool // an acknowledgement came before it
	shy       chan struct{}
}

func newQueueing(version string, n, limit int) *queueing {
	q := &queueing{keeper: keeping(n, 1)}
	q.limit = limit
	if version != "" {
		q.kept["$SYS/broker/version"] = message.Message{Topic: "$SYS/broker/version", Payload: []byte(version), Retain: true}
	}
	return q
}

func (q *queueing) Subscribe(ctx context.Context, p *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error) {
	q.mu.Lock()
	queued := 0 // counted before the first of them can be taken
	for _, s := range subs {
		for _, m := range q.kept {
			if topic.Match(s.Filter, m.Topic) && min(m.QoS, s.QoS) > 0 && (q.limit == 0 || queued < q.limit) {
				queued++
			}
		}
	}
	q.open += queued
	acknowledged := q.shy
	if q.open == 0 {
		acknowledged = nil
	}
	q.mu.Unlock()
	codes, err := q.keeper.Subscribe(ctx, p, subs...)
	if acknowledged != nil { // a Server that answers only after the acknowledgements
		<-acknowledged
	}
	return codes, err
}

func (q *queueing) PublishAsync(ctx context.Context, m message.Message, done func(client.Result)) error {
	q.mu.Lock()
	q.published = true
	full := q.limit > 0 && q.open >= q.limit
	q.mu.Unlock()
	if full {
		done(client.Result{})
		return nil
	}
	return q.keeper.PublishAsync(ctx, m, done)
}

func (q *queueing) AckReceived() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open > 0 && !q.published {
		q.early = true
	}
	if q.open > 0 && q.shy != nil {
		close(q.shy)
		q.shy = nil
	}
	q.open = 0
}

func TestSentinelBehindAFullQueueProvesThatNothingWasDropped(t *testing.T) {
	const mosquitto = "mosquitto version 2.0.11"
	for _, tt := range []struct {
		name, version   string
		n, limit        int
		passes, recover int
	}{
		{"Mosquitto had room", mosquitto, 2000, 0, 1, 0},
		{"Mosquitto had room for just one more", mosquitto, 2000, 2001, 1, 0},
		{"Mosquitto was full to the last place", mosquitto, 2000, 2000, 2, 0},
		{"Mosquitto dropped", mosquitto, 2000, 1000, 2, 1000},
		{"another Server may drop the oldest", "other 1.0", 2000, 0, 2, 0},
		{"a Server that does not say what it is", "", 2000, 0, 2, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueueing(tt.version, tt.n, tt.limit)
			listing, err := retained.List(t.Context(), q, retained.SinkFunc(func(m message.Message) error {
				if m.Topic == "$SYS/broker/version" {
					t.Error("the version was listed")
				}
				return nil
			}), retained.ListOptions{Filters: filtersOf("plant/#"), QoS: 2})
			if err != nil || listing.Messages != tt.n || listing.Recovered != tt.recover || q.passes != tt.passes {
				t.Errorf("%s: %+v in %d passes, %v; want %d messages in %d passes", tt.name, listing, q.passes, err, tt.n, tt.passes)
			}
			if q.early {
				t.Errorf("%s: acknowledged before the sentinel was published", tt.name)
			}
		})
	}
}

func TestServerThatWantsAcknowledgementsFirstGetsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueing("mosquitto version 9", 2000, 0)
		q.shy = make(chan struct{})
		listing, err := retained.List(t.Context(), q, retained.SinkFunc(func(message.Message) error { return nil }),
			retained.ListOptions{Filters: filtersOf("plant/#"), QoS: 2})
		if err != nil || listing.Messages != 2000 || q.passes != 2 {
			t.Errorf("%+v in %d passes, %v; want 2000 messages in 2 passes: nothing is proven", listing, q.passes, err)
		}
	})
}

func TestVersionIsListedWhenItIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueueing("mosquitto version 2.0.11", 1, 0)
		listing, err := retained.List(t.Context(), q, retained.SinkFunc(func(message.Message) error { return nil }),
			retained.ListOptions{Filters: filtersOf("$SYS/#", "plant/#"), QoS: 2})
		if err != nil || listing.Messages != 2 {
			t.Errorf("%+v, %v; want 2 messages", listing, err)
		}
	})
}
