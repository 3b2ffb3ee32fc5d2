package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/topic"
)

// holdSession is how long the broker is asked to keep the session over an outage, so that QoS 2 stays exactly once.
const holdSession = 5 * time.Minute

type pubOptions struct {
	connection config.Connection

	topics []string
	payloadInput
	lines bool
	load  string

	qos     byte
	retain  bool
	repeat  int
	delay   time.Duration
	timeout time.Duration
	rate    float64
	ready   string
	yes     bool

	pubChanges
	pubQueue
	flushes bool // nothing but what is in the queue

	failure error // why the broker refused a single message
	kept    error // why the first message was kept back before
}

func newPub(e *env) *cobra.Command {
	o := &pubOptions{timeout: ackTimeout}
	cmd := &cobra.Command{
		Use:   "pub [-t TOPIC]... -m TEXT | -f FILE | -s | -l | -n | --json | --from-dump DIR",
		Short: "Publish messages",
		Long: "Publish messages. At QoS 1 and 2 the broker has confirmed every message when mqx ends with status 0; at QoS 0 they\n" +
			"were handed to the network. MQTT 3.1.1 brokers cannot say that they refuse a message.\n\n" +
			"A refused message is status 4; with -l, --json and --from-dump, where the stream goes on, failed messages are listed\n" +
			"and the status is 9, or 10 when no line was a message. A broker that is there and acknowledges nothing is status 5.\n\n" +
			"--template fills in {{seq}}, {{now}}, {{unix}}, {{unix_ms}}, {{uuid}}, {{rand 1 10}} and {{env \"X\"}}, in topics and\n" +
			"payloads. --lint checks each message against the contract file before it is sent; with --lint error one that has an\n" +
			"error is kept back: status 1, or 9 when others were sent.\n\n" +
			"--queue keeps messages (QoS 1 unless -q 2) in a folder until the broker has acknowledged them, over crashes and reboots.\n" +
			"A broker that is down at the end is status 3; the next mqx pub --queue sends what is kept first.",
		Example: "  mqx pub -t acme/s1/d42/status -m online -q 1 -r\n" +
			"  mqx pub -t log -l < lines.txt\n" +
			"  mqx pub -t 'acme/s1/d{{rand 1 9}}/temp' -m '{\"v\":{{rand 18.0 26.0}}}' --template --repeat 100 --rate 10/s\n" +
			"  mqx sub 'acme/#' --json | mqx pub --json -h other",
		Args:        noArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.VarP(topicsFlag{&o.topics}, "topic", "t", "topic to publish to (repeatable)")
	o.addPayloadFlags(fs)
	fs.BoolVarP(&o.lines, "lines", "l", false, "each line of standard input is a payload, published as it comes")
	e.addJSONFlag(cmd, "each line of standard input is a message in JSON; flags hold for what it does not say")
	fs.StringVar(&o.load, "from-dump", "", "publish what sub --dump has kept below this folder; flags hold for files with nothing beside them")
	inGroup(fs, groupPayload, "message", "file", "stdin", "lines", "empty", "json", "from-dump")
	fs.VarP(qosFlag{&o.qos}, "qos", "q", "QoS")
	fs.BoolVarP(&o.retain, "retain", "r", false, "retain the message")
	fs.IntVar(&o.repeat, "repeat", 1, "publish the message so many times")
	fs.Var(durationFlag{&o.delay}, "repeat-delay", "pause between repetitions")
	fs.Var(rateFlag{&o.rate}, "rate", "most messages in a time, like 100/s or 10/m")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "longest time in which a broker that is there may acknowledge nothing, 0 for ever")
	o.pubChanges.addFlags(cmd)
	o.pubQueue.addFlags(cmd)
	fs.StringVar(&o.ready, "ready-file", "", "create this file when connected, with --queue when messages are taken")
	fs.BoolVar(&o.yes, "yes", false, "do not ask, with --json and --from-dump in a guarded context")
	addConnectionFlags(cmd, &o.connection, "publish")
	cmd.RunE = e.run(func(ctx context.Context, _ []string) error { return o.run(ctx, e, cmd) })
	return cmd
}

