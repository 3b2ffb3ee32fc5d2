package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// ACLOptions say what an access list is about.
type ACLOptions struct {
	// Env is the environment whose root counts; empty for all roots.
	Env string
	// Patterns asks for rules with %u or %c for all devices together, where the inventory would give each its own. The
	// list is short then, and a device may act for any site that has a device of its name.
	Patterns bool
}

// ErrNoLogin says that nobody knows which user a device is.
var ErrNoLogin = errors.New("the contract does not say how devices log in")

// access is what a user may do.
type access uint8

const (
	read access = 1 << iota
	write
)

// word is the access as Mosquitto writes it.
func (a access) word() string {
	return [...]string{"deny", "read", "write", "readwrite"}[a]
}

// grant is one line of an access list.
type grant struct {
	access access
	filter string
}

// aclWriter writes an access list.
type aclWriter struct {
	c     *Contract
	roots []Root
	out   bytes.Buffer // nothing is written before all of it can be
	err   error
	notes []Note
}

// WriteACL writes an access list for Mosquitto's acl_file, in which every device and every service may do what the contract
// says and nothing else. With an inventory each device has its own section. Without one there are patterns, which need a
// device's user name or client identifier to be its level in the topic. The notes say where the list allows more than the
// contract. It fails with [ErrNoLogin] when the contract does not say how devices log in.
func (c *Contract) WriteACL(w io.Writer, o ACLOptions) ([]Note, error) {
	a := &aclWriter{c: c}
	if err := a.selectRoots(o.Env); err != nil {
		return nil, err
	}
	a.line("# What the contract allows, for Mosquitto's acl_file. Made by mqx contract export --acl mosquitto.")
	a.line("# Who is not named here may do nothing. A device writes what it says, and reads what it is told.")
	var err error
	if c.Devices.HasInventory && !o.Patterns && a.allHaveUsers() {
		a.devices()
	} else {
		err = a.devicePatterns()
	}
	if err != nil {
		return nil, err
	}
	a.services()
	if a.err != nil {
		return nil, a.err
	}
	_, err = w.Write(a.out.Bytes())
	return a.notes, err
}

func (a *aclWriter) note(at Position, format string, args ...any) {
	a.notes = append(a.notes, Note{at, fmt.Sprintf(format, args...)})
}

func (a *aclWriter) line(format string, args ...any) {
	if a.err != nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	if strings.ContainsFunc(text, unicode.IsControl) {
		a.err = fmt.Errorf("%q cannot be written into an access list: it has a control character", text)
		return
	}
	a.out.WriteString(text + "\n")
}

func (a *aclWriter) selectRoots(env string) error {
	a.roots = a.c.Roots
	if env == "" {
		return nil
	}
	a.roots = nil
	var known []string
	for _, r := range a.c.Roots {
		if r.Env != "" {
			known = append(known, r.Env)
		}
		if r.Env == env {
			a.roots = append(a.roots, r)
		}
	}
	switch {
	case len(a.roots) > 0:
		return nil
	case len(known) == 0:
		return fmt.Errorf("environment %q: the contract names none under roots", env)
	default:
		return fmt.Errorf("environment %q: not in the contract (%s)", env, yamlfile.DidYouMean(env, known))
	}
}

// has reports whether a device belongs to the roots that are asked for.
func (a *aclWriter) has(d Device) bool {
	root, ok := d.Vars["root"]
	return !ok || len(a.c.Roots) == 0 || slices.ContainsFunc(a.roots, func(r Root) bool { return r.Text == root })
}

func (a *aclWriter) allHaveUsers() bool {
	return !slices.ContainsFunc(a.c.Devices.Inventory, func(d Device) bool { return a.has(d) && d.Username == "" })
}

// devices writes a section for each user that is a device.
func (a *aclWriter) devices() {
	var users []string
	of := map[string][]Device{}
	for _, d := range a.c.Devices.Inventory {
		if !a.has(d) {
			continue
		}
		if _, ok := of[d.Username]; !ok {
			users = append(users, d.Username)
		}
		of[d.Username] = append(of[d.Username], d)
	}
	for _, user := range users {
		var grants []grant
		var bases []string
		for _, d := range of[user] {
			bases = append(bases, d.Base)
			grants = append(grants, a.deviceGrants(d.Vars)...)
		}
		if len(bases) > 1 {
			a.note(of[user][1].At, "user %s is %d devices, and each may act for the others: %s", user, len(bases), strings.Join(bases, ", "))
		}
		a.section(strings.Join(bases, ", "), user, grants)
	}
	a.overGrants()
}

// section writes what one user may do.
func (a *aclWriter) section(comment, user string, grants []grant) {
	if user == "" || strings.TrimSpace(user) != user {
		a.fail("user %q cannot be written into an access list", user)
		return
	}
	a.line("")
	a.line("# %s", comment)
	a.line("user %s", user)
	for _, g := range tidy(grants) {
		a.grant("topic", g)
	}
}

func (a *aclWriter) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

func (a *aclWriter) grant(word string, g grant) {
	if strings.TrimSpace(g.filter) != g.filter {
		a.fail("topic %q cannot be written into an access list: it begins or ends with a space", g.filter)
	}
	a.line("%s %s %s", word, g.access.word(), g.filter)
}

