package commands

import (
	"github.com/spf13/cobra"
)

func newCmd(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cmd",
		Short: "Send commands to devices",
		Long: "Send commands to devices. A command is carried out once; what shall be from now on belongs into the desired state\n" +
			"(mqx desired set), which a device sees whenever it comes back.",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd,
		subcommand{"send", newCmdSend},
	)
	return cmd
}
