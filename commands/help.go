package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/exit"
)

func newHelp(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "help [COMMAND]", Short: "Print the help of a command", Annotations: readOnly()}
	e.addJSONFlag(cmd, "print the commands with their flags as JSON")
	cmd.ValidArgsFunction = completeCommands
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		target, rest, err := cmd.Root().Find(args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return onlyCommands(target, rest)
		}
		if e.json {
			return e.printJSONHelp(target)
		}
		return target.Help()
	})
	return cmd
}

// completeCommands completes the name of a command, a word at a time.
func completeCommands(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	target, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, c := range target.Commands() {
		if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), begun) {
			found = append(found, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// printHelp writes the help of cmd to standard output.
func (e *env) printHelp(cmd *cobra.Command) {
	w := e.streams.Out
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(w, "%s\n\nUsage:\n  %s\n", strings.TrimSpace(text), cmd.UseLine())
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	printCommands(w, cmd)
	own, connection, global := splitFlags(cmd)
	printFlags(w, "Flags", own)
	printFlags(w, "Connection flags", connection)
	printFlags(w, "Global flags", global)
	printEnvironment(w, cmd)
	if !cmd.HasAvailableSubCommands() || cmd == cmd.Root() || own.HasFlags() { // a group has no flags of its own
		printExitStatuses(w)
	}
}

func printCommands(w io.Writer, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	fmt.Fprint(w, "\nCommands:\n")
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			fmt.Fprintf(w, "  %-*s  %s\n", cmd.NamePadding(), c.Name(), c.Short)
		}
	}
}

// splitFlags sorts the flags of cmd into its own, those of the connection, and those that every command has.
func splitFlags(cmd *cobra.Command) (own, connection, global *pflag.FlagSet) {
	own = pflag.NewFlagSet("own", pflag.ContinueOnError)
	own.SortFlags = false
	connection = pflag.NewFlagSet("connection", pflag.ContinueOnError)
	connection.SortFlags = false
	global = pflag.NewFlagSet("global", pflag.ContinueOnError)
	cmd.LocalFlags() // merges the persistent flags of the parents in
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Hidden:
		case f.Annotations[connectionFlag] != nil:
			connection.AddFlag(f)
		case cmd.Root().PersistentFlags().Lookup(f.Name) == f:
			global.AddFlag(f)
		default:
			own.AddFlag(f)
		}
	})
	return own, connection, global
}

func printFlags(w io.Writer, title string, fs *pflag.FlagSet) {
	if fs.HasFlags() {
		fmt.Fprintf(w, "\n%s:\n%s", title, fs.FlagUsages())
	}
}

func printEnvironment(w io.Writer, cmd *cobra.Command) {
	if cmd == cmd.Root() {
		fmt.Fprint(w, "\nEnvironment:\n  Every flag has a variable: MQX_HOST for the connection flag --host, MQX_SUB_COUNT for --count of\n"+
			"  mqx sub. A flag wins over its variable, and that over the context (see mqx context); what names the\n"+
			"  broker sets aside the address, TLS and credentials of what it wins over. NO_COLOR turns styles off.\n")
		return
	}
	own, _, _ := splitFlags(cmd)
	example := ""
	own.VisitAll(func(f *pflag.Flag) {
		if example == "" {
			example = environmentName(cmd, f)
		}
	})
	if example != "" {
		fmt.Fprintf(w, "\nEvery flag has an environment variable, like %s. See mqx --help.\n", example)
	}
}

func printExitStatuses(w io.Writer) {
	fmt.Fprint(w, "\nExit status:\n")
	for _, row := range exit.Table() {
		fmt.Fprintf(w, "  %3d  %s\n", row.Code, row.Meaning)
	}
}

// commandHelp is a command in the JSON form of the help.
type commandHelp struct {
	Name     string        `json:"name"`
	Usage    string        `json:"usage"`
	Short    string        `json:"short"`
	Impact   string        `json:"impact,omitempty"`
	Flags    []flagHelp    `json:"flags,omitempty"`
	Commands []commandHelp `json:"commands,omitempty"`
	Exit     []exit.Row    `json:"exit_statuses,omitempty"`
}

// flagHelp is a flag in the JSON form of the help.
type flagHelp struct {
	Name        string `json:"name"`
	Shorthand   string `json:"shorthand,omitempty"`
	Type        string `json:"type"`
	Default     string `json:"default,omitempty"`
	Usage       string `json:"usage"`
	Environment string `json:"environment,omitempty"`
	Connection  bool   `json:"connection,omitempty"`
	Repeatable  bool   `json:"repeatable,omitempty"`
}

func (e *env) printJSONHelp(cmd *cobra.Command) error {
	tree := describeCommand(cmd)
	tree.Exit = exit.Table()
	return json.NewEncoder(e.streams.Out).Encode(tree)
}

func describeCommand(cmd *cobra.Command) commandHelp {
	local := cmd.LocalFlags() // before UseLine, which says "[flags]" when those of the parents have been merged in
	h := commandHelp{Name: cmd.CommandPath(), Usage: cmd.UseLine(), Short: cmd.Short, Impact: cmd.Annotations[impactKey]}
	local.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		h.Flags = append(h.Flags, describeFlag(cmd, f))
	})
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			h.Commands = append(h.Commands, describeCommand(c))
		}
	}
	return h
}

func describeFlag(cmd *cobra.Command, f *pflag.Flag) flagHelp {
	_, repeatable := f.Value.(repeated)
	h := flagHelp{
		Name: f.Name, Shorthand: f.Shorthand, Type: f.Value.Type(), Default: f.DefValue, Usage: f.Usage,
		Connection: f.Annotations[connectionFlag] != nil, Repeatable: repeatable,
	}
	if f.Name != "help" && f.Name != "json-help" {
		h.Environment = environmentName(cmd, f)
	}
	return h
}
