package lint

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/payload"
)

// The roles, as the rules write them.
const (
	telemetry = contract.Telemetry
	status    = contract.Status
	command   = contract.Command
	desired   = contract.Desired
	reported  = contract.Reported
	result    = contract.Result
	event     = contract.Event
)

// exampleSchemas is what a contract file says about schemas.
const exampleSchemas = "schemas: {temp.v1: temp.v1.json}\n"

// timestamp returns when the payload was made.
func (c *payloadCheck) timestamp() (time.Time, bool) {
	err := c.timestampError()
	return c.made, err == nil
}

// errNoTimestamp says that there is no "ts".
var errNoTimestamp = errors.New("no timestamp")

// timestampError says why there is no timestamp. The payload is looked into once, however many rules ask.
func (c *payloadCheck) timestampError() error {
	if !c.madeKnown {
		c.madeKnown, c.madeErr = true, errNoTimestamp
		if v, ok := c.get("ts"); ok {
			c.made, c.madeErr = payload.TimeOf(valueOf(v))
		}
	}
	return c.madeErr
}

// valueOf is a scalar as [payload.Parse] would return it: the payload was parsed already.
func valueOf(v gjson.Result) any {
	switch v.Type {
	case gjson.Number:
		return json.Number(v.Raw)
	case gjson.String:
		return v.Str
	case gjson.True, gjson.False:
		return v.Bool()
	case gjson.Null:
		return nil
	default:
		value, _ := payload.Parse([]byte(v.Raw)) // it was valid as a part of the payload
		return value
	}
}

// payloadTimeRules are about timestamps and the name of the schema.
func payloadTimeRules() []Rule {
	return []Rule{
		{
			Code: "P002", Name: "missing-ts", Severity: Error, Profile: Guide,
			Summary: "a payload does not say when it was made",
			Why: "A message may wait in a queue for hours and be retained for years. Without a timestamp of its own nobody can tell " +
				"an old value from a new one, nor put two in order.",
			Bad:  body(`{"v":21.7,"unit":"C","schema":"temp.v1"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				if _, has := p.get("ts"); !has && p.object() && p.place.require("ts") {
					p.found("/ts", `the payload has no "ts"`)
				}
			},
		},
		{
			Code: "P003", Name: "ts-format", Severity: Warning, Profile: Guide,
			Summary: "a timestamp is not one that everybody reads alike",
			Why: "Good are Unix seconds, Unix milliseconds, and RFC 3339 with a zone. A local time without a zone is an hour wrong " +
				"twice a year and useless across sites, which is an error; a date in another order is read differently by everybody.",
			Bad:     body(`{"v":21.7,"ts":"22/11/26 11:20","unit":"C","schema":"temp.v1"}`),
			Good:    body(`{"v":21.7,"ts":"2026-11-22T11:20:31Z","unit":"C","schema":"temp.v1"}`),
			payload: timestampFormat,
		},
		{
			Code: "P006", Name: "clock-not-set", Severity: Error, Profile: Guide,
			Summary: "a timestamp is before 2020 or in the future",
			Why: "A device without a battery for its clock begins in 1970, or where its firmware was built, until the time comes " +
				"over the network. Its values then sort before all others, or never become stale. Wait for the time before publishing.",
			Bad:  body(`{"v":21.7,"ts":191,"unit":"C","schema":"temp.v1"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				ts, ok := p.timestamp()
				switch {
				case !ok:
				case ts.Year() < 2020:
					p.found("/ts", "the timestamp is %s: the clock was not set", ts.UTC().Format(time.RFC3339))
				case ts.After(p.now.Add(24 * time.Hour)):
					p.found("/ts", "the timestamp is %s, which is in the future", ts.UTC().Format(time.RFC3339))
				}
			},
		},
		{
			Code: "P007", Name: "missing-schema", Severity: Error, Profile: Guide,
			Summary: "telemetry does not name its schema",
			Why: "Formats change while devices in the field keep theirs for years. A name and a version (temp.v1) in each message " +
				"let consumers tell them apart, and let mqx find the JSON Schema to check the message with. Where the contract does not " +
				"require a schema, telemetry without one is a warning.",
			Bad:  body(`{"v":21.7,"ts":1736430000,"unit":"C"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				name, has := p.get("schema")
				switch {
				case !p.object():
				case has && !versioned(name):
					p.found("/schema", "the schema %.60s has no version, like temp.v1", name.Raw)
				case !has && p.place.require("schema"):
					p.found("/schema", `the payload has no "schema"`)
				case !has && p.place.role == telemetry && p.place.rule.Schema == "":
					p.foundAs(Warning, "/schema", `the payload has no "schema"`)
				}
			},
		},
		{
			Code: "P008", Name: "schema-mismatch", Severity: Error, Profile: Minimal,
			Summary: "a payload breaks its JSON Schema",
			Why: "The schema is what producers and consumers agreed on; the contract file, or --schema, says where it is. The finding " +
				"says which member breaks which rule.",
			Bad:     withContract(body(`{"v":"warm","ts":1736430000,"unit":"C","schema":"temp.v1"}`), exampleSchemas),
			Good:    withContract(body(goodPayload), exampleSchemas),
			payload: schemaMismatch,
		},
		{
			Code: "P009", Name: "unknown-schema", Severity: Warning, Profile: Guide,
			Summary: "the contract has no schema of that name",
			Why: "The contract lists the schemas of the project. A name that is not there is a typo, or a version that nobody agreed " +
				"on, and its messages are checked by nothing.",
			Bad:  withContract(body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"tmep.v1"}`), exampleSchemas),
			Good: withContract(body(goodPayload), exampleSchemas),
			payload: func(p *payloadCheck) {
				c := p.l.convention.Contract
				name, has := p.get("schema")
				if c == nil || len(c.Schemas) == 0 || !has || name.Type != gjson.String {
					return
				}
				if c.SchemaFor(contract.Rule{}, name.Str) == nil {
					p.found("/schema", "the contract has no schema %q", name.Str)
				}
			},
		},
	}
}

func timestampFormat(p *payloadCheck) {
	ts, has := p.get("ts")
	if !has || !p.object() {
		return
	}
	if ts.Type == gjson.String {
		if _, err := time.Parse("2006-01-02T15:04:05", strings.Replace(ts.Str, " ", "T", 1)); err == nil {
			p.foundAs(Error, "/ts", "%q has no zone: write 2026-11-22T11:20:31Z", ts.Str)
			return
		}
	}
	if err := p.timestampError(); err != nil {
		p.found("/ts", "%s: write Unix seconds, milliseconds, or 2026-11-22T11:20:31Z", err)
	}
}

// versioned reports whether a schema's name ends in a version.
func versioned(name gjson.Result) bool {
	i := strings.LastIndex(name.Str, ".v")
	return name.Type == gjson.String && i > 0 && trailingDigits(name.Str) == len(name.Str)-i-2 && i+2 < len(name.Str)
}

func schemaMismatch(p *payloadCheck) {
	if len(p.body) == 0 {
		return
	}
	var err error
	switch c := p.l.convention.Contract; {
	case p.l.options.Schema != nil:
		err = p.l.options.Schema.Check(p.body)
	case c != nil:
		name, _ := p.get("schema")
		if s := c.SchemaFor(p.place.rule, name.Str); s != nil {
			err = s.Check(p.body)
		}
	}
	if err == nil {
		return
	}
	if broken, ok := asSchemaError(err); ok {
		for _, v := range broken.Violations {
			p.found(v.Pointer, "%s", v.Message)
		}
		return
	}
	p.found("", "%s", err)
}
