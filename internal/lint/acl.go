package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/access"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

// accessCheck is an access list under check.
type accessCheck struct {
	finder

	file   string
	policy *access.Policy
	// devices are identities that are devices: two that the file does not name, and those that it does.
	devices []device
	// services are the users of the file that are no devices.
	services []string
	ignores  map[int]*suppression // by the line they are about
	spans    []span               // of the lines
	text     string
	own      map[string][]int // the rules in the section of a user
	forAll   []int            // and those for everybody
	byName   map[string][]int // devices by the last level of their base topic
}

// device is an identity with the place of its topics.
type device struct {
	id   access.Identity
	base []string // levels; + for a root that is not known
	line int      // where its section begins, 0 for one that the file does not name

	grants [(access.Read | access.Write) + 1]*access.Grant // by action, once they were asked for
}

// reach is what the device may do with the topics that a filter matches.
func (d *device) reach(p *access.Policy, action access.Action, target topic.Filter) (string, *access.Rule, bool) {
	if d.grants[action] == nil {
		d.grants[action] = p.For(d.id, action)
	}
	return d.grants[action].Reach(target)
}

// AccessList checks an access list.
func (l *Linter) AccessList(kind Kind, file, text string) {
	a := &accessCheck{finder: finder{l: l}, file: file, ignores: map[int]*suppression{}}
	a.kind = kind
	comment := "#"
	if kind == EMQXACL {
		a.policy, comment = access.ParseEMQX(text), "%"
	} else {
		a.policy = access.ParseMosquitto(text)
	}
	a.text = text
	number, offset := 0, 0
	for line := range strings.Lines(text) {
		number++
		at := spanOf(offset, line)
		offset = at.next
		a.spans = append(a.spans, at)
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, comment) {
			a.ignores[number+1] = l.comment(kind, trimmed, Place{File: file, Line: number, span: at})
		}
	}
	l.checked += len(a.policy.Rules)
	a.findIdentities()
	if kind == ACL {
		for i := range a.policy.Rules {
			r := &a.policy.Rules[i]
			l.filterAs(ACL, r.Filter, a.place(r))
		}
	}
	for _, rule := range l.acc {
		a.rule = rule
		rule.access(a)
	}
}

// place is where a rule stands.
func (a *accessCheck) place(r *access.Rule) Place {
	return Place{File: a.file, Line: r.Line, Text: r.Text, ignore: a.ignores[r.Line], span: a.spans[r.Line-1]}
}

// at makes a rule the place of what is found next; nil is the file as a whole.
func (a *accessCheck) at(r *access.Rule) {
	a.subject = subject{kind: a.kind, place: Place{File: a.file}}
	if r != nil {
		a.subject.place = a.place(r)
		a.topic = r.Filter
	}
}

// findIdentities sorts the users of the file into devices and services, and adds two devices that it does not name: rules
// for everybody hold for them.
func (a *accessCheck) findIdentities() {
	a.own, a.byName = map[string][]int{}, map[string][]int{}
	for i := range a.policy.Rules {
		if r := &a.policy.Rules[i]; r.User != "" {
			a.own[r.User] = append(a.own[r.User], i)
		} else {
			a.forAll = append(a.forAll, i)
		}
	}
	a.devices = append(a.devices, a.symbolic("site-a", "device-a"))
	for _, user := range a.policy.Users {
		if base := a.baseOf(user); base != nil {
			name := base[len(base)-1]
			a.byName[name] = append(a.byName[name], len(a.devices))
			a.devices = append(a.devices, device{id: access.Identity{User: user, Client: user}, base: base, line: 1})
		} else {
			a.services = append(a.services, user)
		}
	}
}

// symbolic is a device that no file names.
func (a *accessCheck) symbolic(site, name string) device {
	d := device{id: access.Identity{User: name, Client: name}, base: a.baseLevels(site, name)}
	if c := a.l.convention.Contract; c != nil {
		fill := strings.NewReplacer("{site}", site, "{device}", name, "{root}", "root")
		if c.Devices.Username != "" {
			d.id.User = fill.Replace(c.Devices.Username)
		}
		if c.Devices.ClientID != "" {
			d.id.Client = fill.Replace(c.Devices.ClientID)
		}
	}
	return d
}

// baseLevels puts a site and a device into the taxonomy.
func (a *accessCheck) baseLevels(site, name string) []string {
	taxonomy := contract.GuideTaxonomy
	c := a.l.convention.Contract
	if c != nil && c.Taxonomy != nil {
		taxonomy = c.Taxonomy.String()
	}
	levels := strings.Split(strings.TrimSuffix(taxonomy, "/{kind}"), "/")
	for i, l := range levels {
		switch {
		case l == "{root}" && c != nil && len(c.Roots) == 1 && !strings.Contains(c.Roots[0].Text, "/"):
			levels[i] = c.Roots[0].Text
		case l == "{site}":
			levels[i] = site
		case l == "{device}":
			levels[i] = name
		case strings.HasPrefix(l, "{"):
			levels[i] = "+"
		}
	}
	return levels
}

// baseOf returns where the topics of a user are when it is a device: the inventory says so, or its own rules have its name
// for a level.
func (a *accessCheck) baseOf(user string) []string {
	c := a.l.convention.Contract
	if c != nil {
		for i := range c.Devices.Inventory {
			if c.Devices.Inventory[i].Username == user {
				return strings.Split(c.Devices.Inventory[i].Base, "/")
			}
		}
		for i := range c.Services {
			if c.Services[i].Username == user {
				return nil
			}
		}
	}
	for _, i := range a.own[user] {
		levels := strings.Split(a.policy.Rules[i].Filter, "/")
		base := a.baseLevels("+", user)
		if len(levels) < len(base) || levels[len(base)-1] != user {
			continue
		}
		for j := range base {
			if base[j] == "+" {
				base[j] = levels[j]
			}
		}
		return base
	}
	return nil
}

// below is the filter of topics below the base topic of a device.
func (d *device) below(kind string) topic.Filter {
	f, _ := topic.ParseFilter(strings.Join(d.base, "/") + "/" + kind)
	return f
}

// maxOthers bounds the devices that one device is compared with.
const maxOthers = 1000

// others are devices that are not d: one at the same site, one at another, and of those that the file names the ones whose
// name is in a rule that may be for d. Rules without a name are for the first two as well.
func (a *accessCheck) others(d *device) []device {
	site := "site-b"
	if len(d.base) > 1 && d.base[1] != "+" {
		site = d.base[1]
	}
	others := []device{a.symbolic(site, "device-b"), a.symbolic("site-c", "device-b")}
	seen := map[int]bool{}
	for _, rules := range [][]int{a.own[d.id.User], a.forAll} {
		for _, i := range rules {
			for level := range strings.SplitSeq(a.policy.Rules[i].Filter, "/") {
				for _, at := range a.byName[level] {
					if o := &a.devices[at]; o.id.User != d.id.User && !seen[at] && len(seen) < maxOthers {
						seen[at] = true
						others = append(others, *o)
					}
				}
			}
		}
	}
	return others
}

// eachDevice calls f with every device; nothing is found twice at a rule.
func (a *accessCheck) eachDevice(f func(d *device)) {
	for i := range a.devices {
		f(&a.devices[i])
	}
}

// admin tells users that may do everything by their name.
func admin(user string) bool {
	for _, word := range []string{"admin", "root", "superuser", "operator"} {
		if strings.Contains(strings.ToLower(user), word) {
			return true
		}
	}
	return false
}

// who names an identity in a message.
func (d *device) who() string {
	if d.line == 0 {
		return "any device"
	}
	return "the device " + d.id.User
}
