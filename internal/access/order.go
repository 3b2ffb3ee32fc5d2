package access

import "github.com/mqx-cli/mqx/internal/topic"

// layer is a rule for one identity: of several the first that matches decides.
type layer struct {
	rule   *Rule
	allow  bool
	filter topic.Filter
}

// layers puts the rules that concern an identity into the order in which they decide.
func (p *Policy) layers(id Identity, a Action) []layer {
	if p.Format == EMQX {
		return p.inOrder(id, a)
	}
	return p.deniedFirst(id, a)
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
