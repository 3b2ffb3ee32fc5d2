// Package contract holds what a project agreed on about its topics: the file mqx.yaml, an AsyncAPI 3 document, or, where
// there is neither, the convention of the MQTT guide.
//
// [Find] looks for the file, [Load] reads it, [Default] needs none. [Contract.Classify] then says of a topic which kind it
// is and what its messages must be, [Contract.Resolve] which device somebody means. [Contract.WriteAsyncAPI] and
// [Contract.WriteACL] export it. The package judges no message: that is the linter's work.
package contract

import (
	"iter"
	"regexp"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
)

// Version is what the key version of a contract file says.
const Version = "mqx/v1"

// Contract is what a project agreed on. It does not change once it is read; it may be used concurrently.
type Contract struct {
	// File is where it was read from. It is empty for [Default].
	File string
	// AsyncAPI says that it is an AsyncAPI document, which says everything that holds, and no contract file, which says what
	// differs from the guide.
	AsyncAPI bool
	// Name is the project's, for people. It may be empty.
	Name string
	// Roots are the first levels of all topics. Without any, every root is fine.
	Roots []Root
	// Taxonomy is the shape of all topics: a template whose last level is {kind}.
	Taxonomy *topic.Template
	// Variables say what may stand for {site}, {device} and the other variables of the templates. One that is not here may
	// be anything.
	Variables map[string]Variable
	// Kinds are the sorts of topics, in the order of the guide and the file.
	Kinds []*Kind
	// Signals are rules for single signals, the more special first.
	Signals []Signal
	// Devices are the known devices and how they log in.
	Devices Devices
	// Services are the users that are no devices.
	Services []Service
	// Schemas are the named JSON Schemas: exact names first, then patterns, the longer first.
	Schemas []*Schema
	Limits  Limits
	Lint    Lint
	// Servers are what an AsyncAPI document says about servers.
	Servers []Server
	// Notes tell what of the source has no meaning here and was left out.
	Notes []Note

	base      []string // the levels of Taxonomy before {kind}
	patterns  patterns
	inventory inventory
	positions map[string]Position
}

// Position is a place in a file, from 1. The zero Position is that of things that no file says.
type Position struct {
	File         string
	Line, Column int // the column in characters
}

// Note is something that was read and left out.
type Note struct {
	At  Position
	Msg string
}

// Root is the beginning of all topics of one environment.
type Root struct {
	Env  string // such as prod; may be empty
	Text string // one level or more: acme, acme/prod
	At   Position
}

// Variable says what a level may be. Where both are given, a value must be in Values and match Pattern.
type Variable struct {
	Values  []string
	Pattern *regexp.Regexp
	At      Position
}

// Allows reports whether value may stand for the variable.
func (v Variable) Allows(value string) bool {
	if v.Pattern != nil && !v.Pattern.MatchString(value) {
		return false
	}
	return len(v.Values) == 0 || slices.Contains(v.Values, value)
}

// Role is what a kind is for. Rules go by it and not by the name.
type Role string

// The roles of the guide's convention. A kind of the same name has the role without saying so.
const (
	Telemetry Role = "telemetry"
	Status    Role = "status"
	Command   Role = "cmd"
	Desired   Role = "desired"
	Reported  Role = "reported"
	Result    Role = "cmd/res"
	Event     Role = "events"
	Other     Role = ""
)

// Party is who publishes.
type Party string

// The parties.
const (
	FromDevice  Party = "device"
	FromService Party = "service"
	FromAnybody Party = "any"
)

// Kind is a sort of topics.
type Kind struct {
	Name string
	Role Role
	// From says who publishes to these topics; the other side subscribes.
	From Party
	// Template is the shape of the topics, {root} among its variables.
	Template *topic.Template
	Rule     Rule
	// Description is for people.
	Description string
	// At is where the file says so; zero for the guide's own.
	At Position
}

// Signal is what holds for telemetry of one name, beyond what holds for its kind.
type Signal struct {
	Name string // may have * and ? (path.Match)
	Rule Rule
	At   Position
}

// Retain says which RETAIN flag messages have.
type Retain string

// The rules for the RETAIN flag. The empty one says nothing: what is meant by more general rules holds.
const (
	RetainNever Retain = "never" // retain: false
	RetainMust  Retain = "must"  // retain: true
	RetainLast  Retain = "last"  // may be retained: the last value is of use to who comes late
	RetainAny   Retain = "any"   // both are fine
)

// QoS is the QoS that messages are published with.
type QoS int8

// QoSUnset says nothing, QoSAny that every QoS is fine.
const (
	QoSUnset QoS = -2
	QoSAny   QoS = -1
)

// Format is what payloads are.
type Format string

// The formats. The empty one says nothing.
const (
	JSON     Format = "json"
	Text     Format = "text"
	Binary   Format = "binary" // bytes that mqx does not look into
	CBOR     Format = "cbor"
	MsgPack  Format = "msgpack"
	Protobuf Format = "protobuf"
	AnyBytes Format = "any"
)

