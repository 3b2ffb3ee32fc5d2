package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
)

// conventionTopicRules are what a team agreed on about its topics.
func conventionTopicRules() []Rule {
	return []Rule{
		{
			Code: "T013", Name: "topic-case", Severity: Warning, Profile: Guide, FixClass: UnsafeFix,
			Summary: "a level has other characters than the convention's",
			Why: "Topics are compared byte by byte, so that Temp, temp and TEMP are three topics, and temp_c and temp-c two. One " +
				"style for all levels ends the guessing: lower case, digits and dashes. Conventions of others have their own style.",
			Bad:  topics("acme/lyon/cr-001/telemetry/Temp_1"),
			Good: topics("acme/lyon/cr-001/telemetry/temp-1"),
			topic: func(t *topicCheck) {
				c := t.l.convention
				for i := 0; !t.plain && i < len(t.levels); i++ {
					if l := t.levels[i]; !c.levelFine(l) {
						t.found(level(i), "level %d is %q: use %s", i+1, l, c.levelStyle()).level(t, i, c.restyled(l))
					}
				}
			},
		},
		{
			Code: "T016", Name: "taxonomy", Severity: Error, Profile: Guide,
			Summary: "a Topic Name does not have the shape that was agreed on",
			Why: "Access rules, dashboards, bridges and retention all go by the place of a level. A topic outside the agreed shape " +
				"is one that nobody subscribes to and no rule protects. The shape stands in the contract file; without one it is " +
				"{root}/{site}/{device}/ and telemetry/{signal}, status, cmd, cmd/res, desired, reported or events/{name}.",
			Bad:  topics("acme/cr-001/temp"),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
			topic: func(t *topicCheck) {
				if t.place.kind == nil && t.name != "" && t.name[0] != '$' && !t.wildcard {
					part, why := t.l.convention.explain(t.name, t.levels)
					t.foundWith(t.l.convention.fixHint(), part, "%s", why)
				}
			},
		},
		{
			Code: "T017", Name: "unknown-root", Severity: Error, Profile: Guide,
			Summary: "the root is none of the contract's",
			Why: "The root separates environments and owners: access rules and bridges look at it first. A message below another " +
				"root (a typo, a test left over, production's name in staging) reaches nobody, or the wrong ones.",
			Bad:  withContract(topics("acm/lyon/cr-001/status"), "roots: {prod: acme}\n"),
			Good: withContract(topics("acme/lyon/cr-001/status"), "roots: {prod: acme}\n"),
			topic: func(t *topicCheck) {
				for _, u := range t.place.unknown {
					if u.Variable == "root" {
						t.found(u.Variable, "the root %q is none of the contract's", u.Value)
					}
				}
			},
		},
		{
			Code: "T018", Name: "unknown-device", Severity: Warning, Profile: Guide,
			Summary: "the contract does not know a value of the topic",
			Why: "A device that is in no inventory is a typo, a stranger or a device that somebody forgot to enter. The same goes " +
				"for sites and other levels where the contract lists them or says what they look like.",
			Bad:  withContract(topics("acme/lyonn/cr-001/status"), "sites: [lyon, turin]\n"),
			Good: withContract(topics("acme/lyon/cr-001/status"), "sites: [lyon, turin]\n"),
			topic: func(t *topicCheck) {
				for _, u := range t.place.unknown {
					switch {
					case u.Variable == "root", u.Variable == "signal": // T017 and T031
					case u.Listed:
						t.found(u.Variable, "the %s %q is not in the contract", u.Variable, u.Value)
					default:
						t.found(u.Variable, "the %s %q does not have the form that the contract asks for", u.Variable, u.Value)
					}
				}
			},
		},
		{
			Code: "T019", Name: "device-not-unique", Severity: Warning, Profile: Guide,
			Summary: "one device id is in use at two sites",
			Why: "A device id should name one device. The same one at two sites is a device that was moved (and its old retained " +
				"messages stayed) or an image that was cloned with its identity: two clients with one id throw each other out.",
			Bad:  topics("acme/lyon/cr-001/status\nacme/turin/cr-001/status"),
			Good: topics("acme/lyon/cr-001/status\nacme/turin/cr-002/status"),
			topic: func(t *topicCheck) {
				if p := t.place; p.device != "" && p.site != "" && !t.wildcard {
					if other, ok := t.l.memory.otherSite(p); ok {
						t.shape = t.shape.up(p.deviceAt + 1)
						t.foundWith("if it moved, clear what is retained at the old place; if not, give it an id of its own",
							"device", "device %q is at the site %q too", p.device, other)
					}
				}
			},
		},
		{
			Code: "T020", Name: "specific-before-general", Severity: Warning, Profile: Guide,
			Summary: "a special level stands before a general one",
			Why: "Levels go from general to special, so that one filter selects a site, and one access rule covers a device. With " +
				"the device first there is no filter for the site that does not name every device.",
			Bad:  topics("acme/telemetry/temp/lyon/cr-001"),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
			topic: func(t *topicCheck) {
				if t.place.kind != nil || len(t.levels) < 4 {
					return
				}
				for i := range 2 {
					if kindWord(t.levels[i]) && !kindWord(t.levels[len(t.levels)-1]) {
						t.found(level(i), "%q says what it is and stands before the levels that say whose it is", t.levels[i])
						return
					}
				}
			},
		},
		{
			Code: "T021", Name: "reserved-word-level", Severity: Error, Profile: Guide,
			Summary: "a word of the convention is the name of something else",
			Why: "telemetry, status, cmd, desired, reported and events say what a topic is. As the name of a site, a device or a " +
				"signal, or at another depth, they let filters such as acme/+/+/status match what is no status.",
			Bad:  topics("acme/lyon/status/telemetry/temp"),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
			topic: func(t *topicCheck) {
				p := t.place
				for _, v := range []struct{ what, value string }{{"site", p.site}, {"device", p.device}, {"signal", p.signal}} {
					if v.value != "" && kindWord(v.value) {
						t.found(v.what, "the %s is called %q, which is a word of the convention", v.what, v.value)
					}
				}
			},
		},
		{
			Code: "T022", Name: "verb-in-topic", Severity: Info, Profile: Guide,
			Summary: "a level is a verb",
			Why: "A topic names a thing, the message says what happened to it. A verb such as get, set or send belongs in a command, " +
				"where it has an id and an answer.",
			Bad:   topics("acme/lyon/cr-001/telemetry/send-temp"),
			Good:  topics("acme/lyon/cr-001/telemetry/temp"),
			topic: verbInTopic,
		},
		{
			Code: "T023", Name: "value-in-topic", Severity: Warning, Profile: Guide,
			Summary: "a level is a value and not a name",
			Why: "A level with a timestamp, a measurement or a fresh UUID in each message makes a new topic each time: no subscriber " +
				"can name it, and retained messages pile up for ever. Values belong in the payload.",
			Bad:   topics("acme/lyon/cr-001/telemetry/21.5"),
			Good:  topics("acme/lyon/cr-001/telemetry/temp"),
			topic: valueInTopic,
		},
		{
			Code: "T024", Name: "unit-in-name", Severity: Info, Profile: Guide,
			Summary: "the name of a signal has a unit",
			Why: "A unit in a topic cannot change without changing the topic. In the payload it can, and a consumer sees it: " +
				`{"v": 21.7, "unit": "C"}.`,
			Bad:  topics("acme/lyon/cr-001/telemetry/temp-c"),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
			topic: func(t *topicCheck) {
				if s := t.place.signal; t.place.role == contract.Telemetry {
					if i := strings.LastIndexAny(s, "-_"); i > 0 && unitSuffix(strings.ToLower(s[i+1:])) {
						t.found("signal", "the signal %q ends in a unit", s)
					}
				}
			},
		},
		{
			Code: "T027", Name: "redundant-word", Severity: Info, Profile: Guide,
			Summary: "a level says nothing",
			Why: "Every topic is MQTT and every message is data: such a word costs bytes in each message and depth in each filter. " +
				"The same goes for the site's name repeated in the device's.",
			Bad:   topics("acme/mqtt/cr-001/status"),
			Good:  topics("acme/lyon/cr-001/status"),
			topic: redundantWord,
		},
		{
			Code: "T033", Name: "display-name", Severity: Info, Profile: Guide,
			Summary: "a site or a device looks like a name for people",
			Why: "People rename things, and a topic cannot be renamed: retained messages, access rules and history stay behind. Use " +
				"an id that never changes (lyon-1, cr-001) and put the name for people into a payload.",
			Bad:   topics("acme/Lyon Warehouse North/cr-001/status"),
			Good:  topics("acme/lyon-1/cr-001/status"),
			topic: displayName,
		},
		{
			Code: "T025", Name: "near-duplicate", Severity: Warning, Profile: Guide,
			Summary: "two topics differ by case, a separator or one letter",
			Why: "temp and Temp, door_open and door-open, humidity and humidty on the same kind of device are one signal under two " +
				"names: every consumer sees only a part of the data, and nobody notices.",
			Bad:  topics("acme/lyon/cr-001/telemetry/humidity\nacme/lyon/cr-002/telemetry/humidty"),
			Good: topics("acme/lyon/cr-001/telemetry/humidity\nacme/lyon/cr-002/telemetry/humidity"),
			end:  nearDuplicates,
		},
	}
}

