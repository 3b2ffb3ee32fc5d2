package commands

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/simulate"
)

func newSimulateLearn(e *env) *cobra.Command {
	file, anonymise, name := "", false, ""
	cmd := &cobra.Command{
		Use:   "learn CAPTURE",
		Short: "Write a profile from recorded traffic",
		Long: "Look at a capture, as sub --json prints it (- is standard input), and write a profile to standard output: the devices,\n" +
			"their signals, how often they come, and generators that give values like those that were seen. Payloads may be\n" +
			"objects with any members. Topics are those of the contract, or those of Zigbee2MQTT and Tasmota; others are left out.\n\n" +
			"--anonymise puts other names for root, sites, devices, words and places. Signals, units, schemas and numbers stay.\n\n" +
			"Status 5: the capture has no measurement to learn from.",
		Example:     "  mqx sub --json -W 10m 'acme/#' | mqx simulate learn - > fleet.sim.yaml",
		Annotations: readOnly(),
	}
	cmd.Flags().BoolVar(&anonymise, "anonymise", false, "tell nothing about whose devices they were")
	cmd.Flags().BoolVar(&anonymise, "anonymize", false, "the same as --anonymise")
	_ = cmd.Flags().MarkHidden("anonymize")
	cmd.Flags().StringVar(&name, "name", "", "the name of the profile (default: that of the capture)")
	cmd.Flags().StringVar(&file, "contract", "", "the contract that topics follow (default: looked for upwards)")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if len(args) != 1 {
			return usageError(cmd, "one capture is expected, or - for standard input")
		}
		c, err := e.loadContract(file)
		if err != nil {
			return err
		}
		lesson := simulate.NewLesson(c)
		if err := e.readFile("simulate learn", args[0], lesson.ReadCapture); err != nil {
			return err
		}
		if lesson.Strange+lesson.Bad > 0 {
			e.note("left out: %s on topics that the contract does not know or of another root, %s without a message",
				count(lesson.Strange, "message"), count(lesson.Bad, "line"))
		}
		if lesson.Devices() == 0 {
			nothing := exit.New(exit.Timeout, "simulate learn", args[0], "no measurement of any device is in it")
			if lesson.Example != "" {
				return nothing.Hint("topics like " + escaped(lesson.Example) + " are not those of the contract: say with --contract what they are")
			}
			return nothing
		}
		return output.WriteReport(e.streams, []byte(lesson.Profile(learnedName(name, args[0], anonymise), anonymise)), false)
	})
	return cmd
}

// learnedName is the name of a profile: that of the capture's file, unless another one is wanted.
func learnedName(flag, file string, anonymise bool) string {
	base := filepath.Base(file)
	base, _, _ = strings.Cut(base, ".")
	switch {
	case flag != "":
		return flag
	case anonymise || file == "-" || base == "":
		return "learned"
	default:
		return base
	}
}
