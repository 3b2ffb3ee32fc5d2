package presence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Convention knows where devices say that they are there, and how. It may remember what it has read; it is not safe for
// concurrent use.
type Convention interface {
	// Filters returns where messages of a device come. name is what the convention calls the device, and may have + for
	// levels; [AllDevices] is all of them.
	Filters(name string) Filters
	// Read says what a message means.
	Read(m message.Message) Reading
}

// AllDevices stands for all devices where the name of one is expected.
const AllDevices = "#"

// Filters are Topic Filters.
type Filters struct {
	// Status are those of status messages, and of what else must be known to understand them.
	Status []string
	// Traffic are those of what devices send besides. Much may come.
	Traffic []string
}

// Reading is what a message means. Most messages mean one thing, and some nothing.
type Reading struct {
	Reports []Report
	// Alive are the devices that the message comes from.
	Alive []string
	Links []Link
	Fault *Fault
}

// Link says that a device is connected through another one.
type Link struct{ Device, Parent string }

// Fault is a status message that makes no sense.
type Fault struct {
	Device, Why string
	// Stored says that the message comes from the Server's store.
	Stored bool
}

// discoverer is a convention that learns from messages where status messages come.
type discoverer interface {
	// Discovered returns the filters of status messages that it has learned of since the last call.
	Discovered() []string
	// Again makes Discovered return all of them once more.
	Again()
}

// prefixed is a convention in which not every name is a base topic, and users may leave out what all have in common.
type prefixed interface {
	// Full returns the name that a short one stands for.
	Full(name string) string
}

// Full returns the name of a device of a convention that name stands for: the convention's prefix may be left out.
func Full(c Convention, name string) string {
	if p, ok := c.(prefixed); ok && name != AllDevices {
		return p.Full(name)
	}
	return name
}

// maxStatus bounds status messages: one that is larger is none.
const maxStatus = 64 << 10

// apply tells a fleet what a message means, which may come from the Server's store.
func (r *Reading) apply(f *Fleet, stored bool, now time.Time) {
	for _, report := range r.Reports {
		f.Report(report, now)
	}
	for _, l := range r.Links {
		f.Link(l.Device, l.Parent, now)
	}
	for _, name := range r.Alive {
		f.Traffic(name, now)
	}
	if r.Fault != nil {
		fault := *r.Fault
		fault.Stored = stored
		f.Fault(fault, now)
	}
}

// Names returns the names of the conventions.
func Names() []string {
	return []string{"guide", "homie", "sparkplug", "homeassistant", "tasmota", "zigbee2mqtt", "esphome"}
}

// New returns the convention of a name other than guide. prefix replaces the levels in front of its topics, or is empty.
func New(name, prefix string) (Convention, error) {
	if prefix != "" {
		if _, err := topic.ParseName(prefix); err != nil {
			return nil, fmt.Errorf("prefix: %w", err)
		}
	}
	or := func(usual string) string {
		if prefix == "" {
			return usual
		}
		return strings.TrimSuffix(prefix, "/")
	}
	switch name {
	case "homie":
		return &homie{prefix: or("homie")}, nil
	case "sparkplug":
		return &sparkplug{namespace: or("spBv1.0")}, nil
	case "homeassistant":
		return newHomeAssistant(or("homeassistant")), nil
	case "tasmota":
		return &tasmota{prefix: or("")}, nil
	case "zigbee2mqtt":
		return &zigbee2mqtt{base: or("zigbee2mqtt")}, nil
	case "esphome":
		return &esphome{prefix: or("")}, nil
	default:
		names := Names()
		return nil, fmt.Errorf("%s or %s is expected", strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
	}
}

// under puts levels below a prefix that may be empty.
func under(prefix string, levels ...string) string {
	if prefix != "" {
		levels = slices.Insert(levels, 0, prefix)
	}
	return strings.Join(levels, "/")
}

// below takes a prefix that may be empty off a topic and returns the levels of the rest.
func below(prefix, name string) ([]string, bool) {
	if prefix != "" {
		rest, ok := strings.CutPrefix(name, prefix+"/")
		if !ok {
			return nil, false
		}
		name = rest
	}
	return strings.Split(name, "/"), true
}

// belowFull puts a prefix in front of a name that does not have it.
func belowFull(prefix, name string) string {
	if prefix == "" || strings.HasPrefix(name, prefix+"/") {
		return name
	}
	return prefix + "/" + name
}
