package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
)

func newLintInit(e *env) *cobra.Command {
	root, force := "", false
	cmd := &cobra.Command{
		Use: "init", Short: "Write a contract file to begin with", Args: noArgs, Annotations: readOnly(),
		Long: "Write " + contract.FileName + " into the working directory: the guide's convention, spelled out, to be changed. A file that is\n" +
			"there is left alone.",
		Example: "  mqx lint init --root acme",
	}
	cmd.Flags().StringVar(&root, "root", "acme", "the first level of all topics")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	cmd.RunE = e.run(func(context.Context, []string) error {
		text := lint.StarterContract(root)
		if _, err := contract.Parse(contract.FileName, []byte(text)); err != nil {
			return exit.New(exit.Usage, "--root", root, "not the first level of a topic")
		}
		if err := writeNew(contract.FileName, text, force); errors.Is(err, fs.ErrExist) {
			return exit.New(exit.Usage, "lint init", contract.FileName, "is there already").Hint("--force replaces it")
		} else if err != nil {
			return exit.Wrap(exit.Usage, "lint init", "", err)
		}
		e.note("%s is written", contract.FileName)
		return nil
	})
	return cmd
}

func newLintInfer(e *env) *cobra.Command {
	o := &lintLiveOptions{window: lintWindow}
	from := ""
	cmd := &cobra.Command{
		Use:   "infer --from CAPTURE | [FILTER...]",
		Short: "Write a draft of a contract file from traffic",
		Long: "Look at messages, from a capture (--from, - for standard input) or live, and write a draft of " + contract.FileName + " to standard\n" +
			"output: templates of topics, RETAIN flags and QoS as seen, values, units, and a JSON Schema of each kind of payload. The\n" +
			"messages fit the schemas of their draft. What was seen often enough to be sure, and what was not, is said in comments.",
		Example:     "  mqx lint infer --from capture.jsonl > mqx.yaml\n  mqx lint infer --for 5m 'acme/#' > mqx.yaml",
		Annotations: readOnly(),
	}
	cmd.Flags().StringVar(&from, "from", "", "a capture: messages as JSON, one a line")
	o.addLookFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		inference := lint.NewInference()
		if from != "" {
			if len(args)+len(o.filters) > 0 {
				return usageError(cmd, "--from and filters exclude each other")
			}
			if err := inferFrom(e, inference, from); err != nil {
				return err
			}
		} else if err := o.infer(ctx, e, cmd, args, inference); err != nil {
			return err
		}
		if inference.Messages() == 0 {
			return exit.New(exit.Timeout, "lint infer", "", "no message was seen")
		}
		return output.WriteReport(e.streams, []byte(inference.Draft()), false)
	})
	return cmd
}

// inferFrom reads a capture.
func inferFrom(e *env, n *lint.Inference, from string) error {
	in := e.streams.In
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return lintError(from, err)
		}
		defer f.Close()
		in = f
	}
	bad, err := n.ReadCapture(in)
	if bad > 0 {
		e.note("%s: left out %s without a message", from, count(bad, "line"))
	}
	return lintError(from, err)
}

// infer looks at live messages.
func (o *lintLiveOptions) infer(ctx context.Context, e *env, cmd *cobra.Command, args []string, n *lint.Inference) error {
	early, err := o.look(ctx, e, cmd, args, &liveSink{live: func(m message.Message, _ bool) { n.Add(m) }})
	if err != nil {
		return err
	}
	if early != nil {
		e.note("%s", early)
	}
	return nil
}
