package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/twin"
)

// answerTimeout is how long cmd send --wait waits.
const answerTimeout = 10 * time.Second

type cmdSendOptions struct {
	connection config.Connection

	contract string
	id       string
	expires  time.Duration
	timeout  time.Duration
	wait     bool
}

func newCmdSend(e *env) *cobra.Command {
	o := &cmdSendOptions{timeout: answerTimeout}
	cmd := &cobra.Command{
		Use:   "send DEVICE NAME [key=value...]",
		Short: "Send a command to a device",
		Long: `Send a command to a device, at QoS 1 and not retained: {"id":…,"ts":…,"name":NAME,…}. Settings are written as for` + "\n" +
			"mqx desired set. --wait waits for the answer with the same id on the device's topic for results, and prints it. An\n" +
			`answer with "error", or a result such as rejected or failed, is a refusal.` + "\n\n" +
			"Status 0: the broker has it, and with --wait the device has carried it out; 5: no answer in time; 7: the device\n" +
			"refuses; 4: the broker does.",
		Example:     "  mqx cmd send acme/lyon/cr-001 defrost minutes=10 --wait\n  mqx cmd send acme/lyon/cr-001 reboot --expires 30s",
		Args:        cobra.ArbitraryArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.id, "id", "", "id of the command (default: a new one)")
	fs.Var(durationFlag{&o.expires}, "expires", "how long the command makes sense (default: for ever, with --wait as long as the wait)")
	fs.BoolVar(&o.wait, "wait", false, "wait for the answer")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "longest time for it all, the answer included")
	fs.StringVar(&o.contract, "contract", "", "contract file (default: "+contract.FileName+" here or in a folder above)")
	e.addJSONFlag(cmd, "print what was sent and what was answered as a JSON object")
	addConnectionFlags(cmd, &o.connection, "publish")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

func (o *cmdSendOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return usageError(cmd, "a device and the name of the command are needed")
	}
	if o.timeout <= 0 {
		return usageError(cmd, "--timeout must be more than 0")
	}
	topics, err := o.topics(e, args[0])
	if err != nil {
		return err
	}
	members, err := twin.ParseAssignments(args[2:])
	if err != nil {
		return exit.Wrap(exit.Usage, "send", "", err)
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	c := twin.Command{Name: args[1], Members: members, ID: o.id, Expires: o.expires, Properties: o.connection.Properties.Publish}
	deadline := time.Now().Add(o.timeout)
	r.Options.ConnectTimeout = min(r.Options.ConnectTimeout, o.timeout)
	s, err := e.open(ctx, r.Options)
	if err != nil {
		return err
	}
	defer closeSession(ctx, s)
	if o.wait {
		c.Wait = max(time.Until(deadline), time.Millisecond)
		if c.Expires == 0 {
			c.Expires = c.Wait
		}
	}
	bounded, cancel := context.WithDeadline(ctx, deadline.Add(time.Second)) // the wait for the answer ends first
	defer cancel()
	e.saw(topics.Command)
	a, err := twin.Send(bounded, s, topics, c)
	if err != nil {
		return o.failure(ctx, r.Options.Target, a, err)
	}
	if a.Unheard {
		e.note("warning: nobody is subscribed to %s: the device has not got it", a.Topic)
	}
	return o.print(e, a)
}

// topics resolves the device.
func (o *cmdSendOptions) topics(e *env, name string) (twin.Topics, error) {
	c, err := e.loadContract(o.contract)
	if err != nil {
		return twin.Topics{}, err
	}
	d, err := c.Resolve(name)
	if err != nil {
		return twin.Topics{}, exit.Wrap(exit.Usage, "", "", err)
	}
	if !c.Knows(d.Base) {
		e.note("%s is not in the inventory", d.Base)
	}
	convention, err := twin.NewConvention(c, "")
	if err != nil {
		return twin.Topics{}, exit.Wrap(exit.Usage, "send", "", err)
	}
	topics, err := convention.Topics(d.Base)
	if err != nil {
		return topics, exit.Wrap(exit.Usage, "send", "", err)
	}
	return topics, nil
}

func (o *cmdSendOptions) failure(ctx context.Context, target link.Target, a twin.Answer, err error) error {
	var cause *exit.Error
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case errors.Is(err, twin.ErrNoTopic):
		return exit.Wrap(exit.Usage, "send", "", err).Hint("it needs kinds with the roles cmd and cmd/res")
	case errors.Is(err, twin.ErrNoAnswer):
		why := fmt.Sprintf("no answer to %s in %s", a.ID, o.timeout)
		if a.Unheard {
			why += ", and nobody is subscribed to the command's topic"
		}
		if a.Foreign > 0 {
			why += fmt.Sprintf(" (%d answers to other commands)", a.Foreign)
		}
		return exit.New(exit.Timeout, "send", a.Topic, why)
	case errors.As(context.Cause(ctx), &cause):
		return cause
	case errors.Is(err, context.DeadlineExceeded):
		return exit.New(exit.Timeout, "send", a.Topic, "the broker has not acknowledged it in "+o.timeout.String())
	case refused:
		return requestError("send", err)
	case errors.Is(err, client.ErrConnectionLost):
		return lostError("send to", target, err, "")
	default:
		return exit.Wrap(exit.Usage, "send", "", err)
	}
}

// answerJSON is the JSON form of a twin.Answer.
type answerJSON struct {
	ID      string          `json:"id"`
	Topic   string          `json:"topic"`
	Sent    json.RawMessage `json:"sent"`
	Answer  json.RawMessage `json:"answer,omitempty"`
	Refused bool            `json:"refused,omitempty"`
	TookMS  int64           `json:"took_ms"`
}

func (o *cmdSendOptions) print(e *env, a twin.Answer) error {
	lines := output.NewLines(e.streams)
	switch {
	case e.json:
		text, err := json.Marshal(answerJSON{a.ID, a.Topic, a.Payload, a.Answer, a.Refused, a.Took.Milliseconds()})
		if err != nil {
			return err
		}
		lines.JSON(text)
	case o.wait:
		lines.Escaped(string(a.Answer))
	default:
		lines.Escaped(a.ID)
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	if a.Refused {
		e := exit.New(exit.Rejected, "send", a.Topic, "the device refuses")
		if a.Why != "" {
			e.Why = fmt.Errorf("the device refuses: %s", a.Why)
		}
		return e
	}
	return nil
}
