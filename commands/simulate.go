package commands

import (
	"github.com/spf13/cobra"
)

func newSimulate(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Simulate devices",
		Long: "Simulate devices that follow the convention: with presence, telemetry, desired state and commands, and with the\n" +
			"faults that real ones have. A profile, a file of YAML, says which devices there are and what happens to them.",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd,
		subcommand{"device", newSimulateDevice},
		subcommand{"fleet", newSimulateFleet},
		subcommand{"verify", newSimulateVerify},
		subcommand{"init", newSimulateInit},
		subcommand{"check", newSimulateCheck},
		subcommand{"merge", newSimulateMerge},
		subcommand{"manifest", newSimulateManifest},
		subcommand{"learn", newSimulateLearn},
		subcommand{"cleanup", newSimulateCleanup},
	)
	return cmd
}
