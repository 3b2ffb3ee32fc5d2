package lint

import "strings"

// grammarRules are those of conventions that others have published.
func grammarRules() []Rule {
	return []Rule{
		{
			Code: "T028", Name: "sparkplug-grammar", Severity: Error, Profile: Basic,
			Summary: "a Sparkplug topic is malformed",
			Why: "Below spBv1.0/ a topic is spBv1.0/GROUP/TYPE/NODE, with /DEVICE for the types that begin with D and only for these, or " +
				"spBv1.0/STATE/HOST. A host application throws everything else away. Of the messages only STATE is retained, with QoS 1; " +
				"births and data have QoS 0, and NDEATH, the Will Message, has QoS 1.",
			Bad:  under(topics("spBv1.0/plant/DDATA/edge1"), "sparkplug"),
			Good: under(topics("spBv1.0/plant/DDATA/edge1/press4"), "sparkplug"),
			topic: func(t *topicCheck) {
				if t.level(0) == "spBv1.0" {
					if why := sparkplugFault(t.levels); why != "" {
						t.found(wholeTopic, "%s", why)
					}
				}
			},
			message: sparkplugFlags,
		},
		{
			Code: "T029", Name: "homie-grammar", Severity: Error, Profile: Basic,
			Summary: "a Homie topic is malformed",
			Why: "Below homie/5/ ids are made of lower case letters, digits and dashes, and only attributes begin with $. Controllers " +
				"ignore a device whose id has anything else. $state is init, ready, disconnected, sleeping or lost; attributes are retained, " +
				"and what is set is not.",
			Bad:  under(topics("homie/5/Weather_Station/sensor/temperature"), "homie"),
			Good: under(topics("homie/5/weather-station/sensor/temperature"), "homie"),
			topic: func(t *topicCheck) {
				if t.level(0) != "homie" || t.level(1) != "5" {
					return
				}
				for i, l := range t.levels[2:] {
					if id := strings.TrimPrefix(l, "$"); id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
						t.found(level(i+2), "level %d is %q: a Homie id has lower case letters, digits and dashes", i+3, l)
					}
				}
			},
			message: homieMessage,
		},
		{
			Code: "T030", Name: "ha-discovery-grammar", Severity: Error, Profile: Basic,
			Summary: "a Home Assistant discovery topic is malformed",
			Why: "Discovery is homeassistant/COMPONENT/[NODE/]OBJECT/config with letters, digits, - and _ in the ids. Home Assistant " +
				"ignores what it does not understand, so that the entity never appears. The payload is a JSON object, or empty to take the " +
				"entity away. It should be retained, to be there when Home Assistant restarts, and have a unique_id, without which the " +
				"entity cannot be changed by its user: these are warnings.",
			Bad:  under(topics("homeassistant/sensor/cold room/config"), "homeassistant"),
			Good: under(topics("homeassistant/sensor/cold_room/config"), "homeassistant"),
			topic: func(t *topicCheck) {
				n := len(t.levels)
				if t.level(0) != "homeassistant" || t.levels[n-1] != "config" {
					return
				}
				if n != 4 && n != 5 {
					t.found(wholeTopic, "%d levels, where COMPONENT/[NODE/]OBJECT makes it 4 or 5", n)
				}
				for i := 1; i < n-1; i++ {
					if strings.IndexFunc(t.levels[i], notHAID) >= 0 || t.levels[i] == "" {
						t.found(level(i), "level %d is %q: letters, digits, - and _ are allowed", i+1, t.levels[i])
					}
				}
			},
			message: discoveryMessage,
		},
	}
}

func notHAID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// sparkplugFault says what is wrong with a Sparkplug topic, "" for nothing.
func sparkplugFault(levels []string) string {
	if len(levels) > 1 && levels[1] == "STATE" {
		if len(levels) != 3 {
			return "STATE has the id of a host application and nothing else"
		}
		return ""
	}
	if len(levels) < 4 {
		return "GROUP, TYPE and NODE are expected"
	}
	switch t := levels[2]; t {
	case "NBIRTH", "NDATA", "NDEATH", "NCMD":
		if len(levels) != 4 {
			return t + " is a message of a node and has no device level"
		}
	case "DBIRTH", "DDATA", "DDEATH", "DCMD":
		if len(levels) != 5 {
			return t + " is a message of a device: its id is the fifth level"
		}
	default:
		return "the type " + t + " does not exist"
	}
	return ""
}
