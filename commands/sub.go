package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/sift"
	"github.com/mqx-cli/mqx/internal/topic"
)

type subOptions struct {
	connection config.Connection

	filters     []topic.Filter
	exclude     []topic.Filter
	unsubscribe []topic.Filter
	qos         []byte // none, one for all, or one for each filter
	share       string

	count   int
	timeout time.Duration
	idle    time.Duration
	onlyAck bool

	noRetained        bool
	retainedOnly      bool
	noSentinel        bool // the Server takes none from this user
	removeRetained    bool
	yes               bool
	noLocal           bool
	retainAsPublished bool
	retainHandling    retainHandlingFlag

	verbose   bool
	noNewline bool
	format    string
	path      string
	jq        string
	ready     string
	sifting   siftOptions
	exec      execOptions
	dump      dumpOptions
	report    reportOptions

	deadline time.Time
	counting *reportSink // with --report
}

func newSub(e *env) *cobra.Command {
	o := &subOptions{}
	cmd := &cobra.Command{
		Use:   "sub FILTER...",
		Short: "Subscribe and print messages",
		Long: "Subscribe and print messages until Ctrl-C, or until --count, --timeout, --idle or --retained-only ends it. In a\n" +
			"pipe each payload is followed by a line feed; on a terminal there are time and topic too. Messages of QoS 1 and 2\n" +
			"are acknowledged when they have been written.\n\n" +
			"Status 0: --count messages came, or any before --timeout or --idle; 5: fewer; 4: a filter was refused.",
		Example: "  mqx sub 'acme/+/+/status' -v\n" +
			"  mqx sub -t 'acme/#' --json -W 10\n" +
			"  mqx sub '#' --retained-only -F '%t %l'",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.VarP(filtersFlag{&o.filters}, "topic", "t", "Topic Filter to subscribe to (repeatable; arguments too)")
	fs.Var(filtersFlag{&o.filters}, "filter", "the same as --topic")
	inGroup(fs, groupFilters, "topic", "filter")
	fs.VarP(filtersFlag{&o.exclude}, "filter-out", "T", "Topic Filter of messages not to print (repeatable)")
	fs.VarP(filtersFlag{&o.unsubscribe}, "unsubscribe", "U", "Topic Filter to unsubscribe from first (repeatable)")
	fs.VarP(qosListFlag{&o.qos}, "qos", "q", "highest QoS (default 0); several are for the filters in their order")
	fs.StringVar(&o.share, "share", "", "share the messages with the other subscribers of this group")
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many messages")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "end after this time")
	fs.Var(durationFlag{&o.idle}, "idle", "end when no message came for so long")
	fs.BoolVarP(&o.onlyAck, "exit-after-suback", "E", false, "end when the subscription stands (with -c it lasts)")
	fs.BoolVarP(&o.noRetained, "no-retained", "R", false, "leave out retained messages")
	fs.BoolVar(&o.retainedOnly, "retained-only", false, "only retained messages; end when all have arrived")
	fs.BoolVar(&o.noLocal, "no-local", false, "leave out what this client publishes itself")
	fs.BoolVar(&o.retainAsPublished, "retain-as-published", false, "keep the retain flag of live messages")
	fs.Var(&o.retainHandling, "retain-handling", "send retained messages always, for a new subscription, or never")
	o.addRemoveFlags(cmd)
	o.sifting.addFlags(cmd)
	addSubOutputFlags(cmd, e, o)
	addConnectionFlags(cmd, &o.connection, "subscribe")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func addSubOutputFlags(cmd *cobra.Command, e *env, o *subOptions) {
	fs := cmd.Flags()
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "print the topic before the payload")
	fs.BoolVarP(&o.noNewline, "no-newline", "N", false, "no line feed after the payload")
	fs.StringVarP(&o.format, "format", "F", "", "print each message in mosquitto's format language; json is the same as --json")
	e.addJSONFlag(cmd, "print each message as one JSON object")
	fs.StringVar(&o.path, "path", "", "print one gjson path of each payload")
	fs.StringVar(&o.jq, "jq", "", "print what this jq expression makes of each message, as --json would print it")
	inGroup(fs, groupOutput, "format", "json")
	o.exec.addFlags(cmd)
	o.dump.addFlags(cmd)
	o.report.addFlags(cmd)
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the subscription stands")
}

func (o *subOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	e.keepHeadroom()
	if o.format == "json" { // --format names an output format elsewhere, and a line without a % tells nothing
		o.format, e.json = "", true
	}
	if o.timeout > 0 {
		o.deadline = time.Now().Add(o.timeout)
	}
	sink, err := o.sink(ctx, e, cmd, args)
	if err != nil {
		return err
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	if err := o.addURLTopic(cmd, r.Topic); err != nil {
		return err
	}
	if err := o.checkFilters(cmd); err != nil {
		return err
	}
	requests, cancel := o.untilDeadline(ctx)
	defer cancel()
	if o.removeRetained {
		if err := e.guard(ctx, &o.connection, "clear the retained messages it shows", o.yes); err != nil {
			return err
		}
	}
	open := e.openWatch
	switch {
	case o.retainedOnly:
		open = func(ctx context.Context, options client.Options) (*client.Session, error) {
			return e.openToList(ctx, once(options), &o.noSentinel)
		}
	case o.onlyAck:
		open = e.open
	}
	s, err := open(requests, r.Options)
	if err != nil {
		return o.late(ctx, err, "no connection")
	}
	defer closeSession(ctx, s)
	for _, f := range o.filters {
		e.saw(f.String())
	}
	if o.counting != nil {
		ctx = o.counting.start(ctx, o.title())
	}
	sink = o.removing(ctx, s, sink)
	err = (&subscriber{subOptions: o, env: e, session: s, target: r.Options.Target, printer: sink}).run(ctx)
	return sink.end(e, err)
}

// title names the filters for a table.
func (o *subOptions) title() string {
	all := make([]string, len(o.filters))
	for i, f := range o.filters {
		all[i] = f.String()
	}
	return string(output.AppendEscaped(nil, []byte(strings.Join(all, " "))))
}

// untilDeadline bounds what is asked of the broker by --timeout.
func (o *subOptions) untilDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, o.deadline)
}

