package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/profile"
)

// clientIDRules are about the names that devices connect with.
func clientIDRules() []Rule {
	return []Rule{
		{
			Code: "N003", Name: "client-id-portability", Severity: Info, Profile: Guide,
			Summary: "a Client Identifier is not one that every Server takes",
			Why: "A Server of MQTT 3.1.1 need not take more than 23 characters, nor other ones than letters and digits [MQTT-3.1.3-5]; " +
				"most do, and AWS IoT takes 128. With / + or # in it a Client Identifier cannot stand for a level of a topic: access rules " +
				"with %c then mean something else, or nothing. That is a warning.",
			Bad: example(Contract, "version: mqx/v1\nroot: acme\ndevices:\n  client_id: \"{site}-cold-room-controller-{device}\"\n"+
				"  inventory: [{site: lyon, device: cr001}]\n"),
			Good: example(Contract, "version: mqx/v1\nroot: acme\ndevices:\n  client_id: \"{device}\"\n"+
				"  inventory: [{site: lyon, device: cr001}]\n"),
			contract: portableIDs,
			fleet:    portableFleetIDs,
		},
	}
}

const (
	// surelyTaken is how many bytes of a Client Identifier a Server of MQTT 3.1.1 must take; takenByAWS what AWS IoT does.
	surelyTaken = 23
	takenByAWS  = 128
)

func portableIDs(c *contractCheck) {
	for i := range c.contract.Devices.Inventory {
		d := &c.contract.Devices.Inventory[i]
		id := d.ClientID
		// Ten thousand devices with names of one form are one finding, at the line that gives them their form.
		at := c.contract.At("devices", "client_id")
		if c.contract.Devices.ClientID == "" {
			at = d.At
		}
		c.at(at)
		c.portable(id)
	}
}

// portable looks at one Client Identifier.
func (f *finder) portable(id string) {
	switch {
	case id == "":
	case strings.ContainsAny(id, "/+#"):
		f.foundAs(Warning, "level", "%q has a character that a level of a topic cannot have", id)
	case f.l.limits.target == AWS && len(id) > takenByAWS:
		f.foundAs(Error, "target", "%d bytes, and AWS IoT takes %d: %q", len(id), takenByAWS, id)
	case len(id) > surelyTaken:
		f.found("length", "%d bytes, and a Server need not take more than %d: %q", len(id), surelyTaken, id)
	case strings.ContainsFunc(id, func(r rune) bool { return !asciiAlphanumeric(r) }):
		f.found("characters", "a Server need not take other characters than letters and digits: %q", id)
	}
}

// portableFleetIDs looks at the first device of each group: the others are called alike. A dash or a dot, which every
// Server in use takes, is no reason to talk about a simulation.
func portableFleetIDs(c *fleetCheck) {
	seen := map[*profile.Group]bool{}
	for d := range c.profile.Devices() {
		if seen[d.Group] {
			continue
		}
		seen[d.Group] = true
		c.at(d.Group.At)
		if c.profile.Target.ClientIDAt.Line > 0 {
			c.at(c.profile.Target.ClientIDAt)
		}
		if id := c.profile.ClientID(&d); strings.ContainsAny(id, "/+#") || len(id) > surelyTaken {
			c.portable(id)
		}
	}
}

func asciiAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
