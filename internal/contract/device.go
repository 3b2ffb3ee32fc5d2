package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// inventory finds devices.
type inventory struct {
	byBase map[string]int
	byLast map[string][]int // by the last level of the base topic
}

// DeviceTopic is one of the topics of a device.
type DeviceTopic struct {
	Kind *Kind
	// Filter is the topic, with wildcards where the kind has several for a device.
	Filter topic.Filter
}

// ResolveError says why a name is no device, or more than one.
type ResolveError struct {
	Name string
	// Candidates are the base topics that Name may stand for; there are none when there is no such device.
	Candidates []string
	Why        string
}

// Error says it in one line.
func (e *ResolveError) Error() string {
	const shown = 3
	if len(e.Candidates) == 0 {
		return fmt.Sprintf("device %q: %s", e.Name, e.Why)
	}
	names := strings.Join(e.Candidates[:min(shown, len(e.Candidates))], ", ")
	if more := len(e.Candidates) - shown; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("device %q: %s: %s", e.Name, e.Why, names)
}

// Knows reports whether the inventory lists a base topic. Where there is no inventory every device is known.
func (c *Contract) Knows(base string) bool {
	if !c.Devices.HasInventory {
		return true
	}
	_, ok := c.inventory.byBase[base]
	return ok
}

// Resolve finds the device that name means: its base topic, or the last levels of it where these mean one device only. A
// base topic need not be in the inventory. The error is a [*ResolveError].
func (c *Contract) Resolve(name string) (Device, error) {
	if _, err := topic.ParseName(name); err != nil {
		fault, _ := errors.AsType[*topic.Error](err)
		return Device{}, &ResolveError{Name: name, Why: fault.Msg}
	}
	if i, ok := c.inventory.byBase[name]; ok {
		return c.Devices.Inventory[i], nil
	}
	if candidates := c.listed(name); len(candidates) > 0 {
		return c.only(name, candidates)
	}
	if vars, ok := c.baseVars(name); ok {
		return c.newDevice(name, vars), nil
	}
	if candidates := c.completed(name); len(candidates) > 0 {
		return c.only(name, candidates)
	}
	why := "not a base topic like " + strings.Join(c.base, "/")
	if c.Devices.HasInventory {
		why += ", and the inventory has no such device"
	}
	return Device{}, &ResolveError{Name: name, Why: why}
}

func (c *Contract) only(name string, candidates []Device) (Device, error) {
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	bases := make([]string, len(candidates))
	for i, d := range candidates {
		bases[i] = d.Base
	}
	slices.Sort(bases)
	return Device{}, &ResolveError{Name: name, Why: "may be more than one", Candidates: bases}
}

// listed returns the devices of the inventory whose last levels are name.
func (c *Contract) listed(name string) []Device {
	var found []Device
	last := name[strings.LastIndexByte(name, '/')+1:]
	for _, i := range c.inventory.byLast[last] {
		if d := c.Devices.Inventory[i]; strings.HasSuffix(d.Base, "/"+name) {
			found = append(found, d)
		}
	}
	return found
}

// baseVars takes a base topic apart.
func (c *Contract) baseVars(name string) (map[string]string, bool) {
	if at := slices.Index(c.base, "{root}"); at >= 0 && len(c.Roots) > 0 {
		for _, root := range c.Roots {
			texts := slices.Concat(c.base[:at], strings.Split(root.Text, "/"), c.base[at+1:])
			if vars, ok := matchLevels(texts, name); ok {
				vars["root"] = root.Text
				return vars, true
			}
		}
		return nil, false
	}
	return matchLevels(c.base, name)
}

// matchLevels is [topic.Template.Match] for levels that were parsed before.
func matchLevels(texts []string, name string) (map[string]string, bool) {
	t, err := topic.ParseTemplate(strings.Join(texts, "/"))
	if err != nil {
		return nil, false // roots and bases were parsed with the contract
	}
	return t.Match(name)
}

