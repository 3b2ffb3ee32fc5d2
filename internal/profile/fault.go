package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
)

// Fault is something that goes wrong: when, to whom, what.
type Fault struct {
	Name string
	Kind FaultKind
	// Start and End are simulated time since the run began; End is at most [Never].
	Start, End time.Duration
	To         Selector
	// Chance is how often it happens, at each message or each time: 0 to 1.
	Chance float64
	// Backfill says that measurements of the time offline are sent later.
	Backfill *Backfill
	// What follows belongs to certain kinds.
	Skew, Step     time.Duration // of the clock
	Drift          float64       // of the clock, in parts of one
	NotSet         bool          // the clock is at 1970
	Mix            []Malformation
	Lose           []string // of a reboot: state, seq, session
	Takes          Interval // of a reboot
	Delay          Interval // of what comes late
	Period         Interval // of what flaps
	Rate           float64  // bytes a second
	ReceiveMaximum int
	Bytes          int // of what is too large
	Copies         int
	By             float64  // of a spike
	Value          *float64 // of a spike or a dead sensor
	Signals        []string // that are touched; none is all
	Topic          string   // a wrong one
	At             contract.Position
}

// Never is the end of what goes on until the run is over.
const Never = time.Duration(1<<63 - 1)

// Active reports whether a time is within the fault.
func (f *Fault) Active(at time.Duration) bool { return at >= f.Start && at < f.End }

// Touches reports whether a signal is among those that the fault touches.
func (f *Fault) Touches(signal string) bool {
	return len(f.Signals) == 0 || slices.Contains(f.Signals, signal)
}

// Backfill is what a device does with measurements that it cannot send: it keeps Buffer of them, the newest, and sends
// them afterwards with their own timestamps, Rate a second.
type Backfill struct {
	Buffer int
	Rate   float64
}

// Selector says which devices: all that fit ID, Site and Use, and of these a number or a part, chosen by the seed.
type Selector struct {
	IDs       []string // identifiers or paths; none is all
	Site, Use string
	Pick      int
	Percent   float64 // 0 to 100
	HasPart   bool    // Percent was given
}

// Malformation is a way for a payload to be wrong, with its weight.
type Malformation struct {
	Kind   string
	Weight float64
}

// Malformations are the ways for a payload to be wrong.
func Malformations() []string {
	return []string{
		"truncated_json", "number_as_string", "missing_ts", "missing_field", "missing_schema", "nan", "wrong_unit", "bad_utf8", "wrong_type",
		"schema_bump", "empty",
	}
}

// FaultKind is a sort of faults.
type FaultKind struct {
	Name string
	// Needs is what a run must have for the fault to show.
	Needs Need
	// Keys are those beyond the ones that all faults have.
	Keys []string
	// Finds are the rules and checks that must see it.
	Finds []string
}

// Need is what a fault works on.
type Need string

// The needs.
const (
	Messages   Need = "messages"   // what is published
	Presence   Need = "presence"   // whether the device is there
	Connection Need = "connection" // a Network Connection
	Control    Need = "control"    // desired state and commands
)

