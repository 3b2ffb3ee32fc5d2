package profile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Layout says which topics a fleet has.
type Layout struct {
	profile *Profile
	kinds   map[contract.Role]*contract.Kind
	// Contract is what holds for the topics.
	Contract *contract.Contract
	root     string
}

// Layout puts the profile's topics under a contract: the contract's kinds, or, when the profile has a base topic of its
// own, the guide's kinds below that. A root that the profile does not say is the contract's first.
func (p *Profile) Layout(c *contract.Contract) (*Layout, error) {
	if base := p.Topics.Base; base != "" && base+"/{kind}" != c.Taxonomy.String() {
		own, err := contract.ForTaxonomy(base + "/{kind}")
		if err != nil {
			return nil, err
		}
		c = own
	}
	l := &Layout{profile: p, kinds: map[contract.Role]*contract.Kind{}, Contract: c, root: p.Topics.Root}
	if l.root == "" && len(c.Roots) > 0 {
		l.root = c.Roots[0].Text
	}
	l.root = cmp.Or(l.root, "acme")
	for _, k := range c.Kinds {
		if l.kinds[k.Role] == nil {
			l.kinds[k.Role] = k
		}
	}
	for d := range p.Devices() {
		if d.Number > 1 && len(d.Group.Vars) == 0 {
			continue // like the first of its group
		}
		if err := l.check(&d); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// check looks whether the topics of a device can be made.
func (l *Layout) check(d *Device) error {
	if _, err := l.Topic(d, contract.Status, ""); err != nil {
		return err
	}
	for _, s := range d.Group.Use.Signals {
		if _, err := l.Topic(d, s.Role(), s.Name); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether the contract has topics of a role.
func (l *Layout) Has(role contract.Role) bool { return l.kinds[role] != nil }

// Topic is a topic of a device. Signal is the name of the signal or event, else empty.
func (l *Layout) Topic(d *Device, role contract.Role, signal string) (string, error) {
	k := l.kinds[role]
	if k == nil {
		return "", fmt.Errorf("the contract has no topics for %s", role)
	}
	text, err := expand(k.Template.String(), func(name, _ string) (string, bool) {
		switch name {
		case "device":
			return d.ID, true
		case "signal", "name":
			return signal, signal != ""
		case "root":
			return l.root, true // may have several levels
		case "site":
			return d.Group.Site, d.Group.Site != ""
		}
		value, ok := d.Group.Vars[name]
		return value, ok
	})
	if err != nil {
		return "", fmt.Errorf("%s: the topic %s: %w", d.Group.At, k.Template, err)
	}
	name, err := topic.ParseName(text)
	return string(name), err
}

// Rule is what holds for the messages of a topic.
func (l *Layout) Rule(name string) contract.Rule {
	if m, ok := l.Contract.Classify(name); ok {
		return m.Rule()
	}
	return contract.Rule{}
}

// SignalRule is what holds for the messages of a signal.
func (l *Layout) SignalRule(s *Signal) contract.Rule {
	if k := l.kinds[s.Role()]; k != nil {
		return k.Rule
	}
	return contract.Rule{}
}

// Rate is how many messages a second a device of the type publishes on average, once it runs. What is sent when it
// changes counts as often as it can change.
func (t *DeviceType) Rate() float64 {
	rate := 0.0
	for _, s := range t.Signals {
		every := s.Every.Average()
		if states, ok := sourceOf(s.Value).(*States); ok && s.OnChange {
			every = max(every, states.averageStay())
		}
		if every > 0 {
			rate += 1 / every.Seconds() / float64(max(1, s.Payload.Batch.Count))
		}
	}
	return rate
}

// averageStay is a plain mean over the states.
func (s *States) averageStay() time.Duration {
	var sum time.Duration
	for i := range s.List {
		sum += s.List[i].Stay.Average() / time.Duration(len(s.List))
	}
	return sum
}

// Rate is how many messages a second the whole fleet publishes.
func (p *Profile) Rate() float64 {
	rate := 0.0
	for _, g := range p.Fleet {
		rate += g.Use.Rate() * float64(g.Count)
	}
	return rate
}

// Filters are what must be subscribed to for all topics of the fleet, with wildcards for the devices. None covers another.
func (l *Layout) Filters() []string {
	var all []topic.Filter
	for _, g := range l.profile.Fleet {
		vars := maps.Clone(g.Vars)
		if vars == nil {
			vars = map[string]string{}
		}
		vars["root"], vars["site"] = l.root, g.Site
		for _, role := range []contract.Role{contract.Status, contract.Desired, contract.Reported, contract.Command, contract.Result} {
			all = l.appendFilter(all, role, vars)
		}
		for _, s := range g.Use.Signals {
			vars["signal"], vars["name"] = s.Name, s.Name
			all = l.appendFilter(all, s.Role(), vars)
		}
	}
	var kept []string
	for i, f := range all {
		covered := slices.ContainsFunc(all[:i], func(g topic.Filter) bool { return topic.Covers(g, f) }) ||
			slices.ContainsFunc(all[i+1:], func(g topic.Filter) bool { return topic.Covers(g, f) && !topic.Covers(f, g) })
		if !covered {
			kept = append(kept, f.String())
		}
	}
	return kept
}

func (l *Layout) appendFilter(all []topic.Filter, role contract.Role, vars map[string]string) []topic.Filter {
	k := l.kinds[role]
	if k == nil {
		return all
	}
	if f, err := k.Filter(vars); err == nil { // the topics were checked
		all = append(all, f)
	}
	return all
}
