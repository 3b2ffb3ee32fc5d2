package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/output"
)

func newContextLs(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the contexts",
		Long: "List the contexts. In a pipe the columns are name, address, user name, \"guard\" and \"current\", separated by tabs,\n" +
			"with - where there is nothing to say.",
		Args:        noArgs,
		Annotations: readOnly(),
	}
	e.addJSONFlag(cmd, "print each context as a JSON object")
	cmd.RunE = e.run(func(context.Context, []string) error { return e.listContexts() })
	return cmd
}

func (e *env) listContexts() error {
	file, contexts, err := e.contexts()
	if err != nil {
		return err
	}
	if len(contexts.List) == 0 && !e.json {
		e.note("there are no contexts - mqx context add NAME --url mqtt://HOST makes one")
		return nil
	}
	if e.json {
		for _, x := range contexts.List {
			if err := e.printObject(e.contextObject(file, contexts, x)); err != nil {
				return err
			}
		}
		return nil
	}
	var text bytes.Buffer
	var w io.Writer = &text
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	if e.streams.OutTTY {
		w = table
		fmt.Fprintln(w, "NAME\tADDRESS\tUSER\tGUARD\tCURRENT")
	}
	for _, x := range contexts.List {
		o := e.contextObject(file, contexts, x)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", o.Name, o.Address, output.AppendEscaped(nil, []byte(said(o.Username))),
			flagWord(o.Guard, "guard"), flagWord(o.Current, "current"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = e.streams.Out.Write(text.Bytes())
	return err
}

// flagWord is a word, or a dash when it does not hold.
func flagWord(on bool, word string) string {
	if !on {
		word = ""
	}
	return said(word)
}
