package commands

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/userfile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// reloadOnSignal reads the files for access and TLS again at SIGHUP, if there are any. The function that it returns ends that.
func (o *brokerOptions) reloadOnSignal(ctx context.Context, e *env, b *broker.Broker) (stop func()) {
	if o.access.guard == nil && o.listen.secure.Load() == nil {
		return func() {}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-signals:
				o.reload(ctx, e, b)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		cancel()
		<-ended
	}
}

// reload reads all files again. What they say holds together or, after a mistake in one of them, not at all.
func (o *brokerOptions) reload(ctx context.Context, e *env, b *broker.Broker) {
	secure := o.listen.secure.Load()
	var err error
	if secure != nil {
		secure, err = o.listen.readTLS(ctx, userfile.Again)
	}
	outdated := func(broker.ClientInfo) bool { return false }
	if err == nil && o.access.guard != nil {
		outdated, err = o.access.guard.Reload(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			e.note("the files stay as they were: %v", err)
		}
		return
	}
	var read []string
	if o.access.guard != nil {
		read = append(read, "users and access list")
	}
	if secure != nil {
		o.listen.secure.Store(secure)
		read = append(read, "certificates")
	}
	n := b.Expel(wire.NotAuthorized, outdated)
	e.note("read %s again; %s had to go", strings.Join(read, ", "), count(n, "client"))
}
