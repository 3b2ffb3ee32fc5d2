package commands

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/hook"
	"github.com/mqx-cli/mqx/internal/message"
)

// execOptions are the flags that run a command for each message.
type execOptions struct {
	command string
	atOnce  int
}

func (o *execOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.command, "exec", "", "run this shell command for each message instead of printing it, with the payload (or with --json the\n"+
		"object) on its standard input, and MQX_TOPIC, MQX_QOS, MQX_RETAIN and MQX_TIME")
	fs.IntVar(&o.atOnce, "exec-parallel", 1, "how many of these run at once; those of one topic run in order")
}

// check checks what flags say together.
func (o *execOptions) check(cmd *cobra.Command) error {
	if o.command == "" {
		if given(cmd, "exec-parallel") {
			return usageError(cmd, "--exec-parallel does nothing without --exec")
		}
		if given(cmd, "exec") { // a variable that is not set: its user expects that something is done
			return usageError(cmd, "--exec needs a command")
		}
		return nil
	}
	for _, name := range []string{"format", "path", "jq", "verbose", "no-newline"} {
		if given(cmd, name) {
			return usageError(cmd, "--exec and --%s exclude each other", name)
		}
	}
	if o.atOnce < 1 {
		return usageError(cmd, "--exec-parallel %d: at least one is needed", o.atOnce)
	}
	return nil
}

// sink runs the command for messages. What it prints is the output.
func (o *execOptions) sink(ctx context.Context, e *env) *execSink {
	s := &execSink{ctx: func() context.Context { return ctx }, asJSON: e.json}
	s.runner = hook.New(ctx, hook.Options{
		Command: o.command, AtOnce: o.atOnce, Output: &lockedWriter{w: e.streams.Out}, Errors: &lockedWriter{w: e.streams.Err},
		Failed: func(event hook.Event, err error) {
			e.note("warning: --exec for %s: %v", event.Subject, err)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed++
		},
	})
	return s
}

// execSink runs a command for each message. A message is acknowledged after its command has ended.
type execSink struct {
	ctx    func() context.Context
	runner *hook.Runner
	asJSON bool
	waits  int // bytes of input of commands that may not have ended

	mu     sync.Mutex
	failed int
}

// Message runs the command for m.
func (s *execSink) Message(m message.Message) (bool, error) { return s.Show(m, nil) }

// Show runs the command for m.
func (s *execSink) Show(m message.Message, extra []byte) (bool, error) {
	input := m.Payload
	if s.asJSON {
		input = message.AppendJSON(nil, m)
		input = append(append(input[:len(input)-1], extra...), '}', '\n')
	}
	s.waits += len(input) + 1
	return true, s.runner.Run(s.ctx(), hook.Event{Subject: m.Topic, Input: input, Env: []string{
		"MQX_TOPIC=" + m.Topic, "MQX_QOS=" + strconv.Itoa(int(m.QoS)), "MQX_RETAIN=" + strconv.FormatBool(m.Retain),
		"MQX_TIME=" + string(message.AppendTime(nil, m.Time)),
	}})
}

// Flush waits for the commands.
func (s *execSink) Flush() error {
	s.runner.Close()
	s.waits = 0
	return context.Cause(s.ctx())
}

// Buffered is how many bytes wait for Flush.
func (s *execSink) Buffered() int { return s.waits }

// end makes commands that failed the status, if nothing else is.
func (s *execSink) end(_ *env, err error) error {
	s.runner.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.failed > 0 {
		return exit.New(exit.Negative, "--exec", "", fmt.Sprintf("it failed for %s", messages(s.failed)))
	}
	return err
}

// lockedWriter lets several write, one at a time.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes p.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
