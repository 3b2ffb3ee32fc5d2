package presence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/presence"
)

// noon is when every test begins.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// event is something that happens to the device d of a fleet, at a time after the one before it.
type event struct {
	after  time.Duration
	happen func(f *presence.Fleet, now time.Time)
}

func report(after time.Duration, r presence.Report) event {
	r.Device = "d"
	return event{after, func(f *presence.Fleet, now time.Time) { f.Report(r, now) }}
}

func says(after time.Duration, w presence.Word, session string) event {
	return report(after, presence.Report{Word: w, Session: session, Text: map[presence.Word]string{
		presence.SaysOnline: "online", presence.SaysOffline: "offline", presence.SaysSleeping: "sleeping",
	}[w]})
}

func retainedSays(w presence.Word, session string) event {
	return report(0, presence.Report{Word: w, Session: session, Stored: true})
}

func online(after time.Duration) event  { return says(after, presence.SaysOnline, "") }
func offline(after time.Duration) event { return says(after, presence.SaysOffline, "") }

func sends(after time.Duration) event {
	return event{after, func(f *presence.Fleet, now time.Time) { f.Traffic("d", now) }}
}

// passes lets time pass.
func passes(d time.Duration) event { return event{d, func(*presence.Fleet, time.Time) {}} }

func resumes() event {
	return event{0, func(f *presence.Fleet, now time.Time) { f.Resume(now) }}
}

// run lets events happen, looks whenever something is due as the loop around a fleet does, and returns the states that the
// device went through.
func run(f *presence.Fleet, events []event) []presence.State {
	now := noon()
	var states []presence.State
	for _, e := range events {
		now = now.Add(e.after)
		for at, ok := f.Next(); ok && !at.After(now); at, ok = f.Next() {
			f.Advance(at)
		}
		e.happen(f, now)
		for _, c := range f.Changes() {
			states = append(states, c.Device.State)
		}
	}
	return states
}

func rules() presence.Options {
	o := presence.DefaultOptions()
	o.Traffic = true
	return o
}

