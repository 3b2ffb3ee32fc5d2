package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/presence"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

func newPresence(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "presence",
		Short: "Tell which devices are alive",
		Long: "Tell which devices are alive: from their status messages, the session ids in them, what the devices send besides, and\n" +
			"the time that passes. A stale offline (late-will), a device that says online and sends nothing (silent) and one that\n" +
			"comes and goes (flapping) are told apart from online and offline.\n\n" +
			"DEVICE is a base topic, its last levels where the contract makes them unique, or a filter over base topics.",
		Example:     "  mqx presence ls\n  mqx presence watch 'acme/lyon/+'\n  mqx presence wait acme/lyon/cr-001 --online -W 60s",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd,
		subcommand{"ls", newPresenceLs},
		subcommand{"watch", newPresenceWatch},
		subcommand{"wait", newPresenceWait},
		subcommand{"assert", newPresenceAssert},
	)
	return cmd
}

// presenceOptions are those of every `presence` command.
type presenceOptions struct {
	connection config.Connection

	conventionName string
	prefix         string
	contractFile   string
	template       string
	words          presence.Words
	filters        []topic.Filter
	timeout        time.Duration
	noPublish      bool
	noTraffic      bool
	ready          string
	rules          presence.Options

	names    []string        // to look at, see presence.Observation
	exact    []string        // the names without wildcards
	patterns []topic.Filter  // the others
	chosen   map[string]bool // exact as a set
	expected []string        // devices that there must be: the exact names, and those of the inventory that are meant
}

func (o *presenceOptions) addFlags(cmd *cobra.Command, e *env) {
	fs := cmd.Flags()
	fs.Var(filtersFlag{&o.filters}, "filter", "filter over base topics: acme/lyon/+ (repeatable; arguments too)")
	fs.StringVar(&o.conventionName, "convention", "guide", strings.Join(presence.Names(), ", "))
	fs.StringVar(&o.prefix, "prefix", "", "first levels of the convention's topics, in place of the usual ones")
	fs.StringVar(&o.contractFile, "contract", "", "the contract of convention guide: "+contract.FileName+" (default: looked for upwards)")
	fs.StringVarP(&o.template, "topic", "t", "", "template of the status topics, in place of a convention: '{root}/{site}/{device}/status'")
	fs.StringVar(&o.words.Online, "online-value", "", "what a status says that is online (default online, in any case of letters)")
	fs.StringVar(&o.words.Offline, "offline-value", "", "what it says otherwise")
	fs.StringVar(&o.words.Path, "path", "", "gjson path of that in a JSON status")
	inGroup(fs, "convention", "convention", "topic")
	e.addJSONFlag(cmd, "print JSON, one object a line")
	fs.BoolVar(&o.noTraffic, "no-traffic", false, "do not subscribe to what devices send besides: costs less, and tells late wills by sessions only")
	o.rules = presence.DefaultOptions()
	fs.Var(durationFlag{&o.rules.Debounce}, "debounce", "how long a live offline is held back, in case the device is back at once")
	fs.IntVar(&o.rules.FlapCount, "flaps", o.rules.FlapCount, "how often a device comes back within a minute to be flapping, 16 at most; 0 is never")
	fs.Var(durationFlag{&o.rules.KeepAlive}, "device-keepalive", "Keep Alive of the devices: a broker notices after 1.5 times as long")
	fs.Var(durationFlag{&o.rules.Slack}, "slack", "how much later it may notice")
	fs.Var(durationFlag{&o.rules.Period}, "period", "how often each device sends something (default: learned from what comes)")
	fs.IntVar(&o.rules.Periods, "periods", o.rules.Periods, "how many of these may pass before a device is silent")
	fs.BoolVar(&o.noPublish, "no-publish", false, "publish no sentinel; wait for a barrier and a pause instead")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "longest time for it all")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the subscriptions stand")
	addConnectionFlags(cmd, &o.connection, "subscribe")
}

