package commands

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func newLint(e *env) *cobra.Command {
	o := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "lint PATH...",
		Short: "Check topics, payloads, access lists and configurations against the rules",
		Long: "Check files, or all files below a folder that are recognised: topic lists, captures, payloads, access lists of\n" +
			"Mosquitto and EMQX, mosquitto.conf, contract files, simulation profiles, and programs. - reads standard input, with --kind. The commands\n" +
			"below check one kind each, and live traffic.\n\n" +
			"The contract file says what is right; without one the guide's convention holds, or that of --convention.\n\n" +
			"Status 0: nothing at or above --fail-on; 1: findings; 2: an input cannot be read; 5: no traffic was seen.",
		Example: "  mqx lint .\n" +
			"  mqx lint topics 'acme/lyon/cr-001/telemetry/temp'\n" +
			"  mqx lint live --for 1m 'acme/#'\n" +
			"  mqx lint acl acl.txt --format sarif",
		Args:        cobra.ArbitraryArgs,
		Annotations: readOnly(),
	}
	kind := ""
	addLintFlags(cmd, e, o)
	cmd.Flags().StringVar(&kind, "kind", "", "what the inputs are: topics, filters, payload, messages, acl, emqx-acl, conf, contract, profile or source")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return o.run(e, cmd, func(l *lint.Linter) error { return lintPaths(e, l, lint.Kind(kind), args) })
	})
	e.addCommands(cmd,
		subcommand{"topics", newLintTopics},
		subcommand{"filters", newLintFilters},
		subcommand{"payload", newLintPayload},
		subcommand{"live", newLintLive},
		subcommand{"acl", newLintACL},
		subcommand{"conf", newLintConf},
		subcommand{"source", newLintSource},
		subcommand{"contract", newLintContract},
		subcommand{"profile", newLintProfile},
		subcommand{"explain", newLintExplain},
		subcommand{"rules", newLintRules},
		subcommand{"init", newLintInit},
		subcommand{"infer", newLintInfer},
	)
	return cmd
}

// lintPaths checks files and folders; - is standard input. A kind is taken for granted.
func lintPaths(e *env, l *lint.Linter, kind lint.Kind, paths []string) error {
	for _, path := range paths {
		var err error
		switch {
		case path == "-" && kind == "":
			err = exit.New(exit.Usage, "lint -", "", "not clear what standard input is").Hint("say --kind topics, or use mqx lint topics -")
		case path == "-":
			err = lintError("standard input", l.Read(kind, "", e.streams.In))
		case kind != "":
			err = lintError(path, l.ReadFileAs(kind, path))
		default:
			err = lintError(path, l.ReadFile(path))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lintError is an input that cannot be read.
func lintError(path string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	if errors.Is(err, lint.ErrNotRecognised) {
		return exit.New(exit.Usage, "lint", path, "not clear what this is").Hint("say --kind, or use mqx lint topics, acl, conf…")
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return exit.Wrap(exit.Usage, "lint", file.Path, file.Err)
	}
	if _, ok := errors.AsType[*yamlfile.Error](err); ok {
		return exit.Wrap(exit.Usage, "lint", "", err) // it names the file
	}
	return exit.Wrap(exit.Usage, "lint", path, err)
}
