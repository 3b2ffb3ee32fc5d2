package lint

import (
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Conventions returns the names that --convention takes.
func Conventions() []string {
	return []string{"guide", "zigbee2mqtt", "tasmota", "homie", "homeassistant", "sparkplug", "esphome", "none"}
}

// NamedConvention returns a convention by its name: the guide's, one that others have published, or none at all.
func NamedConvention(name string) (*Convention, error) {
	switch name {
	case "guide":
		return GuideConvention(), nil
	case "zigbee2mqtt":
		return zigbee2mqtt(), nil
	case "tasmota":
		return tasmota(), nil
	case "homie":
		return homie(), nil
	case "homeassistant":
		return homeAssistant(), nil
	case "sparkplug":
		return sparkplug(), nil
	case "esphome":
		return esphome(), nil
	case "none":
		return others("none", anyLevel(), "{topic...}"), nil
	default:
		return nil, fmt.Errorf("%q is not one of %s", name, strings.Join(Conventions(), ", "))
	}
}

// guideOnly are the rules that ask for the guide's own words and payloads.
func guideOnly() []string {
	return []string{
		"T017", "T018", "T019", "T020", "T021", "T022", "T023", "T024", "T027", "T033", "F005", "F008", "F010", "P002", "P007",
		"P011", "P014", "P015", "P017", "P025", "P029", "R001", "R002", "R005", "R006", "R007", "R012", "R019", "R020", "S001", "K001",
	}
}

func anyLevel() levelStyle { return levelStyle{extra: "*", words: "anything"} }

// others makes a convention of templates, one a line. Behind | stands the role and, for a status, the values; a second | says
// that it need not be retained.
func others(name string, style levelStyle, templates ...string) *Convention {
	c := &Convention{Name: name, levels: style, words: map[string]bool{}, Off: guideOnly()}
	for _, line := range templates {
		text, role, _ := strings.Cut(line, "|")
		role, flag, _ := strings.Cut(role, "|")
		role, values, _ := strings.Cut(role, "=")
		template, err := topic.ParseTemplate(text)
		if err != nil {
			panic(err) // a test makes every convention
		}
		k := &contract.Kind{Name: text, Role: contract.Role(role), From: contract.FromAnybody, Template: template}
		k.Rule = contract.Rule{Retain: contract.RetainAny, QoS: contract.QoSAny, Format: contract.AnyBytes}
		if values != "" {
			k.Rule.Values = strings.Split(values, ",")
			k.Rule.Retain = contract.RetainMust
		}
		if flag != "" {
			k.Rule.Retain = contract.Retain(flag)
		}
		c.kinds = append(c.kinds, c.takeApart(k))
	}
	return c
}

// zigbee2mqtt is what the Zigbee2MQTT bridge uses: friendly names may have slashes, spaces and capitals.
func zigbee2mqtt() *Convention {
	c := others("zigbee2mqtt", anyLevel(),
		"zigbee2mqtt/bridge/state|status=online,offline",
		"zigbee2mqtt/bridge/{rest...}",
		"zigbee2mqtt/{device}/availability|status=online,offline",
		"zigbee2mqtt/{device}/{rest...}",
		"zigbee2mqtt/{device}",
		"homeassistant/status|status=online,offline|any",
		"homeassistant/{component}/{node}/{object}/config",
		"homeassistant/{component}/{object}/config",
	)
	c.Off = append(c.Off, "T011", "T012", "T013", "T015", "T025", "P012", "P026", "S003")
	return c
}

// tasmota is %prefix%/%topic%/command with the prefixes cmnd, stat and tele, or, as many set it, %topic%/%prefix%/. A topic
// may have levels of its own.
func tasmota() *Convention {
	c := others("tasmota", anyLevel(),
		"tele/{device}/LWT|status=Online,Offline",
		"tele/{area}/{device}/LWT|status=Online,Offline",
		"tele/{device}/{name...}",
		"stat/{device}/{name...}",
		"cmnd/{device}/{name...}",
		"{device}/tele/LWT|status=Online,Offline",
		"{area}/{device}/tele/LWT|status=Online,Offline",
		"{device}/tele/{name}",
		"{device}/stat/{name}",
		"{device}/cmnd/{name}",
		"{area}/{device}/tele/{name}",
		"{area}/{device}/stat/{name}",
		"{area}/{device}/cmnd/{name}",
		"tasmota/discovery/{device}/{name}",
		"homeassistant/{component}/{object}/config",
		"homeassistant/{component}/{node}/{object}/config",
	)
	c.Off = append(c.Off, "T013", "T025", "P012", "P022")
	return c
}

// homie is version 5 of the Homie convention, and the topics of version 4.
func homie() *Convention {
	style := levelStyle{extra: "$", words: "lower case letters, digits and dashes"}
	c := others("homie", style,
		"homie/5/{device}/$state",
		"homie/5/{device}/$description",
		"homie/5/{device}/$log/{rest...}",
		"homie/5/{device}/$alert/{rest...}",
		"homie/5/{device}/{node}/{property}",
		"homie/5/{device}/{node}/{property}/set",
		"homie/5/{device}/{node}/{property}/$target",
		"homie/5/$broadcast/{rest...}",
		"homie/{device}/{rest...}",
	)
	c.Off = append(c.Off, "T025", "P012")
	return c
}

// homeAssistant is the discovery of Home Assistant. The topics that are named there are whatever the device has.
func homeAssistant() *Convention {
	c := others("homeassistant", levelStyle{extra: "*", words: "letters, digits, - and _"},
		"homeassistant/status|status=online,offline|any",
		"homeassistant/{component}/{object}/config",
		"homeassistant/{component}/{node}/{object}/config",
		"homeassistant/device/{object}/config",
		"homeassistant/{component}/{object}/{state}",
		"homeassistant/{component}/{node}/{object}/{state}",
		"{topic...}",
	)
	c.Off = append(c.Off, "T013", "T025", "P012")
	return c
}

// sparkplug is Sparkplug B. Its payloads are Protocol Buffers.
func sparkplug() *Convention {
	c := others("sparkplug", anyLevel(),
		"spBv1.0/STATE/{host}",
		"STATE/{host}", // of version 2.2
		"$sparkplug/certificates/{birth...}",
		"spBv1.0/{group}/{type}/{node}",
		"spBv1.0/{group}/{type}/{node}/{device}",
	)
	c.Off = append(c.Off, "T011", "T012", "T013", "T025", "P012")
	return c
}

// esphome is what ESPHome uses: node/component/object/state and command.
func esphome() *Convention {
	c := others("esphome", levelStyle{extra: "_ABCDEFGHIJKLMNOPQRSTUVWXYZ", words: "letters, digits, - and _"},
		"{node}/status|status=online,offline",
		"{node}/debug",
		"{node}/{component}/{object}/{state}",
		"{node}/{component}/{object}/{part}/{state}",
		"{area}/{node}/status|status=online,offline",
		"{area}/{node}/debug",
		"{area}/{node}/{component}/{object}/{state}",
		"{area}/{node}/{component}/{object}/{part}/{state}",
		"esphome/discover",
		"esphome/discover/{rest...}",
		"esphome/ping/{rest...}",
		"homeassistant/{component}/{node}/{object}/config",
	)
	c.Off = append(c.Off, "T025", "P012")
	return c
}
