package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/tally"
	"github.com/mqx-cli/mqx/internal/wire"
)

// settleTime bounds how long messages that are under way are waited for at the end.
const settleTime = 5 * time.Second

// resultOptions say what is done with what came of a fleet.
type resultOptions struct {
	summary    string
	junit      string
	prometheus string
}

// fleetTally counts what happens in a live fleet, and judges it.
type fleetTally struct {
	*tally.Recorder

	live      *liveFleet
	watch     *tally.Watch
	session   *client.Session
	server    *tally.MetricsServer
	following sync.WaitGroup
}

// beginTally makes what counts, and what looks at the broker and is looked at while the fleet runs.
func (l *liveFleet) beginTally(ctx context.Context, run *simulate.Run, begin time.Time) (*fleetTally, error) {
	o, p := l.options, l.options.profile
	needs := tally.NeedsOf(p)
	settings := tally.Options{
		Run: l.runName(begin), Shard: o.shard, Planned: p.Duration, Begin: begin, Start: run.Start, Speed: p.Clock.Speed,
	}
	address := o.result.prometheus
	if address == "" {
		address = partAddress(p.Output.Prometheus, o.shard)
	}
	settings.Recent = address != ""
	if needs.Lint {
		look, err := fleetLinter(run)
		if err != nil {
			return nil, err
		}
		settings.Lint = look
	}
	t := &fleetTally{Recorder: tally.New(p, settings), live: l}
	if address != "" {
		if err := t.serve(ctx, address); err != nil {
			return nil, err
		}
	}
	if needs.Watch {
		if err := t.look(ctx, run); err != nil {
			t.close(ctx)
			return nil, err
		}
	}
	return t, nil
}

// runName is what all parts of a run call it: those that begin together say when.
func (l *liveFleet) runName(begin time.Time) string {
	p, o := l.options.profile, l.options
	if o.startAt == "" && o.shard.Count > 1 {
		return fmt.Sprintf("%s-%d", p.Name, p.Seed)
	}
	return p.Name + "-" + begin.UTC().Format("20060102T150405Z")
}

// fleetLinter looks at messages as the linter of traffic does.
func fleetLinter(run *simulate.Run) (func(message.Message) (int, int), error) {
	convention, err := lint.ContractConvention(run.Layout.Contract)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "contract", "", err)
	}
	linter, err := lint.New(lint.Options{Convention: convention, MaxExamples: 1})
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "contract", "", err)
	}
	return func(m message.Message) (findings, warnings int) {
		for _, f := range linter.Outgoing(m) {
			switch f.Severity {
			case lint.Error:
				findings++
			case lint.Warning:
				warnings++
			default:
			}
		}
		return findings, warnings
	}, nil
}

func (t *fleetTally) serve(ctx context.Context, text string) error {
	address, err := tally.MetricsAddress(text)
	if err == nil {
		t.server, err = tally.ServeMetrics(ctx, address, t.Recorder)
	}
	if err != nil {
		return exit.Wrap(exit.Usage, "--prometheus", text, err)
	}
	t.live.env.note("metrics at http://%s/metrics", t.server.Address())
	return nil
}

// look opens the session that sees what comes out of the broker. Where it may not subscribe the fleet is played all the same:
// then what is expected of the way cannot be judged, and says so.
func (t *fleetTally) look(ctx context.Context, run *simulate.Run) error {
	o := t.live.resolved.Options
	o.ClientID, o.Will, o.Announce = fmt.Sprintf("mqx-watch-%08x", rand.Uint32()), nil, nil //nolint:gosec // G404: no secret
	report := o.Retry.Report
	var watch *tally.Watch
	o.Retry.Report = func(outage client.Outage) {
		switch {
		case outage.LostAt.IsZero() || watch == nil:
		case outage.BackAt.IsZero():
			watch.Away(outage.LostAt)
		default:
			watch.Back(outage.BackAt)
		}
		if report != nil {
			report(outage)
		}
	}
	s, err := t.live.env.openWatch(ctx, o)
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		t.live.env.note("warning: nobody watches what comes out of the broker: %s", err)
		return nil
	}
	if err != nil {
		return err
	}
	t.session = s
	watch = tally.NewWatch(t.Recorder, run)
	var subs []wire.Subscription
	for _, filter := range watch.Filters() {
		subs = append(subs, wire.Subscription{Filter: filter, QoS: 2})
	}
	if _, err := s.Subscribe(ctx, nil, subs...); err != nil {
		if _, refused := errors.AsType[*client.RefusedError](err); !refused {
			return requestError("subscribe", err)
		}
		watch.Blind()
		t.live.env.note("warning: nobody watches what comes out of the broker: %s", err)
		return nil
	}
	t.watch = watch
	t.following.Go(func() { _ = watch.Follow(context.WithoutCancel(ctx), s) }) // until the session is closed
	return nil
}

