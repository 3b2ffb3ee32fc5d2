package lint

import (
	"errors"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/topic"
)

func asSchemaError(err error) (*payload.SchemaError, bool) {
	return errors.AsType[*payload.SchemaError](err)
}

// payloadValueRules are about what a payload says.
func payloadValueRules() []Rule {
	return []Rule{
		{
			Code: "P011", Name: "missing-unit", Severity: Warning, Profile: Guide,
			Summary: "a measurement has no unit",
			Why: "21.7 of what? A number without a unit is read as Celsius in Lyon and as Fahrenheit in Boston. The unit stands beside " +
				"the value, where it can change together with it.",
			Bad:  body(`{"v":21.7,"ts":1736430000,"schema":"temp.v1"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				at, v, ok := p.measured()
				if _, has := p.get("unit"); ok && !has && v.Type == gjson.Number && p.place.role == telemetry && p.place.rule.Unit == "" {
					p.found(at, "the number %.40s has no unit", v.Raw)
				}
			},
		},
		{
			Code: "P012", Name: "unknown-unit", Severity: Warning, Profile: Guide,
			Summary: "a unit is not one that is in use",
			Why: "Units are compared as text. C, Cel and °C are all in use and fine; degrees, grads or kelvins are not, and a dashboard " +
				"that converts units does not know them. UCUM is the list to choose from. The contract may ask for one in particular.",
			Bad:  body(`{"v":21.7,"ts":1736430000,"unit":"degrees","schema":"temp.v1"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				unit, has := p.get("unit")
				want := p.place.rule.Unit
				switch {
				case !has || unit.Type != gjson.String:
				case want != "" && unit.Str != want:
					p.found("/unit", "the unit is %q, and the contract asks for %q", unit.Str, want)
				case want == "" && !knownUnit(unit.Str):
					p.found("/unit", "the unit %q is not a UCUM unit", unit.Str)
				}
			},
		},
		{
			Code: "P014", Name: "unstable-keys", Severity: Warning, Profile: Guide,
			Summary: "the name of a member is a value",
			Why: `A member per sensor or per day ({"sensor_17": 3}) has no schema: every consumer must guess which names may come. Use ` +
				`an array of objects, or a topic for each. The names of a topic's messages should also stay the same.`,
			Bad:     body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","sensor_17":3}`),
			Good:    body(goodPayload),
			payload: unstableKeys,
		},
		{
			Code: "P015", Name: "key-style", Severity: Warning, Profile: Guide,
			Summary: "members are written in two styles",
			Why: "battery_level from one firmware and batteryLevel from another are two members to every consumer. Choose one style " +
				"for the fleet.",
			Bad:     body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","battery_level":88,"signalStrength":-70}`),
			Good:    body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","battery_level":88,"signal_strength":-70}`),
			payload: keyStyle,
		},
		{
			Code: "P016", Name: "number-as-string", Severity: Warning, Profile: Guide,
			Summary: "a number is a string",
			Why:     `"21.5" sorts after "100", cannot be averaged, and a schema that says number refuses it. JSON has numbers.`,
			Bad:     body(`{"v":"21.5","ts":1736430000,"unit":"C","schema":"temp.v1"}`),
			Good:    body(goodPayload),
			payload: func(p *payloadCheck) {
				if at, v, ok := p.measured(); ok && v.Type == gjson.String && numeric(v.Str) {
					p.found(at, "%q is a number in a string", v.Str)
				}
				if ts, ok := p.get("ts"); ok && ts.Type == gjson.String && numeric(ts.Str) {
					p.found("/ts", "%q is a number in a string", ts.Str)
				}
			},
		},
		{
			Code: "P017", Name: "bool-form", Severity: Info, Profile: Guide,
			Summary: "a truth value is written as text or as a number",
			Why:     `ON, "true", 1 and yes mean the same to people only. JSON has true and false.`,
			Bad:     body(`{"v":"ON","ts":1736430000,"schema":"door.v1"}`),
			Good:    body(`{"v":true,"ts":1736430000,"schema":"door.v1"}`),
			payload: func(p *payloadCheck) {
				for i := range p.members {
					if v := p.members[i].value; v.Type == gjson.String && truthWord(v.Str) {
						p.found(p.templatePointer(i), "%q instead of %s", v.Str, truthValue(v.Str))
					}
				}
			},
		},
		{
			Code: "P025", Name: "device-mismatch", Severity: Error, Profile: Guide,
			Summary: "the payload names another device than the topic",
			Why: "One of the two is wrong: a cloned image, a gateway that mixed up its devices, or a device that publishes in " +
				"another's name. Consumers that go by the payload and those that go by the topic now disagree.",
			Bad: example(Messages, `{"topic":"acme/lyon/cr-001/telemetry/temp","payload":`+
				`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","device":"cr-002"}}`),
			Good: example(Messages, `{"topic":"acme/lyon/cr-001/telemetry/temp","payload":`+
				`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","device":"cr-001"}}`),
			payload: func(p *payloadCheck) {
				if p.place.device == "" {
					return
				}
				for _, key := range []string{"device", "device_id", "deviceId"} {
					if v, ok := p.get(key); ok && v.Type == gjson.String && v.Str != p.place.device && !strings.HasSuffix(p.topic, v.Str) &&
						!strings.Contains(p.topic, v.Str+"/") {
						p.found("/"+key, "the payload is from %q, the topic is that of %q", v.Str, p.place.device)
					}
				}
			},
		},
		{
			Code: "P028", Name: "no-sequence", Severity: Info, Profile: Strict,
			Summary: "telemetry has no sequence number",
			Why: "Without a number that grows by one nobody can prove that a message was lost, only suspect it from a gap in time. " +
				"QoS 0 loses messages, and a full queue does at every QoS.",
			Bad:  body(goodPayload),
			Good: body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","seq":17}`),
			payload: func(p *payloadCheck) {
				if _, has := p.get("seq"); !has && p.object() && p.place.role == telemetry {
					p.found("/seq", `the payload has no "seq"`)
				}
			},
		},
		{
			Code: "P029", Name: "false-precision", Severity: Info, Profile: Guide,
			Summary: "a measurement has more digits than a sensor",
			Why: "21.700000762939453 is a 32-bit number printed as a 64-bit one. The digits mean nothing, cost bytes in every message " +
				"and make each value differ from the last, so that nothing that sends changes only saves anything.",
			Bad:  body(`{"v":21.700000762939453,"ts":1736430000,"unit":"C","schema":"temp.v1"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				if at, v, ok := p.measured(); ok && v.Type == gjson.Number && decimals(v.Raw) > 6 {
					p.found(at, "%.40s has %d decimals", v.Raw, decimals(v.Raw))
				}
			},
		},
	}
}

func unstableKeys(p *payloadCheck) {
	for i := range p.members {
		m := &p.members[i]
		if m.index >= 0 || m.parent >= 0 && p.members[m.parent].key == "acks" {
			continue
		}
		n := trailingDigits(m.key)
		if n >= 2 && n < len(m.key) && isSeparator(m.key[len(m.key)-n-1]) || n >= 4 || valueName(m.key) != "" {
			p.found(p.pointer(i), "the member %q is named after a value", m.key)
		}
	}
}

func keyStyle(p *payloadCheck) {
	styles := &p.l.memory.styles
	for i := range p.members {
		key := p.members[i].key
		style := styleOf(key)
		if style < 0 {
			continue
		}
		s := &styles[style]
		if s.members++; s.key == "" {
			s.key = strings.Clone(key)
		}
		if other := &styles[1-style]; other.members > 0 && other.members >= s.members {
			p.found(p.templatePointer(i), "%q beside %q: two styles of names", key, other.key)
		}
	}
}

// styleOf returns 0 for snake_case, 1 for camelCase and -1 for what may be either.
func styleOf(key string) int {
	under, upper := false, false
	for i := range len(key) {
		c := key[i]
		under = under || c == '_' && i > 0
		upper = upper || c >= 'A' && c <= 'Z' && i > 0 && key[i-1] >= 'a' && key[i-1] <= 'z'
	}
	switch {
	case under && !upper:
		return 0
	case upper && !under && key[0] >= 'a' && key[0] <= 'z':
		return 1
	default:
		return -1
	}
}

func numeric(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	return gjson.Valid(s) && (s[0] == '-' || s[0] >= '0' && s[0] <= '9')
}

func truthWord(s string) bool {
	switch s {
	case "ON", "OFF", "true", "false", "True", "False", "TRUE", "FALSE", "yes", "no", "YES", "NO":
		return true
	default:
		return false
	}
}

func truthValue(s string) string {
	switch strings.ToLower(s) {
	case "on", "true", "yes":
		return "true"
	default:
		return "false"
	}
}

func decimals(raw string) int {
	i := strings.IndexByte(raw, '.')
	if i < 0 || strings.ContainsAny(raw, "eE") {
		return 0
	}
	return len(raw) - i - 1
}

// knownUnit tells the units of the SI, those of UCUM that sensors use, and the signs that people write for them.
func knownUnit(u string) bool {
	if unitAtom(u) || unitAtom(strings.TrimRight(u, "0123456789²³")) && u != "" {
		return true
	}
	// Products and quotients, such as m/s, kg/m3 and W.h.
	parts := strings.FieldsFunc(u, func(r rune) bool { return r == '/' || r == '.' || r == '·' || r == '*' })
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(part string) bool {
		return !unitAtom(strings.TrimRight(part, "0123456789²³-")) && strings.Trim(part, "0123456789") != ""
	})
}

func unitAtom(u string) bool {
	switch u {
	case "1", "%", "C", "°C", "Cel", "F", "°F", "[degF]", "K", "dB", "dBm", "dBA", "dB[SPL]", "B", "By", "bit", "kB", "MB", "GB",
		"KiBy", "MiBy", "min", "h", "d", "wk", "mo", "a", "deg", "°", "rad", "rpm", "count", "counts", "pcs", "ppm", "ppb", "[ppm]",
		"[ppb]", "pH", "[pH]", "lx", "lux", "bar", "mbar", "psi", "[psi]", "atm", "mmHg", "mm[Hg]", "inHg", "l", "L", "t", "ha",
		"[in_i]", "[ft_i]", "[mi_i]", "[gal_us]", "[lb_av]", "in", "ft", "mi", "mph", "kn", "km/h", "VA", "kVA", "var", "kvar", "VAr",
		"kVAr", "NTU", "AQI", "IAQ", "µg", "u", "cnt", "{count}", "ratio", "bool", "state":
		return true
	}
	if strings.HasPrefix(u, "{") && strings.HasSuffix(u, "}") {
		return true // an annotation of UCUM
	}
	if siUnit(u) {
		return true
	}
	for _, prefix := range []string{"da", "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "d", "c", "m", "u", "µ", "μ", "n", "p", "f"} {
		if rest, ok := strings.CutPrefix(u, prefix); ok && siUnit(rest) {
			return true
		}
	}
	return false
}

func siUnit(u string) bool {
	switch u {
	case "m", "g", "s", "A", "K", "mol", "cd", "Hz", "N", "Pa", "J", "W", "V", "F", "Ohm", "Ω", "S", "Wb", "T", "H", "lm", "lx", "Bq",
		"Gy", "Sv", "kat", "Wh", "VA", "var", "Ah", "eV", "L", "l", "bar", "cal", "By", "B", "bit", "b", "G":
		return true
	default:
		return false
	}
}

func asTopicError(err error) (*topic.Error, bool) { return errors.AsType[*topic.Error](err) }
