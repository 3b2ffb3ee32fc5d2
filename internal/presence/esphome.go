package presence

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
)

// esphome is what ESPHome does: online or offline, retained, at {topic_prefix}/status, where the prefix is the name of the
// node unless it is configured. Devices are called by their prefixes.
type esphome struct{ prefix string }

// Filters returns the topics of the status, and those of the states of components.
func (e *esphome) Filters(name string) Filters {
	if name == AllDevices {
		name = under(e.prefix, "+")
	}
	return Filters{Status: []string{name + "/status"}, Traffic: []string{name + "/+/+/state", name + "/debug"}}
}

// Full puts the prefix in front of the name of a node.
func (e *esphome) Full(name string) string { return belowFull(e.prefix, name) }

// Read reads a status.
func (e *esphome) Read(m message.Message) Reading {
	if device, ok := strings.CutSuffix(m.Topic, "/status"); ok {
		words := Words{}
		return words.report(device, m)
	}
	device, isLog := strings.CutSuffix(m.Topic, "/debug")
	if rest, ok := strings.CutSuffix(m.Topic, "/state"); ok {
		levels := strings.Split(rest, "/")
		const component = 2 // sensor/temperature
		if len(levels) > component {
			device, isLog = strings.Join(levels[:len(levels)-component], "/"), true
		}
	}
	if !isLog || m.Retain {
		return Reading{}
	}
	return Reading{Alive: []string{device}}
}
