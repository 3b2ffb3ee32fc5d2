package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
)

// contractCheck is a contract under check.
type contractCheck struct {
	finder

	contract *contract.Contract
	text     string // of the file, "" when it cannot be read any more
}

// Contract checks a contract file or an AsyncAPI document that was read.
func (l *Linter) Contract(c *contract.Contract) {
	text, _ := l.ReadWhole(c.File) // without it nothing can be mended
	l.contract(c, string(text))
}

func (l *Linter) contract(c *contract.Contract, text string) {
	l.checked += len(c.Kinds)
	check := &contractCheck{finder: finder{l: l}, contract: c, text: text}
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
			Code: "D003", Name: "retain-contradiction", Severity: Error, Profile: Guide, FixClass: UnsafeFix,
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
						c.found(k.Name, "%s is retained: it happens again for each new subscriber", k.Name).retain(c, k, "true", "false")
					case retain == contract.RetainNever && (k.Role == status || k.Role == desired || k.Role == reported):
						c.at(k.At)
						c.found(k.Name, "%s is not retained: who comes later does not know it", k.Name).retain(c, k, "false", "true")
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
		{
			Code: "D002", Name: "no-payload-schema", Severity: Warning, Profile: Guide,
			Summary: "a document says nothing about a JSON payload",
			Why: "A channel of an AsyncAPI document whose messages are JSON and have no payload schema tells a consumer where to listen and " +
				"not what comes. Nothing can be checked, and code made from the document has no types.",
			Bad:      example(Contract, asyncAPIChannel("{contentType: application/json}")),
			Good:     example(Contract, asyncAPIChannel("{contentType: application/json, payload: {type: object}}")),
			contract: noPayloadSchema,
		},
		{
			Code: "D001", Name: "no-mqtt-binding", Severity: Warning, Profile: Guide,
			Summary: "an operation of a document says nothing about QoS and RETAIN",
			Why: "Half of what a publisher and a subscriber must agree on is the QoS and the RETAIN flag, and AsyncAPI has them in the " +
				"binding for MQTT of an operation only. Without it each program chooses for itself: write " +
				"bindings: {mqtt: {qos: 1, retain: true}}.",
			Bad: example(Contract, strings.Replace(asyncAPIChannel("{payload: {type: object}}"),
				", bindings: {mqtt: {qos: 0, retain: false}}", "", 1)),
			Good:     example(Contract, asyncAPIChannel("{payload: {type: object}}")),
			contract: noBinding,
		},
		{
			Code: "D005", Name: "open-parameter", Severity: Warning, Profile: Guide,
			Summary: "a parameter of a document may be anything",
			Why: "A parameter with a list of values or a pattern tells which topics there can be. One with neither " +
				"lets a topic with any text in that level pass.",
			Bad:      example(Contract, strings.Replace(asyncAPIChannel("{payload: {type: object}}"), "{enum: [lyon]}", "{}", 1)),
			Good:     example(Contract, asyncAPIChannel("{payload: {type: object}}")),
			contract: openParameter,
		},
		{
			Code: "N001", Name: "duplicate-client-id", Severity: Error, Profile: Guide,
			Summary: "two devices have one Client Identifier",
			Why: "A Server has one session for a Client Identifier: when the second device connects, the first is thrown out, comes back, " +
				"and throws out the second, for ever. Both flap, and each misses messages.",
			Bad: example(Contract, "version: mqx/v1\nroot: acme\ndevices:\n  client_id: \"{device}\"\n"+
				"  inventory: [{site: lyon, device: cr-001}, {site: turin, device: cr-001}]\n"),
			Good: example(Contract, "version: mqx/v1\nroot: acme\ndevices:\n  client_id: \"{site}-{device}\"\n"+
				"  inventory: [{site: lyon, device: cr-001}, {site: turin, device: cr-001}]\n"),
			contract: func(c *contractCheck) {
				seen := map[string]string{}
				for i := range c.contract.Devices.Inventory {
					d := &c.contract.Devices.Inventory[i]
					if d.ClientID == "" {
						continue
					}
					if first, ok := seen[d.ClientID]; ok {
						c.at(d.At)
						c.found(d.Base, "%s has the Client Identifier %s, and so does %s", d.Base, d.ClientID, first)
					}
					seen[d.ClientID] = d.Base
				}
			},
			fleet: func(c *fleetCheck) {
				seen := map[string]string{}
				for d := range c.profile.Devices() {
					id := c.profile.ClientID(&d)
					if first, ok := seen[id]; ok {
						c.at(d.Group.At)
						c.found("", "%s has the Client Identifier %s, and so does %s", d.Path(), id, first)
					}
					seen[id] = d.Path()
				}
			},
		},
	}
}

// asyncAPIChannel is a document with one message.
func asyncAPIChannel(message string) string {
	return asyncAPIHead + "mqtts" + asyncAPIWill + `channels:
  temp:
    address: acme/{site}/telemetry
    parameters: {site: {enum: [lyon]}}
    messages: {temp: ` + message + `}
operations:
  tell: {action: send, channel: {$ref: "#/channels/temp"}, bindings: {mqtt: {qos: 0, retain: false}}}
`
}

// noPayloadSchema looks at documents that describe messages one by one.
func noPayloadSchema(c *contractCheck) {
	for _, k := range c.contract.Kinds {
		if c.contract.AsyncAPI && k.Rule.Format == contract.JSON && k.Rule.Schema == "" {
			c.at(k.At)
			c.found(k.Name, "the messages of %s have no payload schema", k.Name)
		}
	}
}

func noBinding(c *contractCheck) {
	for _, k := range c.contract.Kinds {
		if !c.contract.AsyncAPI || k.Rule.QoS != contract.QoSUnset && k.Rule.Retain != "" {
			continue
		}
		missing := "qos"
		switch {
		case k.Rule.QoS == contract.QoSUnset && k.Rule.Retain == "":
			missing = "qos and no retain"
		case k.Rule.Retain == "":
			missing = "retain"
		}
		c.at(k.At)
		c.found(k.Name, "the operations of %s have no %s in bindings.mqtt", k.Name, missing)
	}
}

func openParameter(c *contractCheck) {
	if !c.contract.AsyncAPI {
		return // a contract file says what is special, and a document says all
	}
	open := map[string]bool{}
	for _, k := range c.contract.Kinds {
		for _, name := range k.Template.Vars() {
			v := c.contract.Variables[name]
			if open[name] || v.Pattern != nil || len(v.Values) > 0 {
				continue
			}
			open[name] = true
			c.at(k.At)
			c.found(name, "the parameter {%s} may be anything", name)
		}
	}
}
