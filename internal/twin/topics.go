package twin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Topics are those of one device; or filters for those of several, when its base topic has wildcards.
type Topics struct {
	// Device is the base topic.
	Device                    string
	Desired, Reported, Status string
	Command, Result           string // empty where the contract has none
	// Audit is where the changes of what is desired are told as events; empty where the contract has no such topic.
	Audit string
	// Live are filters for what else the device publishes.
	Live []string
}

// Convention finds the topics of devices.
type Convention struct {
	contract *contract.Contract
	doc      string // of named documents: "/network", else empty
	kinds    map[contract.Role]*contract.Kind
}

// NewConvention returns the convention of a contract. doc names one of several documents of a device; empty is its only one.
func NewConvention(c *contract.Contract, doc string) (*Convention, error) {
	v := &Convention{contract: c, kinds: map[contract.Role]*contract.Kind{}}
	if doc != "" {
		if _, err := topic.ParseName(doc); err != nil || strings.Contains(doc, "/") {
			return nil, fmt.Errorf("document %q: a single topic level is expected", doc)
		}
		v.doc = "/" + doc
	}
	for _, role := range []contract.Role{contract.Desired, contract.Reported, contract.Status, contract.Command, contract.Result} {
		for kind := range c.ByRole(role) {
			if slices.Contains(kind.Template.Vars(), "device") && v.kinds[role] == nil {
				v.kinds[role] = kind
			}
		}
	}
	return v, nil
}

// Topics returns the topics of a device, or of those that a base topic with wildcards stands for.
func (v *Convention) Topics(base string) (Topics, error) {
	t := Topics{Device: base}
	list := v.contract.TopicsOf(base)
	if len(list) == 0 {
		return t, fmt.Errorf("%q is not a device like %s", base, strings.TrimSuffix(v.contract.Taxonomy.String(), "/{kind}"))
	}
	for _, d := range list {
		name := d.Filter.String()
		switch d.Kind {
		case v.kinds[contract.Desired]:
			t.Desired = name + v.doc
		case v.kinds[contract.Reported]:
			t.Reported = name + v.doc
		case v.kinds[contract.Status]:
			t.Status = name
		case v.kinds[contract.Command]:
			t.Command = name
		default:
			if d.Kind.Role == contract.Event && t.Audit == "" {
				t.Audit = eventTopic(name, "desired")
			}
			if d.Kind == v.kinds[contract.Result] {
				t.Result = name
			}
			if d.Kind.From == contract.FromDevice && d.Kind.Role != contract.Status && d.Kind.Role != contract.Reported {
				t.Live = append(t.Live, name)
			}
		}
	}
	return t, nil
}

// eventTopic is the topic of an event of a name among those that a filter matches, empty when the name does not say it all.
func eventTopic(filter, name string) string {
	begin, open := strings.CutSuffix(filter, "/+")
	if !open {
		return ""
	}
	return begin + "/" + name
}

// documents checks that the contract has desired and reported documents.
func (t *Topics) documents() error {
	for role, name := range map[contract.Role]string{contract.Desired: t.Desired, contract.Reported: t.Reported} {
		if name == "" {
			return fmt.Errorf("the contract has no topics for what is %s", role)
		}
		if strings.HasSuffix(name, "#") {
			return fmt.Errorf("the contract's topics for what is %s have no fixed end", role)
		}
	}
	return nil
}

// of says which device a topic belongs to, and what it is for: Desired, Reported or Status, else Other.
func (v *Convention) of(name string) (base string, role contract.Role) {
	if v.doc != "" {
		if short, ok := strings.CutSuffix(name, v.doc); ok {
			m, _ := v.contract.Classify(short)
			for _, role := range []contract.Role{contract.Desired, contract.Reported} {
				if m.Kind != nil && m.Kind == v.kinds[role] {
					return m.Base(), role
				}
			}
		}
	}
	m, ok := v.contract.Classify(name)
	if !ok {
		return "", contract.Other
	}
	switch role := m.Kind.Role; {
	case role == contract.Status && m.Kind == v.kinds[role],
		(role == contract.Desired || role == contract.Reported) && m.Kind == v.kinds[role] && v.doc == "":
		return m.Base(), role
	case m.Kind.From == contract.FromDevice:
		return m.Base(), contract.Other
	default:
		return "", contract.Other
	}
}

// schemaOf returns the schema that a desired document must follow, nil for none.
func (v *Convention) schemaOf(named string) *contract.Schema {
	kind := v.kinds[contract.Desired]
	if kind == nil {
		return nil
	}
	return v.contract.SchemaFor(kind.Rule, named)
}

// Tolerance is by how much numbers may differ: what flags say, over what the contract says.
func (v *Convention) Tolerance(flags Tolerance) (Tolerance, error) {
	kind := v.kinds[contract.Desired]
	if kind == nil {
		return flags, nil
	}
	return flags.Over(kind.Rule.Tolerance)
}

// schemaName is the schema that new documents name.
func (v *Convention) schemaName() string {
	if kind := v.kinds[contract.Desired]; kind != nil && kind.Rule.Schema != "" {
		return kind.Rule.Schema
	}
	return defaultSchema
}

// Pad turns a filter that ends with # into one for base topics: acme/# is acme/+/+ where these have three levels.
func (v *Convention) Pad(filter string) string {
	begin, open := strings.CutSuffix(filter, "#")
	if !open || begin != "" && !strings.HasSuffix(begin, "/") {
		return filter
	}
	levels := strings.Count(v.contract.Taxonomy.String(), "/") // without {kind}
	if missing := levels - strings.Count(begin, "/"); missing > 0 {
		return begin + strings.TrimSuffix(strings.Repeat("+/", missing), "/")
	}
	return filter
}
