package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/output"
)

func newLintContract(e *env) *cobra.Command {
	o := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "contract [FILE...]",
		Short: "Check contract files and AsyncAPI documents",
		Long: "Check contract files (" + contract.FileName + ") and AsyncAPI 3 documents; without a file, the one that is found from the working\n" +
			"directory upwards. A file that cannot be read as such is status 2, with every mistake at its line.",
		Example:     "  mqx lint contract mqx.yaml",
		Annotations: readOnly(),
	}
	addLintFlags(cmd, e, o)
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		files := args
		if len(files) == 0 {
			files = []string{o.contract}
		} else if o.convention == "" {
			o.convention = "guide" // the files are what is judged, and not what is judged by
		}
		var broken error
		err := o.run(e, cmd, func(l *lint.Linter) error {
			var read int
			if read, broken = e.lintContracts(l, files); read == 0 {
				return broken
			}
			return nil
		})
		return cmp.Or(broken, err)
	})
	return cmd
}

// lintContracts checks files, and says how many it could read. The first of the others is the error, the rest of them are
// told of: none hides what is wrong with the rest.
func (e *env) lintContracts(l *lint.Linter, files []string) (read int, broken error) {
	for _, file := range files {
		c, err := e.contractToLint(l, file)
		switch {
		case err == nil:
			l.Contract(c)
			read++
		case broken == nil:
			broken = err
		default:
			e.note("%s", err)
		}
	}
	return read, broken
}

// contractToLint reads a contract file as the linter sees it: what was mended is not on disk yet.
func (e *env) contractToLint(l *lint.Linter, file string) (*contract.Contract, error) {
	if text, ok := l.Overlaid(file); ok {
		c, err := contract.Parse(file, text)
		if err != nil {
			return nil, e.contractError(file, err)
		}
		return c, nil
	}
	return e.loadContract(file)
}

func newLintRules(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rules", Short: "List the rules", Args: noArgs, Annotations: readOnly(),
		Long:    "List all rules: code, severity, the smallest profile that has it, name and what is wrong.",
		Example: "  mqx lint rules\n  mqx lint rules --json",
	}
	e.addJSONFlag(cmd, "print each rule as one JSON object, with its reason and examples")
	cmd.RunE = e.run(func(context.Context, []string) error {
		var out []byte
		for _, r := range lint.Rules() {
			if e.json {
				line, err := json.Marshal(struct {
					lint.Rule

					Kinds []lint.Kind `json:"kinds"`
				}{r, r.Kinds()})
				if err != nil {
					return err
				}
				out = append(append(out, line...), '\n')
				continue
			}
			out = fmt.Appendf(out, "%s  %-7s  %-7s  %-26s  %s\n", r.Code, r.Severity, r.Profile, r.Name, r.Summary)
		}
		return output.WriteReport(e.streams, out, e.json)
	})
	return cmd
}

func newLintExplain(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain CODE...", Short: "Explain a rule", Annotations: readOnly(),
		Long:    "Explain a rule: what is wrong, why, and an example of each kind. A code or a name is taken.",
		Example: "  mqx lint explain T013",
	}
	cmd.RunE = e.run(func(_ context.Context, args []string) error {
		if len(args) == 0 {
			return usageError(cmd, "which rule? mqx lint rules lists them")
		}
		var out []byte
		for i, code := range args {
			r, ok := lint.Lookup(code)
			if !ok {
				return exit.New(exit.Usage, "lint explain", code, "no rule has this code or name").Hint("mqx lint rules lists them")
			}
			if i > 0 {
				out = append(out, '\n')
			}
			out = append(out, r.Explain()...)
		}
		return output.WriteReport(e.streams, out, false)
	})
	cmd.ValidArgsFunction = completeWords(ruleWords)
	return cmd
}
