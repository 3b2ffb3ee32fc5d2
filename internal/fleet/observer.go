package fleet

import (
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Observer is told what happens in a fleet. All methods are called on one goroutine, one after the other, and must return
// soon. An error ends the run.
type Observer interface {
	// Connected is told of each connection that stands, with how long it took from the first packet to CONNACK and SUBACK
	// included. Again says that the device had one before.
	Connected(device string, took time.Duration, again bool)
	// Disconnected is told of each connection that is no more. The error is nil where that was meant, by the run's end or by a
	// fault.
	Disconnected(device string, err error)
	// ConnectFailed is told of each attempt that failed.
	ConnectFailed(device string, err error)
	// Sent is told of each message with its intended time and its actual one, and of those that are dropped: what belongs into
	// the ledger. A Will Message is among them when the Server is expected to publish it. One whose Again is set was told of
	// before.
	Sent(m *simulate.Made) error
	// Received is told of each message that comes for a device, with the size of its payload.
	Received(device string, bytes int)
	// Lag is told how much later than intended a device was woken: what is wrong with this machine, and not with the way.
	Lag(late time.Duration)
	// Acknowledged is told of each QoS 1 and 2 message that the Server has answered, with the time since it was sent.
	Acknowledged(m *simulate.Made, latency time.Duration, code wire.ReasonCode)
	// Converged is told of a reported state that the Server has taken, with the settings that it obeys and the time since they
	// came in, in simulated time.
	Converged(device string, settings []string, took time.Duration)
	// Fault is told when a fault begins and ends at a device, in simulated time since the run began.
	Fault(device string, fault *profile.Fault, begins bool, at time.Duration)
	// Leaving is told when all devices begin to take leave. The cause says why before the end of the run, else it is empty.
	Leaving(cause string)
}

// Nobody is an Observer that does not look.
type Nobody struct{}

// Connected does nothing.
func (Nobody) Connected(string, time.Duration, bool) {}

// Disconnected does nothing.
func (Nobody) Disconnected(string, error) {}

// ConnectFailed does nothing.
func (Nobody) ConnectFailed(string, error) {}

// Sent does nothing.
func (Nobody) Sent(*simulate.Made) error { return nil }

// Received does nothing.
func (Nobody) Received(string, int) {}

// Lag does nothing.
func (Nobody) Lag(time.Duration) {}

// Acknowledged does nothing.
func (Nobody) Acknowledged(*simulate.Made, time.Duration, wire.ReasonCode) {}

// Converged does nothing.
func (Nobody) Converged(string, []string, time.Duration) {}

// Fault does nothing.
func (Nobody) Fault(string, *profile.Fault, bool, time.Duration) {}

// Leaving does nothing.
func (Nobody) Leaving(string) {}

// counters are what others may read while the fleet runs.
type counters struct {
	devices, connected, sent, unacked, worstLag atomic.Int64
	braked                                      atomic.Bool
}

// Status is how a fleet does at the moment.
type Status struct {
	Devices, Connected, Sent, Unacked int
	// WorstLag is the largest schedule lag since the last call.
	WorstLag time.Duration
	// Braked says that the brake is on.
	Braked bool
}

// Status may be called from any goroutine, by one at a time.
func (f *Fleet) Status() Status {
	c := &f.status
	return Status{
		Devices: int(c.devices.Load()), Connected: int(c.connected.Load()), Sent: int(c.sent.Load()), Unacked: int(c.unacked.Load()),
		WorstLag: time.Duration(c.worstLag.Swap(0)), Braked: c.braked.Load(),
	}
}

// Result is what a run came to.
type Result struct {
	Devices int
	// NeverConnected is how many devices never had a connection, though they wanted one.
	NeverConnected int
	// Sent counts the messages that went out, Dropped those that did not; copies count.
	Sent, Dropped int
	// Acknowledged and Refused count answers to QoS 1 and 2 messages, Unconfirmed those that had none at the end.
	Acknowledged, Refused, Unconfirmed int
	// Reconnects counts connections beyond the first of each device, Takeovers those that another client took over.
	Reconnects, Takeovers int
	// RefusedFilters counts Topic Filters that the Server did not grant.
	RefusedFilters int
	// TurnedAway counts attempts with wrong credentials that the Server refused, LetIn those that it did not.
	TurnedAway, LetIn int
	// Braked is how long the brake was on.
	Braked time.Duration
}

func (f *Fleet) result() Result {
	r := f.stats
	r.Devices = len(f.actors)
	for _, a := range f.actors {
		r.Unconfirmed += a.unconfirmed()
		if a.wanted && !a.everStood {
			r.NeverConnected++
		}
	}
	return r
}
