package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
)

func newCompletion(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Long: "Print the completion script of a shell. For bash, for example:\n\n" +
			"  source <(mqx completion bash)\n",
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
			return root.GenBashCompletionV2(w, true)
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
