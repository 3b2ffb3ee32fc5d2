package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/twin"
)

type desiredClearOptions struct {
	desiredOptions
	rolloutFlags

	purge, dryRun, force bool
}

func newDesiredClear(e *env) *cobra.Command {
	o := &desiredClearOptions{}
	cmd := &cobra.Command{
		Use:   "clear DEVICE [key...]",
		Short: "Take back what is desired of a device",
		Long: "Take settings back, or all of them. The document stays, with a higher revision and without the settings: a device\n" +
			"would ignore a later one whose revision begins anew. --purge deletes it all the same.\n\n" +
			"Status 0: taken back; 4: the broker refused it, or dropped it silently; 8: conflict; 9: some of several devices.",
		Example: "  mqx desired clear acme/lyon/cr-001 mode net.dns\n  mqx desired clear acme/lyon/cr-001\n" +
			"  mqx desired clear 'acme/old/+' --purge --yes",
		Args:        cobra.ArbitraryArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.purge, "purge", false, "delete the document with its revision")
	fs.BoolVar(&o.dryRun, "dry-run", false, "print what would change and publish nothing")
	fs.BoolVar(&o.force, "force", false, "also replace what is no document")
	o.addCommonFlags(cmd)
	e.addJSONFlag(cmd, "print what became of each device as a JSON object")
	o.desiredOptions.addFlags(cmd)
	fs.Lookup("timeout").Usage = "longest time for it all (default 30s)"
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *desiredClearOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	devices, keys := args, []string(nil)
	switch {
	case len(o.filters) > 0 || o.fromFile != "":
		devices, keys = nil, args
	case len(args) > 0:
		devices, keys = args[:1], args[1:]
	}
	if o.purge && (len(keys) > 0 || o.dryRun) {
		return usageError(cmd, "--purge deletes the whole document, at once")
	}
	change := twin.Replace(twin.State{})
	if len(keys) > 0 {
		var settings [][]string
		for _, key := range keys {
			tokens, err := twin.ParseKey(key)
			if err != nil || len(tokens) == 0 {
				return exit.Wrap(exit.Usage, "clear", key, err)
			}
			settings = append(settings, tokens)
		}
		change = twin.Remove(settings)
	}
	set := twin.SetOptions{Existing: true, DryRun: o.dryRun, Force: o.force}
	job := rolloutJob{what: "clear", options: &o.desiredOptions, flags: &o.rolloutFlags, set: set, change: change}
	f, err := job.connect(ctx, e, cmd, devices)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	if o.purge {
		return job.purge(ctx, f)
	}
	_, err = job.start(ctx, f)
	return err
}

// purge deletes the documents.
func (j *rolloutJob) purge(ctx context.Context, f *fleet) error {
	bounded, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	if err := f.read(bounded, twin.Needs{}); err != nil {
		return err
	}
	twins := f.wanted()
	if err := j.confirm(ctx, f.env, len(twins)); err != nil {
		return err
	}
	results, err := f.Purge(bounded, twins)
	if err != nil {
		return f.failure(ctx, "purge", err, "")
	}
	report := j.reporter(f, len(results))
	for _, result := range results {
		if result.Attempts > 0 {
			j.log.write(result)
		}
		report.finished(result)
	}
	j.log.end(ctx, f)
	if report.broken != nil {
		return report.broken
	}
	if !slices.ContainsFunc(results, func(r twin.Result) bool { return r.Outcome != twin.Unchanged }) {
		f.env.note("nothing to clear")
	}
	return judge("purge", results)
}
