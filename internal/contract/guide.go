package contract

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// FileName is what a contract file is called.
const FileName = "mqx.yaml"

// GuideTaxonomy is the shape of topics in the guide's convention.
const GuideTaxonomy = "{root}/{site}/{device}/{kind}"

// Default returns the convention of the guide, which holds where there is no contract file.
func Default() *Contract {
	c, err := ForTaxonomy(GuideTaxonomy)
	if err != nil {
		panic(err) // a test calls Default
	}
	return c
}

// ForTaxonomy returns the guide's kinds in another shape of topics, which ends with {kind}.
func ForTaxonomy(taxonomy string) (*Contract, error) {
	c, err := newContract(taxonomy, guideKinds())
	if err == nil {
		c.Limits = guideLimits()
	}
	return c, err
}

// guideLimits are what the linter's catalogue takes for reasonable.
func guideLimits() Limits {
	return Limits{TopicBytes: 128, TopicLevels: 8, PayloadBytes: 8 << 10, ClockSkew: clockSkew, StaleAfter: staleAfter}
}

// or returns l with what it leaves open as in other.
func (l Limits) or(other Limits) Limits {
	return Limits{
		TopicBytes:   cmp.Or(l.TopicBytes, other.TopicBytes),
		TopicLevels:  cmp.Or(l.TopicLevels, other.TopicLevels),
		PayloadBytes: cmp.Or(l.PayloadBytes, other.PayloadBytes),
		ClockSkew:    cmp.Or(l.ClockSkew, other.ClockSkew),
		StaleAfter:   cmp.Or(l.StaleAfter, other.StaleAfter),
		Rate:         cmp.Or(l.Rate, other.Rate),
	}
}

// guideKinds are the kinds of the guide, without templates.
func guideKinds() []kindSpec {
	return []kindSpec{
		{name: "telemetry", suffix: "{signal}", rule: Rule{
			Retain: RetainNever, QoS: 0, Format: JSON, Require: []string{"ts", "value"},
		}},
		{name: "status", rule: Rule{Retain: RetainMust, QoS: 1, Format: Text, Values: []string{"online", "offline"}}},
		{name: "cmd", rule: Rule{Retain: RetainNever, QoS: 1, Format: JSON, Require: []string{"id", "ts"}}},
		{name: "cmd/res", rule: Rule{Retain: RetainNever, QoS: 1, Format: JSON, Require: []string{"id"}}},
		{name: "desired", rule: Rule{Retain: RetainMust, QoS: 1, Format: JSON}},
		{name: "reported", rule: Rule{Retain: RetainMust, QoS: 1, Format: JSON, Require: []string{"ts"}}},
		{name: "events", suffix: "{name}", rule: Rule{
			Retain: RetainNever, QoS: 1, Format: JSON, Require: []string{"id", "ts"},
		}},
	}
}

// RoleOf is the role of a kind of that name that does not say another.
func RoleOf(name string) Role {
	switch r := Role(name); r {
	case Telemetry, Status, Command, Desired, Reported, Result, Event:
		return r
	default:
		return Other
	}
}

// fromOf says who publishes to a kind that does not say it.
func fromOf(r Role) Party {
	switch r {
	case Command, Desired:
		return FromService
	case Other:
		return FromAnybody
	default:
		return FromDevice
	}
}

// kindSpec is a kind before the taxonomy is known.
type kindSpec struct {
	name, suffix, topic string // topic replaces taxonomy, name and suffix
	role                Role
	from                Party
	rule                Rule
	description         string
	at                  Position
	off                 bool
}

// newContract puts kinds into a taxonomy.
func newContract(taxonomy string, specs []kindSpec) (*Contract, error) {
	c := &Contract{Variables: map[string]Variable{}, positions: map[string]Position{}}
	if err := c.setTaxonomy(taxonomy); err != nil {
		return nil, err
	}
	for _, spec := range specs {
		k, err := c.newKind(spec)
		if err != nil {
			return nil, err
		}
		c.Kinds = append(c.Kinds, k)
	}
	c.compile()
	return c, nil
}

// setTaxonomy checks a taxonomy: it ends with {kind} and says which device it is.
func (c *Contract) setTaxonomy(text string) error {
	t, err := topic.ParseTemplate(text)
	if err != nil {
		return err
	}
	base, ok := strings.CutSuffix(text, "/{kind}")
	if !ok {
		return fmt.Errorf("taxonomy %q: {kind} must be the last level", text)
	}
	if !strings.Contains("/"+base+"/", "/{device}/") {
		return fmt.Errorf("taxonomy %q: {device} is missing", text)
	}
	if strings.ContainsAny(base, "+#") {
		return fmt.Errorf("taxonomy %q: a wildcard cannot be part of a device's topic; give the level a name, like {line}", text)
	}
	c.Taxonomy, c.base = t, strings.Split(base, "/")
	return nil
}

// newKind makes a kind of its spec.
func (c *Contract) newKind(spec kindSpec) (*Kind, error) {
	text := spec.topic
	if text == "" {
		text = strings.Join(c.base, "/") + "/" + spec.name
		if spec.suffix != "" {
			text += "/" + spec.suffix
		}
	}
	t, err := topic.ParseTemplate(text)
	if err != nil {
		return nil, err
	}
	if strings.Count(text, "/") >= maxLevels {
		return nil, fmt.Errorf("kind %s: its topics have more than %d levels", spec.name, maxLevels)
	}
	k := &Kind{
		Name: spec.name, Role: spec.role, From: spec.from, Template: t, Rule: spec.rule, Description: spec.description, At: spec.at,
	}
	if k.Role == Other {
		k.Role = RoleOf(k.Name)
	}
	if k.Role == Other {
		k.Role = c.roleOfAddress(text)
	}
	if k.From == "" {
		k.From = fromOf(k.Role)
	}
	return k, nil
}
