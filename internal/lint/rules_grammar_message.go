package lint

import "slices"

// sparkplugFlags checks the RETAIN flag and the QoS of a Sparkplug message: both are laid down for each type.
func sparkplugFlags(m *messageCheck) {
	levels := m.l.levels
	if len(levels) < 3 || levels[0] != "spBv1.0" || !m.published {
		return
	}
	if levels[1] == "STATE" {
		if !m.message.Retain && m.live {
			m.found("retain", "STATE is retained: a node that starts must see which host application is there")
		}
		return
	}
	if m.message.Retain {
		m.found("retain", "%s is never retained: a host application would take it for a new one", levels[2])
	}
	switch t := levels[2]; t {
	case "NBIRTH", "DBIRTH", "NDATA", "DDATA", "NCMD", "DCMD", "DDEATH":
		if m.message.QoS != 0 {
			m.found("qos", "%s has QoS 0, and not %d", t, m.message.QoS)
		}
	case "NDEATH":
		if m.message.QoS != 1 {
			m.found("qos", "NDEATH has QoS 1, and not %d", m.message.QoS)
		}
	}
}

// homieMessage checks the value of $state, and the RETAIN flag of attributes and of what is set.
func homieMessage(m *messageCheck) {
	levels := m.l.levels
	n := len(levels)
	if n < 4 || levels[0] != "homie" || levels[1] != "5" {
		return
	}
	switch last := levels[n-1]; {
	case last == "$state" && len(m.body) > 0 && !slices.Contains([]string{"init", "ready", "disconnected", "sleeping", "lost"}, string(m.body)):
		m.found("state", "$state is %s, where init, ready, disconnected, sleeping or lost is expected", excerpt(m.body))
	case (last == "$state" || last == "$description") && m.published && !m.message.Retain:
		m.found("retain", "%s is retained: a controller that starts later looks for it", last)
	case last == "set" && n == 6 && m.message.Retain && len(m.body) > 0:
		m.found("retain", "what is set is not retained: it would be set again at every reconnect")
	}
}

// discoveryMessage checks a configuration for Home Assistant.
func discoveryMessage(m *messageCheck) {
	levels := m.l.levels
	n := len(levels)
	if levels[0] != "homeassistant" || levels[n-1] != "config" || n != 4 && n != 5 || len(m.body) == 0 {
		return
	}
	if !m.object() {
		m.found("json", "the payload is no JSON object: %s", excerpt(m.body))
		return
	}
	if m.published && !m.message.Retain {
		m.foundAs(Warning, "retain", "not retained: the entity is gone when Home Assistant restarts")
	}
	switch levels[1] {
	case "device", "device_automation", "tag":
		return // they have none, or one for each part
	}
	_, long := m.get("unique_id")
	_, short := m.get("uniq_id")
	if !long && !short {
		m.foundAs(Warning, "unique_id", "no unique_id: the entity cannot be changed by its user")
	}
}
