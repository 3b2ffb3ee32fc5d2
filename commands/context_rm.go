package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
)

func newContextRm(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "rm NAME...",
		Short:             "Remove contexts",
		Long:              "Remove contexts, all that are named or none. Status 1: one of them is not there.",
		ValidArgsFunction: e.completeContexts,
		Annotations:       readOnly(),
	}
	e.addJSONFlag(cmd, "print each name as a JSON object")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return usageError(cmd, "which context? a name is needed")
		}
		return e.removeContexts(args)
	})
	return cmd
}

// removedObject is a context that was removed, in JSON.
type removedObject struct {
	Name    string `json:"name"`
	Removed bool   `json:"removed"`
}

func (e *env) removeContexts(names []string) error {
	file, err := e.contextFile()
	if err != nil {
		return err
	}
	wasCurrent := false
	err = file.Update(func(c *config.Contexts) error {
		for _, name := range names {
			if _, ok := c.Find(name); !ok {
				return noContext(exit.Negative, *c, name)
			}
		}
		for _, name := range names {
			wasCurrent = wasCurrent || c.Current == name
			c.Remove(name)
		}
		return nil
	})
	if err != nil {
		return e.contextsError(file.Path, err)
	}
	if wasCurrent {
		e.note("the current context was removed, none is in use now")
	}
	if !e.json {
		e.note("removed %s", strings.Join(names, ", "))
		return nil
	}
	for _, name := range names {
		if err := e.done(removedObject{name, true}, ""); err != nil {
			return err
		}
	}
	return nil
}
