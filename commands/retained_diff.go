package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/payload"
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
		Use:   "diff FILE|CONTEXT|- [FILTER]...",
		Short: "Compare a dump, or another broker, with what is retained now",
		Long: "Compare a dump, or what is retained at the broker of another context, with what is retained now: + was added since,\n" +
			"- was removed, ~ has changed, with the differences of JSON payloads below. Without a filter it is #. A file comes\n" +
			"before a context of the same name. The connection flags are for the second side; the first one is connected to as\n" +
			"its context says (see mqx context).\n\n" +
			"Status 0: the same; 1: different; 10: a line of the dump is no message; 5: what is retained could not be read\n" +
			"completely.",
		Example: "  mqx retained diff acme.ndjson 'acme/#'\n  mqx retained diff staging 'acme/#' --context prod\n" +
			"  mqx retained dump -h old | mqx retained diff - -h new",
		Annotations: readOnly(),
	}
	o.addFilterFlag(cmd)
	o.selection.addFlags(cmd)
	cmd.Flags().BoolVar(&o.payloadOnly, "payload-only", false, "do not compare QoS and properties")
	e.addJSONFlag(cmd, "print each difference as a JSON object")
	o.retainedOptions.addFlags(cmd)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, _ := e.completeContexts(cmd, args, begun)
		return names, cobra.ShellCompDirectiveDefault // and files
	}
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedDiffOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(cmd, "compare with what? a file or a context is needed, or - for standard input")
	}
	if err := o.addFilters(args[1:]); err != nil {
		return err
	}
	selector, err := o.selector(time.Now())
	if err != nil {
		return err
	}
	first, err := o.openFirst(ctx, e, args[0])
	if err != nil {
		return err
	}
	defer first.close()
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	o.defaultFilter()
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	selector.Filters = o.filters
	differ := retained.NewDiffer(retained.DiffOptions{PayloadOnly: o.payloadOnly || first.payloadOnly || s.session.Caps().Version != wire.V5})
	if err := first.read(ctx, o.filters, selector, differ); err != nil {
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
