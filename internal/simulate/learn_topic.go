package simulate

import (
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

// heard is what a topic says: whose it is, and what.
type heard struct {
	role               contract.Role
	root, site, device string
	// base is the template of the device's base topic, beneath is that with the device in it.
	base, beneath string
	vars          map[string]string // further variables of the base
	signal        string
	// own is the template of the topic where it is not what base says; empty where it is.
	own string
}

// place finds out what a topic says. It is not ok for topics of nothing that can be learned.
func (l *Lesson) place(name string) (h heard, ok bool) {
	if _, err := topic.ParseName(name); err != nil || strings.ContainsAny(name, "{}") {
		return h, false // a profile cannot name its levels
	}
	if match, known := l.contract.Classify(name); known && match.Device != "" {
		return l.agreed(&match)
	}
	h, ok = l.foreign(strings.Split(name, "/"))
	h.base = "{root}/{device}"
	h.beneath = h.root + "/" + h.device
	return h, ok
}

// agreed is what a topic of the contract says.
func (l *Lesson) agreed(match *contract.Match) (heard, bool) {
	h := heard{
		role: match.Kind.Role, root: match.Root, site: match.Site, device: match.Device,
		base: strings.TrimSuffix(l.contract.Taxonomy.String(), "/{kind}"), beneath: match.Base(), vars: map[string]string{},
	}
	ofBase := l.contract.Taxonomy.Vars()
	parts := strings.Split(match.Kind.Template.String(), "/")
	words := []string{strings.ReplaceAll(match.Kind.Name, "/", "-")}
	for name, value := range match.Vars() {
		switch name {
		case "root", "site", "device":
		case "signal", "name":
			h.signal = value
		default:
			if slices.Contains(ofBase, name) {
				h.vars[name] = value
				continue
			}
			// What the base does not know stays as it is.
			for i, part := range parts {
				if part == "{"+name+"}" || part == "{"+name+"...}" {
					parts[i] = value
					words = append(words, strings.ReplaceAll(value, "/", "-"))
				}
			}
		}
	}
	if h.signal == "" {
		h.signal = strings.Join(words, "-")
	}
	h.own = strings.Join(parts, "/")
	usual := map[contract.Role]string{
		contract.Telemetry: "/telemetry/{signal}", contract.Event: "/events/{name}", contract.Status: "/status",
	}
	if h.own == h.base+usual[h.role] || strings.ContainsAny(h.own, "+#") {
		h.own = ""
	}
	return h, h.beneath != ""
}

// foreign is what a topic of Tasmota or Zigbee2MQTT says, whose conventions everybody has who uses them.
func (l *Lesson) foreign(levels []string) (h heard, ok bool) {
	if len(levels) < 2 || levels[0] == "" || levels[1] == "" {
		return h, false
	}
	h = heard{root: levels[0], device: levels[1]}
	switch {
	case levels[0] == "tele" && len(levels) == 3:
		h.own = "{root}/{device}/" + levels[2]
		if h.role, h.signal = contract.Telemetry, levels[2]; levels[2] == "LWT" {
			h.role, h.signal = contract.Status, ""
		}
	case levels[1] == "bridge":
		l.bridges[levels[0]] = true // Zigbee2MQTT's own topics
		return h, false
	case !l.bridges[levels[0]] && !strings.HasPrefix(levels[0], "zigbee2mqtt"):
		return h, false
	case len(levels) == 3 && levels[2] == "availability":
		h.role, h.own = contract.Status, "{root}/{device}/availability"
	case len(levels) == 2:
		h.role, h.signal, h.own = contract.Telemetry, "state", "{root}/{device}"
	default:
		return h, false
	}
	return h, h.role == contract.Status || h.signal != ""
}

// guess says how presence is told by devices of which no presence was seen, where that is known.
func (l *Lesson) guess() {
	switch {
	case l.statusTopic != "" || l.base != "{root}/{device}" || len(l.own) == 0:
	case l.own["{root}/{device}"]:
		l.statusTopic, l.online, l.offline = "{root}/{device}/availability", `{"state":"online"}`, `{"state":"offline"}`
	case slices.ContainsFunc(slices.Collect(maps.Keys(l.own)), func(t string) bool { return l.root == "tele" && strings.HasPrefix(t, "{root}/") }):
		l.statusTopic, l.online, l.offline = "{root}/{device}/LWT", "Online", "Offline"
	}
}

// status takes the words for presence that are not the guide's.
func (l *Lesson) status(own string, body []byte) {
	l.statusTopic = own
	word, whole := string(body), string(body)
	if gjson.ValidBytes(body) {
		if status := gjson.GetBytes(body, "status"); status.Type == gjson.String {
			word, whole = status.Str, status.Str
		} else if state := gjson.GetBytes(body, "state"); state.Type == gjson.String {
			word = state.Str // as Zigbee2MQTT writes it
		}
	}
	const longest = 256
	if len(whole) > longest {
		return
	}
	switch strings.ToLower(word) {
	case "online", "up", "connected", "alive", "1":
		l.online, l.sawOnline = whole, true
	case "offline", "down", "disconnected", "dead", "0":
		l.offline, l.sawOffline = whole, true
	}
}

// complete puts the counterpart for a word of presence that was not seen: Offline beside Online.
func (l *Lesson) complete() {
	pairs := [][2]string{
		{"online", "offline"}, {"Online", "Offline"}, {"ONLINE", "OFFLINE"}, {"up", "down"}, {"connected", "disconnected"}, {"alive", "dead"},
	}
	for _, pair := range pairs {
		switch {
		case l.sawOnline && !l.sawOffline && strings.Contains(l.online, pair[0]):
			l.offline = strings.ReplaceAll(l.online, pair[0], pair[1])
			return
		case l.sawOffline && !l.sawOnline && strings.Contains(l.offline, pair[1]):
			l.online = strings.ReplaceAll(l.offline, pair[1], pair[0])
			return
		}
	}
	if l.sawOnline != l.sawOffline { // 1 and 0 are the pair that is left
		l.online, l.offline = "1", "0"
	}
}
