package lint

import (
	"github.com/mqx-cli/mqx/internal/contract"
)

// contractCheck is a contract under check.
type contractCheck struct {
	finder

	contract *contract.Contract
}

// Contract checks a contract file or an AsyncAPI document that was read.
func (l *Linter) Contract(c *contract.Contract) {
	l.checked += len(c.Kinds)
	check := &contractCheck{finder: finder{l: l}, contract: c}
	for _, a := range l.ctr {
		check.rule = a
		a.contract(check)
	}
}

// at makes a place in the contract that of what is found next.
func (c *contractCheck) at(p contract.Position) {
	if p.File == "" {
		p.File = c.contract.File
	}
	c.subject = subject{kind: Contract, place: Place{File: p.File, Line: max(1, p.Line), Column: p.Column}}
}

const asyncAPIHead = `asyncapi: 3.0.0
info: {title: Cold rooms, version: 1.0.0}
servers:
  prod:
    host: broker.example.com
    protocol: `

const asyncAPIWill = `
    bindings:
      mqtt: {lastWill: {topic: acme/lyon/cr-001/status, message: offline, qos: 1, retain: true}}
`

// contractRules are about what a contract itself says.
func contractRules() []Rule {
	return []Rule{
		{
			Code: "D003", Name: "retain-contradiction", Severity: Error, Profile: Guide,
			Summary: "a contract asks for the wrong RETAIN flag",
			Why: "Commands and events that are retained happen again for each new subscriber; a status or a state that is not is unknown " +
				"to whoever comes later. A contract that says so makes every device wrong at once.",
			Bad:  example(Contract, "version: mqx/v1\nroot: acme\nkinds:\n  status: {retain: false}\n"),
			Good: example(Contract, "version: mqx/v1\nroot: acme\nkinds:\n  status: {retain: true}\n"),
			contract: func(c *contractCheck) {
				for _, k := range c.contract.Kinds {
					switch retain := k.Rule.Retain; {
					case retain == contract.RetainMust && (k.Role == command || k.Role == event || k.Role == result):
						c.at(k.At)
						c.found(k.Name, "%s is retained: it happens again for each new subscriber", k.Name)
					case retain == contract.RetainNever && (k.Role == status || k.Role == desired || k.Role == reported):
						c.at(k.At)
						c.found(k.Name, "%s is not retained: who comes later does not know it", k.Name)
					}
				}
			},
		},
		{
			Code: "D004", Name: "plaintext-server", Severity: Warning, Profile: Guide,
			Summary: "a document names a server without TLS",
			Why: "Whoever reads the document connects as it says, and sends a password in plain text. Write mqtts (or secure-mqtt) and the " +
				"port that goes with it.",
			Bad:  example(Contract, asyncAPIHead+"mqtt"+asyncAPIWill),
			Good: example(Contract, asyncAPIHead+"mqtts"+asyncAPIWill),
			contract: func(c *contractCheck) {
				for i := range c.contract.Servers {
					if s := &c.contract.Servers[i]; s.Protocol == "mqtt" || s.Protocol == "ws" || s.Protocol == "mqtt5" {
						c.at(s.At)
						c.found(s.Name, "the server %s is reached by %s, in plain text", s.Name, s.Protocol)
					}
				}
			},
		},
		{
			Code: "D006", Name: "no-last-will", Severity: Warning, Profile: Guide,
			Summary: "a document has no Will Message",
			Why: "The server binding for MQTT says which Will Message a device has (bindings.mqtt.lastWill). Without it the next " +
				"implementation of a device has none, and nobody sees it die.",
			Bad:  example(Contract, asyncAPIHead+"mqtts\n"),
			Good: example(Contract, asyncAPIHead+"mqtts"+asyncAPIWill),
			contract: func(c *contractCheck) {
				for i := range c.contract.Servers {
					if s := &c.contract.Servers[i]; s.Will == nil {
						c.at(s.At)
						c.found(s.Name, "the server %s has no lastWill", s.Name)
					}
				}
			},
		},
	}
}
