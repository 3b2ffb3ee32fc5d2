package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// firstWait is the wait before the first attempt to replace a connection.
	firstWait = 250 * time.Millisecond
	// defaultMaxWait is MaxWait's default.
	defaultMaxWait = 30 * time.Second
)

// GaveUpError says that a lost connection was not replaced. It wraps [ErrConnectionLost] and Err.
type GaveUpError struct {
	// Cause is why the connection was lost.
	Cause error
	// Attempts is how many attempts were made to replace it.
	Attempts int
	// Err is why the last of them failed.
	Err error
}

// Error says why the last attempt failed.
func (e *GaveUpError) Error() string {
	times := "1 attempt"
	if e.Attempts != 1 {
		times = fmt.Sprintf("%d attempts", e.Attempts)
	}
	return fmt.Sprintf("connection lost, and not back after %s: %v", times, e.Err)
}

// Unwrap returns [ErrConnectionLost] and Err.
func (e *GaveUpError) Unwrap() []error { return []error{ErrConnectionLost, e.Err} }

func (r *Retry) report(o Outage) {
	if r.Report != nil {
		r.Report(o)
	}
}

// ends reports whether a failed attempt is the last.
func (r *Retry) ends(err error) bool {
	_, refused := errors.AsType[*RefusedError](err)
	return refused && r.NotRefused || isFatal(err)
}

// Backoff gives the waits between attempts.
type Backoff struct{ wait, most time.Duration }

// NewBackoff begins with a short wait. None is longer than most; 0 means 30 s.
func NewBackoff(most time.Duration) *Backoff {
	if most == 0 {
		most = defaultMaxWait
	}
	return &Backoff{wait: min(firstWait, most), most: most}
}

// Next returns the next wait: at random from a half to the whole of one that doubles each time.
func (b *Backoff) Next() time.Duration {
	wait := b.wait/2 + rand.N(b.wait/2+1) //nolint:gosec // G404: no secret, it only spreads clients
	b.wait = min(2*b.wait, b.most)
	return wait
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isFatal reports whether another attempt would fail as well.
func isFatal(err error) bool {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.Packet != wire.CONNECT || isFatalCode(refused.Code)
	}
	if said, ok := errors.AsType[*DisconnectedError](err); ok {
		return isFatalCode(said.Code)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*wire.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*wire.UnsupportedError](err); ok {
		return true
	}
	return errors.Is(err, link.ErrNotMQTT) || errors.Is(err, link.ErrUnsupportedVersion) || errors.Is(err, ErrTakenOver) ||
		errors.Is(err, ErrClosed) || errors.Is(err, ErrAuthentication)
}

// isFatalCode tells the Reason Codes that the Server may think better of from those that it will not: bad credentials, a
// banned client, a Session taken over, a packet that it does not want.
func isFatalCode(code wire.ReasonCode) bool {
	switch code {
	case wire.Success, wire.DisconnectWithWill, wire.UnspecifiedError, wire.ImplementationSpecificError,
		wire.ServerUnavailable, wire.ServerBusy, wire.ServerShuttingDown, wire.KeepAliveTimeout, wire.MessageRateTooHigh,
		wire.QuotaExceeded, wire.AdministrativeAction, wire.ConnectionRateExceeded, wire.MaximumConnectTime:
		return false
	default:
		return true
	}
}

// keepUp replaces lost connections until the Session is ended.
func (s *Session) keepUp(ctx context.Context) {
	ctx, s.giveUpKeeping = context.WithCancel(context.WithoutCancel(ctx))
	s.kept = make(chan struct{})
	k := &keeper{session: s, wait: NewBackoff(s.options.Retry.MaxWait)}
	go func() {
		defer close(s.kept)
		defer k.births.Wait()
		defer k.guard.close()
		if err := k.run(ctx); ctx.Err() == nil {
			s.lane.finish(err)
		}
	}()
}

// keeper replaces the connections of a Session.
type keeper struct {
	session *Session
	guard   takeoverGuard

	wait     *Backoff
	lastWait time.Duration // before the present connection
	failed   int           // attempts since a connection that lasted

	births sync.WaitGroup // announcements that are not confirmed yet
}

// run returns when ctx has ended, or with the reason why the last connection is not replaced.
func (k *keeper) run(ctx context.Context) error {
	s := k.session
	for {
		c := s.lane.cur.Load()
		if !k.guard.watch(ctx, c) {
			return nil
		}
		<-c.engine.Done()
		err := k.guard.judge(ctx, c, s.options.ClientID != "")
		if err == nil {
			err = k.replace(ctx, c)
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
		if k.guard.suspects() {
			k.guard.open(ctx, s.options)
		}
	}
}

// replace replaces a connection. It returns why that is not possible.
func (k *keeper) replace(ctx context.Context, lost *connection) error {
	if isFatal(lost.err) {
		return lost.err
	}
	retry := &k.session.options.Retry
	useless := errors.Is(lost.err, ErrUnacknowledged) && lost.acks.Load() == 0
	if lost.ended.Sub(lost.began) >= k.lastWait && !useless {
		k.wait, k.failed = NewBackoff(retry.MaxWait), 0
	}
	outage := Outage{LostAt: lost.ended, Cause: lost.err}
	for {
		if k.failed >= retry.Reconnect {
			return &GaveUpError{Cause: lost.err, Attempts: k.failed, Err: cmpErr(outage.Err, lost.err)}
		}
		outage.Wait = k.wait.Next()
		k.lastWait = outage.Wait
		retry.report(outage)
		if err := pause(ctx, outage.Wait); err != nil {
			return err
		}
		k.failed++
		outage.Attempts++
		k.guard.firstTry = outage.Attempts == 1
		err := k.session.reconnect(ctx, &outage)
		outage.Err = err
		switch {
		case err == nil:
			k.announce(ctx, k.session.lane.cur.Load())
			outage.BackAt, outage.Wait = time.Now(), 0
			retry.report(outage)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case retry.ends(err):
			return &GaveUpError{Cause: lost.err, Attempts: outage.Attempts, Err: err}
		}
	}
}

// announce publishes the birth of a connection. Its acknowledgement may come over the next one, so that nobody waits here.
func (k *keeper) announce(ctx context.Context, c *connection) {
	if c.announced.Birth == nil {
		return
	}
	k.births.Go(func() {
		_ = k.session.Publish(ctx, *c.announced.Birth) // a Server that refuses it now has taken the first one
	})
}

// cmpErr returns the first error that there is.
func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// reconnect makes a new connection and brings the Session back to where it was: subscriptions first, so that nothing
// overtakes them, then what is open on its way out. It notes in the outage what it did.
func (s *Session) reconnect(ctx context.Context, o *Outage) error {
	c, err := s.connect(ctx, true)
	if err != nil {
		return err
	}
	o.SessionPresent, o.SubscribedAgain = c.caps.SessionPresent, 0
	if !c.caps.SessionPresent {
		o.SubscribedAgain, err = s.subscribeAgain(ctx, c)
		if err == nil && s.options.Journal != nil {
			err = s.options.Journal.Forgotten(ctx)
		}
	}
	if err == nil {
		o.SentAgain, err = s.lane.resume(ctx, c)
	}
	if err != nil {
		c.drop()
	}
	return err
}
