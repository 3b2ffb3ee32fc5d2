package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/mosquitto"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/wire"
)

// asCommand makes a program of mosquitto's a command of mqx.
func asCommand(tool mosquitto.Tool) func(*env) *cobra.Command {
	return func(e *env) *cobra.Command { return newMosquitto(e, tool) }
}

func newMosquitto(e *env, tool mosquitto.Tool) *cobra.Command {
	return &cobra.Command{
		Use:   tool.String() + " [OPTION]...",
		Short: "Be " + tool.String() + " " + mosquitto.Compatible,
		Long: "Be " + tool.String() + " " + mosquitto.Compatible + ", with its options, output and exit statuses: " + tool.String() + " --help lists the\n" +
			"options. A link to mqx of this name does the same, see mqx link.",
		Example:            "  mqx " + tool.String() + " --help",
		Hidden:             true, // three lines that would say little: mqx link leads to them
		DisableFlagParsing: true,
		Annotations:        readWrite(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if status := e.runMosquitto(cmd.Context(), tool, args); status != 0 {
				return &exit.SilentError{Code: exit.Code(status)}
			}
			return nil
		},
	}
}

// asMosquitto finds out whether the program is to be one of mosquitto's: by the name it was called by, or its first word.
func asMosquitto(program string, args []string) (tool mosquitto.Tool, rest []string, ok bool) {
	if tool, ok = mosquitto.ToolNamed(program); ok {
		return tool, args, true
	}
	if len(args) > 0 {
		for _, t := range mosquitto.Tools() {
			if args[0] == t.String() {
				return t, args[1:], true
			}
		}
	}
	return 0, nil, false
}

// runMosquitto runs one of mosquitto's programs and returns its exit status.
func (e *env) runMosquitto(ctx context.Context, tool mosquitto.Tool, args []string) int {
	o, end := mosquitto.Parse(tool, args, mosquitto.Environment{
		Getenv: e.getenv, Windows: runtime.GOOS == "windows", Version: readVersion().Version,
	})
	if end != nil {
		return e.endMosquitto(end)
	}
	e.keepHeadroom()
	d := &dropIn{Options: o, env: e, out: e.streams.Out}
	switch tool {
	case mosquitto.Pub:
		end = d.publish(ctx)
	case mosquitto.Sub:
		ctx, stop := withSignals(ctx)
		defer stop()
		d.out = output.NewYielding(e.streams.Out, ctx.Done())
		end = d.subscribe(ctx)
	default:
		end = d.request(ctx)
	}
	return e.endMosquitto(end)
}

// endMosquitto says what is left to say.
func (e *env) endMosquitto(end *mosquitto.End) int {
	if end == nil {
		return 0
	}
	fmt.Fprint(e.streams.Err, end.Err)
	fmt.Fprint(e.streams.Out, end.Out)
	return end.Status
}

// ignoreClosedPipe keeps a closed standard output from killing the program, so that it can disconnect.
func ignoreClosedPipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// dropIn is one of mosquitto's programs that runs.
type dropIn struct {
	*mosquitto.Options

	env      *env
	out      io.Writer
	deadline time.Time // of -W, once the network connection stands
}

// complain says something on standard error, unless --quiet forbids it.
func (d *dropIn) complain(text string) {
	if !d.Quiet {
		fmt.Fprint(d.env.streams.Err, text)
	}
}

// end is an End whose words --quiet keeps back.
func (d *dropIn) end(e mosquitto.End) *mosquitto.End {
	if d.Quiet {
		e.Err = ""
	}
	return &e
}

// failure is the end of a program whose connection could not be made, or was lost.
func (d *dropIn) failure(err error) *mosquitto.End {
	if dial, ok := errors.AsType[*link.DialError](err); ok && d.Debug && dial.Target.TLS != nil {
		fmt.Fprintln(d.out, dial.Problem)
	}
	return d.end(mosquitto.Failure(d.Options, err))
}

// options are those of the client.
func (d *dropIn) options(ctx context.Context) (client.Options, *mosquitto.End) {
	o, end := d.Client(config.Secrets{Prompt: d.env.promptSecret(ctx), Getenv: d.env.getenv, ReadFile: connectionFile(ctx)})
	if end != nil {
		return o, end
	}
	if d.Debug {
		o.Trace = mosquitto.NewTrace(d.Options, func(text string) { fmt.Fprint(d.out, text) }).Packet
	}
	return o, nil
}

// connect makes the network connection, from when on -W counts, and then the session. One that lasts is made again for ever
// when it is lost, but not when nobody answers in the first place.
func (d *dropIn) connect(ctx context.Context, o client.Options, lasts bool) (*client.Session, error) {
	first, err := link.Dial(ctx, o.Target)
	if err != nil {
		return nil, err
	}
	var used atomic.Bool
	o.Dial = func(ctx context.Context) (net.Conn, error) {
		if used.CompareAndSwap(false, true) {
			return first, nil
		}
		return link.Dial(ctx, o.Target)
	}
	if lasts {
		o.Retry.Connect, o.Retry.Reconnect, o.Retry.NotRefused = client.Forever, client.Forever, true
	}
	if d.Timeout > 0 {
		d.deadline = time.Now().Add(d.Timeout)
	}
	bounded, cancel := d.bounded(ctx)
	defer cancel()
	return client.Open(bounded, o)
}

// bounded bounds ctx by -W.
func (d *dropIn) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, d.deadline)
}

// late reports whether -W has passed.
func (d *dropIn) late() bool { return !d.deadline.IsZero() && !time.Now().Before(d.deadline) }

// printer prints messages.
func (d *dropIn) printer(pass func() bool) *output.Mosquitto {
	o := output.MosquittoOptions{
		Topic: d.Verbose, NoNewline: d.NoNewline, Pretty: d.Pretty, Watch: d.Watch, Host: d.Host, Rate: d.MessageRate, Pass: pass,
	}
	if d.HasFormat {
		o.Format, _ = output.ParseFormat(mosquitto.PortableFormat(d.Format)) // it was checked
	}
	errs := d.env.streams.Err
	if d.Quiet {
		errs = io.Discard
	}
	return output.NewMosquitto(d.out, errs, o)
}

// goodbye ends a session. Of MQTT 5 alone the programs ask that a signal has the Will Message published.
func (d *dropIn) goodbye(ctx context.Context, s *client.Session, bySignal bool) {
	if !bySignal || d.Version != wire.V5 {
		closeSession(ctx, s)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	s.CloseWithWill(ctx)
}
