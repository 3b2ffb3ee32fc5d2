package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// lintOptions are the flags that all commands below lint have.
type lintOptions struct {
	selected, ignored []string
	profile           string
	target            string
	convention        string
	contract          string
	failOn            string
	format            string
	outputs           []string
	baseline          string
	writeBaseline     string
	maxExamples       int
	fixes             lintFixes

	schema *payload.Schema
}

func addLintFlags(cmd *cobra.Command, e *env, o *lintOptions) {
	fs := cmd.Flags()
	fs.Var(wordsFlag{&o.selected}, "select", "only these rules: codes, beginnings of codes, or names, separated by commas")
	fs.Var(wordsFlag{&o.ignored}, "ignore", "not these rules")
	fs.StringVar(&o.profile, "profile", "", "set of rules: minimal, basic, guide or strict (default guide)")
	fs.StringVar(&o.convention, "convention", "", "what topics look like: "+strings.Join(lint.Conventions(), ", "))
	fs.StringVar(&o.contract, "contract", "", "the contract: "+contract.FileName+" or an AsyncAPI 3 document (default: looked for upwards)")
	fs.StringVar(&o.target, "target", "", "check the limits of mosquitto, emqx, hivemq, nats, rabbitmq or aws too")
	fs.StringVar(&o.failOn, "fail-on", "", "least severity that is a failure: error, warning, info or never (default error)")
	fs.StringVar(&o.format, "format", "text", "text, json, sarif, github, gitlab, junit or checkstyle")
	e.addJSONFlag(cmd, "print each finding as one JSON object; the same as --format json")
	inGroup(fs, groupOutput, "format", "json")
	fs.Var(textsFlag{&o.outputs}, "output", "write the report to a file too: FORMAT=FILE (repeatable)")
	fs.StringVar(&o.baseline, "baseline", "", "leave out the findings that this file accepts")
	fs.StringVar(&o.writeBaseline, "write-baseline", "", "accept all findings: write them to this file")
	fs.IntVar(&o.maxExamples, "max-examples", 3, "most example topics of a finding")
	o.fixes.add(cmd)
	completeLintFlags(cmd)
}

// run makes a linter, feeds it, and prints the report.
func (o *lintOptions) run(e *env, cmd *cobra.Command, feed func(*lint.Linter) error) error {
	if e.json {
		o.format = string(lint.JSONFormat)
	}
	format, err := lint.ParseFormat(o.format)
	if err != nil {
		return exit.Wrap(exit.Usage, "--format", "", err)
	}
	if o.maxExamples < 1 {
		return usageError(cmd, "--max-examples %d: at least 1 is expected", o.maxExamples)
	}
	if err := o.fixes.check(cmd); err != nil {
		return err
	}
	options, failOn, err := o.options(e)
	if err != nil {
		return err
	}
	check := func(overlay map[string][]byte) (lint.Report, error) {
		options.Overlay = overlay
		l, err := lint.New(options)
		if err != nil {
			return lint.Report{}, exit.Wrap(exit.Usage, "lint", "", err).Hint("mqx lint rules lists them")
		}
		if err := feed(l); err != nil {
			return lint.Report{}, err
		}
		return l.Finish(), nil
	}
	if !o.fixes.wanted() {
		report, err := check(nil)
		if err != nil {
			return err
		}
		return o.finish(e, &report, format, failOn)
	}
	return o.fix(e, check, format, failOn)
}

// fix mends, and goes on with what is left.
func (o *lintOptions) fix(e *env, check func(map[string][]byte) (lint.Report, error), format lint.Format, failOn lint.Severity) error {
	report, fixer, err := o.fixes.mend(check)
	if err != nil {
		return err
	}
	files := len(fixer.Changes())
	if o.fixes.diff {
		if err := showDiff(e, fixer); err != nil {
			return err
		}
		e.note("%s would be fixed in %s; left: %s", count(fixer.Fixed(), "place"), count(files, "file"), report.Summary())
		if files > 0 { // a check in CI fails until the files are mended
			return &exit.SilentError{Code: exit.Negative}
		}
		return nil
	}
	if fixer.Fixed() > 0 {
		e.note("%s fixed in %s", count(fixer.Fixed(), "place"), count(files, "file"))
	}
	return o.finish(e, &report, format, failOn)
}

// options are what the flags and the contract ask for. failOn is a severity; above all of them is never.
func (o *lintOptions) options(e *env) (options lint.Options, failOn lint.Severity, err error) {
	options = lint.Options{
		Select: o.selected, Ignore: o.ignored, MaxExamples: o.maxExamples, Schema: o.schema, KeepEdits: o.fixes.wanted(),
		Rehearse: simulate.Rehearse,
	}
	if options.Convention, err = o.loadConvention(e); err != nil {
		return options, 0, err
	}
	if c := options.Convention.Contract; c != nil {
		o.fromContract(c, &options)
	}
	if o.profile != "" {
		if options.Profile, err = lint.ParseProfile(o.profile); err != nil {
			return options, 0, exit.Wrap(exit.Usage, "--profile", "", err)
		}
	}
	if o.target != "" {
		if options.Target, err = lint.ParseTarget(o.target); err != nil {
			return options, 0, exit.Wrap(exit.Usage, "--target", "", err)
		}
	}
	if failOn, err = parseFailOn(o.failOn); err != nil {
		return options, 0, exit.Wrap(exit.Usage, "--fail-on", "", err)
	}
	if options.Baseline, err = readBaseline(o.baseline); err != nil {
		return options, 0, exit.Wrap(exit.Usage, "--baseline", o.baseline, err)
	}
	return options, failOn, nil
}

