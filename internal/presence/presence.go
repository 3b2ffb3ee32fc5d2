// Package presence tells which devices are alive, from what they say about themselves, from what they send, and from the
// time that passes.
//
// A retained online or offline cannot be trusted alone: the Will Message of an older connection may come after the birth of
// the newer one, a half-open connection says online until the Server notices, and a device that fights for its Client
// Identifier says both several times a minute. [Fleet] is the state machine that tells these apart. It is pure: who calls
// it says what time it is. A [Convention] reads messages into what Fleet understands; [Observe] joins both to a session.
package presence

import "time"

// State is what is believed of a device.
type State string

// The states.
const (
	// Unknown has never said whether it is there, or took it back.
	Unknown State = "unknown"
	Online  State = "online"
	Offline State = "offline"
	// Sleeping has said that it will be away for a while.
	Sleeping State = "sleeping"
	// LateWill says offline and is alive: the offline is that of an older session, or messages came after it.
	LateWill State = "late-will"
	// Silent says online, and has sent nothing for several of its periods.
	Silent State = "silent"
	// Flapping comes and goes.
	Flapping State = "flapping"
)

// States returns all states, those to look after first.
func States() []State {
	return []State{Flapping, Silent, LateWill, Offline, Unknown, Sleeping, Online}
}

// Word is what a status message says.
type Word int

// The words.
const (
	// SaysNothing takes back what was said: the status was cleared.
	SaysNothing Word = iota
	SaysOnline
	SaysOffline
	SaysSleeping
)

// Will says whether an offline is the Will Message, which the Server publishes for a device that did not say goodbye.
type Will string

// What can be known of it.
const (
	NoOffline Will = ""      // no offline came so far
	MaybeWill Will = "maybe" // the offline reads the same from the device and from the Server
	IsWill    Will = "yes"
	Goodbye   Will = "clean" // the device said goodbye itself
	IsLate    Will = "late"  // it is the Will Message of an older session
)

// Report is what a status message says of a device.
type Report struct {
	Device string
	Word   Word
	// Text is the convention's own word: lost, alert, Online.
	Text string
	// Session is what a birth and the Will Message of one connection have in common; empty when the message does not say.
	Session string
	// Will is what the convention knows of an offline; it may be MaybeWill or empty for not known.
	Will Will
	// Made is when the message was made by the clock of the device; zero when it does not say.
	Made time.Time
	// Stored says that the message comes from the Server's store (RETAIN 1): when it was published is not known.
	Stored bool
	// Cascade says that an offline takes the children of the device with it until each reports again.
	Cascade bool
}

// Device is what is known of a device.
type Device struct {
	Name string
	// Parent is the device through which this one is connected; empty for none.
	Parent string
	State  State
	// Online says that the device is believed to be reachable. A Flapping one is as its last status message says.
	Online bool
	// Since is when the state began; zero when that was before the first look and the device did not say when.
	Since time.Time
	// LastSeen is the last sign of life; zero when there was none.
	LastSeen time.Time
	// Flaps is how often it came back.
	Flaps int
	// Will is what is known of its last offline, WillSeen that one came which is or may be the Will Message.
	Will     Will
	WillSeen bool
	// Session is that of its newest birth.
	Session string
	// Status is the convention's own word in the last status message.
	Status string
	// Reason says why the state is what it is, in words.
	Reason string
	// Faults counts status messages that could not be read, and Fault says what was wrong with the last one.
	Faults int
	Fault  string
}

// Change is a device whose state, or session, is another now.
type Change struct {
	Device Device
	// Previous is the state before; empty when the device was not known.
	Previous State
	Time     time.Time
}

// Options say what is taken for alive.
type Options struct {
	// Debounce is how long an offline is held back, in case the device is back at once. 0 is not at all.
	Debounce time.Duration
	// FlapCount is how often a device must come back within FlapWindow to be Flapping. 0 is never.
	FlapCount  int
	FlapWindow time.Duration
	// KeepAlive is the Keep Alive of the devices. A Server notices a dead connection after one and a half times as long
	// (MQTT 5, 3.1.2.10), and Slack later.
	KeepAlive, Slack time.Duration
	// Period is how often a device sends something; 0 learns it from what comes.
	Period time.Duration
	// Periods is how many of them may pass in silence.
	Periods int
	// Traffic says that the messages of the devices are followed, so that silence means something.
	Traffic bool
	// MaxDevices bounds how many devices are kept; 0 is 200,000. What comes of others is only counted.
	MaxDevices int
	// Selects says which devices are looked at; nil is all. Of others only what these need is known.
	Selects func(name string) bool
}

// DefaultOptions are for devices that report every minute or so.
func DefaultOptions() Options {
	return Options{
		Debounce: 2 * time.Second, FlapCount: 3, FlapWindow: time.Minute,
		KeepAlive: time.Minute, Slack: 10 * time.Second, Periods: 3,
	}
}

// Deadline is the time within which a Server notices that a device is gone: one and a half times the Keep Alive, and slack
// because Servers look only now and then.
func (o *Options) Deadline() time.Duration { return o.KeepAlive + o.KeepAlive/2 + o.Slack }
