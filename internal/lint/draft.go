package lint

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
)

// maxSites is how many sites a draft lists.
const maxSites = 50

// guideDraft reports whether most topics have the guide's shape.
func (n *Inference) guideDraft() bool { return n.guide*2 > n.messages }

// Draft returns a contract file that says what was seen, with the JSON Schemas of the payloads in it.
func (n *Inference) Draft() string {
	var b strings.Builder
	all := n.templates()
	fmt.Fprintf(&b, "# A draft, inferred from %s on %s. Read it, and mend it.\nversion: %s\n",
		plural(n.messages, "message"), plural(len(all), "topic template"), contract.Version)
	if n.guideDraft() {
		n.draftGuide(&b, all)
	} else {
		n.draftOther(&b, all)
	}
	if n.shapes.full {
		fmt.Fprintf(&b, "\n# There were more than %d different levels: names that came later count as variables.\n", maxShapes)
	}
	return b.String()
}

// draftGuide writes a contract whose topics have the guide's shape.
func (n *Inference) draftGuide(b *strings.Builder, all []inferred) {
	roots := slices.Sorted(maps.Keys(n.roots))
	if len(roots) == 1 {
		fmt.Fprintf(b, "root: %s\n", yamlText(roots[0]))
	} else {
		b.WriteString("roots:\n")
		for i, r := range roots[:min(len(roots), maxSites)] {
			fmt.Fprintf(b, "  env%d: %s\n", i+1, yamlText(r))
		}
	}
	fmt.Fprintf(b, "taxonomy: %q\n", contract.GuideTaxonomy)
	if sites := slices.Sorted(maps.Keys(n.sites)); len(sites) <= maxSites {
		quoted := make([]string, len(sites))
		for i, s := range sites {
			quoted[i] = yamlText(s)
		}
		fmt.Fprintf(b, "sites: [%s]\n", strings.Join(quoted, ", "))
	}
	plan := n.planSchemas(all, func(o *inferred) string { return string(o.role) })
	n.draftGuideKinds(b, all, plan)
	draftSignals(b, all, plan)
	for i := range all {
		if all[i].role == contract.Other {
			fmt.Fprintf(b, "\n# Not of the guide's shape: %s (%s, such as %s)\n", Escape(all[i].template),
				plural(all[i].messages, "message"), Escape(all[i].example))
		}
	}
	plan.write(b)
}

// draftGuideKinds writes the kinds that were seen.
func (n *Inference) draftGuideKinds(b *strings.Builder, all []inferred, plan *schemaPlan) {
	byRole := map[contract.Role]*observed{}
	for i := range all {
		if o := all[i].observed; o.role != contract.Other {
			if first := byRole[o.role]; first != nil {
				sum := *first
				sum.messages, sum.retained = first.messages+o.messages, first.retained+o.retained
				sum.notJSON = first.notJSON + o.notJSON
				for q := range sum.qos {
					sum.qos[q] += o.qos[q]
				}
				byRole[o.role] = &sum
			} else {
				byRole[o.role] = o
			}
		}
	}
	b.WriteString("kinds:\n")
	for _, k := range n.convention.Contract.Kinds {
		o := byRole[k.Role]
		if o == nil {
			fmt.Fprintf(b, "  # %s: not seen\n", k.Name)
			continue
		}
		rule, note := o.rule(k.Role)
		if o.notJSON > 0 && k.Rule.Format == contract.JSON {
			rule += ", format: any"
		}
		if name := plan.kinds[k.Name]; name != "" {
			rule += ", schema: " + yamlText(name)
		}
		fmt.Fprintf(b, "  %s: { %s }%s%s\n", k.Name, rule, o.comment(), note)
	}
}

// rule is what the contract says about a kind, and what to say about that.
func (o *observed) rule(role contract.Role) (text, note string) {
	text, note = o.retainRule(role)
	if q, sure := o.qosSeen(); sure {
		return "retain: " + text + ", qos: " + strconv.Itoa(q), note
	}
	return "retain: " + text + ", qos: any", note
}

// comment says how sure the draft is.
func (o *observed) comment() string {
	text := "  # " + plural(o.messages, "message") + confidence(o.messages)
	if o.retained > 0 && o.retained < o.messages {
		text += fmt.Sprintf(", %s retained", Number(o.retained))
	}
	return text
}