// late makes --timeout the reason of err when it has passed.
func (o *subOptions) late(ctx context.Context, err error, missing string) error {
	if err == nil || ctx.Err() != nil || o.deadline.IsZero() || time.Now().Before(o.deadline) {
		return err
	}
	return exit.New(exit.Timeout, "receive", "", fmt.Sprintf("%s within %s (--timeout)", missing, o.timeout))
}

// sink checks the flags and makes what takes the messages.
func (o *subOptions) sink(ctx context.Context, e *env, cmd *cobra.Command, args []string) (subSink, error) {
	for _, arg := range args {
		if err := (filtersFlag{&o.filters}).Set(arg); err != nil {
			return nil, exit.Wrap(exit.Usage, "filter", "", err)
		}
	}
	if err := o.checkFlags(e, cmd); err != nil {
		return nil, err
	}
	if err := o.exec.check(cmd); err != nil {
		return nil, err
	}
	if err := o.dump.check(cmd); err != nil {
		return nil, err
	}
	if err := o.report.check(cmd); err != nil {
		return nil, err
	}
	switch {
	case o.report.on:
		o.counting = o.report.sink(e)
		return o.sifting.sink(cmd, o.counting)
	case o.exec.command != "":
		return o.sifting.sink(cmd, o.exec.sink(ctx, e))
	case o.dump.dir != "":
		sink, err := o.dump.sink(e)
		if err != nil {
			return nil, err
		}
		sifted, err := o.sifting.sink(cmd, sink)
		if d, decodes := sifted.(*decodingSink); decodes {
			sink.came = &d.came
		}
		return sifted, err
	}
	options := output.MessageOptions{
		JSON: e.json, Path: o.path, Topic: o.verbose, NoNewline: o.noNewline, Color: e.color,
	}
	if o.format != "" {
		format, err := output.ParseFormat(o.format)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "--format", "", err)
		}
		options.Format = format
	}
	printing := &printingSink{Messages: output.NewMessages(e.streams, options), path: o.path}
	if o.jq == "" {
		return o.sifting.sink(cmd, printing)
	}
	jq, err := sift.NewJQ(o.jq)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--jq", "", err)
	}
	return o.sifting.sink(cmd, &jqSink{printingSink: printing, jq: jq, asJSON: e.json})
}

// checkFlags checks what flags say together, and notes those that only MQTT 5 can express.
func (o *subOptions) checkFlags(e *env, cmd *cobra.Command) error {
	switch {
	case o.count < 0:
		return usageError(cmd, "--count %d: it cannot be negative", o.count)
	case e.json && o.format != "":
		return usageError(cmd, "--json and --format exclude each other")
	case o.path != "" && o.format != "":
		return usageError(cmd, "--path and --format exclude each other")
	case o.jq != "" && (o.path != "" || o.format != ""):
		return usageError(cmd, "--jq excludes --path and --format")
	case o.retainedOnly && o.noRetained:
		return usageError(cmd, "--retained-only and --no-retained leave nothing")
	case o.removeRetained && o.noRetained:
		return usageError(cmd, "--no-retained leaves --remove-retained nothing")
	case o.retainedOnly && (o.retainAsPublished || o.retainHandling.given):
		return usageError(cmd, "--retained-only sets --retain-as-published and --retain-handling itself")
	case o.retainedOnly && o.onlyAck:
		return usageError(cmd, "--retained-only and --exit-after-suback exclude each other")
	}
	for _, name := range []string{"share", "no-local", "retain-as-published", "retain-handling"} {
		if given(cmd, name) {
			o.connection.NeedsV5 = append(o.connection.NeedsV5, "--"+name)
		}
	}
	return nil
}

// addURLTopic takes the path of the URL as the filter when there is no other.
func (o *subOptions) addURLTopic(cmd *cobra.Command, path string) error {
	if path != "" && len(o.filters) == 0 {
		if err := (filtersFlag{&o.filters}).Set(path); err != nil {
			return exit.Wrap(exit.Usage, "the topic in the URL", "", err)
		}
	}
	if len(o.filters) == 0 && len(o.unsubscribe) == 0 {
		return usageError(cmd, "what to subscribe to? a Topic Filter is needed")
	}
	return nil
}