// playing is the context in which the fleet is played: when ctx ends, the devices take leave, and that does not count.
func (t *fleetTally) playing(ctx context.Context) (context.Context, context.CancelFunc) {
	playing, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t.Leaving("interrupted")
		cancel(context.Cause(ctx))
	})
	return playing, func() {
		stop()
		cancel(nil)
	}
}

// close ends what goes on beside the fleet.
func (t *fleetTally) close(ctx context.Context) {
	if t.session != nil {
		closeSession(ctx, t.session)
		t.following.Wait()
	}
	if t.server != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = t.server.Close(ctx) // whoever asks for numbers now has to do without
	}
}

// finish judges the run and writes what came of it. err is how the run ended; it is not nil for a run that failed.
func (t *fleetTally) finish(ctx context.Context, err error) error {
	cause := ""
	if err != nil {
		cause = err.Error()
	}
	t.Leaving(cause)
	if t.watch != nil {
		settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		t.watch.Settle(settling)
		cancel()
	}
	s := t.Summary()
	s.Verdicts = tally.Judge(s)
	if written := t.write(s); written != nil {
		return errors.Join(err, written)
	}
	if printed := t.live.env.printSummary(s, "", "mqx simulate fleet"); printed != nil {
		return errors.Join(err, printed)
	}
	if err == nil || isPartial(err) {
		if unmet := t.live.env.unmet(s); unmet != nil {
			return unmet
		}
	}
	return err
}

func isPartial(err error) bool {
	failure, ok := errors.AsType[*exit.Error](err)
	return ok && failure.Code == exit.Partial
}

// write writes the files that are asked for.
func (t *fleetTally) write(s *tally.Summary) error {
	o, out := t.live.options, &t.live.options.profile.Output
	name, err := outputFile(o.result.summary, partFile(out.Summary, o.shard))
	if err == nil && name != "" {
		err = s.WriteFile(name)
	}
	if err != nil {
		return fileError("--summary", name, err)
	}
	if name != "" && o.result.summary == "" {
		t.live.env.note("the summary is %s", name)
	}
	if !s.Whole() {
		return nil // the verdict is that of all parts
	}
	if name, err = outputFile(o.result.junit, out.JUnit); err == nil && name != "" {
		err = writeJUnitFile(name, s)
	}
	if err != nil {
		return fileError("--junit", name, err)
	}
	return nil
}

// outputFile is the file that a flag or the profile names. The folder of the profile's is made.
func outputFile(flag, inProfile string) (string, error) {
	if flag != "" || inProfile == "" {
		return flag, nil
	}
	return inProfile, os.MkdirAll(filepath.Dir(inProfile), 0o755) //nolint:gosec // G301: it is meant to be shared
}

// partFile gives each part of a fleet a file of its own: summary-2.json for the second.
func partFile(name string, s simulate.Shard) string {
	if name == "" || s.Count <= 1 {
		return name
	}
	ext := filepath.Ext(name)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), s.Index+1, ext)
}

// partAddress gives each part of a fleet an address of its own, as they may run on one machine: the port counts up.
func partAddress(address string, s simulate.Shard) string {
	at := strings.LastIndexByte(address, ':') + 1
	port, err := strconv.Atoi(address[at:])
	if err != nil || port == 0 {
		return address
	}
	return address[:at] + strconv.Itoa(port+s.Index)
}

// fileError says what is wrong with a file that a flag or the profile names.
func fileError(flag, name string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	return exit.Wrap(exit.Usage, flag, name, err)
}