// convention is the one that the flags ask for, with the contract that resolves the names of devices, or nil.
func (o *presenceOptions) convention(e *env, cmd *cobra.Command) (presence.Convention, *contract.Contract, error) {
	if o.template != "" {
		if given(cmd, "convention") {
			return nil, nil, usageError(cmd, "--topic and --convention exclude each other")
		}
		t, err := topic.ParseTemplate(o.template)
		if err != nil {
			return nil, nil, exit.Wrap(exit.Usage, "--topic", "", err).Hint("a filter over devices is --filter, or an argument")
		}
		return presence.NewCustom(t, o.words), nil, nil
	}
	if o.conventionName != "guide" {
		if o.words != (presence.Words{}) {
			return nil, nil, usageError(cmd, "--online-value, --offline-value and --path go with --topic or the convention guide")
		}
		c, err := presence.New(o.conventionName, o.prefix)
		if err != nil {
			return nil, nil, exit.Wrap(exit.Usage, "--convention", o.conventionName, err)
		}
		return c, nil, nil
	}
	if o.prefix != "" {
		return nil, nil, usageError(cmd, "--prefix goes with another --convention: a filter like %s/+/+ selects devices", o.prefix)
	}
	c, err := e.loadContract(o.contractFile)
	if err != nil {
		return nil, nil, err
	}
	return presence.NewGuide(c, o.words), c, nil
}

// choose finds out which devices are meant.
func (o *presenceOptions) choose(args []string, convention presence.Convention, c *contract.Contract) error {
	for _, f := range o.filters {
		args = append(args, f.String())
	}
	o.chosen, o.names = map[string]bool{}, nil
	for _, arg := range args {
		f, err := topic.ParseFilter(arg)
		switch {
		case err != nil:
			return exit.Wrap(exit.Usage, "device", "", err)
		case f.IsShared():
			return exit.New(exit.Usage, "device", fmt.Sprintf("%q", arg), "a shared subscription sees no status of the others")
		case f.HasWildcard():
			if err := checkPattern(f, c); err != nil {
				return err
			}
			o.addPattern(f, convention)
			continue
		}
		name := presence.Full(convention, arg)
		if c != nil {
			device, err := c.Resolve(arg)
			if err != nil {
				return exit.Wrap(exit.Usage, "", "", err).Hint("give the base topic, or a filter over base topics")
			}
			name = device.Base
		}
		if !o.chosen[name] {
			o.chosen[name] = true
			o.exact, o.names = append(o.exact, name), append(o.names, name)
		}
	}
	if len(o.names) == 0 {
		o.names = []string{presence.AllDevices}
	}
	if len(o.chosen)+len(o.patterns) > 0 {
		o.rules.Selects = o.selects
	}
	o.expect(c)
	return nil
}

// expect finds out which devices there must be.
func (o *presenceOptions) expect(c *contract.Contract) {
	o.expected = slices.Clone(o.exact)
	if c == nil {
		return
	}
	for _, d := range c.Devices.Inventory {
		if !o.chosen[d.Base] && (o.rules.Selects == nil || o.rules.Selects(d.Base)) {
			o.expected = append(o.expected, d.Base)
		}
	}
}

// checkPattern refuses a filter that no base topic of the contract can match.
func checkPattern(f topic.Filter, c *contract.Contract) error {
	if c == nil || len(c.Roots) > 0 || strings.HasSuffix(f.String(), "#") {
		return nil // a root may have any number of levels
	}
	base := strings.TrimSuffix(c.Taxonomy.String(), "/{kind}")
	if len(f.Levels()) == len(strings.Split(base, "/")) {
		return nil
	}
	return exit.New(exit.Usage, "device", fmt.Sprintf("%q", f), "no base topic like "+base+" can match it").
		Hint("a filter over base topics has as many levels, or ends in #")
}

func (o *presenceOptions) addPattern(f topic.Filter, convention presence.Convention) {
	name := presence.AllDevices
	if !strings.Contains(f.String(), "#") {
		name = presence.Full(convention, f.String())
		if full, err := topic.ParseFilter(name); err == nil {
			f = full
		}
	}
	o.patterns, o.names = append(o.patterns, f), append(o.names, name)
}

func (o *presenceOptions) selects(name string) bool {
	return o.chosen[name] || slices.ContainsFunc(o.patterns, func(f topic.Filter) bool { return f.Match(name) })
}

// check refuses flags that make no sense.
func (o *presenceOptions) check(cmd *cobra.Command) error {
	const mostFlaps = 16
	switch {
	case o.rules.FlapCount < 0 || o.rules.FlapCount > mostFlaps:
		return usageError(cmd, "--flaps %d: 0 to %d is expected", o.rules.FlapCount, mostFlaps)
	case o.rules.Periods < 1:
		return usageError(cmd, "--periods %d: at least 1 is expected", o.rules.Periods)
	}
	return nil
}

