package commands

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/twin"
)

// rolloutFlags are those of changes that go to many devices.
type rolloutFlags struct {
	canary      string
	maxFailures *int
	parallel    int
	rate        float64
	yes         bool
	audit       string
	by          string
	resume      string
}

func (o *rolloutFlags) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.canary, "canary", "", "waves of devices, each after the one before has succeeded: 1,10%,100%")
	fs.Var(optionalNumber[int]{&o.maxFailures}, "max-failures", "stop when more devices have failed (default: with --canary 0, else no limit)")
	fs.IntVar(&o.parallel, "parallel", 0, "work on so many devices at a time (0: all of a wave)")
	fs.Float64Var(&o.rate, "rate", 0, "publishes a second at most")
	fs.StringVar(&o.resume, "resume", "", "go on with a run that was stopped: its file")
	o.addCommonFlags(cmd)
}

// addCommonFlags are those of every change.
func (o *rolloutFlags) addCommonFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&o.yes, "yes", false, fmt.Sprintf("do not ask: about more than %d devices, or about several in a guarded context", askAbove))
	fs.StringVar(&o.by, "by", "", "who writes, for the document and the audit log (default mqx:USER@HOST)")
	o.audit = "file"
	fs.Var(wordFlag[string]{&o.audit, []string{"file", "topic", "none"}}, "audit",
		"where to write down what is changed: in the file of mqx desired history; topic: as an event of the device, too")
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
	all     bool // found devices of which nothing is desired count

	run     *twin.Run
	runFile string
	log     *auditLog
}