// completed returns the devices that name stands for when what it leaves out can be one thing only.
func (c *Contract) completed(name string) []Device {
	missing := len(c.base) - len(topic.Name(name).Levels())
	if missing <= 0 {
		return nil
	}
	begins := []string{""}
	for _, level := range c.base[:missing] {
		var next []string
		for _, begin := range begins {
			for _, value := range c.values(level) {
				next = append(next, begin+value+"/")
			}
		}
		begins = next
	}
	var found []Device
	for _, begin := range begins {
		vars, ok := c.baseVars(begin + name)
		if ok && (!c.Devices.HasInventory || c.Knows(begin+name)) {
			found = append(found, c.newDevice(begin+name, vars))
		}
	}
	return found
}

// values are all that a level of a template can be, or none when nobody can list them.
func (c *Contract) values(level string) []string {
	name, isVar := variableName(level)
	if !isVar {
		return []string{level}
	}
	if name == "root" {
		var roots []string
		for _, r := range c.Roots {
			roots = append(roots, r.Text)
		}
		return roots
	}
	return c.Variables[name].Values
}

// newDevice completes a device by how the contract says that devices log in.
func (c *Contract) newDevice(base string, vars map[string]string) Device {
	return Device{
		Base: base, Vars: vars,
		Username: expand(c.Devices.Username, vars), ClientID: expand(c.Devices.ClientID, vars),
	}
}

// expand puts variables into a text like {site}-{device}.
func expand(text string, vars map[string]string) string {
	for name, value := range vars {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// TopicsOf returns the topics of a device, in the order of the kinds. Base must be a base topic, or it returns none. It may
// hold wildcards: TopicsOf("acme/lyon/+").
func (c *Contract) TopicsOf(base string) []DeviceTopic {
	vars, ok := c.baseVars(base)
	if !ok {
		return nil
	}
	var topics []DeviceTopic
	for _, k := range c.Kinds {
		if !k.ofDevice() {
			continue
		}
		if f, err := k.Filter(vars); err == nil {
			topics = append(topics, DeviceTopic{k, f})
		}
	}
	return topics
}

// StatusTopic returns the topic on which a device says whether it is online. The name is as [Contract.Resolve] takes it.
func (c *Contract) StatusTopic(name string) (topic.Name, error) {
	device, err := c.Resolve(name)
	if err != nil {
		return "", err
	}
	for _, k := range c.Kinds {
		if k.Role == Status && k.From != FromService {
			return k.Topic(device.Vars)
		}
	}
	return "", &ResolveError{Name: name, Why: "the contract has no status topic"}
}

// ofDevice reports whether the topics of k belong to single devices.
func (k *Kind) ofDevice() bool { return slices.Contains(k.Template.Vars(), "device") }

// Filter returns the filter for the topics of the kind in which the variables have the values: each other variable becomes
// a wildcard. A value may be a wildcard, and that of root may have several levels.
func (k *Kind) Filter(vars map[string]string) (topic.Filter, error) {
	var put []string
	for level := range strings.SplitSeq(k.Template.String(), "/") {
		name, isVar := variableName(level)
		switch value, ok := vars[name]; {
		case !isVar:
			put = append(put, level)
		case ok && value != "":
			put = append(put, value)
		case strings.HasSuffix(level, "...}"):
			put = append(put, "#")
		default:
			put = append(put, "+")
		}
	}
	return topic.ParseFilter(strings.Join(put, "/"))
}

// Topic returns the topic of the kind in which the variables have the values. All must be given.
func (k *Kind) Topic(vars map[string]string) (topic.Name, error) {
	f, err := k.Filter(vars)
	if err != nil {
		return "", err
	}
	if f.HasWildcard() {
		return "", fmt.Errorf("kind %s: %s is not one topic", k.Name, f)
	}
	return topic.ParseName(f.String())
}
