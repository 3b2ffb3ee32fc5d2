package tally

import (
	"errors"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

// nobody is the number of a device that is none of the part.
const nobody = -1

// index is the number of a device in the whole fleet.
func (r *Recorder) index(path string) int {
	if i, ok := r.indices[path]; ok {
		return i
	}
	return nobody
}

// simulated is the simulated time of a real one, since the run began.
func (r *Recorder) simulated(at time.Time) time.Duration {
	return max(0, time.Duration(float64(at.Sub(r.options.Begin))*r.options.Speed))
}

func (r *Recorder) now() time.Duration { return r.simulated(time.Now()) }

// over reports whether a time is after the run: how the devices leave is no part of what is judged.
func (r *Recorder) over(at time.Duration) bool {
	return r.left && at >= r.ran || r.options.Planned > 0 && at >= r.options.Planned
}

// each calls fn for the parts of the run that something belongs to.
func (r *Recorder) each(device int, at time.Duration, fn func(*scope)) {
	for _, s := range r.scopes {
		if s.has(device, at) {
			fn(s)
		}
	}
}

// Connected tells that the connection of a device stands, took after it was begun. Again says that it had one before.
func (r *Recorder) Connected(device string, took time.Duration, again bool) {
	i, at := r.index(device), r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setConnected(i, at, true)
	r.each(i, at, func(s *scope) {
		s.counts.Connects++
		if again {
			s.counts.Reconnects++
		}
		s.record(Connect, took)
	})
	r.lately(Connect, took)
}

// setConnected keeps how many are connected. It reports whether that was another number before.
func (r *Recorder) setConnected(device int, at time.Duration, connected bool) bool {
	if device == nobody || r.connected[device] == connected || r.over(at) {
		return false
	}
	delta := 1
	if connected {
		r.connected[device] = true
	} else {
		delta = -1
		delete(r.connected, device)
	}
	r.timeline.Change(at, int64(delta))
	return true
}

// Disconnected tells that the connection of a device is no more. The error is nil where that was meant.
func (r *Recorder) Disconnected(device string, err error) {
	i, at := r.index(device), r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && !r.over(at) {
		delete(r.open, i) // what a fault has cut off is not for the Server to answer
	}
	taken := isTakeover(err)
	if !r.setConnected(i, at, false) && !taken {
		return
	}
	r.each(i, at, func(s *scope) {
		s.counts.Disconnects++
		if taken {
			s.counts.Takeovers++
		}
	})
}

// isTakeover reports whether a connection ended because another one took the Client Identifier.
func isTakeover(err error) bool {
	if errors.Is(err, client.ErrTakenOver) {
		return true
	}
	said, ok := errors.AsType[*client.DisconnectedError](err)
	return ok && said.Code == wire.SessionTakenOver
}

// ConnectFailed tells that a device could not connect.
func (r *Recorder) ConnectFailed(device string, _ error) {
	i, at := r.index(device), r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over(at) {
		r.each(i, at, func(s *scope) { s.counts.Failures++ })
	}
}

// Sent tells of a message that was handed to a connection, or dropped, once for all its copies. It does not keep m. The
// error is always nil.
func (r *Recorder) Sent(m *simulate.Made) error {
	findings, warnings := r.lint(m)
	qos, dropped := m.Message.QoS&3, m.Is(simulate.Dropped)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case m.Will:
		r.expect(m)
		return nil // the Server sends it
	case m.Again:
		r.again(m)
		return nil
	}
	r.each(m.Index, m.Due, func(s *scope) {
		q := &s.counts.QoS[qos]
		if dropped {
			q.Dropped++
			return
		}
		q.Sent++
		q.Copies += int64(m.Copies)
		q.Bytes += int64(len(m.Message.Payload)) * int64(1+m.Copies)
		s.counts.LintErrors += int64(findings)
		s.counts.LintWarnings += int64(warnings)
	})
	if !dropped {
		r.expect(m)
	}
	if !dropped && qos > 0 {
		r.open[m.Index] = append(r.open[m.Index], unanswered{m.Due, qos})
	}
	return nil
}

// again counts a message that goes out once more, because its connection was lost before it was acknowledged.
func (r *Recorder) again(m *simulate.Made) {
	r.each(m.Index, m.Due, func(s *scope) {
		q := &s.counts.QoS[m.Message.QoS&3]
		q.Copies++
		q.Bytes += int64(len(m.Message.Payload))
	})
	if r.watch != nil {
		r.watch.again(m)
	}
}

