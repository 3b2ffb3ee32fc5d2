package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
)

// allQoS asks for each message at the QoS it has.
const allQoS = 2

type retainedLsOptions struct {
	retainedOptions
	selection

	qos  byte
	tree bool
	sort sortFlag
}

func newRetainedLs(e *env) *cobra.Command {
	o := &retainedLsOptions{qos: allQoS}
	cmd := &cobra.Command{
		Use:   "ls [FILTER]...",
		Short: "List retained messages",
		Long: "List retained messages: topic, size, QoS, age by the payload's \"ts\", and payload. In a pipe the columns are separated\n" +
			"by tabs and the age is in seconds. Without a filter it is #. Memory stays small unless --sort or --tree asks for\n" +
			"an order.\n\n" +
			"Status 0: complete, also when there is nothing; 5: there may be more.",
		Example:     "  mqx retained ls 'acme/+/+/status'\n  mqx retained ls --tree\n  mqx retained ls '#' --older-than 24h --sort age",
		Annotations: readOnly(),
	}
	o.addFilterFlag(cmd)
	o.selection.addFlags(cmd)
	fs := cmd.Flags()
	fs.VarP(qosFlag{&o.qos}, "qos", "q", "highest QoS to ask for; 0 is the fastest and takes the least memory")
	fs.BoolVar(&o.tree, "tree", false, "show the levels of the topics as a tree")
	fs.Var(&o.sort, "sort", "sort by topic, size (largest first) or age (oldest first)")
	e.addJSONFlag(cmd, "print each message as one JSON object")
	inGroup(fs, groupOutput, "tree", "json")
	o.retainedOptions.addFlags(cmd)
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *retainedLsOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if o.tree && e.json {
		return usageError(cmd, "--tree and --json exclude each other")
	}
	now := time.Now()
	selector, err := o.selector(now)
	if err != nil {
		return err
	}
	printer := output.NewListing(e.streams, output.ListingOptions{JSON: e.json, Tree: o.tree, Sort: string(o.sort), Now: now, Color: e.color})
	shown, err := o.list(ctx, e, cmd, args, &selectingSink{listingPrinter: printer, selector: selector, saw: e.saw})
	if err == nil && shown == 0 {
		e.note("saw no retained message; a broker may hide them from this user, and some (RabbitMQ) send none to wildcards")
	}
	return err
}

// list connects and lists into sink.
func (o *retainedLsOptions) list(ctx context.Context, e *env, cmd *cobra.Command, args []string, sink *selectingSink) (int, error) {
	if err := o.addFilters(args); err != nil {
		return 0, err
	}
	s, err := o.connect(ctx, e, cmd)
	if err != nil {
		return 0, err
	}
	defer s.close(ctx)
	o.defaultFilter()
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	_, err = s.list(ctx, sink, o.qos)
	e.reportWhere(sink.selector.Where)
	return sink.shown, err
}

// defaultFilter is # where no filter was given.
func (o *retainedOptions) defaultFilter() {
	if len(o.filters) == 0 {
		all, err := topic.ParseFilter("#")
		if err == nil {
			o.filters = []topic.Filter{all}
		}
	}
}

// listingPrinter is what retained messages are shown with.
type listingPrinter interface {
	retained.Sink
	Close() error
}

// selectingSink shows the messages that a selector picks.
type selectingSink struct {
	listingPrinter

	selector retained.Selector
	saw      func(names ...string)
	shown    int
}

// Message shows m if it is picked.
func (s *selectingSink) Message(m message.Message) (bool, error) {
	if !s.selector.Selects(m) {
		return false, nil
	}
	s.shown++
	s.saw(m.Topic)
	return s.listingPrinter.Message(m)
}

// Finish shows the rest.
func (s *selectingSink) Finish(bool) error { return s.Close() }

// sortFlag takes a column to sort by.
type sortFlag string

// Set parses a column.
func (f *sortFlag) Set(s string) error {
	if err := oneOf(s, "topic", "size", "age"); err != nil {
		return err
	}
	*f = sortFlag(s)
	return nil
}

// String returns the column.
func (f *sortFlag) String() string { return string(*f) }

// Type names the value in help.
func (*sortFlag) Type() string { return "topic|size|age" }
