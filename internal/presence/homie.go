package presence

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// homie is the Homie convention, versions 3 to 5: homie/5/{device}/$state, or homie/{device}/$state before version 5.
// Devices are called by these base topics. From version 5 on, a child is as its root is when that is not connected; its
// $description says which one that is.
type homie struct {
	prefix string
	single bool     // only some devices are looked at, so that their roots must be asked for
	roots  []string // that Discovered has not returned
}

// Discovered returns the topics of the states of roots.
func (h *homie) Discovered() []string {
	roots := h.roots
	h.roots = nil
	return roots
}

// Again has nothing to do: the descriptions that are read again name the roots.
func (h *homie) Again() {}

// Filters returns the topics of $state and $description, and those of properties.
func (h *homie) Filters(name string) Filters {
	if name != AllDevices {
		h.single = true
		return Filters{Status: []string{name + "/$state", name + "/$description"}, Traffic: []string{name + "/+/+"}}
	}
	five, before := under(h.prefix, "5", "+"), under(h.prefix, "+")
	return Filters{
		Status:  []string{five + "/$state", five + "/$description", before + "/$state"},
		Traffic: []string{five + "/+/+", before + "/+/+"},
	}
}

// Full puts homie/5 in front of the identifier of a device.
func (h *homie) Full(name string) string {
	if strings.HasPrefix(name, h.prefix+"/") {
		return name
	}
	return under(h.prefix, "5", name)
}

// Read reads $state and $description.
func (h *homie) Read(m message.Message) Reading {
	levels, ok := below(h.prefix, m.Topic)
	if !ok {
		return Reading{}
	}
	device, five := h.prefix, levels[0] == "5" && len(levels) > 2
	if five {
		device, levels = device+"/5", levels[1:]
	}
	if len(levels) < 2 {
		return Reading{}
	}
	device += "/" + levels[0]
	switch attribute := levels[1]; {
	case attribute == "$state" && len(levels) == 2:
		return homieState(device, m)
	case attribute == "$description" && five && len(levels) == 2:
		root, found, err := payload.Lookup(m.Payload, "root")
		if id, isText := root.(string); err == nil && found && isText && id != "" {
			root := under(h.prefix, "5", id)
			if h.single && validTopic(root) {
				h.roots = append(h.roots, root+"/$state")
			}
			return Reading{Links: []Link{{Device: device, Parent: root}}}
		}
	case m.Retain, strings.HasPrefix(attribute, "$"), len(levels) != 3, strings.HasPrefix(levels[2], "$"):
	default:
		return Reading{Alive: []string{device}}
	}
	return Reading{}
}

func homieState(device string, m message.Message) Reading {
	if len(m.Payload) == 0 {
		return Reading{Reports: []Report{{Device: device, Word: SaysNothing, Stored: m.Retain}}}
	}
	said, err := readStatus(m.Payload, "", "state")
	if err != nil {
		return Reading{Fault: &Fault{Device: device, Why: err.Error()}}
	}
	r := Report{Device: device, Text: said.text, Session: sessionProperty(m.Properties), Stored: m.Retain}
	switch said.text {
	case "ready", "init", "alert":
		r.Word = SaysOnline
	case "sleeping":
		r.Word = SaysSleeping
	case "disconnected":
		r.Word, r.Will = SaysOffline, Goodbye
	case "lost":
		r.Word, r.Will = SaysOffline, IsWill
	default:
		return Reading{Fault: &Fault{Device: device, Why: quoted(said.text) + " is no state of Homie"}}
	}
	return Reading{Reports: []Report{r}}
}
