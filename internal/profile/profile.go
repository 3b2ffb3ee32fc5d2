// Package profile holds the language of simulation profiles: which devices there are, what they measure, what they obey,
// what goes wrong with them and when, and what is expected of a run.
//
// [Load] or [Parse] reads a file strictly: every mistake has its line, and nothing that is left over waits for the run.
// [Profile.Devices] lists the fleet, [Profile.Layout] says which topics it has under a contract. Signals are described as
// [Value]s whose [Source] is one of the kinds of generators; the package describes them and generates nothing.
package profile

import (
	"net"
	"path"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
)

// Version is what the key version of a profile says.
const Version = "mqx/sim/v1"

// Profile is a fleet with its life. It does not change once it is read; it may be used concurrently.
type Profile struct {
	// File is where it was read from. Files are those that it names, as it names them: recordings and tracks.
	File  string
	Files []string
	Name  string
	// Seed, with the name and the identifiers of devices, decides everything that looks like chance.
	Seed uint64
	// Duration is how long the run is, in simulated time; 0 is until it is stopped.
	Duration time.Duration
	Clock    Clock
	Target   Target
	Topics   Topics
	Fleet    []*Group
	// Types are the types of devices in the order of the file.
	Types []*DeviceType
	// Shared are values that all devices of a site see alike.
	Shared []*Shared
	Faults []*Fault
	Limits Limits
	Expect []*Expectation
	Output Output

	text string
}

// Clock says how simulated time goes.
type Clock struct {
	// Speed is how many simulated seconds go by in a real one.
	Speed float64
	// Start is when the run begins in simulated time; zero is now.
	Start time.Time
}

// Target is the Server and how devices log in.
type Target struct {
	// Broker is its address: mqtt://localhost:1883. Empty where the profile leaves it to the command line.
	Broker string
	// AllowHosts are patterns (path.Match) of the only hosts that a run may connect to.
	AllowHosts []string
	// Protocol is auto, 5, 3.1.1 or 3.1; KeepAlive is 0 where the profile does not say.
	Protocol  string
	KeepAlive time.Duration
	// ClientID is a text with variables, {device} among them. With {boot} it changes at each boot.
	ClientID   string
	ClientIDAt contract.Position
	// CleanStart and SessionExpiry are those of CONNECT.
	CleanStart    bool
	SessionExpiry time.Duration
	Credentials   Credentials
	At            contract.Position
}

// Allows reports whether a run may connect to a host. Without a list, only this machine is allowed.
func (t *Target) Allows(host string) bool {
	if len(t.AllowHosts) == 0 {
		ip := net.ParseIP(host)
		return host == "localhost" || ip != nil && ip.IsLoopback()
	}
	for _, pattern := range t.AllowHosts {
		if ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(host)); ok {
			return true
		}
	}
	return false
}

// Credentials are what each device logs in with: texts with variables such as {device}. Passwords are never in a profile.
type Credentials struct {
	Username    string
	PasswordEnv string // the name of an environment variable; may have variables too
	Cert, Key   string
}

// Topics are the fixed parts of all topics.
type Topics struct {
	Root string
	// Base is the base topic of a device as a template; empty where the contract says it.
	Base string
}

// Limits bound a run. A zero is no bound.
type Limits struct {
	MaxDevices int
	MaxRate    float64 // messages a second of the whole fleet
	At         contract.Position
}

// Output is where a run writes what it came to. Empty is nowhere.
type Output struct {
	Summary, Ledger, JUnit string
	// Prometheus is the address that metrics are served at.
	Prometheus string
}

// Group is a number of devices of one type at one site.
type Group struct {
	Use   *DeviceType
	Site  string
	Count int
	// ID is the identifier of a device: a text with {n}, {n:03} or {site}. Vars are further variables of the base topic.
	ID   string
	Vars map[string]string
	// Ramp is how long it takes until all devices have started, evenly; StartJitter is added to the start of each.
	Ramp, StartJitter time.Duration
	At                contract.Position
}

// DeviceType is what a sort of devices does.
type DeviceType struct {
	Name string
	// BootID says that the status carries a new identifier after each boot.
	BootID  bool
	Status  Status
	Payload Payload
	// Signals are telemetry and events in the order of the file.
	Signals  []*Signal
	Desired  Desired
	Commands Commands
	At       contract.Position
}

