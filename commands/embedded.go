package commands

import (
	"context"
	"net"
	"net/netip"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
)

// privateBroker starts a broker in this process, on a free port of the loopback interface. It ends with stop.
func privateBroker(ctx context.Context) (address netip.AddrPort, stop func(), err error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return address, nil, exit.Wrap(exit.Usage, "listen", "127.0.0.1", err)
	}
	if address, err = netip.ParseAddrPort(l.Addr().String()); err != nil {
		return address, nil, err
	}
	b := broker.New(broker.Config{})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = b.Serve(l) // a listener that fails shows in the command, which cannot connect
	}()
	return address, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = b.Shutdown(grace) // private to the command, which is over
		<-served
	}, nil
}

// embeddedBroker starts the broker of --embedded, which ends with the command.
func (e *env) embeddedBroker(ctx context.Context) (link.Target, error) {
	address, stop, err := privateBroker(ctx)
	if err != nil {
		return link.Target{}, err
	}
	e.atEnd = append(e.atEnd, stop)
	target := link.Target{Host: address.Addr().String(), Port: int(address.Port())}
	e.note("a private broker listens on %s", target)
	return target, nil
}