func (o *lintOptions) loadConvention(e *env) (*lint.Convention, error) {
	if o.convention != "" && o.convention != "guide" {
		if o.contract != "" {
			return nil, exit.New(exit.Usage, "--convention and --contract exclude each other", "", "")
		}
		c, err := lint.NamedConvention(o.convention)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "--convention", "", err)
		}
		return c, nil
	}
	var c *contract.Contract
	if o.convention == "guide" && o.contract == "" {
		c = contract.Default()
	} else {
		var err error
		if c, err = e.loadContract(o.contract); err != nil {
			return nil, err
		}
	}
	convention, err := lint.ContractConvention(c)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "contract", "", err)
	}
	return convention, nil
}

// fromContract takes what no flag says from the contract file.
func (o *lintOptions) fromContract(c *contract.Contract, options *lint.Options) {
	if o.profile == "" {
		o.profile = c.Lint.Profile.Text
	}
	if o.target == "" {
		o.target = c.Lint.Target.Text
	}
	if o.failOn == "" {
		o.failOn = c.Lint.FailOn.Text
	}
	if o.baseline == "" && o.writeBaseline == "" {
		o.baseline = c.Lint.Baseline
	}
	if len(o.selected) == 0 {
		for _, s := range c.Lint.Select {
			options.Select = append(options.Select, s.Text)
		}
	}
}

// never is above all severities.
const never = lint.Error + 1

func parseFailOn(word string) (lint.Severity, error) {
	switch word {
	case "":
		return lint.Error, nil
	case "never":
		return never, nil
	}
	s, err := lint.ParseSeverity(word)
	if err != nil || s == lint.Off {
		return 0, errors.New("error, warning, info or never is expected")
	}
	return s, nil
}

func readBaseline(file string) (*lint.Baseline, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // none is a good answer
	}
	text, err := os.ReadFile(file)
	if err != nil {
		if cause, ok := errors.AsType[*os.PathError](err); ok {
			err = cause.Err
		}
		return nil, err
	}
	b, err := lint.ParseBaseline(text)
	if err == nil {
		b.File = file
	}
	return b, err
}

// finish prints the report and turns it into an exit status.
func (o *lintOptions) finish(e *env, report *lint.Report, format lint.Format, failOn lint.Severity) error {
	relative(report)
	err := o.publish(e, report, format)
	if n := len(report.Unread); n > 0 && err == nil {
		return exit.New(exit.Usage, "lint", report.Unread[0], unreadInputs(n))
	}
	if err == nil && o.writeBaseline == "" && report.Worst() >= failOn {
		return &exit.SilentError{Code: exit.Negative}
	}
	return err
}

// unreadInputs says how many inputs were not checked.
func unreadInputs(n int) string {
	if n == 1 {
		return "could not be read: it was not checked"
	}
	return fmt.Sprintf("and %d others could not be read: they were not checked", n-1)
}

// publish writes the report to where it was asked for.
func (o *lintOptions) publish(e *env, report *lint.Report, format lint.Format) error {
	if o.writeBaseline != "" {
		return o.accept(e, report)
	}
	for _, spec := range o.outputs {
		if err := writeReportFile(report, spec); err != nil {
			return err
		}
	}
	painter := output.NewPainter(e.streams, e.color)
	text, err := report.Append(nil, format, func(p lint.Part, text string) string { return painter.Paint(tone(p), text) })
	if err != nil {
		return err
	}
	if err := output.WriteReport(e.streams, text, format == lint.JSONFormat); err != nil {
		return err
	}
	for _, n := range report.Notes {
		e.note("%s", n)
	}
	e.note("%s", report.Summary())
	if hint := report.FixHint(); hint != "" && !o.fixes.wanted() {
		e.note("%s", hint)
	}
	return nil
}

// relative names files as seen from the working directory, which is what editors and forges take.
func relative(r *lint.Report) {
	dir, err := os.Getwd()
	if err != nil {
		return
	}
	shorten := func(file *string) {
		if near, err := filepath.Rel(dir, *file); filepath.IsAbs(*file) && err == nil && !strings.HasPrefix(near, "..") {
			*file = near
		}
		*file = filepath.ToSlash(*file)
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		shorten(&f.Where.File)
		for j := range f.Edits {
			shorten(&f.Edits[j].File)
		}
	}
}

func tone(p lint.Part) output.Tone {
	switch p {
	case lint.TitlePart:
		return output.Title
	case lint.ErrorPart:
		return output.Bad
	case lint.WarningPart:
		return output.Doubtful
	case lint.InfoPart:
		return output.Informative
	default:
		return output.Faint
	}
}

// accept writes the findings to a baseline. That is no failure: it was asked for.
func (o *lintOptions) accept(e *env, r *lint.Report) error {
	text, err := lint.NewBaseline(r).JSON()
	if err == nil {
		err = os.WriteFile(o.writeBaseline, text, 0o644) //nolint:gosec // G306: it is meant to be shared
	}
	if err != nil {
		return exit.Wrap(exit.Usage, "--write-baseline", "", err)
	}
	e.note("%s accepted in %s", count(len(r.Findings), "finding"), o.writeBaseline)
	return nil
}

func writeReportFile(r *lint.Report, spec string) error {
	word, file, ok := strings.Cut(spec, "=")
	if !ok {
		return exit.New(exit.Usage, "--output", spec, "FORMAT=FILE is expected")
	}
	format, err := lint.ParseFormat(word)
	if err != nil {
		return exit.Wrap(exit.Usage, "--output", "", err)
	}
	text, err := r.Append(nil, format, nil)
	if err == nil {
		err = os.WriteFile(file, text, 0o644) //nolint:gosec // G306: a report is meant to be read
	}
	if err != nil {
		return exit.Wrap(exit.Usage, "--output", "", err)
	}
	return nil
}
