package lint

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/profile"
)

// fleetHead is what a profile cannot be without, but for the devices.
const fleetHead = "version: mqx/sim/v1\nname: cold-rooms\n"

const fleetBody = `fleet: [{use: cold-room, site: lyon, count: 40, id: "cr-{n:03}"}]
devices:
  cold-room:
    telemetry:
      temp: {every: 10s, schema: temp.v1, unit: C, value: {walk: 2..6}}
`

func fleet(text string) Example { return example(Fleet, text) }

// fleetRules are about simulation profiles.
func fleetRules() []Rule {
	return []Rule{
		{
			Code: "Z001", Name: "unknown-profile-key", Severity: Error, Profile: Basic, atReading: true,
			Summary: "a profile has a key that means nothing",
			Why: "What a profile says and no simulator reads is believed to be simulated. A slip of the pen must not be the reason why a " +
				"fault never happens.",
			Bad:  fleet(fleetHead + "duraton: 30m\n" + fleetBody),
			Good: fleet(fleetHead + "duration: 30m\n" + fleetBody),
		},
		{
			Code: "Z002", Name: "rate-budget", Severity: Warning, Profile: Guide,
			Summary: "a fleet publishes more than its limits allow",
			Why: "The limits of a profile stop the run: a fleet that reaches them by what it was told to do never gets to its end. " +
				"The rate is what all devices publish together on average, the contract's limit is that of one device.",
			Bad:   fleet(fleetHead + "limits: {max_rate: 1/s}\n" + fleetBody),
			Good:  fleet(fleetHead + "limits: {max_rate: 10/s}\n" + fleetBody),
			fleet: rateBudget,
		},
		{
			Code: "Z003", Name: "unsafe-target", Severity: Error, Profile: Basic,
			Summary: "a profile would connect to a host that it does not allow",
			Why: "A simulation that reaches the wrong Server writes invented values beside true ones, and replaces what real devices have " +
				"retained. Hosts other than this machine must be named under allow_hosts.",
			Bad:  fleet(fleetHead + "target: {broker: mqtt://broker.example.com}\n" + fleetBody),
			Good: fleet(fleetHead + "target: {broker: mqtt://broker.test, allow_hosts: [\"*.test\"]}\n" + fleetBody),
			fleet: func(c *fleetCheck) {
				t := &c.profile.Target
				u, err := url.Parse(t.Broker)
				if t.Broker == "" || err != nil || u.Scheme == "unix" || t.Allows(u.Hostname()) {
					return
				}
				c.at(t.At)
				c.foundWith("name it under target: allow_hosts: when it is a Server for tests", "", "%s is not among the allowed hosts", u.Hostname())
			},
		},
		{
			Code: "Z004", Name: "port-exhaustion", Severity: Warning, Profile: Guide,
			Summary: "a fleet needs more connections than one address has ports",
			Why: "Each device has a connection of its own, and one source address has about 28,000 ports for one Server unless the system " +
				"was told otherwise. Beyond that devices cannot connect. Divide the fleet (--shard) among machines.",
			Bad:  fleet(fleetHead + strings.Replace(fleetBody, "count: 40", "count: 30000", 1)),
			Good: fleet(fleetHead + fleetBody),
			fleet: func(c *fleetCheck) {
				const ports = 28_232 // Linux: 32768 to 60999
				if n := c.profile.Count(); n > ports {
					c.at(c.profile.Fleet[0].At)
					c.foundWith("divide it: mqx simulate fleet --shard 1/2 …", "", "%s devices need more than the %s ports of one address",
						Number(n), Number(ports))
				}
			},
		},
		{
			Code: "Z005", Name: "value-outside-schema", Severity: Warning, Profile: Guide,
			Summary: "a signal can have values that its schema forbids",
			Why: "A generator that can leave the range of the schema makes payloads that consumers refuse, at some time during the run and " +
				"for no reason that anybody remembers. Bound it with clamp, or inject wrong values as a fault, where they have a name.",
			Bad:   withContract(fleet(fleetHead+strings.Replace(fleetBody, "walk: 2..6", "walk: 2..600", 1)), "root: acme\nschemas: {temp.v1: fridge.v1.json}\n"),
			Good:  withContract(fleet(fleetHead+fleetBody), "root: acme\nschemas: {temp.v1: fridge.v1.json}\n"),
			fleet: valueOutsideSchema,
		},
		{
			Code: "Z006", Name: "fault-outside-run", Severity: Warning, Profile: Guide,
			Summary: "a fault never happens, or to nobody",
			Why: "A fault that begins when the run is over, or that names a device which does not exist, shows nothing: the test passes " +
				"because nothing went wrong.",
			Bad:  fleet(fleetHead + "duration: 30m\nfaults: [{name: power cut, at: 45m, to: all, do: reboot}]\n" + fleetBody),
			Good: fleet(fleetHead + "duration: 30m\nfaults: [{name: power cut, at: 25m, to: all, do: reboot}]\n" + fleetBody),
			fleet: func(c *fleetCheck) {
				for _, f := range c.profile.Faults {
					c.at(f.At)
					if length := c.profile.Duration; length > 0 && f.Start >= length {
						c.found(f.Name, "%q begins at %s, and the run ends at %s", f.Name, f.Start, length)
					}
					if len(c.profile.Targets(f)) == 0 {
						c.found(f.Name, "%q happens to no device: %s", f.Name, f.To.String())
					}
				}
			},
		},
	}
}

