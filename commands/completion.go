package commands

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newCompletion(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Long: "Print the completion script of a shell. Besides commands and flags it completes contexts, the words that flags take,\n" +
			"codes of rules, the devices of the contract file, and the topics that you have met lately: commands that run at a\n" +
			"terminal remember them in $XDG_STATE_HOME/mqx/topics. A file that is taken away takes them with it.",
		Example: "  source <(mqx completion bash)                                  # or in ~/.bashrc\n" +
			"  source <(mqx completion zsh)                                   # in ~/.zshrc, after compinit\n" +
			"  mqx completion fish > ~/.config/fish/completions/mqx.fish",
		Annotations: readOnly(),
		ValidArgs:   []string{"bash", "zsh", "fish", "powershell"},
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || !slices.Contains(cmd.ValidArgs, args[0]) {
			return usageError(cmd, "completion: one of bash, zsh, fish and powershell is expected")
		}
		return nil
	}
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		root, w := cmd.Root(), e.streams.Out
		switch args[0] {
		case "bash":
			return printBashCompletion(root, w)
		case "zsh":
			return root.GenZshCompletion(w)
		case "fish":
			return root.GenFishCompletion(w, true)
		default:
			return root.GenPowerShellCompletionWithDesc(w)
		}
	})
	return cmd
}

// printBashCompletion prints the script for bash. That of cobra quotes commas, which bash need not: a list of which a part
// was typed would match nothing.
func printBashCompletion(root *cobra.Command, w io.Writer) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	var plain []string
	for _, quoting := range []string{
		`comp=$(printf "%q" "${compline%%$tab*}")`, `COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]%%$tab*}")`, `COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]}")`,
	} {
		name, _, _ := strings.Cut(quoting, "=")
		plain = append(plain, quoting+"\n", quoting+"; "+name+"=${"+name+`//\\,/,}`+"\n")
	}
	_, err := strings.NewReplacer(plain...).WriteString(w, script.String())
	return err
}
