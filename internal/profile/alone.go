package profile

import (
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// Base is the base topic of a device.
func (l *Layout) Base(d *Device) string {
	status, err := l.Topic(d, contract.Status, "")
	if err != nil {
		return d.Path()
	}
	if m, ok := l.Contract.Classify(status); ok {
		return m.Base()
	}
	return status
}

// OfType returns the device type of a name, or the only one there is when the name is empty. The error names what there is.
func (p *Profile) OfType(name string) (*DeviceType, error) {
	names := make([]string, len(p.Types))
	for i, t := range p.Types {
		if names[i] = t.Name; t.Name == name || name == "" && len(p.Types) == 1 {
			return t, nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("the profile has several device types: %s", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("there is no device type %q - %s", name, yamlfile.DidYouMean(name, names))
}

// Find returns the devices of the fleet that a name means: their base topic or the last levels of it. An empty name means
// the first. A type that is not empty leaves out the devices of others.
func (p *Profile) Find(l *Layout, name, kind string) []Device {
	var found []Device
	for d := range p.Devices() {
		if kind != "" && d.Group.Use.Name != kind {
			continue
		}
		if name == "" {
			return []Device{d}
		}
		if base := l.Base(&d); base == name {
			return []Device{d}
		} else if strings.HasSuffix(base, "/"+name) {
			found = append(found, d)
		}
	}
	return found
}

// Alone is the profile with one device in place of its fleet: of this type, with these variables of the base topic.
func (p *Profile) Alone(t *DeviceType, vars map[string]string) *Profile {
	alone := *p
	alone.Topics.Root = vars["root"]
	alone.Fleet = []*Group{{
		Use: t, Site: vars["site"], Count: 1, ID: "{device}", Vars: vars, At: contract.Position{File: vars["device"]},
	}}
	return &alone
}
