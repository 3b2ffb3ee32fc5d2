package commands

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/tally"
)

type simulateMergeOptions struct {
	format reportFormat
	out    string
}

func newSimulateMerge(e *env) *cobra.Command {
	o := &simulateMergeOptions{format: "text"}
	cmd := &cobra.Command{
		Use:   "merge SUMMARY...",
		Short: "Add up the summaries of the parts of a run",
		Long: "Add up the summaries that the parts of a fleet have written (simulate fleet --shard --summary) and judge what the profile\n" +
			"expects of the whole. Counts are added, and so are histograms: percentiles are those of all devices, not averages.\n\n" +
			"Each part must be there once, and all must be of the same run: profile, seed and length are compared.\n\n" +
			"Status 0: everything that is expected holds; 1: not so; 2: a part is missing, there twice, or of another run; 10: not a\n" +
			"summary.",
		Example: "  mqx simulate merge out/summary-*.json\n" +
			"  mqx simulate merge out/summary-*.json --format junit > sim.xml",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.out, "out", "", "write the summary of the whole to this file")
	fs.Var(&o.format, "format", "how to report")
	e.addJSONFlag(cmd, "print the summary of the whole as one JSON object")
	inGroup(fs, groupOutput, "format", "json")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return usageError(cmd, "nothing to merge: give summaries")
		}
		if e.json && given(cmd, "format") && o.format != "json" {
			return usageError(cmd, "--json and --format %s exclude each other", o.format)
		}
		return o.run(e, args)
	})
	return cmd
}

func (o *simulateMergeOptions) run(e *env, names []string) error {
	parts := make([]*tally.Summary, len(names))
	for i, name := range names {
		read := func(r io.Reader) (err error) {
			const longest = 256 << 20
			text, err := io.ReadAll(io.LimitReader(r, longest))
			if err == nil {
				parts[i], err = tally.Parse(text)
			}
			return err
		}
		if err := e.readFile("simulate merge", name, read); err != nil {
			return err
		}
	}
	merged, err := tally.Merge(names, parts)
	if err != nil {
		return exit.Wrap(exit.Usage, "simulate merge", "", err)
	}
	if o.out != "" {
		if err := merged.WriteFile(o.out); err != nil {
			return fileError("--out", o.out, err)
		}
	}
	if err := e.printSummary(merged, o.format, "mqx simulate merge"); err != nil {
		return err
	}
	return e.unmet(merged)
}
