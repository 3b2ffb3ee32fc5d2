package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/access"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

func acl(text string) Example { return example(ACL, text) }

// goodACL is what the rules about access lists ask for.
const goodACL = `user dashboard
topic read acme/+/+/status

pattern write acme/+/%u/status
pattern write acme/+/%u/telemetry/+
pattern write acme/+/%u/reported
pattern read acme/+/%u/cmd
pattern read acme/+/%u/desired
`

// accessRules are about an access list as a whole.
func accessRules() []Rule {
	return []Rule{
		{
			Code: "A001", Name: "grant-all", Severity: Error, Profile: Guide,
			Summary: "a rule grants everything",
			Why: "topic readwrite # and {allow, all} turn the access list off for whoever they are for: one leaked password reads and " +
				"commands every device. An account whose name says admin or operator is left alone.",
			Bad:    acl("user gateway\ntopic readwrite #\n"),
			Good:   acl(goodACL),
			access: grantAll,
		},
		{
			Code: "A002", Name: "anonymous-rules", Severity: Error, Profile: Guide,
			Summary: "anonymous clients have rights",
			Why: "In Mosquitto's file the rules before the first user line are for clients without a name. They are often meant for " +
				"everybody, which they are not: a client with a name does not have them.",
			Bad:  acl("topic readwrite acme/lyon/#\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				for i := range a.policy.Rules {
					if r := &a.policy.Rules[i]; a.kind == ACL && r.User == "" && !r.Pattern && r.Allow && r.Filter != "" {
						a.at(r)
						a.found("", "this is for clients without a user name, and for no others")
					}
				}
			},
		},
		{
			Code: "A007", Name: "pattern-not-whole-level", Severity: Error, Profile: Guide,
			Summary: "a name is put into a part of a level",
			Why: "With device-%c the client 1 may write to device-1, and a client that calls itself 1-b to device-1-b, which another " +
				"rule may have meant. A name that is a whole level cannot be mistaken. Mosquitto refuses names with + and # only.",
			Bad:  acl("pattern write acme/lyon/device-%c/status\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				for i := range a.policy.Rules {
					r := &a.policy.Rules[i]
					for l := range strings.SplitSeq(r.Filter, "/") {
						if partial(l, r.Pattern) {
							a.at(r)
							a.found("", "the level %q is a name and something else", l)
						}
					}
				}
			},
		},
		{
			Code: "A009", Name: "dead-or-shadowed", Severity: Info, Profile: Guide, FixClass: SafeFix,
			Summary: "a rule changes nothing",
			Why: "A rule before it already says the same for more topics. It is a rest of something, or somebody thinks that it has " +
				"an effect.",
			Bad:    acl("user dashboard\ntopic read acme/+/+/status\ntopic read acme/lyon/+/status\n"),
			Good:   acl(goodACL),
			access: shadowed,
		},
		{
			Code: "A010", Name: "default-allow", Severity: Error, Profile: Guide, FixClass: UnsafeFix,
			Summary: "what no rule mentions is allowed",
			Why: "EMQX allows what no rule matches unless authorization.no_match says deny. A list of what is allowed then allows " +
				"everything else too. End the list with {deny, all}.",
			Bad:  example(EMQXACL, `{allow, {username, "dashboard"}, subscribe, ["acme/+/+/status"]}.`),
			Good: example(EMQXACL, "{allow, {username, \"dashboard\"}, subscribe, [\"acme/+/+/status\"]}.\n{deny, all}."),
			access: func(a *accessCheck) {
				n := len(a.policy.Rules)
				anybody := access.Identity{User: "anybody", Client: "anybody"}
				if a.kind != EMQXACL || n == 0 {
					return
				}
				if allow, by := a.policy.Decide(anybody, access.Write, "x/x/x/x/x"); allow && by == nil {
					a.at(&a.policy.Rules[n-1])
					a.foundWith("add {deny, all}. as the last line", "", "nothing follows: what no rule mentions is allowed").
						append(UnsafeFix, a.text, "{deny, all}.")
				}
			},
		},
		{
			Code: "A011", Name: "subscribe-not-enforced", Severity: Info, Profile: Guide,
			Summary: "Mosquitto grants every subscription",
			Why: "With an acl_file Mosquitto answers every SUBSCRIBE with success and withholds the messages at delivery. So a client " +
				"that may not read sees silence and no error. The dynamic security plugin can refuse subscriptions.",
			Bad:  acl("user dashboard\ntopic read acme/+/+/status\ntopic deny acme/+/+/cmd\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				for i := range a.policy.Rules {
					if r := &a.policy.Rules[i]; a.kind == ACL && !r.Allow {
						a.at(r)
						a.found("", "a subscription to %s is granted all the same, and stays silent", r.Filter)
						return
					}
				}
			},
		},
		{
			Code: "A014", Name: "shared-credential", Severity: Error, Profile: Guide,
			Summary: "several devices have one user name",
			Why: "One leaked password is then that of all of them, none can be locked out alone, and %u in a rule no longer says which " +
				"device it is.",
			Bad:  withContract(acl(goodACL), "roots: {prod: acme}\ndevices: {inventory: shared.csv}\n"),
			Good: withContract(acl(goodACL), "roots: {prod: acme}\ndevices: {inventory: devices.csv}\n"),
			access: func(a *accessCheck) {
				c := a.l.convention.Contract
				if c == nil {
					return
				}
				seen := map[string]string{}
				for i := range c.Devices.Inventory {
					d := &c.Devices.Inventory[i]
					if first, ok := seen[d.Username]; ok && d.Username != "" {
						a.subject = subject{kind: Contract, place: Place{File: d.At.File, Line: d.At.Line}}
						a.found("", "%s logs in as %s, and so does %s", d.Base, d.Username, first)
					}
					seen[d.Username] = d.Base
				}
			},
		},
		{
			Code: "A018", Name: "acl-syntax", Severity: Error, Profile: Minimal,
			Summary: "a line of an access list cannot be read",
			Why: "Mosquitto does not start with such a file, EMQX ignores it. What is meant stands in mosquitto.conf(5) and in EMQX's " +
				"acl.conf.",
			Bad:  acl("user dashboard\ntopics read acme/#\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				for _, f := range a.policy.Faults {
					a.subject = subject{kind: a.kind, place: Place{File: a.file, Line: f.Line, ignore: a.ignores[f.Line]}}
					a.found("", "%s", f.Msg)
				}
			},
		},
	}
}

