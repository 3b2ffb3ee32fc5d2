package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
)

type retainedGetOptions struct {
	retainedOptions

	path      string
	noNewline bool
}

func newRetainedGet(e *env) *cobra.Command {
	o := &retainedGetOptions{}
	cmd := &cobra.Command{
		Use:   "get TOPIC",
		Short: "Print the retained message of a topic",
		Long: "Print the payload of the retained message of a topic as it came.\n\n" +
			"Status 0: it is there; 1: nothing is retained, or nothing is at --path; 5: not known in time.",
		Example:     "  mqx retained get acme/s1/d42/status\n  mqx retained get acme/s1/d42/reported --path state.mode",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.VarP(filtersFlag{&o.filters}, "topic", "t", "topic (an argument too)")
	fs.StringVar(&o.path, "path", "", "print one gjson path of the payload")
	fs.BoolVarP(&o.noNewline, "no-newline", "N", false, "no line feed after the payload")
	e.addJSONFlag(cmd, "print the message as a JSON object")
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedGetOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if err := o.addFilters(args); err != nil {
		return err
	}
	if len(o.filters) > 1 {
		return usageError(cmd, "one topic is expected, not %d", len(o.filters))
	}
	if len(o.filters) == 1 && o.filters[0].HasWildcard() {
		return exit.New(exit.Usage, "topic", fmt.Sprintf("%q", o.filters[0]), "it has wildcards").Hint("use mqx retained ls")
	}
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if len(o.filters) == 0 {
		return usageError(cmd, "which one? a topic is needed")
	}
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	printer := output.NewMessages(e.streams, output.MessageOptions{JSON: e.json, Path: o.path, NoNewline: o.noNewline, Color: e.color})
	listing, err := s.list(ctx, firstSink{printer}, allQoS)
	switch {
	case err != nil:
		return err
	case listing.Messages == 0:
		return exit.New(exit.Negative, "get", o.filters[0].String(), "nothing is retained there")
	case printer.Missing() > 0:
		return exit.New(exit.Negative, "get", o.filters[0].String(), fmt.Sprintf("nothing is at --path %s", o.path))
	}
	return nil
}

// firstSink has enough after one message.
type firstSink struct{ *output.Messages }

// Message prints m.
func (f firstSink) Message(m message.Message) (bool, error) {
	_, err := f.Messages.Message(m)
	return true, err
}
