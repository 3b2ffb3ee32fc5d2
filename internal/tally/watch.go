package tally

import (
	"context"
	"hash/maphash"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// Watch looks at what comes out of the Server, through a session of its own, and tells a [Recorder]: whether each message
// of the fleet arrived once, in order and in time, when devices were seen to come and go, and when what was wished for was
// reported. Subscribe the session to [Watch.Filters] at QoS 2 before the fleet begins, then call [Watch.Follow].
//
// It keeps messages only until they have arrived or are given up, so that its size depends on how many devices there are and
// not on how long the run is.
type Watch struct {
	r       *Recorder
	run     *simulate.Run
	seed    maphash.Seed
	open    int           // messages that have not arrived
	settled chan struct{} // nudged when there are none
	away    bool
	awayAt  time.Time

	topics map[string]*watched
}

// watched is what is known of a topic.
type watched struct {
	device *watchedDevice
	role   contract.Role
	match
}

// watchedDevice is what is known of a device.
type watchedDevice struct {
	index   int
	path    string
	kind    *profile.DeviceType
	known   bool // whether it is online is known
	online  bool
	session string // of its last birth
	wishes  map[string]wish
}

// NewWatch makes a Watch for the devices of a Recorder.
func NewWatch(r *Recorder, run *simulate.Run) *Watch {
	w := &Watch{r: r, run: run, seed: maphash.MakeSeed(), settled: make(chan struct{}, 1), topics: map[string]*watched{}}
	for from := range run.Profile.Devices() {
		if !r.options.Shard.Has(from.Index) {
			continue
		}
		d := &watchedDevice{index: from.Index, path: from.Path(), kind: from.Group.Use, wishes: map[string]wish{}}
		for _, role := range []contract.Role{contract.Status, contract.Desired, contract.Reported, contract.Result} {
			w.topic(&from, d, role, "")
		}
		for _, s := range d.kind.Signals {
			w.topic(&from, d, s.Role(), s.Name)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch, r.watched = w, true
	for _, e := range run.Profile.Expect {
		if e.Metric != "presence" {
			continue
		}
		for path := range r.indices {
			if Names(e.Argument, path) {
				r.presence[path] = []PresenceChange{}
			}
		}
	}
	return w
}

// topic adds a topic of a device, where the contract has one.
func (w *Watch) topic(from *profile.Device, d *watchedDevice, role contract.Role, signal string) {
	if name, err := w.run.Layout.Topic(from, role, signal); err == nil {
		w.topics[name] = &watched{device: d, role: role}
	}
}

// Filters are what the session is to subscribe to: the topics of the fleet, with wildcards where there are many devices. No
// two of them match the same topic.
func (w *Watch) Filters() []string { return w.run.Layout.Filters() }

// Session is what a Watch needs of a session: [client.Session] has it.
type Session interface {
	Recv(ctx context.Context) (message.Message, error)
	Ready() int
	AckReceived()
}

// Follow takes messages until the context or the session ends, and returns why.
func (w *Watch) Follow(ctx context.Context, s Session) error {
	for {
		m, err := s.Recv(ctx)
		if err != nil {
			return err
		}
		w.Received(m)
		if s.Ready() == 0 {
			s.AckReceived()
		}
	}
}

// Received takes a message that came out of the Server. Those of other devices mean nothing, and neither do Retained
// Messages: when they were sent is not known.
func (w *Watch) Received(m message.Message) {
	at := m.Time
	if at.IsZero() {
		at = time.Now()
	}
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	t := w.topics[m.Topic]
	if t == nil || m.Retain {
		return
	}
	now := w.r.simulated(at)
	switch t.role {
	case contract.Status:
		w.status(t.device, m, now)
	case contract.Desired:
		w.desired(t.device, m.Payload, now)
		return // it is not the device's
	case contract.Reported:
		w.reported(t.device, m.Payload, now)
	default:
	}
	w.arrived(t, m.Payload, now)
}

// Blind tells that the session may not subscribe: nothing is seen, and nothing is judged by what was not seen.
func (w *Watch) Blind() {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.watch, w.r.watched = nil, false
}

// Away tells that the session has lost its connection, Back that it has another one. Messages that were under way meanwhile
// cannot be told from lost ones, and count as neither.
func (w *Watch) Away(at time.Time) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	if !w.away {
		w.away, w.awayAt = true, at
	}
}

// Back is the end of Away.
func (w *Watch) Back(at time.Time) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	if !w.away {
		return
	}
	w.away = false
	w.r.gap += at.Sub(w.awayAt)
	for _, t := range w.topics {
		w.open -= len(t.waiting)
		t.waiting = nil
	}
}

// Settle waits until all messages that are under way have arrived, or the context ends, and counts those as lost that did
// not. After it nothing is counted any more.
func (w *Watch) Settle(ctx context.Context) {
	for !w.isSettled() {
		select {
		case <-w.settled:
		case <-ctx.Done():
			w.finish()
			return
		}
	}
	w.finish()
}

func (w *Watch) isSettled() bool {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return w.open == 0
}

// settle takes note that there are fewer messages under way.
func (w *Watch) settle(by int) {
	if w.open -= by; w.open == 0 {
		select {
		case w.settled <- struct{}{}:
		default:
		}
	}
}

// finish counts what has not come.
func (w *Watch) finish() {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	now := w.r.now()
	if w.r.left {
		now = w.r.ran
	}
	for _, t := range w.topics {
		altered := t.strange + len(t.early)
		for _, p := range t.waiting {
			w.lost(&p, &altered)
		}
		t.match = match{}
	}
	w.open = 0
	devices := map[*watchedDevice]bool{}
	for _, t := range w.topics {
		if !devices[t.device] {
			devices[t.device] = true
			w.unheard(t.device, now)
		}
	}
	w.topics = map[string]*watched{}
}

// statusOf reads a status message: what it says and of which session.
func (d *watchedDevice) statusOf(m message.Message) (word, session string) {
	if d.kind.Status.JSON {
		return statusInJSON(m.Payload)
	}
	if m.Properties != nil {
		for _, p := range m.Properties.UserProperties {
			if p.Key == "session" {
				session = p.Value
			}
		}
	}
	return strings.TrimSpace(string(m.Payload)), session
}

// status follows whether a device is there. A Will Message of an older session than the last birth says nothing.
func (w *Watch) status(d *watchedDevice, m message.Message, at time.Duration) {
	word, session := d.statusOf(m)
	online := word == d.kind.Status.Online
	if !online && word != d.kind.Status.Offline {
		return
	}
	if online {
		d.session = session
	} else if session != "" && d.session != "" && session != d.session {
		return
	}
	if d.known && d.online == online {
		return
	}
	d.known, d.online = true, online
	w.r.change(d.index, at, d.path, online)
}
