package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/output"
)

func newRetainedDump(e *env) *cobra.Command {
	o := &retainedLsOptions{qos: allQoS}
	cmd := &cobra.Command{
		Use:   "dump [FILTER]...",
		Short: "Print retained messages as JSON lines, to load or compare them later",
		Long: "Print retained messages as one JSON object a line, with everything that it takes to restore them: payload byte for\n" +
			"byte, QoS, properties, and what is left of their expiry. Without a filter it is #.\n\n" +
			"Status 0: complete; 5: there may be more, do not keep it as a backup.",
		Example:     "  mqx retained dump 'acme/#' > acme.ndjson\n  mqx retained dump -h old | mqx retained load - -h new",
		Annotations: readOnly(),
	}
	o.addFilterFlag(cmd)
	o.selection.addFlags(cmd)
	cmd.Flags().VarP(qosFlag{&o.qos}, "qos", "q", "highest QoS to ask for")
	e.addJSONFlag(cmd, "it is JSON in any case; this makes errors JSON, too")
	o.retainedOptions.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		now := time.Now()
		selector, err := o.selector(now)
		if err != nil {
			return err
		}
		printer := output.NewListing(e.streams, output.ListingOptions{JSON: true, Now: now})
		_, err = o.list(ctx, e, cmd, args, &selectingSink{listingPrinter: printer, selector: selector, saw: e.saw})
		return err
	})
	return cmd
}
