package contract

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// channel reads a channel.
func (a *asyncReader) channel(p yamlfile.Pair, path []string) error {
	ch := &asyncChannel{pointer: pointerTo(path...)}
	ch.pair, ch.name, ch.at, ch.rule = p, p.Name, a.place(p.Key), unsetRule()
	a.object(p, path, asyncKeys{
		used: []string{"address", "parameters", "messages", extension}, silent: []string{"servers"}, left: []string{"bindings"},
	}, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "address":
			return a.address(ch, p)
		case "parameters":
			return a.each(a.parameter)(p, path)
		case "messages":
			return a.each(func(p yamlfile.Pair, path []string) error { return a.message(ch, p, path) })(p, path)
		default:
			return a.channelExtension(ch, p, path)
		}
	})
	if ch.topic == "" && a.Problems() == 0 {
		return faultf("write address: acme/{site}/{device}/status", "a channel without an address")
	}
	a.channels[ch.pointer] = ch
	a.order = append(a.order, ch.pointer)
	return a.channelSchema(ch)
}

func (a *asyncReader) address(ch *asyncChannel, p yamlfile.Pair) error {
	text, err := a.Text(p.Value)
	if err != nil {
		return err
	}
	levels := strings.Split(text, "/")
	for i, level := range levels {
		if name, ok := variableName(level); ok && plainName(name) != name {
			levels[i] = strings.Replace(level, name, plainName(name), 1)
			a.left(p.Place(), "parameter %s is taken for {%s}", name, plainName(name))
		}
	}
	if ch.topic == "" { // the extension says it better
		ch.topic = strings.Join(levels, "/")
	}
	return checkAddress(ch.topic)
}

// plainName makes deviceId and device_id what they are in a contract: device.
func plainName(parameter string) string {
	for _, plain := range []string{"root", "site", "device", "signal"} {
		if id := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(parameter)); id == plain || id == plain+"id" {
			return plain
		}
	}
	return parameter
}

// parameter reads what may stand for a variable. A schema within, as AsyncAPI 2 had it, is understood.
func (a *asyncReader) parameter(p yamlfile.Pair, path []string) error {
	name := plainName(p.Name)
	v := Variable{At: a.place(p.Key)}
	a.object(p, path, asyncKeys{
		used: []string{"enum", "schema", extension}, silent: []string{"default", "location"},
	}, func(p yamlfile.Pair, path []string) error { return a.parameterKey(&v, name, p, path) })
	if name == "root" {
		return nil
	}
	if other, ok := a.c.Variables[name]; ok && !slices.Equal(other.Values, v.Values) {
		a.left(p.Key, "{%s} is not the same everywhere: what any channel allows is allowed", p.Name)
		if len(other.Values) == 0 || len(v.Values) == 0 {
			v.Values, other.Values = nil, nil
		}
		v.Values = slices.Concat(other.Values, v.Values)
		slices.Sort(v.Values)
		v.Values = slices.Compact(v.Values)
	}
	if v.Pattern != nil || len(v.Values) > 0 {
		a.c.Variables[name] = v
	}
	return nil
}

func (a *asyncReader) parameterKey(v *Variable, name string, p yamlfile.Pair, path []string) (err error) {
	switch {
	case p.Name == "enum" && name == "root":
		return a.parameterRoots(p)
	case p.Name == "enum":
		v.Values, err = a.levels(p.Value)
	case p.Name == "pattern":
		v.Pattern, err = a.pattern(p.Value)
	case p.Name == "environments":
		a.mapping(p, path, nil, func(p yamlfile.Pair, _ []string) error {
			text, err := a.Text(p.Value)
			for i := range a.c.Roots {
				if a.c.Roots[i].Text == text {
					a.c.Roots[i].Env = p.Name
				}
			}
			return err
		})
	default: // schema, or the extension
		a.object(p, path, asyncKeys{
			used: []string{"enum", "pattern", "environments"}, silent: []string{"type", "minLength", "maxLength", "format", "default"},
		}, func(p yamlfile.Pair, path []string) error { return a.parameterKey(v, name, p, path) })
	}
	return err
}

