package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/twin"
)

// rolloutFlags are those of changes that go to many devices.
type rolloutFlags struct {
	canary      string
	maxFailures *int
	rate        float64
	yes         bool
}

func (o *rolloutFlags) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.canary, "canary", "", "waves of devices, each after the one before has succeeded: 1,10%,100%")
	fs.Var(optionalNumber[int]{&o.maxFailures}, "max-failures", "stop when more devices have failed (default: with --canary 0, else no limit)")
	fs.Float64Var(&o.rate, "rate", 0, "publishes a second at most")
	fs.BoolVar(&o.yes, "yes", false, fmt.Sprintf("do not ask about more than %d devices", askAbove))
}

// rolloutJob is a change of what is desired of one or more devices.
type rolloutJob struct {
	what    string
	options *desiredOptions
	flags   *rolloutFlags
	set     twin.SetOptions
	change  twin.Change
	changes func(*twin.Twin) twin.Change // instead of change, when they differ
	wait    *waitFlags                   // nil for no wait
	timeout time.Duration
	waves   []twin.Wave
}

// connect checks the flags and connects.
func (j *rolloutJob) connect(ctx context.Context, e *env, cmd *cobra.Command, devices []string) (*fleet, error) {
	if j.flags.rate < 0 {
		return nil, usageError(cmd, "--rate cannot be negative")
	}
	if j.flags.canary != "" {
		var err error
		if j.waves, err = twin.ParseWaves(j.flags.canary); err != nil {
			return nil, exit.Wrap(exit.Usage, "--canary", "", err)
		}
		if j.flags.maxFailures == nil {
			j.flags.maxFailures = new(int)
		}
	}
	j.set.Rate = j.flags.rate
	// The timeout is for each wave; the group's own deadline is for reading.
	j.timeout = j.options.timeout
	if j.timeout == 0 {
		j.timeout = storeTimeout
		if j.wait != nil {
			j.timeout = waitTimeout
		}
	}
	j.options.timeout = 0
	return j.options.connect(ctx, e, cmd, devices)
}

// run reads, changes, and prints what became of each device.
func (j *rolloutJob) run(ctx context.Context, f *fleet) ([]twin.Result, error) {
	needs := twin.Needs{}
	if j.wait != nil {
		needs = j.wait.needs()
	}
	reading, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	if err := f.read(reading, needs); err != nil {
		return nil, err
	}
	twins := f.Twins()
	if len(twins) == 0 {
		return nil, exit.New(exit.Negative, j.what, "", "no such device has retained anything")
	}
	if err := j.confirm(ctx, f.env, len(twins)); err != nil {
		return nil, err
	}
	return j.rollout(ctx, f, twins)
}

// confirm asks before many devices are changed, or several in a guarded context.
func (j *rolloutJob) confirm(ctx context.Context, e *env, n int) error {
	what := fmt.Sprintf("%s %d devices", j.what, n)
	switch {
	case n == 1 || j.flags.yes || j.set.DryRun:
		return nil
	case n <= askAbove:
		return e.guard(ctx, &j.options.connection, what, false)
	case !e.streams.InTTY:
		return exit.New(exit.Usage, j.what, "", fmt.Sprintf("%d devices are meant", n)).Hint("pass --yes, or --dry-run to see what would change")
	default:
		return e.ask(ctx, what+"?")
	}
}

func (j *rolloutJob) rollout(ctx context.Context, f *fleet, twins []*twin.Twin) ([]twin.Result, error) {
	p := f.env.twinPrinter()
	changes := j.changes
	if changes == nil {
		changes = func(*twin.Twin) twin.Change { return j.change }
	}
	o := twin.RolloutOptions{Set: j.set, Timeout: j.timeout, Waves: j.waves, MaxFailures: j.flags.maxFailures}
	if j.wait != nil {
		o.Wait = new(j.wait.options())
	}
	var broken error
	o.Finished = func(r twin.Result) {
		for _, warning := range r.Warnings {
			f.env.note("warning: %s: %s", r.Device, warning)
		}
		if alone := len(twins) == 1 && !p.json && codeOf(r.Outcome) != exit.OK; alone {
			return // the error says it all
		}
		if err := p.result(r); err != nil {
			broken = err
		}
		if err := p.Flush(); err != nil { // the work goes on: it must not stop in the middle for want of a reader
			broken = err
		}
	}
	results, err := f.Rollout(ctx, twins, changes, o)
	switch {
	case err != nil:
		return results, f.failure(ctx, j.what, err, progressText(results))
	case broken != nil:
		return results, broken
	}
	return results, judge(j.what, results)
}

// progressText says how far a rollout has come.
func progressText(results []twin.Result) string {
	done := 0
	for _, r := range results {
		if r.Outcome.Done() {
			done++
		}
	}
	return fmt.Sprintf("%d of %d devices done", done, len(results))
}
