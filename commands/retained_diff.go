package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

type retainedDiffOptions struct {
	retainedOptions
	selection

	payloadOnly bool
}

func newRetainedDiff(e *env) *cobra.Command {
	o := &retainedDiffOptions{}
	cmd := &cobra.Command{
		Use:   "diff FILE|- [FILTER]...",
		Short: "Compare a dump with what is retained now",
		Long: "Compare a dump with what is retained now: + was added since the dump, - was removed, ~ has changed, with the\n" +
			"differences of JSON payloads below. Without a filter it is #.\n\n" +
			"Status 0: the same; 1: different; 10: a line of the dump is no message; 5: what is retained could not be read\n" +
			"completely.",
		Example:     "  mqx retained diff acme.ndjson 'acme/#'\n  mqx retained dump -h old | mqx retained diff - -h new",
		Annotations: readOnly(),
	}
	o.addFilterFlag(cmd)
	o.selection.addFlags(cmd)
	cmd.Flags().BoolVar(&o.payloadOnly, "payload-only", false, "do not compare QoS and properties")
	e.addJSONFlag(cmd, "print each difference as a JSON object")
	o.retainedOptions.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedDiffOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(cmd, "compare with what? a file is needed, or - for standard input")
	}
	if err := o.addFilters(args[1:]); err != nil {
		return err
	}
	in, err := openInput(e, args[0])
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	o.defaultFilter()
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	selector, err := o.selector(time.Now())
	if err != nil {
		return err
	}
	selector.Filters = o.filters
	differ := retained.NewDiffer(retained.DiffOptions{PayloadOnly: o.payloadOnly || s.session.Caps().Version != wire.V5})
	if err := readBefore(ctx, retained.NewLoad(publish.NewJSON(in, message.Message{Retain: true}), selector), differ); err != nil {
		return err
	}
	d := &differences{Lines: output.NewLines(e.streams), differ: differ, selector: selector, json: e.json, style: reportStyle(e)}
	if _, err := s.list(ctx, d, allQoS); err != nil {
		return err
	}
	if d.added+d.removed+d.changed == 0 {
		return nil
	}
	return exit.New(exit.Negative, "diff", "", fmt.Sprintf("%d added, %d removed, %d changed", d.added, d.removed, d.changed))
}

// readBefore reads the dump.
func readBefore(ctx context.Context, load *retained.Load, differ *retained.Differ) error {
	for {
		m, _, err := load.Next(ctx)
		switch bad, isLine := errors.AsType[*publish.LineError](err); {
		case err == nil:
			differ.Before(m)
		case errors.Is(err, io.EOF):
			return nil
		case isLine:
			return exit.Wrap(exit.BadData, "read the dump", "", bad)
		case context.Cause(ctx) != nil:
			return context.Cause(ctx)
		default:
			return exit.Wrap(exit.Usage, "read the dump", "", err)
		}
	}
}

// differences prints them as the second side comes in.
type differences struct {
	*output.Lines

	differ   *retained.Differ
	selector retained.Selector
	json     bool
	style    retained.Style

	added, removed, changed int
}

// Message compares m.
func (d *differences) Message(m message.Message) (bool, error) {
	if d.selector.Selects(m) {
		if diff, differs := d.differ.After(m); differs {
			d.print(diff)
		}
	}
	return false, nil
}

func (d *differences) print(diff retained.Difference) {
	switch diff.Op {
	case payload.Added:
		d.added++
	case payload.Removed:
		d.removed++
	case payload.Changed:
		d.changed++
	}
	if d.json {
		d.JSON(retained.AppendDifferenceJSON(nil, diff))
		return
	}
	d.Text(retained.DifferenceText(diff, d.style))
}

// Finish prints what is gone, which only a complete listing can tell.
func (d *differences) Finish(complete bool) error {
	if !complete {
		return d.Flush()
	}
	for diff := range d.differ.Removed {
		d.print(diff)
		if d.Buffered() >= flushAt {
			if err := d.Flush(); err != nil {
				return err
			}
		}
	}
	return d.Flush()
}
