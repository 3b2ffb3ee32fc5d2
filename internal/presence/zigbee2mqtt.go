package presence

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
)

// zigbee2mqtt is what Zigbee2MQTT does: online or offline at zigbee2mqtt/{name}/availability, plain or as {"state":"online"},
// and that of the bridge itself at zigbee2mqtt/bridge/state. No device is there without the bridge, which is the one that
// has a Will Message. Devices are called by their base topics; a friendly name may have up to three levels.
type zigbee2mqtt struct{ base string }

// Filters returns the topics of availability, and those of states.
func (z *zigbee2mqtt) Filters(name string) Filters {
	bridge := z.base + "/bridge/state"
	if name != AllDevices {
		return Filters{Status: []string{name + "/availability", bridge}, Traffic: []string{name}}
	}
	return Filters{
		Status: []string{
			z.base + "/+/availability", z.base + "/+/+/availability", z.base + "/+/+/+/availability", bridge,
		},
		Traffic: []string{z.base + "/+"},
	}
}

// Full puts the base topic of the bridge in front of a friendly name.
func (z *zigbee2mqtt) Full(name string) string { return belowFull(z.base, name) }

// Read reads availability.
func (z *zigbee2mqtt) Read(m message.Message) Reading {
	bridge := z.base + "/bridge"
	rest, ok := strings.CutPrefix(m.Topic, z.base+"/")
	if !ok {
		return Reading{}
	}
	if rest == "bridge/state" {
		words := Words{Path: statePath(m.Payload)}
		return words.report(bridge, m)
	}
	if device, ok := strings.CutSuffix(m.Topic, "/availability"); ok && device != bridge {
		words := Words{Path: statePath(m.Payload)}
		r := words.report(device, m)
		for i := range r.Reports {
			r.Reports[i].Will = Goodbye // the bridge says so, in good health
			r.Links = append(r.Links, Link{Device: device, Parent: bridge})
		}
		return r
	}
	if m.Retain || rest == "bridge" || strings.HasPrefix(rest, "bridge/") || strings.HasSuffix(rest, "/set") || strings.HasSuffix(rest, "/get") {
		return Reading{}
	}
	return Reading{Alive: []string{m.Topic}}
}

// statePath is where the text of an availability is: in the member state of an object.
func statePath(p []byte) string {
	if len(p) > 0 && p[0] == '{' {
		return "state"
	}
	return ""
}
