package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
)

// ErrTakenOver says that another client takes the Client Identifier again and again, and the Server closes this connection
// each time without a word, as it does below MQTT 5.
var ErrTakenOver = errors.New("another client seems to use the same client id")

const (
	// shortLife is how long a connection lasts at most that another client takes over again: its own wait before it
	// reconnects.
	shortLife = 5 * time.Second
	// quietTime is how long nothing has come or gone before a Server closes a connection for a reason that is not in it.
	quietTime = 20 * time.Millisecond
	// probeTime is how much longer than the connection the probe must last.
	probeTime = 300 * time.Millisecond
)

// takeoverGuard finds out whether a Server closes connections because another client uses the same Client Identifier: two
// clients that both reconnect would take the Session from each other for ever. MQTT 5 Servers say so in a DISCONNECT; below,
// they only close. A link that breaks looks the same. So when that has happened twice in a row, a second connection is made
// with another identifier: if the next one to be closed is again the first alone, it is not the link.
type takeoverGuard struct {
	firstTry bool // the present connection came about at the first attempt
	closings int  // how often in a row a connection was closed that way
	probe    *Session
}

// watch waits until c is lost. It returns false when ctx has ended.
func (g *takeoverGuard) watch(ctx context.Context, c *connection) bool {
	timer := time.NewTimer(shortLife)
	defer timer.Stop()
	for {
		select {
		case <-c.lost:
			return true
		case <-timer.C:
			g.close() // it has lasted
		case <-ctx.Done():
			return false
		}
	}
}

// judge looks at how a connection ended. It returns an error when another client took it over. A Client Identifier that was
// not given is nobody else's.
func (g *takeoverGuard) judge(ctx context.Context, c *connection, givenID bool) error {
	quiet := c.ended.Sub(c.conn.LastSent()) >= quietTime && c.ended.Sub(c.conn.LastReceived()) >= quietTime
	silently := errors.Is(c.err, link.ErrClosedByServer) && c.disconnect.Load() == nil
	busy := c.lane.window.open() > 0 // and what is under way may be the reason
	if !givenID || !silently || !quiet || busy {
		g.closings = 0
		g.close()
		return nil
	}
	if g.closings > 0 && (!g.firstTry || c.ended.Sub(c.began) > shortLife) {
		g.closings = 0
	}
	g.closings++
	if g.probe == nil {
		return nil
	}
	defer g.close()
	select {
	case <-g.probe.Done(): // it was the link
		g.closings = 0
		return nil
	case <-ctx.Done():
		return nil
	case <-time.After(probeTime):
		return fmt.Errorf("%w: %w", c.err, ErrTakenOver)
	}
}

// suspects reports whether the next end of a connection is to be compared with that of a probe.
func (g *takeoverGuard) suspects() bool { return g.closings >= 2 }

// open makes the probe. When the Server does not let it in, there is no evidence, and nothing is concluded.
func (g *takeoverGuard) open(ctx context.Context, o Options) {
	var id [4]byte
	_, _ = rand.Read(id[:]) // crypto/rand.Read never fails
	probe, err := Open(ctx, Options{
		Target: o.Target, Dial: o.Dial, Version: o.Version, ClientID: "mqx-" + hex.EncodeToString(id[:]),
		Username: o.Username, Password: o.Password, KeepAlive: o.KeepAlive, ConnectTimeout: o.ConnectTimeout,
	})
	if err == nil {
		g.probe = probe
	}
}

// close ends the probe, if there is one.
func (g *takeoverGuard) close() {
	if g.probe != nil {
		g.probe.Abandon()
		g.probe = nil
	}
}
