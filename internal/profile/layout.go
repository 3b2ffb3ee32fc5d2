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
	l := &Layout{profile: p, kinds: map[contract.Role]*contract.Kind{}, Contract: p.withOwnTopics(c), root: p.Topics.Root}
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
	template, err := l.template(d.Group.Use, role, signal)
	if err != nil {
		return "", err
	}
	text, err := expand(template, func(name, _ string) (string, bool) {
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
		return "", fmt.Errorf("%s: the topic %s: %w", d.Group.At, template, err)
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
	if k := l.kinds[s.Role()]; k != nil && s.Topic == "" {
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
			all = l.appendFilter(all, g.Use, role, "", vars)
		}
		for _, s := range g.Use.Signals {
			vars["signal"], vars["name"] = s.Name, s.Name
			all = l.appendFilter(all, g.Use, s.Role(), s.Name, vars)
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

func (l *Layout) appendFilter(all []topic.Filter, t *DeviceType, role contract.Role, signal string, vars map[string]string) []topic.Filter {
	text, err := l.template(t, role, signal)
	if err != nil {
		return all
	}
	template, err := topic.ParseTemplate(text)
	if err != nil {
		return all
	}
	k := contract.Kind{Template: template}
	if f, err := k.Filter(vars); err == nil { // the topics were checked
		all = append(all, f)
	}
	return all
}

// template is the template of a device type's topics. Signal is the name of the signal or event, else empty.
func (l *Layout) template(t *DeviceType, role contract.Role, signal string) (string, error) {
	own := ""
	if role == contract.Status {
		own = t.Status.Topic
	} else if s := t.Signal(signal); s != nil && s.Role() == role {
		own = s.Topic
	}
	if own != "" {
		return own, nil
	}
	if k := l.kinds[role]; k != nil {
		return k.Template.String(), nil
	}
	return "", fmt.Errorf("the contract has no topics for %s", role)
}

// withOwnTopics is a contract that knows the topics which the profile gives to its signals as well.
func (p *Profile) withOwnTopics(c *contract.Contract) *contract.Contract {
	anything := contract.Rule{Retain: contract.RetainAny, QoS: contract.QoSAny, Format: contract.AnyBytes}
	var own []*contract.Kind
	add := func(text string, role contract.Role) {
		same := func(k *contract.Kind) bool { return k.Template.String() == text }
		if text == "" || slices.ContainsFunc(c.Kinds, same) || slices.ContainsFunc(own, same) {
			return
		}
		if t, err := topic.ParseTemplate(text); err == nil { // it was read
			own = append(own, &contract.Kind{Name: text, Role: role, From: contract.FromDevice, Template: t, Rule: anything})
		}
	}
	for _, t := range p.Types {
		add(t.Status.Topic, contract.Status)
		for _, s := range t.Signals {
			add(s.Topic, s.Role())
		}
	}
	if own == nil {
		return c
	}
	return c.With(own...)
}
