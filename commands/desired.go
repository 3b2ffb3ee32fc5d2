package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/twin"
)

const (
	// storeTimeout bounds a change without --wait, waitTimeout one with it and a wait.
	storeTimeout = 30 * time.Second
	waitTimeout  = 60 * time.Second
)

func newDesired(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "desired",
		Short: "Say what devices shall be like, and know that they are",
		Long: "Work with the desired and the reported document of devices. The desired one is retained, so that a device sees it\n" +
			"whenever it comes; the device answers with what it is really like.\n\n" +
			"A device is its base topic (acme/lyon/cr-001), or the last levels of it where the contract file says which device\n" +
			"is meant. One with wildcards (acme/lyon/+) stands for all of which something is retained.",
		Example: "  mqx desired set acme/lyon/cr-001 interval_s=30 mode=eco --wait\n" +
			"  mqx desired diff 'acme/lyon/+'",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd,
		subcommand{"get", newDesiredGet},
		subcommand{"set", newDesiredSet},
		subcommand{"diff", newDesiredDiff},
		subcommand{"wait", newDesiredWait},
		subcommand{"watch", newDesiredWatch},
		subcommand{"clear", newDesiredClear},
		subcommand{"export", newDesiredExport},
		subcommand{"import", newDesiredImport},
		subcommand{"history", newDesiredHistory},
	)
	return cmd
}

// desiredOptions are those of every `desired` command.
type desiredOptions struct {
	connection config.Connection
	keeps      keeping // once unless set

	contract  string
	doc       string
	filters   []topic.Filter
	where     string
	fromFile  string
	timeout   time.Duration
	noPublish bool
	ready     string
	tolerance toleranceFlag
	by        string // of changes
}

func (o *desiredOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.VarP(filtersFlag{&o.filters}, "filter", "t", "devices, as base topics with wildcards (repeatable; arguments too)")
	fs.StringVar(&o.fromFile, "from-file", "", "file with a device a line, - is standard input")
	fs.StringVar(&o.where, "where", "", "only devices for which this expression holds, on reported, desired, rev, status, device and levels")
	fs.StringVar(&o.doc, "doc", "", "one of several documents of a device, by name")
	fs.StringVar(&o.contract, "contract", "", "contract file (default: "+contract.FileName+" here or in a folder above)")
	fs.VarP(durationFlag{&o.timeout}, "timeout", "W", "longest time for it all")
	fs.BoolVar(&o.noPublish, "no-publish", false, "publish no sentinel; wait for a barrier and a pause instead")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the subscriptions stand")
	addConnectionFlags(cmd, &o.connection, "publish")
}

func (o *desiredOptions) addToleranceFlag(cmd *cobra.Command) {
	cmd.Flags().Var(&o.tolerance, "tolerance", "by how much numbers may differ: N, or /pointer=N for one setting (repeatable)")
}

// fleet are devices at a broker.
type fleet struct {
	*twin.Group

	env     *env
	session *client.Session
	target  link.Target
	named   map[string]bool // single devices that were asked for

	convention *twin.Convention
	progress   *output.Progress
	where      *twin.Where // nil for all
	alone      bool        // a single device was asked for, by its name
}

// devices resolves arguments, filters and the file.
func (o *desiredOptions) devices(e *env, c *contract.Contract, args []string) (bases []string, single map[string]bool, err error) {
	single = map[string]bool{}
	names := slices.Clone(args)
	if o.fromFile != "" {
		listed, err := e.deviceList(o.fromFile)
		if err != nil {
			return nil, nil, err
		}
		names = append(names, listed...)
	}
	for _, f := range o.filters {
		names = append(names, f.String())
	}
	for _, name := range names {
		if strings.ContainsAny(name, "+#") {
			if _, err := topic.ParseFilter(name); err != nil {
				return nil, nil, exit.Wrap(exit.Usage, "device", "", err)
			}
			bases = append(bases, name)
			continue
		}
		d, err := c.Resolve(name)
		if err != nil {
			return nil, nil, exit.Wrap(exit.Usage, "", "", err)
		}
		if !c.Knows(d.Base) {
			e.note("%s is not in the inventory", d.Base)
		}
		if !single[d.Base] {
			bases, single[d.Base] = append(bases, d.Base), true
		}
	}
	return bases, single, nil
}

