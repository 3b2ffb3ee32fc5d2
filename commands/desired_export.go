package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/twin"
)

type desiredExportOptions struct{ desiredOptions }

func newDesiredExport(e *env) *cobra.Command {
	o := &desiredExportOptions{}
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Save what is desired of all devices",
		Long: "Save the desired documents of all devices, or of those of --filter, as messages in JSON, one a line: to a file that is\n" +
			"replaced in one step, or to standard output. mqx desired import brings them back.",
		Example:     "  mqx desired export desired.jsonl\n  mqx desired export -t 'acme/lyon/+' | gzip > lyon.jsonl.gz",
		Args:        cobra.MaximumNArgs(1),
		Annotations: readOnly(),
	}
	e.addJSONFlag(cmd, "it is JSON in any case; this makes errors JSON, too")
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *desiredExportOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if len(o.filters) == 0 && o.fromFile == "" {
		all, err := topic.ParseFilter("#")
		if err != nil {
			return err
		}
		o.filters = []topic.Filter{all}
	}
	f, err := o.connect(ctx, e, cmd, nil)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	if err := f.read(ctx, twin.Needs{}); err != nil {
		return err
	}
	var text []byte
	saved := 0
	for _, t := range f.Twins() {
		if t.Desired == nil {
			continue
		}
		if t.Desired.Err != nil {
			e.note("warning: %s; it is saved as it is", t.Desired.Err)
		}
		m := t.Desired.Message
		m.QoS = 1 // as it was published; many are read at QoS 0
		text = append(message.AppendJSON(text, m), '\n')
		saved++
	}
	if len(args) == 0 || args[0] == "-" {
		err = output.WriteReport(e.streams, text, true)
	} else if err = atomicfile.Write(args[0], 0o600, text); err != nil {
		err = exit.Wrap(exit.Usage, "export", "", err)
	}
	if err == nil {
		e.note("%s saved", count(saved, "desired document"))
	}
	return err
}
