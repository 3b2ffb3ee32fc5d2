package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/exit"
)

type brokerOptions struct {
	listen brokerListen
	access brokerAccess
	data   brokerData
	ready  string
	debug  bool
	limits brokerLimits
	faults brokerFaults
	print  bool
	// started, when set, takes the place of the ready line.
	started func([]listener) error
}

// brokerReady is the ready line of `mqx broker --json`: the plain listener, and all of them.
type brokerReady struct {
	URL       string   `json:"url"`
	Host      string   `json:"host"`
	Port      int      `json:"port"`
	Listeners []string `json:"listeners"`
}

func newBroker(e *env) *cobra.Command {
	o := &brokerOptions{}
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a small MQTT broker",
		Long: "Run a small MQTT 5, 3.1.1 and 3.1 broker, for development and tests. It listens on the loopback interface,\n" +
			"prints one line when it is ready, and ends on Ctrl-C (status 130) or SIGTERM (143).\n\n" +
			"With --users only they get in, with --acl they may do what the list says; SIGHUP reads both files and\n" +
			"certificates again. An address that others can reach needs one of --users and --allow-anonymous.\n\n" +
			"--faults takes rules ACTION [PACKET,…] [KEY=VALUE]…, separated by semicolons. ACTION is one of delay, drop,\n" +
			"duplicate, disconnect, refuse, truncate, blackhole and bandwidth; KEY one of client, topic, p, every, after, count,\n" +
			"by, jitter, for, code, rate and then. Each fault that strikes is a JSON line on stderr.",
		Example: "  mqx broker\n  mqx broker -p 0 --json\n  mqx broker --users passwords --acl acl --bind 0.0.0.0\n" +
			"  mqx broker --tls-auto --ws-port 9001",
		Args:        noArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	o.addFlags(fs)
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the broker listens; it holds the URL")
	fs.BoolVar(&o.print, "print-config", false, "print what the flags and the environment amount to, and end")
	e.addJSONFlag(cmd, "print the ready line as JSON")
	cmd.RunE = e.run(func(ctx context.Context, _ []string) error { return o.run(ctx, e, cmd) })
	e.addCommands(cmd,
		subcommand{"run", newBrokerRun},
		subcommand{"status", newBrokerStatus},
		subcommand{"passwd", newBrokerPasswd},
		subcommand{"export", newBrokerExport},
	)
	return cmd
}

// addFlags gives a command the flags of the broker itself.
func (o *brokerOptions) addFlags(fs *pflag.FlagSet) {
	o.listen.addFlags(fs)
	o.access.addFlags(fs)
	o.data.addFlags(fs)
	fs.BoolVarP(&o.debug, "debug", "d", false, "report on stderr why connections end")
	o.limits.addFlags(fs)
	o.faults.addFlags(fs)
}

func (o *brokerOptions) run(ctx context.Context, e *env, cmd *cobra.Command) error {
	e.keepHeadroom()
	if err := o.limits.check(readVersion().Version); err != nil {
		return err
	}
	config := &o.limits.config
	if err := o.faults.apply(ctx, e, config); err != nil {
		return err
	}
	if o.print {
		return printConfig(e, cmd)
	}
	if o.debug {
		config.Logger = slog.New(slog.NewTextHandler(e.streams.Err, nil))
	}
	listeners, err := o.listen.open(ctx, e, o.access.guards())
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	if err := o.access.open(ctx, e, config); err != nil {
		return err
	}
	config.FaultControl = isLoopback(o.listen.bind)
	if ctx, err = o.data.open(ctx, config); err != nil {
		return err
	}
	return o.data.close(o.serve(ctx, e, listeners))
}

// serve runs the broker until ctx ends.
func (o *brokerOptions) serve(ctx context.Context, e *env, listeners []listener) error {
	b := broker.New(o.limits.config)
	if err := b.Restore(); err != nil {
		return openDataError(o.data.dir, err)
	}
	defer o.reloadOnSignal(ctx, e, b)()
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		ended <- b.Shutdown(grace)
	})
	if err := o.announce(e, listeners); err != nil {
		return err
	}
	served, err := serveAll(b, listeners)
	if stop() { // nobody asked it to stop
		return exit.Wrap(exit.Unreachable, "listen", served.url, err)
	}
	if err := <-ended; err != nil {
		return exit.Wrap(exit.Unreachable, "shut down", served.url, err)
	}
	return context.Cause(ctx)
}

// serveAll serves until one listener ends, and returns that.
func serveAll(b *broker.Broker, listeners []listener) (listener, error) {
	type end struct {
		l   listener
		err error
	}
	ends := make(chan end, len(listeners))
	for _, l := range listeners {
		go func() { ends <- end{l, b.Serve(l)} }()
	}
	first := <-ends
	return first.l, first.err
}

// announce says that the broker is ready, and where.
func (o *brokerOptions) announce(e *env, listeners []listener) error {
	if o.started != nil {
		return o.started(listeners)
	}
	r := brokerReady{URL: listeners[0].url}
	host, port, err := net.SplitHostPort(listeners[0].Addr().String())
	if err != nil {
		return err
	}
	r.Host = host
	if r.Port, err = strconv.Atoi(port); err != nil {
		return err
	}
	for _, l := range listeners {
		r.Listeners = append(r.Listeners, l.url)
	}
	if e.json {
		err = json.NewEncoder(e.streams.Out).Encode(r)
	} else {
		_, err = fmt.Fprintf(e.streams.Out, "listening on %s\n", strings.Join(r.Listeners, ", "))
	}
	if err != nil {
		return err
	}
	return readyFile(o.ready, r.URL+"\n")
}
