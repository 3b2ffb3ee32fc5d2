package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/request"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

type requestOptions struct {
	connection config.Connection

	payloadInput
	topics   []string
	template bool
	qos      byte
	replies  int
	timeout  time.Duration
	response string

	verbose   bool
	noNewline bool
	path      string

	older bool // the connection is older than MQTT 5
}

func newRequest(e *env) *cobra.Command {
	o := &requestOptions{qos: 1, timeout: answerTimeout, replies: 1}
	cmd := &cobra.Command{
		Use:   "request TOPIC -m TEXT | -f FILE | -s | -n",
		Short: "Send a request and print the responses",
		Long: "Publish a request with a Response Topic of its own and Correlation Data, and print the responses; standard error\n" +
			"says how long each took. What is retained, and responses to other requests, are ignored.\n\n" +
			"MQTT 3.1.1 has no Response Topic: --response-topic says where the other side answers, and whatever comes there after\n" +
			"the request is a response.\n\n" +
			"Status 0: all --replies came; 5: fewer; 7: a response has the User Property error, or error in its JSON; 4: the broker\n" +
			"refused the request or the subscription.",
		Example: "  mqx request acme/lyon/cr-001/get -m '{\"key\":\"temp\"}'\n" +
			"  mqx request acme/who -n --replies 0 -W 2 -v",
		Args:        cobra.ArbitraryArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.VarP(topicsFlag{&o.topics}, "topic", "t", "topic of the request (an argument too)")
	o.addPayloadFlags(fs)
	inGroup(fs, groupPayload, "message", "file", "stdin", "empty")
	fs.BoolVar(&o.template, "template", false, "fill in {{now}}, {{uuid}}, {{rand 1 10}}, … in the payload, as mqx pub does")
	fs.VarP(qosFlag{&o.qos}, "qos", "q", "QoS of the request")
	fs.IntVar(&o.replies, "replies", 1, "end after so many responses; 0 takes all that come before --timeout")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "longest time for it all, the responses included")
	fs.StringVar(&o.response, "response-topic", "", "where responses come (default: a topic of its own, which needs MQTT 5)")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "print the topic before the payload")
	fs.BoolVarP(&o.noNewline, "no-newline", "N", false, "no line feed after the payload")
	e.addJSONFlag(cmd, "print each response as one JSON object, with rtt_ms")
	fs.StringVar(&o.path, "path", "", "print one gjson path of each payload")
	addConnectionFlags(cmd, &o.connection, "publish")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *requestOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	deadline := time.Now().Add(o.timeout)
	args = slices.Concat(o.topics, args)
	if err := o.checkFlags(cmd, args); err != nil {
		return err
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	if len(args) == 0 && r.Topic != "" {
		args = []string{r.Topic}
	}
	if len(args) == 0 {
		return usageError(cmd, "where to? a topic is needed")
	}
	if _, err := topic.ParseName(args[0]); err != nil {
		return exit.Wrap(exit.Usage, "topic", "", err)
	}
	body, err := o.body(ctx, e)
	if err != nil {
		return err
	}
	r.Options.ConnectTimeout = min(r.Options.ConnectTimeout, max(time.Until(deadline), time.Millisecond))
	s, err := e.open(ctx, r.Options)
	if err != nil {
		return err
	}
	defer closeSession(ctx, s)
	e.saw(args[0])
	o.older = s.Caps().Version != wire.V5
	ctx, cancel := output.UntilClosed(ctx, e.streams.Out)
	defer cancel()
	p := newResponsePrinter(e, o)
	outcome, err := request.Do(ctx, s, request.Request{
		Message: message.Message{
			Topic: args[0], Payload: body, QoS: o.level(cmd, s.Caps()), Properties: o.connection.Properties.Publish,
		},
		ResponseTopic: o.response, Replies: o.replies, Deadline: deadline, Subscribe: o.connection.Properties.Subscribe,
	}, p.print)
	if o.connection.Resume { // the next request has another topic
		o.forget(ctx, s, outcome.ResponseTopic)
	}
	return o.result(ctx, r.Options.Target, outcome, p, err)
}

// level is the QoS of the request: without --qos no more than the Server takes.
func (o *requestOptions) level(cmd *cobra.Command, c client.Caps) byte {
	if given(cmd, "qos") {
		return o.qos
	}
	return min(o.qos, c.MaximumQoS)
}

// forget leaves no subscription behind in a Session that lasts.
func (o *requestOptions) forget(ctx context.Context, s *client.Session, filter string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if filter != "" {
		_, _ = s.Unsubscribe(ctx, filter) // the responses count
	}
}

