package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/retained"
)

type retainedAssertOptions struct {
	retainedOptions

	spec       retained.Spec
	equals     string
	jsonEquals string
	file       string
	format     reportFormat
	filter     string
	topic      string
}

func newRetainedAssert(e *env) *cobra.Command {
	o := &retainedAssertOptions{format: "text"}
	cmd := &cobra.Command{
		Use:   "assert [TOPIC] [CONDITION]... | -f FILE",
		Short: "Check what is retained against expectations",
		Long: "Check what is retained against conditions given as flags, or against a YAML file of expectations. --equals compares\n" +
			"bytes, and after --path JSON values. With --filter conditions hold for each message, or --count counts those for\n" +
			"which they do.\n\n" +
			"Status 0: all hold; 1: one does not, or not --within its time; 10: a payload that must be JSON is not; 5: what is\n" +
			"retained could not be read completely; 2: the expectations make no sense.",
		Example: "  mqx retained assert acme/s1/d42/status --equals online --within 30s\n" +
			"  mqx retained assert acme/s1/d42/reported --path state.speed --is '> 20'\n" +
			"  mqx retained assert --filter 'acme/+/+/status' --equals online --count '>= 3'\n" +
			"  mqx retained assert -f expect.yaml --format junit > report.xml",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.topic, "topic", "t", "", "topic (an argument too)")
	fs.StringVar(&o.filter, "filter", "", "Topic Filter, in place of a topic")
	fs.StringVarP(&o.file, "file", "f", "", "YAML file of expectations, - for standard input")
	fs.BoolVar(&o.spec.Exists, "exists", false, "something is retained")
	fs.BoolVar(&o.spec.Absent, "absent", false, "nothing is retained")
	fs.StringVar(&o.equals, "equals", "", "the payload is these bytes; after --path, the value is this JSON value or string")
	fs.StringVar(&o.jsonEquals, "json-equals", "", "the payload is this JSON value")
	fs.StringVar(&o.spec.Path, "path", "", "gjson path that --equals, --is and --matches look at; alone: there is something")
	fs.Var(textsFlag{&o.spec.Is}, "is", `condition on the JSON value, such as "> 20", "!= null" or "matches ^on" (repeatable)`)
	fs.StringVar(&o.spec.Matches, "matches", "", "regular expression on the payload, or on what is at --path")
	fs.StringVar(&o.spec.Schema, "schema", "", "file of a JSON Schema that the payload follows")
	fs.StringVar(&o.spec.Count, "count", "", `how many messages of --filter: "3", ">= 3" or "2..5"`)
	fs.Var(durationFlag{&o.spec.MaxAge}, "max-age", `the payload says by its "ts" that it is not older`)
	fs.Var(durationFlag{&o.spec.Within}, "within", "look again until it holds, for so long")
	fs.Var(&o.format, "format", "how to report")
	e.addJSONFlag(cmd, "the same as --format json: an outcome a line")
	inGroup(fs, groupOutput, "format", "json")
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedAssertOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if e.json && given(cmd, "format") && o.format != "json" {
		return usageError(cmd, "--json and --format %s exclude each other", o.format)
	}
	e.json = e.json || o.format == "json"
	if e.json {
		o.format = "json"
	}
	var expectations []*retained.Expectation
	var err error
	if o.file == "" { // a topic may still come from the URL
		if err := o.addTopic(cmd, args); err != nil {
			return err
		}
		if o.spec.Topic+o.spec.Filter != "" {
			expectations, err = o.expectation(cmd)
		}
	} else {
		expectations, err = o.expectationsInFile(ctx, e, cmd, args)
	}
	if err != nil {
		return err
	}
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if len(expectations) == 0 {
		if len(o.filters) > 0 {
			o.spec.Topic = o.filters[0].String()
		}
		if expectations, err = o.expectation(cmd); err != nil {
			return err
		}
	}
	return o.check(ctx, s, expectations)
}

// addTopic finds the one topic or filter among arguments and flags.
func (o *retainedAssertOptions) addTopic(cmd *cobra.Command, args []string) error {
	if o.topic != "" {
		args = append(args, o.topic)
	}
	if len(args)+len(o.filter) > 0 && (len(args) > 1 || len(args) == 1 && o.filter != "") {
		return usageError(cmd, "one topic or one --filter is expected")
	}
	if len(args) == 1 {
		o.spec.Topic = args[0]
	}
	o.spec.Filter = o.filter
	return nil
}

