package commands

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

// killDelay is how long a command may take to end after a signal.
const killDelay = 10 * time.Second

func newBrokerRun(e *env) *cobra.Command {
	o := &brokerOptions{}
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT]...",
		Short: "Run a command with a broker of its own",
		Long: "Start a broker on a free port of the loopback interface, run a command, and stop the broker when it ends. The\n" +
			"command finds the broker in MQX_HOST, MQX_PORT and MQX_URL, so that every mqx below it uses it. The exit status is\n" +
			"the command's; 128 and the number of the signal when one has ended it.",
		Example:     "  mqx broker run -- ./test.sh\n  mqx broker run --users passwords --acl list -- sh -c 'mosquitto_sub -p $MQX_PORT -t a -C 1'",
		Annotations: readWrite(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, "a command is expected after --")
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.SetInterspersed(false) // the flags behind the command's name are its own
	o.addFlags(fs)
	o.listen.port = listenPort{given: true}
	fs.Lookup("port").DefValue = "0"
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.runWith(ctx, e, cmd, args) })
	return cmd
}

// errCommandEnded stops the broker.
var errCommandEnded = errors.New("the command has ended")

// runWith serves as long as a command runs. When the broker cannot go on, the command is ended, too.
func (o *brokerOptions) runWith(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	e.keepHeadroom()
	serving, stop := context.WithCancelCause(context.WithoutCancel(ctx)) // a signal ends the command first
	defer stop(nil)
	running, end := context.WithCancel(ctx)
	defer end()
	var status error        // the command's
	var ended chan struct{} // nil until the command runs
	beginning := context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })
	o.started = func(listeners []listener) error {
		if !beginning() {
			return context.Cause(ctx)
		}
		child, err := e.startChild(running, listeners, args)
		if err != nil {
			return err
		}
		ended = make(chan struct{})
		go func() {
			status = childStatus(child.Wait())
			close(ended)
			stop(errCommandEnded)
		}()
		return nil
	}
	err := o.run(serving, e, cmd)
	switch {
	case errors.Is(err, errCommandEnded):
		<-ended
		return status
	case ended != nil:
		end()
		<-ended
	}
	return err
}

// startChild starts a command that finds the broker in its environment. A signal that only we got is passed on.
func (e *env) startChild(ctx context.Context, listeners []listener, args []string) (*exec.Cmd, error) {
	child := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // it is what the user wants to run
	child.Stdin, child.Stdout, child.Stderr = e.streams.In, output.Underlying(e.streams.Out), output.Underlying(e.streams.Err)
	host, port, err := net.SplitHostPort(listeners[0].Addr().String())
	if err != nil {
		return nil, err
	}
	child.Env = append(withoutAddress(os.Environ()), "MQX_HOST="+host, "MQX_PORT="+port, "MQX_URL="+listeners[0].url)
	child.WaitDelay = killDelay
	child.Cancel = func() error {
		var cause *exit.Error
		if errors.As(context.Cause(ctx), &cause) && cause.Code == exit.Interrupted {
			if e.streams.InTTY {
				return nil // the terminal has told it, too
			}
			return child.Process.Signal(os.Interrupt)
		}
		return child.Process.Signal(syscall.SIGTERM)
	}
	if err := child.Start(); err != nil {
		return nil, exit.Wrap(exit.Usage, "run", args[0], err)
	}
	return child, nil
}

// withoutAddress leaves out the variables that would lead elsewhere.
func withoutAddress(environment []string) []string {
	return slices.DeleteFunc(environment, func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return slices.Contains([]string{"MQX_UNIX", "MQX_TLS", "MQX_EMBEDDED", "MQX_CONTEXT", "MQX_WS_PATH", "MQX_PROXY", "MQX_CAFILE"}, name)
	})
}

// childStatus turns the end of a command into our own exit status.
func childStatus(err error) error {
	ended, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case !ok && err != nil:
		return exit.Wrap(exit.Usage, "run", "", err)
	case !ok:
		return nil
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &exit.SilentError{Code: exit.Code(128 + int(status.Signal()))}
	}
	return &exit.SilentError{Code: exit.Code(ended.ExitCode())}
}