// Rule is what messages must be. Of a Rule in a [Kind] or [Signal] some may be unset; [Match.Rule] puts them together.
type Rule struct {
	Retain Retain
	QoS    QoS
	// Format is what the payload is, and so what the other fields are about.
	Format Format
	// Require are the members that a JSON object must have; "value" stands for v or value.
	Require []string
	// Values are all that a text payload may be. A JSON object that says so in the member "status" is fine as well.
	Values []string
	// Unit is what the member "unit" must be.
	Unit string
	// Schema names the JSON Schema of payloads that do not name theirs: one of Contract.Schemas.
	Schema string
	// MaxBytes bounds the payload; 0 says nothing.
	MaxBytes int
	// Tolerance is, of the kind for what is desired, by how much a number that a device reports may differ from it: by
	// setting, such as net.gain or /net/gain, and for all others by the empty key.
	Tolerance map[string]float64
}

// Match is what a topic is according to a contract.
type Match struct {
	Kind  *Kind
	Topic string
	// Root, Site, Device and Signal are the values of these variables, empty where the kind's template has none.
	Root, Site, Device, Signal string
	// KnownRoot says that Root is one of the contract's, or that every root is fine.
	KnownRoot bool

	contract *Contract
	pattern  *pattern
}

// Unknown is a variable whose value the contract does not know.
type Unknown struct {
	Variable, Value string
	// Listed says that there is a list, or an inventory, which does not have Value. Otherwise the pattern does not fit.
	Listed bool
}

// Mismatch says where a topic leaves the shape that comes closest to it.
type Mismatch struct {
	Kind  *Kind
	Level int    // from 0; the number of levels when the topic is too short
	Got   string // empty when the topic is too short
	Want  string // in words: "telemetry", "one of …", "{site}", "nothing"
}

// Devices say how devices log in and which there are.
type Devices struct {
	// Username and ClientID say what a device logs in with: text with variables, such as {device} or {site}-{device}.
	// Where they are empty the contract does not say.
	Username, ClientID string
	// InventoryFile is where Inventory comes from. It may be empty.
	InventoryFile string
	// Inventory are the devices that there are, in the order of the file. Without an inventory HasInventory is false.
	Inventory    []Device
	HasInventory bool
}

// Device is a device of the inventory.
type Device struct {
	// Base is the base topic: acme/lyon/cr-001.
	Base string
	// Vars are the variables of the base topic.
	Vars map[string]string
	// Username and ClientID are what it logs in with; empty when neither the inventory nor the contract says so.
	Username, ClientID string
	At                 Position
}

// Service is a user that is no device: a dashboard, a backend.
type Service struct {
	Name     string
	Username string
	// Read and Write name kinds.
	Read, Write []string
	// Where fixes variables, site for example. It may be empty.
	Where map[string]string
	At    Position
}

// Limits bound what is on the wire. A zero says nothing.
type Limits struct {
	TopicBytes   int // of a Topic Name
	TopicLevels  int
	PayloadBytes int
	// ClockSkew is how far a timestamp may be from the time a message comes in.
	ClockSkew time.Duration
	// StaleAfter is how old a retained value may be.
	StaleAfter time.Duration
	// Rate is how many messages a second a device may publish.
	Rate float64
}

// Lint are the linter's settings. The package does not know the rules: it checks how codes are written only.
type Lint struct {
	Profile, Target, FailOn Setting // empty where the file does not say; the words are the linter's to check
	Select                  []Setting
	Severity                map[string]Setting // by code: error, warning, info, off
	Suppressions            []Suppression
	Baseline                string // a path, seen from the working directory
}

// Setting is a word of the settings with its place.
type Setting struct {
	Text string
	At   Position
}

// Suppression silences rules. Reason and Until may be missing: the linter has rules about that.
type Suppression struct {
	Rules []string
	// Where is a topic filter, or a pattern of file names; empty means everywhere.
	Where  string
	Until  time.Time // the first instant at which it holds no more
	Reason string
	At     Position
}

// Server is a server of an AsyncAPI document.
type Server struct {
	Name, Host, Protocol string
	Will                 *Will // nil where the document has none
	Secured              bool  // it asks for credentials
	At                   Position
}

// Will is the Will Message that a server's binding asks for.
type Will struct {
	Topic, Message string
	QoS            QoS
	Retain         bool
	At             Position
}

// At returns where the contract's file says something: At("kinds", "telemetry", "retain"). Of what the file does not say
// it returns the place of what is around it.
func (c *Contract) At(path ...string) Position {
	for n := len(path); n >= 0; n-- {
		if at, ok := c.positions[joinPath(path[:n])]; ok {
			return at
		}
	}
	return Position{File: c.File}
}

// Kind returns the kind of a name, or nil.
func (c *Contract) Kind(name string) *Kind {
	for _, k := range c.Kinds {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// With returns a contract that has further kinds, behind its own. Where two templates have the same topics the first is meant.
func (c *Contract) With(kinds ...*Kind) *Contract {
	more := *c
	more.Kinds = slices.Concat(c.Kinds, kinds)
	more.compile()
	return &more
}

// ByRole returns the kinds of a role.
func (c *Contract) ByRole(r Role) iter.Seq[*Kind] {
	return func(yield func(*Kind) bool) {
		for _, k := range c.Kinds {
			if k.Role == r && !yield(k) {
				return
			}
		}
	}
}
