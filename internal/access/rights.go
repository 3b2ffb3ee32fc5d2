package access

import "github.com/mqx-cli/mqx/internal/topic"

// layer is a rule for one identity: of several the first that matches decides.
type layer struct {
	rule   *Rule
	allow  bool
	filter topic.Filter
}

// Rights are what one identity may do. They look for its rules once, however often they are asked, and are not safe for
// concurrent use.
type Rights struct {
	policy *Policy
	id     Identity
	layers [Read | Write + 1][]layer
	known  [Read | Write + 1]bool
}

// Of returns the rights of an identity.
func (p *Policy) Of(id Identity) *Rights { return &Rights{policy: p, id: id} }

// Decide returns whether an identity may do something with a topic, and the rule that says so; without one the default
// holds.
func (p *Policy) Decide(id Identity, a Action, name string) (bool, *Rule) {
	return p.Of(id).Decide(a, name)
}

// Reach returns a topic among those that target matches with which an identity may do something, and the rule that allows
// it. ok is false when there is none.
func (p *Policy) Reach(id Identity, a Action, target topic.Filter) (name string, rule *Rule, ok bool) {
	return p.Of(id).Reach(a, target)
}

// Decide is [Policy.Decide] for the identity.
func (r *Rights) Decide(a Action, name string) (bool, *Rule) {
	for _, l := range r.of(a) {
		if l.filter.Match(name) || l.rule.everything {
			return l.allow, l.rule
		}
	}
	return r.policy.AllowUnmatched, nil
}

// Reach is [Policy.Reach] for the identity.
func (r *Rights) Reach(a Action, target topic.Filter) (name string, rule *Rule, ok bool) {
	var denied []topic.Filter
	for _, l := range r.of(a) {
		if !l.allow {
			if l.rule.everything {
				return "", nil, false
			}
			denied = append(denied, l.filter)
			continue
		}
		allowed := l.filter
		if l.rule.everything {
			allowed = target
		}
		if name, ok = Remains(allowed, target, denied); ok {
			return name, l.rule, true
		}
	}
	if r.policy.AllowUnmatched {
		if name, ok = Remains(target, target, denied); ok {
			return name, nil, true
		}
	}
	return "", nil, false
}

// of returns the rules about an action in the order in which they decide.
func (r *Rights) of(a Action) []layer {
	a &= Read | Write
	if !r.known[a] {
		r.known[a] = true
		if r.policy.Format == EMQX {
			r.layers[a] = r.policy.inOrder(r.id, a)
		} else {
			r.layers[a] = r.policy.deniedFirst(r.id, a)
		}
	}
	return r.layers[a]
}

// deniedFirst is Mosquitto's order: what the client's own section denies, what it allows, and the patterns in the same way.
func (p *Policy) deniedFirst(id Identity, a Action) []layer {
	var layers []layer
	section := p.sections[id.User]
	if id.Anonymous {
		section = p.sections[""]
	} else if id.User == "" {
		section = nil
	}
	for _, rules := range [][]int{section, p.patterns} {
		for _, allow := range []bool{false, true} {
			for _, i := range rules {
				rule := &p.Rules[i]
				if rule.Allow != allow || allow && rule.Actions&a == 0 {
					continue
				}
				if f, ok := rule.expand(id); ok {
					layers = append(layers, layer{rule, allow, f})
				}
			}
		}
	}
	return layers
}

// inOrder is EMQX's order: that of the file.
func (p *Policy) inOrder(id Identity, a Action) []layer {
	var layers []layer
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Actions&a == 0 || !r.who(id) {
			continue
		}
		if f, ok := r.expand(id); ok {
			layers = append(layers, layer{r, r.Allow, f})
		}
	}
	return layers
}
