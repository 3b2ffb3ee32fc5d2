package publish_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/queue"
	"github.com/mqx-cli/mqx/internal/wire"
)

// faulty starts a broker that goes wrong as the rules say.
func faulty(t *testing.T, rules string) *brokertest.Server {
	t.Helper()
	plan, err := faults.Parse(rules, 1)
	if err != nil {
		t.Fatal(err)
	}
	return brokertest.Start(t, broker.Config{Faults: plan})
}

// inTurn is a source of messages with these topics, each with its number as the payload.
func inTurn(qos byte, topics ...string) publish.Source {
	var lines strings.Builder
	for i, topic := range topics {
		fmt.Fprintf(&lines, `{"topic":%q,"payload":%d}`+"\n", topic, i)
	}
	return publish.NewJSON(strings.NewReader(lines.String()), message.Message{QoS: qos})
}

// asideIn returns the messages that were set aside in a folder.
func asideIn(t *testing.T, dir string) (list []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "set-aside-*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := message.ParseJSON(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		list = append(list, fmt.Sprintf("%s %d %s", m.Topic, m.QoS, m.Payload))
	}
	return list
}

// wantReceived expects these payloads next, in their order.
func wantReceived(t *testing.T, s *client.Session, payloads ...string) {
	t.Helper()
	for _, want := range payloads {
		m, err := s.Recv(t.Context())
		if err != nil || string(m.Payload) != want {
			t.Fatalf("received %q, %v, want %s", m.Payload, err, want)
		}
		s.AckReceived()
	}
}

// A message that makes the Server hang up would be in the way of all others for ever.
func TestMessageThatBringsDownEveryConnectionIsSetAside(t *testing.T) {
	for name, options := range map[string]client.Options{
		"retried":                   {Retry: client.Retry{Reconnect: client.Forever, MaxWait: 1}},
		"not retried, MQTT 3.1.1":   {Version: wire.V311},
		"retried twice, MQTT 3.1.1": {Version: wire.V311, Retry: client.Retry{Connect: 2, Reconnect: 2, MaxWait: 1}},
		"one message under way":     {MaxInflight: 1, Retry: client.Retry{Reconnect: client.Forever, MaxWait: 1}},
	} {
		for _, qos := range []byte{1, 2} {
			t.Run(fmt.Sprintf("%s, QoS %d", name, qos), func(t *testing.T) {
				t.Parallel()
				s := faulty(t, "disconnect publish topic=poison")
				sub := subscriber(t, s)
				dir := t.TempDir()
				o := options
				o.Target = target(s.Addr)
				var told []string
				summary, err := publish.RunQueued(t.Context(), openQueue(t, dir), inTurn(qos, "a", "b", "poison", "c", "d"), publish.QueuedOptions{
					Client: o, Options: publish.Options{Report: func(err error) {
						if aside, ok := errors.AsType[*publish.SetAsideError](err); ok {
							told = append(told, aside.Topic)
						} else {
							t.Errorf("reported: %v", err)
						}
					}},
				})
				if err != nil || summary.Delivered != 4 || summary.Refused != 1 || summary.Kept != 0 || len(told) != 1 {
					t.Fatalf("%+v, %v, told of %q", summary, err, told)
				}
				wantReceived(t, sub, "0", "1", "3", "4")
				if got, want := asideIn(t, dir), fmt.Sprintf("poison %d 2", qos); len(got) != 1 || got[0] != want {
					t.Errorf("set aside: %q, want %q", got, want)
				}
			})
		}
	}
}

