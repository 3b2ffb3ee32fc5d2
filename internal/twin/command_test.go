package twin_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/wire"
)

// answering answers commands with what the test says, ID for the id of the command.
func answering(t *testing.T, w *world, answers ...string) chan message.Message {
	t.Helper()
	s := open(t, w.addr, client.Options{})
	if _, err := s.Subscribe(t.Context(), nil, wire.Subscription{Filter: base + "/cmd", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	got := make(chan message.Message, 10)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			m, err := s.Recv(t.Context())
			if err != nil {
				return
			}
			s.AckReceived()
			got <- m
			for _, answer := range answers {
				answer = strings.ReplaceAll(answer, "ID", gjson.GetBytes(m.Payload, "id").String())
				_ = s.PublishAsync(t.Context(), message.Message{Topic: base + "/cmd/res", Payload: []byte(answer), QoS: 1}, nil)
			}
		}
	})
	t.Cleanup(func() {
		s.Abandon()
		done.Wait()
	})
	return got
}

func (w *world) topics() twin.Topics {
	w.t.Helper()
	v, err := twin.NewConvention(w.c, "")
	if err != nil {
		w.t.Fatal(err)
	}
	topics, err := v.Topics(base)
	if err != nil {
		w.t.Fatal(err)
	}
	return topics
}

// noting is a session that knows what expiry it has sent: the Server takes off what a message has waited.
type noting struct {
	*client.Session

	expiry uint32
}

func (n *noting) PublishAsync(ctx context.Context, m message.Message, done func(client.Result)) error {
	n.expiry = m.Properties.MessageExpiryInterval
	return n.Session.PublishAsync(ctx, m, done)
}

func TestTheAnswerToACommandIsKnownByItsID(t *testing.T) {
	t.Parallel()
	const expires = 90*time.Second + time.Millisecond // rounded up
	for _, tt := range []struct {
		name    string
		answers []string
		refused bool
		why     string
		err     error
	}{
		{name: "done", answers: []string{`{"id":"ID","result":"done"}`}},
		{name: "no outcome", answers: []string{`{"id":"ID","value":3}`}},
		{name: "late and foreign answers first", answers: []string{`{"id":"old","error":"x"}`, `hello`, `[]`, `{"id":7}`, `{"id":"ID","ok":true}`, `{"id":"ID","error":"duplicate"}`}},
		{name: "accepted first", answers: []string{`{"id":"ID","status":"accepted"}`, `{"id":"ID","status":"failed","msg":"stuck"}`}, refused: true, why: "failed: stuck"},
		{name: "error text", answers: []string{`{"id":"ID","error":"no defrost here"}`}, refused: true, why: "no defrost here"},
		{name: "error object", answers: []string{`{"id":"ID","error":{"code":5}}`}, refused: true, why: `{"code":5}`},
		{name: "no error", answers: []string{`{"id":"ID","error":null}`}},
		{name: "not ok", answers: []string{`{"id":"ID","ok":false,"message":"busy"}`}, refused: true, why: "busy"},
		{name: "only foreign answers", answers: []string{`{"id":"old"}`}, err: twin.ErrNoAnswer},
		{name: "none", err: twin.ErrNoAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.publish(base+"/cmd/res", `{"id":"x","result":"done"}`) // retained, which it should not be
			got := answering(t, w, tt.answers...)
			c := twin.Command{Name: "defrost", Members: twin.State{"minutes": true}, Wait: patience, Expires: expires}
			if tt.err != nil {
				c.ID, c.Wait = "x", 100*time.Millisecond
			}
			s := &noting{Session: w.session}
			a, err := twin.Send(t.Context(), s, w.topics(), c)
			if !errors.Is(err, tt.err) || a.Refused != tt.refused || a.Why != tt.why || (err == nil) != (a.Answer != nil) {
				t.Fatalf("%+v, %v", a, err)
			}
			m := <-got
			doc := gjson.ParseBytes(m.Payload)
			if doc.Get("name").String() != "defrost" || !doc.Get("minutes").Bool() || doc.Get("id").String() != a.ID || !doc.Get("ts").Exists() ||
				!doc.Get("expires").Exists() || m.Retain || m.QoS != 1 || s.expiry != 91 {
				t.Errorf("sent %s, %+v", m.Payload, m)
			}
		})
	}
}

func TestACommandThatNobodyGetsIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := twin.Send(t.Context(), w.session, w.topics(), twin.Command{Name: "x"})
	if err != nil || !a.Unheard {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := twin.Send(t.Context(), w.session, w.topics(), twin.Command{Name: "x", Members: twin.State{"id": "y"}}); err == nil {
		t.Error("a second id is taken")
	}
	if _, err := twin.Send(t.Context(), w.session, twin.Topics{}, twin.Command{Name: "x"}); !errors.Is(err, twin.ErrNoTopic) {
		t.Error(err)
	}
	old := at(t, w.addr, wire.V311)
	if _, err := twin.Send(t.Context(), old.session, w.topics(), twin.Command{Name: "x", Expires: time.Minute}); err != nil {
		t.Error(err)
	}
}
