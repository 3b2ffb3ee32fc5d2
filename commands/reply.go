package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/hook"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/request"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

type replyOptions struct {
	connection config.Connection

	payloadInput
	filters  []topic.Filter
	echo     bool
	exec     string
	atOnce   int
	execTime time.Duration

	qos      byte
	response string
	count    int
	timeout  time.Duration
	verbose  bool
	ready    string

	template *publish.Template
}

func newReply(e *env) *cobra.Command {
	o := &replyOptions{qos: 1, atOnce: 4, execTime: 30 * time.Second}
	cmd := &cobra.Command{
		Use:   "reply FILTER... -m TEMPLATE | -f FILE | -s | -n | --echo | --exec CMD",
		Short: "Answer requests",
		Long: "Answer each request on its Response Topic, with its Correlation Data and at its QoS, and print the requests that were\n" +
			"answered. The answer is a template as for mqx pub --template, the request's own payload with --echo, or what a command\n" +
			"prints with --exec: it gets the payload on its standard input and MQX_TOPIC, MQX_RESPONSE_TOPIC, MQX_CONTENT_TYPE and\n" +
			"MQX_QOS. When it fails, the response has the User Property error. Messages that name no Response Topic are listed and\n" +
			"left alone; what is retained is ignored.\n\n" +
			"MQTT 3.1.1 has no Response Topic: --response-topic says where all responses go.\n\n" +
			"Status 130 after Ctrl-C; 0 after --count, and after --timeout when there was a request; 5 when there was none.",
		Example: "  mqx reply acme/echo --echo\n" +
			"  mqx reply 'acme/+/+/get' --exec 'jq -c \"{id: .id, now: now}\"' --exec-parallel 8",
		Args:        cobra.ArbitraryArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.VarP(filtersFlag{&o.filters}, "topic", "t", "Topic Filter of requests (repeatable; arguments too)")
	fs.Var(filtersFlag{&o.filters}, "filter", "the same as --topic")
	inGroup(fs, groupFilters, "topic", "filter")
	o.addPayloadFlags(fs)
	fs.BoolVar(&o.echo, "echo", false, "answer with the payload of the request")
	fs.StringVar(&o.exec, "exec", "", "answer with what this shell command prints")
	inGroup(fs, groupPayload, "message", "file", "stdin", "empty", "echo", "exec")
	fs.IntVar(&o.atOnce, "exec-parallel", 4, "how many of these run at once; with 1 the responses keep the order of the requests")
	fs.Var(durationFlag{&o.execTime}, "exec-timeout", "longest time for one of them")
	fs.VarP(qosFlag{&o.qos}, "qos", "q", "highest QoS of requests and their responses")
	fs.StringVar(&o.response, "response-topic", "", "where responses go to requests that do not say it")
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many requests")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "end after this time")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "print the topic before the payload")
	e.addJSONFlag(cmd, "print each request as one JSON object")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the subscription stands")
	addConnectionFlags(cmd, &o.connection, "publish")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

// errReplyOver ends a reply well: --timeout has passed.
var errReplyOver = errors.New("the time is over")

func (o *replyOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if err := (filtersFlag{&o.filters}).Set(arg); err != nil {
			return exit.Wrap(exit.Usage, "filter", "", err)
		}
	}
	if err := o.checkFlags(cmd); err != nil {
		return err
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	if err := o.checkFilters(cmd, r.Topic); err != nil {
		return err
	}
	if err := o.prepare(ctx, e); err != nil {
		return err
	}
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	if o.timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, o.timeout, errReplyOver)
		defer stop()
	}
	s, err := e.openWatch(ctx, r.Options)
	if err != nil {
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, exit.ErrOutputClosed):
			return exit.ErrOutputClosed
		case errors.Is(cause, errReplyOver):
			return exit.New(exit.Timeout, "reply", "", "no connection within "+o.timeout.String()+" (--timeout)")
		}
		return err
	}
	defer closeSession(ctx, s)
	for _, f := range o.filters {
		e.saw(f.String())
	}
	tally, err := request.Serve(ctx, s, o.service(e))
	return o.result(ctx, r.Options.Target, tally, err)
}

func (o *replyOptions) checkFlags(cmd *cobra.Command) error {
	modes := chosen(cmd, "message", "file", "stdin", "empty", "echo", "exec")
	switch {
	case len(modes) == 0:
		return usageError(cmd, "what is the answer? one of -m, -f, -s, -n, --echo and --exec is needed")
	case len(modes) > 1:
		return usageError(cmd, "%s exclude each other", strings.Join(modes, " and "))
	case given(cmd, "exec") && o.exec == "":
		return usageError(cmd, "--exec needs a command")
	case o.count < 0:
		return usageError(cmd, "--count cannot be negative")
	case o.atOnce < 1 || o.execTime <= 0:
		return usageError(cmd, "--exec-parallel must be 1 at least, and --exec-timeout more than 0")
	case given(cmd, "timeout") && o.timeout <= 0:
		return usageError(cmd, "--timeout must be more than 0")
	}
	return checkResponseTopic(cmd, o.response)
}

