package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/twin"
)

type desiredWaitOptions struct {
	desiredOptions
	waitFlags

	rev uint64
	id  string
}

func newDesiredWait(e *env) *cobra.Command {
	o := &desiredWaitOptions{}
	cmd := &cobra.Command{
		Use:   "wait DEVICE...",
		Short: "Wait until devices are as desired",
		Long: "Wait until devices have answered what is desired of them, and are as desired.\n\n" + evidenceHelp + "\n\n" +
			"Status 0: converged; 5: not in time; 6: offline, or never seen; 7: the device rejects a setting; 8: somebody has asked\n" +
			"for something else; 9: some devices have converged; 10: what is there is no document; 1: nothing is desired.",
		Example:     "  mqx desired wait acme/lyon/cr-001 -W 2m\n  mqx desired wait 'acme/lyon/+' --stable 5s --if-offline skip",
		Args:        cobra.ArbitraryArgs,
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.Uint64Var(&o.rev, "rev", 0, "wait for this revision, or a later one")
	fs.StringVar(&o.id, "id", "", "the document must have this id")
	o.waitFlags.addFlags(cmd)
	e.addJSONFlag(cmd, "print what became of each device as a JSON object")
	o.addToleranceFlag(cmd)
	o.timeout = waitTimeout
	o.desiredOptions.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *desiredWaitOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	var deadline time.Time // -W 0 is none
	if o.timeout > 0 {
		deadline = time.Now().Add(o.timeout)
	}
	f, err := o.connect(ctx, e, cmd, args)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	if err := f.read(ctx, o.needs()); err != nil {
		return err
	}
	twins := f.wanted()
	if len(twins) == 0 {
		return f.nobody("wait", "nothing is desired of such a device")
	}
	options := o.options()
	options.Rev, options.ID, options.Deadline = o.rev, o.id, deadline
	p := e.twinPrinter()
	var broken error
	options.Done = func(r twin.Result) {
		for _, warning := range r.Warnings {
			e.note("warning: %s: %s", r.Device, warning)
		}
		if alone := len(twins) == 1 && !p.json && codeOf(r.Outcome) != exit.OK; alone {
			return // the error says it all
		}
		if err := p.result(r); err != nil {
			broken = err
		}
		if err := p.Flush(); err != nil {
			broken = err
			cancel()
		}
	}
	results, err := f.Wait(ctx, twins, options)
	switch {
	case broken != nil:
		return broken
	case err != nil:
		return f.failure(ctx, "wait for", err, "")
	}
	return judge("wait for", results)
}

// wanted are the devices that were named, and those found of which something is desired.
func (f *fleet) wanted() []*twin.Twin {
	var list []*twin.Twin
	for _, t := range f.Twins() {
		if t.Desired != nil || f.isNamed(t.Device) {
			list = append(list, t)
		}
	}
	return list
}
