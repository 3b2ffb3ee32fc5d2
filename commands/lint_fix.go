package commands

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/edit"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/output"
)

// lintFixes are the flags about mending.
type lintFixes struct {
	fix, unsafe, diff bool
}

func (f *lintFixes) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&f.fix, "fix", false, "mend the files where that changes text and no meaning, and report what is left")
	fs.BoolVar(&f.unsafe, "unsafe-fixes", false, "with --fix or --diff: also where it changes what a file says")
	fs.BoolVar(&f.diff, "diff", false, "show what --fix would change as a unified diff, and write nothing")
}

// wanted reports whether anything is to be mended.
func (f *lintFixes) wanted() bool { return f.fix || f.diff }

// check checks what the flags say together with the arguments.
func (f *lintFixes) check(cmd *cobra.Command) error {
	args := cmd.Flags().Args()
	if f := cmd.Flags().Lookup("file"); f != nil { // not all commands have it
		if files, ok := f.Value.(textsFlag); ok {
			args = slices.Concat(*files.list, args)
		}
	}
	switch {
	case f.unsafe && !f.wanted():
		return usageError(cmd, "--unsafe-fixes says how far --fix or --diff may go, and neither is there")
	case f.wanted() && slices.Contains(args, "-"):
		return usageError(cmd, "standard input cannot be mended: give a file, or leave out --fix and --diff")
	default:
		return nil
	}
}

// mend checks and mends until there is nothing more to mend, and returns the report about what is left.
func (f *lintFixes) mend(check func(overlay map[string][]byte) (lint.Report, error)) (lint.Report, *lint.Fixer, error) {
	x := &lint.Fixer{Unsafe: f.unsafe}
	r, err := x.Run(check)
	if err == nil && !f.diff {
		err = write(x.Changes())
	}
	return r, x, err
}

func write(changes []lint.Change) error {
	for _, c := range changes {
		if err := atomicfile.Write(c.File, 0o600, c.After); err != nil {
			if file, ok := errors.AsType[*fs.PathError](err); ok {
				err = file.Err
			}
			return exit.Wrap(exit.Usage, "--fix", c.File, err)
		}
	}
	return nil
}

// showDiff prints what would change.
func showDiff(e *env, x *lint.Fixer) error {
	var out []byte
	for _, c := range x.Changes() {
		out = append(out, edit.Diff(filepath.ToSlash(c.File), c.Before, c.After)...)
	}
	return output.WriteDiff(e.streams, e.color, out)
}
