package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

type simulateDeviceOptions struct {
	connection config.Connection

	signals  []string
	contract string
	ready    string
	seed     uint64
	count    int
	length   time.Duration
}

func newSimulateDevice(e *env) *cobra.Command {
	o := &simulateDeviceOptions{}
	cmd := &cobra.Command{
		Use:   "device DEVICE",
		Short: "Be one device until Ctrl-C",
		Long: "Be one device, without any file: it is born and has a Will Message, sends signals, takes every desired state and\n" +
			"reports it, answers commands once each, and comes back after a lost connection. Ctrl-C publishes offline; who kills it\n" +
			"with SIGKILL sees the Will Message.\n\n" +
			"A signal is NAME[UNIT]=GENERATOR[:VALUES][@EVERY], any number of them; without one it is temp[C]=walk:18..26@2s.\n" +
			"The unit may be left out where the name says it, such as temp and humidity; EVERY is 10s. Generators are those of\n" +
			"profiles: walk:18..26, uniform:1..6, counter:{step: 1}, pick:open,closed, season:{…}, expr:n*2, or a constant. The\n" +
			"setting interval_s of the desired state is the time between measurements, in seconds.\n\n" +
			"Every message that is sent or received is printed: time, sent or received, topic, payload. Status 0 after --count or\n" +
			"--duration, 130 after Ctrl-C.",
		Example: "  mqx simulate device acme/site-1/device-42 --signal 'temp[C]=walk:18..26@2s'\n" +
			"  mqx simulate device acme/site-1/door-1 --signal door=pick:open,closed@30s --json",
		Args:        cobra.ArbitraryArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&o.signals, "signal", nil, "a signal: NAME[UNIT]=GENERATOR[:VALUES][@EVERY]; may be repeated")
	fs.Uint64Var(&o.seed, "seed", 0, "the same seed gives the same values (default: another each time)")
	fs.IntVarP(&o.count, "count", "C", 0, "end after so many measurements")
	fs.Var(durationFlag{&o.length}, "duration", "end after so long")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the device is born")
	fs.StringVar(&o.contract, "contract", "", "contract file (default: "+contract.FileName+" here or in a folder above)")
	e.addJSONFlag(cmd, "print each message as a JSON object")
	addConnectionFlags(cmd, &o.connection, "subscribe")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		if err := o.check(cmd, args); err != nil {
			return err
		}
		return o.run(ctx, e, cmd, args[0])
	})
	return cmd
}

func (o *simulateDeviceOptions) check(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(cmd, "one device is expected")
	}
	if o.count < 0 || o.length < 0 {
		return usageError(cmd, "--count and --duration cannot be negative")
	}
	if o.connection.Properties.Publish != nil {
		return usageError(cmd, "-D publish: the device's messages have properties of their own")
	}
	for _, name := range []string{"presence", "will-topic"} {
		if cmd.Flags().Changed(name) {
			return usageError(cmd, "--%s: the device has a Will Message of its own", name)
		}
	}
	return nil
}