func verbInTopic(t *topicCheck) {
	if r := t.place.role; t.place.kind == nil || r != contract.Telemetry && r != contract.Event {
		return
	}
	for word := range strings.FieldsFuncSeq(t.place.signal, func(r rune) bool { return r == '-' || r == '_' }) {
		switch strings.ToLower(word) {
		case "get", "set", "send", "publish", "request", "update", "read", "write":
			t.found("signal", "%q has the verb %q", t.place.signal, word)
			return
		}
	}
}

func valueInTopic(t *topicCheck) {
	if !t.digits {
		return
	}
	for i, l := range t.levels {
		if i == t.place.deviceAt || i == t.place.siteAt {
			continue
		}
		if what := valueName(l); what != "" {
			t.found(level(i), "level %d is %q, %s", i+1, l, what)
		}
	}
}

// valueName says what kind of value a level is, "" for a name.
func valueName(l string) string {
	digits, dots, dashes, others := 0, 0, 0, 0
	for i := range len(l) {
		switch c := l[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			dots++
		case c == '-', c == ':':
			dashes++
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			others++
		default:
			others += len(l)
		}
	}
	switch {
	case others == 0 && dots == 1 && dashes <= 1 && digits > 1:
		return "a number"
	case others == 0 && dots == 0 && dashes == 0 && digits >= 10:
		return "a timestamp or a serial number"
	case others == 0 && dashes == 2 && digits == 8:
		return "a date"
	case others <= 32 && dashes == 4 && digits+others == 32:
		return "a UUID"
	default:
		return ""
	}
}