// parameterRoots takes the roots from a parameter that is one.
func (a *asyncReader) parameterRoots(p yamlfile.Pair) error {
	texts, err := a.texts(p.Value)
	if err != nil {
		return err
	}
	for _, text := range texts {
		if !slices.ContainsFunc(a.c.Roots, func(r Root) bool { return r.Text == text }) {
			a.c.Roots = append(a.c.Roots, Root{Text: text, At: a.place(p.Key)})
		}
	}
	return nil
}

// channelExtension reads what AsyncAPI has no words for: the name of the kind, its role, rules, and signals.
func (a *asyncReader) channelExtension(ch *asyncChannel, p yamlfile.Pair, path []string) error {
	keys := slices.Concat([]string{"kind", "signals", "topic", "role", "from"}, ruleKeys())
	a.mapping(p, path, keys, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "kind":
			return a.text(&ch.name)(p, path)
		case "signals":
			a.mapping(p, path, nil, a.signal)
			return nil
		default:
			return a.kindKey(&ch.kindPair, p, path)
		}
	})
	return nil
}

// message reads a message of a channel.
func (a *asyncReader) message(ch *asyncChannel, p yamlfile.Pair, path []string) error {
	if ref, _, ok := a.ref(p.Value); ok && strings.HasPrefix(ref, "#/") {
		path = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	}
	media, rule := a.mediaType, unsetRule()
	var content yamlfile.Pair
	a.object(p, path, asyncKeys{
		used: []string{"payload", "contentType", extension}, left: []string{"headers", "correlationId", "traits", "bindings"},
	}, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "payload":
			content = p
			return nil
		case "contentType":
			return a.text(&media)(p, path)
		default:
			a.mapping(p, path, []string{"require", "schema"}, func(p yamlfile.Pair, path []string) error { return a.ruleKey(&rule, p, path) })
			return nil
		}
	})
	ch.rule = ch.rule.With(Rule{QoS: QoSUnset, Format: a.format(p, media)}).With(rule)
	if content.Value == nil || a.Problems() > 0 {
		return nil
	}
	return a.payload(ch, content, slices.Concat(path, []string{"payload"}), rule)
}

// format is the format of a media type.
func (a *asyncReader) format(p yamlfile.Pair, media string) Format {
	media, _, _ = strings.Cut(media, ";")
	switch {
	case media == "":
		return ""
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return JSON
	case strings.HasPrefix(media, "text/"):
		return Text
	}
	for _, format := range []Format{Binary, CBOR, MsgPack, Protobuf} {
		if media == mediaType(format) {
			return format
		}
	}
	a.left(p.Key, "the content type %s is taken for bytes of any kind", media)
	return AnyBytes
}

// mediaType is the media type of a format; empty when it has none.
func mediaType(f Format) string {
	switch f {
	case JSON:
		return "application/json"
	case Text:
		return "text/plain"
	case Binary:
		return "application/octet-stream"
	case CBOR:
		return "application/cbor"
	case MsgPack:
		return "application/msgpack"
	case Protobuf:
		return "application/x-protobuf"
	default:
		return ""
	}
}

// payload reads the schema of a message's payload.
func (a *asyncReader) payload(ch *asyncChannel, p yamlfile.Pair, path []string, rule Rule) error {
	pointer := pointerTo(path...)
	if inner, ok := a.multiFormat(p); ok {
		if inner.Value == nil {
			return nil
		}
		p, pointer = inner, pointer+"/schema"
	}
	if target, _, ok := a.ref(p.Value); ok {
		local, isLocal := strings.CutPrefix(target, "#")
		if name := a.names[local]; isLocal && name != "" {
			ch.messages = append(ch.messages, asyncMessage{name, pointer})
			return nil
		}
		if isLocal && a.follow(p) == nil {
			return nil
		}
	} else if values, ok := a.textValues(p.Value); ok && ch.rule.Format == Text {
		ch.rule.Values = values
		return nil
	}
	if rule.Require != nil {
		return nil // the schema was made of that
	}
	name := ch.name
	if len(ch.messages) > 0 {
		name = fmt.Sprintf("%s.%d", ch.name, len(ch.messages)+1)
	}
	if err := a.addSchema(name, pointer, p); err != nil {
		return err
	}
	ch.messages = append(ch.messages, asyncMessage{name, pointer})
	return nil
}