func (o *simulateDeviceOptions) run(ctx context.Context, e *env, cmd *cobra.Command, name string) error {
	run, device, err := o.prepare(e, cmd, name)
	if err != nil {
		return err
	}
	if o.connection.ClientID == "" {
		o.connection.ClientID = device.ClientID
		if device.ClientID == "" {
			o.connection.ClientID = strings.ReplaceAll(device.Base, "/", "-")
		}
	}
	if o.connection.Username == "" && device.Username != "" {
		e.note("the contract says that this device logs in as %s (--username)", device.Username)
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	live := simulate.NewLive(run)
	log := &deviceLog{env: e, lines: output.NewLines(e.streams), count: o.count}
	live.Sent, live.Received = log.sent, log.received
	live.Born = func() error { return readyFile(o.ready, "") }
	live.Properties = o.connection.Properties.Subscribe
	live.Refused = func(topic string, err error) { e.note("warning: %s: %s", topic, err) }
	s, err := e.openWatch(ctx, live.Options(r.Options))
	if err != nil {
		return err
	}
	defer closeSession(ctx, s)
	return o.live(ctx, live, s, log, r.Options.Target)
}

// prepare makes the run of the device.
func (o *simulateDeviceOptions) prepare(e *env, cmd *cobra.Command, name string) (*simulate.Run, contract.Device, error) {
	c, err := e.loadContract(o.contract)
	if err != nil {
		return nil, contract.Device{}, err
	}
	device, err := c.Resolve(name)
	if err != nil {
		return nil, device, exit.Wrap(exit.Usage, "", "", err)
	}
	if !c.Knows(device.Base) {
		e.note("%s is not in the inventory", device.Base)
	}
	signals := o.signals
	if len(signals) == 0 {
		signals = []string{"temp[C]=walk:18..26@2s"}
	}
	p, err := profile.Single(device.Vars, signals)
	if err != nil {
		return nil, device, exit.Wrap(exit.Usage, "--signal", "", err)
	}
	layout, err := p.Layout(c)
	if err != nil {
		return nil, device, exit.Wrap(exit.Usage, "device", "", err)
	}
	for _, s := range p.Types[0].Signals {
		if s.Unit == "" && s.Value.Numeric(p.Types[0]) {
			e.note("warning: %s has no unit: write %s[UNIT]=…, with [1] for a mere number", s.Name, s.Name)
		}
	}
	p.Seed = o.seed
	if !cmd.Flags().Changed("seed") {
		p.Seed = rand.Uint64() //nolint:gosec // G404: no secret, it only tells lives apart
	}
	return simulate.NewRun(p, layout, time.Now(), nil), device, nil
}

// live lives until the stated end, and takes leave.
func (o *simulateDeviceOptions) live(ctx context.Context, live *simulate.Live, s *client.Session, log *deviceLog, t link.Target) error {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.length > 0 {
		bounded, cancel = context.WithTimeout(ctx, o.length)
		defer cancel()
	}
	err := live.Run(bounded, s)
	log.count = 0
	leaving, stop := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer stop()
	if left := live.Leave(leaving, s); left != nil && s.Err() == nil && !errors.Is(left, exit.ErrOutputClosed) {
		log.env.note("warning: the broker has not confirmed that the device is offline")
	}
	var cause *exit.Error
	switch {
	case errors.Is(err, simulate.ErrDone), errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", messages(log.measured)+" sent")
	case errors.Is(err, client.ErrConnectionLost), errors.Is(err, client.ErrTakenOver):
		return lostError("simulate on", t, err, messages(log.measured)+" sent")
	}
	if _, refused := errors.AsType[*client.RefusedError](err); refused {
		return requestError("simulate", err)
	}
	return err
}

// deviceLog prints what a device sends and receives.
type deviceLog struct {
	env      *env
	lines    *output.Lines
	count    int // of measurements after which it is enough; 0 is never
	measured int
	text     []byte
}

func (l *deviceLog) sent(m *simulate.Made) error {
	sent := m.Message
	sent.Time = time.Now()
	if err := l.print("sent", sent); err != nil {
		return err
	}
	if m.Signal == "" {
		return nil
	}
	if l.measured++; l.measured == l.count {
		return simulate.ErrDone
	}
	return nil
}

func (l *deviceLog) received(m message.Message) error { return l.print("received", m) }

func (l *deviceLog) print(what string, m message.Message) error {
	if l.env.json {
		l.text = fmt.Appendf(l.text[:0], `{"event":%q,`, what)
		object := message.AppendJSON(nil, m)
		l.text = append(l.text, object[1:]...)
		l.lines.JSON(l.text)
		return l.lines.Flush()
	}
	l.lines.Text(fmt.Sprintf("%s\t%s\t%s\t%s\n", timeText(m.Time), what, escaped(m.Topic), escaped(string(m.Payload))))
	return l.lines.Flush()
}
