package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/mqx-cli/mqx/internal/payload"
)

// object is a mapping in the order in which it is written.
type object = yaml.MapSlice

func pair(key string, value any) yaml.MapItem { return yaml.MapItem{Key: key, Value: value} }

// asyncWriter makes an AsyncAPI document.
type asyncWriter struct {
	c     *Contract
	names map[string]string // keys of schemas in the document, by their names
	notes []Note
}

// WriteAsyncAPI writes the contract as an AsyncAPI 3 document, the one of a device: what devices publish it sends. The notes
// say what of the contract AsyncAPI cannot say. [Parse] reads the document back.
func (c *Contract) WriteAsyncAPI(w io.Writer) ([]Note, error) {
	a := &asyncWriter{c: c, names: map[string]string{}}
	schemas, err := a.schemas()
	if err != nil {
		return nil, err
	}
	title := c.Name
	if title == "" {
		title = "MQTT topics"
	}
	document := object{
		pair("asyncapi", "3.0.0"),
		pair("info", object{pair("title", title), pair("version", "1.0.0")}),
	}
	if extra := a.extension(); len(extra) > 0 {
		document = append(document, pair(extension, extra))
	}
	if servers := a.servers(); len(servers) > 0 {
		document = append(document, pair("servers", servers))
	}
	document = append(document, pair("channels", a.channels()), pair("operations", a.operations()))
	components := object{}
	if parameters := a.parameters(); len(parameters) > 0 {
		components = append(components, pair("parameters", parameters))
	}
	if len(schemas) > 0 {
		components = append(components, pair("schemas", schemas))
	}
	if len(components) > 0 {
		document = append(document, pair("components", components))
	}
	a.leftOut()
	text, err := yaml.MarshalWithOptions(document, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	_, err = w.Write(text)
	return a.notes, err
}

func (a *asyncWriter) note(at Position, format string, args ...any) {
	a.notes = append(a.notes, Note{at, fmt.Sprintf(format, args...)})
}

// leftOut says what of the contract is not in the document.
func (a *asyncWriter) leftOut() {
	for _, s := range []struct {
		section, what string
		there         bool
	}{
		{"devices", "the inventory of devices", a.c.Devices.HasInventory},
		{"services", "the services and their rights", len(a.c.Services) > 0},
		{"limits", "the limits", a.c.positions[joinPath([]string{"limits"})] != Position{}},
		{"lint", "the linter's settings", a.c.positions[joinPath([]string{"lint"})] != Position{}},
	} {
		if s.there {
			a.note(a.c.At(s.section), "AsyncAPI has no place for %s: not in the document", s.what)
		}
	}
}

// extension is what AsyncAPI has no words for.
func (a *asyncWriter) extension() object {
	var extra object
	if a.c.Taxonomy != nil {
		extra = append(extra, pair("taxonomy", a.c.Taxonomy.String()))
	}
	if text := a.c.Devices.Username; text != "" {
		extra = append(extra, pair("username", text))
	}
	if text := a.c.Devices.ClientID; text != "" {
		extra = append(extra, pair("client_id", text))
	}
	var names object
	for _, s := range a.c.Schemas {
		names = append(names, pair(s.Name, "#/components/schemas/"+a.names[s.Name]))
	}
	if names != nil {
		extra = append(extra, pair("schemas", names))
	}
	return extra
}

// schemas are the schemas of the contract. One with a $ref stays in its file, as the reference would lead elsewhere here.
func (a *asyncWriter) schemas() (object, error) {
	var schemas object
	for _, s := range a.c.Schemas {
		value := s.value
		if s.File != "" {
			text, err := os.ReadFile(s.File)
			if err != nil {
				return nil, err
			}
			if value, err = payload.Parse(text); err != nil {
				return nil, fmt.Errorf("schema %s: %w", s.File, err)
			}
		}
		if value == nil {
			a.note(s.At, "schema %s is one of several schemas together: not in the document by that name", s.Name)
			continue
		}
		plain, ok := plainValue(value)
		if !ok {
			if s.File == "" {
				a.note(s.At, "schema %s refers to others: not in the document", s.Name)
				continue
			}
			a.note(s.At, "schema %s refers to other schemas or is too exact for YAML: the document refers to its file", s.Name)
			plain = object{pair("$ref", besideFile(s.File, a.c.File))}
		}
		key := componentName(s.Name, schemas)
		a.names[s.Name] = key
		schemas = append(schemas, pair(key, plain))
	}
	return schemas, nil
}

// componentName makes a key of a name: components of AsyncAPI have few characters.
func componentName(name string, taken object) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
			return r
		case r == '*':
			return 'x'
		default:
			return '-'
		}
	}, name)
	key := clean
	for n := 2; slices.ContainsFunc(taken, func(i yaml.MapItem) bool { return i.Key == key }); n++ {
		key = clean + "-" + strconv.Itoa(n)
	}
	return key
}

