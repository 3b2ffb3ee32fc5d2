package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/words"
)

type desiredGetOptions struct {
	desiredOptions

	reported, delta, both bool
	format                string
}

func newDesiredGet(e *env) *cobra.Command {
	o := &desiredGetOptions{}
	cmd := &cobra.Command{
		Use:   "get DEVICE...",
		Short: "Print what is desired of a device, or what it reports",
		Long: "Print the settings that are desired of a device, one a line: JSON Pointer and value. --json prints the document as it\n" +
			"is stored, on one line; with \"device\" before the rest when several devices, or a filter, are asked for.\n\n" +
			"Status 0: it is there; 1: nothing is desired, or reported; 10: what is there is no document.",
		Example:     "  mqx desired get acme/lyon/cr-001\n  mqx desired get acme/lyon/cr-001 --both\n  mqx desired get acme/lyon/cr-001 --json | jq .rev",
		Args:        cobra.ArbitraryArgs,
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.reported, "reported", false, "print the reported document")
	fs.BoolVar(&o.both, "both", false, "print each setting with what is desired and what is reported")
	fs.BoolVar(&o.delta, "delta", false, "the same for settings that differ")
	cmd.MarkFlagsMutuallyExclusive("reported", "both", "delta")
	o.format = "text"
	fs.Var(wordFlag[string]{&o.format, []string{"text", "json", "yaml"}}, "format", "how to print")
	e.addJSONFlag(cmd, "print the document as it is stored, on one line (with --both and --delta: a setting a line)")
	o.addToleranceFlag(cmd)
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *desiredGetOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	e.json = e.json || o.format == "json"
	f, err := o.connect(ctx, e, cmd, args)
	if err != nil {
		return err
	}
	defer f.close(ctx)
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	if err := f.read(ctx, twin.Needs{Reported: o.reported || o.both || o.delta}); err != nil {
		return err
	}
	p := e.twinPrinter()
	var results []twin.Result
	for _, t := range f.Twins() {
		r := twin.Result{Device: t.Device, Outcome: twin.Unchanged}
		if err := o.print(p, t, f.alone); err != nil {
			r.Outcome, r.Why = twin.BadData, err
			if _, missing := errors.AsType[missingError](err); missing {
				r.Outcome = twin.Missing
			}
		}
		results = append(results, r)
	}
	if err := p.Flush(); err != nil {
		return err
	}
	if len(results) == 0 {
		return f.nobody("get", "no such device has retained anything")
	}
	if err := judge("get", results); len(results) > 1 && err != nil {
		f.explain(results)
		return err
	} else if err != nil {
		return exit.Wrap(exit.CodeOf(err), "get", results[0].Device, results[0].Why)
	}
	return nil
}

// explain tells of each device that failed.
func (f *fleet) explain(results []twin.Result) {
	for _, r := range results {
		if codeOf(r.Outcome) != exit.OK {
			f.env.note("%s: %s", r.Device, whyText(r.Why))
		}
	}
}

// missingError says that there is no document.
type missingError string

// Error names the kind of document.
func (e missingError) Error() string { return "nothing is " + string(e) }

func (o *desiredGetOptions) print(p *twinPrinter, t *twin.Twin, alone bool) error {
	d := deviceDocument{device: t.Device, alone: alone}
	switch {
	case o.reported:
		if t.ReportedErr != nil {
			return t.ReportedErr
		}
		if t.Reported == nil {
			return missingError("reported")
		}
		d.payload, d.state = t.ReportedMessage.Payload, t.Reported.State
		if !alone {
			d.about = t.Device
		}
	case t.Desired == nil:
		return missingError("desired")
	case t.Desired.Err != nil:
		return t.Desired.Err
	case o.both, o.delta:
		return o.compare(p, t)
	default:
		d.payload, d.state = t.Desired.Message.Payload, t.Desired.Doc.State
		d.about = t.Device + " " + origin(t.Desired.Doc, time.Now())
	}
	switch {
	case p.json:
		return d.printJSON(p)
	case o.format == "yaml":
		return d.printYAML(p)
	default:
		d.printText(p)
		return nil
	}
}

// deviceDocument is a document to print.
type deviceDocument struct {
	device  string
	alone   bool // no other device was asked for
	payload []byte
	state   twin.State
	about   string // for people; empty for nothing
}

// printJSON prints the document as it is stored. Where others are printed, too, it begins with the device: as "device", or as
// "_device" if the document has a member of that name.
func (d *deviceDocument) printJSON(p *twinPrinter) error {
	var line bytes.Buffer
	if err := json.Compact(&line, d.payload); err != nil {
		return err
	}
	text := line.Bytes()
	if !d.alone {
		name := "device"
		if gjson.GetBytes(text, name).Exists() {
			name = "_device"
		}
		named := message.AppendJSONString([]byte(`{"`+name+`":`), d.device)
		if string(text) != "{}" {
			named = append(named, ',')
		}
		text = append(named, text[1:]...)
	}
	p.JSON(text)
	return nil
}

// printYAML prints the document as one of YAML.
func (d *deviceDocument) printYAML(p *twinPrinter) error {
	text, err := yaml.JSONToYAML(d.payload)
	if err != nil {
		return err
	}
	if !d.alone {
		p.Text("--- # " + words.Printable(d.device) + "\n")
	}
	p.Text(string(output.AppendEscapedLines(nil, text)))
	return nil
}

// printText prints the settings, one a line.
func (d *deviceDocument) printText(p *twinPrinter) {
	if d.about != "" {
		p.Text(mark(p.marks.Faint, "# "+words.Printable(d.about)) + "\n")
	}
	for _, leaf := range twin.Delta(d.state, nil, twin.Tolerance{}) {
		p.Text(words.Printable(leaf.Pointer) + "\t" + words.Printable(string(payload.AppendValue(nil, leaf.Desired))) + "\n")
	}
}

// compare prints settings with both sides.
func (o *desiredGetOptions) compare(p *twinPrinter, t *twin.Twin) error {
	if t.ReportedErr != nil {
		return t.ReportedErr
	}
	for _, leaf := range twin.Delta(t.Desired.Doc.State, t.Reported, o.tolerance.Tolerance) {
		if o.delta && leaf.Same {
			continue
		}
		if !p.json {
			p.leaf(t.Device, leaf, "")
			continue
		}
		if err := p.object(struct {
			Device string `json:"device"`
			leafJSON
		}{t.Device, newLeafJSON(leaf)}); err != nil {
			return err
		}
	}
	return nil
}
