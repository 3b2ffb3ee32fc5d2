package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/twin"
)

type desiredDiffOptions struct{ desiredOptions }

func newDesiredDiff(e *env) *cobra.Command {
	o := &desiredDiffOptions{}
	cmd := &cobra.Command{
		Use:   "diff DEVICE...",
		Short: "Print where devices are not as desired",
		Long: "Compare what is desired of devices with what they report, setting by setting, and print what differs, with the age\n" +
			"of both and who wrote it. Numbers are compared by value. What a device reports beyond what is desired does not count.\n\n" +
			"Status 0: all is as desired, or nothing is; 1: drift; 10: what is there is no document.",
		Example:     "  mqx desired diff 'acme/lyon/+'\n  mqx desired diff acme/lyon/cr-001 --tolerance 0.1",
		Args:        cobra.ArbitraryArgs,
		Annotations: readOnly(),
	}
	e.addJSONFlag(cmd, "print each setting that differs as a JSON object")
	o.addToleranceFlag(cmd)
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

// driftJSON is a setting that differs.
type driftJSON struct {
	Device string `json:"device"`
	leafJSON
	Rev        uint64     `json:"rev,omitempty"`
	By         string     `json:"by,omitempty"`
	DesiredTS  *time.Time `json:"desired_ts,omitempty"`
	ReportedTS *time.Time `json:"reported_ts,omitempty"`
	AnswersRev uint64     `json:"answers_rev,omitempty"`
}

func (o *desiredDiffOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	f, err := o.connect(ctx, e, cmd, args)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	if err := f.read(ctx, twin.Needs{Reported: true, Status: true}); err != nil {
		return err
	}
	p := e.twinPrinter()
	drifts, desired, unreadable := 0, 0, error(nil)
	for _, t := range f.Twins() {
		switch err := readable(t); {
		case err != nil:
			e.note("%s", err)
			unreadable = err
			continue
		case t.Desired == nil:
			continue
		}
		desired++
		different, err := o.print(p, t)
		if err != nil {
			return err
		}
		if different {
			drifts++
		}
	}
	if err := p.Flush(); err != nil {
		return err
	}
	switch {
	case unreadable != nil:
		return exit.New(exit.BadData, "diff", "", "not all documents can be read")
	case drifts > 0:
		return exit.New(exit.Negative, "diff", "", fmt.Sprintf("%d of %s not as desired", drifts, devices(desired)))
	}
	e.note("%s with a desired state, none differs", devices(desired))
	return nil
}

// readable returns why the documents of a device cannot be compared.
func readable(t *twin.Twin) error {
	if t.Desired != nil && t.Desired.Err != nil {
		return t.Desired.Err
	}
	if t.Desired != nil {
		return t.ReportedErr
	}
	return nil
}

// print prints what differs.
func (o *desiredDiffOptions) print(p *twinPrinter, t *twin.Twin) (different bool, err error) {
	now, d := time.Now(), t.Desired.Doc
	for _, leaf := range twin.Delta(d.State, t.Reported, o.tolerance.Tolerance) {
		if leaf.Same {
			continue
		}
		different = true
		if !p.json {
			p.leaf(t.Device, leaf, o.story(t, now))
			continue
		}
		j := driftJSON{Device: t.Device, leafJSON: newLeafJSON(leaf), Rev: d.Rev, By: d.By, DesiredTS: when(d.Time)}
		if t.Reported != nil {
			j.ReportedTS, j.AnswersRev = when(t.Reported.Time), t.Reported.Rev
		}
		if err := p.object(j); err != nil {
			return different, err
		}
	}
	return different, nil
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

// story says how old the documents are and who wrote what is desired.
func (o *desiredDiffOptions) story(t *twin.Twin, now time.Time) string {
	text := origin(t.Desired.Doc, now)
	switch {
	case t.Reported == nil:
		text += "; never reported"
	case !t.Reported.Time.IsZero():
		text += "; reported " + now.Sub(t.Reported.Time).Round(time.Second).String() + " ago"
	}
	if t.Offline() {
		text += ", offline"
	}
	return text
}
