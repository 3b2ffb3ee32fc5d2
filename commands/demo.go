package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/demo"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

func newDemo(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See the habits of good MQTT at work",
		Long: "Play a small fleet on a private broker and tell what happens: birth and Will Message, telemetry, retained\n" +
			"status, a command that is carried out once, a desired state, and a device that dies. Each line was observed\n" +
			"over MQTT; the demo ends by itself within seconds, with status 0 only when it saw every step.",
		Example:     "  mqx demo\n  mqx demo --json",
		Args:        noArgs,
		Annotations: readOnly(),
	}
	e.addJSONFlag(cmd, "print each step as a JSON object")
	cmd.RunE = e.run(func(ctx context.Context, _ []string) error { return runDemo(ctx, e) })
	return cmd
}

func runDemo(ctx context.Context, e *env) error {
	address, stop, err := privateBroker(ctx)
	if err != nil {
		return err
	}
	defer stop()

	start := time.Now()
	if !e.json {
		fmt.Fprintf(e.streams.Err, "a private broker listens on %s\n", address)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	steps, shown := output.NewSteps(e.streams, e.color, e.json), 0
	err = demo.Run(ctx, brokerOpener(address.String()), func(s demo.Step) {
		shown++
		if err := steps.Step(s.Title, s.Evidence); err != nil {
			cancel(err)
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if missing, ok := errors.AsType[*demo.NotObservedError](err); ok {
		return exit.New(exit.Negative, "demo", missing.Title, "did not see "+missing.Waited)
	}
	if err == nil && !e.json {
		fmt.Fprintf(e.streams.Err, "%d steps, all of them observed, in %.1f s\n", shown, time.Since(start).Seconds())
	}
	return err
}

// brokerOpener connects to a broker of our own.
func brokerOpener(address string) demo.Opener {
	return func(ctx context.Context, o client.Options) (*client.Session, error) {
		o.Dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
		return client.Open(ctx, o)
	}
}
