package presence

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

const (
	// defaultDevices is what Options.MaxDevices is when it is 0.
	defaultDevices = 200_000
	// maxNames bounds the bytes of all names.
	maxNames = 64 << 20
	// maxText bounds what is kept of a word, a session or a fault.
	maxText = 256
)

// Fleet is the state of many devices. It is not safe for concurrent use. Times that are given to it must not go back.
type Fleet struct {
	options   Options
	devices   map[string]*device
	names     int // bytes of all names
	due       dueHeap
	fresh     []*device // that Advance makes something of, if nothing else has
	changes   []Change
	counts    map[State]int
	orphans   map[string][]*device // children by the name of a parent that is not known yet
	faults    int
	unread    []Fault // that NewFaults has not returned
	leftOut   int
	shown     int       // devices that are not hidden
	listening time.Time // since when no message was missed
	listing   bool      // what is retained is being read
}

// NewFleet returns a Fleet without devices that is told everything from now on.
func NewFleet(o Options, now time.Time) *Fleet {
	if o.MaxDevices <= 0 {
		o.MaxDevices = defaultDevices
	}
	return &Fleet{
		options: o, devices: map[string]*device{}, counts: map[State]int{}, orphans: map[string][]*device{}, listening: now,
	}
}

// Options returns what the Fleet goes by.
func (f *Fleet) Options() Options { return f.options }

// Expect makes a device known of which nothing has been heard yet.
func (f *Fleet) Expect(name string, now time.Time) {
	if d := f.device(name); d != nil && d.State == "" {
		f.settle(d, now)
	}
}

// Resume says that messages may have been missed until now, so that silence before means nothing.
func (f *Fleet) Resume(now time.Time) { f.listening = now }

// BeginListing says that what is retained comes now, in any order: when a state began is not known then, and what has
// changed is known at the end.
func (f *Fleet) BeginListing() { f.listing = true }

// EndListing says that all has come. Of several changes of a device one is left.
func (f *Fleet) EndListing(now time.Time) {
	f.Advance(now)
	f.listing = false
	at, merged := map[string]int{}, map[string]bool{}
	kept := f.changes[:0]
	for _, c := range f.changes {
		i, again := at[c.Device.Name]
		if !again {
			at[c.Device.Name] = len(kept)
			kept = append(kept, c)
			continue
		}
		kept[i].Device, kept[i].Time = c.Device, c.Time
		merged[c.Device.Name] = true
	}
	f.changes = slices.DeleteFunc(kept, func(c Change) bool {
		return merged[c.Device.Name] && c.Previous == c.Device.State
	})
}

// Report takes a status message.
func (f *Fleet) Report(r Report, now time.Time) {
	if _, known := f.devices[r.Device]; !known && r.Word == SaysNothing {
		return
	}
	d := f.device(r.Device)
	if d == nil {
		return
	}
	r.Text, r.Session = shorten(r.Text), shorten(r.Session)
	renewed := r.Word == SaysOnline && d.word == SaysOnline && d.Session != "" && r.Session != "" && d.Session != r.Session
	switch r.Word {
	case SaysOnline:
		d.birth(&r, now, renewed)
	case SaysSleeping:
		d.word, d.stale, d.heldUntil, d.trafficAfter = SaysSleeping, false, time.Time{}, false
		d.why = "it says " + quoted(r.Text)
	case SaysOffline:
		f.death(d, &r, now)
	case SaysNothing:
		d.word, d.stale, d.heldUntil, d.trafficAfter, d.Session = SaysNothing, false, time.Time{}, false, ""
		d.why = "its status was cleared"
	}
	d.Status, d.stored, d.saidAt = r.Text, r.Stored, now
	switch {
	case r.Word == SaysNothing || r.Word == SaysOffline:
	case !r.Stored:
		d.seen(now)
	case !r.Made.IsZero():
		d.seen(earlier(r.Made, now))
	}
	if !f.settleSince(d, now, &r) && renewed && d.State == Online {
		d.Reason, d.Since = "a new session, without an offline between", now
		f.change(d, d.State, now)
	}
	if r.Cascade && d.word != SaysOnline {
		f.cascade(d, &r, now)
	}
}

// birth takes an online. A renewed one has another session than the online before it.
func (d *device) birth(r *Report, now time.Time, renewed bool) {
	back := d.word == SaysOffline && !d.stored
	if (back || renewed) && !r.Stored {
		d.cameBack(now)
	}
	d.word, d.stale, d.heldUntil, d.trafficAfter = SaysOnline, false, time.Time{}, false
	d.Session, d.made = r.Session, r.Made
	d.why = "it says " + quoted(r.Text)
}

// death takes an offline.
func (f *Fleet) death(d *device, r *Report, now time.Time) {
	wasOnline := d.word == SaysOnline
	otherSession := r.Session != "" && d.Session != "" && r.Session != d.Session
	if otherSession && !r.Stored && (wasOnline || d.stale) {
		d.word, d.stale, d.trafficAfter, d.heldUntil = SaysOffline, true, false, time.Time{}
		d.Will, d.WillSeen = IsLate, true
		d.why = fmt.Sprintf("the offline is of session %s, the newest birth of %s", quoted(r.Session), quoted(d.Session))
		return
	}
	if wasOnline && !r.Stored && d.Online {
		d.heldUntil = now.Add(f.options.Debounce)
	}
	d.Will = d.willOf(r)
	d.WillSeen = d.WillSeen || d.Will != Goodbye
	if repeated := r.Stored && d.word == SaysOffline; !repeated {
		d.trafficAfter = false
	}
	d.word, d.stale = SaysOffline, false
	if r.Session != "" {
		d.Session = r.Session
	}
	d.why = "it says " + quoted(r.Text)
}

