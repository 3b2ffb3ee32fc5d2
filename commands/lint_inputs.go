package commands

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/payload"
)

func newLintTopics(e *env) *cobra.Command {
	return newLintWords(e, &cobra.Command{
		Use:   "topics TOPIC... | -",
		Short: "Check Topic Names",
		Long: "Check Topic Names: arguments, or with - or --file lists with one a line. Findings are gathered by template, so that\n" +
			"ten thousand devices with one mistake are one finding. A line that begins with \"# \" is a comment;\n" +
			"\"# mqx:ignore[T013] reason\" suppresses a rule on the next line.",
		Example: "  mqx lint topics acme/lyon/cr-001/telemetry/temp\n" +
			"  mqx sub '#' -F %t -W 60 | mqx lint topics -",
	}, lint.Topics)
}

func newLintFilters(e *env) *cobra.Command {
	return newLintWords(e, &cobra.Command{
		Use:   "filters FILTER... | -",
		Short: "Check Topic Filters",
		Long: "Check the Topic Filters of one client: each by itself, and whether two of them match the same topic. With - or --file\n" +
			"they stand one a line.",
		Example: "  mqx lint filters 'acme/+/+/status' '$share/workers/acme/+/+/events/+'",
	}, lint.Filters)
}

// newLintWords is a command whose arguments are the inputs.
func newLintWords(e *env, cmd *cobra.Command, kind lint.Kind) *cobra.Command {
	o := &lintOptions{}
	var words, files []string
	cmd.Annotations = readOnly()
	addLintFlags(cmd, e, o)
	cmd.Flags().VarP(textsFlag{&words}, "topic", "t", "check this one (repeatable; arguments too)")
	cmd.Flags().VarP(textsFlag{&files}, "file", "f", "read them from this file too, one a line (repeatable)")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		args = slices.Concat(words, args)
		if len(args)+len(files) == 0 {
			return usageError(cmd, "nothing to check: give %s, or - for standard input", kind)
		}
		return o.run(e, cmd, func(l *lint.Linter) error {
			if err := lintPaths(e, l, kind, files); err != nil {
				return err
			}
			return lintWords(e, l, kind, args)
		})
	})
	return cmd
}

func lintWords(e *env, l *lint.Linter, kind lint.Kind, args []string) error {
	for _, arg := range args {
		switch {
		case arg == "-":
			if err := lintPaths(e, l, kind, []string{"-"}); err != nil {
				return err
			}
		case kind == lint.Topics:
			l.Topic(arg, lint.Place{})
		default:
			l.Filter(arg, lint.Place{})
		}
	}
	l.EndOfFilters()
	return nil
}

func newLintPayload(e *env) *cobra.Command {
	o := &lintOptions{}
	var topicName, schema string
	cmd := &cobra.Command{
		Use:   "payload FILE... | -",
		Short: "Check payloads",
		Long: "Check payloads, a file each, or one that begins with { as an argument. --topic says which topic they are for; without it\n" +
			"they are taken for telemetry.",
		Example: "  mqx lint payload '{\"v\":21.7,\"ts\":1736430000,\"unit\":\"C\",\"schema\":\"temp.v1\"}'\n" +
			"  mqx lint payload --topic acme/lyon/cr-001/desired desired.json",
		Annotations: readOnly(),
	}
	addLintFlags(cmd, e, o)
	cmd.Flags().VarP(&oneTopicFlag{&topicName}, "topic", "t", "the topic that the payloads are for")
	cmd.Flags().StringVar(&schema, "schema", "", "a JSON Schema that they must follow")
	cmd.RunE = e.run(func(_ context.Context, args []string) (err error) {
		if len(args) == 0 {
			return usageError(cmd, "nothing to check: give a file, or - for standard input")
		}
		if schema != "" {
			if o.schema, err = payload.ReadSchema(schema); err != nil {
				return exit.Wrap(exit.Usage, "--schema", schema, err)
			}
		}
		return o.run(e, cmd, func(l *lint.Linter) error { return lintPayloads(e, l, topicName, args) })
	})
	return cmd
}

func lintPayloads(e *env, l *lint.Linter, topicName string, args []string) error {
	for _, arg := range args {
		place := lint.Place{File: arg}
		var text []byte
		var err error
		switch {
		case arg == "-":
			place.File = ""
			text, err = l.ReadAll(e.streams.In)
		case strings.HasPrefix(arg, "{") || strings.HasPrefix(arg, "["):
			place.File, text = "", []byte(arg)
		default:
			text, err = l.ReadWhole(arg)
		}
		if err != nil {
			return lintError(arg, err)
		}
		// A line feed at the end is what editors and echo add, and no part of what is meant.
		l.Payload(topicName, bytes.TrimSuffix(text, []byte("\n")), place)
	}
	return nil
}

// oneTopicFlag takes one Topic Name.
type oneTopicFlag struct{ name *string }

// Set checks a Topic Name.
func (f *oneTopicFlag) Set(s string) error {
	list := []string{}
	if err := (topicsFlag{&list}).Set(s); err != nil {
		return err
	}
	*f.name = s
	return nil
}

// String returns the value.
func (f *oneTopicFlag) String() string { return *f.name }

// Type names the value in help.
func (*oneTopicFlag) Type() string { return "topic" }

func newLintConf(e *env) *cobra.Command {
	return newLintFiles(e, &cobra.Command{
		Use:   "conf FILE...",
		Short: "Check a mosquitto.conf",
		Long: "Check configurations of Mosquitto: listeners without TLS, anonymous clients, state that a restart loses, bridges that\n" +
			"send messages round and round, options that do not exist.",
		Example: "  mqx lint conf /etc/mosquitto/mosquitto.conf",
	}, lint.Conf)
}

func newLintSource(e *env) *cobra.Command {
	return newLintFiles(e, &cobra.Command{
		Use:   "source PATH...",
		Short: "Check the topics in programs",
		Long: "Check the strings in programs that look like topics, each with its line, and passwords and switched-off certificate checks\n" +
			"beside them. A string is taken for a topic when it has a word of the convention (telemetry, status, cmd…) where one belongs,\n" +
			"or begins with a root of the contract; {name}, ${name} and %s in it stand for a level.",
		Example: "  mqx lint source src/",
	}, lint.Source)
}

// newLintFiles is a command whose arguments are files.
func newLintFiles(e *env, cmd *cobra.Command, kind lint.Kind) *cobra.Command {
	o := &lintOptions{}
	cmd.Annotations = readOnly()
	addLintFlags(cmd, e, o)
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return usageError(cmd, "nothing to check: give a file, or - for standard input")
		}
		return o.run(e, cmd, func(l *lint.Linter) error { return lintKind(e, l, kind, args) })
	})
	return cmd
}

// lintKind checks files of a kind; of folders, the files that are recognised as such.
func lintKind(e *env, l *lint.Linter, kind lint.Kind, paths []string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil && info.IsDir() {
			err = lintError(path, l.ReadFolder(path, kind))
		} else {
			err = lintPaths(e, l, kind, []string{path})
		}
		if err != nil && !errors.Is(err, fs.SkipAll) {
			return err
		}
	}
	return nil
}
