package presence

import (
	"github.com/mqx-cli/mqx/internal/message"
)

// tasmota is what Tasmota firmware does: Online or Offline, retained, at tele/{device}/LWT, or at {device}/tele/LWT when
// its FullTopic begins with the device. Devices are called by that one level.
type tasmota struct{ prefix string }

// Filters returns the topics of LWT, and those of telemetry and results.
func (t *tasmota) Filters(name string) Filters {
	if name == AllDevices {
		name = "+"
	}
	return Filters{
		Status:  []string{under(t.prefix, "tele", name, "LWT"), under(t.prefix, name, "tele", "LWT")},
		Traffic: []string{under(t.prefix, "tele", name, "+"), under(t.prefix, "stat", name, "+"), under(t.prefix, name, "tele", "+"), under(t.prefix, name, "stat", "+")},
	}
}

// Read reads LWT.
func (t *tasmota) Read(m message.Message) Reading {
	const levelsOfTasmota = 3
	levels, ok := below(t.prefix, m.Topic)
	if !ok || len(levels) != levelsOfTasmota {
		return Reading{}
	}
	kind, device := levels[0], levels[1]
	if kind != "tele" && kind != "stat" {
		kind, device = device, kind
	}
	switch {
	case kind == "tele" && levels[2] == "LWT":
		words := Words{Online: "Online", Offline: "Offline"}
		return words.report(device, m)
	case (kind == "tele" || kind == "stat") && !m.Retain:
		return Reading{Alive: []string{device}}
	default:
		return Reading{}
	}
}
