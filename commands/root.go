package commands

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/mosquitto"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/words"
)

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "mqx",
		Short: "A toolkit for MQTT",
		Long: "A toolkit for MQTT: publish, subscribe, look into retained messages, simulate devices, and a small broker\n" +
			"to try it all on. Standard output is data, standard error is everything else.",
		Example: "  mqx broker\n" +
			"  mqx sub 'acme/#'\n" +
			"  mqx pub -t acme/s1/d42/status -m online -r",
		Args:              onlyCommands,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Annotations:       readOnly(),
	}
	root.RunE = e.run(group(root))
	e.color = output.ColorAuto
	root.PersistentFlags().Var(&e.color, "color", "style the text on a terminal")
	root.PersistentFlags().Bool("help", false, "print help")
	root.PersistentFlags().Bool("json-help", false, "print the commands with their flags as JSON")
	root.SetOut(e.streams.Out)
	root.SetErr(e.streams.Err)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { e.printHelp(cmd) })
	e.addCommands(root,
		subcommand{"pub", newPub},
		subcommand{"sub", newSub},
		subcommand{"request", newRequest},
		subcommand{"reply", newReply},
		subcommand{"retained", newRetained},
		subcommand{"presence", newPresence},
		subcommand{"desired", newDesired},
		subcommand{"cmd", newCmd},
		subcommand{"broker", newBroker},
		subcommand{"contract", newContract},
		subcommand{"lint", newLint},
		subcommand{"simulate", newSimulate},
		subcommand{"demo", newDemo},
		subcommand{"context", newContext},
		subcommand{"link", newLink},
		subcommand{"version", newVersion},
		subcommand{"completion", newCompletion},
		subcommand{mosquitto.Pub.String(), asCommand(mosquitto.Pub)},
		subcommand{mosquitto.Sub.String(), asCommand(mosquitto.Sub)},
		subcommand{mosquitto.RR.String(), asCommand(mosquitto.RR)},
	)
	root.SetHelpCommand(newHelp(e))
	walk(root, func(cmd *cobra.Command) {
		cmd.SuggestionsMinimumDistance = 2
		cmd.Flags().SortFlags = false // as they were defined: what belongs together stays together
	})
	return root
}

// walk calls f with cmd and all commands below it.
func walk(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, c := range cmd.Commands() {
		walk(c, f)
	}
}

// addJSONFlag gives cmd the flag --json, which also decides how its last error is printed.
func (e *env) addJSONFlag(cmd *cobra.Command, usage string) {
	cmd.Flags().BoolVar(&e.json, "json", false, usage)
}

// readOnly and readWrite say in the help what a command may change at a broker.
func readOnly() map[string]string { return map[string]string{impactKey: "ro"} }

func readWrite() map[string]string { return map[string]string{impactKey: "rw"} }

const impactKey = "impact"

// group is the work of a command that only holds others: without a word it prints its help.
func group(cmd *cobra.Command) runFunc {
	return func(_ context.Context, _ []string) error { return cmd.Help() }
}

// onlyCommands refuses a word that is not a command of a group; cobra alone would print help and succeed.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := exit.New(exit.Usage, "unknown command", strconv.Quote(args[0]), "")
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return err.Hint("did you mean " + strings.Join(near, " or ") + "?")
	}
	return err.Hint("see " + cmd.CommandPath() + " --help")
}

// noArgs refuses positional arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "unexpected argument %q", args[0])
	}
	return nil
}

// flagError puts the flag parser's errors into our words.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, e)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		cause := errors.Unwrap(e)
		if cause == nil {
			cause = err
		}
		return exit.Wrap(exit.Usage, "--"+e.GetFlag().Name, "", valueError(cause)).Hint("see " + cmd.CommandPath() + " --help")
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usageError(cmd, "%s needs a value", dashed(e.GetSpecifiedName()))
	}
	return exit.Wrap(exit.Usage, "", "", err).Hint("see " + cmd.CommandPath() + " --help")
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	name := e.GetSpecifiedName()
	err := exit.New(exit.Usage, "unknown flag", dashed(name), "")
	if best := nearestFlag(cmd, name); best != "" {
		return err.Hint("did you mean --" + best + "?")
	}
	return err.Hint("see " + cmd.CommandPath() + " --help")
}

// nearestFlag finds a long flag at an edit distance of at most two, or one that name is the beginning of.
func nearestFlag(cmd *cobra.Command, name string) string {
	if len(name) < 2 {
		return ""
	}
	best, least := "", 3
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		d := words.Distance(name, f.Name)
		if strings.HasPrefix(f.Name, name) {
			d = 1
		}
		if d < least {
			best, least = f.Name, d
		}
	})
	return best
}