// Status is what presence messages are.
type Status struct {
	// Topic is the template of their topic; empty where the contract says it.
	Topic           string
	Online, Offline string
	// JSON says that the payload is an object with the session in it, and not the plain word.
	JSON         bool
	Retain, Will bool
	WillDelay    time.Duration
	At           contract.Position
}

// Payload is how measurements are written. A signal may say otherwise.
type Payload struct {
	Encoding  Encoding
	ValueKey  string    // v or value
	Timestamp Timestamp // how ts is written
	Batch     Batch
}

// Encoding is the format of payloads.
type Encoding string

// The encodings.
const (
	JSON    Encoding = "json"
	CBOR    Encoding = "cbor"
	MsgPack Encoding = "msgpack"
)

// Timestamp is how the member ts is written.
type Timestamp string

// The forms of timestamps. Auto is seconds, or milliseconds where a signal is measured more than once a second.
const (
	Auto         Timestamp = "auto"
	Seconds      Timestamp = "seconds"
	Milliseconds Timestamp = "milliseconds"
	RFC3339      Timestamp = "rfc3339"
	NoTimestamp  Timestamp = "none"
)

// Batch puts several measurements into one message: an array of payloads. It is sent when Count are together, or when the
// oldest has waited MaxAge; without a count there are no batches.
type Batch struct {
	Count  int
	MaxAge time.Duration
}

// Signal is something that devices measure and publish.
type Signal struct {
	Name string
	// Event says that it is an event and not telemetry: it has an id, and is sent at QoS 1.
	Event bool
	// Every is the time between measurements, Jitter is added to each. With OnChange a value is sent only when it is
	// another one; Every may then be zero for sources that know when they change.
	Every    Interval
	Jitter   time.Duration
	OnChange bool
	Schema   string
	Unit     string
	Payload  Payload
	Value    *Value
	// Flat says that Value, which are [Members], is the payload itself and not a member of it.
	Flat bool
	// Topic is the template of its topic; empty where the contract says it.
	Topic string
	// Retain and QoS are nil where the contract's rule holds.
	Retain *bool
	QoS    *byte
	At     contract.Position
}

// Role is the role of the signal's topic.
func (s *Signal) Role() contract.Role {
	if s.Event {
		return contract.Event
	}
	return contract.Telemetry
}

// Shared is a value that is the same for all devices of a site: the weather.
type Shared struct {
	Name string
	// Every is how often it changes.
	Every time.Duration
	Value *Value
	At    contract.Position
}

// Desired says which settings a device accepts and how it obeys.
type Desired struct {
	Accepts []Setting
	// Any says that every setting is accepted.
	Any        bool
	ApplyAfter Interval
	// Partial says that /reported holds only what has changed, which is a known bad habit.
	Partial bool
	// Ack is what /reported repeats of the desired document: rev, id, both or none.
	Ack string
	At  contract.Position
}

// Setting is a key that a device accepts.
type Setting struct {
	Name string
	Type string // number, integer, string or boolean
	// Min and Max are nil where there is no bound.
	Min, Max *float64
	Values   []string // all that a string may be, where that is given
	// Default is the value at boot: float64, json.Number, string or bool; nil for none.
	Default any
	At      contract.Position
}

// Commands are what a device does when it is told to.
type Commands struct {
	List []Command
	// Remember is how many identifiers of commands a device keeps to tell repetitions.
	Remember int
}

// Command is a command by its name.
type Command struct {
	Name string
	// Takes is how long it runs, Succeed how often it works: 0 to 1.
	Takes   Interval
	Succeed float64
	// Reboot says that the device boots when it is done.
	Reboot bool
	At     contract.Position
}

// Setting returns the setting of a name, or nil.
func (d *Desired) Setting(name string) *Setting {
	for i := range d.Accepts {
		if d.Accepts[i].Name == name {
			return &d.Accepts[i]
		}
	}
	return nil
}

// Signal returns the signal of a name, or nil.
func (t *DeviceType) Signal(name string) *Signal {
	for _, s := range t.Signals {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Type returns the device type of a name, or nil.
func (p *Profile) Type(name string) *DeviceType {
	for _, t := range p.Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// SharedValue returns the shared value of a name, or nil.
func (p *Profile) SharedValue(name string) *Shared {
	for _, s := range p.Shared {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Text is the profile as it was written: who checks it looks for comments in it.
func (p *Profile) Text() string { return p.text }
