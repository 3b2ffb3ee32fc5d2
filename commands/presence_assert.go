package commands

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/presence"
	"github.com/mqx-cli/mqx/internal/verdict"
	"github.com/mqx-cli/mqx/internal/words"
)

type presenceAssertOptions struct {
	presenceOptions

	online, offline bool
	states          []string
	within          time.Duration
	window          time.Duration
	least           int
	format          reportFormat

	wanted map[presence.State]bool
}

func newPresenceAssert(e *env) *cobra.Command {
	o := &presenceAssertOptions{format: "text", least: 1}
	cmd := &cobra.Command{
		Use:   "assert [DEVICE]... [--online | --offline | --state STATE]",
		Short: "Check that devices are in a state",
		Long: "Check that each device is online, or in another state, and report each. Without DEVICE these are all devices, those of\n" +
			"the contract's inventory included. --online is what is checked by default: the device is reachable, so that late-will\n" +
			"counts. What is retained decides, unless --for or --within look at live messages too.\n\n" +
			"Status 0: all are; 1: one is not, or there are fewer than --least; 5: what is retained could not be read completely.",
		Example: "  mqx presence assert\n" +
			"  mqx presence assert 'acme/lyon/+' --online --within 30s --format junit > report.xml\n" +
			"  mqx presence assert acme/lyon/cr-001 --state offline,sleeping",
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.online, "online", false, "each is reachable (the default)")
	fs.BoolVar(&o.offline, "offline", false, "each is offline")
	fs.StringSliceVar(&o.states, "state", nil, "each is in one of these states, separated by commas")
	inGroup(fs, "wanted", "online", "offline", "state")
	fs.Var(durationFlag{&o.within}, "within", "look until it holds, for so long")
	fs.Var(durationFlag{&o.window}, "for", "look at live messages for so long before judging")
	fs.IntVar(&o.least, "least", 1, "how many devices there must be")
	fs.Var(&o.format, "format", "how to report")
	o.addFlags(cmd, e)
	inGroup(fs, groupOutput, "format", "json")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

// checkAssert refuses flags that make no sense.
func (o *presenceAssertOptions) checkAssert(e *env, cmd *cobra.Command) error {
	if e.json && given(cmd, "format") && o.format != "json" {
		return usageError(cmd, "--json and --format %s exclude each other", o.format)
	}
	if e.json = e.json || o.format == "json"; e.json {
		o.format = "json"
	}
	asked := 0
	for _, flag := range []bool{o.online, o.offline, len(o.states) > 0} {
		if flag {
			asked++
		}
	}
	switch {
	case asked > 1:
		return usageError(cmd, "only one of --online, --offline and --state is expected")
	case o.within > 0 && o.window > 0:
		return usageError(cmd, "--within and --for exclude each other")
	case o.least < 0:
		return usageError(cmd, "--least %d: it cannot be negative", o.least)
	}
	var err error
	o.wanted, err = parseStates(o.states)
	return err
}

func (o *presenceAssertOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if err := o.checkAssert(e, cmd); err != nil {
		return err
	}
	start := time.Now()
	s, err := o.look(ctx, e, cmd, args, once)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	if err := s.begin(ctx, func() bool { return o.window > 0 || o.within > 0 && !o.holds(s.Fleet) }); err != nil {
		return err
	}
	if err := o.follow(ctx, s); err != nil {
		return err
	}
	devices := sortedDevices(s.Fleet)
	if err := o.write(e, devices, time.Since(start)); err != nil {
		return err
	}
	s.remarks()
	failed := 0
	for _, d := range devices {
		if !o.met(d) {
			failed++
		}
	}
	switch {
	case failed > 0:
		return exit.New(exit.Negative, "assert", "", fmt.Sprintf("%d held, %d failed", len(devices)-failed, failed))
	case len(devices) < o.least:
		return exit.New(exit.Negative, "assert", "", fmt.Sprintf("%d held, and there must be %s at least", len(devices), count(o.least, "device")))
	}
	return nil
}

// follow looks at live messages: for a while, or until everything holds.
func (o *presenceAssertOptions) follow(ctx context.Context, s *sight) error {
	end := time.Now().Add(max(o.window, o.within))
	if o.window == 0 && (o.within == 0 || o.holds(s.Fleet)) {
		return nil
	}
	if s.Deadline.IsZero() || end.Before(s.Deadline) {
		s.Deadline = end
	}
	err := s.Follow(ctx, func(time.Time) (time.Time, bool, error) {
		return time.Time{}, len(s.Fleet.Changes()) > 0 && o.window == 0 && o.holds(s.Fleet), nil
	})
	if err != nil {
		return s.ended(ctx, err)
	}
	if o.window > 0 || !o.holds(s.Fleet) {
		s.Fleet.Release(time.Now())
	}
	return nil
}

func (o *presenceAssertOptions) met(d presence.Device) bool {
	switch {
	case o.offline:
		return d.State == presence.Offline
	case len(o.wanted) > 0:
		return o.wanted[d.State]
	default:
		return d.Online
	}
}

// holds reports whether every device is as it must be.
func (o *presenceAssertOptions) holds(f *presence.Fleet) bool {
	for d := range f.All() {
		if !o.met(d) {
			return false
		}
	}
	return f.Len() >= o.least
}

// expectation says what is expected of a device.
func (o *presenceAssertOptions) expectation() string {
	switch {
	case o.offline:
		return "offline"
	case len(o.wanted) > 0:
		return strings.Join(slices.Compact(slices.Sorted(slices.Values(o.states))), " or ")
	default:
		return "online"
	}
}

// assertJSON is the outcome of one device as JSON.
type assertJSON struct {
	Device   string          `json:"device"`
	Expected string          `json:"expected"`
	Outcome  verdict.Verdict `json:"outcome"`
	State    presence.State  `json:"state"`
	Online   bool            `json:"online"`
	Since    string          `json:"since,omitempty"`
	LastSeen string          `json:"last_seen,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Fault    string          `json:"fault,omitempty"`
}

func (o *presenceAssertOptions) write(e *env, devices []presence.Device, took time.Duration) error {
	var report bytes.Buffer
	lines := output.NewLines(e.streams)
	cases := make([]verdict.Case, len(devices))
	for i, d := range devices {
		cases[i] = verdict.Case{Name: d.Name + " " + o.expectation(), Verdict: verdict.Held}
		if !o.met(d) {
			cases[i].Verdict, cases[i].Lines = verdict.Failed, assertLines(d)
		}
		if o.format == "json" {
			lines.JSON(marshalLine(assertJSON{
				Device: d.Name, Expected: o.expectation(), Outcome: cases[i].Verdict, State: d.State, Online: d.Online,
				Since: timeText(d.Since), LastSeen: timeText(d.LastSeen), Reason: d.Reason, Fault: d.Fault,
			}))
		}
	}
	var err error
	switch o.format {
	case "json":
	case "junit":
		err = verdict.WriteJUnit(&report, cases, "mqx presence assert", took)
	case "tap":
		err = verdict.WriteTAP(&report, cases)
	default:
		err = verdict.WriteText(&report, cases, reportStyle(e))
	}
	if err != nil {
		return err
	}
	lines.Text(report.String())
	return lines.Flush()
}

// assertLines say in printable lines why a device is not as it must be.
func assertLines(d presence.Device) []string {
	first := "it is " + string(d.State)
	if d.Reason != "" {
		first += ": " + d.Reason
	}
	lines := []string{words.Printable(first)}
	if !d.LastSeen.IsZero() {
		lines = append(lines, "  last seen "+timeText(d.LastSeen))
	}
	if d.Fault != "" {
		lines = append(lines, words.Printable("  its status could not be read: "+d.Fault))
	}
	return lines
}
