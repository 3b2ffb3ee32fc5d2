package commands

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	livefleet "github.com/mqx-cli/mqx/internal/fleet"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// thrift is by how many percent the memory of a fleet grows before it is collected.
const thrift = 25

// live plays the fleet over real connections.
func (o *fleetOptions) live(ctx context.Context, e *env, cmd *cobra.Command) error {
	if err := o.checkLive(cmd); err != nil {
		return err
	}
	begin, err := o.begin()
	if err != nil {
		return err
	}
	run, err := o.prepare(e, o.profile, begin, func(*profile.Fault) bool { return true })
	if err != nil {
		return err
	}
	r, err := e.resolve(ctx, cmd, &o.connection)
	if err != nil {
		return err
	}
	target := r.Options.Target
	if err := o.checkTarget(target); err != nil {
		return err
	}
	devices := 0
	for d := range o.profile.Devices() {
		if o.shard.Has(d.Index) {
			devices++
		}
	}
	if err := e.guard(ctx, &o.connection, "simulate "+count(devices, "device"), o.yes); err != nil {
		return err
	}
	const others = 64 // files that are no connections
	if most := livefleet.RaiseFileLimit(); most > 0 && devices+others > most {
		return exit.New(exit.Usage, "simulate", "", fmt.Sprintf("%d devices need as many open files, and the limit is %d", devices, most)).
			Hint("raise it (ulimit -n), or play parts of the fleet in several processes (--shard)")
	}
	l := &liveFleet{env: e, options: o, target: target, resolved: r}
	return l.run(ctx, run, begin)
}

// checkLive refuses flags that say what devices say themselves.
func (o *fleetOptions) checkLive(cmd *cobra.Command) error {
	for _, name := range []string{"presence", "will-topic", "client-id", "client-id-prefix", "disable-clean-session", "session-expiry", "auth-method"} {
		if given(cmd, name) {
			return usageError(cmd, "--%s: the profile says this of its devices", name)
		}
	}
	p := &o.connection.Properties
	if p.Publish != nil || p.Subscribe != nil || p.Connect != nil {
		return usageError(cmd, "-D, --user-property: the devices' packets have properties of their own")
	}
	if rate, most := o.profile.Rate()*o.profile.Clock.Speed, o.profile.Limits.MaxRate; most > 0 && rate > most {
		return exit.New(exit.Usage, "profile", o.profile.File,
			fmt.Sprintf("the fleet sends %.4g messages a second, more than max_rate, which is %g/s", rate, most))
	}
	target := &o.profile.Target
	if !given(cmd, "keepalive") && target.KeepAlive > 0 {
		o.connection.KeepAlive = uint16(target.KeepAlive / time.Second)
	}
	if !given(cmd, "protocol") {
		o.connection.Protocol = target.Protocol
	}
	return nil
}

// begin is when the run begins on the clock of this machine.
func (o *fleetOptions) begin() (time.Time, error) {
	if o.startAt == "" {
		return time.Now(), nil
	}
	at, err := time.Parse(time.RFC3339Nano, o.startAt)
	if err != nil {
		return at, exit.New(exit.Usage, "--start-at", o.startAt, "a time like 2026-01-05T06:00:00Z is expected")
	}
	return at, nil
}

// checkTarget refuses hosts that the profile does not allow, before the first packet.
func (o *fleetOptions) checkTarget(t link.Target) error {
	allowed := &o.profile.Target
	if t.Unix != "" || allowed.Allows(t.Host) {
		return nil
	}
	err := exit.New(exit.Usage, "simulate", t.String(), "the profile does not allow this host")
	if len(allowed.AllowHosts) == 0 {
		return err.Hint("it has no target.allow_hosts, and so allows this machine only")
	}
	return err.Hint("add it to target.allow_hosts of " + o.profile.File)
}

// liveFleet is a fleet that is played.
type liveFleet struct {
	env      *env
	options  *fleetOptions
	target   link.Target
	resolved config.Resolved

	livefleet.Observer // the tally, of which Sent is told by way of the ledger
	tally              *fleetTally
	record             *livefleet.Record
	ledger             *ledgerFile
}

// Sent implements [livefleet.Observer].
func (l *liveFleet) Sent(m *simulate.Made) error {
	if err := l.ledger.write(m); err != nil {
		return exit.Wrap(exit.Usage, "--ledger", "", err)
	}
	return l.Observer.Sent(m)
}