func unitSuffix(s string) bool {
	switch s {
	case "c", "f", "k", "degc", "celsius", "fahrenheit", "pct", "percent", "pa", "hpa", "kpa", "bar", "v", "mv", "ma", "w",
		"kw", "wh", "kwh", "lux", "ppm", "ppb", "mm", "cm", "ms", "sec", "hz":
		return true
	default:
		return false
	}
}

func redundantWord(t *topicCheck) {
	for i, l := range t.levels {
		switch strings.ToLower(l) {
		case "mqtt", "iot", "topic", "topics", "data", "message", "messages":
			t.found(level(i), "level %d is %q, which every topic is", i+1, l)
		}
	}
	if p := t.place; len(p.site) > 3 && strings.HasPrefix(p.device, p.site) && len(p.device) > len(p.site) {
		t.found("device", "the device %q repeats its site", p.device)
	}
}

func displayName(t *topicCheck) {
	if t.plain || t.place.kind == nil {
		return
	}
	for _, v := range []struct{ what, value string }{{"site", t.place.site}, {"device", t.place.device}} {
		if strings.ContainsAny(v.value, " '()&,") || strings.IndexFunc(v.value, func(r rune) bool { return r > 0x7e }) >= 0 {
			t.found(v.what, "the %s %q looks like a name for people", v.what, v.value)
		}
	}
}

// kindWord tells the words by which the guide's convention says what a topic is.
func kindWord(level string) bool {
	switch level {
	case "telemetry", "status", "cmd", "desired", "reported", "events":
		return true
	default:
		return false
	}
}