// multiFormat takes a schema out of the object that names its format. One that is no JSON Schema is left out.
func (a *asyncReader) multiFormat(p yamlfile.Pair) (inner yamlfile.Pair, ok bool) {
	pairs, _ := a.Pairs(p.Value)
	i := slices.IndexFunc(pairs, func(p yamlfile.Pair) bool { return p.Name == "schemaFormat" })
	if i < 0 {
		return p, false
	}
	format, _ := a.Text(pairs[i].Value)
	if !strings.HasPrefix(format, "application/vnd.aai.asyncapi") && !strings.HasPrefix(format, "application/schema+") {
		a.left(pairs[i].Key, "a schema in the format %s is left out: only JSON Schema is read", format)
		return yamlfile.Pair{}, true
	}
	for _, pair := range pairs {
		if pair.Name == "schema" {
			return pair, true
		}
	}
	return yamlfile.Pair{}, true
}

// textValues are the values of a schema that only lists texts.
func (a *asyncReader) textValues(n ast.Node) ([]string, bool) {
	pairs, _ := a.Pairs(n)
	for _, p := range pairs {
		if p.Name == "enum" {
			values, err := a.texts(p.Value)
			return values, err == nil
		}
	}
	return nil, false
}

// channelSchema makes one schema of those of the messages: a payload is one of them.
func (a *asyncReader) channelSchema(ch *asyncChannel) error {
	if ch.rule.Schema != "" || len(ch.messages) == 0 {
		return nil
	}
	if len(ch.messages) == 1 {
		ch.rule.Schema = ch.messages[0].schema
		return nil
	}
	oneOf := make([]any, len(ch.messages))
	for i, m := range ch.messages {
		oneOf[i] = map[string]any{"$ref": "#" + m.pointer}
	}
	root, ok := a.document.(map[string]any)
	if !ok {
		return nil
	}
	const key = "x-mqx-channel-schema" // is read at once and replaced by the next channel
	root[key] = map[string]any{"anyOf": oneOf}
	s, err := payload.PartSchema(a.file, root, "/"+key)
	delete(root, key)
	if err != nil {
		return err
	}
	name := ch.name + ".any"
	a.c.Schemas = append(a.c.Schemas, &Schema{Name: name, At: ch.at, schema: s})
	ch.rule.Schema = name
	return nil
}

// operation reads who publishes to a channel, and how.
func (a *asyncReader) operation(p yamlfile.Pair, path []string) error {
	var action, target string
	rule := unsetRule()
	at := p
	var retain Position
	a.object(p, path, asyncKeys{
		used: []string{"action", "channel", "bindings"}, silent: []string{"messages", "security"}, left: []string{"traits", "reply"},
	}, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "action":
			return a.word(&action, "send", "receive")(p, path)
		case "channel":
			ref, _, ok := a.ref(p.Value)
			if !ok || !strings.HasPrefix(ref, "#") {
				return faultf("", "a $ref to a channel of the document is expected")
			}
			at, target = p, strings.TrimPrefix(ref, "#")
			return nil
		default:
			return a.operationBinding(&rule, &retain, p, path)
		}
	})
	ch := a.channels[target]
	if ch == nil {
		if a.Problems() == 0 {
			a.Problem(at.Key, fmt.Sprintf("there is no channel %q", target), "")
		}
		return nil
	}
	ch.sends, ch.receives = ch.sends || action == "send", ch.receives || action == "receive"
	if ch.rule.Retain != "" {
		rule.Retain = "" // the extension says it better
	}
	ch.rule = ch.rule.With(rule)
	if retain != (Position{}) {
		a.c.positions[joinPath([]string{"kinds", ch.name, "retain"})] = retain // where a contract file says it
	}
	return nil
}

func (a *asyncReader) operationBinding(rule *Rule, retain *Position, p yamlfile.Pair, path []string) error {
	return a.mqttBinding(p, path, asyncKeys{
		used: []string{"qos", "retain"}, silent: []string{"bindingVersion"}, left: []string{"messageExpiryInterval"},
	}, func(p yamlfile.Pair, path []string) error {
		if p.Name == "retain" {
			*retain = a.place(p.Key)
		}
		return a.ruleKey(rule, p, path)
	})
}

// besideFile is where a file is, seen from the folder of another.
func besideFile(file, other string) string {
	if rel, err := filepath.Rel(filepath.Dir(other), file); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}