// unanswered is a message at QoS 1 or 2 that the Server has not answered.
type unanswered struct {
	due time.Duration
	qos byte
}

// answered takes note that a message was answered. When a device has sent no other, nothing is kept of it.
func (r *Recorder) answered(device int, m unanswered) {
	open := r.open[device]
	i := slices.Index(open, m)
	switch {
	case i < 0: // it was given up with a connection, and sent again over another one
	case len(open) == 1:
		delete(r.open, device)
	default:
		r.open[device] = slices.Delete(open, i, i+1)
	}
}

// expect tells the watch of a message that is to come out of the Server.
func (r *Recorder) expect(m *simulate.Made) {
	if r.watch != nil {
		r.watch.expect(m)
	}
}

// lint looks at a message as it is sent.
func (r *Recorder) lint(m *simulate.Made) (findings, warnings int) {
	if r.options.Lint == nil || m.Is(simulate.Dropped) {
		return 0, 0
	}
	r.linting.Lock()
	defer r.linting.Unlock()
	return r.options.Lint(m.Message)
}

// Lag tells how much later than intended, in real time, something was done: when that is much, the numbers tell of this
// machine and not of the Server.
func (r *Recorder) Lag(late time.Duration) {
	at := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.each(nobody, at, func(s *scope) { s.record(ScheduleLag, late) })
	r.lately(ScheduleLag, late)
}

// Acknowledged tells that the Server has answered a message at QoS 1 or 2, took after it was sent.
func (r *Recorder) Acknowledged(m *simulate.Made, took time.Duration, code wire.ReasonCode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	qos, name := m.Message.QoS&3, ackOf(m.Message.QoS&3)
	r.answered(m.Index, unanswered{m.Due, qos})
	r.each(m.Index, m.Due, func(s *scope) {
		if code >= wire.UnspecifiedError {
			s.counts.QoS[qos].Refused++
		} else {
			s.counts.QoS[qos].Acknowledged++
		}
		s.record(name, took)
	})
	r.lately(PublishAck, took)
}

// Received tells of a message that came to a device.
func (r *Recorder) Received(device string, bytes int) {
	i, at := r.index(device), r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.each(i, at, func(s *scope) {
		s.counts.Received++
		s.counts.ReceivedBytes += int64(bytes)
	})
}

// Converged tells that a device has reported settings that it was told, took after they came in, in simulated time. Where
// a [Watch] looks on, what that sees counts instead: it also sees those that are never reported.
func (r *Recorder) Converged(device string, settings []string, took time.Duration) {
	i, at := r.index(device), r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watch != nil {
		return
	}
	for _, name := range settings {
		r.converged(i, at, name, took)
	}
}

// converged records how long it took until a setting was reported.
func (r *Recorder) converged(device int, at time.Duration, setting string, took time.Duration) {
	const mostSettings = 100 // so that nobody fills the memory with names
	if all := r.scopes[0]; all.times[Converge+setting] == nil && len(all.times) < mostSettings {
		all.measures(Converge + setting)
	}
	r.each(device, at, func(s *scope) { s.record(Converge+setting, took) })
}

// Fault tells that a fault begins or ends at a device.
func (r *Recorder) Fault(_ string, f *profile.Fault, begins bool, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if begins {
		r.begun[f.Name]++
	}
}

// Leaving tells that the run is over and that the devices begin to leave: how they go is no more part of what is judged,
// while messages that are under way still are. cause says why it ends before its time, and is empty when it does not.
func (r *Recorder) Leaving(cause string) {
	at := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return
	}
	r.left, r.ran, r.cause = true, at, cause
	if p := r.options.Planned; p > 0 && at >= p {
		r.ran = p
	}
	r.ended = time.Now()
	r.took = r.ended.Sub(r.options.Begin)
}

// lately keeps a time for [WriteMetrics].
func (r *Recorder) lately(name string, d time.Duration) {
	if t := r.recent[name]; t != nil {
		t.record(d)
	}
}

// change takes note that a device was seen to come or go.
func (r *Recorder) change(device int, at time.Duration, path string, online bool) {
	if r.over(at) {
		return
	}
	r.each(device, at, func(s *scope) { s.counts.Presence++ })
	if _, kept := r.presence[path]; kept {
		r.presence[path] = append(r.presence[path], PresenceChange{At: at.Seconds(), Online: online})
	}
}
