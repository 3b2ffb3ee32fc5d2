package lint

import (
	"os"
	"strings"

	"github.com/mqx-cli/mqx/internal/access"
	"github.com/mqx-cli/mqx/internal/topic"
)

// credentialRules are about the files with users and rights that belong together.
func credentialRules() []Rule {
	users := func(acl, passwords string) Example {
		text := strings.Replace(goodConf, "/etc/mosquitto/passwd", passwords, 1)
		return conf(strings.Replace(text, "/etc/mosquitto/acl", acl, 1))
	}
	return []Rule{
		{
			Code: "A012", Name: "user-without-password", Severity: Warning, Profile: Guide,
			Summary: "the password file and the access list do not have the same users",
			Why: "A user with rights and without a password cannot log in: a typo, or a rest. One with a password and without a rule in a " +
				"list that has none for everybody may log in and do nothing, which looks like a network that is down. The files that " +
				"acl_file and password_file name are compared when they are there; names out of certificates are left alone.",
			Bad:  users("users.acl", "few.passwd"),
			Good: users("users.acl", "users.passwd"),
			conf: userMismatch,
		},
		{
			Code: "A013", Name: "file-permissions", Severity: Warning, Profile: Guide,
			Summary: "every user of the machine can read a file with passwords",
			Why: "Hashes can be tried out at leisure by whoever has them. Mosquitto warns about such a file when it starts, also about an " +
				"acl_file, and says that it will refuse it one day. chmod 0600, and owned by the user that Mosquitto runs as. Files are " +
				"looked at when they are there.",
			Bad:  users("/etc/mosquitto/acl", "open.passwd"),
			Good: users("users.acl", "users.passwd"),
			conf: func(c *confCheck) {
				for i := range c.lines {
					line := &c.lines[i]
					if line.key != "password_file" && line.key != "psk_file" && line.key != "acl_file" || !worldReadable(c.path(line.value)) {
						continue
					}
					c.at(line)
					severity := Warning
					if line.key == "acl_file" {
						severity = Info // rights are no secret, but Mosquitto asks for it
					}
					c.foundAs(severity, "", "every user of this machine can read %s", line.value)
				}
			},
		},
		{
			Code: "A015", Name: "order-matters", Severity: Info, Profile: Guide,
			Summary: "Mosquitto and EMQX read these two rules differently",
			Why: "Mosquitto lets a deny win wherever it stands; EMQX takes the first rule that matches. Where an allow stands before a deny " +
				"for some of the same topics, a list that is taken over from one to the other changes its meaning. With the deny first " +
				"both agree.",
			Bad:    acl("user dashboard\ntopic read acme/+/+/#\ntopic deny acme/+/+/cmd\n"),
			Good:   acl("user dashboard\ntopic deny acme/+/+/cmd\ntopic read acme/+/+/#\n"),
			access: orderMatters,
		},
	}
}

// worldReadable reports whether a file is there and everybody may read it. Windows has no such bits.
func worldReadable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 && os.PathSeparator == '/'
}

// securityScopes are the options about users that hold together: those of each listener, or all.
func (c *confCheck) securityScopes() []map[string]*confLine {
	scope := map[string]*confLine{}
	scopes := []map[string]*confLine{scope}
	for i := range c.lines {
		line := &c.lines[i]
		if line.key == "listener" && c.is("per_listener_settings", "true") {
			scope = map[string]*confLine{}
			scopes = append(scopes, scope)
		}
		scope[line.key] = line
	}
	return scopes
}

func userMismatch(c *confCheck) {
	for i := range c.lines {
		switch key := c.lines[i].key; {
		case key == "use_identity_as_username", key == "use_subject_as_username", strings.Contains(key, "plugin"):
			return // users come from elsewhere too
		}
	}
	for _, scope := range c.securityScopes() {
		rights, passwords := scope["acl_file"], scope["password_file"]
		if rights == nil || passwords == nil {
			continue
		}
		rules, err := os.ReadFile(c.path(rights.value))
		if err != nil {
			continue
		}
		entries, err := os.ReadFile(c.path(passwords.value))
		if err != nil {
			continue
		}
		c.compareUsers(rights, passwords, access.ParseMosquitto(string(rules)), passwordUsers(string(entries)))
	}
}

// passwordUsers are the users of a password file.
func passwordUsers(text string) []string {
	var users []string
	for line := range strings.Lines(text) {
		if user, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && user != "" && user[0] != '#' {
			users = append(users, user)
		}
	}
	return users
}

func (c *confCheck) compareUsers(rights, passwords *confLine, policy *access.Policy, users []string) {
	known, forAll := map[string]bool{}, false
	for _, user := range users {
		known[user] = true
	}
	named := map[string]bool{}
	for _, user := range policy.Users {
		named[user] = true
		if !known[user] {
			c.at(rights)
			c.found("password", "the user %s has rights in %s and no password in %s", user, rights.value, passwords.value)
		}
	}
	for i := range policy.Rules {
		forAll = forAll || policy.Rules[i].Pattern && policy.Rules[i].Allow
	}
	for _, user := range users {
		if !named[user] && !forAll {
			c.at(passwords)
			c.found("rights", "the user %s has a password in %s and no rights in %s", user, passwords.value, rights.value)
		}
	}
}

func orderMatters(a *accessCheck) {
	rules := a.compared()
	for j := range rules {
		deny := &rules[j]
		df, err := topic.ParseFilter(deny.Filter)
		if deny.Allow || err != nil || deny.Filter == "#" { // everything else is denied: the end of a list
			continue
		}
		for i := range j {
			r := &rules[i]
			f, err := topic.ParseFilter(r.Filter)
			same := r.User == deny.User && r.Pattern == deny.Pattern || a.kind == EMQXACL && deny.User == ""
			if err == nil && r.Allow && same && r.Actions&deny.Actions != 0 && topic.Overlap(f, df) {
				a.at(deny)
				a.found("", "line %d allows some of the same topics before: Mosquitto denies them, EMQX does not", r.Line)
				break
			}
		}
	}
}
