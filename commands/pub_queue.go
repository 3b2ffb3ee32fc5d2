package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/queue"
)

// pubQueue are the flags of the offline queue.
type pubQueue struct {
	queueDir string
	queueMax int64
}

func (o *pubQueue) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.queueDir, "queue", "", "keep messages in this `folder` until the broker has acknowledged them; alone, send what is kept there")
	o.queueMax = queue.DefaultMaxBytes
	fs.Var(sizeFlag{&o.queueMax}, "queue-max", "most that --queue may keep on disk, like 500M or 2G")
}

// checkQueue checks what --queue and other flags say together. A queue needs acknowledgements.
func (o *pubOptions) checkQueue(cmd *cobra.Command) error {
	switch {
	case o.queueDir == "" && given(cmd, "queue-max"):
		return usageError(cmd, "--queue-max is for --queue")
	case o.queueDir == "":
		return nil
	case !given(cmd, "qos"):
		o.qos = 1
	case o.qos == 0:
		return usageError(cmd, "--qos 0 has no acknowledgement to wait for: --queue keeps messages of QoS 1 and 2")
	}
	return nil
}

// runQueued publishes by way of the queue.
func (o *pubOptions) runQueued(ctx context.Context, e *env, r config.Resolved, src publish.Source, steps []publish.Step) error {
	q, err := queue.Open(o.queueDir, queue.Options{MaxBytes: o.queueMax})
	if err != nil {
		return queueError(o.queueDir, err)
	}
	if found := q.Recovered(); found.Aside != "" {
		e.note("warning: the end of the queue in %s was damaged: %d bytes were put aside in %s", o.queueDir, found.Bytes, found.Aside)
	} else if found.Bytes > 0 {
		e.note("the queue in %s: an unfinished write of %d bytes, cut off by a crash, was taken back", o.queueDir, found.Bytes)
	}
	if err := readyFile(o.ready, ""); err != nil {
		return errors.Join(err, q.Close())
	}
	if o.flushes {
		src = publish.NewOnce(o.defaults(nil), 0, 0)
	}
	r.Options.TopicAliases = true
	s, err := publish.RunQueued(ctx, q, src, publish.QueuedOptions{
		Options:        publish.Options{Topics: o.topics, Steps: steps, Rate: o.rate, Report: o.reporter(e)},
		Client:         asAsked(r.Options),
		ClientIDPrefix: o.connection.ClientIDPrefix,
		Single:         !o.bulk(e) && o.delay == 0,
		Trouble: func(err error) {
			e.note("%s", deliveryError(r.Options, err).Hint("messages are kept in "+o.queueDir+" until the input ends"))
		},
	})
	o.linter.summarise()
	if closeErr := q.Close(); err == nil {
		err = closeErr
	}
	if s.Expired > 0 {
		e.note("%s expired in the queue and not sent", areCounted(s.Expired))
	}
	return o.queuedOutcome(ctx, e, r.Options, s, err)
}

func areCounted(n int) string {
	if n == 1 {
		return "1 message has"
	}
	return messages(n) + " have"
}

// queuedOutcome turns what became of the messages into the error of the command.
func (o *pubOptions) queuedOutcome(ctx context.Context, e *env, options client.Options, s publish.QueuedSummary, err error) error {
	kept := o.keptInWords(s.Kept)
	delivery, undelivered := errors.AsType[*publish.DeliveryError](err)
	interrupted, _ := errors.AsType[*exit.Error](context.Cause(ctx))
	switch {
	case err != nil && interrupted != nil:
		return exit.New(interrupted.Code, interrupted.What, "", fmt.Sprintf("%s accepted, %s acknowledged", messages(s.Sent), strconv.Itoa(s.Delivered))).Hint(kept)
	case undelivered:
		return deliveryError(options, delivery.Err).Hint(kept)
	case errors.Is(err, queue.ErrFull):
		code, what := exit.Negative, "the message was not taken"
		if s.Sent > 0 {
			code = exit.Partial
			what = "from there on nothing was taken"
		}
		err = fmt.Errorf("%w (--queue-max %s): %s", err, sizeFlag{&o.queueMax}, what)
		return exit.Wrap(code, "publish", "", err).Hint(kept)
	case err != nil:
		failure := queueError(o.queueDir, err)
		return failure.Hint(strings.TrimPrefix(failure.Next+"; ", "; ") + messages(s.Sent) + " of the input taken, " + kept)
	case s.Refused > 0 && s.Delivered == 0 && s.BadLines+s.Held == 0 && o.failure != nil && !o.bulk(e):
		return requestError("publish", o.failure)
	}
	return o.outcome(ctx, e, options.Target, s.Summary, nil)
}

// keptInWords says what is still to be sent, and how.
func (o *pubOptions) keptInWords(n int) string {
	if n == 0 {
		return "nothing is kept in " + o.queueDir
	}
	return fmt.Sprintf("%s kept in %s, `mqx pub --queue %s` sends what is there", messages(n), o.queueDir, o.queueDir)
}

// deliveryError is why messages stay in the queue.
func deliveryError(o client.Options, err error) *exit.Error {
	if errors.Is(err, client.ErrConnectionLost) {
		return lossOf("publish to", o.Target.String(), err, "")
	}
	if failure, ok := errors.AsType[*exit.Error](connectError(o.Target, err)); ok {
		return failure
	}
	return exit.Wrap(exit.Unreachable, "publish to", o.Target.String(), err)
}

// queueError says what is wrong with the folder, and what to do.
func queueError(dir string, err error) *exit.Error {
	const flag = "--queue"
	var damaged *queue.DamagedError
	var other *publish.OtherClientError
	switch {
	case errors.Is(err, queue.ErrInUse):
		return exit.Wrap(exit.Conflict, flag, dir, err).Hint("wait for its end, or take another folder")
	case errors.As(err, &damaged):
		return exit.Wrap(exit.BadData, flag, "", err).Hint("it was left as it is: put a copy in its place, or move the folder away to begin without it")
	case errors.As(err, &other):
		return exit.Wrap(exit.Usage, flag, dir, err).Hint("-i " + other.Has + " sends them")
	default:
		return exit.Wrap(exit.Usage, flag, dir, err)
	}
}

// sizeFlag takes a number of bytes: 1000000, 64K, 500M or 2G.
type sizeFlag struct{ bytes *int64 }

// Set parses a size.
func (f sizeFlag) Set(s string) error {
	const units = "KMGT"
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s), "B"), "I")
	shift := 0
	if n := len(digits); n > 0 {
		if i := strings.IndexByte(units, digits[n-1]); i >= 0 {
			digits, shift = digits[:n-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > 1<<62>>shift {
		return fmt.Errorf("%q is not a size like 1000000, 500M or 2G", s)
	}
	*f.bytes = n << shift
	return nil
}

// String returns the value.
func (f sizeFlag) String() string {
	if f.bytes == nil || *f.bytes == 0 {
		return ""
	}
	n, unit := *f.bytes, ""
	for _, u := range []string{"K", "M", "G", "T"} {
		if n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return strconv.FormatInt(n, 10) + unit
}

// Type names the value in help.
func (sizeFlag) Type() string { return "size" }