// deviceGrants are the rights of a device with these variables.
func (a *aclWriter) deviceGrants(vars map[string]string) []grant {
	var grants []grant
	for _, k := range a.c.Kinds {
		if !k.ofDevice() {
			continue
		}
		f, err := k.Filter(vars)
		if err != nil {
			a.fail("kind %s: %w", k.Name, err)
			continue
		}
		grants = append(grants, grant{deviceAccess(k), f.String()})
	}
	return grants
}

func deviceAccess(k *Kind) access {
	switch k.From {
	case FromDevice:
		return write
	case FromService:
		return read
	default:
		return read | write
	}
}

// tidy joins grants of the same filter and leaves out those that another one covers.
func tidy(grants []grant) []grant {
	var joined []grant
	for _, g := range grants {
		i := slices.IndexFunc(joined, func(other grant) bool { return other.filter == g.filter })
		if i < 0 {
			joined = append(joined, g)
			continue
		}
		joined[i].access |= g.access
	}
	return slices.DeleteFunc(slices.Clone(joined), func(g grant) bool {
		return slices.ContainsFunc(joined, func(other grant) bool {
			return other.filter != g.filter && other.access&g.access == g.access && covers(other.filter, g.filter)
		})
	})
}

func covers(wide, narrow string) bool {
	w, err := topic.ParseFilter(wide)
	if err != nil {
		return false
	}
	n, err := topic.ParseFilter(narrow)
	return err == nil && topic.Covers(w, n)
}

// devicePatterns writes rules for all devices at once.
func (a *aclWriter) devicePatterns() error {
	var who string
	switch d := a.c.Devices; {
	case d.Username == "{device}":
		who = "%u"
	case d.ClientID == "{device}":
		who = "%c"
		a.note(a.c.At("devices", "client_id"),
			"a client chooses its identifier itself: without `use_username_as_clientid true` any client may call itself any device")
	case d.Username == "" && d.ClientID == "":
		return ErrNoLogin
	default:
		return fmt.Errorf("%w so that a pattern fits: {device} must be the whole user name, or there must be an inventory", ErrNoLogin)
	}
	a.line("")
	a.line("# every device, by its %s", map[string]string{"%u": "user name", "%c": "client identifier"}[who])
	for _, vars := range a.rootVars() {
		vars["device"] = who
		for _, level := range a.c.base {
			name, isVar := variableName(level)
			if strings.Contains(level+vars["root"], "%") {
				return fmt.Errorf("%q cannot be part of a pattern: %% has a meaning there", level)
			}
			if only := a.c.Variables[name].Values; isVar && len(only) == 1 && name != "device" {
				vars[name] = only[0]
			}
		}
		for _, g := range tidy(a.deviceGrants(vars)) {
			a.grant("pattern", g)
		}
	}
	for _, level := range a.c.base {
		if name, isVar := variableName(level); isVar && name != "device" && name != "root" && len(a.c.Variables[name].Values) != 1 {
			a.note(a.c.At("devices"), "patterns leave {%s} open: a device may act under any %s", name, name)
		}
	}
	a.overGrants()
	return nil
}

// rootVars are the variables that the roots give, one mapping a root.
func (a *aclWriter) rootVars() []map[string]string {
	if len(a.roots) == 0 {
		return []map[string]string{{}}
	}
	var all []map[string]string
	for _, r := range a.roots {
		all = append(all, map[string]string{"root": r.Text})
	}
	return all
}

// overGrants notes where a wide kind lets devices do what a narrower kind forbids them, and where devices get nothing.
func (a *aclWriter) overGrants() {
	for _, k := range a.c.Kinds {
		if !k.ofDevice() {
			a.note(k.At, "devices get no right to %s: the contract does not say which of them it is for", k.Template)
		}
	}
	for _, wide := range a.c.Kinds {
		for _, narrow := range a.c.Kinds {
			w, errWide := wide.Filter(nil)
			n, errNarrow := narrow.Filter(nil)
			if errWide != nil || errNarrow != nil || w == n || !topic.Covers(w, n) || !wide.ofDevice() {
				continue
			}
			if more := deviceAccess(wide) &^ deviceAccess(narrow); more != 0 {
				a.note(narrow.At, "devices may %s %s as well, because %s covers it", more.word(), n, w)
			}
		}
	}
}

// services writes a section for each service.
func (a *aclWriter) services() {
	for _, s := range a.c.Services {
		var grants []grant
		for _, vars := range a.rootVars() {
			if root := s.Where["root"]; root != "" && vars["root"] != "" && root != vars["root"] {
				continue
			}
			maps.Copy(vars, s.Where)
			grants = append(grants, a.serviceGrants(s, vars)...)
		}
		if len(grants) == 0 {
			continue
		}
		if slices.ContainsFunc(a.c.Devices.Inventory, func(d Device) bool { return a.has(d) && d.Username == s.Username }) {
			a.note(s.At, "user %s is a device and the service %s: it may do what both may", s.Username, s.Name)
		}
		a.section("service "+s.Name, s.Username, grants)
	}
}

// serviceGrants are the rights of a service where the topics have these variables.
func (a *aclWriter) serviceGrants(s Service, vars map[string]string) []grant {
	var grants []grant
	for _, k := range a.c.Kinds {
		var may access
		if slices.Contains(s.Read, k.Name) {
			may |= read
		}
		if slices.Contains(s.Write, k.Name) {
			may |= write
		}
		if may == 0 {
			continue
		}
		f, err := k.Filter(vars)
		if err != nil {
			a.fail("kind %s: %w", k.Name, err)
			continue
		}
		grants = append(grants, grant{may, f.String()})
	}
	return grants
}