func (l *liveFleet) run(ctx context.Context, run *simulate.Run, begin time.Time) (err error) {
	e, o := l.env, l.options
	p := o.profile
	login := &logins{profile: p, getenv: e.getenv, target: l.target, common: l.resolved.Options}
	for d := range p.Devices() {
		if o.shard.Has(d.Index) {
			if _, err := login.of(&d); err != nil {
				return err
			}
			break
		}
	}
	if l.ledger, err = createLedger(e, o.ledger, partFile(p.Output.Ledger, o.shard)); err != nil {
		return err
	}
	if err := l.beginRecord(begin); err != nil {
		return errors.Join(err, l.ledger.Close())
	}
	defer l.record.Close()
	if l.tally, err = l.beginTally(ctx, run, begin); err != nil {
		return errors.Join(err, l.ledger.Close())
	}
	defer l.tally.close(ctx)
	l.Observer = l.tally
	f := livefleet.New(livefleet.Options{
		Run: run, Shard: o.shard, Target: l.target, Version: l.resolved.Options.Version, KeepAlive: o.connection.KeepAlive,
		ConnectTimeout: o.connection.ConnectTimeout, RetryMaxWait: o.connection.RetryMaxWait, Login: login.of,
		Begin: begin, Speed: p.Clock.Speed, Length: p.Duration, MaxRate: p.Limits.MaxRate, MaxUnacked: o.unacked,
		Observer: l, Retain: l.record.Add,
		Ready: func() error { return readyFile(o.ready, l.record.Run+"\n") },
		Warn:  func(text string) { e.note("warning: %s", text) },
	})
	// Devices are idle most of the time, and there are many: memory is dearer than time.
	defer debug.SetGCPercent(debug.SetGCPercent(thrift))
	playing, stop := l.tally.playing(ctx)
	result, err := l.watch(playing, f)
	stop()
	if closed := l.ledger.Close(); err == nil && closed != nil {
		err = exit.Wrap(exit.Usage, "--ledger", "", closed)
	}
	_, never := errors.AsType[*livefleet.ConnectError](err)
	if err = l.outcome(ctx, result, err); !never {
		err = l.tally.finish(ctx, err)
	}
	if o.cleanup {
		if cleaned := l.cleanUp(ctx); err == nil {
			err = cleaned
		}
	}
	return err
}

// recordDir is where the records of runs are.
func (e *env) recordDir() (string, error) {
	dir := config.StateDir(e.getenv)
	if dir == "" {
		return "", exit.New(exit.Usage, "simulate", "", "there is no folder for the record of what the run retains").Hint("set XDG_STATE_HOME or HOME")
	}
	return filepath.Join(dir, "runs"), nil
}

// beginRecord begins the record of what the run retains, which gives it its name.
func (l *liveFleet) beginRecord(begin time.Time) error {
	dir, err := l.env.recordDir()
	if err != nil {
		return err
	}
	p := l.options.profile
	name := p.Name + "-" + begin.UTC().Format("20060102T150405Z")
	if s := l.options.shard; s.Count > 1 {
		name += fmt.Sprintf("-%d-of-%d", s.Index+1, s.Count)
	}
	l.record, err = livefleet.NewRecord(dir, livefleet.RecordHead{Run: name, Profile: p.Name, Broker: l.target.String(), Began: time.Now().UTC()})
	if err != nil {
		return exit.Wrap(exit.Usage, "record of the run", "", err)
	}
	return nil
}

// watch runs the fleet and shows how it does.
func (l *liveFleet) watch(ctx context.Context, f *livefleet.Fleet) (livefleet.Result, error) {
	e := l.env
	e.note("run %s: %s to %s", l.record.Run, count(f.Devices(), "device"), l.target)
	if wait := time.Until(l.startAt()); wait > time.Second {
		e.note("it begins in %s", wait.Round(time.Second))
	}
	if !e.streams.ErrTTY {
		return f.Run(ctx)
	}
	done, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		l.progress(f, done)
	}()
	result, err := f.Run(ctx)
	close(done)
	<-shown
	return result, err
}

func (l *liveFleet) startAt() time.Time {
	at, _ := l.options.begin() // it was looked at before
	return at
}

// progress shows every second how the fleet does.
func (l *liveFleet) progress(f *livefleet.Fleet, done <-chan struct{}) {
	line := output.NewProgressLine(l.env.streams)
	defer line.Done()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	before := 0
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		s := f.Status()
		text := fmt.Sprintf("%d of %d connected, %d sent (%d/s), %d unacknowledged, lag %s",
			s.Connected, s.Devices, s.Sent, s.Sent-before, s.Unacked, s.WorstLag.Round(time.Millisecond))
		if s.Braked {
			text += ", braking"
		}
		before = s.Sent
		line.Show(text)
	}
}

