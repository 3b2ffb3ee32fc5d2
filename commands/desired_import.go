package commands

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/twin"
)

type desiredImportOptions struct {
	desiredOptions
	waitFlags
	rolloutFlags

	dryRun, wait, force bool
}

func newDesiredImport(e *env) *cobra.Command {
	o := &desiredImportOptions{}
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring saved desired documents back",
		Long: "Bring the desired documents of a file of mqx desired export back, with new revisions: devices that have applied the\n" +
			"saved ones would ignore them otherwise. What is desired already is left as it is.\n\n" +
			"Status 0: all are stored; 2: the file cannot be read; 10: a document in it is none; 9: some are not stored.",
		Example:     "  mqx desired import desired.jsonl --dry-run\n  mqx desired import desired.jsonl --yes --rate 50",
		Args:        cobra.ExactArgs(1),
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.dryRun, "dry-run", false, "print what would change and publish nothing")
	fs.BoolVar(&o.wait, "wait", false, "wait until the devices have applied it")
	fs.BoolVar(&o.force, "force", false, "publish also what is desired already, and replace what is no document")
	o.waitFlags.addFlags(cmd)
	fs.Float64Var(&o.rate, "rate", 0, "publishes a second at most")
	o.addCommonFlags(cmd)
	e.addJSONFlag(cmd, "print what became of each device as a JSON object")
	o.addToleranceFlag(cmd)
	o.desiredOptions.addFlags(cmd)
	fs.Lookup("timeout").Usage = "longest time for it all (default 30s, with --wait 60s)"
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *desiredImportOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	c, err := e.loadContract(o.contract)
	if err != nil {
		return err
	}
	backup, err := o.read(e, c, args[0])
	if err != nil {
		return err
	}
	devices := o.chosen(backup)
	if len(devices) == 0 {
		return exit.New(exit.Negative, "import", args[0], "no document in it is of such a device")
	}
	o.filters = nil
	set := twin.SetOptions{Trusted: true, DryRun: o.dryRun, Force: o.force}
	job := rolloutJob{what: "import", options: &o.desiredOptions, flags: &o.rolloutFlags, set: set, changes: backup.Change, all: true}
	if o.wait && !o.dryRun {
		job.wait = &o.waitFlags
	}
	f, err := job.connect(ctx, e, cmd, devices)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	_, err = job.start(ctx, f)
	return err
}

// chosen are the devices of the backup that --filter does not leave out.
func (o *desiredImportOptions) chosen(b twin.Backup) []string {
	if len(o.filters) == 0 {
		return b.Devices()
	}
	return slices.DeleteFunc(b.Devices(), func(base string) bool {
		for _, f := range o.filters {
			if f.Match(base) {
				return false
			}
		}
		return true
	})
}

// read reads the file.
func (o *desiredImportOptions) read(e *env, c *contract.Contract, file string) (twin.Backup, error) {
	text, err := e.readInput(file)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "import", "", err)
	}
	convention, err := twin.NewConvention(c, o.doc)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--doc", "", err)
	}
	backup := twin.Backup{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		where := fmt.Sprintf("%s:%d", file, n)
		m, err := message.ParseJSON(line)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "import", where, err)
		}
		if err := backup.Add(convention, m); err != nil {
			return nil, exit.Wrap(exit.BadData, "import", where, err)
		}
	}
	return backup, nil
}