// connect checks the flags and connects.
func (j *rolloutJob) connect(ctx context.Context, e *env, cmd *cobra.Command, devices []string) (*fleet, error) {
	if j.flags.rate < 0 || j.flags.parallel < 0 {
		return nil, usageError(cmd, "--rate and --parallel cannot be negative")
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
	if err := j.readRun(); err != nil {
		return nil, err
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
	j.options.timeout, j.options.by = 0, cmp.Or(j.flags.by, writer())
	f, err := j.options.connect(ctx, e, cmd, devices)
	if err != nil {
		return nil, err
	}
	j.log = &auditLog{env: e, by: j.options.by, action: j.what, run: twin.NewID(time.Now()), broker: f.target.String()}
	if j.run != nil {
		j.log.run = j.run.ID
	}
	if j.flags.audit != "none" {
		j.log.path = e.auditPath()
	}
	if j.flags.audit == "topic" {
		j.log.tellOn(ctx, f)
	}
	return f, nil
}

// readRun reads the file of --resume.
func (j *rolloutJob) readRun() error {
	if j.flags.resume == "" {
		return nil
	}
	f, err := os.Open(j.flags.resume)
	if err != nil {
		return exit.Wrap(exit.Usage, "--resume", "", err)
	}
	defer func() { _ = f.Close() }()
	if j.run, err = twin.ReadRun(f); err != nil {
		return exit.Wrap(exit.Usage, "--resume", j.flags.resume, err)
	}
	if !j.run.Is(j.change) {
		return exit.New(exit.Usage, "--resume", j.flags.resume, "it is the run of another change")
	}
	j.runFile = j.flags.resume
	return nil
}

// start reads, changes, and prints what became of each device.
func (j *rolloutJob) start(ctx context.Context, f *fleet) ([]twin.Result, error) {
	needs := twin.Needs{Status: j.set.DryRun}
	if j.wait != nil {
		needs = j.wait.needs()
	}
	reading, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	if err := f.read(reading, needs); err != nil {
		return nil, err
	}
	twins := f.Twins()
	if !j.all {
		twins = f.wanted()
	}
	if len(twins) == 0 {
		return nil, f.nobody(j.what, "no such device has retained anything")
	}
	if j.run != nil {
		var done int
		if twins, done = j.run.Rest(twins); done > 0 {
			f.env.note("done already: %s", devices(done))
		}
	}
	if err := j.confirm(ctx, f.env, len(twins)); err != nil {
		return nil, err
	}
	j.beginRun(f.env, len(twins))
	return j.rollout(ctx, f, twins)
}

// beginRun makes the file of a run of several devices.
func (j *rolloutJob) beginRun(e *env, devices int) {
	dir := config.StateDir(e.getenv)
	if j.run != nil || devices < 2 || j.set.DryRun || j.changes != nil || dir == "" {
		return
	}
	j.run = twin.NewRun(j.log.run, j.change)
	j.runFile = filepath.Join(dir, "runs", "run-"+j.run.ID+".jsonl")
	if err := appendFile(j.runFile, j.run.Head()); err != nil {
		e.note("warning: the run cannot be resumed: %s", pathCause(err))
		j.run, j.runFile = nil, ""
	}
}

// confirm asks before many devices are changed, or several in a guarded context.
func (j *rolloutJob) confirm(ctx context.Context, e *env, n int) error {
	what := fmt.Sprintf("%s %d devices", j.what, n)
	switch {
	case n <= 1 || j.flags.yes || j.set.DryRun:
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
	changes := j.changes
	if changes == nil {
		changes = func(*twin.Twin) twin.Change { return j.change }
	}
	o := twin.RolloutOptions{
		Set: j.set, Timeout: j.timeout, Parallel: j.flags.parallel, Waves: j.waves, MaxFailures: j.flags.maxFailures,
		Stored: j.log.write,
	}
	if j.wait != nil {
		o.Wait = new(j.wait.options())
	}
	r := j.reporter(f, len(twins))
	o.Finished = r.finished
	results, err := f.Rollout(ctx, twins, changes, o)
	j.log.end(ctx, f)
	r.summary(results)
	switch {
	case err != nil:
		return results, f.failure(ctx, j.what, err, progressText(results))
	case r.broken != nil:
		return results, r.broken
	}
	return results, judge(j.what, results)
}

// rolloutReport tells what becomes of devices.
type rolloutReport struct {
	*twinPrinter

	job    *rolloutJob
	fleet  *fleet
	all    int
	shown  int   // plans
	broken error // the output
}

func (j *rolloutJob) reporter(f *fleet, all int) *rolloutReport {
	return &rolloutReport{twinPrinter: f.env.twinPrinter(), job: j, fleet: f, all: all}
}

// finished prints the result of a device and writes it down. The work goes on when nobody reads any more: it must not stop
// in the middle.
func (r *rolloutReport) finished(result twin.Result) {
	r.fleet.progress.Done()
	for _, warning := range result.Warnings {
		r.fleet.env.note("warning: %s: %s", result.Device, warning)
	}
	if r.job.run != nil {
		if err := appendFile(r.job.runFile, r.job.run.Line(result)); err != nil {
			r.fleet.env.note("warning: the run cannot be resumed: %s", pathCause(err))
			r.job.run = nil
		}
	}
	if r.job.wait != nil && result.Attempts > 0 {
		r.job.log.write(result)
	}
	if !r.shows(result) || r.broken != nil {
		return
	}
	if err := r.result(result); err != nil {
		r.broken = err
	}
	if err := r.Flush(); err != nil {
		r.broken = err
	}
}

// shows leaves out what the error says, and all but a few plans for people.
func (r *rolloutReport) shows(result twin.Result) bool {
	const plans = 3
	switch {
	case r.json:
		return true
	case r.all == 1 && codeOf(result.Outcome) != exit.OK:
		return false
	case result.Outcome == twin.Planned:
		r.shown++
		return r.shown <= plans
	case r.job.set.DryRun && r.all > askAbove && result.Outcome.Done():
		return false
	default:
		return true
	}
}

// summary counts the outcomes of several devices.
func (r *rolloutReport) summary(results []twin.Result) {
	if r.all == 1 {
		return
	}
	text := countOutcomes(results)
	if r.job.set.DryRun {
		text += fmt.Sprintf("; %d of them are offline", r.fleet.offline())
	}
	r.fleet.env.note("%s", text)
	switch {
	case r.job.run == nil || r.job.runFile == "":
	case progressOf(results) < len(results):
		r.fleet.env.note("to go on with the others: the same command with --resume %s", r.job.runFile)
	case r.job.flags.resume == "":
		_ = os.Remove(r.job.runFile) // ours, and of no use any more
	}
}

// offline is how many devices say that they are offline.
func (f *fleet) offline() int {
	n := 0
	for _, t := range f.Twins() {
		if t.Offline() {
			n++
		}
	}
	return n
}

// countOutcomes says how many devices came to what.
func countOutcomes(results []twin.Result) string {
	counts := map[twin.Outcome]int{}
	var order []twin.Outcome
	for _, r := range results {
		if counts[r.Outcome]++; counts[r.Outcome] == 1 {
			order = append(order, r.Outcome)
		}
	}
	parts := make([]string, len(order))
	for i, o := range order {
		parts[i] = fmt.Sprintf("%d %s", counts[o], o)
	}
	return fmt.Sprintf("%d devices: %s", len(results), strings.Join(parts, ", "))
}

func progressOf(results []twin.Result) int {
	done := 0
	for _, r := range results {
		if r.Outcome.Done() {
			done++
		}
	}
	return done
}

// progressText says how far a rollout has come.
func progressText(results []twin.Result) string {
	return fmt.Sprintf("%d of %d devices done", progressOf(results), len(results))
}