func (o *pubOptions) run(ctx context.Context, e *env, cmd *cobra.Command) error {
	e.keepHeadroom()
	if err := o.checkFlags(e, cmd); err != nil {
		return err
	}
	if err := o.guard(ctx, e); err != nil {
		return err
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	if err := o.addURLTopic(cmd, r.Topic, e.json || o.load != "" || o.flushes); err != nil {
		return err
	}
	first, err := o.payload(ctx, e)
	if err != nil {
		return err
	}
	steps, err := o.prepare(e, first)
	if err != nil {
		return err
	}
	source, closeSource, err := o.source(e, first)
	if err != nil {
		return err
	}
	defer closeSource()
	r.Options.AckTimeout = o.timeout
	if o.queueDir != "" {
		return o.runQueued(ctx, e, r, source, steps)
	}
	r.Options.TopicAliases = o.many(e)
	r.Options.Retry.HoldSession = holdSession
	s, err := e.openLasting(ctx, r.Options)
	if err != nil {
		return err
	}
	defer closeSession(ctx, s)
	if err := readyFile(o.ready, ""); err != nil {
		return err
	}
	e.saw(o.topics...)
	summary, err := publish.Run(ctx, s, source, publish.Options{
		Topics: o.topics, Steps: steps, Rate: o.rate,
		Report: o.reporter(e),
	})
	o.linter.summarise()
	if said := lastWord(ctx, s); err == nil && summary.Unconfirmed > 0 {
		err = said
	}
	return o.outcome(ctx, e, r.Options.Target, summary, err)
}

// prepare returns the steps that messages go through, and fails where a single one would not come out of them.
func (o *pubOptions) prepare(e *env, payload []byte) ([]publish.Step, error) {
	steps, err := o.steps(e, o.topics, payload)
	if err != nil || o.bulk(e) || o.flushes {
		return steps, err
	}
	if o.kept = o.preflight(o.topics, o.defaults(payload)); o.kept != nil {
		return nil, o.keptError(e, len(o.topics))
	}
	return steps, nil
}

// bulk is a stream of messages, which goes on when one of them fails.
func (o *pubOptions) bulk(e *env) bool { return o.lines || e.json || o.load != "" }

// guard asks before each message may retain something elsewhere.
func (o *pubOptions) guard(ctx context.Context, e *env) error {
	switch {
	case e.json:
		return e.guard(ctx, &o.connection, "publish all of standard input", o.yes)
	case o.load != "":
		return e.guard(ctx, &o.connection, "publish all below "+o.load, o.yes)
	default:
		return nil
	}
}

// many is more than one message, which may well have one topic.
func (o *pubOptions) many(e *env) bool { return o.bulk(e) || o.repeat > 1 }

// checkFlags checks what flags say together.
func (o *pubOptions) checkFlags(e *env, cmd *cobra.Command) error {
	modes := chosen(cmd, "message", "file", "stdin", "lines", "empty", "json", "from-dump")
	o.flushes = o.queueDir != "" && len(modes) == 0 && len(o.topics) == 0
	switch {
	case o.flushes:
	case len(modes) == 0:
		return usageError(cmd, "what is to be published? one of -m, -f, -s, -l, -n, --json and --from-dump is needed")
	case len(modes) > 1:
		return usageError(cmd, "%s exclude each other", strings.Join(modes, " and "))
	case o.repeat < 1:
		return usageError(cmd, "--repeat %d: at least 1 is expected", o.repeat)
	case o.bulk(e) && (given(cmd, "repeat") || given(cmd, "repeat-delay")):
		return usageError(cmd, "--repeat is for one message, not for %s", modes[0])
	case o.load != "" && len(o.topics) > 0:
		return usageError(cmd, "--from-dump has its topics from the files; --remap moves them")
	case given(cmd, "from-dump") && o.load == "":
		return usageError(cmd, "--from-dump needs a folder")
	case e.json && len(o.topics) > 1:
		return usageError(cmd, "with --json one --topic can be the default, not %d", len(o.topics))
	}
	return o.checkQueue(cmd)
}

// addURLTopic takes the path of the URL as the topic when there is no --topic.
func (o *pubOptions) addURLTopic(cmd *cobra.Command, path string, optional bool) error {
	if path != "" && len(o.topics) == 0 {
		if _, err := topic.ParseName(path); err != nil {
			return exit.Wrap(exit.Usage, "the topic in the URL", "", err)
		}
		o.topics = []string{path}
	}
	if len(o.topics) == 0 && !optional {
		return usageError(cmd, "where to? --topic is needed")
	}
	return nil
}

// reporter lists the messages that failed in a stream; a single message's failure is the error of the command. Of a message to
// several topics the first failure is that, and those of other topics are listed.
func (o *pubOptions) reporter(e *env) func(error) {
	return func(err error) {
		_, ok := errors.AsType[*publish.HeldError](err)
		if ok && o.kept == nil {
			o.kept = err
		}
		switch {
		case o.bulk(e):
			e.note("%s", err)
		case !ok && o.failure == nil:
			o.failure = err
		case !ok && o.repeat == 1:
			e.note("publish: %s", err)
		}
	}
}

// outcome turns what became of the messages into the error of the command.
func (o *pubOptions) outcome(ctx context.Context, e *env, t link.Target, s publish.Summary, err error) error {
	switch {
	case !o.bulk(e) && o.failure != nil: // which may also be why the connection was lost
		return requestError("publish", o.failure)
	case err != nil:
		return o.endedEarly(ctx, t, s, err)
	case s.Failed() == 0:
		return nil
	case s.Held == s.Total():
		return o.keptError(e, s.Held)
	case s.BadLines+s.Held == s.Total():
		if o.load != "" {
			return exit.New(exit.BadData, "publish", "", "no file was a message")
		}
		return exit.New(exit.BadData, "publish", "", "no line was a message that can be sent")
	}
	if !o.bulk(e) {
		e.note("%s", o.kept)
	}
	return exit.New(exit.Partial, "publish", "", fmt.Sprintf("%d of %d messages failed", s.Failed(), max(s.Total(), s.Failed())))
}

// keptError is why nothing was sent: what the linter found is an answer, and a payload that cannot be encoded bad data.
func (o *pubOptions) keptError(e *env, n int) error {
	code, why, hint := exit.BadData, o.kept, ""
	if found, ok := errors.AsType[*lintedError](why); ok {
		code, hint = exit.Negative, found.hint()
	}
	if o.bulk(e) { // each was listed
		return exit.New(code, "publish", "", "nothing was sent: "+messages(n)+" kept back").Hint(hint)
	}
	return exit.Wrap(code, "publish", "", why).Hint(hint)
}

// endedEarly is an interruption, a lost connection or unreadable input.
func (o *pubOptions) endedEarly(ctx context.Context, t link.Target, s publish.Summary, err error) error {
	counts := messages(s.Sent) + " sent"
	if o.qos > 0 || s.Unacknowledged > 0 {
		counts += fmt.Sprintf(", %d not acknowledged", s.Unacknowledged)
	}
	if cause, ok := errors.AsType[*exit.Error](context.Cause(ctx)); ok {
		return exit.New(cause.Code, cause.What, "", counts)
	}
	if errors.Is(err, client.ErrUnacknowledged) {
		counts += "; --timeout waits longer"
	}
	if errors.Is(err, client.ErrConnectionLost) {
		return lostError("publish to", t, err, counts)
	}
	return exit.Wrap(exit.Usage, "publish", "", err).Hint(counts)
}

// rateFlag takes a number of messages in a time: 100, 100/s, 10/m or 5/h.
type rateFlag struct{ perSecond *float64 }

// Set parses a rate.
func (f rateFlag) Set(s string) error {
	text, unit, _ := strings.Cut(s, "/")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n <= 1e9) {
		return fmt.Errorf("%q is not a rate like 100/s or 10/m", s)
	}
	switch unit {
	case "", "s":
	case "m":
		n /= 60
	case "h":
		n /= 3600
	default:
		return fmt.Errorf("%q is none of the units s, m and h", unit)
	}
	*f.perSecond = n
	return nil
}

// String returns the value.
func (f rateFlag) String() string {
	if f.perSecond == nil || *f.perSecond == 0 {
		return ""
	}
	return strconv.FormatFloat(*f.perSecond, 'g', -1, 64) + "/s"
}

// Type names the value in help.
func (rateFlag) Type() string { return "N/s" }
