package request_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/request"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what comes, briefly for what does not. What some cases need in between is what a slow machine takes at most.
const (
	patience = 30 * time.Second
	briefly  = 200 * time.Millisecond
	between  = 4 * time.Second
)

func open(tb testing.TB, addr string, v wire.Version) *client.Session {
	tb.Helper()
	s, err := client.Open(tb.Context(), client.Options{Version: v, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Abandon)
	return s
}

// responder sends, for each request, what answers makes of it.
func responder(t *testing.T, b *brokertest.Server, v wire.Version, answers func(m message.Message) []message.Message) {
	t.Helper()
	s := open(t, b.Addr, v)
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: "ask", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			m, err := s.Recv(t.Context())
			if err != nil {
				return
			}
			s.AckReceived()
			for _, a := range answers(m) {
				_ = s.Publish(t.Context(), a)
			}
		}
	})
	t.Cleanup(func() {
		s.Abandon()
		done.Wait()
	})
}

// answer is a response to m with a payload.
func answer(m message.Message, text string, user ...wire.UserProperty) message.Message {
	p := &wire.Properties{CorrelationData: m.Properties.CorrelationData, UserProperties: user}
	return message.Message{Topic: m.Properties.ResponseTopic, Payload: []byte(text), QoS: 1, Properties: p.Set(wire.PropCorrelationData)}
}

// foreign is a response to another request.
func foreign(m message.Message) message.Message {
	f := answer(m, "foreign")
	f.Properties.CorrelationData = []byte("another")
	return f
}

// bare is a response without Correlation Data.
func bare(m message.Message, text string) message.Message {
	return message.Message{Topic: m.Properties.ResponseTopic, Payload: []byte(text), QoS: 1}
}

func TestDoTakesOnlyResponsesToItsRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		to       string // --response-topic
		replies  int
		answers  func(m message.Message) []message.Message
		want     []string
		failed   int
		why      string
		foreign  int
		bare     int
		deadline time.Duration
		err      error
	}{
		{name: "one", replies: 1, answers: func(m message.Message) []message.Message { return []message.Message{answer(m, "a")} }, want: []string{"a"}},
		{name: "a foreign one first", to: "shared", replies: 1, want: []string{"a"}, foreign: 1, answers: func(m message.Message) []message.Message {
			return []message.Message{foreign(m), answer(m, "a")}
		}},
		{name: "no Correlation Data on a topic of its own", replies: 1, want: []string{"a"}, answers: func(m message.Message) []message.Message {
			return []message.Message{bare(m, "a")}
		}},
		{name: "no Correlation Data on a shared topic", to: "shared", replies: 1, want: []string{"b"}, bare: 1, answers: func(m message.Message) []message.Message {
			return []message.Message{bare(m, "a"), answer(m, "b")}
		}},
		{name: "several", replies: 2, want: []string{"a", "b"}, answers: func(m message.Message) []message.Message {
			return []message.Message{answer(m, "a"), answer(m, "b"), answer(m, "c")}
		}},
		{name: "too few", replies: 2, want: []string{"a"}, deadline: between, err: request.ErrTooFew, answers: func(m message.Message) []message.Message {
			return []message.Message{answer(m, "a")}
		}},
		{name: "all in time", replies: 0, want: []string{"a", "b"}, deadline: between, answers: func(m message.Message) []message.Message {
			return []message.Message{answer(m, "a"), answer(m, "b")}
		}},
		{name: "none in time", replies: 0, deadline: briefly, err: request.ErrTooFew, answers: func(message.Message) []message.Message { return nil }},
		{name: "error in JSON", replies: 1, want: []string{`{"error":{"code":5}}`}, failed: 1, why: `{"code":5}`, answers: func(m message.Message) []message.Message {
			return []message.Message{answer(m, `{"error":{"code":5}}`)}
		}},
		{name: "no error in JSON", replies: 1, want: []string{`{"error":null}`}, answers: func(m message.Message) []message.Message {
			return []message.Message{answer(m, `{"error":null}`)}
		}},
		{name: "error as User Property", replies: 1, want: []string{"x"}, failed: 1, why: "no", answers: func(m message.Message) []message.Message {
			return []message.Message{answer(m, "x", wire.UserProperty{Key: "error", Value: "no"})}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t)
			responder(t, b, wire.V5, tt.answers)
			if tt.to != "" { // what is retained there is no response
				stale := message.Message{Topic: tt.to, Payload: []byte("stale"), QoS: 1, Retain: true}
				if err := open(t, b.Addr, wire.V5).Publish(t.Context(), stale); err != nil {
					t.Fatal(err)
				}
			}
			if tt.deadline == 0 {
				tt.deadline = patience
			}
			var got []string
			why := ""
			o, err := request.Do(t.Context(), open(t, b.Addr, wire.V5), request.Request{
				Message: message.Message{Topic: "ask", QoS: 1}, ResponseTopic: tt.to, Replies: tt.replies, Deadline: time.Now().Add(tt.deadline),
			}, func(r request.Response) error {
				if r.Took <= 0 {
					t.Errorf("it took %s", r.Took)
				}
				got, why = append(got, string(r.Message.Payload)), why+r.Why
				return nil
			})
			if !errors.Is(err, tt.err) || o.Responses != len(tt.want) || o.Failed != tt.failed || why != tt.why || o.Foreign != tt.foreign || o.Uncorrelated != tt.bare {
				t.Fatalf("%+v, why %q, error %v", o, why, err)
			}
			for i, w := range tt.want {
				if got[i] != w {
					t.Errorf("response %d is %q, want %q", i, got[i], w)
				}
			}
		})
	}
}

