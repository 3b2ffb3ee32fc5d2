// Package commands is the command line of mqx: one file for each leaf command, which turns flags into options, calls
// into internal/ once and hands the result to internal/output.
//
// [Main] runs a command line and returns the exit status. No protocol and no algorithm lives here.
package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/startup"
)

// Main runs mqx on the standard streams and returns the exit status. argv begins with the name that it was called by: under
// one of mosquitto's clients it is that client.
func Main(argv []string) int {
	defer startup.ForgetSoon()()
	program, args := "mqx", argv
	if len(argv) > 0 {
		program, args = argv[0], argv[1:]
	}
	if tool, rest, ok := asMosquitto(program, args); ok {
		return processEnv(os.Stdout, os.Stderr).runMosquitto(context.Background(), tool, rest)
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	e := processEnv(output.NewYielding(os.Stdout, ctx.Done()), output.NewYielding(os.Stderr, ctx.Done()))
	return int(run(ctx, e, args))
}

// processEnv is the environment of this process; out and errs write to its standard streams.
func processEnv(out, errs io.Writer) *env {
	return &env{
		streams: output.Streams{
			In: os.Stdin, Out: out, Err: errs,
			InTTY:   term.IsTerminal(int(os.Stdin.Fd())),
			OutTTY:  term.IsTerminal(int(os.Stdout.Fd())),
			ErrTTY:  term.IsTerminal(int(os.Stderr.Fd())),
			NoColor: os.Getenv("NO_COLOR") != "",
		},
		getenv: os.Getenv,
	}
}

// run executes args and reports the error, once.
func run(ctx context.Context, e *env, args []string) exit.Code {
	if e.words = args; completes(args) {
		e.words = args[1:max(1, len(args)-1)] // the last one is not finished
	}
	root := newRoot(e) //nolint:contextcheck // the commands get ctx from cobra
	joined, err := joinProperties(root, args)
	if completes(args) {
		walk(root, e.complete)
		joined, err = args, nil // a property may be half typed
	}
	if err == nil {
		root.SetArgs(joined)
		err = root.ExecuteContext(ctx)
		err = interrupted(ctx, err)
	}
	for _, end := range e.atEnd {
		end()
	}
	e.remember()
	if line := e.errorLine(err); line != "" {
		fmt.Fprintln(e.streams.Err, line)
	}
	return exit.CodeOf(err)
}

// withSignals returns a context that SIGINT and SIGTERM cancel with the exit status as the cause. The second signal
// ends the program at once. A closed standard output must not kill the program either, so that it can disconnect.
func withSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, os.Interrupt, syscall.SIGTERM)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-stops:
			signal.Stop(stops)
			cancel(signalError(s))
		case <-done:
		}
	}()
	return ctx, func() {
		close(done)
		signal.Stop(stops)
		cancel(nil)
	}
}

func signalError(s os.Signal) *exit.Error {
	if s == syscall.SIGTERM {
		return exit.New(exit.Terminated, "terminated", "", "")
	}
	return exit.New(exit.Interrupted, "interrupted", "", "")
}

// interrupted makes a signal the reason of whatever error it led to. A command that has ended well stays so.
func interrupted(ctx context.Context, err error) error {
	var cause *exit.Error
	if err == nil || exit.CodeOf(err) == exit.OK || !errors.As(context.Cause(ctx), &cause) {
		return err
	}
	if code := exit.CodeOf(err); code == cause.Code {
		return err // the command has said more than we know
	}
	return cause
}
