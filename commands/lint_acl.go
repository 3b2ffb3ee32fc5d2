package commands

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/access"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/output"
)

func newLintACL(e *env) *cobra.Command {
	o := &lintOptions{}
	test, emqx := "", false
	cmd := &cobra.Command{
		Use:   "acl FILE...",
		Short: "Check an access list",
		Long: "Check access lists of Mosquitto (acl_file) or EMQX (acl.conf): who can read and write the topics of somebody else. The\n" +
			"rules of a file are put together, with a device's names in them, and compared with the topics of another device.\n\n" +
			"--test runs a list of expectations against one file: entries with user, client, publish or read, and expect:\n\n" +
			"  - { user: cr-001, client: cr-001, publish: acme/lyon/cr-001/telemetry/temp, expect: allow }\n" +
			"  - { user: cr-001, read: acme/lyon/cr-002/status, expect: deny }",
		Example: "  mqx lint acl /etc/mosquitto/acl\n" +
			"  mqx lint acl acl.conf --emqx --test acl_test.yaml",
		Annotations: readOnly(),
	}
	addLintFlags(cmd, e, o)
	cmd.Flags().StringVar(&test, "test", "", "run the expectations of this file instead")
	cmd.Flags().BoolVar(&emqx, "emqx", false, "the files are EMQX's (default: told by their content)")
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		switch {
		case len(args) == 0:
			return usageError(cmd, "nothing to check: give a file, or - for standard input")
		case test != "" && len(args) != 1:
			return usageError(cmd, "--test is about one file")
		case test != "":
			return testACL(e, args[0], test, emqx)
		}
		return o.run(e, cmd, func(l *lint.Linter) error {
			for _, file := range args {
				if err := lintPaths(e, l, aclKind(file, emqx), []string{file}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return cmd
}

// aclKind tells whose access list a file is.
func aclKind(file string, emqx bool) lint.Kind {
	if emqx {
		return lint.EMQXACL
	}
	text, err := os.ReadFile(file)
	if err == nil && lint.Detect("x.acl", text) == lint.EMQXACL {
		return lint.EMQXACL
	}
	return lint.ACL
}

// testACL runs the expectations of a file.
func testACL(e *env, file, test string, emqx bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return lintError(file, err)
	}
	policy := access.ParseMosquitto(string(text))
	if aclKind(file, emqx) == lint.EMQXACL {
		policy = access.ParseEMQX(string(text))
	}
	if len(policy.Faults) > 0 {
		return exit.Wrap(exit.Usage, "lint acl", file, &policy.Faults[0])
	}
	source, err := os.ReadFile(test)
	if err != nil {
		return lintError(test, err)
	}
	var expectations []access.Expectation
	if err := yaml.UnmarshalWithOptions(source, &expectations, yaml.Strict()); err != nil {
		return exit.Wrap(exit.Usage, "--test", test, errors.New(yaml.FormatError(err, false, false)))
	}
	if len(expectations) == 0 {
		return exit.New(exit.Usage, "--test", test, "no expectations")
	}
	return e.reportExpectations(policy, test, expectations)
}

func (e *env) reportExpectations(policy *access.Policy, test string, expectations []access.Expectation) error {
	failed := 0
	var out []byte
	for i := range expectations {
		outcome, err := policy.Test(&expectations[i])
		if err != nil {
			return exit.Wrap(exit.Usage, "--test", fmt.Sprintf("%s, entry %d", test, i+1), err)
		}
		mark := "ok    "
		if !outcome.Held {
			mark = "FAILED"
			failed++
		}
		out = fmt.Appendf(out, "%s %s\n", mark, lint.Escape(outcome.Text))
	}
	if err := output.WriteReport(e.streams, out, false); err != nil {
		return err
	}
	e.note("%d held, %d failed", len(expectations)-failed, failed)
	if failed > 0 {
		return &exit.SilentError{Code: exit.Negative}
	}
	return nil
}
