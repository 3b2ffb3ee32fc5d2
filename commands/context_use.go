package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
)

func newContextUse(e *env) *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:   "use NAME | --none",
		Short: "Choose the context of all commands",
		Long: "Choose the current context, which every command uses that is told nothing else. Without NAME it says which one it\n" +
			"is. Status 1: there is no such context.",
		Args:              atMostOne,
		ValidArgsFunction: e.completeFirst,
		Annotations:       readOnly(),
	}
	cmd.Flags().BoolVar(&none, "none", false, "use no context")
	e.addJSONFlag(cmd, "print the choice as a JSON object")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if none && len(args) > 0 {
			return usageError(cmd, "either a name or --none")
		}
		if none {
			args = []string{""}
		}
		return e.useContext(args)
	})
	return cmd
}

// currentObject is the choice in JSON.
type currentObject struct {
	Current string `json:"current"`
}

func (e *env) useContext(args []string) error {
	file, contexts, err := e.contexts()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		if e.json {
			return e.done(currentObject{contexts.Current}, "")
		}
		if contexts.Current == "" {
			return exit.New(exit.Negative, "context", "", "none is in use")
		}
		_, err := e.streams.Out.Write([]byte(contexts.Current + "\n"))
		return err
	}
	err = file.Update(func(c *config.Contexts) error {
		if _, ok := c.Find(args[0]); args[0] != "" && !ok {
			return noContext(exit.Negative, *c, args[0])
		}
		c.Current = args[0]
		return nil
	})
	if err != nil {
		return e.contextsError(file.Path, err)
	}
	if args[0] == "" {
		return e.done(currentObject{}, "no context is in use")
	}
	return e.done(currentObject{args[0]}, "context %s is in use", args[0])
}
