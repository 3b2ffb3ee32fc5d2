package commands

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

// Run executes a command line with replaced streams and environment, as main does.
func Run(ctx context.Context, streams output.Streams, environment map[string]string, args ...string) exit.Code {
	return run(ctx, &env{streams: streams, getenv: func(name string) string { return environment[name] }}, args)
}

// Tree returns the command tree that is made for a command line: without words all of it.
func Tree(streams output.Streams, words ...string) *cobra.Command {
	return newRoot(&env{streams: streams, getenv: func(string) string { return "" }, words: words})
}

// HelpJSON is what `mqx help --json` says about cmd and those below it.
func HelpJSON(cmd *cobra.Command) any { return describeCommand(cmd) }

// JoinProperties rewrites a command line.
func JoinProperties(args ...string) ([]string, error) {
	return joinProperties(Tree(output.Streams{}), args)
}

// ResolveConnection parses the arguments of a command that has the connection flags and nothing else, and resolves them.
func ResolveConnection(environment map[string]string, args ...string) (config.Resolved, error) {
	e := &env{streams: output.Streams{Err: io.Discard}, getenv: func(name string) string { return environment[name] }}
	root := newRoot(e)
	var c config.Connection
	var r config.Resolved
	probe := &cobra.Command{Use: "probe"}
	addConnectionFlags(probe, &c, "publish")
	probe.RunE = e.run(func(ctx context.Context, _ []string) (err error) {
		r, err = e.resolve(ctx, probe, &c)
		return err
	})
	root.AddCommand(probe)
	args, err := joinProperties(root, append([]string{"probe"}, args...))
	if err != nil {
		return r, err
	}
	root.SetArgs(args)
	return r, root.Execute()
}

// ConnectionOrigins parses the arguments of a command that has the connection flags and nothing else, and returns where
// each flag got its value from.
func ConnectionOrigins(environment map[string]string, args ...string) (map[string]config.Origin, error) {
	e := &env{streams: output.Streams{Err: io.Discard}, getenv: func(name string) string { return environment[name] }}
	root := newRoot(e)
	var found map[string]config.Origin
	probe := &cobra.Command{Use: "probe"}
	addConnectionFlags(probe, &config.Connection{}, "publish")
	probe.RunE = e.run(func(context.Context, []string) error {
		found = origins(probe)
		return nil
	})
	root.AddCommand(probe)
	root.SetArgs(append([]string{"probe"}, args...))
	return found, root.Execute()
}
