package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/userfile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// closeTimeout bounds the goodbye to a server that does not read any more.
const closeTimeout = 3 * time.Second

// ackTimeout is how long a broker that is there may acknowledge nothing.
const ackTimeout = 30 * time.Second

// resolve turns the connection flags of cmd into options.
func (e *env) resolve(ctx context.Context, cmd *cobra.Command, c *config.Connection) (config.Resolved, error) {
	c.Given, c.Environ = origins(cmd), e.getenv
	if err := e.resolvePresence(cmd, c); err != nil {
		return config.Resolved{}, err
	}
	r, err := c.Resolve(config.Secrets{
		Prompt: e.promptSecret(ctx), Getenv: e.getenv, Run: config.Shell(ctx, e.streams.Err), ReadFile: connectionFile(ctx),
	})
	if err != nil {
		return r, err
	}
	if c.Embedded {
		if r.Options.Target, err = e.embeddedBroker(ctx); err != nil {
			return r, err
		}
	}
	for _, w := range r.Warnings {
		e.note("warning: %s", w)
	}
	if debug, _ := cmd.Flags().GetBool("debug"); debug {
		trace := output.NewTrace(e.streams.Err)
		trace.HideUser = c.Given["username"] == config.FromContext && config.IsReference(c.Username)
		r.Options.Trace = trace.Packet
	}
	r.Options.AckTimeout = ackTimeout
	r.Options.Retry.Report = (&outageReport{env: e, target: r.Options.Target}).note
	return r, nil
}

// connectionFile reads what a connection needs from files, until ctx ends.
func connectionFile(ctx context.Context) func(name string) ([]byte, error) {
	const most = 64 << 20
	return func(name string) ([]byte, error) { return userfile.Read(ctx, name, most) }
}

// resolvePresence turns the device of --presence into its status topic.
func (e *env) resolvePresence(cmd *cobra.Command, c *config.Connection) error {
	if c.Presence == "" {
		return nil
	}
	file := ""
	if f := cmd.Flags().Lookup("contract"); f != nil {
		file = f.Value.String()
	}
	agreed, err := e.loadContract(file)
	if err != nil {
		return err
	}
	status, err := agreed.StatusTopic(c.Presence)
	if err != nil {
		return exit.Wrap(exit.Usage, "--presence", "", err)
	}
	c.Presence = string(status)
	return nil
}

// promptSecret asks on the terminal.
func (e *env) promptSecret(ctx context.Context) config.Prompt {
	return func(question string) (string, error) {
		f, done, err := e.keyboard()
		if err != nil {
			return "", err
		}
		defer done()
		defer fmt.Fprintln(e.streams.Err)
		return config.ReadSecret(ctx, f, func() { fmt.Fprint(e.streams.Err, question) })
	}
}

// keyboard is the terminal to ask for a secret on: standard input, or, where that is data, the one that commands of this
// window share. Done ends its use.
func (e *env) keyboard() (f *os.File, done func(), err error) {
	if f, ok := e.streams.In.(*os.File); ok && e.streams.InTTY {
		return f, func() {}, nil
	}
	if e.streams.ErrTTY { // else the question would not be seen
		if f, err := config.OpenTerminal(); err == nil {
			return f, func() { _ = f.Close() }, nil
		}
	}
	return nil, nil, errors.New("there is no terminal to ask on; use --password-file")
}

// keeping says what becomes of a lost connection: once, asAsked and watching.
type keeping func(client.Options) client.Options

// once is for a command whose work needs one connection: --retry is for getting it, and its loss is the end.
func once(o client.Options) client.Options {
	o.Retry.Reconnect = 0
	return o
}

// asAsked is for a command that can go on over a new connection: as --retry says.
func asAsked(o client.Options) client.Options {
	o.Retry.Reconnect = max(o.Retry.Reconnect, 0)
	return o
}

// watching is for a command that watches: it reconnects for ever, unless --retry says otherwise.
func watching(o client.Options) client.Options {
	if o.Retry.Reconnect == config.RetryDefault {
		o.Retry.Reconnect = client.Forever
	}
	return o
}

// open connects once.
func (e *env) open(ctx context.Context, o client.Options) (*client.Session, error) {
	return e.connect(ctx, once(o))
}