func (o *requestOptions) checkFlags(cmd *cobra.Command, args []string) error {
	modes := chosen(cmd, "message", "file", "stdin", "empty")
	switch {
	case len(args) > 1:
		return usageError(cmd, "one topic is needed, not %d", len(args))
	case len(modes) == 0:
		return usageError(cmd, "what is the request? one of -m, -f, -s and -n is needed")
	case len(modes) > 1:
		return usageError(cmd, "%s and %s exclude each other", modes[0], modes[1])
	case o.replies < 0:
		return usageError(cmd, "--replies cannot be negative")
	case o.timeout <= 0:
		return usageError(cmd, "--timeout must be more than 0")
	}
	return checkResponseTopic(cmd, o.response)
}

func checkResponseTopic(cmd *cobra.Command, name string) error {
	if !given(cmd, "response-topic") {
		return nil
	}
	if _, err := topic.ParseName(name); err != nil {
		return exit.Wrap(exit.Usage, "--response-topic", "", err)
	}
	return nil
}

// body is the payload of the request.
func (o *requestOptions) body(ctx context.Context, e *env) ([]byte, error) {
	b, err := o.read(ctx, e)
	if err != nil || !o.template {
		return b, err
	}
	t := &filler{getenv: e.lookup}
	if err := t.check(nil, b); err != nil {
		return nil, err
	}
	m := message.Message{Payload: b}
	err = t.fill(&m, 1)
	return m.Payload, err
}

// result turns what became of the request into the error of the command.
func (o *requestOptions) result(ctx context.Context, t link.Target, r request.Outcome, p *responsePrinter, err error) error {
	var cause *exit.Error
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case err == nil && r.Failed > 0:
		return p.failure(r)
	case err == nil:
		return nil
	case errors.Is(err, exit.ErrOutputClosed):
		return exit.ErrOutputClosed
	case errors.Is(err, request.ErrNoResponseTopic):
		return exit.Wrap(exit.Usage, "request", "", err).Hint("--response-topic says where the other side answers")
	case errors.Is(err, request.ErrTooFew), errors.Is(err, client.ErrNoAnswer):
		return o.late(r)
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", count(r.Responses, "response")+" received")
	case refused:
		return requestError("request", err)
	case errors.Is(err, client.ErrConnectionLost):
		return lostError("request from", t, err, count(r.Responses, "response")+" received")
	default:
		return exit.Wrap(exit.Usage, "request", "", err)
	}
}

// late says what is known about the responses that are missing.
func (o *requestOptions) late(r request.Outcome) error {
	why := "no response in " + o.timeout.String()
	if r.Responses > 0 {
		why = fmt.Sprintf("%d of %d responses in %s", r.Responses, o.replies, o.timeout)
	}
	switch {
	case r.Unheard:
		why += ", and nobody is subscribed to the topic of the request"
	case !r.Acknowledged:
		why += ", and the broker has not acknowledged the request"
	}
	e := exit.New(exit.Timeout, "request", "", why)
	switch {
	case r.Foreign > 0:
		return e.Hint(count(r.Foreign, "response") + " to other requests ignored")
	case r.Uncorrelated > 0:
		return e.Hint(count(r.Uncorrelated, "response") + " without Correlation Data ignored; -V 3.1.1 does without")
	case r.Stale > 0:
		return e.Hint(count(r.Stale, "response") + " from before the request ignored")
	case o.older && r.Responses == 0:
		return e.Hint("below MQTT 5 a broker cannot say that it has refused the request")
	default:
		return e
	}
}

// responsePrinter prints responses.
type responsePrinter struct {
	env      *env
	messages *output.Messages
	lines    *output.Lines
	shown    int
	firstWhy string
}

func newResponsePrinter(e *env, o *requestOptions) *responsePrinter {
	return &responsePrinter{
		env: e, lines: output.NewLines(e.streams),
		messages: output.NewMessages(e.streams, output.MessageOptions{Path: o.path, Topic: o.verbose, NoNewline: o.noNewline, Color: e.color}),
	}
}

// print prints a response, and how long it took on standard error.
func (p *responsePrinter) print(r request.Response) error {
	p.shown++
	if r.Failed && p.firstWhy == "" {
		p.firstWhy = r.Why
	}
	if p.env.json {
		text := message.AppendJSON(nil, r.Message)
		text = append(text[:len(text)-1], `,"rtt_ms":`...)
		text = strconv.AppendFloat(text, float64(r.Took.Microseconds())/1000, 'f', -1, 64)
		p.lines.JSON(append(text, '}'))
		if err := p.lines.Flush(); err != nil {
			return err
		}
	} else {
		if _, err := p.messages.Message(r.Message); err != nil {
			return err
		}
		if err := p.messages.Flush(); err != nil {
			return err
		}
	}
	p.env.note("response %d after %s", p.shown, r.Took.Round(10*time.Microsecond))
	return nil
}

// failure is a response that tells of an error.
func (p *responsePrinter) failure(r request.Outcome) error {
	why := "the response says that it failed"
	if r.Responses > 1 {
		why = fmt.Sprintf("%d of %d responses say that it failed", r.Failed, r.Responses)
	}
	if p.firstWhy != "" {
		why += ": " + p.firstWhy
	}
	return exit.New(exit.Rejected, "request", "", why)
}
