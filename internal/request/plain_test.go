package request_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/request"
	"github.com/mqx-cli/mqx/internal/wire"
)

// plain is a request that takes whatever comes on the topic r.
func plain(skipRetained bool) request.Request {
	return request.Request{
		Message: message.Message{Topic: "ask", QoS: 1}, ResponseTopic: "r", Replies: 1,
		Plain: &request.Plain{Subscription: wire.Subscription{Filter: "r", QoS: 1}, SkipRetained: skipRetained},
	}
}

func TestPlainRequestsCarryNoCorrelationDataAndTakeWhatComes(t *testing.T) {
	t.Parallel()
	for _, v := range []wire.Version{wire.V5, wire.V311} {
		b := brokertest.Start(t)
		responder(t, b, v, func(m message.Message) []message.Message {
			if m.Properties.Has(wire.PropCorrelationData) || v == wire.V5 && m.Properties.ResponseTopic != "r" {
				t.Errorf("level %s: the request has %+v", v, m.Properties)
			}
			return []message.Message{{Topic: "r", Payload: []byte("fresh"), QoS: 1}}
		})
		s := open(t, b.Addr, v)
		got := ""
		_, err := request.Do(t.Context(), s, plain(false), func(r request.Response) error {
			got = string(r.Message.Payload)
			return nil
		})
		if err != nil || got != "fresh" {
			t.Errorf("level %s: %q, %v", v, got, err)
		}
	}
}

func TestPlainRequestsSkipWhatIsRetainedOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	for skip, want := range map[bool]string{false: "stale", true: "fresh"} {
		b := brokertest.Start(t)
		if err := open(t, b.Addr, wire.V5).Publish(t.Context(), message.Message{Topic: "r", Payload: []byte("stale"), QoS: 1, Retain: true}); err != nil {
			t.Fatal(err)
		}
		responder(t, b, wire.V5, func(message.Message) []message.Message {
			return []message.Message{{Topic: "r", Payload: []byte("fresh"), QoS: 1}}
		})
		got := ""
		_, err := request.Do(t.Context(), open(t, b.Addr, wire.V5), plain(skip), func(r request.Response) error {
			got = string(r.Message.Payload)
			return nil
		})
		if err != nil || got != want {
			t.Errorf("skip %v: %q, %v", skip, got, err)
		}
	}
}

func TestPlainRequestsEndAtTheDeadline(t *testing.T) {
	t.Parallel()
	ask := plain(false)
	ask.Deadline = time.Now().Add(200 * time.Millisecond)
	if _, err := request.Do(t.Context(), open(t, brokertest.Start(t).Addr, wire.V5), ask, nil); !errors.Is(err, request.ErrTooFew) {
		t.Errorf("error %v", err)
	}
}
