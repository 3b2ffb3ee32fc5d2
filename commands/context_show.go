package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/output"
)

func newContextShow(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show a context without its secrets",
		Long: "Show a context as it stands in the file, with secrets masked; references to secrets are shown. Without NAME it is\n" +
			"that of MQX_CONTEXT or the current one. Status 1: there is no such context.",
		Args:              atMostOne,
		ValidArgsFunction: e.completeFirst,
		Annotations:       readOnly(),
	}
	e.addJSONFlag(cmd, "print a JSON object")
	cmd.RunE = e.run(func(_ context.Context, args []string) error { return e.showContext(args) })
	return cmd
}

func (e *env) showContext(args []string) error {
	file, contexts, err := e.contexts()
	if err != nil {
		return err
	}
	x, err := e.findContext(contexts, args)
	if err != nil {
		return err
	}
	if e.json {
		o := e.contextObject(file, contexts, x)
		o.Settings = settingsObject(file, x)
		return e.printObject(o)
	}
	lines := output.NewLines(e.streams)
	for line := range strings.Lines(file.Render(x)) {
		lines.Escaped(strings.TrimSuffix(line, "\n"))
	}
	return lines.Flush()
}