// expectation is the one that the flags state.
func (o *retainedAssertOptions) expectation(cmd *cobra.Command) ([]*retained.Expectation, error) {
	if given(cmd, "equals") {
		o.spec.Equals = retained.TextOperand(o.equals)
	}
	if given(cmd, "json-equals") {
		o.spec.JSONEquals = retained.TextOperand(o.jsonEquals)
	}
	x, err := retained.NewExpectation(o.spec)
	spec, ok := errors.AsType[*retained.SpecError](err)
	if !ok {
		return []*retained.Expectation{x}, err
	}
	dashes := strings.NewReplacer("_", "-")
	next := spec.Next
	for _, key := range []string{"json_equals", "max_age"} {
		next = strings.ReplaceAll(next, key, dashes.Replace(key))
	}
	if spec.Key == "" {
		return nil, usageError(cmd, "%s", spec.Err).(*exit.Error).Hint(next) //nolint:errorlint,forcetypeassert // just made
	}
	return nil, exit.Wrap(exit.Usage, "--"+dashes.Replace(spec.Key), "", spec.Err).Hint(next)
}

// expectationsInFile reads the file; no condition may be given beside it.
func (o *retainedAssertOptions) expectationsInFile(ctx context.Context, e *env, cmd *cobra.Command, args []string) ([]*retained.Expectation, error) {
	for _, name := range []string{
		"topic", "filter", "exists", "absent", "equals", "json-equals", "path", "is", "matches", "schema", "count", "max-age", "within",
	} {
		if given(cmd, name) {
			return nil, usageError(cmd, "--%s and --file exclude each other", name)
		}
	}
	if len(args) > 0 {
		return nil, usageError(cmd, "unexpected argument %q: the topics are in the file", args[0])
	}
	var expectations []*retained.Expectation
	var err error
	if o.file == "-" {
		var text []byte
		if text, err = readAll(ctx, e.streams.In); err == nil {
			expectations, err = retained.ParseExpectations(o.file, text)
		}
	} else {
		expectations, err = retained.ReadExpectations(o.file)
	}
	if fault, ok := errors.AsType[*retained.FileError](err); ok {
		fmt.Fprint(e.streams.Err, fault.Detail())
		return nil, exit.New(exit.Usage, "--file", o.file, count(len(fault.Problems), "mistake"))
	}
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--file", "", err)
	}
	return expectations, nil
}

// check looks, reports and decides.
func (o *retainedAssertOptions) check(ctx context.Context, s *store, expectations []*retained.Expectation) error {
	start := time.Now()
	outcomes, listing, err := retained.Assert(ctx, s.session, expectations, s.listOptions(1))
	if err != nil {
		return s.endedEarly(ctx, "assert on", err, "the expectations were not checked")
	}
	if listing.Evidence != retained.Incomplete {
		if err := o.write(s.env, outcomes, time.Since(start)); err != nil {
			return err
		}
	}
	if err := s.report(listing); err != nil {
		return err
	}
	summary := retained.Summarize(outcomes)
	switch {
	case summary.Failed > 0:
		return exit.New(exit.Negative, "assert", "", summary.String())
	case summary.BadData > 0:
		return exit.New(exit.BadData, "assert", "", summary.String())
	}
	return nil
}

func (o *retainedAssertOptions) write(e *env, outcomes []retained.Outcome, took time.Duration) error {
	var report bytes.Buffer
	lines := output.NewLines(e.streams)
	var err error
	switch o.format {
	case "json":
		err = retained.WriteJSON(&report, outcomes)
		for line := range bytes.Lines(report.Bytes()) {
			lines.JSON(bytes.TrimSuffix(line, []byte{'\n'}))
		}
	case "junit":
		err = retained.WriteJUnit(&report, outcomes, "mqx retained assert", took)
		lines.Text(report.String())
	case "tap":
		err = retained.WriteTAP(&report, outcomes)
		lines.Text(report.String())
	default:
		err = retained.WriteText(&report, outcomes, reportStyle(e))
		lines.Text(report.String())
	}
	if err != nil {
		return err
	}
	return lines.Flush()
}

// reportStyle colours reports.
func reportStyle(e *env) retained.Style {
	m := output.NewMarks(e.streams, e.color)
	return retained.Style{Held: m.Good, Failed: m.Bad, BadData: m.Doubtful, Removed: m.Bad, Added: m.Good, Faint: m.Faint}
}

// reportFormat takes the name of a format.
type reportFormat string

// Set parses a format.
func (f *reportFormat) Set(s string) error {
	if err := oneOf(s, "text", "json", "junit", "tap"); err != nil {
		return err
	}
	*f = reportFormat(s)
	return nil
}

// String returns the format.
func (f *reportFormat) String() string { return string(*f) }

// Type names the value in help.
func (*reportFormat) Type() string { return "text|json|junit|tap" }
