package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ParseEMQX reads an acl.conf: Erlang terms such as
//
//	{allow, {username, "dashboard"}, subscribe, ["$SYS/#"]}.
//	{deny, all, subscribe, [{eq, "#"}]}.
//	{allow, all}.
//
// A condition on an address is taken not to hold, because a device's address is not known. What cannot be read is one of
// the policy's Faults.
func ParseEMQX(text string) *Policy {
	p := &Policy{Format: EMQX, AllowUnmatched: true}
	r := &termReader{text: text, line: 1}
	for {
		line, t, err := r.next()
		switch {
		case err != nil:
			p.fault(line, err.Error())
			return p
		case t == nil:
			return p
		}
		if err := p.emqxRule(line, t); err != nil {
			p.fault(line, err.Error())
		}
	}
}

func (p *Policy) emqxRule(line int, t *term) error {
	if t.kind != tuple || len(t.list) < 2 || len(t.list) > 4 {
		return fmt.Errorf("{allow or deny, who, action, topics} is expected")
	}
	r := Rule{Line: line, Text: t.source, Actions: Read | Write}
	switch t.list[0].text {
	case "allow":
		r.Allow = true
	case "deny":
	default:
		return fmt.Errorf("allow or deny is expected, not %s", t.list[0].text)
	}
	who, err := condition(t.list[1])
	if err != nil {
		return err
	}
	r.who = who
	r.User = userOf(t.list[1])
	if r.User != "" && !slices.Contains(p.Users, r.User) {
		p.Users = append(p.Users, r.User)
	}
	if len(t.list) > 2 {
		if r.Actions, err = actions(t.list[2]); err != nil {
			return err
		}
	}
	if len(t.list) < 4 {
		r.everything, r.Filter = true, "#"
		p.Rules = append(p.Rules, r)
		return nil
	}
	for _, filter := range t.list[3].list {
		one := r
		if filter.kind == tuple && len(filter.list) == 2 && filter.list[0].text == "eq" {
			// It compares with the text of a subscription. For names that is of use without a wildcard only.
			if one.Filter = filter.list[1].text; strings.ContainsAny(one.Filter, "+#") {
				continue
			}
		} else {
			one.Filter = filter.text
		}
		p.Rules = append(p.Rules, one)
	}
	return nil
}

func actions(t *term) (Action, error) {
	word := t.text
	if t.kind == tuple && len(t.list) > 0 {
		word = t.list[0].text
	}
	switch word {
	case "publish":
		return Write, nil
	case "subscribe":
		return Read, nil
	case "all", "pubsub":
		return Read | Write, nil
	default:
		return 0, fmt.Errorf("publish, subscribe or all is expected, not %s", word)
	}
}

// userOf returns the one user that a condition names, or "".
func userOf(t *term) string {
	if t.kind == tuple && len(t.list) == 2 && (t.list[0].text == "username" || t.list[0].text == "user") && t.list[1].kind == text {
		return t.list[1].text
	}
	return ""
}

func condition(t *term) (func(Identity) bool, error) {
	if t.kind == atom && t.text == "all" {
		return func(Identity) bool { return true }, nil
	}
	if t.kind != tuple || len(t.list) != 2 {
		return nil, fmt.Errorf("all or {username, …} is expected, not %s", t.source)
	}
	value := t.list[1]
	switch t.list[0].text {
	case "username", "user":
		same, err := comparison(value)
		return func(id Identity) bool { return !id.Anonymous && same(id.User) }, err
	case "clientid", "client":
		same, err := comparison(value)
		return func(id Identity) bool { return same(id.Client) }, err
	case "ipaddr", "ipaddrs":
		return func(Identity) bool { return false }, nil
	case "and", "or":
		return combination(t.list[0].text, value)
	default:
		return nil, fmt.Errorf("the condition %s is not known", t.list[0].text)
	}
}

// comparison compares a name with a text or a regular expression.
func comparison(t *term) (func(string) bool, error) {
	if t.kind == tuple && len(t.list) == 2 && t.list[0].text == "re" {
		re, err := regexp.Compile(t.list[1].text)
		if err != nil {
			return nil, fmt.Errorf("%q is no regular expression: %w", t.list[1].text, err)
		}
		return re.MatchString, nil
	}
	if t.text == "all" && t.kind == atom {
		return func(string) bool { return true }, nil
	}
	return func(s string) bool { return s == t.text }, nil
}

func combination(word string, t *term) (func(Identity) bool, error) {
	var all []func(Identity) bool
	for _, part := range t.list {
		one, err := condition(part)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return func(id Identity) bool {
		for _, one := range all {
			if one(id) != (word == "and") {
				return word == "or"
			}
		}
		return word == "and"
	}, nil
}