// plainValue turns a value of payload.Parse into what the YAML library writes without loss. It is not ok when there is a
// $ref in it, or a number that is more exact than a float64.
func plainValue(v any) (plain any, ok bool) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n, true
		}
		f, err := v.Float64()
		again := json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		return f, err == nil && payload.Equal(v, again)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			if list[i], ok = plainValue(e); !ok {
				return nil, false
			}
		}
		return list, true
	case map[string]any:
		if _, isRef := v["$ref"]; isRef {
			return nil, false
		}
		var o object
		for _, key := range sortedKeys(v) {
			value, ok := plainValue(v[key])
			if !ok {
				return nil, false
			}
			o = append(o, pair(key, value))
		}
		if o == nil {
			o = object{}
		}
		return o, true
	default:
		return v, true
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (a *asyncWriter) servers() object {
	var servers object
	for _, s := range a.c.Servers {
		server := object{pair("host", s.Host), pair("protocol", s.Protocol)}
		if s.Will != nil {
			will := object{pair("topic", s.Will.Topic)}
			if s.Will.QoS >= 0 {
				will = append(will, pair("qos", int(s.Will.QoS)))
			}
			will = append(will, pair("message", s.Will.Message), pair("retain", s.Will.Retain))
			server = append(server, pair("bindings", object{pair("mqtt", object{pair("lastWill", will)})}))
		}
		if s.Secured {
			a.note(s.At, "server %s asks for credentials: how is not in the document", s.Name)
		}
		servers = append(servers, pair(s.Name, server))
	}
	return servers
}

// parameters are all variables of all kinds.
func (a *asyncWriter) parameters() object {
	var parameters object
	for _, name := range a.variables() {
		v := a.c.Variables[name]
		var p, extra object
		if name == "root" {
			v.Values, extra = a.roots()
		}
		if len(v.Values) > 0 {
			p = append(p, pair("enum", v.Values))
		}
		if v.Pattern != nil {
			text := strings.TrimSuffix(strings.TrimPrefix(v.Pattern.String(), "^(?:"), ")$")
			extra = append(extra, pair("pattern", text))
		}
		if extra != nil {
			p = append(p, pair(extension, extra))
		}
		if p == nil {
			p = object{pair("description", "any level")}
		}
		parameters = append(parameters, pair(name, p))
	}
	return parameters
}

// roots are the roots as values of a parameter, and the environments that they are for.
func (a *asyncWriter) roots() (values []string, extra object) {
	var environments object
	for _, r := range a.c.Roots {
		values = append(values, r.Text)
		if r.Env != "" {
			environments = append(environments, pair(r.Env, r.Text))
		}
	}
	if environments != nil {
		extra = object{pair("environments", environments)}
	}
	return values, extra
}

func (a *asyncWriter) variables() []string {
	var names []string
	for _, k := range a.c.Kinds {
		for _, name := range k.Template.Vars() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