// deviceList reads a file with a device a line; empty lines and those that begin with # do not count.
func (e *env) deviceList(file string) ([]string, error) {
	text, err := e.readInput(file)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--from-file", "", err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names, nil
}

// conventions reads the contract, and takes what it says of numbers where no flag says it.
func (o *desiredOptions) conventions(e *env) (*contract.Contract, *twin.Convention, error) {
	c, err := e.loadContract(o.contract)
	if err != nil {
		return nil, nil, err
	}
	convention, err := twin.NewConvention(c, o.doc)
	if err != nil {
		return nil, nil, exit.Wrap(exit.Usage, "--doc", "", err)
	}
	if o.tolerance.Tolerance, err = convention.Tolerance(o.tolerance.Tolerance); err != nil {
		return nil, nil, exit.Wrap(exit.Usage, "contract", c.File, err)
	}
	return c, convention, nil
}

// connect connects and makes the group of devices; nothing is read yet.
func (o *desiredOptions) connect(ctx context.Context, e *env, cmd *cobra.Command, args []string) (*fleet, error) {
	c, convention, err := o.conventions(e)
	if err != nil {
		return nil, err
	}
	where, err := o.condition()
	if err != nil {
		return nil, err
	}
	bases, single, err := o.devices(e, c, args)
	if err != nil {
		return nil, err
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return nil, err
	}
	if len(bases) == 0 && r.Topic != "" {
		if bases, single, err = o.devices(e, c, []string{r.Topic}); err != nil {
			return nil, err
		}
	}
	if len(bases) == 0 {
		return nil, usageError(cmd, "which device? one is needed, or a filter like 'acme/lyon/+'")
	}
	options := o.groupOptions(e, where)
	progress := output.NewProgress(e.streams)
	options.Progress = progress.Update
	if o.timeout > 0 {
		options.Deadline = time.Now().Add(o.timeout)
		r.Options.ConnectTimeout = min(r.Options.ConnectTimeout, o.timeout)
	}
	keeps := o.keeps
	if keeps == nil {
		keeps = once
	}
	s, err := e.openToList(ctx, keeps(r.Options), &options.NoPublish)
	if err != nil {
		return nil, err
	}
	f := &fleet{
		env: e, session: s, target: r.Options.Target, named: single, convention: convention, progress: progress, where: where,
		alone: len(bases) == 1 && len(single) == 1,
	}
	if !s.Caps().RetainAvailable {
		closeSession(ctx, s)
		return nil, exit.New(exit.Usage, "desired", f.target.String(),
			"the broker keeps no retained messages (Retain Available 0), so that nothing can be desired there")
	}
	if f.Group, err = twin.Select(s, convention, bases, options); err != nil {
		closeSession(ctx, s)
		return nil, exit.Wrap(exit.Usage, "device", "", err)
	}
	return f, nil
}

// groupOptions are those that the flags say.
func (o *desiredOptions) groupOptions(e *env, where *twin.Where) twin.Options {
	return twin.Options{
		By: o.by, NoPublish: o.noPublish, Settle: settle, Tolerance: o.tolerance.Tolerance, Where: where,
		Publish: o.connection.Properties.Publish, Subscribe: o.connection.Properties.Subscribe,
		Note:  func(text string) { e.note("%s", text) },
		Ready: func() error { return readyFile(o.ready, "") },
	}
}

// condition compiles --where.
func (o *desiredOptions) condition() (*twin.Where, error) {
	if o.where == "" {
		return nil, nil //nolint:nilnil // no condition holds for all
	}
	where, err := twin.NewWhere(o.where)
	if err != nil {
		return nil, whereError(err, `reported.fw < "2.1" && status == "online"`)
	}
	return where, nil
}

