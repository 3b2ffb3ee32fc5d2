package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
)

// maxDescribed is how many levels of objects within objects a schema describes.
const maxDescribed = 6

// draftedSchema is a JSON Schema of a draft.
type draftedSchema struct {
	name string
	*bodies
}

// schemaPlan says which schemas a draft has, and which topics refer to them: by the name of the kind, or of the signal.
type schemaPlan struct {
	schemas []draftedSchema
	kinds   map[string]string
	signals map[string]string
	unfit   []string
}

// payloadGroup is payloads of one kind or signal that do not name their schema.
type payloadGroup struct {
	name   string // of the kind or the signal
	signal bool
	bodies *bodies
	other  int // payloads that are no JSON objects
	among  bool
}

// planSchemas gathers the payloads of all templates. kindOf names the kind of a template in the draft, "" for none.
func (n *Inference) planSchemas(all []inferred, kindOf func(*inferred) string) *schemaPlan {
	plan := &schemaPlan{kinds: map[string]string{}, signals: map[string]string{}}
	named := map[string]*bodies{}
	for i := range all {
		for name, b := range all[i].bodies {
			if name != unnamed {
				named[name] = named[name].plus(b)
			}
		}
	}
	for _, name := range sortedNames(named) {
		plan.add(name, named[name], n.crowded[name])
	}
	for _, g := range groupPayloads(all, kindOf) {
		if g.bodies == nil || g.other > 0 || g.among {
			continue
		}
		name := strings.ReplaceAll(g.name, "/", "-")
		for named[name] != nil || slices.ContainsFunc(plan.schemas, func(s draftedSchema) bool { return s.name == name }) {
			name += "-payload"
		}
		if !plan.add(name, g.bodies, false) {
			continue
		}
		if g.signal {
			plan.signals[g.name] = name
		} else {
			plan.kinds[g.name] = name
		}
	}
	return plan
}

// groupPayloads puts the payloads together that one schema could be for.
func groupPayloads(all []inferred, kindOf func(*inferred) string) []*payloadGroup {
	var order []*payloadGroup
	group := func(name string, signal bool) *payloadGroup {
		i := slices.IndexFunc(order, func(g *payloadGroup) bool { return g.name == name && g.signal == signal })
		if i < 0 {
			i = len(order)
			order = append(order, &payloadGroup{name: name, signal: signal})
		}
		return order[i]
	}
	signals := false
	for i := range all {
		o := &all[i]
		kind, signal := kindOf(o), o.signal()
		if kind == "" {
			continue
		}
		g := group(kind, false)
		if signal != "" {
			signals = true
			g = group(signal, true)
		}
		g.other += o.other
		if b := o.bodies[unnamed]; b != nil {
			g.bodies = g.bodies.plus(b)
		}
	}
	for _, g := range order {
		// A schema of the kind would hold for the signals too that have none.
		g.among = signals && !g.signal && g.name == string(telemetry)
	}
	return order
}

func (p *schemaPlan) add(name string, b *bodies, crowded bool) bool {
	if b.unfit || crowded {
		p.unfit = append(p.unfit, name)
		return false
	}
	p.schemas = append(p.schemas, draftedSchema{name, b})
	return true
}

// signal is the name of the signal of a template, "" when it varies.
func (o *inferred) signal() string {
	name := o.template[strings.LastIndexByte(o.template, '/')+1:]
	if o.role != telemetry || strings.HasPrefix(name, "{") {
		return ""
	}
	return name
}

// write adds the schemas to a draft.
func (p *schemaPlan) write(b *strings.Builder) {
	if len(p.schemas) > 0 {
		b.WriteString("\n# What the payloads were, as JSON Schemas: by the name in their member \"schema\", or by the kind or signal above.\nschemas:\n")
	}
	for _, s := range p.schemas {
		fmt.Fprintf(b, "  %s:  # %s%s\n", yamlText(s.name), plural(s.messages, "message"), confidence(s.messages))
		s.object(b, "", s.messages, 2)
	}
	for _, name := range p.unfit {
		fmt.Fprintf(b, "\n# No schema for %s: payloads with members that are there twice, or too many of them.\n", Escape(name))
	}
}

