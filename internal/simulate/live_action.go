package simulate

import (
	"context"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/profile"
)

// Action is something that a user has happen to a device.
type Action int

// The actions. The first two are undone when they come again.
const (
	// GoOffline takes the network away: the connection is reset, the Server publishes the Will Message.
	GoOffline Action = iota
	// Crash is a reset without DISCONNECT of a device that does nothing any more.
	Crash
	// Reboot is a crash after which it starts by itself.
	Reboot
	// TurnClock has the clock go wrong in another way: behind, not set, right.
	TurnClock
	// Duplicate has a second client connect with the Client Identifier of the device.
	Duplicate
)

// clockBehind is how wrong a wrong clock is, and rebootTakes how long a device is away.
const (
	clockBehind = 7 * time.Minute
	rebootTakes = 2 * time.Second
)

// The faults of [Live.Do], by the names that they have in [Look].
const (
	manualOffline     = "offline"
	manualCrash       = "crash"
	manualReboot      = "reboot"
	manualClockBehind = "clock 7 min behind"
	manualClockNotSet = "clock not set"
)

// Do has something happen to the device. It may be called from any goroutine and does not wait; while Run is busy with
// another action, it does nothing.
func (l *Live) Do(a Action) {
	select {
	case l.actions <- a:
	default:
	}
}

// act does what a user wants.
func (l *Live) act(ctx context.Context, a Action) error {
	if a == Duplicate {
		l.duplicate(ctx)
		return nil
	}
	told := ""
	err := l.step(ctx, func(now time.Duration) (outputs []Output) {
		switch a {
		case GoOffline:
			outputs, told = l.toggle(manualOffline, now), "offline: the network is away"
			if !l.manual[manualOffline].on {
				told = "the network is back"
			}
		case Crash:
			outputs, told = l.toggle(manualCrash, now), "crashed: no DISCONNECT, the Will Message is due"
			if !l.manual[manualCrash].on {
				told = "started again"
			}
		case Reboot:
			l.manualFault(manualCrash).on = false
			outputs, told = l.device.befalls(l.manualFault(manualReboot), now), "rebooting"
		case TurnClock:
			told = l.turnClock(now)
		default:
		}
		return outputs
	})
	l.tell(told)
	return err
}

// toggle begins or ends a fault.
func (l *Live) toggle(name string, now time.Duration) []Output {
	f := l.manualFault(name)
	if f.on {
		return l.device.passes(f, now)
	}
	return l.device.befalls(f, now)
}

// turnClock sets the clock in the next way.
func (l *Live) turnClock(now time.Duration) string {
	behind, notSet := l.manualFault(manualClockBehind), l.manualFault(manualClockNotSet)
	switch {
	case behind.on:
		l.device.passes(behind, now)
		l.device.befalls(notSet, now)
		return "the clock is not set: it began in 1970"
	case notSet.on:
		l.device.passes(notSet, now)
		return "the clock is right"
	default:
		l.device.befalls(behind, now)
		return "the clock is 7 min behind"
	}
}

// manualFault is the fault of an action.
func (l *Live) manualFault(name string) *fault {
	if f := l.manual[name]; f != nil {
		return f
	}
	f := &profile.Fault{Name: name, End: profile.Never, Chance: 1, Takes: profile.Fixed(rebootTakes)}
	kind := name
	switch name {
	case manualClockBehind:
		kind, f.Skew = "clock", -clockBehind
	case manualClockNotSet:
		kind, f.NotSet = "clock", true
	}
	f.Kind, _ = profile.LookupFault(kind)
	l.manual[name] = &fault{Fault: f, s: l.device.stream("fault", "by hand", name)}
	return l.manual[name]
}

// befalls has a fault begin that the profile does not tell of, passes has it end.
func (d *Device) befalls(f *fault, now time.Duration) []Output {
	d.out = d.out[:0]
	if !slices.Contains(d.faults, f) {
		d.faults = append(d.faults, f)
	}
	d.faultBegins(f, now)
	return d.out
}

func (d *Device) passes(f *fault, now time.Duration) []Output {
	d.out = d.out[:0]
	d.faultEnds(f, now)
	return d.out
}

// duplicate has a second client connect with the same Client Identifier. It stays until it is taken over in turn.
func (l *Live) duplicate(ctx context.Context) {
	o := l.options
	o.Will, o.Announce, o.Retry = nil, nil, client.Retry{}
	l.mu.Lock()
	o.ClientID = l.clientID()
	l.mu.Unlock()
	l.rivals.Add(1)
	l.tell("a second client connects as " + o.ClientID)
	l.others.Go(func() {
		defer l.rivals.Add(-1)
		s, err := l.Open(ctx, o)
		if err != nil {
			l.tell("the second client could not connect: " + err.Error())
			return
		}
		select {
		case <-s.Done():
		case <-ctx.Done():
		}
		s.Abandon()
	})
}
