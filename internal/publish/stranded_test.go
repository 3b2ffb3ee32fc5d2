package publish_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/wire"
)

// inMemory starts a broker that goes wrong as the rules say, for a fake clock, and returns a Dial that counts connections. It
// ends ctx at the hundredth.
func inMemory(t *testing.T, rules string, dials *int, end context.CancelFunc) func(context.Context) (net.Conn, error) {
	t.Helper()
	plan, err := faults.Parse(rules, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(broker.Config{Faults: plan})
	t.Cleanup(func() { _ = b.Shutdown(context.WithoutCancel(t.Context())) })
	return func(context.Context) (net.Conn, error) {
		if *dials++; *dials == 100 {
			end()
		}
		here, there := net.Pipe()
		go b.ServeConn(there)
		return here, nil
	}
}

// When the input has ended, a Server that hangs up each time is tried as often as was asked for, and not for ever.
func TestServerThatHangsUpIsTriedAsOftenAsWasAskedFor(t *testing.T) {
	for _, single := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			defer end()
			dials := 0
			q := openQueue(t, t.TempDir())
			summary, err := publish.RunQueued(ctx, q, publish.NewOnce(message.Message{Topic: "poison", QoS: 1}, 1, 0), publish.QueuedOptions{
				Client: client.Options{
					Dial:  inMemory(t, "disconnect publish topic=poison", &dials, end),
					Retry: client.Retry{Connect: 2, Reconnect: 2},
				},
				Single:  single,
				Options: publish.Options{Report: func(err error) { t.Errorf("reported: %v", err) }},
			})
			var undelivered *publish.DeliveryError
			if !errors.As(err, &undelivered) || summary.Kept != 1 || dials > 10 {
				t.Errorf("single %t: %+v, %v, %d connections", single, summary, err, dials)
			}
		})
	}
}

// A message that has ended without being sent does not show that the Server takes others.
func TestMessageThatIsNotSentIsNoEvidenceAgainstAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		dials, dir := 0, t.TempDir()
		q := openQueue(t, dir)
		typed := (&wire.Properties{ContentType: "x/y"}).Set(wire.PropContentType)
		for _, m := range []message.Message{{Topic: "good", QoS: 1}, {Topic: "typed", QoS: 1, Properties: typed}} {
			if err := q.Append(ctx, m); err != nil {
				t.Fatal(err)
			}
		}
		var aside []string
		summary, err := publish.RunQueued(ctx, q, publish.NewOnce(message.Message{}, 0, 0), publish.QueuedOptions{
			Client: client.Options{
				Version: wire.V311, Dial: inMemory(t, "disconnect publish", &dials, end),
				MaxInflight: 1, // the second is tried only when it is asked what the first does
			},
			Single: true,
			Options: publish.Options{Report: func(err error) {
				if e, ok := errors.AsType[*publish.SetAsideError](err); ok {
					aside = append(aside, e.Topic)
				}
			}},
		})
		var undelivered *publish.DeliveryError
		if !errors.As(err, &undelivered) || summary.Kept != 1 || !slices.Equal(aside, []string{"typed"}) {
			t.Errorf("%+v, %v, set aside %q", summary, err, aside)
		}
	})
}
