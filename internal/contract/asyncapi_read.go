package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// extension is the key under which an AsyncAPI document says what AsyncAPI has no words for.
const extension = "x-mqx"

// asyncReader reads an AsyncAPI 3 document. A channel becomes a kind; who publishes to it, and how, is what the operations
// say. The document is taken as the one of a device: what it sends is published by devices.
type asyncReader struct {
	*reader
	body      ast.Node
	document  any // the document as a value of payload.Parse, in which schemas are looked up
	channels  map[string]*asyncChannel
	order     []string
	names     map[string]string // of schemas by their JSON Pointer
	mediaType string            // of payloads that do not say theirs
	service   bool              // the document is the one of a service
	taxonomy  string
}

// asyncChannel is a channel on its way to become a kind.
type asyncChannel struct {
	kindPair
	pointer  string
	messages []asyncMessage
	sends    bool
	receives bool
}

// asyncMessage is what is of interest of a message.
type asyncMessage struct {
	schema  string // the name of a schema
	pointer string // of its payload
}

// readAsyncAPI reads the document instead of a contract file.
func (r *reader) readAsyncAPI(body ast.Node, version yamlfile.Pair) {
	text, err := r.Text(version.Value)
	if err != nil || !strings.HasPrefix(text, "3.") {
		r.Problem(version.Place(), fmt.Sprintf("asyncapi: %q is not read", text), "this mqx reads AsyncAPI 3")
		return
	}
	a := &asyncReader{reader: r, body: body, channels: map[string]*asyncChannel{}, names: map[string]string{}}
	if a.document, err = r.Value(body); err != nil {
		r.Problem(body.GetToken(), err.Error(), "")
		return
	}
	r.c.AsyncAPI, r.c.Limits = true, guideLimits()
	a.read()
}

func (a *asyncReader) read() {
	sections := map[string]yamlfile.Pair{}
	a.object(yamlfile.Pair{Name: a.file, Value: a.body}, nil, asyncKeys{
		used:   []string{"info", "servers", "defaultContentType", "channels", "operations", "components", extension},
		silent: []string{"asyncapi", "id"},
	}, func(p yamlfile.Pair, _ []string) error { sections[p.Name] = p; return nil })
	for _, s := range []struct {
		name string
		read setFunc
	}{
		{extension, a.extension},
		{"info", a.info},
		{"defaultContentType", a.text(&a.mediaType)},
		{"components", a.components},
		{"servers", a.each(a.server)},
		{"channels", a.each(a.channel)},
		{"operations", a.each(a.operation)},
	} {
		if p, ok := sections[s.name]; ok {
			if err := s.read(p, []string{s.name}); err != nil {
				a.fault(p.Place(), p.Name, err)
			}
		}
	}
	if a.Problems() == 0 {
		a.finish()
	}
}

// asyncKeys are the keys of an object of AsyncAPI.
type asyncKeys struct {
	used   []string // are read
	silent []string // are for people, or say nothing about MQTT
	left   []string // mean something, which is lost here and therefore told
}

func documentation() []string {
	return []string{"title", "summary", "description", "tags", "externalDocs", "examples", "name"}
}

// object reads an object, or the one that its $ref leads to.
func (a *asyncReader) object(parent yamlfile.Pair, path []string, keys asyncKeys, set setFunc) {
	parent.Value = a.follow(parent)
	if parent.Value == nil {
		return
	}
	known := slices.Concat(keys.used, keys.silent, keys.left, documentation())
	a.everyKey(parent, path, func(p yamlfile.Pair, path []string) error {
		switch {
		case slices.Contains(keys.used, p.Name):
			return set(p, path)
		case slices.Contains(keys.left, p.Name):
			a.left(p.Key, "%s is left out: it has no meaning for mqx", p.Name)
		case !slices.Contains(known, p.Name) && !strings.HasPrefix(p.Name, "x-"):
			a.Problem(p.Key, fmt.Sprintf("unknown key %q", p.Name), yamlfile.DidYouMean(p.Name, known))
		}
		return nil
	})
}

// everyKey is mapping for documents in which x- means something.
func (a *asyncReader) everyKey(parent yamlfile.Pair, path []string, set setFunc) {
	pairs, ok := a.Pairs(parent.Value)
	if !ok {
		a.Problem(parent.Place(), parent.Name+": a mapping is expected", "")
		return
	}
	for _, p := range pairs {
		here := slices.Concat(path, []string{p.Name})
		a.c.positions[joinPath(here)] = a.place(p.Key)
		if err := set(p, here); err != nil {
			a.fault(p.Place(), p.Name, err)
		}
	}
}