// draftSignals writes the names of telemetry with their units.
func draftSignals(b *strings.Builder, all []inferred, plan *schemaPlan) {
	head := "signals:\n"
	for i := range all {
		o := &all[i]
		name := o.signal()
		if name == "" {
			continue
		}
		var rules []string
		others := ""
		if unit, sure := mostly(o.unit); unit != "" && sure {
			rules = append(rules, "unit: "+yamlText(unit))
		} else if unit != "" {
			others = ", units " + strings.Join(sortedNames(o.unit), " and ")
		}
		if s := plan.signals[name]; s != "" {
			rules = append(rules, "schema: "+yamlText(s))
		}
		fmt.Fprintf(b, "%s  %s:", head, yamlText(name))
		head = ""
		if len(rules) > 0 {
			fmt.Fprintf(b, " { %s }", strings.Join(rules, ", "))
		}
		fmt.Fprintf(b, "  # %s%s%s%s\n", plural(o.messages, "message"), o.observedRange(), Escape(others), confidence(o.messages))
	}
	if head == "" && slices.ContainsFunc(all, func(o inferred) bool { return o.role == telemetry && o.signal() == "" }) {
		b.WriteString("  \"*\":  # there are others, with names that vary\n")
	}
}

// draftOther writes a contract of kinds that have topics of their own.
func (n *Inference) draftOther(b *strings.Builder, all []inferred) {
	names, used := map[string]string{}, map[string]bool{}
	for i := range all {
		if t := all[i].template; !strings.HasPrefix(t, "$") {
			names[t] = kindName(t, used)
		}
	}
	plan := n.planSchemas(all, func(o *inferred) string { return names[o.template] })
	b.WriteString("convention: none\nkinds:\n")
	for i := range all {
		o := &all[i]
		name := names[o.template]
		if name == "" {
			continue
		}
		rule, note := o.rule(contract.RoleOf(name))
		if o.notJSON > 0 || o.objects() == 0 {
			rule += ", format: any"
		} else {
			rule += ", format: json"
		}
		if s := plan.kinds[name]; s != "" {
			rule += ", schema: " + yamlText(s)
		}
		fmt.Fprintf(b, "  %s:%s%s, such as %s\n    topic: %s\n    %s\n", name, o.comment(), note, Escape(o.example),
			yamlText(o.template), strings.ReplaceAll(rule, ", ", "\n    "))
	}
	plan.write(b)
}

// kindName makes a name of the last level that is a word.
func kindName(template string, used map[string]bool) string {
	levels := strings.Split(template, "/")
	name := "messages"
	for _, level := range slices.Backward(levels) {
		clean := strings.Trim(strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
				return r
			}
			if r >= 'A' && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return '-'
		}, level), "-")
		if clean != "" && !strings.HasPrefix(level, "{") {
			name = clean
			break
		}
	}
	base := name
	for i := 2; used[name]; i++ {
		name = base + "-" + strconv.Itoa(i)
	}
	used[name] = true
	return name
}

// yamlText is a text in a YAML file. JSON's strings are YAML's.
func yamlText(s string) string {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c == '-' || c == '.' || c == '_' || c >= '0' && c <= '9'):
		default:
			return quote([]byte(s))
		}
	}
	switch strings.ToLower(s) {
	case "", "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return quote([]byte(s))
	}
	return s
}

// StarterContract is a contract file to begin with: the guide's convention, spelled out.
func StarterContract(root string) string {
	return "version: " + contract.Version + "\nroot: " + yamlText(root) + `
taxonomy: "{root}/{site}/{device}/{kind}"

# What may stand for a variable. Without this, everything may.
# sites: [lyon, turin]
devices:
  pattern: "[a-z0-9][a-z0-9-]{1,30}"
#  inventory: devices.csv        # columns: site, device, username

# The kinds of the guide. What is not said here stays as it is there; off takes a kind away.
kinds:
  telemetry: { suffix: "{signal}", retain: false, qos: 0, payload: { require: [ts, value] } }
  status:    { retain: true, qos: 1, values: [online, offline] }
  cmd:       { retain: false, qos: 1, payload: { require: [id, ts] } }
  desired:   { retain: true, qos: 1 }
  reported:  { retain: true, qos: 1 }
  events:    { suffix: "{name}", retain: false, qos: 1, payload: { require: [id, ts] } }

# signals: { temp: { unit: C } }
# schemas: { temp.v1: schemas/temp.json }

lint:
  profile: guide
  fail_on: error
#  ignore:
#    - { rules: [T013], where: "legacy/#", until: 2027-03-31, reason: "old gateway, replaced in Q1" }
`
}