// partial reports whether a level is a placeholder and something else.
func partial(level string, pattern bool) bool {
	marks := []string{"${clientid}", "${username}"}
	if pattern {
		marks = append(marks, "%c", "%u")
	}
	for _, m := range marks {
		if strings.Contains(level, m) && level != m {
			return true
		}
	}
	return false
}

func grantAll(a *accessCheck) {
	for i := range a.policy.Rules {
		r := &a.policy.Rules[i]
		f, err := topic.ParseFilter(r.Filter)
		if err != nil || !r.Allow || r.Actions&access.Write == 0 || admin(r.User) {
			continue
		}
		if n := len(f.Levels()); f.Levels()[n-1] == "#" && allPlus(f.Levels()[:n-1]) {
			if a.kind == EMQXACL && strings.Contains(r.Text, "ipaddr") {
				continue // a rule for an address, most often the Server's own
			}
			a.at(r)
			a.found("", "%s may write to every topic", whose(r))
		}
	}
}

func whose(r *access.Rule) string {
	switch {
	case r.User != "":
		return "the user " + r.User
	case r.Pattern, strings.Contains(r.Text, "all"):
		return "every client"
	default:
		return "every anonymous client"
	}
}

// compared are the rules that are compared with each other.
func (a *accessCheck) compared() []access.Rule {
	const most = 2000
	rules := a.policy.Rules
	if len(rules) > most {
		a.l.note("%s: of %s rules the first %s were compared with each other", a.file, Number(len(rules)), Number(most))
		rules = rules[:most]
	}
	return rules
}

func shadowed(a *accessCheck) {
	rules := a.compared()
	for i := range rules {
		r := &rules[i]
		f, err := topic.ParseFilter(r.Filter)
		if err != nil || a.kind == EMQXACL {
			continue
		}
		for j := range i {
			o := &rules[j]
			of, err := topic.ParseFilter(o.Filter)
			if err == nil && o.User == r.User && o.Pattern == r.Pattern && o.Allow == r.Allow && o.Actions&r.Actions == r.Actions &&
				topic.Covers(of, f) {
				a.at(r)
				a.found("", "line %d says so already", o.Line).removeLine(SafeFix)
				break
			}
		}
	}
}

