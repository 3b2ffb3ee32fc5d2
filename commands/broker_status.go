package commands

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/retained"
)

const (
	// statusFilter is where brokers say how they are.
	statusFilter = "$SYS/#"
	// statusPrefix is left out of the names.
	statusPrefix = "$SYS/broker/"
)

type brokerStatusOptions struct {
	retainedOptions

	load bool
}

func newBrokerStatus(e *env) *cobra.Command {
	o := &brokerStatusOptions{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a broker says about itself",
		Long: "Show what a broker says about itself in its $SYS topics: clients, messages, bytes, what it has dropped. It works with\n" +
			"mqx broker, Mosquitto and others who publish $SYS. The numbers are as old as the broker's interval, 10 s as a rule.\n\n" +
			"Status 1: the broker shows nothing to this user.",
		Example:     "  mqx broker status\n  mqx broker status -h test.mosquitto.org --json",
		Args:        noArgs,
		Annotations: readOnly(),
	}
	cmd.Flags().BoolVar(&o.load, "load", false, "show the averages over 1, 5 and 15 minutes as well")
	e.addJSONFlag(cmd, "print one JSON object, topics without $SYS/broker/ as names and numbers as numbers")
	o.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, _ []string) error { return o.run(ctx, e, cmd) })
	return cmd
}

func (o *brokerStatusOptions) run(ctx context.Context, e *env, cmd *cobra.Command) error {
	if err := o.addFilters([]string{statusFilter}); err != nil {
		return err
	}
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	var facts statusFacts
	listing, err := s.list(ctx, retained.SinkFunc(facts.add), 0)
	switch {
	case err != nil:
		return err
	case listing.Messages == 0:
		return exit.New(exit.Negative, "status", statusFilter, "nothing is retained there").
			Hint("the broker publishes no $SYS, or not to this user")
	}
	facts.sort()
	if e.json {
		lines := output.NewLines(e.streams)
		lines.JSON(facts.object())
		return lines.Flush()
	}
	rows := output.NewRows(e.streams, e.color, "what", "value")
	for _, f := range facts {
		if o.load || !strings.HasPrefix(f.name, "load/") {
			rows.Row(output.Cell{Text: f.name}, output.Cell{Text: f.value})
		}
	}
	return rows.Flush()
}

// statusFact is one $SYS topic.
type statusFact struct{ name, value string }

// statusFacts collects retained $SYS messages.
type statusFacts []statusFact

// add takes in one topic.
func (f *statusFacts) add(m message.Message) error {
	*f = append(*f, statusFact{strings.TrimPrefix(m.Topic, statusPrefix), string(m.Payload)})
	return nil
}

// sort puts the version and the time first, and the rest in order.
func (f *statusFacts) sort() {
	rank := func(name string) int {
		i := slices.Index([]string{"version", "timestamp", "uptime"}, name)
		if i < 0 {
			return 3
		}
		return i
	}
	slices.SortFunc(*f, func(a, b statusFact) int {
		if d := rank(a.name) - rank(b.name); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
}

// object is f as a JSON object in the same order.
func (f *statusFacts) object() json.RawMessage {
	b := []byte{'{'}
	for i, fact := range *f {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSON(b, fact.name), ':')
		if _, err := strconv.ParseFloat(fact.value, 64); err == nil && json.Valid([]byte(fact.value)) {
			b = append(b, fact.value...)
		} else {
			b = appendJSON(b, fact.value)
		}
	}
	return append(b, '}')
}

// appendJSON appends a JSON string.
func appendJSON(b []byte, text string) []byte {
	encoded, err := json.Marshal(text)
	if err != nil { // no string is beyond JSON
		return b
	}
	return append(b, encoded...)
}
