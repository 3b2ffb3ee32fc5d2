// Package hook runs a user's command for events: a few at a time, those of one subject one after the other and in order.
//
// Start with [New], give it events with [Runner.Run], and end with [Runner.Close].
package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// maxWaiting is how many events may wait before Run does.
	maxWaiting = 10_000
	// killGrace is how long a command may go on when everything is to end.
	killGrace = 2 * time.Second
)

// Event is what a command is run for.
type Event struct {
	// Subject is what the event is about. Commands of one subject run one after the other.
	Subject string
	// Env are variables, as NAME=value, besides those of the process.
	Env []string
	// Input is the standard input.
	Input []byte
}

// Options say what to run.
type Options struct {
	// Command is run by the shell.
	Command string
	// AtOnce is how many may run at the same time, 1 at least.
	AtOnce int
	// Output takes what commands print, errors included unless Errors is there for them. Both must be safe for concurrent use.
	Output, Errors io.Writer
	// Failed is told of commands that fail; it may be called from any goroutine.
	Failed func(e Event, err error)
}

// Runner runs commands. Its methods are for one goroutine.
type Runner struct {
	options Options
	running context.Context //nolint:containedctx // the commands outlive the call that starts them
	slots   chan struct{}
	waiting chan struct{}
	all     sync.WaitGroup

	mu    sync.Mutex
	lines map[string][]Event // of subjects that a goroutine works on: what comes next
}

// New returns a Runner whose commands end soon after ctx has ended.
func New(ctx context.Context, o Options) *Runner {
	return &Runner{
		options: o, running: ctx, slots: make(chan struct{}, max(1, o.AtOnce)), waiting: make(chan struct{}, maxWaiting),
		lines: map[string][]Event{},
	}
}

// Run takes an event. It waits when very many are waiting already, and returns why it cannot wait any longer.
func (r *Runner) Run(ctx context.Context, e Event) error {
	select {
	case r.waiting <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	line, busy := r.lines[e.Subject]
	r.lines[e.Subject] = append(line, e)
	if !busy {
		r.all.Go(func() { r.work(e.Subject) })
	}
	return nil
}

// work runs the commands of a subject until none waits.
func (r *Runner) work(subject string) {
	for {
		r.mu.Lock()
		line := r.lines[subject]
		if len(line) == 0 {
			delete(r.lines, subject)
			r.mu.Unlock()
			return
		}
		r.lines[subject] = line[1:]
		r.mu.Unlock()
		r.slots <- struct{}{}
		if r.running.Err() == nil {
			r.execute(line[0])
		}
		<-r.slots
		<-r.waiting
	}
}

func (r *Runner) execute(e Event) {
	cmd := command(r.running, r.options.Command, e)
	cmd.Stdout, cmd.Stderr = r.options.Output, r.options.Output
	if r.options.Errors != nil {
		cmd.Stderr = r.options.Errors
	}
	if err := cmd.Run(); err != nil && r.running.Err() == nil && r.options.Failed != nil {
		r.options.Failed(e, inWords(err))
	}
}

// command is a command line that is asked to end with ctx, and made to soon after.
func command(ctx context.Context, line string, e Event) *exec.Cmd {
	name, flag := shell()
	cmd := exec.CommandContext(ctx, name, flag, line) //nolint:gosec // G204: it is the user's own command
	cmd.Env = os.Environ()
	for _, kv := range e.Env {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(kv, "\x00", ""))
	}
	cmd.Stdin = bytes.NewReader(e.Input)
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = killGrace
	return cmd
}

// inWords says how a command failed.
func inWords(err error) error {
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.ExitCode() >= 0 {
		return fmt.Errorf("it ended with status %d", ended.ExitCode())
	}
	return err
}

// Close waits until all commands have run, or ended because the context of New has. Events may follow it.
func (r *Runner) Close() { r.all.Wait() }
