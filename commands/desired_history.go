package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/words"
)

type desiredHistoryOptions struct {
	contract string
	limit    int
}

func newDesiredHistory(e *env) *cobra.Command {
	o := &desiredHistoryOptions{}
	cmd := &cobra.Command{
		Use:   "history [DEVICE...]",
		Short: "Print what was changed from here",
		Long: "Print what mqx desired has changed on this machine, for one or all devices: the audit log, audit.jsonl in\n" +
			"$XDG_STATE_HOME/mqx. Values of settings that look secret are kept as salted hashes. No broker is asked.\n\n" +
			"Status 0: there was something; 1: nothing.",
		Example:     "  mqx desired history acme/lyon/cr-001\n  mqx desired history 'acme/lyon/+' --json",
		Args:        cobra.ArbitraryArgs,
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.IntVarP(&o.limit, "count", "C", 0, "only so many of the newest")
	fs.StringVar(&o.contract, "contract", "", "contract file (default: "+contract.FileName+" here or in a folder above)")
	e.addJSONFlag(cmd, "print each record as it is kept, a JSON object")
	cmd.RunE = e.run(func(_ context.Context, args []string) error { return o.run(e, cmd, args) })
	return cmd
}

func (o *desiredHistoryOptions) run(e *env, cmd *cobra.Command, args []string) error {
	if o.limit < 0 {
		return usageError(cmd, "--count cannot be negative")
	}
	picks, err := o.picks(e, args)
	if err != nil {
		return err
	}
	path := e.auditPath()
	if path == "" {
		return exit.New(exit.Usage, "history", "", "neither XDG_STATE_HOME nor HOME says where the audit log is")
	}
	log, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.New(exit.Negative, "history", path, "nothing was written down yet")
	} else if err != nil {
		return exit.Wrap(exit.Usage, "history", "", err)
	}
	defer func() { _ = log.Close() }()
	p := e.twinPrinter()
	var lines []string
	bad, err := twin.ReadRecords(log, func(r twin.Record, line []byte) error {
		if !picks(r.Device) {
			return nil
		}
		text := string(line)
		if !p.json {
			text = recordText(r)
		}
		if lines = append(lines, text); o.limit > 0 && len(lines) > o.limit {
			lines = lines[1:]
		}
		return nil
	})
	if err != nil {
		return exit.Wrap(exit.Usage, "history", path, err)
	}
	if bad > 0 {
		e.note("%s: left out %s without a record", path, count(bad, "line"))
	}
	for _, line := range lines {
		if p.json {
			p.JSON([]byte(line))
		} else {
			p.Text(line)
		}
	}
	if err := p.Flush(); err != nil {
		return err
	}
	if len(lines) == 0 {
		return exit.New(exit.Negative, "history", "", "nothing was changed from here")
	}
	return nil
}

// picks tells the devices that are meant.
func (o *desiredHistoryOptions) picks(e *env, args []string) (func(string) bool, error) {
	if len(args) == 0 {
		return func(string) bool { return true }, nil
	}
	c, err := e.loadContract(o.contract)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	var filters []topic.Filter
	for _, arg := range args {
		if strings.ContainsAny(arg, "+#") {
			f, err := topic.ParseFilter(arg)
			if err != nil {
				return nil, exit.Wrap(exit.Usage, "device", "", err)
			}
			filters = append(filters, f)
			continue
		}
		d, err := c.Resolve(arg)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "", "", err)
		}
		names[d.Base] = true
	}
	return func(device string) bool {
		for _, f := range filters {
			if f.Match(device) {
				return true
			}
		}
		return names[device]
	}, nil
}

// recordText is a record for people.
func recordText(r twin.Record) string {
	cells := []string{
		r.TS.UTC().Format("2006-01-02T15:04:05Z"), r.Device, r.Action, string(r.Outcome), fmt.Sprintf("rev %d -> %d", r.Before, r.Rev), "by " + r.By,
	}
	for _, c := range r.Changes {
		text := c.Pointer
		if c.From != nil {
			text += " " + string(c.From)
		}
		text += " ->"
		if c.To != nil {
			text += " " + string(c.To)
		}
		cells = append(cells, text)
	}
	for i, cell := range cells {
		cells[i] = words.Printable(cell)
	}
	return strings.Join(cells, "\t") + "\n"
}
