package profile

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// mostDevices bounds a fleet: every process of it goes through all identifiers.
const mostDevices = 1_000_000

// Device is one device of the fleet.
type Device struct {
	// Index is its number in the whole fleet, from 0; Number that in its group, from 1.
	Index, Number int
	ID            string
	Group         *Group
	// Offset is when it starts, without the jitter.
	Offset time.Duration
}

// Count is how many devices there are.
func (p *Profile) Count() int {
	n := 0
	for _, g := range p.Fleet {
		n += g.Count
	}
	return n
}

// Devices goes through the fleet in the order of the file.
func (p *Profile) Devices() iter.Seq[Device] {
	return func(yield func(Device) bool) {
		index := 0
		for _, g := range p.Fleet {
			for i := range g.Count {
				d := Device{
					Index: index, Number: i + 1, ID: g.deviceID(i + 1), Group: g,
					Offset: time.Duration(float64(g.Ramp) * (float64(i) / float64(g.Count))),
				}
				if !yield(d) {
					return
				}
				index++
			}
		}
	}
}

func (g *Group) deviceID(n int) string {
	id, _ := expand(g.ID, g.variable(n)) // checked when the profile was read
	return id
}

// variable returns what may stand in the identifiers of a group.
func (g *Group) variable(n int) func(name, format string) (string, bool) {
	return func(name, format string) (string, bool) {
		switch name {
		case "n":
			if width, err := strconv.Atoi(format); err == nil && width <= 20 {
				return fmt.Sprintf("%0*d", width, n), true
			}
			return strconv.Itoa(n), format == ""
		case "site":
			return g.Site, format == ""
		}
		value, ok := g.Vars[name]
		return value, ok && format == ""
	}
}

// ClientID is the Client Identifier of a device. {boot} and {random} stay as they are.
func (p *Profile) ClientID(d *Device) string { return p.Login(p.Target.ClientID, d) }

// Login puts a device into a text of [Target] or [Credentials].
func (p *Profile) Login(text string, d *Device) string {
	text, _ = expand(text, func(name, format string) (string, bool) {
		switch name {
		case "device":
			return d.ID, true
		case "root":
			return p.Topics.Root, true
		case "boot", "random":
			return "{" + name + "}", true
		}
		return d.Group.variable(d.Number)(name, format)
	})
	return text
}

// expand replaces {name} and {name:format} in a text.
func expand(text string, variable func(name, format string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			if strings.Contains(before, "}") {
				return "", yamlfile.Mistakef("", "} without {")
			}
			return b.String(), nil
		}
		inside, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", yamlfile.Mistakef("", "{ without }")
		}
		name, format, _ := strings.Cut(inside, ":")
		value, known := variable(name, format)
		if !known {
			return "", yamlfile.Mistakef("", "{%s} is not known here", inside)
		}
		b.WriteString(value)
		text = after
	}
}

// group keeps the fleet for when the types of devices are known.
func (r *reader) group(p yamlfile.Pair) error {
	items, ok := r.Items(p.Value)
	if !ok {
		return yamlfile.Mistakef("- use: …", "a list is expected")
	}
	for _, item := range items {
		r.fleet = append(r.fleet, yamlfile.Pair{Name: "fleet", Key: item.GetToken(), Value: item})
	}
	if len(items) == 0 {
		return yamlfile.Mistakef("- use: …", "there is no device")
	}
	return nil
}

func (r *reader) readFleet() {
	for _, pair := range r.fleet {
		g := &Group{Count: 1, ID: "{use}-{n:03}", Vars: map[string]string{}, At: r.place(pair.Key)}
		use := ""
		found := r.mapping(pair,
			field{"use", r.text(&use)},
			field{"site", r.level(&g.Site)},
			field{"count", r.integer(&g.Count, 1, mostDevices)},
			field{"id", r.text(&g.ID)},
			field{"vars", func(p yamlfile.Pair) error {
				r.each(p, func(p yamlfile.Pair) error {
					value := ""
					err := r.level(&value)(p)
					g.Vars[p.Name] = value
					return err
				})
				return nil
			}},
			field{"ramp", r.duration(&g.Ramp)},
			field{"start_jitter", r.duration(&g.StartJitter)},
		)
		r.required(pair, found, "use")
		r.useType(g, found["use"], use)
		if _, ok := found["id"]; !ok {
			g.ID = use + "-{n:03}"
		}
		if g.Use != nil {
			r.checkID(g, found["id"])
		}
		r.p.Fleet = append(r.p.Fleet, g)
	}
}

// level reads one level of a topic.
func (r *reader) level(dst *string) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		text, err := r.Text(p.Value)
		if err != nil {
			return err
		}
		if !isLevel(text) {
			return yamlfile.Mistakef("", "%q cannot be a level of a topic", text)
		}
		*dst = text
		return nil
	}
}

func isLevel(text string) bool {
	_, err := topic.ParseName(text)
	return err == nil && !strings.ContainsAny(text, "/{}")
}

func (r *reader) useType(g *Group, p yamlfile.Pair, use string) {
	if use == "" {
		return
	}
	if g.Use = r.p.Type(use); g.Use != nil {
		return
	}
	names := make([]string, len(r.p.Types))
	for i, t := range r.p.Types {
		names[i] = t.Name
	}
	next := "describe it under devices:"
	if len(names) > 0 {
		next = yamlfile.DidYouMean(use, names)
	}
	r.Problem(p.Place(), fmt.Sprintf("use: there is no device type %q", use), next)
}

// checkID looks whether the identifiers of a group can be told apart and stand in a topic.
func (r *reader) checkID(g *Group, at yamlfile.Pair) {
	place := at.Place
	if at.Key == nil {
		place = r.fleet[len(r.p.Fleet)].Place
	}
	first, err := expand(g.ID, g.variable(1))
	last := g.deviceID(g.Count)
	switch {
	case err != nil:
		r.Problem(place(), "id: "+err.Error(), "write {n}, {n:03} or {site}")
	case !isLevel(first):
		r.Problem(place(), fmt.Sprintf("id: %q cannot be a level of a topic", first), "")
	case g.Count > 1 && first == last:
		r.Problem(place(), fmt.Sprintf("id: all %d devices are called %s", g.Count, first), `write {n}, as in "cr-{n:03}"`)
	}
}

// checkDevices looks for devices that are there twice.
func (r *reader) checkDevices(at yamlfile.Pair) {
	if n := r.p.Count(); n > mostDevices {
		r.Problem(at.Key, fmt.Sprintf("fleet: %d devices are more than %d", n, mostDevices), "")
		return
	}
	seen := make(map[string]bool, r.p.Count())
	for d := range r.p.Devices() {
		key := d.Path()
		if seen[key] {
			r.Problem(r.fleet[slices.Index(r.p.Fleet, d.Group)].Key, fmt.Sprintf("fleet: the device %s is there twice", key), "")
			return
		}
		seen[key] = true
	}
}

// Path tells devices apart within a fleet: site, further variables, identifier.
func (d *Device) Path() string {
	if len(d.Group.Vars) == 0 {
		return d.Group.Site + "/" + d.ID
	}
	parts := []string{d.Group.Site}
	for _, name := range sortedKeys(d.Group.Vars) {
		parts = append(parts, d.Group.Vars[name])
	}
	return strings.Join(append(parts, d.ID), "/")
}
