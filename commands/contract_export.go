package commands

import (
	"bytes"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
)

type contractExportOptions struct {
	file     string
	asyncAPI bool
	acl      string
	env      string
	patterns bool
}

func newContractExport(e *env) *cobra.Command {
	o := &contractExportOptions{}
	cmd := &cobra.Command{
		Use:   "export --asyncapi | --acl mosquitto",
		Short: "Write the contract as an AsyncAPI document or an access list",
		Long: "Write the contract in a form that other programs read. --asyncapi gives an AsyncAPI 3 document, from the view of\n" +
			"a device. --acl mosquitto gives an acl_file in which every device and every service may do what the contract says\n" +
			"and nothing else; with an inventory every device has its own section. What the form cannot say is told on stderr.",
		Example: "  mqx contract export --asyncapi > asyncapi.yaml\n" +
			"  mqx contract export --acl mosquitto --env prod > acl",
		Args:        noArgs,
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.asyncAPI, "asyncapi", false, "write an AsyncAPI 3 document, in YAML")
	fs.StringVar(&o.acl, "acl", "", "write an access list for this broker: mosquitto")
	fs.StringVar(&o.file, "contract", "", "the contract: "+contract.FileName+" or an AsyncAPI 3 document (default: looked for upwards)")
	fs.StringVar(&o.env, "env", "", "with --acl: only the root of this environment")
	fs.BoolVar(&o.patterns, "patterns", false, "with --acl: patterns for all devices instead of a section for each")
	inGroup(fs, groupOutput, "asyncapi", "acl")
	cmd.RunE = e.run(func(context.Context, []string) error { return o.run(cmd, e) })
	return cmd
}

func (o *contractExportOptions) run(cmd *cobra.Command, e *env) error {
	switch {
	case o.asyncAPI == (o.acl != ""):
		return usageError(cmd, "say what to write: --asyncapi or --acl mosquitto")
	case o.acl != "" && o.acl != "mosquitto":
		return exit.New(exit.Usage, "--acl", o.acl, "not a broker whose access lists mqx writes").Hint("use mosquitto")
	case o.asyncAPI && (o.env != "" || o.patterns):
		return usageError(cmd, "--env and --patterns are for --acl")
	}
	c, err := e.loadContract(o.file)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	var notes []contract.Note
	if o.asyncAPI {
		notes, err = c.WriteAsyncAPI(&text)
	} else {
		notes, err = c.WriteACL(&text, contract.ACLOptions{Env: o.env, Patterns: o.patterns})
	}
	if errors.Is(err, contract.ErrNoLogin) {
		return exit.Wrap(exit.Usage, "--acl", c.File, err).Hint(`write devices: { username: "{device}" } into ` + contract.FileName)
	}
	if err != nil {
		return exit.Wrap(exit.Usage, "contract export", c.File, err)
	}
	e.notes(notes)
	_, err = e.streams.Out.Write(text.Bytes())
	return err
}
