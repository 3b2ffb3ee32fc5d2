package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// trouble is what faults do to the connections of a device.
type trouble struct {
	at time.Duration // when something of it is due

	hidden *conn   // nothing gets through it
	left   []*conn // left behind, as they were

	double     *conn // of somebody with the same Client Identifier
	doubleWill simulate.WillMark
	doubleAt   time.Duration // when there is to be one

	intruder  *profile.Fault // with wrong credentials
	intrudeAt time.Duration
	patience  backoff

	redo  bool // the connection is to be made anew
	owes  bool // over this connection something came that was not acknowledged
	stray bool // a retained command is to be left
	swept bool // and to be taken away
}

func newTrouble() *trouble {
	return &trouble{at: profile.Never, doubleAt: profile.Never, intrudeAt: profile.Never}
}

// plan works out when something is due.
func (t *trouble) plan() {
	t.at = min(t.doubleAt, t.intrudeAt)
	if t.redo || t.stray || t.swept {
		t.at = 0
	}
}

// fault begins or ends what a fault does to connections; the rest is up to the device.
func (f *Fleet) fault(a *actor, fault *profile.Fault, begins bool, at time.Duration) {
	f.o.Observer.Fault(a.device.Path(), fault, begins, at)
	t := a.trouble
	now := f.now()
	switch fault.Kind.Name {
	case "duplicate_client_id":
		if t.doubleAt = now; !begins {
			f.endDouble(a)
		}
	case "bad_credentials", "expired_cert":
		if t.intruder, t.intrudeAt, t.patience = fault, now, (backoff{}); !begins {
			t.intrudeAt = profile.Never
		}
	case "slow_consumer":
		f.bend(a)
	case "bandwidth":
		f.bend(a)
	case "withhold_puback":
		t.redo = !begins
	case "retain_cmd":
		t.stray, t.swept = begins, !begins
	}
	t.plan()
}

// bend makes a connection as slow as the faults want it.
func (f *Fleet) bend(a *actor) {
	if a.conn == nil || a.trouble == nil {
		return
	}
	rate := func(kind string) float64 {
		if x := a.device.ActiveFault(kind); x != nil {
			return x.Rate
		}
		return 0
	}
	a.conn.readRate.Store(int64(rate("slow_consumer")))
	a.conn.out.setRate(rate("bandwidth"))
}

// checkTrouble does what is due.
func (f *Fleet) checkTrouble(a *actor, now time.Duration) {
	t := a.trouble
	if t == nil || t.at > now {
		return
	}
	f.checkRedo(a)
	if f.leaving {
		t.plan()
		if t.at == 0 {
			t.at = now + soon
		}
		return
	}
	if t.stray && a.state == standing {
		t.stray = false
		f.leaveCommand(a, true)
	}
	if t.swept && a.state == standing {
		t.swept = false
		f.leaveCommand(a, false)
	}
	if t.doubleAt <= now {
		t.doubleAt = profile.Never
		f.makeDouble(a)
	}
	if t.intrudeAt <= now {
		t.intrudeAt = profile.Never
		f.intrude(a)
	}
	t.plan()
	if t.at == 0 { // it waits for a connection
		t.at = now + soon
	}
}

// soon is when to look again for what cannot be done now.
const soon = 20 * time.Millisecond

// checkRedo makes the connection anew over which acknowledgements were lost, when those that are not have come.
func (f *Fleet) checkRedo(a *actor) {
	t := a.trouble
	switch {
	case !t.redo:
	case a.state != standing || !a.losesAcks() && !t.owes:
		t.redo = false
	case !a.waitsForAcks():
		t.redo = false
		f.again(a)
		a.returning = f.leaving
	}
}

// leaveCommand leaves a retained command at the device, as a careless backend does, or takes it away.
func (f *Fleet) leaveCommand(a *actor, there bool) {
	at := f.simulated(f.now())
	m, ok := a.device.StrayCommand(at)
	if !ok {
		return
	}
	if !there {
		m.Clean.Payload, m.Message.Payload = nil, nil
	} else if err := f.recordOne(m.Message.Topic); err != nil {
		f.fail(err)
		return
	}
	f.transmit(a, m)
}