// outcome says what the run came to, and gives it its exit status.
func (l *liveFleet) outcome(ctx context.Context, r livefleet.Result, err error) error {
	if connect, ok := errors.AsType[*livefleet.ConnectError](err); ok {
		l.forget()
		failure, isExit := errors.AsType[*exit.Error](connectError(l.target, connect.Err))
		if !isExit {
			return connect
		}
		failure.What = "device " + connect.Device + ": " + failure.What
		return failure
	}
	l.env.note("%s", resultText(r))
	if runaway, ok := errors.AsType[*livefleet.RunawayError](err); ok {
		return exit.Wrap(exit.Negative, "simulate", l.options.profile.File, runaway).Hint("the devices have taken leave")
	}
	var cause *exit.Error
	switch {
	case err != nil:
		return err
	case errors.As(context.Cause(ctx), &cause):
		return exit.New(cause.Code, cause.What, "", "all devices have taken leave")
	case r.NeverConnected > 0:
		return exit.New(exit.Partial, "simulate", l.target.String(), count(r.NeverConnected, "device")+" could not connect")
	case r.Refused+r.RefusedFilters > 0:
		return exit.New(exit.Partial, "simulate", l.target.String(),
			fmt.Sprintf("refused: %s, %s", messages(r.Refused), count(r.RefusedFilters, "subscription")))
	default:
		return nil
	}
}

// forget removes the record of a run that has left nothing.
func (l *liveFleet) forget() {
	if dir, err := l.env.recordDir(); err == nil {
		_ = livefleet.RemoveRecord(dir, l.record.Run) // a record too many hurts nobody
	}
}

// resultText is a result in words; what there was none of is left out.
func resultText(r livefleet.Result) string {
	parts := []string{count(r.Devices, "device"), messages(r.Sent) + " sent"}
	for _, part := range []struct {
		n    int
		what string
	}{
		{r.Dropped, "dropped"},
		{r.Acknowledged, "acknowledged"},
		{r.Refused, "refused"},
		{r.Unconfirmed, "not confirmed"},
		{r.Reconnects, "reconnected"},
		{r.Takeovers, "taken over by another client"},
		{r.TurnedAway, "turned away with wrong credentials"},
		{r.LetIn, "let in with wrong credentials"},
		{r.NeverConnected, "never connected"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if r.Braked > 0 {
		parts = append(parts, "held back for "+r.Braked.Round(time.Millisecond).String())
	}
	return strings.Join(parts, ", ")
}

// logins gives devices what they log in with.
type logins struct {
	profile *profile.Profile
	getenv  func(string) string
	target  link.Target
	common  client.Options
}

// of is what one device logs in with: what the profile says, else what the command line says for all.
func (l *logins) of(d *profile.Device) (livefleet.Login, error) {
	c := &l.profile.Target.Credentials
	login := livefleet.Login{Username: l.common.Username, Password: l.common.Password}
	if c.Username != "" {
		name := l.profile.Login(c.Username, d)
		login.Username = &name
	}
	if c.PasswordEnv != "" {
		name := l.profile.Login(c.PasswordEnv, d)
		password := l.getenv(name)
		if password == "" {
			return login, exit.New(exit.Usage, "password_env", name, "this variable is not set").Hint("it is to hold the password of device " + d.ID)
		}
		login.Password = []byte(password)
	}
	if c.Cert == "" {
		return login, nil
	}
	if l.target.TLS == nil {
		return login, exit.New(exit.Usage, "credentials", l.target.String(), "certificates are for TLS").Hint("write mqtts://, or --tls")
	}
	pair, err := tls.LoadX509KeyPair(l.file(c.Cert, d), l.file(c.Key, d))
	if err != nil {
		return login, exit.Wrap(exit.Usage, "credentials of device "+d.ID, "", err)
	}
	target := l.target
	target.TLS = target.TLS.Clone()
	target.TLS.Certificates = []tls.Certificate{pair}
	login.Target = &target
	return login, nil
}

// file is a file of a device; what is relative is so to the profile.
func (l *logins) file(text string, d *profile.Device) string {
	name := l.profile.Login(text, d)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(l.profile.File), name)
}