func rateBudget(c *fleetCheck) {
	p := c.profile
	c.at(p.Limits.At)
	if most := p.Limits.MaxRate; most > 0 && p.Rate() > most {
		c.found("rate", "the fleet publishes %s messages a second, and max_rate is %s", shortNumber(p.Rate()), shortNumber(most))
	}
	if most := p.Limits.MaxDevices; most > 0 && p.Count() > most {
		c.found("devices", "the fleet has %s devices, and max_devices is %s", Number(p.Count()), Number(most))
	}
	for _, t := range p.Types {
		if most := c.layout.Contract.Limits.Rate; most > 0 && t.Rate() > most {
			c.at(t.At)
			c.found("", "a %s publishes %s messages a second, and the contract allows %s", t.Name, shortNumber(t.Rate()), shortNumber(most))
		}
	}
}

func shortNumber(n float64) string { return fmt.Sprintf("%.4g", n) }

// valueOutsideSchema tries the least and the largest value of each signal. Only what is wrong with the value itself counts:
// the rest of the payload is for other rules.
func valueOutsideSchema(c *fleetCheck) {
	for _, t := range c.profile.Types {
		for _, s := range t.Signals {
			schema := c.layout.Contract.SchemaFor(c.layout.SignalRule(s), s.Schema)
			span, numeric := s.Value.Span(t)
			if schema == nil || !numeric {
				continue
			}
			for _, n := range []float64{span.Min, span.Max} {
				sample := sampleOf(s, n)
				broken, ok := errors.AsType[*payload.SchemaError](schema.Check([]byte(sample)))
				if !ok {
					continue
				}
				for _, v := range broken.Violations {
					if v.Pointer == "/v" || v.Pointer == "/value" {
						c.at(s.Value.At)
						c.found(s.Name, "%s can be %s: %s", s.Name, shortNumber(n), v.Message)
					}
				}
			}
		}
	}
}

// sampleOf is a payload with a value at a bound. What grows without one gets to a large number.
func sampleOf(s *profile.Signal, n float64) string {
	const far = 1e9
	if math.IsInf(n, 0) {
		n = math.Copysign(far, n)
	}
	return fmt.Sprintf(`{"v":%.6f,"value":%.6f,"ts":1736430000,"unit":%q,"schema":%q}`, n, n, s.Unit, s.Schema)
}