// sight is a look at a fleet.
type sight struct {
	*store
	*presence.Observation

	options *presenceOptions
	quiet   bool // says nothing of how complete a listing is
}

// look checks the flags, connects, and prepares to look.
func (o *presenceOptions) look(ctx context.Context, e *env, cmd *cobra.Command, args []string, keeps keeping) (*sight, error) {
	if err := o.check(cmd); err != nil {
		return nil, err
	}
	convention, c, err := o.convention(e, cmd)
	if err != nil {
		return nil, err
	}
	if err := o.choose(args, convention, c); err != nil {
		return nil, err
	}
	reading := &retainedOptions{connection: o.connection, timeout: o.timeout, noPublish: o.noPublish}
	back := make(chan struct{}, 1)
	s, err := reading.connectFor(ctx, e, cmd, telling(back, keeps))
	if err != nil {
		return nil, err
	}
	if len(reading.filters) > 0 && o.rules.Selects == nil { // a topic in the URL
		if err := o.choose([]string{reading.filters[0].String()}, convention, c); err != nil {
			s.close(ctx)
			return nil, err
		}
	}
	now := time.Now()
	o.rules.Traffic = !o.noTraffic
	fleet := presence.NewFleet(o.rules, now)
	return &sight{store: s, options: o, Observation: &presence.Observation{
		Session: s.session, Convention: convention, Fleet: fleet, Names: o.names, Expect: o.expected, V5: s.session.Caps().Version == wire.V5,
		Properties: o.connection.Properties.Subscribe, NoPublish: reading.noPublish, Deadline: s.deadline, Back: back,
	}}, nil
}

// telling is keeps, and tells back whenever a lost connection was replaced.
func telling(back chan<- struct{}, keeps keeping) keeping {
	return func(o client.Options) client.Options {
		o = keeps(o)
		report := o.Retry.Report
		o.Retry.Report = func(outage client.Outage) {
			if report != nil {
				report(outage)
			}
			if outage.LostAt.IsZero() || outage.BackAt.IsZero() {
				return
			}
			select {
			case back <- struct{}{}:
			default: // it is told already
			}
		}
		return o
	}
}

// begin reads what is retained, and then subscribes to what devices send if follow says so. After that it is ready.
func (s *sight) begin(ctx context.Context, follow func() bool) error {
	if err := s.list(ctx); err != nil {
		return err
	}
	if follow() {
		if err := s.followTraffic(ctx); err != nil {
			return err
		}
	}
	return readyFile(s.options.ready, "")
}

// list reads what is retained and says how it knows that this is all. An incomplete listing is an error.
func (s *sight) list(ctx context.Context) error {
	evidence, err := s.List(ctx)
	if err != nil {
		return s.ended(ctx, err)
	}
	if evidence == retained.Incomplete {
		s.env.note("%s", evidence)
		return exit.New(exit.Timeout, "presence", s.target.String(), fmt.Sprintf("%s within %s (--timeout), and there may be more",
			devices(s.Fleet.Len()), s.timeout))
	}
	if !s.quiet {
		s.env.note("%s", evidence)
	}
	return nil
}

// followTraffic subscribes to what devices send. Where that is refused, there is less to tell.
func (s *sight) followTraffic(ctx context.Context) error {
	if s.options.noTraffic {
		return nil
	}
	err := s.FollowTraffic(ctx)
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		s.env.note("warning: what devices send is not readable (%s): silence and late wills cannot be told by it", refused.Code)
		return nil
	}
	if err != nil {
		return s.ended(ctx, err)
	}
	return nil
}

// ended says how a look ended early.
func (s *sight) ended(ctx context.Context, err error) error {
	return s.endedEarly(ctx, "watch", err, devices(s.Fleet.Len())+" seen")
}

// remarks tells what a user should know about what was seen.
func (s *sight) remarks() {
	f := s.Fleet
	if n := f.Faults(); n > 0 {
		s.env.note("warning: %s could not be read%s", count(n, "status message"), s.firstFault())
	}
	if n := f.LeftOut(); n > 0 {
		s.env.note("warning: there are more devices than mqx keeps: %s left out", count(n, "message"))
	}
}

func (s *sight) firstFault() string {
	for d := range s.Fleet.All() {
		if d.Faults > 0 {
			return fmt.Sprintf("; %s: %s", d.Name, d.Fault)
		}
	}
	return ""
}

// devices is a number of devices in words.
func devices(n int) string { return count(n, "device") }