func TestBelowMQTT5TheResponseTopicMustBeAgreedOn(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	stale := message.Message{Topic: "r", Payload: []byte("stale"), QoS: 1, Retain: true}
	if err := open(t, b.Addr, wire.V5).Publish(t.Context(), stale); err != nil {
		t.Fatal(err)
	}
	responder(t, b, wire.V311, func(message.Message) []message.Message {
		return []message.Message{{Topic: "r", Payload: []byte("fresh"), QoS: 1}}
	})
	ask := request.Request{Message: message.Message{Topic: "ask", QoS: 1}, Replies: 1, Deadline: time.Now().Add(patience)}
	s := open(t, b.Addr, wire.V311)
	if _, err := request.Do(t.Context(), s, ask, nil); !errors.Is(err, request.ErrNoResponseTopic) {
		t.Fatalf("error %v", err)
	}
	ask.ResponseTopic = "r"
	o, err := request.Do(t.Context(), s, ask, func(r request.Response) error {
		if string(r.Message.Payload) != "fresh" {
			t.Errorf("response %q", r.Message.Payload)
		}
		return nil
	})
	if err != nil || o.Responses != 1 || o.Stale != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestDoTellsThatNobodyIsSubscribed(t *testing.T) {
	t.Parallel()
	s := open(t, brokertest.Start(t).Addr, wire.V5)
	o, err := request.Do(t.Context(), s, request.Request{
		Message: message.Message{Topic: "ask", QoS: 1}, Replies: 1, Deadline: time.Now().Add(between),
	}, nil)
	if !errors.Is(err, request.ErrTooFew) || !o.Unheard || !o.Acknowledged {
		t.Errorf("%+v, %v", o, err)
	}
}

// dealt is what Serve reported.
type dealt struct {
	text        string
	failed, err error
}

// serve runs Serve until the test ends, and returns what it reports and its outcome.
func serve(t *testing.T, b *brokertest.Server, v wire.Version, o request.Service) (chan dealt, func() (request.Tally, error)) {
	t.Helper()
	s := open(t, b.Addr, v)
	reports, ready := make(chan dealt, 100), make(chan struct{})
	o.QoS, o.Ready = 1, func() error { close(ready); return nil }
	if o.Filters == nil {
		f, err := topic.ParseFilter("ask/#")
		if err != nil {
			t.Fatal(err)
		}
		o.Filters = []topic.Filter{f}
	}
	o.Report = func(m message.Message, failed, err error) error {
		reports <- dealt{string(m.Payload), failed, err}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	var tally request.Tally
	var err error
	var done sync.WaitGroup
	done.Go(func() { tally, err = request.Serve(ctx, s, o) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	<-ready
	return reports, func() (request.Tally, error) {
		done.Wait()
		return tally, err
	}
}

func echo(_ context.Context, m message.Message, _ int) ([]byte, error) { return m.Payload, nil }

func ask(t *testing.T, s *client.Session, text, to string) (response request.Response, o request.Outcome) {
	t.Helper()
	o, err := request.Do(t.Context(), s, request.Request{
		Message: message.Message{Topic: "ask/it", Payload: []byte(text), QoS: 1}, ResponseTopic: to, Replies: 1, Deadline: time.Now().Add(patience),
	}, func(r request.Response) error {
		response = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return response, o
}

func TestServeAnswersOnTheResponseTopicWithTheCorrelationData(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	_, end := serve(t, b, wire.V5, request.Service{Answer: echo, Count: 3, Properties: &wire.Properties{
		UserProperties: []wire.UserProperty{{Key: "by", Value: "me"}},
	}})
	for _, text := range []string{"one", "", "three\x00\xff"} {
		r, o := ask(t, open(t, b.Addr, wire.V5), text, "")
		if string(r.Message.Payload) != text || r.Message.QoS != 1 || o.Uncorrelated != 0 || len(r.Message.Properties.UserProperties) != 1 ||
			!r.Message.Properties.Has(wire.PropCorrelationData) {
			t.Errorf("%+v, %+v", r, o)
		}
	}
	if tally, err := end(); err != nil || tally.Answered != 3 || tally.Failed != 0 {
		t.Errorf("%+v, %v", tally, err)
	}
}

func TestServeTellsOfFailuresInTheResponse(t *testing.T) {
	t.Parallel()
	for _, v := range []wire.Version{wire.V5, wire.V311} {
		b := brokertest.Start(t)
		reports, end := serve(t, b, v, request.Service{Count: 1, ResponseTopic: "r", Answer: func(context.Context, message.Message, int) ([]byte, error) {
			return nil, errors.New("broken")
		}})
		if r, _ := ask(t, open(t, b.Addr, v), "x", "r"); !r.Failed || r.Why != "broken" {
			t.Errorf("level %d: %+v", v, r)
		}
		if tally, err := end(); err != nil || tally.Answered != 1 || tally.Failed != 1 {
			t.Errorf("level %d: %+v, %v", v, tally, err)
		}
		if r := <-reports; r.failed == nil || r.err != nil {
			t.Errorf("level %d: reported %+v", v, r)
		}
	}
}

func TestServeCountsRequestsWithoutAResponseTopicAndGoesOn(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	stale := message.Message{Topic: "ask/old", Payload: []byte("stale"), QoS: 1, Retain: true}
	s := open(t, b.Addr, wire.V5)
	if err := s.Publish(t.Context(), stale); err != nil {
		t.Fatal(err)
	}
	reports, end := serve(t, b, wire.V5, request.Service{Answer: echo, Count: 1})
	if err := s.Publish(t.Context(), message.Message{Topic: "ask/it", Payload: []byte("lost"), QoS: 1}); err != nil {
		t.Fatal(err)
	}
	if r := <-reports; r.text != "lost" || !errors.Is(r.err, request.ErrNowhere) {
		t.Errorf("reported %+v", r)
	}
	ask(t, s, "good", "")
	if tally, err := end(); err != nil || tally.Nowhere != 1 || tally.Answered != 1 {
		t.Errorf("%+v, %v", tally, err)
	}
}

func TestASlowAnswerDoesNotHoldUpTheNext(t *testing.T) {
	t.Parallel()
	b := brokertest.Start(t)
	second := make(chan struct{})
	_, end := serve(t, b, wire.V5, request.Service{Count: 2, AtOnce: 2, Answer: func(ctx context.Context, m message.Message, n int) ([]byte, error) {
		if n == 2 {
			close(second)
			return m.Payload, nil
		}
		select { // the first is answered after the second one came
		case <-second:
			return m.Payload, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	var both sync.WaitGroup
	for _, text := range []string{"a", "b"} {
		s := open(t, b.Addr, wire.V5)
		both.Go(func() {
			if r, _ := ask(t, s, text, ""); string(r.Message.Payload) != text {
				t.Errorf("response to %q: %+v", text, r)
			}
		})
	}
	both.Wait()
	if tally, err := end(); err != nil || tally.Answered != 2 {
		t.Errorf("%+v, %v", tally, err)
	}
}

func TestServeBelowMQTT5NeedsAResponseTopic(t *testing.T) {
	t.Parallel()
	s := open(t, brokertest.Start(t).Addr, wire.V311)
	if _, err := request.Serve(t.Context(), s, request.Service{Answer: echo}); !errors.Is(err, request.ErrNoResponseTopic) {
		t.Errorf("error %v", err)
	}
}

// scripted is a Session that receives what a broken Server lets through.
type scripted struct {
	request.Session

	inbox     []message.Message
	published []message.Message
}

func (s *scripted) Caps() client.Caps { return client.Caps{Version: wire.V5, MaximumQoS: 2} }

func (s *scripted) Subscribe(context.Context, *wire.Properties, ...wire.Subscription) ([]wire.ReasonCode, error) {
	return nil, nil
}

func (s *scripted) Recv(context.Context) (message.Message, error) {
	if len(s.inbox) == 0 {
		return message.Message{}, client.ErrConnectionLost
	}
	m := s.inbox[0]
	s.inbox = s.inbox[1:]
	return m, nil
}

func (s *scripted) AckReceived() {}

func (s *scripted) PublishAsync(_ context.Context, m message.Message, done func(client.Result)) error {
	s.published = append(s.published, m)
	done(client.Result{})
	return nil
}

func TestServeNeverAnswersToATopicWithWildcards(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	for _, to := range []string{"#", "a/+", "", "a\x00"} {
		p := (&wire.Properties{ResponseTopic: to}).Set(wire.PropResponseTopic)
		s.inbox = append(s.inbox, message.Message{Topic: "ask", Properties: p})
	}
	tally, err := request.Serve(t.Context(), s, request.Service{
		Answer: echo, ResponseTopic: "fallback",
		Report: func(_ message.Message, _, err error) error {
			if !errors.Is(err, request.ErrBadResponseTopic) {
				t.Errorf("reported %v", err)
			}
			return nil
		},
	})
	if !errors.Is(err, client.ErrConnectionLost) || tally.Nowhere != 4 || len(s.published) != 0 {
		t.Errorf("%+v, %v, published %v", tally, err, s.published)
	}
}
