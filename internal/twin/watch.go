package twin

import (
	"context"
	"time"
)

// Event is a change that somebody watches.
type Event struct {
	Time   time.Time
	Device string
	Kind   EventKind
	Rev    uint64
	ID     string
	By     string // who desires
	// Evidence is why a report is taken for an answer; Why what a device says that rejects, or what cannot be read.
	Evidence Evidence
	Why      error
	// Leaves are the settings that are not as desired.
	Leaves []Leaf
}

// EventKind is what has happened.
type EventKind string

// The kinds.
const (
	// EventDesired is a new desired document, EventCleared that there is none any more.
	EventDesired EventKind = "desired"
	EventCleared EventKind = "cleared"
	// EventSeen is an answer of a device that has not applied everything yet, EventApplied of one that has.
	EventSeen    EventKind = "seen"
	EventApplied EventKind = "applied"
	// EventRejected is a device that refuses a setting, EventDrift one that had applied everything and is different now.
	EventRejected EventKind = "rejected"
	EventDrift    EventKind = "drift"
	// EventBad is a document that cannot be read.
	EventBad EventKind = "bad"
)

// watched is what was told of a device.
type watched struct {
	version *Version
	state   EventKind
	since   time.Time
	bad     string // the report that cannot be read
}

// Watch tells what changes on the devices until emit or ctx ends it: first of each device how it is, then what happens.
// [Options.Where] is asked again at each change.
func (g *Group) Watch(ctx context.Context, skew time.Duration, emit func(Event) error) error {
	known := map[*Twin]*watched{}
	g.touched = map[*Twin]struct{}{}
	g.discovers = len(g.selection) > 0
	defer func() { g.touched, g.discovers = nil, false }()
	for _, t := range g.Twins() {
		known[t] = &watched{}
		if err := g.tell(t, known[t], skew, emit); err != nil {
			return err
		}
	}
	for {
		if g.session.Ready() == 0 {
			g.session.AckReceived()
		}
		if _, err := g.session.Recv(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		if err := g.tellTouched(known, skew, emit); err != nil {
			return err
		}
	}
}

// tellTouched tells of the devices that have changed.
func (g *Group) tellTouched(known map[*Twin]*watched, skew time.Duration, emit func(Event) error) error {
	for t := range g.touched {
		if t.unfit = !g.options.Where.holds(t); t.unfit {
			continue
		}
		if known[t] == nil {
			known[t] = &watched{}
		}
		if err := g.tell(t, known[t], skew, emit); err != nil {
			return err
		}
	}
	clear(g.touched)
	return nil
}

// tell emits what is new about a device.
func (g *Group) tell(t *Twin, k *watched, skew time.Duration, emit func(Event) error) error {
	now := time.Now()
	event := Event{Time: now, Device: t.Device}
	if d := t.Desired; !d.is(k.version) {
		first := k.version == nil
		k.version, k.state, k.since = d, "", time.Time{}
		if d != nil && !d.Message.Retain && !first {
			k.since = d.Message.Time
		}
		if d != nil && d.Doc != nil {
			event.Rev, event.ID, event.By = d.Doc.Rev, d.Doc.ID, d.Doc.By
		}
		event.Kind = EventDesired
		switch {
		case d == nil:
			event.Kind = EventCleared
		case d.Err != nil:
			event.Kind, event.Why = EventBad, d.Err
		}
		if err := emit(event); err != nil {
			return err
		}
	}
	if t.ReportedErr != nil && k.bad != string(t.ReportedMessage.Payload) {
		k.bad = string(t.ReportedMessage.Payload)
		return emit(Event{Time: now, Device: t.Device, Kind: EventBad, Why: t.ReportedErr})
	}
	if t.Desired == nil || t.Desired.Doc == nil || t.Reported == nil {
		return nil
	}
	return g.tellReport(t, k, skew, emit)
}

// tellReport emits what the last report means for what is desired, when that is new.
func (g *Group) tellReport(t *Twin, k *watched, skew time.Duration, emit func(Event) error) error {
	d := t.Desired.Doc
	w := &waiting{twin: t, target: d, since: k.since}
	evidence := w.find(Auto, skew)
	if evidence == "" {
		return nil
	}
	told := t.told
	list := Delta(d.State, &told, g.options.Tolerance)
	event := Event{
		Time: time.Now(), Device: t.Device, Rev: d.Rev, ID: d.ID, By: d.By, Evidence: evidence, Leaves: mismatches(list),
	}
	switch {
	case len(event.Leaves) == 0:
		event.Kind = EventApplied
	default:
		event.Kind = EventSeen
		if k.state == EventApplied || k.state == EventDrift {
			event.Kind = EventDrift
		}
		if err := rejection(list, []Edit{{}}); err != nil {
			event.Kind, event.Why = EventRejected, err
		}
	}
	if event.Kind == k.state {
		return nil
	}
	k.state = event.Kind
	return emit(event)
}