// checkFilters checks that there is something to answer, and that the answers are no requests themselves.
func (o *replyOptions) checkFilters(cmd *cobra.Command, fromURL string) error {
	if fromURL != "" && len(o.filters) == 0 {
		if err := (filtersFlag{&o.filters}).Set(fromURL); err != nil {
			return exit.Wrap(exit.Usage, "the topic in the URL", "", err)
		}
	}
	if len(o.filters) == 0 {
		return usageError(cmd, "what to answer? a Topic Filter is needed")
	}
	for _, f := range o.filters {
		if o.response != "" && f.Match(o.response) {
			return usageError(cmd, "--response-topic %s matches %s: each response would be a request again", o.response, f)
		}
	}
	return nil
}

// prepare reads the answer, before anything is connected.
func (o *replyOptions) prepare(ctx context.Context, e *env) error {
	if o.echo || o.exec != "" {
		return nil
	}
	text, err := o.read(ctx, e)
	if err != nil {
		return err
	}
	if o.template, err = publish.ParseTemplate(string(text), e.lookup); err != nil {
		return exit.Wrap(exit.Usage, "payload", "", err)
	}
	return nil
}

func (o *replyOptions) service(e *env) request.Service {
	messages := output.NewMessages(e.streams, output.MessageOptions{JSON: e.json, Topic: o.verbose, Color: e.color})
	s := request.Service{
		Filters: o.filters, QoS: o.qos, ResponseTopic: o.response, AtOnce: 1, Count: o.count,
		Properties: o.connection.Properties.Publish, Subscribe: o.connection.Properties.Subscribe,
		Ready: func() error { return readyFile(o.ready, "") },
		Report: func(m message.Message, failed, err error) error {
			switch {
			case err != nil:
				e.note("warning: request on %s not answered: %v", m.Topic, err)
				return nil
			case failed != nil:
				e.note("warning: request on %s answered with an error: %v", m.Topic, failed)
			}
			if _, err := messages.Message(m); err != nil {
				return err
			}
			return messages.Flush()
		},
	}
	switch {
	case o.echo:
		s.Answer = func(_ context.Context, m message.Message, _ int) ([]byte, error) { return m.Payload, nil }
	case o.exec != "":
		s.Answer, s.AtOnce = o.executing(e), o.atOnce
	default:
		s.Answer = func(_ context.Context, _ message.Message, n int) ([]byte, error) {
			return o.template.Append(nil, &publish.Filling{Seq: n, Now: time.Now()}), nil
		}
	}
	return s
}

// executing runs the command of --exec.
func (o *replyOptions) executing(e *env) func(context.Context, message.Message, int) ([]byte, error) {
	stderr := &lockedWriter{w: e.streams.Err}
	return func(ctx context.Context, m message.Message, _ int) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, o.execTime)
		defer cancel()
		to, contentType := o.response, ""
		if p := m.Properties; p != nil {
			contentType = p.ContentType
			if p.Has(wire.PropResponseTopic) {
				to = p.ResponseTopic
			}
		}
		return hook.Answer(ctx, o.exec, hook.Event{
			Subject: m.Topic, Input: m.Payload,
			Env: []string{
				"MQX_TOPIC=" + m.Topic, "MQX_RESPONSE_TOPIC=" + to, "MQX_CONTENT_TYPE=" + contentType, fmt.Sprintf("MQX_QOS=%d", m.QoS),
			},
		}, stderr, wire.MaxRemainingLength)
	}
}

// result turns what became of the requests into the error of the command.
func (o *replyOptions) result(ctx context.Context, t link.Target, n request.Tally, err error) error {
	var cause *exit.Error
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case err == nil, errors.Is(err, errReplyOver):
		return o.ended(n)
	case errors.Is(err, exit.ErrOutputClosed):
		return exit.ErrOutputClosed
	case errors.Is(err, request.ErrNoResponseTopic):
		return exit.Wrap(exit.Usage, "reply", "", err).Hint("--response-topic says where responses go")
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", tallyText(n))
	case refused, errors.Is(err, client.ErrNoAnswer):
		return requestError("subscribe", err)
	case errors.Is(err, client.ErrConnectionLost):
		return lostError("reply at", t, err, tallyText(n))
	default:
		return err
	}
}

// ended is the end by --count or --timeout.
func (o *replyOptions) ended(n request.Tally) error {
	switch all := n.Answered + n.Refused; {
	case o.count > 0 && all < o.count || all == 0:
		return exit.New(exit.Timeout, "reply", "", tallyText(n)+" within "+o.timeout.String()+" (--timeout)")
	case n.Answered == 0:
		return exit.New(exit.Refused, "reply", "", tallyText(n))
	case n.Refused > 0:
		return exit.New(exit.Partial, "reply", "", tallyText(n))
	default:
		return nil
	}
}

// tallyText says how many requests there were.
func tallyText(n request.Tally) string {
	parts := []string{count(n.Answered, "request") + " answered"}
	for _, part := range []struct {
		n    int
		what string
	}{{n.Failed, "of them with an error"}, {n.Nowhere, "without a good Response Topic"}, {n.Refused, "whose response was not taken"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}