func TestAFleetBelievesWhatTheEventsProve(t *testing.T) {
	t.Parallel()
	const (
		on, off, asleep = presence.SaysOnline, presence.SaysOffline, presence.SaysSleeping
		minute          = time.Minute
		sec             = time.Second
	)
	for _, test := range []struct {
		claim  string
		events []event
		want   []presence.State
	}{
		{"what is retained counts at once", []event{retainedSays(off, "")}, []presence.State{presence.Offline}},
		{"a birth is online", []event{retainedSays(off, ""), online(sec)}, []presence.State{presence.Offline, presence.Online}},
		{
			"an offline is believed after the debounce",
			[]event{online(0), offline(sec), passes(2 * sec)},
			[]presence.State{presence.Online, presence.Offline},
		},
		{"a takeover is no change", []event{online(0), offline(sec), online(sec), passes(minute)}, []presence.State{presence.Online}},
		{"an offline that is retained is not held back", []event{online(0), retainedSays(off, "")}, []presence.State{presence.Online, presence.Offline}},
		{"a goodbye to sleep", []event{online(0), says(sec, asleep, "")}, []presence.State{presence.Online, presence.Sleeping}},
		{
			"an offline of an older session is late",
			[]event{says(0, on, "s1"), says(sec, on, "s2"), says(sec, off, "s1"), passes(time.Hour)},
			[]presence.State{presence.Online, presence.Online, presence.LateWill},
		},
		{
			"an offline of the newest session is not late",
			[]event{says(0, on, "s1"), says(sec, on, "s2"), says(sec, off, "s2"), passes(minute)},
			[]presence.State{presence.Online, presence.Online, presence.Offline},
		},
		{
			"after a late will, that of the newest session counts",
			[]event{says(0, on, "s1"), says(sec, on, "s2"), says(sec, off, "s1"), says(sec, off, "s2"), passes(minute)},
			[]presence.State{presence.Online, presence.Online, presence.LateWill, presence.Offline},
		},
		{
			"a new birth ends a late will",
			[]event{says(0, on, "s2"), says(sec, off, "s1"), says(sec, on, "s3")},
			[]presence.State{presence.Online, presence.LateWill, presence.Online},
		},
		{
			"a retained offline of a session without a birth is offline",
			[]event{retainedSays(off, "s1")},
			[]presence.State{presence.Offline},
		},
		{
			"messages after a retained offline make it late",
			[]event{retainedSays(off, ""), sends(sec)},
			[]presence.State{presence.Offline, presence.LateWill},
		},
		{
			"messages after a live offline make it late when the debounce is over",
			[]event{online(0), offline(sec), sends(sec), passes(5 * sec)},
			[]presence.State{presence.Online, presence.LateWill},
		},
		{
			"messages before an offline do not make it late",
			[]event{online(0), sends(sec), offline(sec), passes(minute)},
			[]presence.State{presence.Online, presence.Offline},
		},
		{
			"a late will that is followed by nothing more is an offline",
			[]event{retainedSays(off, ""), sends(sec), passes(99 * sec), passes(2 * sec)},
			[]presence.State{presence.Offline, presence.LateWill, presence.Offline},
		},
		{
			"a second offline after messages is believed",
			[]event{retainedSays(off, ""), sends(sec), offline(sec)},
			[]presence.State{presence.Offline, presence.LateWill, presence.Offline},
		},
		{
			"three returns within a minute are flapping, and a minute of peace ends it",
			[]event{online(0), offline(sec), online(sec), offline(sec), online(sec), offline(sec), online(sec), passes(minute)},
			[]presence.State{presence.Online, presence.Flapping, presence.Online},
		},
		{
			"sessions that take turns are flapping",
			[]event{says(0, on, "a"), says(sec, on, "b"), says(sec, on, "a"), says(sec, on, "b")},
			[]presence.State{presence.Online, presence.Online, presence.Online, presence.Flapping},
		},
		{
			"three returns within an hour are not flapping",
			[]event{online(0), offline(minute), passes(sec * 3), online(30 * minute), offline(minute), passes(sec * 3), online(30 * minute)},
			[]presence.State{presence.Online, presence.Offline, presence.Online, presence.Offline, presence.Online},
		},
		{
			"a device of which the period is not known is never silent",
			[]event{online(0), sends(sec), passes(24 * time.Hour)},
			[]presence.State{presence.Online},
		},
		{
			"three periods without a message, and at least the deadline, are silent",
			[]event{online(0), sends(sec), sends(minute), sends(minute), sends(minute), passes(179 * sec), passes(2 * sec)},
			[]presence.State{presence.Online, presence.Silent},
		},
		{
			"a fast device is silent after the deadline of 1.5 times the Keep Alive and slack",
			[]event{online(0), sends(sec), sends(sec), sends(sec), sends(sec), passes(99 * sec), passes(2 * sec)},
			[]presence.State{presence.Online, presence.Silent},
		},
		{
			"a message ends silence",
			[]event{online(0), sends(sec), sends(sec), sends(sec), sends(sec), passes(2 * minute), sends(3 * minute)},
			[]presence.State{presence.Online, presence.Silent, presence.Online},
		},
		{
			"silence before a gap in what mqx heard means nothing",
			[]event{online(0), sends(sec), sends(sec), sends(sec), sends(sec), {90 * sec, func(f *presence.Fleet, now time.Time) { f.Resume(now) }}, passes(99 * sec)},
			[]presence.State{presence.Online},
		},
		{
			"a status that is cleared says nothing any more",
			[]event{online(0), says(sec, presence.SaysNothing, "")},
			[]presence.State{presence.Online, presence.Unknown},
		},
		{"who only sends is unknown", []event{sends(0)}, []presence.State{presence.Unknown}},
		{"a repeated status is no change", []event{online(0), online(sec), resumes(), retainedSays(on, "")}, []presence.State{presence.Online}},
		{"a new session is told though the state is the same", []event{says(0, on, "a"), says(sec, on, "b")}, []presence.State{presence.Online, presence.Online}},
	} {
		t.Run(test.claim, func(t *testing.T) {
			t.Parallel()
			got := run(presence.NewFleet(rules(), noon()), test.events)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutTrafficNobodyIsSilent(t *testing.T) {
	t.Parallel()
	o := presence.DefaultOptions()
	o.Period = time.Second
	got := run(presence.NewFleet(o, noon()), []event{online(0), passes(24 * time.Hour)})
	if diff := cmp.Diff([]presence.State{presence.Online}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAKnownPeriodNeedsNoLearning(t *testing.T) {
	t.Parallel()
	o := rules()
	o.Period = time.Hour
	got := run(presence.NewFleet(o, noon()), []event{retainedSays(presence.SaysOnline, ""), passes(179 * time.Minute), passes(time.Minute)})
	if diff := cmp.Diff([]presence.State{presence.Online, presence.Silent}, got); diff != "" {
		t.Error(diff)
	}
}

func TestADeviceIsDescribed(t *testing.T) {
	t.Parallel()
	made := noon().Add(-time.Hour)
	f := presence.NewFleet(rules(), noon())
	f.Report(presence.Report{Device: "d", Word: presence.SaysOnline, Text: "online", Session: "s1", Made: made, Stored: true}, noon())
	want := presence.Device{
		Name: "d", State: presence.Online, Online: true, Since: made, LastSeen: made, Session: "s1", Status: "online", Reason: `it says "online"`,
	}
	check := func() {
		t.Helper()
		got, ok := f.Device("d")
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("found %v (-want +got):\n%s", ok, diff)
		}
	}
	check()
	later := noon().Add(time.Minute)
	f.Report(presence.Report{Device: "d", Word: presence.SaysOffline, Text: "offline", Session: "s1", Made: made}, later)
	f.Release(later)
	want.State, want.Online, want.Since, want.Status, want.Reason = presence.Offline, false, later, "offline", `it says "offline"`
	want.Will, want.WillSeen = presence.IsWill, true // it was made with the birth
	check()
	f.Report(presence.Report{Device: "d", Word: presence.SaysOnline, Text: "online", Session: "s2", Made: later}, later)
	f.Report(presence.Report{Device: "d", Word: presence.SaysOffline, Text: "offline", Session: "s2", Made: later.Add(time.Second)}, later)
	f.Release(later)
	want.Flaps, want.Session, want.Will, want.LastSeen = 1, "s2", presence.Goodbye, later
	check()
	f.Fault(presence.Fault{Device: "d", Why: "nonsense"}, later)
	f.Fault(presence.Fault{Device: "d", Why: "nonsense", Stored: true}, later) // only sent again
	want.Faults, want.Fault = 1, "nonsense"
	check()
}

func TestAChildIsAsItsParentIs(t *testing.T) {
	t.Parallel()
	f := presence.NewFleet(rules(), noon())
	state := func(name string) presence.State { d, _ := f.Device(name); return d.State }
	f.Link("child", "root", noon())
	f.Report(presence.Report{Device: "child", Word: presence.SaysOnline, Stored: true}, noon())
	f.Report(presence.Report{Device: "root", Word: presence.SaysOnline, Stored: true}, noon())
	if state("child") != presence.Online {
		t.Errorf("child is %s", state("child"))
	}
	f.Report(presence.Report{Device: "root", Word: presence.SaysOffline}, noon().Add(time.Second))
	f.Advance(noon().Add(3 * time.Second))
	if state("root") != presence.Offline || state("child") != presence.Offline {
		t.Errorf("root is %s, child is %s", state("root"), state("child"))
	}
	f.Report(presence.Report{Device: "root", Word: presence.SaysOnline}, noon().Add(4*time.Second))
	if state("child") != presence.Online {
		t.Errorf("child is %s after the return of its root", state("child"))
	}
}

func TestAListingTellsEachDeviceOnce(t *testing.T) {
	t.Parallel()
	f := presence.NewFleet(rules(), noon())
	f.BeginListing()
	f.Report(presence.Report{Device: "lamp", Word: presence.SaysOnline, Stored: true}, noon())
	f.Link("lamp", "bridge", noon())
	f.Report(presence.Report{Device: "bridge", Word: presence.SaysOffline, Text: "offline", Stored: true}, noon())
	f.Link("late", "bridge", noon())
	f.EndListing(noon())
	var got []string
	for _, c := range f.Changes() {
		if !c.Device.Since.IsZero() {
			t.Errorf("%s is %s since %v, which nobody knows", c.Device.Name, c.Device.State, c.Device.Since)
		}
		got = append(got, fmt.Sprintf("%s %q-%s", c.Device.Name, c.Previous, c.Device.State))
	}
	if diff := cmp.Diff([]string{`lamp ""-offline`, `bridge ""-offline`, `late ""-offline`}, got); diff != "" {
		t.Error(diff)
	}
	f.BeginListing() // after a gap: nothing has changed, though the lamp was taken for online for a moment
	f.Report(presence.Report{Device: "bridge", Word: presence.SaysOnline, Stored: true}, noon())
	f.Report(presence.Report{Device: "bridge", Word: presence.SaysOffline, Stored: true}, noon())
	f.EndListing(noon())
	if changes := f.Changes(); len(changes) > 0 {
		t.Errorf("changes of nothing: %+v", changes)
	}
}

func TestADeathThatCascadesTakesChildrenUntilTheyReportAgain(t *testing.T) {
	t.Parallel()
	f := presence.NewFleet(rules(), noon())
	state := func() presence.State { d, _ := f.Device("child"); return d.State }
	f.Report(presence.Report{Device: "node", Word: presence.SaysOnline, Session: "1"}, noon())
	f.Link("child", "node", noon())
	f.Report(presence.Report{Device: "child", Word: presence.SaysOnline}, noon())
	f.Report(presence.Report{Device: "node", Word: presence.SaysOffline, Session: "0", Cascade: true}, noon())
	if state() != presence.Online {
		t.Errorf("after the death of an older session it is %s", state())
	}
	f.Report(presence.Report{Device: "node", Word: presence.SaysOffline, Session: "1", Cascade: true}, noon())
	f.Release(noon())
	f.Report(presence.Report{Device: "node", Word: presence.SaysOnline, Session: "2"}, noon())
	if state() != presence.Offline {
		t.Errorf("after the node's return it is %s", state())
	}
	f.Report(presence.Report{Device: "child", Word: presence.SaysOnline}, noon())
	if state() != presence.Online {
		t.Errorf("after its own birth it is %s", state())
	}
}

func TestOnlyDevicesThatAreLookedAtAreShown(t *testing.T) {
	t.Parallel()
	o := rules()
	o.Selects = func(name string) bool { return name == "child" }
	f := presence.NewFleet(o, noon())
	f.Link("child", "root", noon())
	f.Report(presence.Report{Device: "child", Word: presence.SaysOnline}, noon())
	f.Report(presence.Report{Device: "root", Word: presence.SaysOffline}, noon())
	for _, c := range f.Changes() {
		if c.Device.Name != "child" {
			t.Errorf("a change of %s", c.Device.Name)
		}
	}
	if d, _ := f.Device("child"); d.State != presence.Offline {
		t.Errorf("child is %s", d.State)
	}
	if _, shown := f.Device("root"); shown || f.Len() != 1 || f.Count(presence.Offline) != 1 {
		t.Errorf("root shown: %v, %d devices, %d offline", shown, f.Len(), f.Count(presence.Offline))
	}
}

func TestAFleetKeepsNoMoreDevicesThanItMay(t *testing.T) {
	t.Parallel()
	o := rules()
	o.MaxDevices = 2
	f := presence.NewFleet(o, noon())
	for i := range 5 {
		f.Traffic(fmt.Sprintf("d%d", i), noon())
	}
	if f.Len() != 2 || f.LeftOut() != 3 {
		t.Errorf("%d devices, %d left out", f.Len(), f.LeftOut())
	}
}

// Any events in any order leave a fleet consistent: counts agree with states, time moves on, and every change differs from
// what was before.
func FuzzFleetStaysConsistent(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\x10\x22\x31\x44\x05\x16\x27\x38"))
	f.Add([]byte{0x00, 0x40, 0x80, 0xc0, 0xff, 0x13, 0x57, 0x9b, 0xdf, 0x24, 0x68, 0xac, 0xe0})
	f.Fuzz(func(t *testing.T, script []byte) {
		o := rules()
		o.MaxDevices = 3
		fleet, now := presence.NewFleet(o, noon()), noon()
		known := map[string]presence.State{}
		for i, b := range script {
			name := string('a' + rune(b>>2&3))
			now = now.Add(time.Duration(b>>4) * time.Duration(i%7) * time.Second)
			fleet.Advance(now)
			switch b & 3 {
			case 0:
				fleet.Traffic(name, now)
			case 1:
				fleet.Link(name, string('a'+rune(b>>4&3)), now)
			default:
				fleet.Report(presence.Report{
					Device: name, Word: presence.Word(b >> 4 & 3), Session: string('0' + rune(i%3)), Stored: b&3 == 3, Cascade: b>>7 == 1,
				}, now)
			}
			fleet.Advance(now)
			for _, c := range fleet.Changes() {
				if before := known[c.Device.Name]; before != c.Previous {
					t.Fatalf("%s: a change from %q after one to %q", c.Device.Name, c.Previous, before)
				}
				known[c.Device.Name] = c.Device.State
			}
			checkFleet(t, fleet, known, now)
		}
	})
}

func checkFleet(t *testing.T, f *presence.Fleet, known map[string]presence.State, now time.Time) {
	t.Helper()
	counted := 0
	for _, s := range presence.States() {
		counted += f.Count(s)
	}
	if counted != f.Len() {
		t.Fatalf("%d devices are counted of %d", counted, f.Len())
	}
	for d := range f.All() {
		if known[d.Name] != d.State {
			t.Fatalf("%s is %s, and the changes say %s", d.Name, d.State, known[d.Name])
		}
		alive := d.State == presence.Online || d.State == presence.LateWill
		if d.State != presence.Flapping && d.Online != alive {
			t.Fatalf("%s is %s, and online %v", d.Name, d.State, d.Online)
		}
		if d.Since.After(now) || d.LastSeen.After(now) {
			t.Fatalf("%+v is of the future", d)
		}
	}
	if at, ok := f.Next(); ok && !at.After(now) {
		t.Fatalf("due at %v, which was before %v", at, now)
	}
}