// settle is how long a message of another writer may take to arrive.
const settle = 250 * time.Millisecond

// writer is who we are, for the documents.
func writer() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return "mqx:" + name + "@" + host
}

func (f *fleet) close(ctx context.Context) { closeSession(ctx, f.session) }

// read reads the documents of the devices.
func (f *fleet) read(ctx context.Context, needs twin.Needs) error {
	if err := f.Read(ctx, needs); err != nil {
		return f.failure(ctx, "read from", err, "")
	}
	for _, t := range f.Twins() {
		if t.Desired != nil {
			f.env.saw(t.Desired.Message.Topic)
		}
	}
	if f.where == nil {
		return nil
	}
	if n, first := f.where.Failed(); n > 0 {
		f.env.note("%s left out: --where makes no sense for them, first: %s", devices(n), first)
	}
	return nil
}

// nobody is the error that no device is left to work on.
func (f *fleet) nobody(what, why string) error {
	if n := f.LeftOut(); n > 0 {
		why = "--where holds for none of " + devices(n)
	}
	return exit.New(exit.Negative, what, "", why)
}

// failure is an error that ends all: a refusal, a signal, a lost connection, a deadline.
func (f *fleet) failure(ctx context.Context, what string, err error, counts string) error {
	var cause *exit.Error
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case errors.Is(err, exit.ErrOutputClosed), errors.Is(context.Cause(ctx), exit.ErrOutputClosed):
		return exit.ErrOutputClosed
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", counts)
	case errors.As(err, &cause):
		return cause
	case refused, errors.Is(err, client.ErrNoAnswer):
		return requestError("subscribe", err)
	case errors.Is(err, client.ErrConnectionLost):
		return lostError(what, f.target, err, counts)
	case errors.Is(err, twin.ErrIncomplete), errors.Is(err, context.DeadlineExceeded):
		return exit.New(exit.Timeout, what, f.target.String(), "it took longer than --timeout").Hint(counts)
	default:
		return err
	}
}

// codeOf is the exit status of what became of one device.
func codeOf(o twin.Outcome) exit.Code {
	switch o {
	case twin.Refused:
		return exit.Refused
	case twin.BadData:
		return exit.BadData
	case twin.Conflicted, twin.Superseded:
		return exit.Conflict
	case twin.Rejected:
		return exit.Rejected
	case twin.Offline:
		return exit.Offline
	case twin.TimedOut:
		return exit.Timeout
	case twin.Unknown:
		return exit.Unreachable
	case twin.Invalid, twin.Missing, twin.NotStarted:
		return exit.Negative
	default:
		return exit.OK
	}
}

// judge returns the error of a command by what became of its devices: that of the only one, or of the worst when none of
// several succeeded.
func judge(what string, results []twin.Result) error {
	worst, failed := exit.OK, 0
	order := []exit.Code{
		exit.Refused, exit.BadData, exit.Conflict, exit.Rejected, exit.Offline, exit.Timeout, exit.Unreachable, exit.Negative,
	}
	for _, r := range results {
		code := codeOf(r.Outcome)
		if code == exit.OK {
			continue
		}
		failed++
		if worst == exit.OK || slices.Index(order, code) < slices.Index(order, worst) {
			worst = code
		}
	}
	switch {
	case failed == 0:
		return nil
	case len(results) == 1:
		r := results[0]
		e := exit.Wrap(worst, what, r.Device, fmt.Errorf("%s: %w", r.Outcome, r.Why))
		if r.Why == nil {
			e.Why = errors.New(string(r.Outcome))
		}
		return e
	case failed < len(results):
		return exit.New(exit.Partial, what, "", fmt.Sprintf("%d of %d devices failed", failed, len(results)))
	default:
		return exit.New(worst, what, "", fmt.Sprintf("all of %d devices failed", failed))
	}
}

// isNamed reports whether the device was asked for by its name.
func (f *fleet) isNamed(device string) bool { return f.named[device] }
