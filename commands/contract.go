package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func newContract(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contract",
		Short: "Work with the contract file",
		Long: "The contract file, " + contract.FileName + ", says what a project's topics are: their shape, their payloads, whether they\n" +
			"are retained, and which devices there are. It is looked for in the working directory and the folders above.",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd,
		subcommand{"export", newContractExport},
	)
	return cmd
}

// loadContract reads the contract of --contract, or the one that is found from the working directory upwards, or takes the
// guide's convention. What the contract's file says without a meaning for mqx is told on stderr.
func (e *env) loadContract(file string) (*contract.Contract, error) {
	if file == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "look for "+contract.FileName, "", err)
		}
		found, ok, err := contract.Find(dir)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "look for "+contract.FileName, "", err)
		}
		if !ok {
			return contract.Default(), nil
		}
		file = found
		if near, err := filepath.Rel(dir, found); err == nil {
			file = near
		}
	}
	c, err := contract.Load(file)
	if err != nil {
		return nil, e.contractError(file, err)
	}
	e.notes(c.Notes)
	return c, nil
}

// contractError shows all mistakes of a contract file with their lines, and ends with how many there are.
func (e *env) contractError(file string, err error) error {
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return exit.Wrap(exit.Usage, "--contract", file, pathError.Err)
	}
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok {
		return e.mistakesError("contract", mistakes)
	}
	return exit.Wrap(exit.Usage, "contract", "", err)
}

// mistakesError shows all mistakes of a file with their lines, and ends with how many there are.
func (e *env) mistakesError(what string, mistakes *yamlfile.Error) error {
	if e.json {
		return exit.Wrap(exit.Usage, what, "", mistakes)
	}
	fmt.Fprint(e.streams.Err, mistakes.Detail())
	return exit.New(exit.Usage, what, mistakes.File, count(len(mistakes.Problems), "mistake"))
}

// notes tells what was left out.
func (e *env) notes(notes []contract.Note) {
	for _, n := range notes {
		if at := n.At.String(); at != "" {
			e.note("%s: %s", at, n.Msg)
			continue
		}
		e.note("%s", n.Msg)
	}
}
