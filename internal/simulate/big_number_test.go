package simulate_test

import (
	"testing"
	"time"
)

// anyThermostat takes a setting that is more than a float64 can tell from its neighbours.
const anyThermostat = `{telemetry: {x: {every: 1m, unit: Cel, schema: x.v1, value: {follow: {to: "{desired.serial}", lag: 0s}}}},
    desired: {accepts: {serial: {type: integer, min: -999999999999999, default: 9007199254740993}, ratio: {type: number}}, ack: both}}`

func TestIntegersBeyondFloat64AreReportedAsTheyCame(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, small(1, anyThermostat, ""))
	p.until(time.Second)
	p.logged(
		"0s connect status offline retained session=b-0e4a/1",
		"0s status online retained session=b-0e4a/1",
		`0s reported {"boot":"b-0e4a","schema":"reported.v1","state":{"serial":9007199254740993},"ts":0} retained`,
		`0s telemetry/x {"v":9007199254740992,"ts":0,"unit":"Cel","schema":"x.v1"}`, // a computed value is a float64
	)
	p.receive("desired", `{"rev":9007199254740993,"id":"a","state":{"serial":9223372036854775809,"ratio":0.1000000000000000055511151231257827}}`)
	p.until(2 * time.Second)
	p.logged(`1s reported {"boot":"b-0e4a","desired_id":"a","desired_rev":9007199254740993,"schema":"reported.v1",` +
		`"state":{"ratio":0.1000000000000000055511151231257827,"serial":9223372036854775809},"ts":0} retained`)
	p.receive("desired", `{"rev":9007199254740994,"id":"b","state":{"serial":-9223372036854775809}}`)
	p.until(3 * time.Second)
	p.logged(`2s reported {"acks":{"/serial":{"msg":"-9223372036854775809 is below -999999999999999","status":"rejected"}},"boot":"b-0e4a",` +
		`"desired_id":"b","desired_rev":9007199254740994,"schema":"reported.v1",` +
		`"state":{"ratio":0.1000000000000000055511151231257827,"serial":9223372036854775809},"ts":0} retained`)
	p.receive("desired", `{"rev":9007199254740995,"id":"c","state":{"serial":9007199254740993.5}}`)
	p.until(4 * time.Second)
	p.logged(`3s reported {"acks":{"/serial":{"msg":"type integer is expected","status":"rejected"}},"boot":"b-0e4a",` +
		`"desired_id":"c","desired_rev":9007199254740995,"schema":"reported.v1",` +
		`"state":{"ratio":0.1000000000000000055511151231257827,"serial":9223372036854775809},"ts":0} retained`)
}

func TestCommandsAreAnsweredWithTheirIdentifierAsItCame(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, small(1, `{telemetry: {x: {every: 1h, unit: Cel, value: 1}}}`, ""))
	p.until(time.Second)
	p.log = nil
	for _, id := range []string{`9007199254740993`, `9007199254740992`, `9007199254740993`, `"9007199254740993"`} {
		p.receive("cmd", `{"id":`+id+`,"name":"blink"}`)
	}
	p.logged(
		`1s cmd/res {"id":9007199254740993,"name":"blink","status":"done","ts":0}`,
		`1s cmd/res {"id":9007199254740992,"name":"blink","status":"done","ts":0}`,
		`1s cmd/res {"id":9007199254740993,"name":"blink","status":"done","ts":0}`,
		`1s cmd/res {"id":"9007199254740993","name":"blink","status":"done","ts":0}`,
	)
}

func TestIntegersBeyondFloat64AreMeasuredAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, small(1, `{telemetry: {
      a: {every: 1h, unit: "1", value: 9007199254740993},
      b: {every: 1h, unit: "1", value: {pick: [18446744073709551615]}},
      c: {every: 1h, unit: "1", value: {constant: -9007199254740993, dropout: 0%}},
      d: {every: 1h, unit: "1", value: {constant: 9007199254740993, noise: {gauss: 0.001}}}}}`, ""))
	p.until(time.Second)
	p.logged(
		"0s connect status offline retained session=b-0e4a/1",
		"0s status online retained session=b-0e4a/1",
		`0s telemetry/a {"v":9007199254740993,"ts":0,"unit":"1"}`,
		`0s telemetry/b {"v":18446744073709551615,"ts":0,"unit":"1"}`,
		`0s telemetry/c {"v":-9007199254740993,"ts":0,"unit":"1"}`,
		`0s telemetry/d {"v":9007199254740992,"ts":0,"unit":"1"}`,
	)
}

func TestAnIntervalWithoutEndIsNoFlood(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, small(1, `{telemetry: {x: {every: 1h, unit: Cel, value: 1}}, desired: {accepts: {interval_s: {}}}}`, ""))
	p.until(time.Second)
	p.receive("desired", `{"rev":1,"state":{"interval_s":1e300}}`)
	p.until(2 * time.Second)
	p.log = nil
	p.until(24 * time.Hour)
	p.logged()
}