// willOf is what is known of an offline of the newest session. The Will Message was made before the birth, a goodbye after.
func (d *device) willOf(r *Report) Will {
	switch {
	case r.Will != NoOffline:
		return r.Will
	case r.Made.IsZero() || d.made.IsZero():
		return MaybeWill
	case r.Made.After(d.made):
		return Goodbye
	default:
		return IsWill
	}
}

// cascade lets the children of a device go with it, unless its offline is not believed.
func (f *Fleet) cascade(d *device, r *Report, now time.Time) {
	if d.stale {
		return
	}
	for _, child := range d.children {
		if child.word != SaysOnline {
			continue
		}
		child.word, child.stored, child.saidAt, child.trafficAfter, child.stale = SaysOffline, r.Stored, now, false, false
		child.heldUntil = d.heldUntil
		child.Status, child.why = r.Text, d.Name+" went offline"
		f.settle(child, now)
	}
}

// Traffic takes a live message of a device that is no status message.
func (f *Fleet) Traffic(name string, now time.Time) {
	d := f.device(name)
	if d == nil {
		return
	}
	d.heard(now)
	f.settle(d, now)
}

// Link says that a device is connected through another one.
func (f *Fleet) Link(name, parent string, now time.Time) {
	if parent == "" || parent == name {
		return
	}
	d := f.device(name)
	if d == nil || d.Parent == parent {
		return
	}
	if f.names += len(parent); f.names > maxNames {
		f.leftOut++
		return
	}
	if old := f.devices[d.Parent]; old != nil {
		old.children = without(old.children, d)
	} else if d.Parent != "" {
		f.orphans[d.Parent] = without(f.orphans[d.Parent], d)
	}
	d.Parent = strings.Clone(parent)
	if p := f.devices[parent]; p != nil {
		p.children = append(p.children, d)
	} else {
		f.orphans[d.Parent] = append(f.orphans[d.Parent], d)
	}
	if d.State == "" {
		f.fresh = append(f.fresh, d) // its status may come with it
		return
	}
	f.settle(d, now)
}

// LeftOut is how many times something came of a device for which there was no room.
func (f *Fleet) LeftOut() int { return f.leftOut }

// Len is how many devices are known of those that are looked at.
func (f *Fleet) Len() int { return f.shown }

// Count is how many devices are in a state.
func (f *Fleet) Count(s State) int { return f.counts[s] }

// Device returns what is known of a device.
func (f *Fleet) Device(name string) (Device, bool) {
	d, ok := f.devices[name]
	if !ok || d.hidden {
		return Device{}, false
	}
	return d.view(), true
}

// All returns the devices in no order.
func (f *Fleet) All() iter.Seq[Device] {
	return func(yield func(Device) bool) {
		for _, d := range f.devices {
			if !d.hidden && !yield(d.view()) {
				return
			}
		}
	}
}

// Changes returns what has changed since the last call, in order.
func (f *Fleet) Changes() []Change {
	changes := f.changes
	f.changes = nil
	return changes
}

// device finds a device or makes it known. It is nil when there is no room.
func (f *Fleet) device(name string) *device {
	d := f.devices[name]
	if d != nil {
		return d
	}
	if len(f.devices) >= f.options.MaxDevices || f.names+len(name) > maxNames {
		f.leftOut++
		return nil
	}
	d = &device{Device: Device{Name: strings.Clone(name)}, index: -1}
	d.hidden = f.options.Selects != nil && !f.options.Selects(name)
	if !d.hidden {
		f.shown++
	}
	f.names += len(name)
	f.devices[d.Name] = d
	d.children = f.orphans[d.Name]
	delete(f.orphans, d.Name)
	return d
}

func (f *Fleet) settle(d *device, now time.Time) { _ = f.settleSince(d, now, nil) }

// settleSince believes what is to be believed now, notes a change, and knows when to look again. A report from the store
// says when its state began, or that nobody knows.
func (f *Fleet) settleSince(d *device, now time.Time, r *Report) (changed bool) {
	state, why := f.judge(d, now)
	own, _ := f.own(d, now)
	turned := own != d.own
	d.own = own
	d.Online = state == Online || state == LateWill || state == Flapping && (own == Online || own == LateWill)
	if changed = state != d.State; changed {
		previous := d.State
		f.count(d, previous, state)
		d.State, d.Reason, d.Since = state, why, now
		switch {
		case r != nil && r.Stored && !r.Made.IsZero():
			d.Since = earlier(r.Made, now)
		case r != nil && r.Stored, r == nil && f.listing, state == Unknown:
			d.Since = time.Time{}
		}
		f.change(d, previous, now)
	}
	if turned {
		for _, child := range d.children {
			f.settle(child, now)
		}
	}
	f.plan(d, f.dueAt(d, now))
	return changed
}

func (f *Fleet) count(d *device, previous, state State) {
	if d.hidden {
		return
	}
	if previous != "" {
		f.counts[previous]--
	}
	f.counts[state]++
}

func (f *Fleet) change(d *device, previous State, now time.Time) {
	if !d.hidden {
		f.changes = append(f.changes, Change{Device: d.view(), Previous: previous, Time: now})
	}
}

func without(list []*device, d *device) []*device {
	for i, other := range list {
		if other == d {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}

// earlier is t, or now when the device's clock is ahead.
func earlier(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}

func shorten(text string) string {
	if len(text) <= maxText {
		return strings.Clone(text)
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