// FaultKinds are all faults.
func FaultKinds() []FaultKind {
	return []FaultKind{
		{"offline", Presence, []string{"backfill"}, []string{"presence"}},
		{"crash", Presence, []string{"backfill"}, []string{"presence"}},
		{"blackhole", Presence, []string{"backfill"}, []string{"presence"}},
		{"graceful", Presence, []string{"backfill"}, []string{"presence"}},
		{"disconnect_with_will", Presence, []string{"backfill"}, []string{"presence"}},
		{"flap", Presence, []string{"period", "backfill"}, []string{"R007"}},
		{"reboot", Presence, []string{"lose", "takes"}, []string{"S006"}},
		{"duplicate_client_id", Connection, nil, []string{"N001", "R007"}},
		{"new_client_id", Connection, nil, []string{"presence"}},
		{"withhold_puback", Connection, nil, []string{"R010"}},
		{"slow_consumer", Connection, []string{"rate", "receive_maximum"}, nil},
		{"latency", Connection, []string{"delay"}, nil},
		{"jitter", Connection, []string{"delay"}, nil},
		{"bandwidth", Connection, []string{"rate"}, nil},
		{"bad_credentials", Connection, nil, nil},
		{"expired_cert", Connection, nil, nil},
		{"clock", Messages, []string{"skew", "drift", "step", "not_set"}, []string{"P004"}},
		{"late", Messages, []string{"delay"}, []string{"P005"}},
		{"backfill", Presence, []string{"backfill"}, []string{"P005"}},
		{"reorder", Messages, nil, []string{"P006"}},
		{"duplicate", Messages, []string{"copies"}, []string{"R010"}},
		{"drop", Messages, nil, nil},
		{"malformed", Messages, []string{"mix"}, []string{"P001", "P002", "P016"}},
		{"oversize", Messages, []string{"bytes"}, []string{"P018"}},
		{"wrong_topic", Messages, []string{"topic"}, []string{"T016"}},
		{"retain_telemetry", Messages, nil, []string{"R001"}},
		{"retain_cmd", Messages, nil, []string{"R003"}},
		{"no_will", Presence, nil, []string{"R005"}},
		{"will_not_retained", Presence, nil, []string{"R006"}},
		{"stuck", Messages, nil, nil},
		{"spike", Messages, []string{"by", "value"}, nil},
		{"dead", Messages, []string{"value"}, nil},
		{"ignore_desired", Control, nil, []string{"S009"}},
		{"reject_desired", Control, nil, nil},
		{"partial_reported", Control, nil, []string{"S005"}},
		{"apply_out_of_order", Control, nil, []string{"S006"}},
		{"double_execute_command", Control, nil, nil},
	}
}

// LookupFault returns the kind of a name.
func LookupFault(name string) (FaultKind, bool) {
	for _, k := range FaultKinds() {
		if k.Name == name {
			return k, true
		}
	}
	return FaultKind{}, false
}

// Targets returns which devices of the fleet a fault is about, by their index. The choice depends on the seed and on the
// names of the fault and the devices, and so is the same in every part of a fleet.
func (p *Profile) Targets(f *Fault) map[int]bool {
	type candidate struct {
		rank  uint64
		index int
	}
	var all []candidate
	for d := range p.Devices() {
		if f.To.fits(&d) {
			all = append(all, candidate{Hash(p.Seed, p.Name, "fault", f.Name, d.Path()), d.Index})
		}
	}
	if n := f.To.number(len(all)); n < len(all) {
		slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.rank, b.rank), a.index-b.index) })
		all = all[:n]
	}
	chosen := make(map[int]bool, len(all))
	for _, c := range all {
		chosen[c.index] = true
	}
	return chosen
}

// String says in words which devices are meant.
func (s *Selector) String() string {
	words := slices.Clone(s.IDs)
	if s.Site != "" {
		words = append(words, "site "+s.Site)
	}
	if s.Use != "" {
		words = append(words, "use "+s.Use)
	}
	if s.HasPart {
		words = append(words, fmt.Sprintf("%g percent", s.Percent))
	}
	if len(words) == 0 {
		return "all"
	}
	return strings.Join(words, ", ")
}

func (s *Selector) fits(d *Device) bool {
	if s.Site != "" && s.Site != d.Group.Site || s.Use != "" && s.Use != d.Group.Use.Name {
		return false
	}
	return len(s.IDs) == 0 || slices.Contains(s.IDs, d.ID) || slices.Contains(s.IDs, d.Path())
}

// number is how many of some devices are meant: a part is rounded, but not down to none.
func (s *Selector) number(of int) int {
	switch {
	case s.Pick > 0:
		return min(s.Pick, of)
	case s.HasPart && s.Percent > 0:
		return min(of, max(1, int(s.Percent*float64(of)/100+0.5)))
	case s.HasPart:
		return 0
	default:
		return of
	}
}
