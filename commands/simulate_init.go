package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/profile"
)

// profileName is the profile that is written where no other name is given.
const profileName = "fleet.sim.yaml"

func newSimulateInit(e *env) *cobra.Command {
	root, force := "", false
	cmd := &cobra.Command{
		Use: "init [FILE]", Short: "Write a profile to begin with", Annotations: readOnly(), Args: cobra.MaximumNArgs(1),
		Long: "Write a profile with comments, " + profileName + " or FILE, to be changed; - is standard output. A file that is there is left\n" +
			"alone.",
		Example: "  mqx simulate init && mqx simulate check " + profileName,
	}
	cmd.Flags().StringVar(&root, "root", "acme", "the first level of all topics")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		file := profileName
		if len(args) > 0 {
			file = args[0]
		}
		text := profile.Starter(root)
		if _, err := profile.Parse(file, []byte(text)); err != nil {
			return exit.New(exit.Usage, "--root", root, "not the first level of a topic")
		}
		if file == "-" {
			_, err := e.streams.Out.Write([]byte(text))
			return err
		}
		if err := writeNew(file, text, force); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return exit.New(exit.Usage, "simulate init", file, "is there already").Hint("--force replaces it")
			}
			return exit.Wrap(exit.Usage, "simulate init", "", err)
		}
		e.note("%s is written", file)
		return nil
	})
	return cmd
}

// writeNew writes a file that must not be there yet, unless it is to be replaced.
func writeNew(file, text string, replace bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !replace {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(file, flags, 0o644) //nolint:gosec // G302: it is meant to be shared
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