// openLasting connects as asked.
func (e *env) openLasting(ctx context.Context, o client.Options) (*client.Session, error) {
	return e.connect(ctx, asAsked(o))
}

// openWatch connects for watching.
func (e *env) openWatch(ctx context.Context, o client.Options) (*client.Session, error) {
	return e.connect(ctx, watching(o))
}

func (e *env) connect(ctx context.Context, o client.Options) (*client.Session, error) {
	s, err := client.Open(ctx, o)
	if err != nil {
		return nil, connectError(o.Target, err)
	}
	return s, nil
}

// openToList connects and sets noPublish if the Server lets this user publish no sentinel. Some Servers hang up on who may not
// publish. Where lost connections are replaced, the Session goes on over the next one, and nobody is told: nothing is missed.
func (e *env) openToList(ctx context.Context, o client.Options, noPublish *bool) (*client.Session, error) {
	if *noPublish {
		return e.connect(ctx, o)
	}
	if o.Retry.Reconnect > 0 && (o.Announce != nil || o.Will != nil) {
		return e.openToListQuietly(ctx, o, noPublish)
	}
	probing := &silence{report: o.Retry.Report}
	quiet := o
	quiet.Retry.Report = probing.note
	s, err := e.connect(ctx, quiet)
	if err != nil {
		return nil, err
	}
	probing.begin()
	may, err := retained.Probe(ctx, s)
	probing.end()
	*noPublish = err == nil && !may
	if errors.Is(err, client.ErrConnectionLost) && !isSentAway(err) {
		s.Abandon()
		*noPublish = true
		return e.connect(ctx, o)
	}
	if err != nil {
		closeSession(ctx, s)
		return nil, requestError("subscribe", err)
	}
	return s, nil
}

// isSentAway reports whether the Server said that it does not want this client at all, whatever it publishes.
func isSentAway(err error) bool {
	said, disconnected := errors.AsType[*client.DisconnectedError](err)
	if !disconnected {
		return false
	}
	switch said.Code {
	case wire.UseAnotherServer, wire.ServerMoved, wire.SessionTakenOver, wire.ServerShuttingDown:
		return true
	default:
		return false
	}
}

// openToListQuietly is openToList for a client that others watch: they must not see it go and come back.
func (e *env) openToListQuietly(ctx context.Context, o client.Options, noPublish *bool) (*client.Session, error) {
	first := once(o)
	first.Announce, first.Will = nil, nil
	s, err := e.openToList(ctx, first, noPublish)
	if err != nil {
		return nil, err
	}
	closeSession(ctx, s)
	return e.connect(ctx, o)
}

// silence holds back reports of outages for a while.
type silence struct {
	report func(client.Outage)

	mu     sync.Mutex
	silent bool
	held   *client.Outage // the last that was held back and has not ended
}

func (s *silence) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

// end tells of an outage that has not ended.
func (s *silence) end() {
	s.mu.Lock()
	held := s.held
	s.silent, s.held = false, nil
	s.mu.Unlock()
	if held != nil {
		s.report(*held)
	}
}

func (s *silence) note(o client.Outage) {
	s.mu.Lock()
	silent := s.silent
	switch {
	case silent && o.BackAt.IsZero():
		s.held = &o
	case silent:
		s.held = nil
	}
	s.mu.Unlock()
	if !silent {
		s.report(o)
	}
}

// messages is a number of messages in words.
func messages(n int) string { return count(n, "message") }

// count is a number of things in words.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// closeSession says goodbye, also when ctx has ended.
func closeSession(ctx context.Context, s *client.Session) {
	_ = lastWord(ctx, s) // everything that counts was acknowledged or reported before
}

// lastWord closes a session and returns what the broker has said to that, nil for nothing.
func lastWord(ctx context.Context, s *client.Session) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return s.Close(ctx)
}

// subscribe subscribes; a refused filter is exit status 4.
func subscribe(ctx context.Context, s *client.Session, props *wire.Properties, subs []wire.Subscription) error {
	if _, err := s.Subscribe(ctx, props, subs...); err != nil {
		return requestError("subscribe", err)
	}
	return nil
}
