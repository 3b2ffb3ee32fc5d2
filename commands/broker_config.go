package commands

import (
	"encoding/json"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/output"
)

// printConfig prints the value of each flag of the broker, as it was given, found in the environment or by default.
func printConfig(e *env, cmd *cobra.Command) error {
	lines, rows := output.NewLines(e.streams), output.NewRows(e.streams, e.color, "flag", "value", "from")
	object := make(map[string]json.RawMessage)
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		switch f.Name {
		case "help", "json", "print-config":
			return
		}
		from := "default"
		if f.Changed {
			from = "set"
		}
		object[f.Name] = flagJSON(f)
		rows.Row(output.Cell{Text: f.Name}, output.Cell{Text: f.Value.String()}, output.Cell{Text: from})
	})
	if !e.json {
		return rows.Flush()
	}
	b, err := json.Marshal(object)
	if err != nil {
		return err
	}
	lines.JSON(b)
	return lines.Flush()
}

// flagJSON is the value of a flag, a number or a truth value where it is one.
func flagJSON(f *pflag.Flag) json.RawMessage {
	text := []byte(f.Value.String())
	if f.Value.Type() != "string" && json.Valid(text) {
		return text
	}
	return appendJSON(nil, f.Value.String())
}