// object writes the schema of the objects at a pointer. depth counts the indents.
func (s *draftedSchema) object(b *strings.Builder, pointer string, objects, depth int) {
	indent := strings.Repeat("  ", depth)
	var required []string
	var names []string
	for _, child := range s.below(pointer) {
		name := memberName(child)
		names = append(names, child)
		if s.fields[child].seen >= objects {
			required = append(required, yamlText(name))
		}
	}
	fmt.Fprintf(b, "%stype: object\n", indent)
	if len(required) > 0 {
		fmt.Fprintf(b, "%srequired: [%s]\n", indent, strings.Join(required, ", "))
	}
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(b, "%sproperties:\n", indent)
	for _, child := range names {
		s.member(b, child, objects, depth+1)
	}
}

// member writes the schema of one member.
func (s *draftedSchema) member(b *strings.Builder, pointer string, objects, depth int) {
	f := s.fields[pointer]
	fmt.Fprintf(b, "%s%s:", strings.Repeat("  ", depth), yamlText(memberName(pointer)))
	note := f.note(objects)
	switch nested := f.only("object") && depth < 2*maxDescribed && len(s.below(pointer)) > 0; {
	case nested:
		b.WriteString(note + "\n")
		s.object(b, pointer, f.types["object"], depth+1)
	case f.only("array") && s.fields[pointer+"/*"] != nil:
		items := s.fields[pointer+"/*"]
		fmt.Fprintf(b, " { type: array, items: { %s } }%s\n", items.inline(), note)
	default:
		fmt.Fprintf(b, " { %s }%s\n", f.inline(), note)
	}
}

func (f *field) only(kind string) bool { return len(f.types) == 1 && f.types[kind] > 0 }

// note says in a comment how sure the draft is.
func (f *field) note(objects int) string {
	var parts []string
	if f.seen < objects {
		parts = append(parts, fmt.Sprintf("in %s of %s", Number(f.seen), Number(objects)))
	}
	if f.only("number") && f.least < f.most {
		parts = append(parts, f.span())
	}
	if len(parts) == 0 {
		return ""
	}
	return "  # " + strings.Join(parts, ", ")
}

// span says from where to where the numbers went.
func (f *field) span() string {
	return strconv.FormatFloat(f.least, 'f', -1, 64) + " to " + strconv.FormatFloat(f.most, 'f', -1, 64)
}

// inline is what a schema says about a member, in one line.
func (f *field) inline() string {
	types := slices.Sorted(maps.Keys(f.types))
	text := "type: " + types[0]
	if len(types) > 1 {
		for i := range types {
			types[i] = yamlText(types[i])
		}
		return "type: [" + strings.Join(types, ", ") + "]"
	}
	if types[0] == "null" {
		return `type: "null"`
	}
	if types[0] == "string" && !f.overflow && len(f.texts) <= maxEnum && f.seen >= sureAfter {
		values := sortedNames(f.texts)
		for i := range values {
			values[i] = yamlText(values[i])
		}
		text += ", enum: [" + strings.Join(values, ", ") + "]"
	}
	return text
}

// below returns the pointers of the members of the object at a pointer, by name.
func (s *draftedSchema) below(pointer string) []string {
	var all []string
	for p := range s.fields {
		if rest, ok := strings.CutPrefix(p, pointer+"/"); ok && !strings.Contains(rest, "/") {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Compare(memberName(a), memberName(b)) })
	return all
}

// memberName is the last step of a JSON Pointer.
func memberName(pointer string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(pointer[strings.LastIndexByte(pointer, '/')+1:])
}

// sortedNames are the keys of a map in order.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// contradicts reports whether the RETAIN flag that was seen is not the one that a role needs: a state whose messages had none
// was received live, where a Server clears it.
func contradicts(r contract.Role, retained bool) bool {
	switch r {
	case status, desired, reported:
		return !retained
	case command, result, event:
		return retained
	default:
		return false
	}
}