// each reads every entry of a mapping with the same function.
func (a *asyncReader) each(read setFunc) setFunc {
	return func(p yamlfile.Pair, path []string) error {
		a.everyKey(p, path, func(p yamlfile.Pair, path []string) error {
			if strings.HasPrefix(p.Name, "x-") {
				return nil
			}
			return read(p, path)
		})
		return nil
	}
}

// left notes what is left out.
func (a *asyncReader) left(at *token.Token, format string, args ...any) {
	a.c.Notes = append(a.c.Notes, Note{a.place(at), fmt.Sprintf(format, args...)})
}

// maxRefs bounds a chain of references.
const maxRefs = 20

// ref returns where the $ref of a node leads, if it has one.
func (a *asyncReader) ref(n ast.Node) (text string, at *token.Token, ok bool) {
	pairs, isMapping := a.Pairs(n)
	if !isMapping {
		return "", nil, false
	}
	for _, p := range pairs {
		if p.Name == "$ref" {
			text, err := a.Text(p.Value)
			return text, p.Place(), err == nil
		}
	}
	return "", nil, false
}

// follow follows the $ref of a value within the document. What leads elsewhere is a problem, and nil.
func (a *asyncReader) follow(p yamlfile.Pair) ast.Node {
	n := p.Value
	for range maxRefs {
		text, at, isRef := a.ref(n)
		if !isRef {
			return n
		}
		pointer, local := strings.CutPrefix(text, "#")
		if !local {
			a.Problem(at, fmt.Sprintf("$ref: %q leads out of the document", text), "only #/… is followed")
			return nil
		}
		if n = a.lookup(pointer); n == nil {
			a.Problem(at, fmt.Sprintf("$ref: there is no %s", text), "")
			return nil
		}
	}
	a.Problem(p.Place(), "$ref: leads round in a circle", "")
	return nil
}

// lookup returns the node at a JSON Pointer (RFC 6901).
func (a *asyncReader) lookup(pointer string) ast.Node {
	n := a.body
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		pairs, _ := a.Pairs(n)
		i := slices.IndexFunc(pairs, func(p yamlfile.Pair) bool { return p.Name == step })
		if i < 0 {
			return nil
		}
		n = pairs[i].Value
	}
	return n
}

// pointerTo makes a JSON Pointer.
func pointerTo(path ...string) string {
	var b strings.Builder
	for _, step := range path {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return b.String()
}

func (a *asyncReader) info(p yamlfile.Pair, path []string) error {
	a.object(p, path, asyncKeys{used: []string{"title"}, silent: []string{"version", "termsOfService", "contact", "license"}}, a.text(&a.c.Name))
	return nil
}

// extension reads what AsyncAPI has no words for.
func (a *asyncReader) extension(p yamlfile.Pair, path []string) error {
	keys := []string{"taxonomy", "username", "client_id", "application", "schemas"}
	a.mapping(p, path, keys, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "taxonomy":
			return a.text(&a.taxonomy)(p, path)
		case "username":
			return a.login(&a.c.Devices.Username)(p, path)
		case "client_id":
			return a.login(&a.c.Devices.ClientID)(p, path)
		case "application":
			var who string
			err := a.word(&who, string(FromDevice), string(FromService))(p, path)
			a.service = who == string(FromService)
			return err
		default:
			a.mapping(p, path, nil, func(p yamlfile.Pair, _ []string) error {
				text, err := a.Text(p.Value)
				a.names[strings.TrimPrefix(text, "#")] = p.Name
				return err
			})
			return nil
		}
	})
	return nil
}

func (a *asyncReader) components(p yamlfile.Pair, path []string) error {
	a.object(p, path, asyncKeys{
		used: []string{"schemas"},
		silent: []string{
			"servers", "channels", "operations", "messages", "securitySchemes", "serverVariables", "parameters", "correlationIds",
			"replies", "replyAddresses", "operationTraits", "messageTraits", "serverBindings", "channelBindings", "operationBindings",
			"messageBindings",
		},
	}, a.each(func(p yamlfile.Pair, path []string) error {
		pointer := pointerTo(path...)
		name := a.names[pointer]
		if name == "" {
			name = p.Name
		}
		return a.addSchema(name, pointer, p)
	}))
	return nil
}

// addSchema compiles a schema of the document.
func (a *asyncReader) addSchema(name, pointer string, p yamlfile.Pair) error {
	s, err := payload.PartSchema(a.file, a.document, pointer)
	if err != nil {
		return err
	}
	a.names[pointer] = name
	text, err := a.Value(p.Value)
	a.c.Schemas = append(a.c.Schemas, &Schema{Name: name, At: a.place(p.Key), value: text, schema: s})
	return err
}