// makeDouble has somebody connect with the Client Identifier of the device.
func (f *Fleet) makeDouble(a *actor) {
	t, err := f.newAttempt(a, doubled)
	if err != nil {
		f.fail(err)
		return
	}
	t.connect.KeepAlive = 0
	a.trouble.doubleWill, _ = f.setWill(a, t.connect)
	f.asides = append(f.asides, t)
}

// doubled is the connection of the double.
func (f *Fleet) doubled(a *actor, c *conn, err error) {
	t := a.trouble
	gone := f.leaving || a.device.ActiveFault("duplicate_client_id") == nil
	switch {
	case err != nil && gone:
	case err != nil:
		f.o.Observer.ConnectFailed(a.device.Path(), err)
		t.doubleAt = f.now() + t.patience.next(0)
	case gone:
		f.turnAway(c)
	default:
		t.double = c
		c.start()
	}
	t.plan()
}

// doubleLost has the double come back: two that both want the same take it from each other for ever.
func (f *Fleet) doubleLost(a *actor) {
	t := a.trouble
	t.double = nil
	if a.willDelay == 0 {
		f.tellWill(a, t.doubleWill, f.now())
	}
	t.doubleWill = simulate.WillMark{}
	if !f.leaving && a.device.ActiveFault("duplicate_client_id") != nil {
		t.patience = backoff{}
		t.doubleAt = f.now() + t.patience.next(0)
	}
	t.plan()
	f.plan(a)
}

// endDouble sends the double away.
func (f *Fleet) endDouble(a *actor) {
	t := a.trouble
	t.doubleAt = profile.Never
	if c := t.double; c != nil {
		t.double, t.doubleWill = nil, simulate.WillMark{}
		c.dark.Store(true)
		c.part(wire.Success)
	}
}

// intrude tries to connect with credentials that are wrong.
func (f *Fleet) intrude(a *actor) {
	t := a.trouble
	try, err := f.newAttempt(a, intruded)
	if err != nil {
		f.fail(err)
		return
	}
	c := try.connect
	c.CleanStart = true
	switch {
	case t.intruder.Kind.Name == "bad_credentials":
		if !c.HasUsername {
			c.HasUsername, c.Username = true, a.device.From().ID
		}
		c.HasPassword, c.Password = true, fmt.Appendf(nil, "wrong-%08x", profile.Hash(f.o.Run.Profile.Seed, a.device.Path()))
	case try.target.TLS == nil:
		f.warn("fault %q shows on TLS connections only", t.intruder.Name)
		return
	default:
		if err := f.expire(&try.target); err != nil {
			f.fail(err)
			return
		}
	}
	f.asides = append(f.asides, try)
}

// intruded is what became of that.
func (f *Fleet) intruded(a *actor, c *conn, err error) {
	t := a.trouble
	if err == nil {
		f.turnAway(c)
		f.stats.LetIn++
		f.warnFirst(f.stats.LetIn, "fault %q: the broker let %s in all the same", t.intruder.Name, a.device.Path())
	} else {
		f.o.Observer.ConnectFailed(a.device.Path(), err)
		f.stats.TurnedAway++
	}
	if !f.leaving && a.device.ActiveFault(t.intruder.Kind.Name) != nil {
		t.intrudeAt = f.now() + t.patience.next(f.o.RetryMaxWait)
	}
	t.plan()
}

// expire gives a target a client's certificate that was good until yesterday.
func (f *Fleet) expire(t *link.Target) error {
	if f.expired == nil {
		cert, err := expiredCertificate()
		if err != nil {
			return fmt.Errorf("a certificate that has expired: %w", err)
		}
		f.expired = &cert
	}
	t.TLS = t.TLS.Clone()
	t.TLS.Certificates = []tls.Certificate{*f.expired}
	return nil
}

func expiredCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	const day = 24 * time.Hour
	from := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "expired"},
		NotBefore: time.Now().Add(-2 * day), NotAfter: time.Now().Add(-day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	text, err := x509.CreateCertificate(rand.Reader, from, from, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key}, err
}

// endTrouble closes what faults have left open.
func (f *Fleet) endTrouble(a *actor) {
	t := a.trouble
	if t == nil {
		return
	}
	f.endDouble(a)
	t.intrudeAt, t.redo, t.stray, t.swept = profile.Never, false, false, false
	if t.hidden != nil {
		f.vanish(a, false)
	}
	for _, c := range t.left {
		c.cut(false)
	}
	t.left = nil
	t.plan()
}
