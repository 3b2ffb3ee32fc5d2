package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/exit"
)

type brokerOptions struct {
	port           int
	bind           string
	allowAnonymous bool
	ready          string
	debug          bool
	limits         broker.Config
}

// brokerReady is the ready line of `mqx broker --json`.
type brokerReady struct {
	URL  string `json:"url"`
	Host string `json:"host"`
	Port int    `json:"port"`
}

func newBroker(e *env) *cobra.Command {
	o := &brokerOptions{}
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a small MQTT broker",
		Long: "Run a small MQTT 5, 3.1.1 and 3.1 broker in memory, for development and tests. It listens on the loopback\n" +
			"interface, prints one line when it is ready, and ends on Ctrl-C (status 130) or SIGTERM (143).",
		Example:     "  mqx broker\n  mqx broker -p 0 --json",
		Args:        noArgs,
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.IntVarP(&o.port, "port", "p", 1883, "port to listen on, 0 picks a free one")
	fs.StringVar(&o.bind, "bind", "127.0.0.1", "address to listen on")
	fs.BoolVar(&o.allowAnonymous, "allow-anonymous", false, "let everybody in, also on an address that others can reach")
	fs.StringVar(&o.ready, "ready-file", "", "create this file when the broker listens; it holds the URL")
	fs.BoolVarP(&o.debug, "debug", "d", false, "report on stderr why connections end")
	fs.Uint32Var(&o.limits.MaxPacketSize, "max-packet-size", 0, "largest packet to accept, in bytes (default: the protocol's limit)")
	fs.Uint16Var(&o.limits.ReceiveMaximum, "max-inflight", 0, "QoS 2 messages that a client may have open (default 1024)")
	fs.IntVar(&o.limits.MaxQueuedMessages, "max-queued-messages", 0, "messages that may wait for a client (default 100000)")
	fs.Int64Var(&o.limits.MaxQueuedBytes, "max-queued-bytes", 0, "bytes that may wait for a client (default 64 MiB)")
	e.addJSONFlag(cmd, "print the ready line as JSON")
	cmd.RunE = e.run(func(ctx context.Context, _ []string) error { return o.run(ctx, e) })
	return cmd
}

func (o *brokerOptions) run(ctx context.Context, e *env) error {
	if o.limits.MaxQueuedMessages < 0 || o.limits.MaxQueuedBytes < 0 {
		return exit.New(exit.Usage, "--max-queued-messages, --max-queued-bytes", "", "they cannot be negative")
	}
	if o.debug {
		o.limits.Logger = slog.New(slog.NewTextHandler(e.streams.Err, nil))
	}
	l, err := o.listen(ctx)
	if err != nil {
		return err
	}
	b := broker.New(o.limits)
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		ended <- b.Shutdown(grace)
	})
	if err := o.announce(e, l.Addr()); err != nil {
		_ = l.Close()
		return err
	}
	err = b.Serve(l)
	if stop() { // nobody asked it to stop
		return exit.Wrap(exit.Unreachable, "listen", l.Addr().String(), err)
	}
	if err := <-ended; err != nil {
		return exit.Wrap(exit.Unreachable, "shut down", l.Addr().String(), err)
	}
	return context.Cause(ctx)
}

// listen opens the listener. An address that others can reach is refused as long as everybody is let in.
func (o *brokerOptions) listen(ctx context.Context) (net.Listener, error) {
	if o.port < 0 || o.port > 65535 {
		return nil, exit.New(exit.Usage, "--port", strconv.Itoa(o.port), "not from 0 to 65535")
	}
	address := net.JoinHostPort(o.bind, strconv.Itoa(o.port))
	if !o.allowAnonymous && !isLoopback(o.bind) {
		return nil, exit.New(exit.Usage, "--bind", o.bind, "everybody who can reach this address could publish and subscribe").
			Hint("pass --allow-anonymous if that is wanted")
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, exit.New(exit.Usage, "listen", address, "the port is in use").Hint("-p 0 picks a free one")
	case errors.Is(err, syscall.EACCES):
		return nil, exit.New(exit.Usage, "listen", address, "not allowed").Hint("ports below 1024 are often reserved")
	default:
		cause := err
		if op, ok := errors.AsType[*net.OpError](err); ok {
			cause = op.Err
		}
		return nil, exit.Wrap(exit.Usage, "listen", address, cause)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// announce says that the broker is ready, and where.
func (o *brokerOptions) announce(e *env, a net.Addr) error {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return err
	}
	r := brokerReady{URL: "mqtt://" + net.JoinHostPort(host, port), Host: host}
	if r.Port, err = strconv.Atoi(port); err != nil {
		return err
	}
	if e.json {
		err = json.NewEncoder(e.streams.Out).Encode(r)
	} else {
		_, err = fmt.Fprintf(e.streams.Out, "listening on %s\n", r.URL)
	}
	if err != nil {
		return err
	}
	return readyFile(o.ready, r.URL+"\n")
}