// A Server that hangs up at every message is no reason to give up on any of them.
func TestServerThatTakesNoMessageMakesNoneSuspicious(t *testing.T) {
	t.Parallel()
	s := faulty(t, "disconnect publish")
	sub := subscriber(t, s)
	dir := t.TempDir()
	q := openQueue(t, dir)
	o := client.Options{Target: target(s.Addr), Retry: client.Retry{MaxWait: 1}}
	summary, err := runQueued(t, q, inTurn(2, "a", "b", "c"), o)
	var undelivered *publish.DeliveryError
	if !errors.As(err, &undelivered) || summary.Kept != 3 || summary.Refused != 0 || len(asideIn(t, dir)) > 0 {
		t.Fatalf("%+v, %v, set aside %q", summary, err, asideIn(t, dir))
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	s.Broker.SetFaults(nil)
	if summary, err := runQueued(t, openQueue(t, dir), inTurn(2, "d"), o); err != nil || summary.Delivered != 4 {
		t.Fatalf("%+v, %v", summary, err)
	}
	wantReceived(t, sub, "0", "1", "2", "0")
}

// One message is in nobody's way: it is kept, and the loss of the connection told as ever.
func TestMessageThatIsAloneIsKept(t *testing.T) {
	s := faulty(t, "disconnect publish topic=poison")
	dir := t.TempDir()
	summary, err := runQueued(t, openQueue(t, dir), inTurn(1, "poison"), client.Options{Target: target(s.Addr)})
	var undelivered *publish.DeliveryError
	if !errors.As(err, &undelivered) || summary.Kept != 1 || len(asideIn(t, dir)) > 0 {
		t.Errorf("%+v, %v, set aside %q", summary, err, asideIn(t, dir))
	}
}

// As long as there is input, a message that is in the way does not wait for its end.
func TestMessageIsSetAsideWhileTheInputLasts(t *testing.T) {
	t.Parallel()
	s := faulty(t, "disconnect publish topic=poison")
	sub := subscriber(t, s)
	r, w := io.Pipe()
	ended := make(chan error, 1)
	dir := t.TempDir()
	q := openQueue(t, dir)
	go func() {
		summary, err := publish.RunQueued(t.Context(), q, publish.NewJSON(r, message.Message{QoS: 1}), publish.QueuedOptions{
			Client:  client.Options{Target: target(s.Addr), Retry: client.Retry{MaxWait: 1}},
			Options: publish.Options{Report: func(error) {}},
		})
		if summary.Delivered != 2 || summary.Refused != 1 {
			err = errors.Join(err, fmt.Errorf("%+v", summary))
		}
		ended <- err
	}()
	for i, topic := range []string{"poison", "a", "b"} {
		if _, err := fmt.Fprintf(w, `{"topic":%q,"payload":%d}`+"\n", topic, i); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			wantReceived(t, sub, fmt.Sprint(i))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := asideIn(t, dir); len(got) != 1 {
		t.Errorf("set aside: %q", got)
	}
}

// The file can be published again as it is.
func TestMessageSetAsideIsAsItWasAccepted(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir)
	props := (&wire.Properties{ContentType: "x/y", MessageExpiryInterval: 60}).Set(wire.PropContentType, wire.PropMessageExpiryInterval)
	if err := q.Append(t.Context(), message.Message{Topic: "t", Payload: []byte{0, 0xFF}, QoS: 2, Retain: true, Properties: props}); err != nil {
		t.Fatal(err)
	}
	e, err := q.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name, err := q.SetAside(e)
	if err != nil || q.Kept() != 0 {
		t.Fatalf("%v, %d kept", err, q.Kept())
	}
	again := queue.Entry{Number: e.Number, Message: e.Message, Accepted: e.Accepted}
	if second, err := q.SetAside(again); err != nil || second != name {
		t.Errorf("the same message is in %s and %s, %v", name, second, err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := message.ParseJSON(data)
	if err != nil || m.Topic != "t" || string(m.Payload) != "\x00\xff" || m.QoS != 2 || !m.Retain || m.Properties.ContentType != "x/y" ||
		m.Properties.MessageExpiryInterval != 60 {
		t.Errorf("%s: %+v, %v", data, m, err)
	}
}

// A message that was accepted for MQTT 5 has no form below. It would be in the way of all others for ever.
func TestMessageThatTheProtocolLevelCannotSayIsSetAside(t *testing.T) {
	s := brokertest.Start(t)
	sub := subscriber(t, s)
	dir := t.TempDir()
	q := openQueue(t, dir)
	typed := message.Message{Topic: "poison", Payload: []byte("typed"), QoS: 1, Properties: (&wire.Properties{ContentType: "x/y"}).Set(wire.PropContentType)}
	for _, m := range []message.Message{{Topic: "a", Payload: []byte("0"), QoS: 1}, typed, {Topic: "b", Payload: []byte("2"), QoS: 1}} {
		if err := q.Append(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	summary, err := publish.RunQueued(t.Context(), q, publish.NewOnce(message.Message{}, 0, 0), publish.QueuedOptions{
		Client:  client.Options{Target: target(s.Addr), Version: wire.V311},
		Options: publish.Options{Report: func(err error) { told = append(told, err.Error()) }},
	})
	if err != nil || summary.Delivered != 2 || summary.Refused != 1 || summary.Kept != 0 {
		t.Fatalf("%+v, %v", summary, err)
	}
	wantReceived(t, sub, "0", "2")
	if got := asideIn(t, dir); !slices.Equal(got, []string{"poison 1 typed"}) {
		t.Errorf("set aside: %q", got)
	}
	if len(told) != 1 || !strings.Contains(told[0], `PUBLISH "poison": MQTT 3.1.1 cannot say Content Type in PUBLISH; set aside in `+dir) {
		t.Errorf("told %q", told)
	}
}

// What no packet of the level that was asked for can carry is not accepted.
func TestMessageThatTheProtocolLevelCannotSayIsNotAccepted(t *testing.T) {
	s := brokertest.Start(t)
	sub := subscriber(t, s)
	in := `{"topic":"a","payload":"0"}
{"topic":"a","payload":"1","properties":{"content_type":"x/y"}}
{"topic":"a","payload":"2"}
`
	var told []string
	summary, err := publish.RunQueued(t.Context(), openQueue(t, t.TempDir()), publish.NewJSON(strings.NewReader(in), message.Message{QoS: 1}), publish.QueuedOptions{
		Client:  client.Options{Target: target(s.Addr), Version: wire.V311},
		Options: publish.Options{Report: func(err error) { told = append(told, err.Error()) }},
	})
	if err != nil || summary.Delivered != 2 || summary.Sent != 2 || summary.BadLines != 1 || summary.Kept != 0 {
		t.Fatalf("%+v, %v", summary, err)
	}
	wantReceived(t, sub, "0", "2")
	if want := []string{"line 2: MQTT 3.1.1 cannot say Content Type in PUBLISH"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
