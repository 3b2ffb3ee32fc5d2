package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func newSimulateCheck(e *env) *cobra.Command {
	o := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check a profile without connecting",
		Long: "Check profiles before the first packet: the language, with the line of every mistake; the rates, hosts and faults; and\n" +
			"the topics and payloads that the devices would publish, against the contract.\n\n" +
			"Status 0: fit to run; 1: findings at or above --fail-on; 2: not a profile that could be run.",
		Example:     "  mqx simulate check cold-rooms.sim.yaml",
		Annotations: readOnly(),
	}
	addLintFlags(cmd, e, o)
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return usageError(cmd, "nothing to check: give a profile")
		}
		forPeople := o.format == string(lint.TextFormat) && !e.json
		invalid := error(nil)
		for _, file := range args {
			_, err := e.loadProfile(file, forPeople)
			if err == nil {
				continue
			}
			if invalid = err; !forPeople && errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if invalid != nil && forPeople {
			return invalid
		}
		// A program that asks for findings gets those about the language as well.
		err := o.run(e, cmd, func(l *lint.Linter) error { return lintPaths(e, l, lint.Fleet, args) })
		if invalid != nil {
			return &exit.SilentError{Code: exit.Usage}
		}
		return err
	})
	return cmd
}

// loadProfile reads a profile. What is wrong in it is shown with its lines, if that is wanted.
func (e *env) loadProfile(file string, shown bool) (*profile.Profile, error) {
	p, err := profile.Load(file)
	if err == nil {
		return p, nil
	}
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return nil, exit.Wrap(exit.Usage, "profile", file, pathError.Err)
	}
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok && shown {
		return nil, e.mistakesError("profile", mistakes)
	}
	return nil, exit.Wrap(exit.Usage, "profile", "", err)
}

func newLintProfile(e *env) *cobra.Command {
	return newLintFiles(e, &cobra.Command{
		Use:   "profile FILE...",
		Short: "Check a simulation profile",
		Long: "Check simulation profiles: keys that mean nothing, more messages than the limits allow, hosts that are not allowed, values\n" +
			"outside their schema, faults that never happen, and the topics of the devices. mqx simulate check does the same, and\n" +
			"shows the mistakes in the language with their lines.",
		Example: "  mqx lint profile cold-rooms.sim.yaml",
	}, lint.Fleet)
}
