package commands

import (
	"slices"

	"github.com/spf13/cobra"
)

// subcommand is a command by its name, and how it is made.
type subcommand struct {
	name string
	make func(*env) *cobra.Command
}

// addCommands gives parent its commands: all of them, or only the one that the command line names next. A start needs one
// command, and to make all of them with their flags took longer than what most starts are for.
func (e *env) addCommands(parent *cobra.Command, all ...subcommand) {
	i := slices.IndexFunc(all, func(s subcommand) bool { return len(e.words) > 0 && s.name == e.words[0] })
	if i >= 0 {
		e.words = e.words[1:]
		all = all[i : i+1]
	} else {
		e.words = nil // whoever asks for help, for completions or for a command that does not exist sees everything below
	}
	for _, s := range all {
		parent.AddCommand(s.make(e))
	}
}