func (a *asyncReader) server(p yamlfile.Pair, path []string) error {
	s := Server{Name: p.Name, At: a.place(p.Key)}
	a.object(p, path, asyncKeys{
		used:   []string{"host", "protocol", "security", "bindings"},
		silent: []string{"protocolVersion", "pathname"},
		left:   []string{"variables"},
	}, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "host":
			return a.text(&s.Host)(p, path)
		case "protocol":
			return a.text(&s.Protocol)(p, path)
		case "security":
			s.Secured = true
		case "bindings":
			return a.mqttBinding(p, path, asyncKeys{
				used: []string{"lastWill"}, silent: []string{"bindingVersion"},
				left: []string{"clientId", "cleanSession", "keepAlive", "sessionExpiryInterval", "maximumPacketSize"},
			}, func(p yamlfile.Pair, path []string) error { return a.will(&s, p, path) })
		}
		return nil
	})
	a.c.Servers = append(a.c.Servers, s)
	return nil
}

func (a *asyncReader) will(s *Server, p yamlfile.Pair, path []string) error {
	w := &Will{QoS: QoSUnset, At: a.place(p.Key)}
	a.object(p, path, asyncKeys{used: []string{"topic", "message", "qos", "retain"}}, func(p yamlfile.Pair, path []string) (err error) {
		switch p.Name {
		case "topic":
			return a.text(&w.Topic)(p, path)
		case "message":
			return a.text(&w.Message)(p, path)
		case "qos":
			w.QoS, err = a.qos(p.Value)
		case "retain":
			var rule Retain
			rule, err = a.retain(p.Value)
			w.Retain = rule == RetainMust
		}
		return err
	})
	s.Will = w
	return nil
}

// mqttBinding reads the bindings of MQTT. Those of other protocols say nothing about MQTT.
func (a *asyncReader) mqttBinding(p yamlfile.Pair, path []string, keys asyncKeys, set setFunc) error {
	p.Value = a.follow(p)
	if p.Value == nil {
		return nil
	}
	a.everyKey(p, path, func(p yamlfile.Pair, path []string) error {
		if p.Name == "mqtt" || p.Name == "mqtt5" {
			a.object(p, path, keys, set)
		}
		return nil
	})
	return nil
}

// finish makes kinds of the channels.
func (a *asyncReader) finish() {
	a.findBase()
	for _, name := range a.order {
		ch := a.channels[name]
		ch.from = a.fromOf(ch)
		k, err := a.c.newKind(ch.kindSpec)
		if err != nil {
			a.Problem(ch.pair.Key, err.Error(), "")
			continue
		}
		a.c.Kinds = append(a.c.Kinds, k)
	}
	if a.Problems() > 0 {
		return
	}
	for _, check := range a.checks {
		check()
	}
	a.sortNames()
	a.c.compile()
	a.checkAmbiguity()
}

// fromOf says who publishes to a channel, from the view of the application that the document is about.
func (a *asyncReader) fromOf(ch *asyncChannel) Party {
	switch {
	case ch.sends == ch.receives:
		if !ch.sends {
			a.left(ch.pair.Key, "no operation says who publishes to %s", ch.name)
		}
		return FromAnybody
	case ch.sends != a.service:
		return FromDevice
	default:
		return FromService
	}
}

// findBase finds what the channels of devices begin with.
func (a *asyncReader) findBase() {
	if a.taxonomy != "" {
		if err := a.c.setTaxonomy(a.taxonomy); err != nil {
			a.Problem(nil, err.Error(), "")
		}
		return
	}
	count, best := map[string]int{}, ""
	for _, name := range a.order {
		before, _, ok := strings.Cut("/"+a.channels[name].topic+"/", "/{device}/")
		if !ok {
			continue
		}
		base := strings.TrimPrefix(before+"/{device}", "/")
		if count[base]++; count[base] > count[best] {
			best = base
		}
	}
	if best == "" {
		return
	}
	if err := a.c.setTaxonomy(best + "/{kind}"); err != nil {
		a.left(nil, "%v", err)
		return
	}
	if len(count) > 1 {
		a.left(nil, "not all channels of devices begin with %s: only what does has a base topic", best)
	}
}

// roleOfAddress takes the role from what an address says behind the device.
func (c *Contract) roleOfAddress(address string) Role {
	rest, ok := strings.CutPrefix(address, strings.Join(c.base, "/")+"/")
	if !ok || len(c.base) == 0 {
		return Other
	}
	for _, role := range roleNames() {
		after, ok := strings.CutPrefix(rest, role)
		if ok && (after == "" || strings.HasPrefix(after, "/{") || strings.HasPrefix(after, "/+")) {
			return Role(role)
		}
	}
	return Other
}

// checkAddress checks an address.
func checkAddress(text string) error {
	_, err := topic.ParseTemplate(text)
	return err
}
