package commands

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/presence"
)

// completes reports whether a shell asks for completions.
func completes(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// complete lets the shell complete what nothing else of cmd does: the values of flags and the arguments. Without it a shell
// offers the names of files for everything.
func (e *env) complete(cmd *cobra.Command) {
	register := func(f *pflag.Flag) {
		if _, known := cmd.GetFlagCompletionFunc(f.Name); known || f.NoOptDefVal != "" {
			return
		}
		if complete := e.completionOf(cmd, f); complete != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // the flag is there, and has none
		}
	}
	cmd.LocalFlags().VisitAll(register)
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = e.completeArguments
	}
}

// completionOf is how the value of a flag is completed, or nil where it is a file.
func (e *env) completionOf(cmd *cobra.Command, f *pflag.Flag) cobra.CompletionFunc {
	kind := f.Value.Type()
	if words := choices(kind); len(words) > 0 {
		return completeWords(func() []string { return words })
	}
	if words := knownWords(cmd, f.Name); len(words) > 0 {
		return completeWords(func() []string { return words })
	}
	switch {
	case f.Name == "state":
		return completeList(stateNames)
	case f.Name == "context":
		return e.completeContexts
	case f.Name == "presence":
		return e.completeDevices
	case f.Name == "filter" && cmd.Flags().Lookup("where") != nil && cmd.Flags().Lookup("doc") != nil:
		return e.completeDevices // filters over base topics
	case kind == "filter":
		return e.completeFilters
	case kind == "topic", f.Name == "topic", f.Name == "will-topic", f.Name == "response-topic":
		return e.completeTopics
	case isFolder(f.Name):
		return completeFolders
	case isFile(f):
		return nil
	default:
		return cobra.NoFileCompletions
	}
}

// choices are the words that the type of a flag names, as in auto|always|never; what is in capitals stands for something.
func choices(kind string) []string {
	if !strings.Contains(kind, "|") {
		return nil
	}
	var words []string
	for word := range strings.SplitSeq(kind, "|") {
		if word == strings.ToLower(word) && word != "duration" {
			words = append(words, word)
		}
	}
	return words
}

// knownWords are the values of flags that are checked elsewhere.
func knownWords(cmd *cobra.Command, flag string) []string {
	switch flag {
	case "protocol":
		return []string{"auto", "5", "3.1.1", "3.1"}
	case "tls-version":
		return []string{"1.2", "1.3"}
	case "auth-method":
		return []string{"SCRAM-SHA-256"}
	case "convention":
		return presence.Names()
	case "property":
		return []string{"connect", "publish", "subscribe", "unsubscribe", "disconnect", "will"} // its first word
	case "kind":
		return []string{"topics", "filters", "payload", "messages", "acl", "emqx-acl", "conf", "contract", "profile", "source"}
	case "to":
		return []string{"mosquitto"}
	case "acl":
		if cmd.Flags().Lookup("asyncapi") != nil { // elsewhere it is a file
			return []string{"mosquitto"}
		}
	case "out":
		if cmd.Flags().Lookup("ledger") != nil {
			return []string{"jsonl"}
		}
	}
	return nil
}

// isFolder tells the flags that take a folder.
func isFolder(flag string) bool {
	switch flag {
	case "capath", "data-dir", "dump", "from-dump", "proto-path", "queue":
		return true
	default:
		return false
	}
}

// isFile tells the flags that take a file: most say so in their usage.
func isFile(f *pflag.Flag) bool {
	switch f.Name {
	case "cafile", "cert", "key", "unix", "acl", "contract", "ledger", "observed", "from", "proto":
		return true
	default:
		return f.Value.Type() == "string" && strings.Contains(f.Usage, "file") || f.Name == "faults" || f.Name == "output"
	}
}

// completeFolders leaves folders to the shell.
func completeFolders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
