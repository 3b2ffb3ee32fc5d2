// Package access reads access lists and answers who may publish and receive what: for a topic with [Policy.Decide], and
// for all topics that a filter matches with [Policy.Reach], which needs no list of topics.
//
// [ParseMosquitto] reads the acl_file of Mosquitto, [ParseEMQX] the acl.conf of EMQX. The package judges nothing.
package access

import (
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// Action is what a client wants to do with a topic.
type Action int

// The actions. A client reads what it receives; Mosquitto checks that at delivery and grants every subscription.
const (
	Read Action = 1 << iota
	Write
)

// Identity is who asks.
type Identity struct {
	// User is the user name; it counts only when Anonymous is false.
	User      string
	Anonymous bool
	Client    string
}

// Rule is one line of an access list.
type Rule struct {
	Line int
	Text string
	// User is whose section of a Mosquitto file the rule stands in, "" before the first one.
	User string
	// Pattern marks a rule for everybody whose filter has the client's own name in it.
	Pattern bool
	Allow   bool
	Actions Action
	// Filter is the text, with %u and %c (or ${username} and ${clientid}) where names go.
	Filter string
	// everything marks a rule of EMQX without topics.
	everything bool
	// who is the condition of an EMQX rule; nil for Mosquitto.
	who func(Identity) bool
}

// FaultError is a line that cannot be read.
type FaultError struct {
	Line int
	Msg  string
}

// Error returns the line and the message.
func (f *FaultError) Error() string { return fmt.Sprintf("line %d: %s", f.Line, f.Msg) }

// Format is whose file it is.
type Format string

// The formats.
const (
	Mosquitto Format = "mosquitto"
	EMQX      Format = "emqx"
)

// Policy is an access list.
type Policy struct {
	Format Format
	Rules  []Rule
	// Users are the names with a section of their own, in the order of the file.
	Users []string
	// AllowUnmatched says what happens to a topic that no rule matches.
	AllowUnmatched bool
	Faults         []FaultError

	// Of a Mosquitto file: which rules stand in the section of a user, "" for those before the first one, and which are
	// patterns. A list may have a hundred thousand sections, of which a client is in one.
	sections map[string][]int
	patterns []int
}

// expand puts the names of an identity into the filter. A rule that needs a name which the client does not have, or one
// with a wildcard in it, matches nothing.
func (r *Rule) expand(id Identity) (topic.Filter, bool) {
	var names []string
	for _, v := range []struct {
		marks []string
		name  string
		has   bool
	}{
		{[]string{"%u", "${username}"}, id.User, !id.Anonymous},
		{[]string{"%c", "${clientid}"}, id.Client, id.Client != ""},
	} {
		for _, mark := range v.marks {
			if !r.named() || !strings.Contains(r.Filter, mark) {
				continue
			}
			if !v.has || strings.ContainsAny(v.name, "+#/") {
				return topic.Filter{}, false
			}
			names = append(names, mark, v.name)
		}
	}
	text := r.Filter
	if names != nil {
		text = strings.NewReplacer(names...).Replace(text) // at once: a name with a mark in it is just a name
	}
	f, err := topic.ParseFilter(text)
	return f, err == nil
}

// named reports whether names are put into the filter: %u in a plain rule of Mosquitto is just text.
func (r *Rule) named() bool { return r.Pattern || r.who != nil }

// Grant says with which topics one identity may do something. It may be asked from several goroutines.
type Grant struct {
	layers         []layer
	allowUnmatched bool
}

// For works out what an identity may do, for who asks often. Several actions mean any of them.
func (p *Policy) For(id Identity, a Action) *Grant { return &Grant{p.layers(id, a), p.AllowUnmatched} }

// Decide returns whether the topic is granted, and the rule that says so; without one the default holds.
func (g *Grant) Decide(name string) (bool, *Rule) {
	for _, l := range g.layers {
		if l.rule.everything || l.filter.Match(name) {
			return l.allow, l.rule
		}
	}
	return g.allowUnmatched, nil
}

// Decide is [Grant.Decide] for who asks once.
func (p *Policy) Decide(id Identity, a Action, name string) (bool, *Rule) {
	return p.For(id, a).Decide(name)
}

// Reach is [Grant.Reach] for who asks once.
func (p *Policy) Reach(id Identity, a Action, target topic.Filter) (name string, rule *Rule, ok bool) {
	return p.For(id, a).Reach(target)
}

// Reach returns a topic that target matches and that is granted, and the rule that allows it. ok is false when there is
// none.
func (g *Grant) Reach(target topic.Filter) (name string, rule *Rule, ok bool) {
	var denied []topic.Filter
	for _, l := range g.layers {
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
	if g.allowUnmatched {
		if name, ok = Remains(target, target, denied); ok {
			return name, nil, true
		}
	}
	return "", nil, false
}
