package lint

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad a finding is.
type Severity int

// The severities in ascending order.
const (
	Off Severity = iota
	Info
	Warning
	Error
)

// String returns the word for s.
func (s Severity) String() string {
	return [...]string{"off", "info", "warning", "error"}[s]
}

// MarshalText returns the word for s.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseSeverity returns the severity that a word stands for.
func ParseSeverity(word string) (Severity, error) {
	for s := Off; s <= Error; s++ {
		if s.String() == word {
			return s, nil
		}
	}
	return Off, fmt.Errorf("%q is not error, warning, info or off", word)
}

// Kind is what an input is, and so which rules look at it.
type Kind string

// The kinds of input.
const (
	Topics   Kind = "topics"   // Topic Names, one a line
	Filters  Kind = "filters"  // Topic Filters of one client, one a line
	Payload  Kind = "payload"  // one payload
	Messages Kind = "messages" // messages as JSON, one a line
	Live     Kind = "live"     // messages as they come from a Server
	ACL      Kind = "acl"      // an access list of Mosquitto
	EMQXACL  Kind = "emqx-acl" // an acl.conf of EMQX
	Conf     Kind = "conf"     // a mosquitto.conf
	Source   Kind = "source"   // a file of a program
	Contract Kind = "contract" // an mqx.yaml
	Fleet    Kind = "profile"  // a simulation profile
)

// Profile is a set of rules: each one has those before it too.
type Profile int

// The profiles.
const (
	Minimal Profile = iota + 1 // what the protocol forbids
	Basic                      // what breaks sooner or later, whatever the convention
	Guide                      // the convention: the default
	Strict                     // all of them, and no finding is below a warning
)

// String returns the word for p.
func (p Profile) String() string {
	return [...]string{"", "minimal", "basic", "guide", "strict"}[p]
}

// MarshalText returns the word for p.
func (p Profile) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParseProfile returns the profile that a word stands for.
func ParseProfile(word string) (Profile, error) {
	for p := Minimal; p <= Strict; p++ {
		if p.String() == word {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%q is not minimal, basic, guide or strict", word)
}

// Example is an input for a rule, as it would stand in a file.
type Example struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
	// Contract is the contract file that the example needs, "" for none; Target the --target.
	Contract string `json:"contract,omitempty"`
	Target   Target `json:"target,omitempty"`
	// Convention is the --convention, "" for the guide's.
	Convention string `json:"convention,omitempty"`
}

// under returns e with a convention.
func under(e Example, convention string) Example {
	e.Convention = convention
	return e
}

// withContract returns e with a contract file.
func withContract(e Example, text string) Example {
	e.Contract = "version: mqx/v1\n" + text
	return e
}

// withTarget returns e with a target.
func withTarget(e Example, t Target) Example {
	e.Target = t
	return e
}

// Rule is one thing that is checked. Everything about it stands in its entry of the table, see [Rules]: the documentation
// is made of it, and its examples are its test.
type Rule struct {
	// Code and Name never change once published.
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	// Profile is the smallest profile that has the rule.
	Profile Profile `json:"profile"`
	// FixClass says how findings of the rule can be mended: by the safest of the ways there are.
	FixClass FixClass `json:"fix_class,omitempty"`
	// Summary is what is wrong, in a few words; Why is the reason, in a paragraph, with what to do.
	Summary string `json:"summary"`
	Why     string `json:"why"`
	// Bad has a finding of this rule, Good has none.
	Bad  Example `json:"bad"`
	Good Example `json:"good"`

	// The checks. Most rules have one.
	topic    func(*topicCheck)
	filter   func(*filterCheck)
	filters  func(*filterSetCheck)
	payload  func(*payloadCheck)
	message  func(*messageCheck)
	history  func(*messageCheck)
	access   func(*accessCheck)
	conf     func(*confCheck)
	source   func(*sourceCheck)
	program  func(*programCheck)
	end      func(*endCheck)
	contract func(*contractCheck)
	fleet    func(*fleetCheck)
	// byEngine marks a rule that the engine itself finds: suppressions, the baseline; atReading one that is found while a
	// profile is read.
	byEngine  bool
	atReading bool
}

// Kinds returns the kinds of input that the rule looks at.
func (r *Rule) Kinds() []Kind {
	var kinds []Kind
	add := func(has bool, k ...Kind) {
		if has {
			kinds = append(kinds, k...)
		}
	}
	add(r.topic != nil, Topics, Messages, Live, Source, Fleet)
	add(r.filter != nil, Filters, ACL, Source)
	add(r.filters != nil, Filters)
	add(r.payload != nil, Payload)
	add((r.payload != nil || r.message != nil || r.history != nil) && r.topic == nil, Messages, Live, Fleet)
	add(r.access != nil && r.filter == nil, ACL, EMQXACL)
	add(r.conf != nil, Conf)
	add(r.source != nil || r.program != nil, Source)
	add(r.contract != nil, Contract)
	add(r.fleet != nil && !slices.Contains(kinds, Fleet), Fleet)
	add(r.end != nil && r.topic == nil && r.message == nil && r.history == nil, Messages, Live)
	add(r.atReading, Fleet)
	if r.byEngine {
		kinds = append(kinds, Topics, Filters, ACL, Conf, Contract)
	}
	return kinds
}

// Rules returns every rule in the order of the codes' families.
func Rules() []Rule {
	var all []Rule
	for _, family := range [][]Rule{
		protocolTopicRules(), topicRules(), conventionTopicRules(), grammarRules(), declaredRules(),
		filterRules(), subscriptionRules(),
		payloadFormRules(), payloadTimeRules(), payloadValueRules(), binaryRules(), historyRules(), seriesRules(),
		retainRules(), statusRules(), trafficRules(), stateRules(), unknownKeyRules(), commandRules(), answerRules(),
		accessRules(), deviceAccessRules(), credentialRules(),
		confRules(), listenerRules(), bridgeRules(), expiryRules(), includeRules(),
		contractRules(), clientIDRules(), fleetRules(), sourceRules(), programRules(), metaRules(), unreadRules(),
	} {
		all = append(all, family...)
	}
	return all
}

// Lookup returns the rule with a code or a name.
func Lookup(code string) (Rule, bool) {
	for _, r := range Rules() {
		if strings.EqualFold(r.Code, code) || strings.EqualFold(r.Name, code) {
			return r, true
		}
	}
	return Rule{}, false
}