// deviceAccessRules ask what one identity can do to the topics of others.
func deviceAccessRules() []Rule {
	return []Rule{
		{
			Code: "A003", Name: "device-writes-other", Severity: Error, Profile: Guide,
			Summary: "a device may write the topics of another",
			Why: "One device that is broken into can then speak for all: report temperatures, open valves. The rules of the whole file " +
				"are put together, with the names of a device in the place of %u and %c, and compared with the topics of another.",
			Bad:  acl("pattern readwrite acme/+/+/#\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				a.eachDevice(func(d *device) {
					for _, o := range a.others(d) {
						if name, r, ok := d.reach(a.policy, access.Write, o.below("#")); ok {
							a.at(r)
							a.found("", "%s may write to another's topics, %s for example", d.who(), name)
							return
						}
					}
				})
			},
		},
		{
			Code: "A017", Name: "device-reads-other", Severity: Warning, Profile: Guide,
			Summary: "a device may read the topics of another",
			Why: "A device needs its own commands and its own desired state. One that may read acme/# is a tap on the whole plant for " +
				"whoever takes it off the wall, and receives the traffic of all others when its program subscribes to too much.",
			Bad:  acl("pattern write acme/+/%u/status\npattern read acme/#\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				a.eachDevice(func(d *device) {
					for _, o := range a.others(d) {
						if name, r, ok := d.reach(a.policy, access.Read, o.below("#")); ok {
							a.at(r)
							a.found("", "%s may read another's topics, %s for example", d.who(), name)
							return
						}
					}
				})
			},
		},
		{
			Code: "A004", Name: "device-writes-desired-or-cmd", Severity: Warning, Profile: Guide,
			Summary: "a device may write its own desired state or commands",
			Why: "Then a device can overwrite what was asked of it, and nobody can tell its wishes from the operator's. desired and cmd " +
				"are written by services only.",
			Bad:  acl("pattern readwrite acme/+/%u/#\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				a.eachDevice(func(d *device) {
					for _, kind := range []string{"desired", "cmd"} {
						if _, r, ok := d.reach(a.policy, access.Write, d.below(kind)); ok {
							a.at(r)
							a.found(kind, "%s may write its own %s", d.who(), kind)
						}
					}
				})
			},
		},
		{
			Code: "A005", Name: "app-writes-device-facts", Severity: Warning, Profile: Guide,
			Summary: "a service may write what only devices know",
			Why: "Telemetry, status and reported are facts, and the device says them. A service that may write them can hide a " +
				"failure, by mistake or not.",
			Bad:    acl("user dashboard\ntopic readwrite acme/+/+/#\n"),
			Good:   acl(goodACL),
			access: appWritesFacts,
		},
		{
			Code: "A006", Name: "device-cannot-read-own", Severity: Error, Profile: Guide,
			Summary: "a device may not read its own commands or desired state",
			Why: "Mosquitto grants the subscription and delivers nothing, so that the device waits for ever. The rules give devices the " +
				"right to write and forget the other direction.",
			Bad:  acl("pattern write acme/+/%u/status\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				a.lacks(access.Read, []string{"cmd", "desired"}, contract.FromService,
					"%s may not read its own %s: the subscription is granted, and stays silent")
			},
		},
		{
			Code: "A016", Name: "will-not-writable", Severity: Error, Profile: Guide,
			Summary: "a device may not write its own status",
			Why: "The Will Message is checked when it is published and not when the client connects: it is accepted and dropped without " +
				"a word when the device dies. Everybody then sees it online for ever.",
			Bad:  acl("pattern write acme/+/%u/telemetry/+\npattern read acme/+/%u/cmd\npattern read acme/+/%u/desired\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				a.lacks(access.Write, []string{"status"}, contract.FromDevice,
					"%s may not write its own %s: its Will is dropped")
			},
		},
		{
			Code: "A008", Name: "sys-exposed", Severity: Warning, Profile: Guide,
			Summary: "a device may read the Server's own topics",
			Why: "$SYS/ tells versions, numbers of clients and, with some Servers, their names and addresses: what somebody wants to " +
				"know before an attack.",
			Bad:  acl(goodACL + "pattern read $SYS/#\n"),
			Good: acl(goodACL),
			access: func(a *accessCheck) {
				sys, _ := topic.ParseFilter("$SYS/#")
				a.eachDevice(func(d *device) {
					if _, r, ok := d.reach(a.policy, access.Read, sys); ok && r != nil {
						a.at(r)
						a.found("", "%s may read $SYS/", d.who())
					}
				})
			},
		},
	}
}

func appWritesFacts(a *accessCheck) {
	someone := a.symbolic("site-a", "device-a")
	for _, user := range a.services {
		if admin(user) {
			continue
		}
		rights := a.policy.For(access.Identity{User: user, Client: user}, access.Write)
		for _, kind := range []string{"telemetry/+", "status", "reported"} {
			if _, r, ok := rights.Reach(someone.below(kind)); ok && r != nil {
				a.at(r)
				a.found("", "the user %s may write the %s of devices", user, strings.TrimSuffix(kind, "/+"))
				break
			}
		}
	}
}

// lacks reports the kinds of its own topics to which a device has no right. A file that says nothing about devices is not
// theirs.
func (a *accessCheck) lacks(action access.Action, kinds []string, from contract.Party, format string) {
	c := a.l.convention.Contract
	a.eachDevice(func(d *device) {
		if _, r, ok := d.reach(a.policy, access.Read|access.Write, d.below("#")); !ok || r == nil {
			return
		}
		for _, kind := range kinds {
			if c != nil && !publishedBy(c, contract.Role(kind), from) {
				continue
			}
			if _, _, ok := d.reach(a.policy, action, d.below(kind)); !ok {
				a.at(a.firstRuleFor(d))
				a.found(kind+d.id.User, format, d.who(), kind)
			}
		}
	})
}

// publishedBy reports whether a contract has a kind of a role that a party publishes.
func publishedBy(c *contract.Contract, role contract.Role, from contract.Party) bool {
	for k := range c.ByRole(role) {
		if k.From == from {
			return true
		}
	}
	return false
}

// firstRuleFor is the first rule that a device has something of.
func (a *accessCheck) firstRuleFor(d *device) *access.Rule {
	_, r, _ := d.reach(a.policy, access.Read|access.Write, d.below("#"))
	return r
}
