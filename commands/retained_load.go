package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/retained"
)

type retainedLoadOptions struct {
	retainedOptions
	selection

	dryRun bool
	yes    bool
	rate   float64
}

func newRetainedLoad(e *env) *cobra.Command {
	o := &retainedLoadOptions{}
	cmd := &cobra.Command{
		Use:   "load FILE|- [FILTER]...",
		Short: "Retain the messages of a dump again",
		Long: "Retain the messages of a dump again, all or those that match a filter, with their payload, QoS and properties. Live\n" +
			"messages of a capture are left out. At QoS 1 and 2 the broker has confirmed each when mqx ends with status 0.\n\n" +
			"Status 9: some were refused or are no messages, each is listed; 4: all were refused; 10: no line is a message.",
		Example:     "  mqx retained load acme.ndjson --dry-run\n  mqx retained load acme.ndjson 'acme/s1/#' --exclude 'acme/+/+/desired'",
		Annotations: readWrite(),
	}
	o.addFilterFlag(cmd)
	o.selection.addFlags(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&o.dryRun, "dry-run", false, "print the topics and publish nothing")
	fs.BoolVar(&o.yes, "yes", false, "do not ask, in a guarded context")
	fs.Var(rateFlag{&o.rate}, "rate", "most messages in a time, like 100/s or 10/m")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "longest time for it all")
	e.addJSONFlag(cmd, "print errors, and the topics of --dry-run, as JSON objects")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when connected")
	addConnectionFlags(cmd, &o.connection, "publish")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedLoadOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(cmd, "what to load? a file is needed, or - for standard input")
	}
	if err := o.addFilters(args[1:]); err != nil {
		return err
	}
	selector, err := o.selector(time.Now())
	if err != nil {
		return err
	}
	selector.Filters = o.filters
	in, err := openInput(e, args[0])
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	defer e.reportWhere(selector.Where)
	load := retained.NewLoad(publish.NewJSON(in, message.Message{Retain: true}), selector)
	if o.dryRun {
		return o.preview(ctx, e, load)
	}
	if err := e.guard(ctx, &o.connection, "overwrite retained messages with those of "+args[0], o.yes); err != nil {
		return err
	}
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if err := readyFile(o.ready, ""); err != nil {
		return err
	}
	return o.load(ctx, s, load)
}

// openInput opens a file, or standard input for -.
func openInput(e *env, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(e.streams.In), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "read", "", err)
	}
	return f, nil
}

// preview prints what would be loaded.
func (o *retainedLoadOptions) preview(ctx context.Context, e *env, load *retained.Load) error {
	lines := output.NewLines(e.streams)
	n, bad := 0, 0
	for {
		m, _, err := load.Next(ctx)
		if line, ok := errors.AsType[*publish.LineError](err); ok {
			e.note("%s", line)
			bad++
			continue
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n++; e.json {
			lines.JSON(append(message.AppendJSONString([]byte(`{"topic":`), m.Topic), '}'))
		} else {
			lines.Escaped(m.Topic)
		}
		if lines.Buffered() >= flushAt {
			if err := lines.Flush(); err != nil {
				return err
			}
		}
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	e.note("%s would be loaded, %s", messages(n), leftOut(load))
	return loadError(n, 0, bad)
}

func leftOut(load *retained.Load) string {
	return fmt.Sprintf("%d left out by filters, %d live", load.Skipped(), load.Live())
}

// load publishes.
func (o *retainedLoadOptions) load(ctx context.Context, s *store, load *retained.Load) error {
	if !o.deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, o.deadline,
			exit.New(exit.Timeout, "load", "", fmt.Sprintf("not done within %s (--timeout)", o.timeout)))
		defer cancel()
	}
	progress := output.NewProgress(s.env.streams)
	source := &counted{Source: load, progress: progress}
	summary, err := publish.Run(ctx, s.session, source, publish.Options{Rate: o.rate, Report: func(err error) {
		progress.Done()
		s.env.note("%s", err)
	}})
	progress.Done()
	done := summary.Sent - summary.Refused
	counts := fmt.Sprintf("%s sent, %d not acknowledged", messages(summary.Sent), summary.Unacknowledged)
	if err != nil {
		if cause, ok := errors.AsType[*exit.Error](context.Cause(ctx)); ok {
			return exit.Wrap(cause.Code, cause.What, cause.Where, cause.Why).Hint(counts)
		}
		if errors.Is(err, client.ErrConnectionLost) {
			return lostError("load into", s.target, err, counts)
		}
		return exit.Wrap(exit.Usage, "load", "", err).Hint(counts)
	}
	s.env.note("%s loaded, %s", messages(max(0, done)), leftOut(load))
	if source.unconfirmed > 0 {
		s.env.note("%s of QoS 0 among them, which a broker does not confirm", messages(source.unconfirmed))
	}
	return loadError(done, summary.Refused, summary.BadLines)
}

// loadError is the exit status of a load that came to its end.
func loadError(done, refused, bad int) error {
	switch {
	case refused+bad == 0:
		return nil
	case done > 0:
		return exit.New(exit.Partial, "load", "", fmt.Sprintf("%d of %s not loaded", refused+bad, messages(done+refused+bad)))
	case refused == 0:
		return exit.New(exit.BadData, "load", "", "no line was a retained message")
	default:
		return exit.New(exit.Refused, "load", "", fmt.Sprintf("none of %s was loaded", messages(refused+bad)))
	}
}

// counted is a source that shows how far it has come.
type counted struct {
	publish.Source

	progress    *output.Progress
	given       int
	unconfirmed int // at QoS 0
}

// Next returns the next message.
func (c *counted) Next(ctx context.Context) (message.Message, int, error) {
	m, line, err := c.Source.Next(ctx)
	if err == nil {
		c.given++
		if m.QoS == 0 {
			c.unconfirmed++
		}
		c.progress.Update("loaded", c.given, 0)
	}
	return m, line, err
}
